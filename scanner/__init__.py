"""Seatrial: boots, probes and proves the deployment security of Django projects."""

__version__ = "0.1.0"

"""How long work tells the person what it is doing."""

from typing import Protocol


class Progress(Protocol):
    """Receives one line of text whenever a step of the work starts."""

    def step(self, text: str) -> None:
        """Say what starts now, such as ``installing 14 packages``."""


class Silent:
    """A Progress that says nothing."""

    def step(self, text: str) -> None:
        """Say nothing."""

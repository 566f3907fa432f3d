"""Whether files that nobody should see are served."""

from dataclasses import dataclass

from scanner.model import Exchange, Location


@dataclass(frozen=True)
class FileSeen:
    """One file that was served."""

    name: str
    """``.env``, ``manage.py`` …"""
    target: str
    location: Location | None
    """The nginx location that served it."""
    status: int
    canary: str
    """The path of the canary whose content came back."""
    exchange: Exchange


@dataclass(frozen=True)
class SecretPaths:
    """The answers of probe ``secret-paths``."""

    served: tuple[FileSeen, ...]
    refused: int
    not_asked: tuple[str, ...] = ()

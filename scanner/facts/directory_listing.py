"""Whether directories list their files."""

from dataclasses import dataclass

from scanner.model import Exchange, Location


@dataclass(frozen=True)
class ListingSeen:
    """One directory whose listing was served."""

    target: str
    status: int
    location: Location | None
    exchange: Exchange


@dataclass(frozen=True)
class DirectoryListing:
    """The answers of probe ``directory-listing``."""

    listed: tuple[ListingSeen, ...]
    refused: tuple[str, ...]
    """Targets that were asked and gave no listing."""
    not_asked: tuple[str, ...] = ()

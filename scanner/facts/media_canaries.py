"""How uploaded files come back from the site."""

from dataclasses import dataclass

from scanner.facts.static_file import ServedBy
from scanner.model import Exchange, Location


@dataclass(frozen=True)
class MediaSeen:
    """One planted file, asked for under MEDIA_URL."""

    extension: str
    """``html``, ``svg``, ``php`` …"""
    status: int | None
    content_type: str
    """Without parameters, in lower case."""
    nosniff: bool
    disposition: str
    """The first word of Content-Disposition, in lower case; empty without one."""
    sandboxed: bool
    """A Content-Security-Policy keeps scripts of the file from running as the site."""
    served_by: ServedBy
    executed: bool
    """An interpreter got the file: its text came back changed, or its server could not be reached."""
    location: Location | None
    """The place of the configuration that took the request."""
    exchange: Exchange

    @property
    def is_file(self) -> bool:
        """The file itself came back."""
        return self.status == 200 and self.served_by is not ServedBy.NOBODY


@dataclass(frozen=True)
class MediaCanaries:
    """The answers of probe ``media-canaries``."""

    files: tuple[MediaSeen, ...]
    same_origin: bool
    """They were had from a server that hands requests to Django, too."""
    not_asked: tuple[str, ...] = ()

"""Whether proxy and application disagree about where a request ends."""

from dataclasses import dataclass

from scanner.model import Door, Exchange


@dataclass(frozen=True)
class SmugglingAttempt:
    """One ambiguous request with another one hidden in its body."""

    door: Door
    through_edge: bool
    """Sent to the proxy; else to the application's own port."""
    variant: str
    """``content-length and transfer-encoding``, ``two lengths`` …"""
    statuses: tuple[int, ...]
    """Of all answers on the connection, in order."""
    closed: bool
    """The connection ended before everything that was sent had an answer."""
    hidden_answered: bool
    """The application answered the hidden request; behind the proxy: as one that the proxy had not seen."""
    exchange: Exchange


@dataclass(frozen=True)
class RequestSmuggling:
    """The answers of probe ``request-smuggling``."""

    attempts: tuple[SmugglingAttempt, ...]
    not_asked: tuple[str, ...] = ()

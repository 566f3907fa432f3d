"""What happens to a Host that nobody declares."""

import enum
from dataclasses import dataclass

from scanner.model import Door, Exchange


class HostOutcome(enum.StrEnum):
    """What became of the request."""

    CLOSED = "closed"
    TLS_REFUSED = "tls-refused"
    PROXY_PAGE = "proxy-page"
    APP_REFUSED = "app-refused"
    APP_ANSWERED = "app-answered"
    REDIRECTED = "redirected"


@dataclass(frozen=True)
class HostAttempt:
    """One attempt."""

    variant: str
    """``a`` to ``i``, as the probe's documentation lists them."""
    door: Door
    sni: str | None
    host: str | None
    outcome: HostOutcome
    status: int | None
    location: str | None
    echoed_host: str | None
    echoed_absolute: str | None
    exchange: Exchange


@dataclass(frozen=True)
class HostSpoof:
    """The answers of probe ``host-spoof``."""

    evil: str
    """The foreign name that was sent."""
    attempts: tuple[HostAttempt, ...]
    not_asked: tuple[str, ...] = ()

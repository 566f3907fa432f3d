"""Which ports answer beside the proxy's doors."""

import enum
from dataclasses import dataclass

from scanner.model import Exchange, Location


class PortState(enum.StrEnum):
    """What a connection met."""

    OPEN = "open"
    REFUSED = "refused"
    FILTERED = "filtered"


@dataclass(frozen=True)
class PortSeen:
    """One port."""

    address: str
    port: int
    state: PortState
    speaks: str
    """``http``, ``other`` or ``silent``."""
    is_app: bool
    secure_by_header: bool | None
    """The app, asked directly, believed ``X-Forwarded-Proto: https``."""
    host_spoofed: bool | None
    because: Location | None
    """The line of the project's files that opens it."""
    exchanges: tuple[Exchange, ...]


@dataclass(frozen=True)
class DirectPorts:
    """The answers of probe ``direct-ports``; ports of stores that the stack did not start are ``not_asked``."""

    ports: tuple[PortSeen, ...]
    not_asked: tuple[str, ...] = ()

"""What Django sees of an honest request."""

from dataclasses import dataclass

from scanner.model import Door, Exchange, Location


@dataclass(frozen=True)
class EchoSeen:
    """One honest request to the probe application."""

    door: Door
    name: str
    """The Host asked for."""
    location: Location | None
    """The nginx location that it went through."""
    prefix: str
    status: int
    host: str | None
    """``request.get_host()``; None when it refused."""
    absolute: str | None
    secure: bool | None
    remote_addr: str | None
    real_ip: str | None
    """X-Real-IP as Django sees it."""
    forwarded_for: str | None
    exchange: Exchange


@dataclass(frozen=True)
class EchoHost:
    """The answers of probe ``echo-host``."""

    answers: tuple[EchoSeen, ...]
    not_asked: tuple[str, ...] = ()

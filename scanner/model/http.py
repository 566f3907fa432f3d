"""The live stack's words: doors, requests, answers. Reports show them, so they live in the model."""

import enum
from dataclasses import dataclass

from scanner.model.finding import Location


@dataclass(frozen=True)
class Door:
    """One address at which the proxy (or, without one, the app server) listens in the stack."""

    scheme: str
    """``http`` or ``https``."""
    address: str
    port: int
    default_server: bool = False
    protocols: tuple[str, ...] = ()
    location: Location | None = None
    """The ``listen`` line."""

    def __str__(self) -> str:
        """``https://198.51.100.10:443``."""
        return f"{self.scheme}://{self.address}:{self.port}"


class Reads(enum.StrEnum):
    """How much the prober reads after it has sent a request."""

    ONE_ANSWER = "one-answer"
    UNTIL_CLOSE = "until-close"
    CONNECT_ONLY = "connect-only"


class Cause(enum.StrEnum):
    """Why there was no HTTP answer."""

    REFUSED = "refused"
    CLOSED = "closed"
    RESET = "reset"
    TIMEOUT = "timeout"
    UNREACHABLE = "unreachable"
    TLS_REFUSED = "tls-refused"
    TLS_UNTRUSTED = "tls-untrusted"
    CLIENT_CANNOT = "client-cannot"
    NOT_HTTP = "not-http"
    CONNECTED = "connected"
    """Only for ``Reads.CONNECT_ONLY``: the connection was accepted, nothing was asked."""


@dataclass(frozen=True)
class Request:
    """Exactly the bytes to send through a door."""

    door: Door
    raw: bytes
    sni: str | None = None
    verify: bool = True
    reads: Reads = Reads.ONE_ANSWER
    label: str = ""
    """What a person would type, such as ``GET https://shop.example/static/x``."""
    tls_version: str = ""
    """The only version of TLS that the client offers (``TLSv1.1``); empty for all that it has."""
    ciphers: str = ""
    """The only ciphers that it offers, in OpenSSL's notation; empty for all that it has."""


@dataclass(frozen=True)
class Response:
    """An HTTP response with its header lines in raw order and case, duplicates kept."""

    version: str
    status: int
    reason: str
    headers: tuple[tuple[str, str], ...]
    body: bytes
    truncated: bool = False

    def values(self, name: str) -> tuple[str, ...]:
        """All values of that header, in the order received; the name in any case."""
        wanted = name.lower()
        return tuple(value for key, value in self.headers if key.lower() == wanted)

    def value(self, name: str) -> str | None:
        """The first value of that header, or None."""
        return next(iter(self.values(name)), None)


@dataclass(frozen=True)
class NoResponse:
    """There was no HTTP answer, because of ``cause``; ``detail`` has the system's or OpenSSL's own words."""

    cause: Cause
    detail: str = ""


Answer = Response | NoResponse


@dataclass(frozen=True)
class Tls:
    """What the handshake agreed on."""

    version: str
    cipher: str
    alpn: str | None = None
    verified: bool = False
    names: tuple[str, ...] = ()
    not_after: str | None = None
    compression: str | None = None


@dataclass(frozen=True)
class Exchange:
    """One request and what came back. Times are milliseconds; ``started`` is seconds since the epoch."""

    number: int
    probe: str
    request: Request
    answer: Answer
    more: tuple[Response, ...] = ()
    tls: Tls | None = None
    started: float = 0.0
    connect_ms: float = 0.0
    tls_ms: float = 0.0
    wait_ms: float = 0.0
    receive_ms: float = 0.0

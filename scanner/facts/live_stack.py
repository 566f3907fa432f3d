"""The running stack, as probes see it. Made by ``scanner.stack``."""

import enum
from dataclasses import dataclass
from typing import Protocol

from scanner.model import Door, Exchange, Location, Request


class PlacementKind(enum.StrEnum):
    """How the target's topology is copied."""

    SAME_HOST_TCP = "same-host-tcp"
    SAME_HOST_UNIX = "same-host-unix"
    OTHER_HOST = "other-host"
    NO_PROXY = "no-proxy"


class Edge(enum.StrEnum):
    """Whether this proxy is the edge, or something in front of it ends TLS."""

    NONE = "none"
    TLS = "tls"


@dataclass(frozen=True)
class Site:
    """What the prober asks for."""

    name: str
    """PH, the probe host."""
    names: tuple[str, ...]
    """All concrete names that are served, PH first."""
    edge: Edge


@dataclass(frozen=True)
class Canary:
    """A file that was put where a real one would lie; its content names it."""

    tree: str
    """``proxy`` or ``app``: whose file system."""
    path: str
    """Absolute, in that tree."""
    purpose: str
    """``static``, ``media``, ``secret``, ``parent`` …"""
    text: str
    """What the body of a response contains when this file was served."""


@dataclass(frozen=True)
class Stub:
    """Something that the scanner made up so that the project's files start as they are."""

    kind: str
    what: str
    why: str
    location: Location | None = None
    hides: tuple[str, ...] = ()
    """Ids of rules that this stub makes undecidable."""


class Sender(Protocol):
    """Sends requests through the doors of the stack."""

    def send(self, probe: str, request: Request) -> Exchange:
        """Send one request and wait for its answer. Raises ControlFailed when the prober itself is gone."""

    def send_all(self, probe: str, requests: tuple[Request, ...]) -> tuple[Exchange, ...]:
        """Send several, up to eight at a time; answers in the order of the requests."""

    @property
    def finished(self) -> tuple[Exchange, ...]:
        """All exchanges so far."""


@dataclass(frozen=True)
class LiveStack:
    """The project behind its proxy."""

    engine: str
    site: Site
    doors: tuple[Door, ...]
    """Of the proxy; without a proxy configuration, of the reference proxy in front of the app."""
    nonce: str
    """16 hex digits, new for every run."""
    canaries: tuple[Canary, ...]
    stubs: tuple[Stub, ...]
    placement: PlacementKind
    same_as_target: bool
    """False: the target's placement could not be copied; what depends on it is not applicable."""
    prober_address: str
    own_proxy: bool
    """The proxy runs the project's configuration; False: our reference proxy, and no proxy rule may be judged."""
    app_ready: bool
    app_error: str
    """Why the application does not answer, where it does not."""
    proxy_ready: bool
    instrumented: bool
    """The probe application is in the project's process."""
    static_url: str
    media_url: str
    app_addresses: tuple[str, ...]
    """``host:port`` of what the app binds in the stack; empty for a unix socket."""
    notes: tuple[str, ...]
    sender: Sender

    def door(self, scheme: str) -> Door | None:
        """The first door of that scheme, the standard port preferred."""
        wanted = {"http": 80, "https": 443}.get(scheme)
        doors = sorted((door for door in self.doors if door.scheme == scheme), key=lambda door: door.port != wanted)
        return next(iter(doors), None)

    def doors_of(self, scheme: str) -> tuple[Door, ...]:
        """All doors of that scheme."""
        return tuple(door for door in self.doors if door.scheme == scheme)

"""What is known of the deployment as a whole."""

import enum
from collections.abc import Mapping
from dataclasses import dataclass, field

from scanner.facts.app_servers import AppServer
from scanner.model import Location, RequestPath


class PeerKind(enum.StrEnum):
    """How the proxy reaches the app server."""

    LOOPBACK = "loopback"
    UNIX = "unix"
    OTHER = "other"
    """Another host or container."""
    NONE = "none"
    """There is no proxy in the repository."""
    UNKNOWN = "unknown"


class TlsEnd(enum.StrEnum):
    """Where TLS ends."""

    PROXY = "proxy"
    BEFORE = "before"
    """In front of the repository's proxy: a platform's router, a load balancer, ``edge: tls``."""
    APP = "app"
    NOWHERE = "nowhere"
    """Nothing in the repository speaks of TLS."""


@dataclass(frozen=True)
class Topology:
    """The deployment as a whole."""

    peer: PeerKind
    peer_address: str
    """The address that the app server sees: ``127.0.0.1``, empty for a unix socket, ``other`` for another host."""
    app: AppServer | None
    """The app server that the proxy's Django locations lead to; without a proxy, the main one."""
    tls_ends: TlsEnd
    platform: str | None
    """The platform's file (``Procfile``, ``fly.toml`` …) where a platform's router is in front."""
    upstream: str | None
    """The proxy's own word for the app server: ``127.0.0.1:8000``, ``unix:/run/shop.sock``, ``web:8000``."""
    upstream_location: Location | None
    site_names: tuple[str, ...]
    """Concrete names for which the edge answers, the preferred one first."""
    path_map: Mapping[str, str] = field(default_factory=dict)
    """Production directory -> directory of the checkout (``/srv/shop`` -> ``.``), longest first."""
    project_directory: str | None = None
    """Where the checkout's project lies in production."""
    volumes: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    """Name of a shared volume -> the directories at which services mount it."""
    request_path: RequestPath = field(default_factory=RequestPath)
    notes: tuple[str, ...] = ()

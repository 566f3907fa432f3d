"""What the prober asks for: the site's name, its doors, and whether this proxy is the edge."""

from collections.abc import Sequence
from typing import Final

from scanner.facts.live_stack import Edge, Site
from scanner.facts.settings import Settings
from scanner.facts.topology import TlsEnd, Topology
from scanner.model import Door, Options
from scanner.nginx.effective import Configuration
from scanner.nginx.servers import literal_ip
from scanner.stack.placement import SITE_ADDRESS

FALLBACK: Final = "site.test"
_STANDARD: Final = {"http": 80, "https": 443}


def allowed(host: str, patterns: Sequence[str]) -> bool:
    """Whether ALLOWED_HOSTS accepts a name, as ``django.http.request.validate_host`` decides it."""
    host = host.lower()
    return any(
        pattern == "*"
        or pattern.lower() == host
        or (pattern.startswith(".") and (host.endswith(pattern.lower()) or host == pattern[1:].lower()))
        for pattern in patterns
    )


def concrete(pattern: str) -> str | None:
    """A name that an entry of ALLOWED_HOSTS accepts; None where it names no host (``*``, an address, ``localhost``)."""
    name = f"probe{pattern}" if pattern.startswith(".") else pattern
    if "*" in name or "." not in name or literal_ip(name) is not None:
        return None
    return name.lower()


def site_of(options: Options, topology: Topology, settings: Settings, edge: Edge) -> Site:
    """The site's name, and all concrete names that are served.

    The user's choice; else the first name of the proxy's that ALLOWED_HOSTS accepts; else the first of them; else a
    name that ALLOWED_HOSTS accepts; else one that nobody has.
    """
    hosts = settings.strings("ALLOWED_HOSTS")
    accepted = [name for name in topology.site_names if allowed(name, hosts)]
    from_hosts = [name for entry in hosts if (name := concrete(entry)) is not None]
    candidates = [
        *([options.host.lower()] if options.host else []),
        *accepted,
        *topology.site_names,
        *from_hosts,
        FALLBACK,
    ]
    names = dict.fromkeys(
        (candidates[0], *topology.site_names, *(name for name in from_hosts if not name.startswith("probe.")))
    )
    return Site(candidates[0], tuple(names), edge)


def edge_of(options: Options, topology: Topology, *, own_proxy: bool, tls_door: bool) -> Edge:
    """Whether something in front of this proxy ends TLS. In front of our own proxy there is nothing."""
    if not own_proxy:
        return Edge.NONE
    if options.edge is not None:
        return Edge(options.edge)
    return Edge.TLS if topology.tls_ends is TlsEnd.BEFORE and not tls_door else Edge.NONE


def doors_of(configuration: Configuration) -> tuple[tuple[Door, ...], tuple[str, ...], tuple[str, ...]]:
    """The doors of a configuration, the literal addresses at which it listens, and why a socket is no door."""
    doors: dict[tuple[str, int], Door] = {}
    addresses: list[str] = []
    notes: list[str] = []
    for socket in configuration.sockets():
        listen = next(
            one for server in socket.servers for one in server.listens if one.key == (socket.address, socket.port)
        )
        # What is not in the repository (the image's own site) has no place in it.
        place = listen.directive.location if listen.directive and listen.directive.location.path else None
        where = f" ({place})" if place else ""
        address = _door_address(socket.address)
        if address is None:
            if not socket.is_loopback:
                notes.append(f"not checked: listen {socket.text}{where}: this kind of address is not asked yet")
            continue
        if socket.proxy_protocol or listen.quic or listen.is_template:
            notes.append(f"not checked: listen {socket.text}{where}: the prober does not speak it")
            continue
        if address != SITE_ADDRESS:
            addresses.append(address)
        scheme = "https" if socket.tls else "http"
        protocols = ("h2",) if listen.http2 else ()
        doors.setdefault(
            (address, socket.port), Door(scheme, address, socket.port, socket.explicit_default, protocols, place)
        )
    ordered = sorted(doors.values(), key=lambda door: (_STANDARD[door.scheme] != door.port, door.port))
    return tuple(ordered), tuple(addresses), tuple(notes)


def _door_address(address: str) -> str | None:
    """Where the prober connects to; None for what it cannot or, because only the machine itself can, must not reach."""
    if address in {"*", "0.0.0.0", "[::]"}:
        return SITE_ADDRESS
    found = literal_ip(address)
    if found is None or found.version != 4 or found.is_loopback:
        return None
    return str(found)


def reference_doors() -> tuple[Door, ...]:
    """The doors of our own proxy."""
    return (Door("http", SITE_ADDRESS, 80, default_server=True), Door("https", SITE_ADDRESS, 443, default_server=True))

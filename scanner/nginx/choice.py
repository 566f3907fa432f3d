"""Which server nginx takes for a socket and a host name, and which location for a path."""

from collections.abc import Iterable
from dataclasses import dataclass
from functools import cached_property

from scanner.nginx.blocks import LocationBlock, Modifier, Server
from scanner.nginx.servers import Listen, NameKind, ServerName, literal_ip


@dataclass(frozen=True, eq=False)
class Socket:
    """One address and port (or unix socket) with the servers behind it."""

    address: str
    """``*``, a literal address, a host name, or ``unix:/path``."""
    port: int
    tls: bool
    """One ``listen`` of it says ``ssl``: then all of them speak TLS."""
    proxy_protocol: bool
    servers: tuple[Server, ...]
    """In the order of the file."""
    default_server: Server
    """Who answers for names that nobody has."""
    explicit_default: bool
    """It is the default because a ``listen`` says so, not because it comes first."""

    @cached_property
    def first_with(self) -> dict[str, Server]:
        """Each ``server_name`` here and the server that has it: of several the first, nginx ignores the others."""
        found: dict[str, Server] = {}
        for server in self.servers:
            for name in server.names:
                found.setdefault(name.text, server)
        return found

    @property
    def text(self) -> str:
        """``*:443``, ``[::]:80``, ``unix:/run/x.sock``."""
        return self.address if self.address.startswith("unix:") else f"{self.address}:{self.port}"

    @cached_property
    def is_loopback(self) -> bool:
        """Whether only this machine reaches it."""
        return self._listen_is("is_loopback")

    @cached_property
    def is_private(self) -> bool:
        """Whether it is bound to a private or loopback address."""
        return self._listen_is("is_private")

    def _listen_is(self, what: str) -> bool:
        key = (self.address, self.port)
        return any(getattr(item, what) for item in self.default_server.listens if item.key == key)

    def server_for(self, host: str) -> Server:
        """The server that answers here for a host name."""
        exact = self._exact.get(host.lower().rstrip("."))
        if exact is not None:
            return exact
        for names in self._patterns:
            best = _best(names, host)
            if best is not None:
                return best
        return self.default_server

    @cached_property
    def _exact(self) -> dict[str, Server]:
        """The servers by their exact names. ``.x`` is both: the exact name and the wildcard."""
        found: dict[str, Server] = {}
        for server, name in self._names:
            if name.kind == NameKind.EXACT:
                found.setdefault(name.text.rstrip("."), server)
            elif name.text.startswith("."):
                found.setdefault(name.text[1:], server)
        return found

    @cached_property
    def _patterns(self) -> tuple[tuple[tuple[Server, ServerName], ...], ...]:
        """The other names, by their kinds, the strongest first."""
        kinds = (NameKind.LEADING, NameKind.TRAILING, NameKind.REGEX)
        return tuple(tuple(pair for pair in self._names if pair[1].kind == kind) for kind in kinds)

    @cached_property
    def _names(self) -> tuple[tuple[Server, ServerName], ...]:
        return tuple((server, name) for server in self.servers for name in server.names)


def _best(names: Iterable[tuple[Server, ServerName]], host: str) -> Server | None:
    """Of the names of one kind the longest that fits, the first of equals."""
    best: tuple[int, Server] | None = None
    for server, name in names:
        score = name.matches(host)
        if score is not None and (best is None or score > best[0]):
            best = (score, server)
    return None if best is None else best[1]


def sockets_of(servers: Iterable[Server]) -> tuple[Socket, ...]:
    """The distinct sockets of these servers."""
    members: dict[tuple[str, int], list[tuple[Server, Listen]]] = {}
    for server in servers:
        for listen in server.listens:
            members.setdefault(listen.key, []).append((server, listen))
    return tuple(_socket(key, found) for key, found in members.items())


def _socket(key: tuple[str, int], listens: list[tuple[Server, Listen]]) -> Socket:
    servers = tuple(dict.fromkeys(server for server, _ in listens))
    explicit = next((server for server, listen in listens if listen.default_server), None)
    return Socket(
        key[0],
        key[1],
        any(listen.tls for _, listen in listens),
        any(listen.proxy_protocol for _, listen in listens),
        servers,
        servers[0] if explicit is None else explicit,
        explicit is not None,
    )


def choose_server(sockets: Iterable[Socket], address: str, port: int, host: str) -> Server | None:
    """The server for a connection to an address and port and a host name, or None when nothing listens there."""
    candidates = [socket for socket in sockets if socket.port == port and not socket.address.startswith("unix:")]
    if address.startswith("unix:"):
        candidates = [socket for socket in sockets if socket.address == address]
    exact = next((socket for socket in candidates if socket.address == address), None)
    if exact is None:
        ip = literal_ip(address)
        wildcard = "[::]" if ip is not None and ip.version == 6 else "*"
        exact = next((socket for socket in candidates if socket.address == wildcard), None)
    if exact is None and address == "*" and candidates:
        exact = candidates[0]
    return None if exact is None else exact.server_for(host)


def is_choosable(sockets: Iterable[Socket], server: Server) -> bool:
    """Whether a request can reach a server: it is the default of a socket, or the first there with one of its names."""
    if server.is_template:
        return True  # its real socket and names may be others
    for socket in sockets:
        if socket.default_server is server:
            return True
        if any(socket.first_with.get(name.text) is server for name in server.names if name.text):
            return True
    return False


def choose_location(places: tuple[LocationBlock, ...], path: str) -> LocationBlock | None:
    """The location that takes a decoded path, or None.

    As ``ngx_http_core_find_location`` does it: an exact one at once; else the longest prefix, and inside it the same
    again; else, unless that prefix says ``^~``, the first regular expression in the order of the file.
    """
    found, _ = _choose(places, path)
    return found


def _choose(places: tuple[LocationBlock, ...], path: str) -> tuple[LocationBlock | None, bool]:
    """The location, and whether it is final, so that regular expressions outside are not tried."""
    best: LocationBlock | None = None
    for place in places:
        modifier, pattern = place.modifier, place.pattern
        if modifier is Modifier.PREFIX or modifier is Modifier.PREFIX_FIRST:
            if path.startswith(pattern) and (best is None or len(pattern) > len(best.pattern)):
                best = place
        elif modifier is Modifier.EXACT and pattern == path:
            return place, True
    chosen = best
    if best is not None and best.nested:
        inner, final = _choose(best.nested, path)
        chosen = best if inner is None else inner
        if final:
            return chosen, True
    if best is None or best.modifier is not Modifier.PREFIX_FIRST:
        for place in places:
            if place.is_regex and place.matches(path):
                inner, _ = _choose(place.nested, path)
                return (place if inner is None else inner), True
    return chosen, False

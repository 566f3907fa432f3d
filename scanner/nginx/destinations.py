"""Where ``proxy_pass`` and its like lead: addresses, unix sockets, and the servers of an ``upstream``."""

import ipaddress
import posixpath
import re
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Final, Literal, get_args

from scanner.model import Location
from scanner.nginx.levels import Level, LevelKind
from scanner.nginx.servers import literal_ip
from scanner.nginx.tree import Directive
from scanner.nginx.values import MapBlock, names_in, possible_values

PassKind = Literal["proxy", "uwsgi", "grpc", "fastcgi", "scgi", "memcached"]
PASS_KINDS: Final[tuple[PassKind, ...]] = get_args(PassKind)
PASS_DIRECTIVES: Final = tuple(f"{kind}_pass" for kind in PASS_KINDS)
_KINDS: Final[Mapping[str, PassKind]] = dict(zip(PASS_DIRECTIVES, PASS_KINDS, strict=True))
_PATH_VARIABLE: Final = re.compile(r"\$(?:(?:document_|request_)?uri\b|\{(?:document_|request_)?uri\})", re.IGNORECASE)
_DEFAULT_PORTS: Final = {"http": 80, "https": 443, "grpc": 80, "grpcs": 443}
_ANY_HOST: Final = frozenset({"0.0.0.0", "*", "", "[::]", "::"})
_OWN_SCHEMES: Final[Mapping[str, str]] = {"proxy": "http", "uwsgi": "uwsgi", "grpc": "grpc"}


@dataclass(frozen=True)
class Endpoint:
    """One address of an application."""

    host: str
    """Name or address; empty for a unix socket."""
    port: int | None
    unix: str | None
    """Path of the socket."""
    location: Location
    is_template: bool = False

    def __str__(self) -> str:
        """``127.0.0.1:8000``, ``web:8000``, ``unix:/run/app.sock``."""
        if self.unix is not None:
            return f"unix:{self.unix}"
        return self.host if self.port is None else f"{self.host}:{self.port}"

    @property
    def is_local(self) -> bool:
        """Whether it is on this machine: a unix socket or a loopback address."""
        ip = self._ip
        return self.unix is not None or self.host == "localhost" or (ip is not None and ip.is_loopback)

    @property
    def is_private(self) -> bool:
        """Whether it stays inside: local, a private address, or a name without a dot."""
        ip = self._ip
        if self.is_local:
            return True
        return ip.is_private if ip is not None else bool(self.host) and "." not in self.host

    @property
    def _ip(self) -> ipaddress.IPv4Address | ipaddress.IPv6Address | None:
        return literal_ip(self.host)


@dataclass(frozen=True, eq=False)
class UpstreamBlock:
    """One ``upstream``."""

    name: str
    endpoints: tuple[Endpoint, ...]
    directive: Directive
    unknown: bool
    """A file that it includes cannot be read, so there may be more servers."""


@dataclass(frozen=True, eq=False)
class Destination:
    """Where a request is sent on to."""

    text: str
    """As written: ``http://app``."""
    scheme: str
    """``http``, ``https``, ``uwsgi``, ``grpc``, ``grpcs``, ``fastcgi`` …"""
    upstream: str | None
    """The name of the ``upstream`` block that it goes through."""
    endpoints: tuple[Endpoint, ...]
    """All addresses that it can be; empty when variables that the client or nginx fills decide."""
    uri: str | None
    """What replaces the matched part of the path: ``/`` in ``http://app/``; None when the path goes on unchanged."""
    variables: tuple[str, ...]
    """Variables in the address that ``set`` and ``map`` do not make constant, without ``$``."""
    is_template: bool


def pass_kind(level: Level) -> PassKind | None:
    """The kind of ``*_pass`` that holds on a level, or None."""
    while True:
        found = level.pass_directive
        if found is not None:
            return _KINDS[found.name]
        if level.parent is None or level.kind not in {LevelKind.IF, LevelKind.LIMIT_EXCEPT}:
            return None
        level = level.parent


def upstream_blocks(http: Level) -> dict[str, UpstreamBlock]:
    """The ``upstream`` blocks of the configuration, by name; the first of a name counts."""
    blocks: dict[str, UpstreamBlock] = {}
    for directive in http.own("upstream"):
        inside = directive.block or ()
        endpoints = tuple(_upstream_server(item) for item in inside if item.name == "server" and item.args)
        unknown = any(item.name == "include" or item.inserts for item in inside)
        blocks.setdefault(directive.arg(0), UpstreamBlock(directive.arg(0), endpoints, directive, unknown))
    return blocks


def _upstream_server(directive: Directive) -> Endpoint:
    return endpoint(directive.args[0], directive.place_of(0), 80, is_template=directive.is_template)


def endpoint(text: str, location: Location, default_port: int | None, *, is_template: bool = False) -> Endpoint:
    """The address that ``host``, ``host:port``, ``[::1]:port`` or ``unix:/path`` names.

    Where a template makes it, a port that is not written is not known.
    """
    if text.startswith("unix:"):
        return Endpoint("", None, text.removeprefix("unix:").removeprefix("//").split(":", 1)[0], location, is_template)
    if text.startswith("["):
        host, _, rest = text.partition("]")
        host, port = host + "]", rest.removeprefix(":")
    else:
        host, _, port = text.partition(":")
    number = int(port) if port.isdecimal() and len(port) <= 5 else None if is_template else default_port
    return Endpoint(host.lower(), number, None, location, is_template)


def destination(
    kind: PassKind,
    directive: Directive,
    level: Level,
    upstreams: Mapping[str, UpstreamBlock],
    maps: Mapping[str, MapBlock],
) -> Destination:
    """Where a ``*_pass`` directive leads, with its variables followed as far as they are constant."""
    text = directive.arg(0)
    values = possible_values(text, level, maps)
    constants = tuple(value for value in values if "$" not in _address(value)[1])
    leftover = tuple(dict.fromkeys(name for value in values for name in names_in(_address(value)[1])))
    endpoints: list[Endpoint] = []
    upstream = None
    for value in constants:
        scheme, address, _ = _address(value)
        block = upstreams.get(address)
        if block is not None:
            upstream = block.name
            endpoints.extend(block.endpoints)
        elif address:
            port = _DEFAULT_PORTS.get(scheme or _OWN_SCHEMES.get(kind, kind))
            endpoints.append(endpoint(address, directive.place_of(0), port, is_template=directive.is_template))
    scheme, _, uri = _address(values[0])
    return Destination(
        text,
        scheme or _OWN_SCHEMES.get(kind, kind),
        upstream,
        tuple(dict.fromkeys(endpoints)),
        uri,
        leftover,
        directive.is_template,
    )


def _address(text: str) -> tuple[str, str, str | None]:
    """Scheme (or nothing), address and path (or None) of what is written behind ``*_pass``."""
    scheme, separator, rest = ("", "", text) if text.startswith("unix:") else text.partition("://")
    if not separator or "$" in scheme or "/" in scheme:
        scheme, rest = "", text
    if rest.startswith("unix:"):
        socket, separator, uri = rest.removeprefix("unix:").removeprefix("//").partition(":")
        return scheme, f"unix:{socket}", uri if separator else None
    # nginx's variables of a path begin with its slash: the address ends before them, and the path stays as it is.
    variable = _PATH_VARIABLE.search(rest, 1)
    slash = rest.find("/")
    if variable is not None and (slash < 0 or variable.start() < slash):
        return scheme, rest[: variable.start()], None
    address, separator, uri = rest.partition("/")
    return scheme, address, f"/{uri}" if separator else None


def leads_to(destination: Destination, app: Collection[str]) -> bool:
    """Whether an address of the destination is one of the app servers' (``host:port``, ``unix:/path``), or may be."""
    if not destination.endpoints:
        return destination.is_template or bool(destination.variables)
    return any(item.is_template or any(_same_address(item, text) for text in app) for item in destination.endpoints)


def _same_address(item: Endpoint, text: str) -> bool:
    if item.unix is not None or text.startswith("unix:"):
        return item.unix is not None and _socket_path(text) == _socket_path(f"unix:{item.unix}")
    host, separator, port = text.rpartition(":")
    if not separator or not port.isdecimal():
        host, port = text, ""
    if port and item.port is not None and int(port) != item.port:
        return False
    host = host.lower()
    return host in _ANY_HOST or host == item.host or (_is_loopback(host) and _is_loopback(item.host))


def _socket_path(text: str) -> str:
    return posixpath.normpath("/" + text.removeprefix("unix:").lstrip("/"))


def _is_loopback(host: str) -> bool:
    ip = literal_ip(host)
    return host == "localhost" or (ip is not None and ip.is_loopback)

"""One nginx configuration as it works: servers, locations, what is effective where, who answers what.

This is what rules speak to; everything that they need is re-exported here. Nothing reads a file: the tree with its
includes in place comes from ``scanner.nginx.includes``.
"""

import posixpath
import re
from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Final

from scanner.nginx.blocks import IfBlock, LocationBlock, Modifier, Server
from scanner.nginx.choice import Socket, choose_location, choose_server, is_choosable, sockets_of
from scanner.nginx.destinations import Destination, Endpoint, PassKind, UpstreamBlock, leads_to, upstream_blocks
from scanner.nginx.handlers import Definitions, Files, Handler, Other, Proxy, Return, handler_of, proxy_of
from scanner.nginx.headers import (
    Blanked,
    Forwarded,
    NginxDefault,
    Overwritten,
    PassedOn,
    UndecidedHeader,
    forwarded_header,
)
from scanner.nginx.includes import Tree, UnknownInclude
from scanner.nginx.levels import Effective, Level, LevelKind
from scanner.nginx.replies import (
    Denied,
    Fixed,
    Handled,
    Proxied,
    Redirect,
    Reply,
    RequestShape,
    Served,
    replies,
)
from scanner.nginx.servers import Listen, NameKind, ServerName
from scanner.nginx.tree import Argument, Directive, SyntaxProblem, walk
from scanner.nginx.values import MapBlock, map_blocks, names_in, possible_values

__all__ = [
    "Argument",
    "Blanked",
    "Configuration",
    "Denied",
    "Destination",
    "Directive",
    "Effective",
    "Endpoint",
    "Files",
    "Fixed",
    "Forwarded",
    "Handled",
    "Handler",
    "IfBlock",
    "Level",
    "LevelKind",
    "Listen",
    "LocationBlock",
    "MapBlock",
    "Modifier",
    "NameKind",
    "NginxDefault",
    "Other",
    "Overwritten",
    "PassKind",
    "PassedOn",
    "Proxied",
    "Proxy",
    "Redirect",
    "Reply",
    "RequestShape",
    "Return",
    "Served",
    "ServedDirectory",
    "Server",
    "ServerName",
    "Socket",
    "SyntaxProblem",
    "UndecidedHeader",
    "UnknownInclude",
    "UpstreamBlock",
    "forwarded_header",
    "walk",
]

_CAPTURE: Final = re.compile(r"\$")


@dataclass(frozen=True)
class ServedDirectory:
    """A directory whose files a place of the configuration sends."""

    place: Server | LocationBlock
    url: str
    """The path that leads there: the location's own, ``/`` for a server, the expression of a regex location."""
    directory: str
    """Where ``url`` leads: ``root`` with the location's path behind it, or the ``alias``, without ``..`` and double
    slashes; up to the first variable. With a final slash only if it is written with one."""
    root: str
    """The argument of ``root`` or ``alias`` as written."""
    directive: Directive
    alias: bool
    is_template: bool
    listing: bool
    """Whether ``autoindex on`` is effective there."""
    replaced: str
    """What an ``alias`` takes the place of: the path of the location that it stands in, which may be an outer one."""

    def path_of(self, uri: str) -> str | None:
        """The file that a request path below ``url`` is mapped to; None when a regular expression decides.

        ``/static../x`` in ``location /static`` with ``alias /srv/static/`` gives ``/srv/static/../x``, which is why
        the result is not normalised.
        """
        if isinstance(self.place, LocationBlock) and self.place.is_regex and self.alias:
            return None
        if not self.alias:
            return self.root.rstrip("/") + uri
        return self.root + uri.removeprefix(self.replaced) if uri.startswith(self.replaced) else None


@dataclass(frozen=True, eq=False)
class Configuration:
    """One complete configuration: a main file with its includes, or a fragment with nginx's defaults around it."""

    tree: Tree
    scope: str = "unknown"
    """``prod``, ``unknown``, ``dev`` or ``example``."""
    complete: bool = True
    """The main file is the project's own; else the ``http`` level around the fragment is not in the repository."""
    sealed: bool = False
    """No other file can be beside these: a container in which they take the place of the image's default site."""
    placement: Mapping[str, str] = field(default_factory=dict)
    """Path on the server to path in the repository, for every file of the deployment."""
    _replies: dict[tuple[Level, RequestShape], tuple[Reply, ...]] = field(default_factory=dict, init=False, repr=False)
    _places: dict[Server, tuple[Server | LocationBlock, ...]] = field(default_factory=dict, init=False, repr=False)
    _choosable: dict[Server, bool] = field(default_factory=dict, init=False, repr=False)
    _taking: dict[tuple[Server, str], LocationBlock | None] = field(default_factory=dict, init=False, repr=False)
    """What was asked before: the rules ask the same of the same places."""
    kept: dict[object, object] = field(default_factory=dict, init=False, repr=False)
    """What others have worked out of it and several rules ask for: it lives as long as the configuration."""

    @property
    def files(self) -> tuple[str, ...]:
        """The repository's files that take part, the main one first."""
        return tuple(file.path for file in self.tree.files if file.path)

    @property
    def name(self) -> str:
        """What to call it in messages: its first file."""
        return self.files[0] if self.files else ""

    @cached_property
    def main(self) -> Level:
        """The outermost level."""
        return Level(LevelKind.MAIN, None, self.tree.directives, None)

    @cached_property
    def http(self) -> Level:
        """The ``http`` level; empty when there is none. Several ``http`` blocks are an error of nginx: the first."""
        opener = next(iter(self.main.own("http")), None)
        return Level(LevelKind.HTTP, opener, () if opener is None else opener.block or (), self.main)

    @cached_property
    def servers(self) -> tuple[Server, ...]:
        """The servers, in the order in which nginx reads them."""
        return tuple(
            Server(LevelKind.SERVER, item, item.block or (), self.http, index)
            for index, item in enumerate(self.http.own("server"))
            if item.block is not None
        )

    def servers_named(self, names: Iterable[str]) -> frozenset[Server]:
        """The servers that have one of these host names."""
        return frozenset(server for name in names for server in self._by_name.get(name, ()))

    @cached_property
    def _by_name(self) -> Mapping[str, tuple[Server, ...]]:
        found: dict[str, list[Server]] = {}
        for server in self.servers:
            for name in server.concrete_names:
                found.setdefault(name, []).append(server)
        return {name: tuple(those) for name, those in found.items()}

    @cached_property
    def upstreams(self) -> Mapping[str, UpstreamBlock]:
        """The ``upstream`` blocks by name."""
        return upstream_blocks(self.http)

    @cached_property
    def maps(self) -> Mapping[str, MapBlock]:
        """``map``, ``geo`` and ``split_clients``, by the variable that they fill (without ``$``)."""
        return map_blocks(self.http)

    @cached_property
    def definitions(self) -> Definitions:
        """Upstreams and maps, as the functions below take them."""
        return Definitions(self.upstreams, self.maps)

    @property
    def unknown_includes(self) -> tuple[UnknownInclude, ...]:
        """All includes that nobody can read, on whatever level."""
        return self.tree.unknown_includes

    @cached_property
    def _sockets(self) -> tuple[Socket, ...]:
        return sockets_of(self.servers)

    def sockets(self) -> tuple[Socket, ...]:
        """The distinct sockets, each with its servers and the default one, in the order of the file."""
        return self._sockets

    def sockets_for(self, server: Server) -> tuple[Socket, ...]:
        """The sockets on which a server answers."""
        return self._sockets_by_server.get(server, ())

    @cached_property
    def _sockets_by_server(self) -> Mapping[Server, tuple[Socket, ...]]:
        found: dict[Server, list[Socket]] = {}
        for socket in self._sockets:
            for server in socket.servers:
                found.setdefault(server, []).append(socket)
        return {server: tuple(those) for server, those in found.items()}

    def server_for(self, address: str, port: int, host: str) -> Server | None:
        """The server that answers on an address and port for a host name; None when nothing listens there.

        ``address`` may be ``*``: whatever listens on the port. An unknown host name gets the socket's default server.
        """
        return choose_server(self._sockets, address, port, host)

    def is_choosable(self, server: Server) -> bool:
        """Whether some request reaches this server: the default of a socket, or the first with one of its names."""
        known = self._choosable.get(server)
        if known is None:
            known = self._choosable[server] = is_choosable(self.sockets_for(server), server)
        return known

    def location_for(self, server: Server, path: str) -> LocationBlock | None:
        """The location that takes a decoded path; None when the server level itself does, or when that is unknown.

        An expression that cannot be tried is taken not to match.
        """
        key = (server, path)
        if key not in self._taking:
            self._taking[key] = choose_location(server.top_locations, path)
        return self._taking[key]

    def handler(self, level: Level) -> Handler:
        """What answers on a level when no ``if`` interferes."""
        return handler_of(level, self.definitions)

    def proxy(self, level: Level) -> Proxy | None:
        """The ``*_pass`` to which a level hands its requests, followed to its addresses; None when it has none."""
        return proxy_of(level, self.definitions)

    def replies(self, place: Server | LocationBlock, request: RequestShape) -> tuple[Reply, ...]:
        """Everything that a place may answer to such a request; several when an ``if`` cannot be decided."""
        key = (place, request)
        known = self._replies.get(key)
        if known is None:
            known = self._replies[key] = replies(place, request, self.definitions)
        return known

    def reachable_places(self, server: Server) -> tuple[Server | LocationBlock, ...]:
        """Where requests to a server can end: its reachable locations, and the server level where none takes over."""
        known = self._places.get(server)
        if known is None:
            reachable = tuple(place for place in server.locations if place.reachable)
            answers_itself = server.returns_at_once or not server.has_catch_all
            known = self._places[server] = (*reachable, server) if answers_itself else reachable
        return known

    def redirects_everything_to_https(self, server: Server, *, exempt: Collection[str] = ()) -> bool:
        """Whether each plain request to a server is redirected to https or refused.

        Exempt are certificate challenges, and locations that take one of the paths of ``exempt``.
        """
        excused = {self.location_for(server, path) for path in exempt}
        shape = RequestShape(tls=False, host=next(iter(server.concrete_names), ""))
        return all(
            all(_is_secure(reply) for reply in self.replies(place, shape))
            for place in self.reachable_places(server)
            if place not in excused and not (isinstance(place, LocationBlock) and place.is_acme)
        )

    def django_locations(self, app: Collection[str] = (), not_under: Collection[str] = ()) -> tuple[LocationBlock, ...]:
        """Reachable locations that hand requests to the application.

        ``app`` holds the addresses of its app servers, if known: ``127.0.0.1:8000``, ``unix:/run/app.sock``, or a host
        name alone, which stands for any port. When it is empty, or nothing in this configuration leads to one of them,
        any location that proxies and is not under a path of ``not_under`` (STATIC_URL, MEDIA_URL) counts. A template's
        or variable's address may be the application and counts.
        """
        passing = self._passing_locations
        chosen = tuple(place for place, proxy in passing if app and leads_to(proxy.destination, app))
        if chosen:
            return chosen
        prefixes = tuple(prefix for prefix in not_under if prefix.startswith("/") and prefix != "/")
        return tuple(
            place
            for place, proxy in passing
            if proxy.kind in _APP_KINDS and not place.pattern.startswith(prefixes or ("\0",))
        )

    @cached_property
    def _passing_locations(self) -> tuple[tuple[LocationBlock, Proxy], ...]:
        return tuple(self._find_passing_locations())

    def _find_passing_locations(self) -> Iterator[tuple[LocationBlock, Proxy]]:
        for server in self.servers:
            if not self.is_choosable(server):
                continue
            for place in server.locations:
                if not place.reachable or isinstance(self.handler(place), Return):
                    continue
                found = next((proxy for level in place.levels if (proxy := self.proxy(level)) is not None), None)
                if found is not None:
                    yield place, found

    def served_directories(self) -> tuple[ServedDirectory, ...]:
        """The directories whose files can be fetched.

        A ``root`` that only proxied locations inherit serves nothing and is not among them, nor is nginx's own default
        directory, which has no line in the configuration.
        """
        return self._served_directories

    @cached_property
    def _served_directories(self) -> tuple[ServedDirectory, ...]:
        found = (
            served
            for server in self.servers
            if self.is_choosable(server)
            for place in self.reachable_places(server)
            if (served := self._served(place)) is not None
        )
        return tuple(found)

    def _served(self, place: Server | LocationBlock) -> ServedDirectory | None:
        handler = self.handler(place)
        if isinstance(place, Server) and place.returns_at_once:
            return None
        if not isinstance(handler, Files) or handler.directive is None:
            return None
        root = handler.directive.arg(0)
        url = "/" if isinstance(place, Server) else place.pattern
        is_regex = isinstance(place, LocationBlock) and (place.is_regex or place.named)
        holder = place.effective("root").level
        replaced = holder.pattern if isinstance(holder, LocationBlock) else url
        written = root if is_regex else root + url.removeprefix(replaced) if handler.alias else root.rstrip("/") + url
        return ServedDirectory(
            place,
            url,
            _directory(written),
            root,
            handler.directive,
            handler.alias,
            handler.is_template,
            place.effective("autoindex").text == "on",
            replaced,
        )

    def possible_values(self, text: str, level: Level) -> tuple[str, ...]:
        """Everything that a text with variables can be there, ``set`` and ``map`` followed.

        nginx's own variables stay in it: ``$http_x_forwarded_proto``, ``$scheme``.
        """
        return possible_values(text, level, self.maps)

    def variables_in(self, text: str, level: Level) -> frozenset[str]:
        """The variables of nginx and of the client whose contents can flow into a text, without ``$``.

        A variable that only chooses (the source of a ``map``) is not among them.
        """
        return frozenset(name for value in self.possible_values(text, level) for name in names_in(value))


_APP_KINDS: Final = frozenset({"proxy", "uwsgi", "grpc"})


def _is_secure(reply: Reply) -> bool:
    match reply:
        case Redirect():
            return reply.https is True
        case Fixed():
            return reply.refuses
        case Denied():
            return reply.everybody
        case _:
            return False


def _directory(written: str) -> str:
    """A directory without ``..`` and double slashes, up to the first variable."""
    fixed = _CAPTURE.split(written, maxsplit=1)[0] if not written.startswith("$") else written
    normal = posixpath.normpath(fixed) if fixed else fixed
    normal = "/" + normal.lstrip("/") if fixed.startswith("/") else normal
    return normal + "/" if fixed.endswith("/") and not normal.endswith("/") else normal

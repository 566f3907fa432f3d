"""Which way through the project's nginx configuration a request of a probe takes.

Without the project's own configuration in the stack, there is one way: everything goes to the application.
"""

import posixpath
import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final
from urllib.parse import unquote

from scanner.facts.app_servers import AppServers
from scanner.facts.live_stack import LiveStack
from scanner.facts.nginx import Nginx
from scanner.model import Door, Location
from scanner.nginx.effective import Configuration, LocationBlock, Modifier, ServedDirectory, Server
from scanner.probes.asking import mark

MAX_PLACES: Final = 12
_GROUP: Final = re.compile(r"\((?:\?:)?([^()|]*)(?:\|[^()]*)?\)")
_META: Final = re.compile(r"[\\.*+?\[\]{}()|$^]")
_SLASHES: Final = re.compile(r"/{2,}")


@dataclass(frozen=True)
class Path:
    """A way to Django."""

    door: Door
    name: str
    """The Host to ask for."""
    prefix: str
    """Of the paths that go this way, without a final slash."""
    place: LocationBlock | None
    """The location that hands the request on; None where the proxy is not the project's."""

    @property
    def location(self) -> Location | None:
        """Where that location stands."""
        return self.place.location if self.place is not None else None


@dataclass(frozen=True)
class Files:
    """A way to files that the proxy serves."""

    door: Door
    name: str
    directory: ServedDirectory

    @property
    def url(self) -> str | None:
        """The path that leads to the directory, without a final slash; None where an expression decides."""
        place = self.directory.place
        if isinstance(place, LocationBlock) and place.modifier not in {Modifier.PREFIX, Modifier.PREFIX_FIRST}:
            return None
        return self.directory.url.rstrip("/")

    @property
    def path(self) -> str | None:
        """The directory, without a final slash; None where a variable is part of it."""
        path = self.directory.directory
        return None if "$" in self.directory.root or not path.startswith("/") else posixpath.normpath(path)


class Routes:
    """The ways through the proxy."""

    def __init__(self, stack: LiveStack, nginx: Nginx | None, servers: AppServers | None) -> None:
        self._stack = stack
        self._config: Configuration | None = nginx.main if nginx is not None and stack.own_proxy else None
        self._app = _addresses(servers)

    def server(self, door: Door, host: str | None) -> Server | None:
        """The server that answers at a door for a name; None where the proxy is not the project's."""
        if self._config is None:
            return None
        return self._config.server_for(door.address, door.port, (host or "").partition(":")[0].lower())

    def place(self, door: Door, host: str | None, target: str) -> LocationBlock | Server | None:
        """Where a request ends that asks for no file: its location, or the server where none takes it.

        A ``try_files`` that ends in a named location is followed, as nginx does when there is no such file.
        """
        server = self.server(door, host)
        if server is None or self._config is None:
            return None
        block = self._config.location_for(server, decoded(target))
        return self._followed(server, block) or block or server

    def leads_to_app(self, door: Door, host: str | None, target: str) -> bool:
        """Whether such a request is handed to the application, as far as the configuration tells."""
        place = self.place(door, host, target)
        return self._config is None or (isinstance(place, LocationBlock) and place in self.django_places)

    def location(self, door: Door, host: str | None, target: str) -> Location | None:
        """Where the place of the configuration stands through which such a request goes."""
        place = self.place(door, host, target)
        return place.location if place is not None else None

    @property
    def django_places(self) -> tuple[LocationBlock, ...]:
        """The locations that hand requests to the application."""
        if self._config is None:
            return ()
        return self._config.django_locations(self._app, (self._stack.static_url, self._stack.media_url))

    def paths(self, doors: tuple[Door, ...]) -> tuple[Path, ...]:
        """All distinct ways to Django through these doors, the shortest prefix first; each location once a door."""
        found: dict[tuple[Door, int], Path] = {}
        for path in self._paths(doors):
            found.setdefault((path.door, id(path.place)), path)
        ordered = sorted(found.values(), key=lambda path: (self._rank(path.name), len(path.prefix)))
        return tuple(ordered[: MAX_PLACES * max(1, len(doors))])

    @property
    def served(self) -> tuple[Files, ...]:
        """The directories whose files a door serves, each with the first door and name that lead to it."""
        if self._config is None:
            return ()
        found: list[Files] = []
        for directory in self._config.served_directories():
            way = self.way_to(directory.place.server if isinstance(directory.place, LocationBlock) else directory.place)
            if way is not None:
                found.append(Files(*way, directory))
        return tuple(found)

    def way_to(self, server: Server) -> tuple[Door, str] | None:
        """A door and a Host by which a server answers, https first; None where there is none."""
        for door in sorted(self._stack.doors, key=lambda door: door.scheme != "https"):
            for name in (*self._stack.site.names, door.address):
                if self.server(door, name) is server:
                    return door, name
        return None

    def unreached(self) -> tuple[str, ...]:
        """Locations that lead to Django and for which no path could be found, in words for ``not_asked``."""
        reached = {id(path.place) for path in self._paths(self._stack.doors)}
        return tuple(f"{place.symbol}: no path is known" for place in self.django_places if id(place) not in reached)

    def _rank(self, name: str) -> int:
        return self._stack.site.names.index(name) if name in self._stack.site.names else 0

    def _paths(self, doors: tuple[Door, ...]) -> Iterator[Path]:
        if self._config is None:
            yield from (Path(door, self._stack.site.name, "", None) for door in doors)
            return
        for door in doors:
            for name in self._stack.site.names:
                server = self.server(door, name)
                for place in self.django_places:
                    prefix = self._prefix(place) if place.server is server else None
                    if prefix is not None:
                        yield Path(door, name, prefix, place)

    def _prefix(self, place: LocationBlock) -> str | None:
        """A prefix under which the probe application's paths go through a location."""
        for candidate in _candidates(place):
            target = mark(self._stack, "echo", candidate)
            found = self._config.location_for(place.server, target) if self._config is not None else None
            if found is place or self._followed(place.server, found) is place:
                return candidate
        return None

    def _followed(self, server: Server, block: LocationBlock | None) -> LocationBlock | None:
        """The named location in which ``try_files`` of a place ends."""
        level = block if block is not None else server
        for directive in level.effective("try_files").values:
            name = directive.args[-1] if directive.args else ""
            if name.startswith("@"):
                return next((one for one in server.locations if one.named and one.pattern == name), None)
        return None


def decoded(target: str) -> str:
    """The path of a request target as nginx compares it: decoded, slashes merged, dots resolved."""
    path = target.partition("://")[2].partition("/")[2] if "://" in target else target.removeprefix("/")
    path = _SLASHES.sub("/", "/" + unquote(path.partition("?")[0].partition("#")[0]))
    normal = posixpath.normpath(path)
    return normal + "/" if path.endswith(("/", "/.", "/..")) and normal != "/" else normal


def _candidates(place: LocationBlock) -> Iterator[str]:
    match place.modifier:
        case Modifier.PREFIX | Modifier.PREFIX_FIRST:
            yield place.pattern.rstrip("/")
        case Modifier.REGEX | Modifier.REGEX_NOCASE:
            sample = _GROUP.sub(r"\1", place.pattern.removeprefix("^"))
            head = _META.split(sample.replace("\\", ""), maxsplit=1)[0]
            yield ""
            yield (head if head.startswith("/") else f"/{head}").rstrip("/")
        case Modifier.NAMED:
            yield ""
            yield from (
                one.pattern.rstrip("/")
                for one in place.server.locations
                if one.modifier in {Modifier.PREFIX, Modifier.PREFIX_FIRST}
            )
        case Modifier.EXACT:
            return


def _addresses(servers: AppServers | None) -> tuple[str, ...]:
    """The addresses of the app servers, as the nginx model compares them."""
    found = [str(bind) for server in (servers.servers if servers else ()) for bind in server.binds]
    found += [server.container for server in (servers.servers if servers else ()) if server.container]
    return tuple(dict.fromkeys(found))

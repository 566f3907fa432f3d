"""Are files served that nobody should see?"""

import posixpath
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final, NoReturn
from urllib.parse import quote

from scanner.facts.app_servers import AppServers
from scanner.facts.live_stack import LiveStack, PlacementKind
from scanner.facts.nginx import Nginx
from scanner.facts.secret_paths import FileSeen, SecretPaths
from scanner.facts.settings import Settings
from scanner.facts.stack_identity import StackIdentity
from scanner.model import Door, Exchange, Location, NotApplicable, Request, Unavailable, probe
from scanner.probes.answers import body_of, status_of
from scanner.probes.asking import main_way, question, require_own_proxy, site_path
from scanner.probes.pacing import ask_all
from scanner.probes.routes import Routes

NAME: Final = "secret-paths"
_MAX_QUESTIONS: Final = 160
_MAX_TEXT: Final = 4096


@dataclass(frozen=True)
class _Asked:
    door: Door
    host: str
    target: str
    request: Request


@probe()
def secret_paths(
    live: LiveStack,
    _identity: StackIdentity,
    settings: Settings | None,
    nginx: Nginx | None,
    servers: AppServers | None,
) -> SecretPaths:
    """Ask for the canaries that lie where secret files would lie, wherever the proxy serves files.

    Only the text of a canary counts, so that an application that answers every path is no proof of anything.
    """
    require_own_proxy(live, nginx)
    secrets = {one.path: one for one in live.canaries if one.tree == "proxy" and one.purpose == "secret"}
    if not secrets:
        _nothing_to_find(live)
    routes = Routes(live, nginx, servers)
    targets = dict.fromkeys((*_mapped(routes, tuple(secrets)), *_guessed(live, settings, tuple(secrets))))
    asked = tuple(_ask(live, settings, *target) for target in list(targets)[:_MAX_QUESTIONS])
    exchanges = ask_all(live, NAME, tuple(one.request for one in asked))
    served: list[FileSeen] = []
    refused = 0
    for one, exchange in zip(asked, exchanges, strict=True):
        path = next((path for path, canary in secrets.items() if _holds(exchange, canary.text)), None)
        if path is None:
            refused += 1
            continue
        place = _serving(routes, one, path)
        name = secrets[path].text.rpartition(" ")[2]
        served.append(FileSeen(name, one.target, place, status_of(exchange) or 0, path, exchange))
    left = len(targets) - len(asked)
    return SecretPaths(tuple(served), refused, (f"{left} more paths",) if left else ())


def _nothing_to_find(live: LiveStack) -> NoReturn:
    if live.placement is PlacementKind.OTHER_HOST and not any(stub.kind == "assumed-place" for stub in live.stubs):
        raise NotApplicable("none of the project's own files lies where the proxy can see it")
    raise Unavailable("where the project lies on the proxy's machine is not known")


def _mapped(routes: Routes, paths: tuple[str, ...]) -> Iterator[tuple[Door, str, str]]:
    """Where the proxy's directories lead to a canary: its path below the directory, below the location's path."""
    for files in routes.served:
        if files.url is None or files.path is None:
            continue
        for path in paths:
            below = posixpath.relpath(path, files.path)
            if not below.startswith(".."):
                yield files.door, files.name, f"{files.url}/{quote(below)}"


def _guessed(live: LiveStack, settings: Settings | None, paths: tuple[str, ...]) -> Iterator[tuple[Door, str, str]]:
    """The usual names directly below the site, the static and the media files."""
    way = main_way(live, settings)
    bases = ("/", site_path(live.static_url, live) or "/", site_path(live.media_url, live) or "/")
    directories = {posixpath.dirname(path) for path in paths if posixpath.basename(path) == "manage.py"}
    directories |= {posixpath.dirname(path) for path in paths if posixpath.basename(path) == ".env"}
    names = dict.fromkeys(
        posixpath.relpath(path, directory)
        for directory in sorted(directories)
        for path in paths
        if path.startswith(f"{directory}/")
    )
    for base in dict.fromkeys(bases):
        for name in names:
            yield way.door, live.site.name, f"{base.rstrip('/')}/{quote(name)}"


def _ask(live: LiveStack, settings: Settings | None, door: Door, host: str, target: str) -> _Asked:
    way = main_way(live, settings)
    return _Asked(door, host, target, question(door, target, host, headers=way.headers if way.door == door else ()))


def _holds(exchange: Exchange, text: str) -> bool:
    """The whole line of the canary, so that ``.env`` is not found in ``.env.prod``."""
    body = body_of(exchange)[:_MAX_TEXT]
    return status_of(exchange) == 200 and text.encode() in body.splitlines()


def _serving(routes: Routes, asked: _Asked, path: str) -> Location | None:
    """The location whose directory leads to the file, else the one that takes the path."""
    for files in routes.served:
        inside = files.path is not None and path.startswith(f"{files.path.rstrip('/')}/")
        if inside and files.door == asked.door and files.url is not None:
            below = f"{files.url}/{quote(posixpath.relpath(path, files.path))}"
            if below == asked.target:
                return files.directory.place.location
    return routes.location(asked.door, asked.host, asked.target)

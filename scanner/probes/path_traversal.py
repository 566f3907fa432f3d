"""Can files beside a served directory be fetched?"""

import posixpath
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from scanner.facts.app_servers import AppServers
from scanner.facts.guarded_files import guarded_prefixes
from scanner.facts.live_stack import LiveStack
from scanner.facts.nginx import Nginx
from scanner.facts.path_traversal import PathTraversal, TraversalAttempt
from scanner.facts.python_source import PythonSource
from scanner.facts.settings import Settings
from scanner.facts.stack_identity import StackIdentity
from scanner.model import Exchange, NotApplicable, Request, probe
from scanner.nginx.effective import LocationBlock
from scanner.probes.answers import body_of, status_of
from scanner.probes.asking import Headers, question, require_own_proxy, secure_way
from scanner.probes.pacing import ask, ask_all
from scanner.probes.routes import Files, Routes

NAME: Final = "path-traversal"
ONE_UP: Final = ("../", "..%2f", "%2e%2e/", "/../", "//../", "..;/")
TWO_UP: Final = ("/..%2f..%2f", "..%2f..%2f", "../..%2f")
_MAX_ALIASES: Final = 12


@dataclass(frozen=True)
class _Asked:
    files: Files
    target: str
    request: Request
    control: bool


@probe()
def path_traversal(
    live: LiveStack,
    _identity: StackIdentity,
    settings: Settings | None,
    nginx: Nginx | None,
    servers: AppServers | None,
    python: PythonSource | None,
) -> PathTraversal:
    """Try to leave each ``alias`` directory; only the text of a canary that lies beside it proves that it works.

    And ask directly for files that the application guards and lets nginx send.
    """
    require_own_proxy(live, nginx)
    routes = Routes(live, nginx, servers)
    guarded = _guarded(live, settings, routes, python)
    aliases = [files for files in routes.served if files.directory.alias]
    not_asked = [f"{_symbol(files)}: an expression decides its path" for files in aliases if files.url is None]
    usable = [files for files in aliases if files.url is not None and files.path is not None][:_MAX_ALIASES]
    if not aliases and guarded:
        return PathTraversal(guarded)
    if not aliases:
        raise NotApplicable("the proxy has no location with alias")
    way = secure_way(live, settings)
    asked = tuple(
        one
        for files in usable
        for one in _questions(live, files, way.headers if way and way.door == files.door else ())
    )
    exchanges = ask_all(live, NAME, tuple(one.request for one in asked))
    answered = tuple(zip(asked, exchanges, strict=True))
    served = {id(one.files) for one, exchange in answered if one.control and _inside(live, one.files, exchange)}
    tried = [(one, _attempt(live, one, exchange)) for one, exchange in answered if not one.control]
    # Without a file of the directory itself, silence proves nothing; a canary from outside it proves all the same.
    attempts = tuple(attempt for one, attempt in tried if id(one.files) in served or attempt.canary is not None)
    not_asked += [
        f"{_symbol(files)}: no file of the directory itself is served" for files in usable if id(files) not in served
    ]
    return PathTraversal((*attempts, *guarded), tuple(dict.fromkeys(not_asked)))


def _guarded(
    live: LiveStack, settings: Settings | None, routes: Routes, python: PythonSource | None
) -> tuple[TraversalAttempt, ...]:
    """Ask for a file of each public directory below which the code sends files by X-Accel-Redirect."""
    prefixes = guarded_prefixes(python, settings)[0] if python is not None else ()
    way = secure_way(live, settings)
    found: list[TraversalAttempt] = []
    for files in routes.served:
        url, path = files.url, files.path
        inside = next((one for one in live.canaries if path and _directly_in(one.path, path)), None)
        if inside is None or not url or not any(f"{url}/".startswith(f"{one.url.rstrip('/')}/") for one in prefixes):
            continue
        target = f"{url}/{posixpath.basename(inside.path)}"
        edge: Headers = way.headers if way is not None and way.door == files.door else ()
        exchange = ask(live, NAME, question(files.door, target, files.name, headers=edge))
        status, served = status_of(exchange), inside.text.encode() in body_of(exchange)
        place = files.directory.place.location
        canary = inside.path if served else None
        found.append(TraversalAttempt("internal", place, url, target, status, canary, exchange))
    return tuple(found)


def _symbol(files: Files) -> str:
    place = files.directory.place
    return place.symbol if isinstance(place, LocationBlock) else files.directory.url


def _questions(live: LiveStack, files: Files, edge: Headers) -> Iterator[_Asked]:
    """The controls, then every spelling; ``url`` has no final slash."""
    url, path = files.url or "", files.path or "/"

    def asked(target: str, *, control: bool = False) -> _Asked:
        return _Asked(files, target, question(files.door, target, files.name, headers=edge), control)

    for inside in sorted({posixpath.basename(one.path) for one in live.canaries if _directly_in(one.path, path)})[:3]:
        yield asked(f"{url}/{inside}", control=True)
    beside = f"seatrial-{live.nonce}-beside.txt"
    known = {one.path for one in live.canaries if one.tree == "proxy" and one.purpose == "parent"}
    parent = posixpath.dirname(path)
    for directory, spellings in ((parent, ONE_UP), (posixpath.dirname(parent), TWO_UP)):
        if posixpath.join(directory, beside) in known:
            yield from (asked(f"{url}{spelling}{beside}") for spelling in spellings)


def _directly_in(path: str, directory: str) -> bool:
    return posixpath.dirname(path) == directory


def _inside(live: LiveStack, files: Files, exchange: Exchange) -> bool:
    """A file of the directory itself came back."""
    body = body_of(exchange)
    return any(
        one.tree == "proxy" and _directly_in(one.path, files.path or "") and one.text.encode() in body
        for one in live.canaries
    )


def _attempt(live: LiveStack, asked: _Asked, exchange: Exchange) -> TraversalAttempt:
    body = body_of(exchange)
    found = next(
        (one.path for one in live.canaries if one.purpose == "parent" and one.text.encode() in body),
        None,
    )
    return TraversalAttempt(
        kind="alias",
        location=asked.files.directory.place.location,
        prefix=asked.files.directory.url,
        target=asked.target,
        status=status_of(exchange),
        canary=found,
        exchange=exchange,
    )

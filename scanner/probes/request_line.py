"""What becomes of request lines and Host headers that no browser sends?"""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Final

from scanner.facts.app_servers import AppServers
from scanner.facts.live_stack import LiveStack
from scanner.facts.nginx import Nginx
from scanner.facts.request_line import LineAttempt, RequestLine
from scanner.facts.stack_identity import StackIdentity
from scanner.model import ControlFailed, Exchange, Location, Request, probe
from scanner.probes.answers import is_gateway_error, is_proxy_page, our_echo, outcome, status_of
from scanner.probes.asking import (
    evil_name,
    mark,
    question,
    require_app,
    require_end_of_tls,
    require_own_proxy,
)
from scanner.probes.pacing import ask_all
from scanner.probes.routes import Path, Routes

NAME: Final = "request-line"
_LONG_HEADER: Final = 9 * 1024
_LONG_TARGET: Final = 5 * 1024
_MOST: Final = 3
"""Locations that are asked."""


@dataclass(frozen=True)
class _Asked:
    variant: str
    path: Path
    location: Location | None
    request: Request


@probe()
def request_line(
    live: LiveStack, identity: StackIdentity, nginx: Nginx | None, servers: AppServers | None
) -> RequestLine:
    """Send odd request lines and Host headers through the locations that lead to Django."""
    require_own_proxy(live, nginx)
    require_end_of_tls(live)
    require_app(live, identity)
    routes = Routes(live, nginx, servers)
    paths = tuple(path for path in routes.paths(live.doors) if path.name == live.site.name) or routes.paths(live.doors)
    honest = ask_all(live, NAME, tuple(_plain(live, path) for path in paths))
    answering = [path for path, one in zip(paths, honest, strict=True) if our_echo(one, live) is not None]
    if not answering:
        raise ControlFailed(f"the probe application no longer answers: {outcome(honest[0])}", honest[0])
    # One location is asked everything; the others, whose Host may come from elsewhere, about their Host alone.
    asked = list(_variants(live, answering[0]))
    asked += [_absolute(live, path) for path in answering[1:_MOST]]
    not_asked = list(routes.unreached())
    attempts = []
    for one, exchange in zip(asked, ask_all(live, NAME, tuple(one.request for one in asked)), strict=True):
        if is_gateway_error(exchange):
            not_asked.append(f"{one.variant}: {outcome(exchange)}")
        else:
            attempts.append(_attempt(live, one, exchange))
    return RequestLine(evil_name(live), tuple(attempts), tuple(dict.fromkeys(not_asked)))


def _plain(live: LiveStack, path: Path) -> Request:
    return question(path.door, mark(live, "echo", path.prefix), path.name)


def _absolute(live: LiveStack, path: Path) -> _Asked:
    """The line names the site, the header a stranger: nginx goes by the line."""
    target = f"{path.door.scheme}://{path.name}{mark(live, 'echo', path.prefix)}"
    request = question(path.door, target, evil_name(live), sni=path.name)
    return _Asked("absolute", path, path.location, request)


def _variants(live: LiveStack, path: Path) -> Iterator[_Asked]:
    target, evil = mark(live, "echo", path.prefix), evil_name(live)
    yield _absolute(live, path)

    def ask(variant: str, request: Request, *, known: bool = True) -> _Asked:
        return _Asked(variant, path, path.location if known else None, request)

    honest = _plain(live, path)
    host = f"Host: {path.name}\r\n".encode()
    yield ask(
        "two-hosts", _changed(honest, host, host + f"Host: {evil}\r\n".encode(), f"and Host: {evil}"), known=False
    )
    yield ask("no-host", _changed(honest, host, b"", "without Host"), known=False)
    yield ask("http-1.0", question(path.door, target, None, sni=path.name), known=False)
    yield ask(
        "nul", _changed(honest, target.encode(), f"{target}%00".encode(), "with %00 behind the path"), known=False
    )
    yield ask(
        "tab-in-host",
        _changed(honest, host, f"Host: {path.name}\t{evil}\r\n".encode(), "with a tab in Host"),
        known=False,
    )
    yield ask(
        "no-slash",
        _changed(honest, target.encode(), target.lstrip("/").encode(), "without the first slash"),
        known=False,
    )
    yield ask("long-header", question(path.door, target, path.name, headers=(("X-Long", "a" * _LONG_HEADER),)))
    yield ask("long-target", question(path.door, f"{target}?{'a' * _LONG_TARGET}", path.name))


def _changed(request: Request, old: bytes, new: bytes, note: str) -> Request:
    """The same request with other bytes, which no library would send."""
    return replace(request, raw=request.raw.replace(old, new, 1), label=f"{request.label} {note}")


def _attempt(live: LiveStack, asked: _Asked, exchange: Exchange) -> LineAttempt:
    echo = our_echo(exchange, live)
    return LineAttempt(
        variant=asked.variant,
        door=asked.path.door,
        location=asked.location,
        status=status_of(exchange),
        echoed_host=echo.host if echo is not None else None,
        by_proxy=is_proxy_page(exchange),
        exchange=exchange,
    )

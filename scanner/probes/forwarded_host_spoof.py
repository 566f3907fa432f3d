"""Can a client tell Django which host it asked for, by a header that a proxy would write?"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from scanner.facts.app_servers import AppServers
from scanner.facts.forwarded_host_spoof import ForwardedAttempt, ForwardedHostSpoof
from scanner.facts.live_stack import LiveStack
from scanner.facts.nginx import Nginx
from scanner.facts.stack_identity import StackIdentity
from scanner.model import ControlFailed, Exchange, Request, probe
from scanner.probes.answers import Echo, is_gateway_error, our_echo, outcome, status_of
from scanner.probes.asking import (
    Headers,
    evil_name,
    mark,
    question,
    require_app,
    require_end_of_tls,
    require_own_proxy,
    require_same_peer,
)
from scanner.probes.pacing import ask_all
from scanner.probes.routes import Path, Routes

NAME: Final = "forwarded-host-spoof"
PORT: Final = "6666"
_BRIEF: Final = 1
"""From this many locations on, only the headers that Django knows are tried: some limit the rate of requests."""


@dataclass(frozen=True)
class _Asked:
    path: Path
    headers: Headers
    request: Request
    baseline: Echo


@probe()
def forwarded_host_spoof(
    live: LiveStack, identity: StackIdentity, nginx: Nginx | None, servers: AppServers | None
) -> ForwardedHostSpoof:
    """Forge the headers by which proxies tell the host, through every location that leads to Django."""
    require_own_proxy(live, nginx)
    require_end_of_tls(live)
    require_same_peer(live)
    require_app(live, identity)
    routes = Routes(live, nginx, servers)
    paths = tuple(path for path in routes.paths(live.doors) if path.name == live.site.name) or routes.paths(live.doors)
    first = ask_all(live, NAME, tuple(_request(live, path, ()) for path in paths))
    not_asked = list(routes.unreached())
    asked: list[_Asked] = []
    for path, exchange in zip(paths, first, strict=True):
        echo = our_echo(exchange, live)
        if echo is None or echo.host is None:
            not_asked.append(outcome(exchange))
            continue
        brief = len({one.path for one in asked}) >= _BRIEF
        asked += [_Asked(path, one, _request(live, path, one), echo) for one in _forged(live, path, brief=brief)]
    if not asked:
        raise ControlFailed(f"the probe application no longer answers: {outcome(first[0])}", first[0])
    attempts = []
    for one, exchange in zip(asked, ask_all(live, NAME, tuple(one.request for one in asked)), strict=True):
        if is_gateway_error(exchange):
            not_asked.append(outcome(exchange))
        else:
            attempts.append(_attempt(live, one, exchange))
    return ForwardedHostSpoof(tuple(attempts), tuple(dict.fromkeys(not_asked)))


def _request(live: LiveStack, path: Path, headers: Headers) -> Request:
    return question(path.door, mark(live, "echo", path.prefix), path.name, headers=headers)


def _forged(live: LiveStack, path: Path, *, brief: bool) -> Iterator[Headers]:
    evil = evil_name(live)
    yield (("X-Forwarded-Host", evil),)
    yield (("X-Forwarded-Port", PORT),)
    if brief:
        return
    yield (("X-Forwarded-Host", path.name), ("X-Forwarded-Host", evil))
    yield (("X-Forwarded-Server", evil),)
    yield (("Forwarded", f"host={evil}"),)
    yield (("X-Host", evil),)
    yield (("X-Forwarded-Prefix", f"/{evil}"),)


def _attempt(live: LiveStack, asked: _Asked, exchange: Exchange) -> ForwardedAttempt:
    echo = our_echo(exchange, live)
    header, value = asked.headers[-1]
    return ForwardedAttempt(
        door=asked.path.door,
        location=asked.path.location,
        header=header,
        value=value,
        repeated=len(asked.headers) > 1,
        status=status_of(exchange),
        host=echo.host if echo is not None else None,
        absolute=echo.absolute if echo is not None else None,
        baseline_host=asked.baseline.host or "",
        baseline_absolute=asked.baseline.absolute or "",
        reached_app=echo is not None and any(value in one for one in echo.headers.values()),
        exchange=exchange,
    )

"""Can a client tell the application which address it comes from?"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from scanner.facts.app_servers import AppServers
from scanner.facts.client_address import AddressAttempt, ClientAddress
from scanner.facts.live_stack import LiveStack
from scanner.facts.nginx import Nginx
from scanner.facts.stack_identity import StackIdentity
from scanner.model import ControlFailed, Exchange, Request, probe
from scanner.probes.answers import Echo, our_echo, outcome
from scanner.probes.asking import (
    Headers,
    mark,
    question,
    require_app,
    require_end_of_tls,
    require_own_proxy,
    require_same_peer,
)
from scanner.probes.pacing import ask_all
from scanner.probes.routes import Path, Routes

NAME: Final = "client-address"
ADDRESS: Final = "203.0.113.9"
"""A visitor's address that is forged (RFC 5737)."""
_OTHER: Final = "203.0.113.8"
_BRIEF: Final = 6
"""From this many locations on, only the two usual headers are tried."""


@dataclass(frozen=True)
class _Asked:
    path: Path
    headers: Headers
    request: Request
    before: Echo
    """What an honest request by the same way shows."""


@probe()
def client_address(
    live: LiveStack, identity: StackIdentity, nginx: Nginx | None, servers: AppServers | None
) -> ClientAddress:
    """Forge the headers by which proxies tell the client's address, through every location that leads to Django.

    Raises NotApplicable where the proxy is not the project's or is not the edge, ControlFailed when the probe
    application no longer answers.
    """
    require_own_proxy(live, nginx)
    require_end_of_tls(live)
    require_same_peer(live)
    require_app(live, identity)
    routes = Routes(live, nginx, servers)
    paths = tuple(path for path in routes.paths(live.doors) if path.name == live.site.name) or routes.paths(live.doors)
    first = ask_all(live, NAME, tuple(_request(live, path, ()) for path in paths))
    not_asked = list(routes.unreached())
    asked: list[_Asked] = []
    for number, (path, exchange) in enumerate(zip(paths, first, strict=True)):
        echo = our_echo(exchange, live)
        if echo is None:
            not_asked.append(outcome(exchange))
            continue
        asked += [
            _Asked(path, headers, _request(live, path, headers), echo) for headers in _forged(brief=number >= _BRIEF)
        ]
    if not asked:
        raise ControlFailed(f"the probe application does not answer: {outcome(first[0])}", first[0])
    exchanges = ask_all(live, NAME, tuple(one.request for one in asked))
    return ClientAddress(
        baseline=asked[0].before.remote_addr,
        prober=live.prober_address,
        attempts=tuple(_attempt(live, one, exchange) for one, exchange in zip(asked, exchanges, strict=True)),
        not_asked=tuple(dict.fromkeys(not_asked)),
    )


def _request(live: LiveStack, path: Path, headers: Headers) -> Request:
    return question(path.door, mark(live, "echo", path.prefix), path.name, headers=headers)


def _forged(*, brief: bool) -> Iterator[Headers]:
    yield (("X-Forwarded-For", ADDRESS),)
    yield (("X-Real-IP", ADDRESS),)
    if not brief:
        yield (("X-Forwarded-For", ADDRESS), ("X-Forwarded-For", _OTHER))
        yield (("Forwarded", f"for={ADDRESS}"),)
        yield (("True-Client-IP", ADDRESS),)
        yield (("CF-Connecting-IP", ADDRESS),)
        yield (("X-Client-IP", ADDRESS),)
        yield (("X-Cluster-Client-IP", ADDRESS),)


def _attempt(live: LiveStack, asked: _Asked, exchange: Exchange) -> AddressAttempt:
    echo = our_echo(exchange, live)
    name, value = asked.headers[0]
    key = "HTTP_" + name.upper().replace("-", "_")
    there = echo.headers.get(key, "") if echo is not None else ""
    return AddressAttempt(
        door=asked.path.door,
        location=asked.path.location,
        header=name,
        value=", ".join(text for _, text in asked.headers),
        remote_addr=(echo.remote_addr or "") if echo is not None else None,
        real_ip=echo.headers.get("HTTP_X_REAL_IP") if echo is not None else None,
        forwarded_for=echo.headers.get("HTTP_X_FORWARDED_FOR") if echo is not None else None,
        arrived=value in there and asked.before.headers.get(key) != there,
        exchange=exchange,
    )

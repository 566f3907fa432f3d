"""What do the plain doors answer?"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from scanner.facts.app_servers import AppServers
from scanner.facts.live_stack import LiveStack
from scanner.facts.nginx import Nginx
from scanner.facts.plain_http import PlainAnswer, PlainHttp, PlainKind
from scanner.facts.settings import Settings
from scanner.facts.stack_identity import StackIdentity
from scanner.model import Door, Exchange, Request, probe
from scanner.probes.answers import (
    address_of,
    body_of,
    is_gateway_error,
    is_proxy_page,
    location_of,
    our_echo,
    outcome,
    status_of,
)
from scanner.probes.asking import mark, question, require_end_of_tls, site_path
from scanner.probes.pacing import ask_all
from scanner.probes.routes import Routes

NAME: Final = "plain-http"
PAGE: Final = "/a%20b?x=1&y=%2F"
_MAX_NAMES: Final = 8
_MAX_EXEMPT: Final = 8
_LITERAL: Final = re.compile(r"[A-Za-z0-9/_.-]+")


@dataclass(frozen=True)
class _Asked:
    kind: PlainKind
    name: str
    target: str
    request: Request


@probe()
def plain_http(
    live: LiveStack,
    identity: StackIdentity,
    settings: Settings | None,
    nginx: Nginx | None,
    servers: AppServers | None,
) -> PlainHttp:
    """Ask for pages, files and names over plain HTTP. No plain door is an answer, too."""
    require_end_of_tls(live)
    doors = live.doors_of("http")
    routes = Routes(live, nginx, servers)
    prefix = identity.prefixes[0] if identity.prefixes else ""
    asked = tuple(one for door in doors for one in _questions(live, door, prefix, settings))
    answers: list[PlainAnswer] = []
    not_asked: list[str] = []
    for one, exchange in zip(asked, ask_all(live, NAME, tuple(one.request for one in asked)), strict=True):
        if is_gateway_error(exchange):
            not_asked.append(f"{outcome(exchange)}: the application does not answer")
        else:
            answers.append(_answer(live, routes, one, exchange))
    return PlainHttp(doors, tuple(answers), tuple(not_asked))


def _questions(live: LiveStack, door: Door, prefix: str, settings: Settings | None) -> Iterator[_Asked]:
    name = live.site.name

    def get(kind: PlainKind, target: str, host: str = name) -> _Asked:
        return _Asked(kind, host, target, question(door, target, host))

    yield get(PlainKind.PAGE, prefix + PAGE)
    body = b"a=1"
    target = f"{prefix}/a"
    yield _Asked(PlainKind.POST, name, target, question(door, target, name, method="POST", body=body))
    if live.instrumented:
        yield get(PlainKind.APP, mark(live, "echo", prefix))
    static = site_path(live.static_url, live)
    if static and any(canary.purpose == "static" for canary in live.canaries):
        yield get(PlainKind.STATIC, f"{static}seatrial-{live.nonce}.css")
    yield get(PlainKind.ACME, f"/.well-known/acme-challenge/{live.nonce}")
    for path in _exempt(settings):
        yield get(PlainKind.EXEMPT, path)
    for other in _names(live):
        yield get(PlainKind.NAME, "/", other)


def _exempt(settings: Settings | None) -> Iterator[str]:
    """A path for each expression of SECURE_REDIRECT_EXEMPT that is plain enough to find one that it matches."""
    for expression in (settings.strings("SECURE_REDIRECT_EXEMPT") if settings else ())[:_MAX_EXEMPT]:
        found = _LITERAL.match(expression.removeprefix("^").replace("\\", ""))
        if found:
            yield f"/{found[0].lstrip('/')}"


def _names(live: LiveStack) -> tuple[str, ...]:
    """Every declared name, and the site's with or without ``www.`` where that is declared too."""
    return live.site.names[:_MAX_NAMES]


def _answer(live: LiveStack, routes: Routes, asked: _Asked, exchange: Exchange) -> PlainAnswer:
    location = location_of(exchange)
    address = address_of(location) if location else None
    return PlainAnswer(
        kind=asked.kind,
        name=asked.name,
        target=asked.target,
        door=asked.request.door,
        status=status_of(exchange),
        location=location,
        keeps_path=address is not None and address.target == asked.target,
        keeps_host=address is not None and address.host == asked.name.lower() and _port_right(live, address.port),
        by_app=_by_app(live, routes, asked, exchange),
        exchange=exchange,
    )


def _port_right(live: LiveStack, port: int | None) -> bool:
    return port in {None, 443} or any(door.port == port for door in live.doors_of("https"))


def _by_app(live: LiveStack, routes: Routes, asked: _Asked, exchange: Exchange) -> bool:
    """Whether the application answered, not the proxy."""
    if status_of(exchange) is None or is_proxy_page(exchange):
        return False
    if our_echo(exchange, live) is not None:
        return True
    body = body_of(exchange)
    if any(one.text.encode() in body for one in live.canaries if one.tree == "proxy"):
        return False
    return routes.leads_to_app(asked.request.door, asked.name, asked.target)

"""Which origins may read the site's answers?"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from scanner.facts.app_servers import AppServers
from scanner.facts.cors_replies import CorsAttempt, CorsReplies
from scanner.facts.live_stack import LiveStack
from scanner.facts.nginx import Nginx
from scanner.facts.settings import Settings
from scanner.facts.stack_identity import StackIdentity
from scanner.model import ControlFailed, Exchange, NotApplicable, Request, Response, probe
from scanner.nginx.effective import Level, Server
from scanner.nginx.patterns import search
from scanner.probes.answers import is_gateway_error, outcome, status_of
from scanner.probes.asking import Headers, evil_name, main_way, mark, question, require_app
from scanner.probes.pacing import ask, ask_all
from scanner.probes.routes import Path, Routes

NAME: Final = "cors-replies"
_MOST_PLACES: Final = 4
_LITERAL: Final = re.compile(r"\^?/(?:[A-Za-z0-9_\-/]|\\[.\-_/])*")
_PREFLIGHT: Final = ("Access-Control-Request-Method", "GET")


@dataclass(frozen=True)
class _Asked:
    path: Path
    target: str
    method: str
    origin: str
    request: Request


@probe()
def cors_replies(
    live: LiveStack, identity: StackIdentity, settings: Settings, nginx: Nginx | None, servers: AppServers | None
) -> CorsReplies:
    """Ask with origins of strangers, and with names that look like the site's own."""
    if settings.cors is None and not _is_in_proxy(live, nginx):
        raise NotApplicable("neither the project nor the proxy sends CORS headers")
    require_app(live, identity)
    way = main_way(live, settings)
    prefix = identity.prefixes[0]
    control = ask(live, NAME, question(way.door, mark(live, "echo", prefix), live.site.name, headers=way.headers))
    if status_of(control) != 200:
        raise ControlFailed(f"the probe application's echo cannot be had: {outcome(control)}", control)
    asked = tuple(_questions(live, settings, Routes(live, nginx, servers), prefix))
    exchanges = ask_all(live, NAME, tuple(one.request for one in asked))
    attempts: list[CorsAttempt] = []
    not_asked: list[str] = []
    for one, exchange in zip(asked, exchanges, strict=True):
        if is_gateway_error(exchange) or not isinstance(exchange.answer, Response):
            not_asked.append(outcome(exchange))
        else:
            attempts.append(_attempt(one, exchange, exchange.answer))
    return CorsReplies(tuple(attempts), tuple(not_asked))


def _is_in_proxy(live: LiveStack, nginx: Nginx | None) -> bool:
    """The proxy's configuration speaks of CORS somewhere."""
    if nginx is None or not live.own_proxy:
        return False
    levels = (level for server in nginx.main.servers for level in (server, *_levels(server)))
    return any(
        line.arg(0).lower() == "access-control-allow-origin"
        for level in levels
        for line in level.effective("add_header").values
    )


def _levels(server: Server) -> Iterator[Level]:
    for place in server.locations:
        yield from place.levels


def _questions(live: LiveStack, settings: Settings, routes: Routes, prefix: str) -> Iterator[_Asked]:
    way = main_way(live, settings)
    paths = routes.paths((way.door,))[:_MOST_PLACES] or (Path(way.door, live.site.name, prefix, None),)
    below = _below(settings)
    for path in paths:
        target = mark(live, "echo", path.prefix or below)
        for origin in _origins(live, path.name):
            for method, more in (("GET", ()), ("OPTIONS", (_PREFLIGHT,))):
                headers: Headers = (*way.headers, ("Origin", origin), *more)
                request = question(path.door, target, path.name, method=method, headers=headers)
                yield _Asked(path, target, method, origin, request)


def _below(settings: Settings) -> str:
    """The prefix on which CORS_URLS_REGEX makes django-cors-headers answer."""
    pattern = settings.cors.urls if settings.cors is not None else ""
    if not pattern or search(pattern, "/__seatrial/echo") is not False:
        return ""
    found = _LITERAL.match(pattern)
    return found[0].removeprefix("^").replace("\\", "").rstrip("/") if found is not None else ""


def _origins(live: LiveStack, name: str) -> tuple[str, ...]:
    evil = evil_name(live)
    return (
        f"https://{evil}",
        "null",
        f"https://{name}.{evil}",
        f"https://evil{name}",
        f"https://{name}x{evil}",
        f"http://{name}",
        f"https://sub.{name}",
    )


def _attempt(asked: _Asked, exchange: Exchange, answer: Response) -> CorsAttempt:
    allowed = answer.value("Access-Control-Allow-Origin")
    vary = ",".join(answer.values("Vary")).lower()
    return CorsAttempt(
        target=asked.target,
        location=asked.path.location,
        method=asked.method,
        origin=asked.origin,
        allow_origin=allowed,
        allow_credentials=(answer.value("Access-Control-Allow-Credentials") or "").lower() == "true",
        vary_origin="origin" in {word.strip() for word in vary.split(",")},
        exchange=exchange,
    )

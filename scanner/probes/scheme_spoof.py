"""Can a client tell Django which scheme it used?"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from scanner.facts.app_servers import AppServers
from scanner.facts.live_stack import LiveStack
from scanner.facts.nginx import Nginx
from scanner.facts.scheme_spoof import SchemeAttempt, SchemeSpoof
from scanner.facts.settings import Settings
from scanner.facts.stack_identity import StackIdentity
from scanner.model import ControlFailed, Exchange, Request, probe
from scanner.probes.answers import Echo, address_of, body_of, is_proxy_page, location_of, our_echo, outcome, status_of
from scanner.probes.asking import (
    Headers,
    evil_name,
    mark,
    question,
    require_app,
    require_end_of_tls,
    require_own_proxy,
    require_same_peer,
    scheme_header,
)
from scanner.probes.pacing import ask_all
from scanner.probes.routes import Path, Routes

NAME: Final = "scheme-spoof"
ADDRESS: Final = "203.0.113.9"
"""A visitor's address that is forged (RFC 5737)."""
_REMOTE_USER: Final = "django.contrib.auth.middleware.RemoteUserMiddleware"
_BRIEF: Final = 3
"""From this many locations on, only the usual headers are tried."""


@dataclass(frozen=True)
class _Baseline:
    """What an honest request shows."""

    secure: bool | None
    echo: Echo | None = None
    hyphens_arrive: bool = False


@dataclass(frozen=True)
class _Asked:
    path: Path
    headers: Headers
    request: Request
    baseline: _Baseline


@probe()
def scheme_spoof(
    live: LiveStack,
    identity: StackIdentity,
    settings: Settings,
    nginx: Nginx | None,
    servers: AppServers | None,
) -> SchemeSpoof:
    """Forge the headers by which proxies tell the scheme, through every location that leads to Django."""
    require_own_proxy(live, nginx)
    require_end_of_tls(live)
    require_same_peer(live)
    require_app(live, identity)
    routes = Routes(live, nginx, servers)
    paths = tuple(path for path in routes.paths(live.doors) if path.name == live.site.name) or routes.paths(live.doors)
    honest = (_harmless(live),)
    first = ask_all(live, NAME, tuple(_request(live, path, honest) for path in paths))
    not_asked = list(routes.unreached())
    asked: list[_Asked] = []
    for number, (path, exchange) in enumerate(zip(paths, first, strict=True)):
        baseline = _baseline(live, path, exchange)
        if baseline.secure is None:
            not_asked.append(outcome(exchange))
            continue
        if not baseline.hyphens_arrive and baseline.echo is not None:
            not_asked.append(f"{exchange.request.label}: the client's headers do not arrive at all")
        asked += [
            _Asked(path, headers, _request(live, path, headers), baseline)
            for headers in _forged(live, settings, path, brief=number >= _BRIEF)
        ]
    if not asked:
        raise ControlFailed(f"the probe application no longer answers: {outcome(first[0])}", first[0])
    exchanges = ask_all(live, NAME, tuple(one.request for one in asked))
    attempts = tuple(_attempt(live, one, exchange) for one, exchange in zip(asked, exchanges, strict=True))
    return SchemeSpoof(attempts, tuple(dict.fromkeys(not_asked)))


def _harmless(live: LiveStack) -> tuple[str, str]:
    return (f"X-Seatrial-{live.nonce}", "1")


def _request(live: LiveStack, path: Path, headers: Headers) -> Request:
    return question(path.door, mark(live, "echo", path.prefix), path.name, headers=headers)


def _baseline(live: LiveStack, path: Path, exchange: Exchange) -> _Baseline:
    echo = our_echo(exchange, live)
    if echo is not None:
        name = f"HTTP_X_SEATRIAL_{live.nonce.upper()}"
        return _Baseline(echo.secure, echo, name in echo.headers)
    if _sent_to_https(live, path, exchange):
        return _Baseline(secure=False)
    return _Baseline(secure=None)


def _sent_to_https(live: LiveStack, path: Path, exchange: Exchange) -> bool:
    """Django itself redirects the request to https: it takes it for plain."""
    address = address_of(location_of(exchange) or "")
    return (
        status_of(exchange) in {301, 308}
        and not is_proxy_page(exchange)
        and address is not None
        and address.scheme == "https"
        and address.target == mark(live, "echo", path.prefix)
    )


def _forged(live: LiveStack, settings: Settings, path: Path, *, brief: bool) -> Iterator[Headers]:
    own = scheme_header(settings)
    yield (("X-Forwarded-Proto", "https"),)
    yield (("X-Forwarded-Ssl", "on"),)
    if own[0].lower() != "x-forwarded-proto" or own[1] != "https":
        yield (own,)
    if path.door.scheme == "https":
        yield (("X-Forwarded-Proto", "http"),)
        yield (("X-Forwarded-Ssl", "off"),)
        if own[0].lower() != "x-forwarded-proto":
            yield ((own[0], "http"),)
    if brief:
        return
    yield (("X-Forwarded-Proto", "https, http"),)
    yield (("X-Forwarded-Proto", "http"), ("X-Forwarded-Proto", "https"))
    yield (("X-Forwarded-Protocol", "ssl"),)
    yield (("X-Forwarded-Scheme", "https"),)
    yield (("X-Scheme", "https"),)
    yield (("Front-End-Https", "on"),)
    yield (("X_Forwarded_Proto", "https"),)
    yield (("X_Forwarded_Host", evil_name(live)),)
    yield (("X_Real_IP", ADDRESS),)
    for entry in settings.middleware:
        if entry.is_a(_REMOTE_USER) and (entry.header or "").startswith("HTTP_"):
            name = (entry.header or "").removeprefix("HTTP_").replace("_", "-").title()
            yield ((name, f"seatrial-{live.nonce}"),)


def _attempt(live: LiveStack, asked: _Asked, exchange: Exchange) -> SchemeAttempt:
    echo = our_echo(exchange, live)
    secure = echo.secure if echo is not None else None
    if echo is None and _sent_to_https(live, asked.path, exchange):
        secure = False
    return SchemeAttempt(
        door=asked.path.door,
        location=asked.path.location,
        prefix=asked.path.prefix,
        headers=asked.headers,
        status=status_of(exchange),
        secure=secure,
        baseline=asked.baseline.secure,
        contradictory=b"Contradictory scheme headers" in body_of(exchange),
        seen_as=_seen_as(asked, echo),
        exchange=exchange,
    )


def _seen_as(asked: _Asked, echo: Echo | None) -> Headers:
    """META entries that hold a forged value and did not before."""
    if echo is None:
        return ()
    before = asked.baseline.echo.headers if asked.baseline.echo else {}
    return tuple(
        (name, value)
        for name, value in sorted(echo.headers.items())
        if before.get(name) != value and any(forged in value for _, forged in asked.headers)
    )

"""Which origins may post with a valid token?"""

from collections.abc import Iterator
from typing import Final
from urllib.parse import urlsplit

from scanner.facts.csrf_origins import CsrfAttempt, CsrfOrigins
from scanner.facts.live_stack import LiveStack
from scanner.facts.settings import Settings
from scanner.facts.stack_identity import StackIdentity
from scanner.model import ControlFailed, Exchange, Request, probe
from scanner.probes.answers import is_gateway_error, is_proxy_page, outcome, status_of
from scanner.probes.asking import (
    Headers,
    evil_name,
    main_way,
    mark,
    question,
    require_app,
    require_end_of_tls,
    require_same_peer,
)
from scanner.probes.pacing import ask, ask_all

NAME: Final = "csrf-origins"
_MAX_WILDCARDS: Final = 6
_TOKEN: Final = "a" * 32
_WRONG: Final = "b" * 32
_Asked = tuple[str | None, str | None, bool]
"""Origin, Referer, and whether the token matches."""


@probe()
def csrf_origins(live: LiveStack, identity: StackIdentity, settings: Settings) -> CsrfOrigins:
    """Post with a token that matches the cookie, from the site's own origin and from others."""
    require_end_of_tls(live)
    require_same_peer(live)
    require_app(live, identity)
    target = mark(live, "post", identity.prefixes[0])
    way = main_way(live, settings)
    control = ask(live, NAME, question(way.door, target, live.site.name, headers=way.headers))
    if status_of(control) != 200:
        raise ControlFailed(f"the probe application's form cannot be had: {outcome(control)}", control)
    asked = tuple(_attempts(live, settings, way.door.scheme))
    requests = tuple(_request(live, settings, target, one) for one in asked)
    attempts: list[CsrfAttempt] = []
    not_asked: list[str] = []
    for (origin, referer, matches), exchange in zip(asked, ask_all(live, NAME, requests), strict=True):
        if is_gateway_error(exchange):
            not_asked.append(outcome(exchange))
        else:
            attempts.append(_attempt(origin, referer, exchange, matches=matches))
    return CsrfOrigins(tuple(attempts), tuple(not_asked))


def _attempts(live: LiveStack, settings: Settings, scheme: str) -> Iterator[_Asked]:
    name, own = live.site.name, f"{scheme}://{live.site.name}"
    yield own, None, True
    yield f"{scheme}://{evil_name(live)}", None, True
    yield "null", None, True
    if scheme == "https":
        yield f"http://{name}", None, True
    yield f"{scheme}://sub.{name}", None, True
    for origin in settings.strings("CSRF_TRUSTED_ORIGINS"):
        host = _below(origin, live)
        if host is not None:
            yield host, None, True
    yield None, f"{own}/x", True
    yield None, None, True
    yield own, None, False


def _below(origin: str, live: LiveStack) -> str | None:
    """An origin that a wildcard of CSRF_TRUSTED_ORIGINS is meant to take."""
    try:
        parts = urlsplit(origin)
    except ValueError:
        return None
    if not parts.netloc.startswith("*") or parts.scheme not in {"http", "https"}:
        return None
    rest = parts.netloc.removeprefix("*").removeprefix(".")
    return f"{parts.scheme}://seatrial-{live.nonce}.{rest}" if rest else None


def _request(live: LiveStack, settings: Settings, target: str, asked: _Asked) -> Request:
    origin, referer, matches = asked
    cookie, header = settings.value("CSRF_COOKIE_NAME"), settings.value("CSRF_HEADER_NAME")
    cookie_name = cookie if isinstance(cookie, str) else "csrftoken"
    header_name = header if isinstance(header, str) else "HTTP_X_CSRFTOKEN"
    headers: list[tuple[str, str]] = [
        ("Cookie", f"{cookie_name}={_TOKEN}"),
        (header_name.removeprefix("HTTP_").replace("_", "-").title(), _TOKEN if matches else _WRONG),
    ]
    headers += [("Origin", origin)] if origin is not None else []
    headers += [("Referer", referer)] if referer is not None else []
    way = main_way(live, settings)
    added: Headers = (*way.headers, *headers)
    return question(way.door, target, live.site.name, method="POST", headers=added, body=b"a=1")


def _attempt(origin: str | None, referer: str | None, exchange: Exchange, *, matches: bool) -> CsrfAttempt:
    return CsrfAttempt(
        origin=origin,
        referer=referer,
        token_matches=matches,
        status=status_of(exchange),
        by_proxy=is_proxy_page(exchange),
        exchange=exchange,
    )

"""Does a cache give one client's page or cookie to another?"""

from typing import Final

from scanner.facts.app_servers import AppServers
from scanner.facts.cache_replay import CachePair, CacheReplay
from scanner.facts.live_stack import LiveStack
from scanner.facts.nginx import Nginx
from scanner.facts.settings import Settings
from scanner.facts.stack_identity import StackIdentity
from scanner.model import ControlFailed, Exchange, Request, Response, probe
from scanner.probes.answers import body_of, is_gateway_error, outcome, status_of
from scanner.probes.asking import main_way, mark, question, require_app, require_own_proxy
from scanner.probes.pacing import ask_all
from scanner.probes.routes import Path, Routes

NAME: Final = "cache-replay"
_CLIENTS: Final = ("first", "second")
_VIEWS: Final = ("page", "cookies")
_MOST_PLACES: Final = 6
_SHORTEST_TOKEN: Final = 16
_CACHE_HEADERS: Final = ("Age", "X-Cache", "X-Cache-Status", "X-Proxy-Cache", "CF-Cache-Status")


@probe()
def cache_replay(
    live: LiveStack, identity: StackIdentity, settings: Settings, nginx: Nginx | None, servers: AppServers | None
) -> CacheReplay:
    """Two clients that share nothing ask for a page that is never the same twice, and for one that sets cookies."""
    config = require_own_proxy(live, nginx)
    require_app(live, identity)
    way = main_way(live, settings)
    paths = Routes(live, config, servers).paths((way.door,))[:_MOST_PLACES]
    asked = [(path, view) for path in paths for view in _VIEWS]
    # The second client asks when the first one has all its answers: only then can a cache hold them.
    first, second = (
        ask_all(live, NAME, tuple(_request(live, settings, path, view, client) for path, view in asked))
        for client in _CLIENTS
    )
    pairs: list[CachePair] = []
    not_asked: list[str] = []
    for (path, view), one, other in zip(asked, first, second, strict=True):
        bad = next((each for each in (one, other) if status_of(each) != 200), None)
        if bad is not None:
            not_asked.append(outcome(bad))
        else:
            pairs.append(_pair(live, settings, path, view, one, other))
    failed = [each for each in first if is_gateway_error(each)]
    if not pairs and failed:
        raise ControlFailed(f"the probe application's page cannot be had: {outcome(failed[0])}", failed[0])
    return CacheReplay(tuple(pairs), tuple(not_asked))


def _request(live: LiveStack, settings: Settings, path: Path, view: str, client: str) -> Request:
    way = main_way(live, settings)
    headers = (*way.headers, ("X-Seatrial-Client", client))
    return question(path.door, mark(live, view, path.prefix), path.name, headers=headers)


def _pair(live: LiveStack, settings: Settings, path: Path, view: str, one: Exchange, other: Exchange) -> CachePair:
    answer = one.answer
    told = [answer, other.answer]
    headers = [
        f"{name}: {value}"
        for each in told
        if isinstance(each, Response)
        for name in _CACHE_HEADERS
        if (value := each.value(name)) is not None
    ]
    control = _text(answer, "Cache-Control")
    return CachePair(
        target=mark(live, view, path.prefix),
        location=path.location,
        same_body=view == "page" and body_of(one) == body_of(other),
        same_cookie=bool(_tokens(settings, one) & _tokens(settings, other)),
        public=_is_public(control),
        cache_control=control,
        vary=_text(answer, "Vary"),
        cache_headers=tuple(dict.fromkeys(headers)),
        exchanges=(one, other),
    )


def _text(answer: object, name: str) -> str:
    return ", ".join(answer.values(name)) if isinstance(answer, Response) else ""


def _tokens(settings: Settings, exchange: Exchange) -> frozenset[str]:
    """Random values of cookies; the session cookie's own is always the same in the probe application."""
    session = settings.value("SESSION_COOKIE_NAME")
    found = set()
    for line in exchange.answer.values("Set-Cookie") if isinstance(exchange.answer, Response) else ():
        name, _, rest = line.partition("=")
        value = rest.partition(";")[0].strip()
        if name.strip() != session and len(value) >= _SHORTEST_TOKEN:
            found.add(value)
    return frozenset(found)


def _is_public(control: str) -> bool:
    """A shared cache may keep the page."""
    words = {word.strip().lower() for word in control.split(",")}
    if words & {"private", "no-store", "no-cache"}:
        return False
    ages = [word.partition("=")[2] for word in words if word.startswith(("max-age=", "s-maxage="))]
    return "public" in words or any(age.isdecimal() and int(age) > 0 for age in ages)

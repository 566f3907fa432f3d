"""Which headers has every kind of answer that the site gives?"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from scanner.facts.app_servers import AppServers
from scanner.facts.header_survey import HeaderSurvey, KindHeaders, MadeBy
from scanner.facts.live_stack import LiveStack
from scanner.facts.nginx import Nginx
from scanner.facts.settings import Settings, Urlconf
from scanner.facts.stack_identity import Reached, StackIdentity
from scanner.model import ControlFailed, Door, Exchange, NoResponse, Request, Response, Unavailable, probe
from scanner.probes.answers import body_of, is_gateway_error, is_proxy_page, outcome, status_of
from scanner.probes.asking import AS_HOST, Headers, Way, evil_name, main_way, mark, question, site_path
from scanner.probes.pacing import ask_all
from scanner.probes.pages import login_paths, slashless
from scanner.probes.routes import Path, Routes

NAME: Final = "header-survey"
_HUGE: Final = 10 * 2**30
_SIZE: Final = re.compile(r"(\d+)([kKmMgG]?)")
_UNITS: Final = {"": 0, "k": 10, "m": 20, "g": 30}
_BY_APP: Final = frozenset({"page", "error"})
"""Only the probe application gives these kinds of answer."""


@dataclass(frozen=True)
class _Asked:
    kind: str
    target: str
    host: str
    request: Request


@dataclass(frozen=True)
class _Site:
    """What the questions depend on."""

    live: LiveStack
    identity: StackIdentity
    settings: Settings
    urlconf: Urlconf | None
    routes: Routes

    @property
    def prefix(self) -> str:
        """The shortest prefix that leads to Django."""
        return self.identity.prefixes[0] if self.identity.prefixes else ""


@probe()
def header_survey(
    live: LiveStack,
    identity: StackIdentity,
    settings: Settings,
    urlconf: Urlconf | None,
    nginx: Nginx | None,
    servers: AppServers | None,
) -> HeaderSurvey:
    """Walk over the kinds of answer, over https and over http.

    Raises Unavailable when no page of the application can be had, ControlFailed when the page that must work does not.
    """
    if not live.app_ready:
        raise Unavailable(f"the application did not start: {live.app_error}")
    site = _Site(live, identity, settings, urlconf, Routes(live, nginx, servers))
    way = main_way(live, settings)
    not_asked: list[str] = list(site.routes.unreached())
    asked = [*_through(site, way, not_asked)]
    plain = live.door("http")
    if plain is not None and plain != way.door:
        asked += _plain(site, plain)
    exchanges = ask_all(live, NAME, tuple(one.request for one in asked))
    seen: list[KindHeaders] = []
    for one, exchange in zip(asked, exchanges, strict=True):
        found = _seen(site, one, exchange)
        if found is None:
            not_asked.append(f"{one.kind}: {outcome(exchange)}")
        else:
            seen.append(found)
    _control(identity, way, seen, asked, exchanges)
    return HeaderSurvey(tuple(seen), way.assumed_edge, tuple(dict.fromkeys(not_asked)))


def _control(
    identity: StackIdentity,
    way: Way,
    seen: list[KindHeaders],
    asked: list[_Asked],
    exchanges: tuple[Exchange, ...],
) -> None:
    """A page of the application must be among the answers."""
    pages = [one for one in seen if one.kind in {"page", "home", "login"} and one.door == way.door]
    if any(one.status == 200 for one in pages):
        return
    if identity.reached is Reached.NONE:
        raise Unavailable(f"no page of the application can be had: {identity.why_not}")
    exchange = next((had for one, had in zip(asked, exchanges, strict=True) if one.kind == "page"), exchanges[0])
    raise ControlFailed(f"no page of the application answers: {outcome(exchange)}", exchange)


def _through(site: _Site, way: Way, not_asked: list[str]) -> Iterator[_Asked]:
    """All kinds, by the way that visitors take."""
    live, door, name, edge = site.live, way.door, site.live.site.name, way.headers

    sni = name if door.scheme == "https" else AS_HOST

    def get(kind: str, target: str, host: str = name) -> _Asked:
        return _Asked(kind, target, host, question(door, target, host, headers=edge, sni=sni))

    if site.identity.reached is not Reached.NONE:
        yield from (_page(live, path, edge) for path in site.routes.paths((door,)))
        yield get("error", mark(live, "boom", site.prefix))
    else:
        not_asked.append(f"page, error: {site.identity.why_not}")
    yield get("home", "/")
    login = login_paths(site.settings, site.urlconf, live)
    if login:
        yield get("login", login[0])
    else:
        not_asked.append("login: no login page is known")
    yield get("not-found", f"{site.prefix}/__nope_{live.nonce}")
    yield get("bad-host", "/", evil_name(live))
    path = slashless(site.settings, site.urlconf)
    if path is not None:
        yield get("redirect-django", path)
    yield from (get(kind, target) for kind, target in _files(live))
    if live.own_proxy:
        yield from _refused_by_proxy(site, way, not_asked)


def _page(live: LiveStack, path: Path, edge: Headers) -> _Asked:
    target = mark(live, "page", path.prefix)
    return _Asked("page", target, path.name, question(path.door, target, path.name, headers=edge))


def _files(live: LiveStack) -> Iterator[tuple[str, str]]:
    static, media = site_path(live.static_url, live), site_path(live.media_url, live)
    purposes = {canary.purpose for canary in live.canaries}
    if static and static != "/":
        if "static" in purposes:
            yield "static", f"{static}seatrial-{live.nonce}.css"
        yield "static-missing", f"{static}__nope_{live.nonce}.css"
    if media and media != "/" and "media" in purposes:
        yield "media", f"{media}seatrial-{live.nonce}.jpg"


def _refused_by_proxy(site: _Site, way: Way, not_asked: list[str]) -> Iterator[_Asked]:
    """What makes nginx answer by itself: TRACE, a body that it will not take, a malformed head."""
    door, name = way.door, site.live.site.name
    yield _Asked("proxy-405", "/", name, question(door, "/", name, method="TRACE", headers=way.headers))
    bad = (*way.headers, ("Bad Header", "1"), ("X\x01", "1"))
    yield _Asked("proxy-400", "/", name, question(door, "/", name, headers=bad))
    if _takes_huge_bodies(site, door):
        not_asked.append("proxy-413: the proxy takes bodies of any size")
        return
    head = (*way.headers, ("Content-Length", str(_HUGE)))
    yield _Asked("proxy-413", "/", name, question(door, "/", name, method="POST", headers=head))


def _takes_huge_bodies(site: _Site, door: Door) -> bool:
    place = site.routes.place(door, site.live.site.name, "/")
    text = place.effective("client_max_body_size").text if place is not None else None
    size = _SIZE.fullmatch(text or "1m")
    if size is None:
        return True
    number = int(size[1]) << _UNITS[size[2].lower()]
    return number == 0 or number >= _HUGE


def _plain(site: _Site, door: Door) -> Iterator[_Asked]:
    """The same over http, where the site answers there; a redirect to https is a kind of its own."""
    live, name = site.live, site.live.site.name
    kinds = [("home", "/"), ("not-found", f"{site.prefix}/__nope_{live.nonce}")]
    if site.identity.reached is not Reached.NONE:
        kinds.insert(0, ("page", mark(live, "page", site.prefix)))
    kinds += _files(live)
    yield from (_Asked(kind, target, name, question(door, target, name)) for kind, target in kinds)


def _seen(site: _Site, asked: _Asked, exchange: Exchange) -> KindHeaders | None:
    """The answer's headers. None where it is not of the kind that was asked for."""
    answer = exchange.answer
    if isinstance(answer, NoResponse) or is_gateway_error(exchange):
        return None
    kind = _kind(asked, answer)
    if kind is None:
        return None
    door = asked.request.door
    return KindHeaders(
        kind=kind,
        door=door,
        target=asked.target,
        status=answer.status,
        made_by=_made_by(site, asked, exchange),
        headers=answer.headers,
        location=site.routes.location(door, asked.host, asked.target),
        html=(answer.value("Content-Type") or "").lower().startswith("text/html"),
        exchange=exchange,
    )


def _kind(asked: _Asked, answer: Response) -> str | None:
    """What kind of answer it became: a redirect to https is no page."""
    location = (answer.value("Location") or "").lower()
    redirected = 300 <= answer.status < 400
    if redirected and asked.request.door.scheme == "http" and location.startswith("https://"):
        return "redirect-ssl" if asked.kind in {"home", "page"} else None
    expected = {
        "page": answer.status == 200,
        "error": answer.status == 500,
        "login": answer.status == 200,
        "not-found": answer.status == 404,
        "static": answer.status == 200,
        "static-missing": answer.status == 404,
        "media": answer.status == 200,
        "redirect-django": redirected,
        "proxy-405": answer.status == 405,
        "proxy-413": answer.status == 413,
        "proxy-400": answer.status == 400,
    }
    return asked.kind if expected.get(asked.kind, True) else None


def _made_by(site: _Site, asked: _Asked, exchange: Exchange) -> MadeBy:
    if is_proxy_page(exchange):
        return MadeBy.PROXY
    body = body_of(exchange)
    if any(one.tree == "proxy" and one.text.encode() in body for one in site.live.canaries):
        return MadeBy.PROXY
    if asked.kind in _BY_APP:
        return MadeBy.DJANGO
    door = asked.request.door
    place = site.routes.place(door, asked.host, asked.target)
    if place is None:
        return MadeBy.DJANGO
    intercepted = (status_of(exchange) or 0) >= 300 and place.effective("proxy_intercept_errors").text == "on"
    if intercepted:
        return MadeBy.UNKNOWN
    return MadeBy.DJANGO if site.routes.leads_to_app(door, asked.host, asked.target) else MadeBy.UNKNOWN

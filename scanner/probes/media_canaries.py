"""How do uploaded files come back?"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from scanner.facts.app_servers import AppServers
from scanner.facts.file_headers import keeps_scripts_out
from scanner.facts.live_stack import LiveStack
from scanner.facts.media_canaries import MediaCanaries, MediaSeen
from scanner.facts.nginx import Nginx
from scanner.facts.settings import Settings
from scanner.facts.stack_identity import StackIdentity
from scanner.facts.static_file import ServedBy
from scanner.model import Door, Exchange, NotApplicable, Request, Response, Unavailable, probe
from scanner.probes.answers import body_of, is_gateway_error, outcome, status_of
from scanner.probes.asking import Headers, main_way, question, site_path
from scanner.probes.pacing import ask_all
from scanner.probes.routes import Routes

NAME: Final = "media-canaries"
KINDS: Final = ("html", "svg", "js", "pdf", "jpg", "php", "py")
_SCRIPTS: Final = frozenset({"php", "py"})
_HARMLESS: Final = "jpg"


@dataclass(frozen=True)
class _Asked:
    door: Door
    target: str
    kind: str
    request: Request


@probe()
def media_canaries(
    live: LiveStack,
    _identity: StackIdentity,
    settings: Settings,
    nginx: Nginx | None,
    servers: AppServers | None,
) -> MediaCanaries:
    """Ask for planted files under MEDIA_URL, through every kind of door; the picture is the control."""
    base = site_path(live.media_url, live)
    if base is None or not live.media_url or base == "/":
        raise NotApplicable("uploaded files are not served below a path of this site")
    if not any(canary.purpose == "media" for canary in live.canaries):
        raise Unavailable("the directory of the uploaded files is not known")
    asked = tuple(_questions(live, settings, base))
    answers = tuple(zip(asked, ask_all(live, NAME, tuple(one.request for one in asked)), strict=True))
    routes = Routes(live, nginx, servers)
    had = {one.door for one, exchange in answers if one.kind == _HARMLESS and _served_by(live, exchange) is not None}
    if not had:
        picture = next(exchange for one, exchange in answers if one.kind == _HARMLESS)
        if is_gateway_error(picture):
            raise Unavailable(f"the application does not answer: {outcome(picture)}")
        raise NotApplicable(f"uploaded files are elsewhere, or protected: {outcome(picture)}")
    files = tuple(_seen(live, routes, one, exchange) for one, exchange in answers if one.door in had)
    missed = tuple(f"{one.door}: {outcome(exchange)}" for one, exchange in answers if one.door not in had)
    way = main_way(live, settings)
    return MediaCanaries(files, routes.leads_to_app(way.door, live.site.name, "/"), missed[:1])


def _questions(live: LiveStack, settings: Settings, base: str) -> Iterator[_Asked]:
    way = main_way(live, settings)
    plain = live.door("http")
    ways: dict[Door, Headers] = {way.door: way.headers}
    if plain is not None:
        ways.setdefault(plain, ())
    for door, headers in ways.items():
        for kind in KINDS:
            target = f"{base}seatrial-{live.nonce}.{kind}"
            yield _Asked(door, target, kind, question(door, target, live.site.name, headers=headers))


def _served_by(live: LiveStack, exchange: Exchange) -> ServedBy | None:
    """Whose planted file came back; None where none did."""
    if status_of(exchange) != 200:
        return None
    body = body_of(exchange)
    for canary in live.canaries:
        if canary.purpose == "media" and canary.text.encode() in body:
            return ServedBy.PROXY if canary.tree == "proxy" else ServedBy.APP
    return None


def _seen(live: LiveStack, routes: Routes, asked: _Asked, exchange: Exchange) -> MediaSeen:
    answer = exchange.answer
    served = _served_by(live, exchange)
    given = answer if isinstance(answer, Response) else None
    policies = [value for name, value in given.headers if name.lower() == "content-security-policy"] if given else []
    return MediaSeen(
        extension=asked.kind,
        status=status_of(exchange),
        content_type=_first(given, "Content-Type"),
        nosniff=_first(given, "X-Content-Type-Options") == "nosniff",
        disposition=_first(given, "Content-Disposition"),
        sandboxed=any(keeps_scripts_out(one) for one in policies),
        served_by=served or ServedBy.NOBODY,
        executed=served is None and asked.kind in _SCRIPTS and (is_gateway_error(exchange) or given is None),
        location=routes.location(asked.door, live.site.name, asked.target),
        exchange=exchange,
    )


def _first(answer: Response | None, name: str) -> str:
    """The first word of a header, in lower case."""
    value = answer.value(name) if answer is not None else None
    return (value or "").partition(";")[0].strip().lower()

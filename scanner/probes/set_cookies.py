"""Which cookies does the site set, and with which attributes?"""

from collections.abc import Iterator
from typing import Final

from scanner.facts.live_stack import LiveStack
from scanner.facts.set_cookies import CookiePurpose, CookieSeen, SetCookies
from scanner.facts.settings import Settings, Urlconf
from scanner.facts.stack_identity import Reached, StackIdentity
from scanner.model import ControlFailed, Exchange, NoResponse, Request, Unavailable, clean, probe
from scanner.probes.answers import is_gateway_error, outcome, status_of
from scanner.probes.asking import Way, main_way, mark, question, require_started
from scanner.probes.pacing import ask_all
from scanner.probes.pages import admin_login, login_paths

NAME: Final = "set-cookies"
_LONG: Final = 200


@probe()
def set_cookies(live: LiveStack, identity: StackIdentity, settings: Settings, urlconf: Urlconf | None) -> SetCookies:
    """Ask for the probe application's cookies and for the pages that set some. No value of a cookie is kept."""
    require_started(live)
    way = main_way(live, settings)
    plain = live.door("http")
    asked = [(target, way) for target in _targets(live, identity, settings, urlconf)]
    if plain is not None and plain != way.door:
        asked += [(target, Way(plain)) for target, _ in asked]
    requests = tuple(_request(live, target, one) for target, one in asked)
    exchanges = ask_all(live, NAME, requests)
    not_asked = []
    if identity.reached is not Reached.NONE:
        _control(exchanges, plain is not None)
    else:
        not_asked.append(f"session cookie: {identity.why_not}")
    cookies: list[CookieSeen] = []
    for (target, one), exchange in zip(asked, exchanges, strict=True):
        if isinstance(exchange.answer, NoResponse) or is_gateway_error(exchange):
            not_asked.append(outcome(exchange))
        else:
            cookies += _cookies(settings, target, one, exchange)
    if identity.reached is Reached.NONE and not cookies:
        raise Unavailable(identity.why_not)
    return SetCookies(tuple(cookies), way.assumed_edge, tuple(not_asked))


def _targets(live: LiveStack, identity: StackIdentity, settings: Settings, urlconf: Urlconf | None) -> Iterator[str]:
    if identity.reached is not Reached.NONE:
        yield mark(live, "cookies", identity.prefixes[0])
    yield "/"
    yield from dict.fromkeys((*login_paths(settings, urlconf, live)[:1], *admin_login(urlconf)[:1]))


def _request(live: LiveStack, target: str, way: Way) -> Request:
    return question(way.door, target, live.site.name, headers=way.headers)


def _control(exchanges: tuple[Exchange, ...], has_plain: bool) -> None:  # noqa: FBT001 - one caller, beside it
    """The probe application's cookies page must answer by one door."""
    first = exchanges[0]
    half = len(exchanges) // 2
    candidates = (first, exchanges[half]) if has_plain and len(exchanges) > 1 else (first,)
    if not any(status_of(exchange) == 200 for exchange in candidates):
        raise ControlFailed(f"the probe application's cookies cannot be had: {outcome(first)}", first)


def _cookies(settings: Settings, target: str, way: Way, exchange: Exchange) -> Iterator[CookieSeen]:
    if isinstance(exchange.answer, NoResponse):
        return
    for line in exchange.answer.values("Set-Cookie"):
        pair, *parts = line.split(";")
        name = clean(pair.partition("=")[0].strip())[:_LONG]
        attributes = {key.strip().lower(): value.strip() for key, _, value in (part.partition("=") for part in parts)}
        yield CookieSeen(
            name=name,
            purpose=_purpose(settings, name),
            secure="secure" in attributes,
            http_only="httponly" in attributes,
            same_site=attributes.get("samesite"),
            path=attributes.get("path"),
            domain=attributes.get("domain"),
            max_age=_number(attributes.get("max-age")),
            door=way.door,
            target=target,
            exchange=exchange,
        )


def _purpose(settings: Settings, name: str) -> CookiePurpose:
    names = {
        settings.value("SESSION_COOKIE_NAME"): CookiePurpose.SESSION,
        settings.value("CSRF_COOKIE_NAME"): CookiePurpose.CSRF,
        settings.value("LANGUAGE_COOKIE_NAME"): CookiePurpose.LANGUAGE,
        "messages": CookiePurpose.MESSAGES,
    }
    return next((purpose for known, purpose in names.items() if known == name), CookiePurpose.OTHER)


def _number(text: str | None) -> int | None:
    """Seconds (RFC 6265, 5.2.2); None where there are none."""
    digits = (text or "").removeprefix("-")
    if text is None or not (digits.isascii() and digits.isdecimal()) or len(digits) > 18:
        return None
    return int(text)

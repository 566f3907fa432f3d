"""Other sites learn the full addresses of the pages.

## Why is this bad
With `unsafe-url` or `no-referrer-when-downgrade` every site that a page links to, or loads something from, gets the
page's address with path and query: reset tokens, search words, names of customers.

## Bad
    SECURE_REFERRER_POLICY = "unsafe-url"

## Good
    SECURE_REFERRER_POLICY = "same-origin"

## References
- https://docs.djangoproject.com/en/stable/ref/settings/#secure-referrer-policy
- https://www.w3.org/TR/referrer-policy/
- CWE-200
"""

from collections.abc import Iterator

from scanner.facts.app_servers import AppServers
from scanner.facts.exchange_text import exchange_text
from scanner.facts.header_mentions import HeaderMentions, require_no_other_sender
from scanner.facts.header_survey import HeaderSurvey
from scanner.facts.nginx import Nginx
from scanner.facts.nginx_fix import line_fix
from scanner.facts.redirects import SECURITY_MIDDLEWARE
from scanner.facts.sent_headers import (
    REFERRER,
    added_headers,
    django_header,
    hidden,
    level_symbol,
)
from scanner.facts.settings import Settings
from scanner.facts.settings_fix import setting_fix
from scanner.facts.settings_place import booted, require_decided, settings_place
from scanner.facts.settings_source import SettingsSource
from scanner.model import Evidence, Finding, Severity, quoted, rule
from scanner.rules.headers._missing import Edge, Seen, seen

_NAME = "SECURE_REFERRER_POLICY"
_GOOD = "strict-origin-when-cross-origin"
_UNSAFE = frozenset({"unsafe-url", "no-referrer-when-downgrade"})
_SAFE = frozenset(
    {"no-referrer", "same-origin", "origin", "strict-origin", "origin-when-cross-origin"}
    | {"strict-origin-when-cross-origin"}
)


@rule(severity=Severity.LOW)
def check(
    settings: Settings,
    nginx: Nginx | None,
    source: SettingsSource | None,
    servers: AppServers | None,
    survey: HeaderSurvey | None,
    mentions: HeaderMentions | None,
) -> Iterator[Finding]:
    edge = Edge.of(nginx, servers, settings)
    live = seen(survey, edge, REFERRER, lambda page: _fault(page.values(REFERRER)) == "")
    if live.pages and not live.lacking:
        return
    if not settings.has_middleware(SECURITY_MIDDLEWARE) and not _fault(_listed(settings)):
        # The setting is right; that nobody sends it is told where the middleware is missing.
        return
    if live.lacking:
        yield _told(settings, source, edge, _fault(live.lacking[0].values(REFERRER)), live)
        return
    for values in _values(settings, edge):
        fault = _fault(values)
        if fault:
            require_no_other_sender(settings, REFERRER, mentions)
            yield _told(settings, source, edge, fault, live)
            return


def _listed(settings: Settings) -> tuple[str, ...]:
    value = settings.value(_NAME)
    return (value,) if isinstance(value, str) else settings.strings(_NAME)


def _values(settings: Settings, edge: Edge) -> Iterator[tuple[str, ...]]:
    """All header values of an answer, Django's first, for each location (or for Django alone)."""
    own = django_header(settings, REFERRER)
    mine = (own,) if own is not None else ()
    if not edge.places:
        yield mine
    for place in edge.places:
        more = tuple(one.value for one in added_headers(place.configuration, place.level, REFERRER))
        yield (*(() if hidden(place.level, REFERRER) else mine), *more)


def _fault(values: tuple[str, ...]) -> str:
    """What is wrong with a list of header values; empty for nothing.

    Browsers take the last token that they know (W3C Referrer Policy, 4.1); an unknown one is a mistake all the same.
    """
    tokens = [token.strip().lower() for value in values for token in value.split(",") if token.strip()]
    known = [token for token in tokens if token in _UNSAFE | _SAFE]
    if not tokens:
        return "no policy is sent"
    if not known:
        return f"{quoted(tokens[-1])} is no policy"
    if known[-1] in _UNSAFE:
        return f"{quoted(known[-1])} sends full addresses to other sites"
    wrong = next((token for token in tokens if token not in _UNSAFE | _SAFE), None)
    return f"{quoted(wrong)} is no policy" if wrong is not None else ""


def _told(
    settings: Settings,
    source: SettingsSource | None,
    edge: Edge,
    fault: str,
    live: Seen,
) -> Finding:
    lines = [
        (place.level, one.directive)
        for place in edge.places
        for one in added_headers(place.configuration, place.level, REFERRER)
        if _fault((one.value,))
    ]
    if lines and not _fault(_listed(settings)):
        level, line = lines[0]
        location = line.location
        symbol = f"{level_symbol(level.effective('add_header').level)} add_header {REFERRER}"
        where = quoted(line.text)
        fix = line_fix(line, line.arg(1), _GOOD)
    else:
        require_decided(settings, _NAME)
        location = settings_place(settings, source, _NAME)
        symbol = f"settings.{_NAME}"
        where = f"`{_NAME}` in {quoted(settings.module)}"
        fix = setting_fix(settings, source, _NAME, f'"{_GOOD}"')
    evidence = [booted(settings, source, _NAME), *(Evidence(one.text, one.location) for _, one in lines[:3])]
    evidence += [Evidence(exchange_text(one.exchange, REFERRER)) for one in live.lacking[:3]]
    return Finding(
        message=f"The Referrer-Policy does not protect the addresses of pages: {fault} ({where}).",
        location=location,
        symbol=symbol,
        evidence=tuple(evidence),
        proof=live.proof,
        fix=fix,
    )

"""Django and the proxy send the same security header.

## Why is this bad
A browser that gets a header twice uses the first one, joins the two, or ignores both: what holds is not what either
side says. `X-Frame-Options` with two values is invalid.

## Bad
    X_FRAME_OPTIONS = "DENY"                       # Django
    add_header X-Frame-Options SAMEORIGIN;         # nginx

## Good
    X_FRAME_OPTIONS = "DENY"                       # Django, and no line in nginx

## References
- https://html.spec.whatwg.org/multipage/document-lifecycle.html#the-x-frame-options-header
- https://www.rfc-editor.org/rfc/rfc6797#section-8.1
- CWE-693
"""

from collections.abc import Iterator
from dataclasses import dataclass

from scanner.facts.app_servers import AppServers
from scanner.facts.edge import DjangoPlace, all_django_places
from scanner.facts.exchange_text import exchange_text
from scanner.facts.header_survey import HeaderSurvey, KindHeaders, parse_hsts
from scanner.facts.nginx import Nginx
from scanner.facts.scheme import Sight, https_sight, proxy_ssl_header
from scanner.facts.sent_headers import (
    FRAMES,
    HSTS,
    NOSNIFF,
    OPENER,
    REFERRER,
    AddedHeader,
    added_headers,
    django_header,
    dynamic_pages,
    hidden,
    level_symbol,
)
from scanner.facts.settings import Settings
from scanner.facts.settings_place import settings_place
from scanner.facts.settings_source import SettingsSource
from scanner.facts.topology import Topology
from scanner.model import Evidence, Finding, Location, NotApplicable, Proof, Severity, UnknownValue, quoted, rule

_SETTINGS = {
    FRAMES: "X_FRAME_OPTIONS",
    NOSNIFF: "SECURE_CONTENT_TYPE_NOSNIFF",
    REFERRER: "SECURE_REFERRER_POLICY",
    OPENER: "SECURE_CROSS_ORIGIN_OPENER_POLICY",
    HSTS: "SECURE_HSTS_SECONDS",
}


@dataclass(frozen=True)
class _Double:
    """One line of the proxy that repeats a header of Django's."""

    name: str
    line: AddedHeader
    django: str
    places: tuple[DjangoPlace, ...]


@rule(severity=Severity.MEDIUM)
def check(
    settings: Settings,
    nginx: Nginx,
    source: SettingsSource | None,
    servers: AppServers | None,
    topology: Topology | None,
    survey: HeaderSurvey | None,
) -> Iterator[Finding]:
    places = all_django_places(nginx, servers, settings)
    if not places:
        raise NotApplicable("no location of the proxy leads to Django")
    unknown: list[UnknownValue] = []
    found: dict[tuple[Location, str], _Double] = {}
    for place in places:
        for name in _SETTINGS:
            sent = django_header(settings, name)
            if sent is None or hidden(place.level, name) is not None:
                continue
            try:
                lines = added_headers(place.configuration, place.level, name)
            except UnknownValue as error:
                unknown.append(error)
                continue
            if not lines or lines[0].directive.name != "add_header":
                continue  # more_set_headers replaces what the application sent
            if name == HSTS and not _sees_https(place, settings, source, servers, topology):
                continue
            key = (lines[0].directive.location, name)
            before = found[key].places if key in found else ()
            found[key] = _Double(name, lines[0], sent, (*before, place))
    for double in found.values():
        yield from _judge(double, settings, source, nginx, survey)
    if unknown:
        raise unknown[0]


def _sees_https(
    place: DjangoPlace,
    settings: Settings,
    source: SettingsSource | None,
    servers: AppServers | None,
    topology: Topology | None,
) -> bool:
    header = proxy_ssl_header(settings, source)
    return place.over_tls and https_sight(place, header, servers, topology).sight is Sight.SEEN


def _judge(
    double: _Double, settings: Settings, source: SettingsSource | None, nginx: Nginx, survey: HeaderSurvey | None
) -> Iterator[Finding]:
    setting = _SETTINGS[double.name]
    pages = _pages(double, nginx, survey)
    twice = [one for one in pages if len(one.values(double.name)) > 1]
    if (pages and not twice) or (not twice and setting in settings.injected):
        return
    values = twice[0].values(double.name) if twice else (double.django, double.line.value)
    differ = len({_normal(double.name, value) for value in values}) > 1
    directive = double.line.directive
    level = double.places[0].level.effective("add_header").level
    how = "with another value" if differ else "with the same value"
    yield Finding(
        message=f"{quoted(double.name)} is sent twice, {how}: {quoted(double.django)} by Django and "
        f"{quoted(double.line.value)} by the proxy.",
        location=directive.location,
        symbol=f"{level_symbol(level)} add_header {double.name}",
        evidence=(
            Evidence(directive.text, directive.location),
            Evidence(f"booted settings: {setting} sends {double.django}", settings_place(settings, source, setting)),
            *(Evidence(exchange_text(one.exchange, double.name)) for one in twice[:2]),
        ),
        proof=Proof.PROVEN if twice and not (survey and survey.assumed_edge) else Proof.INFERRED,
        severity=Severity.MEDIUM if differ else Severity.LOW,
    )


def _pages(double: _Double, nginx: Nginx, survey: HeaderSurvey | None) -> list[KindHeaders]:
    """Pages of the live stack that went through one of the locations."""
    return [
        one
        for one in dynamic_pages(survey)
        if any(place.configuration is nginx.main and place.is_at(one.location) for place in double.places)
    ]


def _normal(name: str, value: str) -> str:
    if name == HSTS:
        policy = parse_hsts(value)
        return f"{policy.max_age} {policy.include_subdomains} {policy.preload}"
    return ",".join(part.strip().lower() for part in value.split(","))

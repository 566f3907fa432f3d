"""The HSTS policy is short, leaves subdomains out, or asks for preloading too early.

## Why is this bad
A browser forgets a short policy between two visits. Without `includeSubDomains` a host below the site can set cookies
for it over plain HTTP. `preload` is meant for ever: browser makers refuse it for less than a year, and taking it back
takes months.

## Bad
    SECURE_HSTS_SECONDS = 60
    SECURE_HSTS_PRELOAD = True

## Good
    SECURE_HSTS_SECONDS = 31536000
    SECURE_HSTS_INCLUDE_SUBDOMAINS = True

## References
- https://docs.djangoproject.com/en/stable/ref/settings/#secure-hsts-seconds
- https://docs.djangoproject.com/en/stable/ref/settings/#secure-hsts-preload
- https://hstspreload.org/#submission-requirements
- CWE-319
"""

from collections.abc import Iterator
from dataclasses import dataclass

from scanner.facts.app_servers import AppServers
from scanner.facts.edge import DjangoPlace, django_places, judged
from scanner.facts.exchange_text import exchange_text
from scanner.facts.header_survey import HeaderSurvey, HstsPolicy, KindHeaders, parse_hsts
from scanner.facts.nginx import Nginx
from scanner.facts.scheme import Sight, https_sight, proxy_ssl_header
from scanner.facts.sent_headers import (
    HSTS,
    django_header,
    dynamic_pages,
    edge_hsts,
    hidden,
    level_symbol,
    place_of_answer,
)
from scanner.facts.settings import Settings
from scanner.facts.settings_place import require_decided, settings_place
from scanner.facts.settings_source import SettingsSource
from scanner.facts.topology import Topology
from scanner.model import Evidence, Finding, Location, Proof, Severity, UnknownValue, rule

_NAME = "SECURE_HSTS_SECONDS"
_HOUR = 3600
_YEAR = 31536000
_RAMP = ((_HOUR, "an hour"), (86400, "a day"), (604800, "a week"), (2592000, "a month"), (_YEAR, "a year"))


@dataclass(frozen=True)
class _Policy:
    """A policy that browsers get, and the line that makes it."""

    policy: HstsPolicy
    location: Location
    symbol: str
    text: str
    by_django: bool


@rule(severity=Severity.MEDIUM)
def check(
    settings: Settings,
    nginx: Nginx | None,
    source: SettingsSource | None,
    servers: AppServers | None,
    topology: Topology | None,
    survey: HeaderSurvey | None,
) -> Iterator[Finding]:
    places = [place for one in judged(nginx)[:1] for place in django_places(one, servers, settings)]
    places = [place for place in places if place.over_tls] or places
    found: dict[Location, _Policy] = {}
    unknown: UnknownValue | None = None
    for place in places:
        try:
            one = _used(place, settings, source, servers, topology)
        except UnknownValue as error:
            unknown = error
            continue
        if one is not None:
            found.setdefault(one.location, one)
    if not places and (value := django_header(settings, HSTS)) is not None:
        one = _by_django(settings, source, value)
        found[one.location] = one
    pages = dynamic_pages(survey)
    for one in found.values():
        yield from _judge(one, settings, pages, places, assumed=survey is not None and survey.assumed_edge)
    if unknown is not None:
        raise unknown


def _used(
    place: DjangoPlace,
    settings: Settings,
    source: SettingsSource | None,
    servers: AppServers | None,
    topology: Topology | None,
) -> _Policy | None:
    """The policy that comes first at a location: Django's, where it sends one, else the proxy's."""
    value = django_header(settings, HSTS)
    if value is not None and hidden(place.level, HSTS) is None:
        sight = https_sight(place, proxy_ssl_header(settings, source), servers, topology)
        if sight.sight is not Sight.UNSEEN:
            return _by_django(settings, source, value)
    added = edge_hsts(place)
    if added is None:
        return None
    line = added[0].directive
    symbol = level_symbol(place.level.effective(line.name).level)
    return _Policy(added[1], line.location, symbol, line.text, by_django=False)


def _by_django(settings: Settings, source: SettingsSource | None, value: str) -> _Policy:
    location = settings_place(settings, source, _NAME)
    return _Policy(parse_hsts(value), location, f"settings.{_NAME}", f"{HSTS}: {value}", by_django=True)


def _judge(
    one: _Policy, settings: Settings, pages: tuple[KindHeaders, ...], places: list[DjangoPlace], *, assumed: bool
) -> Iterator[Finding]:
    if not one.policy.max_age:
        return
    severity, faults = _faults(one.policy)
    seen = [page for page in pages if page.hsts()]
    weak = [page for page in seen if _faults(page.hsts()[0])[1] and page.hsts()[0].raw == one.policy.raw]
    if not faults or (seen and not weak and _all_seen(seen, places)):
        return
    if one.by_django:
        for name in (_NAME, "SECURE_HSTS_INCLUDE_SUBDOMAINS", "SECURE_HSTS_PRELOAD"):
            require_decided(settings, name)
    evidence = [Evidence(one.text, one.location)]
    if one.by_django:
        evidence = [Evidence(f"booted settings: {_NAME} = {settings.value(_NAME)!r}", one.location), *evidence]
    evidence += [Evidence(exchange_text(page.exchange, HSTS)) for page in weak[:2]]
    yield Finding(
        message=f"The HSTS policy {' and '.join(faults)}.{_advice(one.policy)}",
        location=one.location,
        symbol=one.symbol,
        evidence=tuple(evidence),
        proof=Proof.PROVEN if weak and not assumed else Proof.INFERRED,
        severity=severity,
    )


def _all_seen(seen: list[KindHeaders], places: list[DjangoPlace]) -> bool:
    return not places or any(place_of_answer(page, places) is not None for page in seen)


def _faults(policy: HstsPolicy) -> tuple[Severity, list[str]]:
    age = policy.max_age or 0
    faults: list[str] = []
    severity = Severity.LOW
    if age < _HOUR:
        severity = Severity.MEDIUM
        faults.append(f"lasts {age} seconds, which is less than an hour")
    elif age < _YEAR:
        faults.append(f"lasts {age} seconds, which is less than a year")
    if not policy.include_subdomains:
        faults.append("does not include subdomains (`includeSubDomains`)")
    if policy.preload and (age < _YEAR or not policy.include_subdomains):
        severity = Severity.MEDIUM
        faults.append("asks for preloading, which takes a year and `includeSubDomains`")
    return severity, faults


def _advice(policy: HstsPolicy) -> str:
    age = policy.max_age or 0
    following = next(((seconds, words) for seconds, words in _RAMP if seconds > age), None)
    if following is not None:
        return f" The next step is {following[0]} seconds ({following[1]})."
    if not policy.include_subdomains:
        return " `includeSubDomains` binds every host below this one: add it when all of them speak https."
    return ""

"""The proxy takes a security header of Django's answers away.

## Why is this bad
Django sends the header, and its settings and checks say that all is well; the browser never sees it.

## Bad
    location / {
        proxy_hide_header X-Frame-Options;
        proxy_pass http://127.0.0.1:8000;
    }

## Good
    location / {
        proxy_pass http://127.0.0.1:8000;
    }

## References
- https://nginx.org/en/docs/http/ngx_http_proxy_module.html#proxy_hide_header
- CWE-693
"""

from collections.abc import Iterator

from scanner.facts.app_servers import AppServers
from scanner.facts.edge import DjangoPlace, all_django_places
from scanner.facts.exchange_text import exchange_text
from scanner.facts.header_survey import HeaderSurvey, KindHeaders
from scanner.facts.nginx import Nginx
from scanner.facts.scheme import Sight, https_sight, proxy_ssl_header
from scanner.facts.sent_headers import (
    CSP,
    FRAMES,
    HSTS,
    PERMISSIONS,
    SECURITY_HEADERS,
    added_headers,
    django_header,
    dynamic_pages,
    frame_ancestors,
    hidden,
    level_symbol,
)
from scanner.facts.settings import Settings
from scanner.facts.settings_source import SettingsSource
from scanner.facts.topology import Topology
from scanner.model import Evidence, Finding, Location, NotApplicable, Proof, Severity, UnknownValue, quoted, rule
from scanner.nginx.effective import Directive

_NAMES = tuple(name for name in SECURITY_HEADERS if name != PERMISSIONS)


@rule(severity=Severity.HIGH)
def check(
    nginx: Nginx,
    settings: Settings | None,
    source: SettingsSource | None,
    servers: AppServers | None,
    topology: Topology | None,
    survey: HeaderSurvey | None,
) -> Iterator[Finding]:
    places = all_django_places(nginx, servers, settings)
    if not places:
        raise NotApplicable("no location of the proxy leads to Django")
    unknown: list[UnknownValue] = []
    seen: set[tuple[Location, str]] = set()
    for place in places:
        answers = dynamic_pages(survey) if place.configuration is nginx.main else ()
        for name in _NAMES:
            line = _taken_away(place, name)
            if line is None or (line.location, name) in seen:
                continue
            try:
                if not _is_lost(place, name, settings, source, servers, topology):
                    continue
            except UnknownValue as error:
                unknown.append(error)
                continue
            here = [one for one in answers if place.is_at(one.location)]
            lacking = [one for one in here if not one.values(name)]
            if here and not lacking:
                continue
            seen.add((line.location, name))
            yield _finding(place, name, line, lacking)
    if unknown:
        raise unknown[0]


def _taken_away(place: DjangoPlace, name: str) -> Directive | None:
    """The line that removes a header of the application's answers at a location."""
    found = hidden(place.level, name)
    if found is not None:
        return found
    for item in place.level.effective("more_clear_headers").values:
        if any(text.strip().lower() == name.lower() for text in item.args):
            return item
    return None


def _is_lost(
    place: DjangoPlace,
    name: str,
    settings: Settings | None,
    source: SettingsSource | None,
    servers: AppServers | None,
    topology: Topology | None,
) -> bool:
    """Whether Django sends it and nothing takes its place. Raises UnknownValue where that cannot be told."""
    if added_headers(place.configuration, place.level, name):
        return False
    if settings is None:
        raise UnknownValue(f"whether Django sends {name}: the settings were not booted")
    if name == FRAMES:
        policies = [one.value for one in added_headers(place.configuration, place.level, CSP)]
        if any(frame_ancestors(one) is not None for one in [*policies, django_header(settings, CSP) or ""]):
            return False
    if django_header(settings, name) is None:
        return False
    if name != HSTS:
        return True
    header = proxy_ssl_header(settings, source)
    return place.over_tls and https_sight(place, header, servers, topology).sight is not Sight.UNSEEN


def _finding(place: DjangoPlace, name: str, line: Directive, lacking: list[KindHeaders]) -> Finding:
    level = next((one for one in place.level.outward if line in one.directives), None)
    evidence = [
        Evidence(line.text, line.location),
        Evidence(f"Django sends {name} to {place.location.symbol}", place.location.location),
    ]
    evidence += [Evidence(f"{exchange_text(one.exchange)} (no {name})") for one in lacking[:2]]
    return Finding(
        message=f"{quoted(line.text)} takes away the {quoted(name)} that Django sends, and nothing replaces it.",
        location=line.location,
        symbol=f"{level_symbol(level)} {line.name} {name}",
        evidence=tuple(evidence),
        proof=Proof.PROVEN if lacking else Proof.INFERRED,
    )

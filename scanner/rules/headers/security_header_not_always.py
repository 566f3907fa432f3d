"""A security header is missing on error pages.

## Why is this bad
nginx adds a header without `always` to successful answers and redirects only. Error pages, which often repeat what the
client sent, go out without it.

## Bad
    add_header X-Content-Type-Options nosniff;

## Good
    add_header X-Content-Type-Options nosniff always;

## References
- https://nginx.org/en/docs/http/ngx_http_headers_module.html#add_header
- CWE-693
"""

from collections.abc import Iterator
from dataclasses import dataclass

from scanner.facts.app_servers import AppServers
from scanner.facts.edge import DjangoPlace, all_django_places
from scanner.facts.exchange_text import exchange_text
from scanner.facts.header_mentions import HeaderMentions, require_no_other_sender
from scanner.facts.header_survey import HeaderSurvey, KindHeaders, MadeBy
from scanner.facts.nginx import Nginx
from scanner.facts.scheme import Sight, https_sight, proxy_ssl_header
from scanner.facts.sent_headers import (
    HSTS,
    MINOR_HEADERS,
    PERMISSIONS,
    SECURITY_HEADERS,
    AddedHeader,
    added_headers,
    django_header,
    hidden,
    level_symbol,
)
from scanner.facts.settings import Settings
from scanner.facts.settings_source import SettingsSource
from scanner.facts.topology import Topology
from scanner.model import Evidence, Finding, Fix, Location, NotApplicable, Proof, Severity, UnknownValue, quoted, rule
from scanner.nginx.effective import Directive, Return

_JUDGED = tuple(name for name in SECURITY_HEADERS if name != PERMISSIONS)


@dataclass(frozen=True)
class _Line:
    """One line without ``always``, and the Django locations for which it is the only source."""

    header: AddedHeader
    symbol: str
    places: tuple[DjangoPlace, ...]


@dataclass(frozen=True)
class _Facts:
    settings: Settings
    source: SettingsSource | None
    servers: AppServers | None
    topology: Topology | None
    mentions: HeaderMentions | None


@rule(severity=Severity.MEDIUM)
def check(
    nginx: Nginx,
    settings: Settings | None,
    source: SettingsSource | None,
    servers: AppServers | None,
    topology: Topology | None,
    survey: HeaderSurvey | None,
    mentions: HeaderMentions | None,
) -> Iterator[Finding]:
    places = [place for place in all_django_places(nginx, servers, settings) if _answers(place)]
    if not places:
        raise NotApplicable("no location of the proxy leads to Django")
    lines: dict[tuple[Location, str], _Line] = {}
    for place in places:
        for header in _not_always(place):
            key = (header.directive.location, header.name.lower())
            symbol = f"{level_symbol(place.level.effective('add_header').level)} add_header {header.name}"
            before = lines[key].places if key in lines else ()
            lines[key] = _Line(header, lines[key].symbol if key in lines else symbol, (*before, place))
    if lines and settings is None:
        raise UnknownValue("whether Django sends the same headers: the settings were not booted")
    for line in lines.values():
        if settings is None:
            continue
        known = _Facts(settings, source, servers, topology, mentions)
        alone = _Line(
            line.header, line.symbol, tuple(one for one in line.places if not _django_sends(one, line, known))
        )
        if alone.places:
            yield from _judge(alone, survey, nginx, known)


def _answers(place: DjangoPlace) -> bool:
    return not isinstance(place.configuration.handler(place.location), Return)


def _not_always(place: DjangoPlace) -> Iterator[AddedHeader]:
    for name in _JUDGED:
        if name == HSTS and not place.over_tls:
            continue
        try:
            found = added_headers(place.configuration, place.level, name)
        except UnknownValue:
            continue
        if found and not any(one.always for one in found):
            yield found[-1]


def _django_sends(place: DjangoPlace, line: _Line, known: _Facts) -> bool:
    """Django sends the same header itself on its error pages, and the proxy lets it through."""
    name = next(one for one in _JUDGED if one.lower() == line.header.name.lower())
    if django_header(known.settings, name) is None or hidden(place.level, name) is not None:
        return False
    if name != HSTS:
        return True
    header = proxy_ssl_header(known.settings, known.source)
    return https_sight(place, header, known.servers, known.topology).sight is not Sight.UNSEEN


def _judge(line: _Line, survey: HeaderSurvey | None, nginx: Nginx, known: _Facts) -> Iterator[Finding]:
    errors = _error_pages(line, survey) if any(one.configuration is nginx.main for one in line.places) else []
    lacking = [one for one in errors if not one.values(line.header.name)]
    if errors and not lacking:
        return
    if not lacking:
        require_no_other_sender(known.settings, line.header.name, known.mentions)
    directive = line.header.directive
    assumed = survey is not None and survey.assumed_edge
    evidence = [Evidence(directive.text, directive.location)]
    evidence += [Evidence(f"{one.location.symbol} gets it from this line only") for one in line.places[:3]]
    evidence += [Evidence(f"{exchange_text(one.exchange)} (no {line.header.name})") for one in lacking[:3]]
    yield Finding(
        message=f"{quoted(line.header.name)} is missing on error pages: {quoted(directive.text)} has no `always`, and "
        f"Django does not send the header itself.",
        location=directive.location,
        symbol=line.symbol,
        evidence=tuple(evidence),
        proof=Proof.PROVEN if lacking and not assumed else Proof.INFERRED,
        severity=Severity.LOW if line.header.name.title() in MINOR_HEADERS else Severity.MEDIUM,
        fix=_fix(directive),
    )


def _error_pages(line: _Line, survey: HeaderSurvey | None) -> list[KindHeaders]:
    """The error pages of the live stack that went through one of these locations."""
    found = survey.of("not-found", "error") if survey is not None else ()
    return [
        one
        for one in found
        if one.status >= 400
        and one.made_by is not MadeBy.PROXY
        and any(place.is_at(one.location) for place in line.places)
    ]


def _fix(directive: Directive) -> Fix | None:
    """The same line with ``always`` before its semicolon, where it stands on one line and alone."""
    if directive.known is not None or directive.is_template or directive.location.line != directive.head_line:
        return None
    if directive.name != "add_header":
        return None
    number = directive.head_line
    line = directive.source.lines[number - 1].rstrip("\r")
    if line.count(";") - sum(argument.count(";") for argument in directive.args) != 1 or "#" in line:
        return None
    before, _, after = line.rpartition(";")
    return Fix(directive.location.path, number, number, (f"{before} always;{after}",))

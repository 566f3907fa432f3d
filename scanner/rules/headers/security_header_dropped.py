"""A location loses the security headers of the server around it.

## Why is this bad
One `add_header` in a location cancels all `add_header` lines of the outer levels. A location that only wanted to set
`Cache-Control` so sends its answers without HSTS, nosniff or a content policy.

## Bad
    add_header X-Content-Type-Options nosniff always;
    location /accounts/ {
        add_header Cache-Control no-store;
        proxy_pass http://127.0.0.1:8000;
    }

## Good
    location /accounts/ {
        include snippets/security-headers.conf;
        add_header Cache-Control no-store;
        proxy_pass http://127.0.0.1:8000;
    }

## References
- https://nginx.org/en/docs/http/ngx_http_headers_module.html#add_header
- CWE-693
"""

from collections.abc import Iterator
from dataclasses import dataclass

from scanner.facts.app_servers import AppServers
from scanner.facts.edge import DjangoPlace, django_places, judged, same_place
from scanner.facts.exchange_text import exchange_text
from scanner.facts.header_mentions import HeaderMentions, require_no_other_sender
from scanner.facts.header_survey import HeaderSurvey, KindHeaders
from scanner.facts.nginx import Nginx
from scanner.facts.nginx_insert import as_written, insert_before
from scanner.facts.scheme import Sight, https_sight, proxy_ssl_header
from scanner.facts.sent_headers import (
    HSTS,
    MINOR_HEADERS,
    SECURITY_HEADERS,
    added,
    django_header,
    hidden,
)
from scanner.facts.settings import Settings
from scanner.facts.settings_source import SettingsSource
from scanner.facts.topology import Topology
from scanner.model import Evidence, Finding, Fix, Location, NotApplicable, Proof, Severity, UnknownValue, quoted, rule
from scanner.nginx.effective import (
    Configuration,
    Directive,
    Fixed,
    Level,
    LocationBlock,
    Redirect,
    RequestShape,
)

_KINDS = ("page", "home", "login", "static", "media", "not-found")


@dataclass(frozen=True)
class _Facts:
    settings: Settings | None
    source: SettingsSource | None
    servers: AppServers | None
    topology: Topology | None
    mentions: HeaderMentions | None
    live: bool
    """The live stack was asked for headers: what it saw decides."""


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
    known = _Facts(settings, source, servers, topology, mentions, live=survey is not None)
    unknown: list[UnknownValue] = []
    adds = False
    for configuration in judged(nginx):
        django = {place.location: place for place in django_places(configuration, servers, settings)}
        answers = survey if configuration is nginx.main else None
        for server in configuration.servers:
            if not configuration.is_choosable(server):
                continue
            for location in server.locations:
                for level in location.levels:
                    adds = adds or bool(level.effective("add_header"))
                    try:
                        lost = _lost(configuration, location, level, django.get(location), known)
                    except UnknownValue as error:
                        unknown.append(error)
                        continue
                    if lost:
                        yield from _judge(location, level, lost, answers)
    if unknown:
        raise unknown[0]
    if not adds:
        raise NotApplicable("the proxy adds no header anywhere")


def _lost(
    configuration: Configuration, location: LocationBlock, level: Level, place: DjangoPlace | None, known: _Facts
) -> tuple[Directive, ...]:
    """The outer lines whose security header no answer of the level carries any more."""
    effective = level.effective("add_header")
    dropped = {
        item.arg(0).lower(): item
        for item in effective.dropped
        if added(item) is not None and item.arg(0).lower() in _LOWER
    }
    if not dropped or effective.level is not level or not location.reachable or not _has_answers(configuration, level):
        return ()
    own = {item.arg(0).lower() for item in effective.values}
    lost = tuple(item for name, item in dropped.items() if name not in own and not _set_otherwise(level, name))
    if place is None:
        lost = tuple(item for item in lost if item.arg(0).lower() in _ON_FILES)
    if not any(socket.tls for socket in configuration.sockets_for(location.server)):
        lost = tuple(item for item in lost if item.arg(0).lower() != HSTS.lower())
    if lost and effective.unknown:
        unknown = effective.unknown[0]
        raise UnknownValue(f"{unknown.text} at {unknown.location} may repeat the headers", unknown.location)
    if lost and place is not None and known.settings is None:
        raise UnknownValue("whether Django sends the same headers: the settings were not booted")
    if lost and place is not None and known.settings is not None and not known.live:
        require_no_other_sender(known.settings, lost[0].arg(0), known.mentions)
    return tuple(item for item in lost if place is None or not _django_sends(place, item, known))


_LOWER = {name.lower(): name for name in SECURITY_HEADERS}
# A style sheet is neither framed nor does it open anything: on files these two count.
_ON_FILES = frozenset({"strict-transport-security", "x-content-type-options"})


def _has_answers(configuration: Configuration, level: Level) -> bool:
    """The level does more than redirect or refuse."""
    if not isinstance(level, LocationBlock):
        return not level.own("return", "rewrite")
    found = configuration.replies(level, RequestShape(tls=True))
    return any(not isinstance(reply, Redirect) and not (isinstance(reply, Fixed) and reply.refuses) for reply in found)


def _set_otherwise(level: Level, name: str) -> bool:
    lines = level.effective("more_set_headers").values
    return any(text.partition(":")[0].strip().lower() == name for item in lines for text in item.args)


def _django_sends(place: DjangoPlace, line: Directive, known: _Facts) -> bool:
    name = _LOWER[line.arg(0).lower()]
    settings = known.settings
    if settings is None or django_header(settings, name) is None or hidden(place.level, name) is not None:
        return False
    if name != HSTS:
        return True
    header = proxy_ssl_header(settings, known.source)
    return https_sight(place, header, known.servers, known.topology).sight is not Sight.UNSEEN


def _judge(
    location: LocationBlock, level: Level, lost: tuple[Directive, ...], survey: HeaderSurvey | None
) -> Iterator[Finding]:
    here = [one for one in _answers(survey) if same_place(location.location, one.location)]
    lacking = [one for one in here if any(not one.values(line.arg(0)) for line in lost)]
    if here and not lacking:
        return
    names = [_LOWER[line.arg(0).lower()] for line in lost]
    first = level.own("add_header")[0]
    evidence = [Evidence(first.text, first.location)]
    evidence += [Evidence(f"{line.text} (cancelled there)", line.location) for line in lost]
    evidence += [Evidence(f"{exchange_text(one.exchange)} (no {', '.join(names)})") for one in lacking[:2]]
    assumed = survey is not None and survey.assumed_edge
    yield Finding(
        message=f"{quoted(location.title)} loses {', '.join(map(quoted, names))}: its own {quoted(first.text)} cancels "
        f"every outer `add_header`.",
        location=Location(first.location.path, first.location.line, first.location.column),
        symbol=location.symbol if level is location else f"{location.symbol} if",
        evidence=tuple(evidence),
        proof=Proof.PROVEN if lacking and not assumed else Proof.INFERRED,
        severity=Severity.LOW if set(names) <= MINOR_HEADERS else Severity.MEDIUM,
        fix=_fix(first, lost),
    )


def _fix(first: Directive, lost: tuple[Directive, ...]) -> Fix | None:
    """The cancelled lines once more, on error pages too, beside the one that cancels them."""
    lines = [as_written(one) for one in lost]
    known = [_always(line) for line in lines if line is not None]
    return insert_before(first, *known) if len(known) == len(lines) else None


def _always(line: str) -> str:
    return line if line.endswith(" always;") else f"{line.removesuffix(';')} always;"


def _answers(survey: HeaderSurvey | None) -> tuple[KindHeaders, ...]:
    return survey.of(*_KINDS) if survey is not None else ()

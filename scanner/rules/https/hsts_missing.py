"""Browsers are not told to stay on https.

## Why is this bad
Without `Strict-Transport-Security` every visit that begins with `http://` can be caught on the way before the redirect
arrives, and a warning about a wrong certificate can be clicked away.

## Bad
    SECURE_HSTS_SECONDS = 0      # the default, and the proxy adds nothing

## Good
    SECURE_HSTS_SECONDS = 3600   # then a day, a week, a month, a year

## References
- https://docs.djangoproject.com/en/stable/ref/settings/#secure-hsts-seconds
- https://www.rfc-editor.org/rfc/rfc6797
- CWE-319
"""

from collections.abc import Iterator
from dataclasses import dataclass

from scanner.facts.app_servers import AppServers
from scanner.facts.compose import Compose
from scanner.facts.edge import DjangoPlace, django_places, judged, other_edge
from scanner.facts.exchange_text import exchange_text
from scanner.facts.header_mentions import HeaderMentions, require_no_other_sender
from scanner.facts.header_survey import HeaderSurvey, KindHeaders
from scanner.facts.nginx import Nginx
from scanner.facts.sent_headers import (
    HSTS,
    django_hsts,
    dynamic_pages,
    edge_hsts,
    is_lost,
    place_of_answer,
)
from scanner.facts.settings import Settings
from scanner.facts.settings_place import booted, require_decided, settings_place
from scanner.facts.settings_source import SettingsSource
from scanner.facts.topology import TlsEnd, Topology
from scanner.model import Evidence, Finding, Proof, Severity, UnknownValue, quoted, rule

_NAME = "SECURE_HSTS_SECONDS"


@dataclass(frozen=True)
class _Setting:
    settings: Settings
    source: SettingsSource | None


@rule(severity=Severity.MEDIUM)
def check(
    settings: Settings,
    nginx: Nginx | None,
    source: SettingsSource | None,
    servers: AppServers | None,
    compose: Compose | None,
    topology: Topology | None,
    survey: HeaderSurvey | None,
    mentions: HeaderMentions | None,
) -> Iterator[Finding]:
    setting = _Setting(settings, source)
    places = [place for one in judged(nginx)[:1] for place in django_places(one, servers, settings)]
    places = [place for place in places if place.over_tls] or places
    pages = dynamic_pages(survey)
    lacking = [one for one in pages if not _has_policy(one)]
    if pages and not lacking:
        return
    if django_hsts(settings) is not None:
        # Django would send it. That the middleware is missing, or that Django sees no https, is told by their rules.
        return
    require_decided(settings, _NAME)
    outside = not any(place.over_tls for place in places) and (topology is None or topology.tls_ends is not TlsEnd.APP)
    severity = Severity.LOW if outside else Severity.MEDIUM
    if lacking and survey is not None:
        proof = Proof.INFERRED if survey.assumed_edge else Proof.PROVEN
        unexplained = [one for one in lacking if not _explained(one, places)]
        if unexplained:
            yield _finding(setting, places, unexplained, proof, severity)
        return
    if not places and other_edge(compose) is not None:
        raise UnknownValue("what the proxy in front adds: its configuration is not read")
    require_no_other_sender(settings, HSTS, mentions)
    yield from _from_files(setting, places, severity)


def _has_policy(answer: KindHeaders) -> bool:
    first = next(iter(answer.hsts()), None)
    return first is not None and bool(first.max_age)


def _explained(answer: KindHeaders, places: list[DjangoPlace]) -> bool:
    """The location's own ``add_header`` lines lost it: that is a finding of its own."""
    place = place_of_answer(answer, places)
    return place is not None and is_lost(place.level, HSTS)


def _from_files(setting: _Setting, places: list[DjangoPlace], severity: Severity) -> Iterator[Finding]:
    bare = [place for place in places if not _adds(place) and not is_lost(place.level, HSTS)]
    if not places or len(bare) == len(places):
        yield _finding(setting, places, [], Proof.INFERRED, severity)
        return
    for place in bare:
        yield Finding(
            message=f"{quoted(place.location.title)} sends no `{HSTS}`: other locations add it, this one does not, and "
            f"Django does not send it.",
            location=place.location.location,
            symbol=place.location.symbol,
            evidence=(booted(setting.settings, setting.source, _NAME),),
            severity=severity,
        )


def _adds(place: DjangoPlace) -> bool:
    found = edge_hsts(place)
    return found is not None and bool(found[1].max_age)


def _finding(
    setting: _Setting, places: list[DjangoPlace], lacking: list[KindHeaders], proof: Proof, severity: Severity
) -> Finding:
    if places:
        who = f"`{_NAME}` is {setting.settings.value(_NAME)!r} in {quoted(setting.settings.module)}, and the proxy "
        who += f"adds no `{HSTS}`"
    else:
        who = f"`{_NAME}` is {setting.settings.value(_NAME)!r} in {quoted(setting.settings.module)}, and no proxy of "
        who += f"the repository adds `{HSTS}`"
    evidence = [booted(setting.settings, setting.source, _NAME), Evidence("security.W004 of check --deploy")]
    evidence += [Evidence(f"{place.location.symbol}: no {HSTS}", place.location.location) for place in places[:3]]
    evidence += [Evidence(f"{exchange_text(one.exchange, HSTS)} (no {HSTS})") for one in lacking[:3]]
    return Finding(
        message=f"{who}: browsers are not told to stay on https. Begin with 3600 seconds and raise it step by step.",
        location=settings_place(setting.settings, setting.source, _NAME),
        symbol=f"settings.{_NAME}",
        evidence=tuple(evidence),
        proof=proof,
        severity=severity,
    )

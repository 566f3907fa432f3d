"""Scripts that somebody injects into a page run.

## Why is this bad
A Content-Security-Policy is the second line behind escaping: it keeps an injected script from running. One that allows
inline scripts, `eval` or scripts of any host does not; no policy at all does not either.

## Bad
    Content-Security-Policy: script-src 'self' 'unsafe-inline' https:

## Good
    SECURE_CSP = {"default-src": [CSP.SELF], "script-src": [CSP.SELF, CSP.NONCE], "base-uri": [CSP.NONE]}

## References
- https://docs.djangoproject.com/en/stable/ref/csp/
- https://www.w3.org/TR/CSP3/
- CWE-693, CWE-79
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from scanner.facts.app_servers import AppServers
from scanner.facts.csp import Policy, django_policy, only_reported, policies_in, policy_setting, unsent
from scanner.facts.edge import DjangoPlace
from scanner.facts.exchange_text import exchange_text
from scanner.facts.header_mentions import HeaderMentions, require_no_other_sender
from scanner.facts.header_survey import HeaderSurvey, KindHeaders
from scanner.facts.nginx import Nginx
from scanner.facts.sent_headers import (
    CSP,
    AddedHeader,
    added_headers,
    dynamic_pages,
    hidden,
    is_api_only,
    is_lost,
    level_symbol,
    place_of_answer,
)
from scanner.facts.settings import Settings
from scanner.facts.settings_place import require_decided, settings_place
from scanner.facts.settings_source import SettingsSource
from scanner.model import Evidence, Finding, Location, NotApplicable, Proof, Severity, quoted, rule
from scanner.rules.headers._missing import Edge


@dataclass(frozen=True)
class _Fault:
    """What is wrong with the policies of one answer."""

    words: str
    severity: Severity


@dataclass(frozen=True)
class _Source:
    """Where a policy is written."""

    location: Location
    symbol: str
    text: str


@rule(severity=Severity.MEDIUM)
def check(
    settings: Settings,
    nginx: Nginx | None,
    source: SettingsSource | None,
    servers: AppServers | None,
    survey: HeaderSurvey | None,
    mentions: HeaderMentions | None,
) -> Iterator[Finding]:
    if is_api_only(settings):
        raise NotApplicable("the project answers programs only")
    edge = Edge.of(nginx, servers, settings)
    pages = [one for one in dynamic_pages(survey) if one.html and not _lost_on_the_way(one, edge)]
    if pages:
        yield from _from_pages(pages, edge, settings, source, survey)
        return
    if unsent(settings) or only_reported(settings):
        return  # a policy that is written and not enforced is a finding of its own
    own = django_policy(settings)
    for place in edge.places or (None,):
        policies, written = _policies(place, own, settings, source)
        if not policies and place is not None and is_lost(place.level, CSP):
            continue
        fault = _judge(policies)
        if fault is not None:
            if own is not None:
                require_decided(settings, policy_setting(settings))
            if not policies:
                require_no_other_sender(settings, CSP, mentions)
            yield _finding(fault, written, [], Proof.INFERRED)
            return


def _lost_on_the_way(page: KindHeaders, edge: Edge) -> bool:
    place = place_of_answer(page, edge.places)
    return place is not None and is_lost(place.level, CSP)


def _from_pages(
    pages: Sequence[KindHeaders],
    edge: Edge,
    settings: Settings,
    source: SettingsSource | None,
    survey: HeaderSurvey | None,
) -> Iterator[Finding]:
    faulty = [(page, fault) for page in pages if (fault := _judge(policies_in(page.values(CSP)))) is not None]
    if not faulty or unsent(settings) or only_reported(settings):
        return
    page, fault = max(faulty, key=lambda pair: pair[1].severity)
    _, written = _policies(place_of_answer(page, edge.places), django_policy(settings), settings, source)
    assumed = survey is not None and survey.assumed_edge
    yield _finding(
        fault, written, [one for one, its in faulty if its == fault], Proof.INFERRED if assumed else Proof.PROVEN
    )


def _policies(
    place: DjangoPlace | None, own: Policy | None, settings: Settings, source: SettingsSource | None
) -> tuple[tuple[Policy, ...], _Source]:
    """The policies of answers through a location, Django's and the proxy's, and where they are written."""
    setting = policy_setting(settings)
    made = f"settings.{setting}", f"booted settings: {setting} = {settings.value(setting)!r}"
    written = _Source(settings_place(settings, source, setting), *made)
    found = (own,) if own is not None and not (place and hidden(place.level, CSP)) else ()
    added: tuple[AddedHeader, ...] = added_headers(place.configuration, place.level, CSP) if place else ()
    if place is not None and added and not found:
        line = added[0].directive
        level = place.level.effective("add_header").level
        written = _Source(line.location, f"{level_symbol(level)} add_header {CSP}", line.text)
    return (*found, *policies_in([one.value for one in added])), written


def _judge(policies: Sequence[Policy]) -> _Fault | None:
    """The fault that all policies of an answer share: browsers obey each of them."""
    with_scripts = [one for one in policies if one.scripts is not None]
    if not policies:
        return _Fault("no Content-Security-Policy is sent", Severity.LOW)
    if not with_scripts:
        return _Fault("no policy says where scripts may come from", Severity.LOW)
    loose = [one.loose_scripts() for one in with_scripts]
    if all(loose):
        return _Fault(f"scripts are allowed by {', '.join(map(quoted, loose[0]))}", Severity.MEDIUM)
    opened = [set(one.open_directives()) for one in with_scripts]
    common = sorted(set.intersection(*opened))
    if common:
        return _Fault(f"{' and '.join(map(quoted, common))} is left open", Severity.LOW)
    return None


def _finding(fault: _Fault, written: _Source, pages: Sequence[KindHeaders], proof: Proof) -> Finding:
    evidence = [Evidence(written.text, written.location)]
    evidence += [Evidence(exchange_text(one.exchange, CSP)) for one in pages[:2]]
    return Finding(
        message=f"Injected scripts are not kept from running: {fault.words}.",
        location=written.location,
        symbol=written.symbol,
        evidence=tuple(evidence),
        proof=proof,
        severity=fault.severity,
    )

"""A Content-Security-Policy is written, but browsers do not enforce it.

## Why is this bad
The settings say that injected scripts are kept from running; without the middleware no header is sent, and a policy
that is only reported on stops nothing.

## Bad
    SECURE_CSP = {"default-src": [CSP.SELF]}       # and no ContentSecurityPolicyMiddleware

## Good
    MIDDLEWARE = [..., "django.middleware.csp.ContentSecurityPolicyMiddleware"]
    SECURE_CSP = {"default-src": [CSP.SELF]}

## References
- https://docs.djangoproject.com/en/stable/ref/csp/
- https://docs.djangoproject.com/en/stable/ref/settings/#secure-csp
- CWE-693
"""

import re
from collections.abc import Iterator, Mapping

from scanner.facts.app_servers import AppServers
from scanner.facts.csp import (
    CSP_MIDDLEWARE,
    REPORT_ONLY,
    gives_nonce_to_templates,
    has_nonce,
    only_reported,
    policy_setting,
    unsent,
)
from scanner.facts.exchange_text import exchange_text
from scanner.facts.header_mentions import HeaderMentions, require_no_other_sender
from scanner.facts.header_survey import HeaderSurvey, KindHeaders
from scanner.facts.nginx import Nginx
from scanner.facts.sent_headers import CSP, added_headers, dynamic_pages
from scanner.facts.settings import Settings
from scanner.facts.settings_place import booted, require_decided, settings_place
from scanner.facts.settings_source import SettingsSource
from scanner.model import Evidence, Finding, NotApplicable, Proof, Severity, quoted, rule
from scanner.rules.headers._missing import Edge

_NONCE = re.compile(r"'nonce-([^']+)'")
_POLICIES = ("SECURE_CSP", "SECURE_CSP_REPORT_ONLY")


@rule(severity=Severity.MEDIUM)
def check(
    settings: Settings,
    nginx: Nginx | None,
    source: SettingsSource | None,
    servers: AppServers | None,
    survey: HeaderSurvey | None,
    mentions: HeaderMentions | None,
) -> Iterator[Finding]:
    without, reported = unsent(settings), only_reported(settings)
    configured = [name for name in _POLICIES if settings.value(name)]
    pages = [one for one in dynamic_pages(survey) if one.html]
    repeated = _repeated_nonce(pages)
    if repeated:
        what = "The nonce of the Content-Security-Policy is the same in two answers: whoever has seen it uses it"
        yield _finding(settings, source, policy_setting(settings), what, repeated, Severity.MEDIUM)
        return
    if not (without or reported or configured or _django_csp(settings)):
        raise NotApplicable("no Content-Security-Policy is configured in the settings")
    enforced = _enforced_by_the_edge(nginx, servers, settings) if not pages else any(one.values(CSP) for one in pages)
    if without is not None and not enforced:
        name, middleware = without
        require_decided(settings, name)
        if not pages:
            require_no_other_sender(settings, CSP, mentions)
        what = f"`{name}` in {quoted(settings.module)} is never sent: `MIDDLEWARE` has no {quoted(middleware)}"
        yield _finding(settings, source, name, what, pages, Severity.MEDIUM)
    elif reported is not None and not enforced:
        require_decided(settings, reported)
        what = f"`{reported}` in {quoted(settings.module)} only has violations reported; no policy is enforced"
        yield _finding(settings, source, reported, what, pages, Severity.LOW)
    yield from _malformed(settings, source, configured)


def _repeated_nonce(pages: list[KindHeaders]) -> list[KindHeaders]:
    """Two answers whose policies share a nonce."""
    seen: dict[str, KindHeaders] = {}
    for page in pages:
        for nonce in {nonce for value in page.values(CSP) for nonce in _NONCE.findall(value)}:
            if nonce in seen:
                return [seen[nonce], page]
            seen[nonce] = page
    return []


def _django_csp(settings: Settings) -> bool:
    return settings.has_middleware("csp.middleware.CSPMiddleware")


def _enforced_by_the_edge(nginx: Nginx | None, servers: AppServers | None, settings: Settings) -> bool:
    places = Edge.of(nginx, servers, settings).places
    return bool(places) and all(added_headers(place.configuration, place.level, CSP) for place in places)


def _malformed(settings: Settings, source: SettingsSource | None, configured: list[str]) -> Iterator[Finding]:
    """What Django's own checks say (security.E026, W027): a policy that is no dictionary, a nonce nobody can use."""
    for name in configured:
        value = settings.value(name)
        if not isinstance(value, Mapping):
            what = f"`{name}` in {quoted(settings.module)} is no dictionary (security.E026): Django cannot send it"
            yield _finding(settings, source, name, what, [], Severity.MEDIUM)
        elif has_nonce(value) and settings.has_middleware(CSP_MIDDLEWARE) and not gives_nonce_to_templates(settings):
            what = (
                f"`{name}` in {quoted(settings.module)} asks for a nonce that no template can write: the context "
                "processor `django.template.context_processors.csp` is missing (security.W027)"
            )
            yield _finding(settings, source, name, what, [], Severity.MEDIUM)


def _finding(
    settings: Settings,
    source: SettingsSource | None,
    name: str,
    what: str,
    pages: list[KindHeaders],
    severity: Severity,
) -> Finding:
    location = settings_place(settings, source, name)
    evidence = [booted(settings, source, name)]
    evidence += [Evidence(exchange_text(one.exchange, CSP, REPORT_ONLY)) for one in pages[:2]]
    return Finding(
        message=f"{what}.",
        location=location,
        symbol=f"settings.{name}",
        evidence=tuple(evidence),
        proof=Proof.PROVEN if pages else Proof.INFERRED,
        severity=severity,
    )

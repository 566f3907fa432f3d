"""Browsers may guess the type of an answer.

## Why is this bad
Without `X-Content-Type-Options: nosniff` a browser may run a text or an uploaded file as a script.

## Bad
    SECURE_CONTENT_TYPE_NOSNIFF = False    # and the proxy adds nothing

## Good
    # leave the setting alone: its default is True

## References
- https://docs.djangoproject.com/en/stable/ref/settings/#secure-content-type-nosniff
- CWE-693
"""

from collections.abc import Iterator

from scanner.facts.app_servers import AppServers
from scanner.facts.exchange_text import exchange_text
from scanner.facts.header_mentions import HeaderMentions, require_no_other_sender
from scanner.facts.header_survey import HeaderSurvey
from scanner.facts.nginx import Nginx
from scanner.facts.sent_headers import NOSNIFF, is_api_only
from scanner.facts.settings import Settings
from scanner.facts.settings_fix import setting_fix
from scanner.facts.settings_place import booted, require_decided, settings_place
from scanner.facts.settings_source import SettingsSource
from scanner.model import Evidence, Finding, Severity, quoted, rule
from scanner.rules.headers._missing import Edge, bare_places, seen

_NAME = "SECURE_CONTENT_TYPE_NOSNIFF"


@rule(severity=Severity.MEDIUM)
def check(
    settings: Settings,
    nginx: Nginx | None,
    source: SettingsSource | None,
    servers: AppServers | None,
    survey: HeaderSurvey | None,
    mentions: HeaderMentions | None,
) -> Iterator[Finding]:
    if settings.value(_NAME):
        # Django sends it. That the middleware which does so is missing, or that the proxy hides it, has its own rules.
        return
    edge = Edge.of(nginx, servers, settings)
    live = seen(survey, edge, NOSNIFF, lambda page: any(map(_is_good, page.values(NOSNIFF))))
    if live.pages and not live.lacking:
        return
    require_decided(settings, _NAME)
    if not live.lacking and edge.places and not edge.without(NOSNIFF, _is_good):
        return
    if not live.lacking:
        require_no_other_sender(settings, NOSNIFF, mentions)
    evidence = [
        booted(settings, source, _NAME),
        Evidence("security.W006 of check --deploy"),
        *bare_places(edge, NOSNIFF),
    ]
    evidence += [Evidence(f"{exchange_text(one.exchange, NOSNIFF)} (no {NOSNIFF})") for one in live.lacking[:3]]
    yield Finding(
        message=f"Pages are sent without `{NOSNIFF}: nosniff`: `{_NAME}` is off in {quoted(settings.module)}, and the "
        f"proxy does not add it.",
        location=settings_place(settings, source, _NAME),
        symbol=f"settings.{_NAME}",
        evidence=tuple(evidence),
        proof=live.proof,
        severity=Severity.LOW if is_api_only(settings) else Severity.MEDIUM,
        fix=setting_fix(settings, source, _NAME, "True"),
    )


def _is_good(value: str) -> bool:
    return value.strip().lower() == "nosniff"

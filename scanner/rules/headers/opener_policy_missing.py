"""Pages of other sites keep a handle on the windows of this one.

## Why is this bad
Without `Cross-Origin-Opener-Policy` a site that opens a page of yours in a window can steer that window and watch
where it goes, and shares a process with it.

## Bad
    SECURE_CROSS_ORIGIN_OPENER_POLICY = None

## Good
    # leave the setting alone: its default is "same-origin"

## References
- https://docs.djangoproject.com/en/stable/ref/settings/#secure-cross-origin-opener-policy
- https://html.spec.whatwg.org/multipage/browsers.html#cross-origin-opener-policies
- CWE-346
"""

from collections.abc import Iterator

from scanner.facts.app_servers import AppServers
from scanner.facts.exchange_text import exchange_text
from scanner.facts.header_mentions import HeaderMentions, require_no_other_sender
from scanner.facts.header_survey import HeaderSurvey, KindHeaders
from scanner.facts.nginx import Nginx
from scanner.facts.redirects import SECURITY_MIDDLEWARE
from scanner.facts.sent_headers import OPENER, django_header, is_api_only
from scanner.facts.settings import Settings
from scanner.facts.settings_fix import setting_fix
from scanner.facts.settings_place import booted, require_decided, settings_place
from scanner.facts.settings_source import SettingsSource
from scanner.model import Evidence, Finding, NotApplicable, Severity, quoted, rule
from scanner.rules.headers._missing import Edge, bare_places, seen

_NAME = "SECURE_CROSS_ORIGIN_OPENER_POLICY"
_GOOD = frozenset({"same-origin", "same-origin-allow-popups", "same-origin-plus-coep", "noopener-allow-popups"})


@rule(severity=Severity.LOW)
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
    if _is_good(django_header(settings, OPENER) or ""):
        return  # that the proxy hides it is a finding of its own
    if _is_good(str(settings.value(_NAME) or "")) and not settings.has_middleware(SECURITY_MIDDLEWARE):
        return  # the setting is right; the missing middleware is the finding
    edge = Edge.of(nginx, servers, settings)
    live = seen(survey, edge, OPENER, _protected, html=True)
    if live.pages and not live.lacking:
        return
    require_decided(settings, _NAME)
    if not live.lacking:
        if edge.places and not edge.without(OPENER, _is_good):
            return
        require_no_other_sender(settings, OPENER, mentions)
    known = _NAME in settings.values or settings.is_set(_NAME)
    evidence = [booted(settings, source, _NAME), *bare_places(edge, OPENER)]
    evidence += [Evidence(exchange_text(one.exchange, OPENER)) for one in live.lacking[:3]]
    yield Finding(
        message=f"Pages do not part from the windows of other sites: {_why(settings, known=known)}, and the proxy adds "
        f"no good `{OPENER}`.",
        location=settings_place(settings, source, _NAME),
        symbol=f"settings.{_NAME}",
        evidence=tuple(evidence),
        proof=live.proof,
        fix=setting_fix(settings, source, _NAME, '"same-origin"') if known else None,
    )


def _why(settings: Settings, *, known: bool) -> str:
    value = settings.value(_NAME)
    if not known:
        return f"Django {settings.django_version} has no setting for it"  # since 4.0
    return f"`{_NAME}` is {quoted(value) if value else 'off'} in {quoted(settings.module)}"


def _is_good(value: str) -> bool:
    return value.partition(";")[0].strip().lower() in _GOOD


def _protected(page: KindHeaders) -> bool:
    return any(map(_is_good, page.values(OPENER)))

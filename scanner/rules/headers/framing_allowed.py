"""Other sites may show the pages in a frame.

## Why is this bad
A page in an invisible frame takes clicks that the user meant for something else: they buy, delete or agree without
knowing.

## Bad
    MIDDLEWARE = [...]                # without XFrameOptionsMiddleware
    X_FRAME_OPTIONS = "ALLOWALL"

## Good
    MIDDLEWARE = [..., "django.middleware.clickjacking.XFrameOptionsMiddleware"]
    X_FRAME_OPTIONS = "DENY"

## References
- https://docs.djangoproject.com/en/stable/ref/clickjacking/
- https://docs.djangoproject.com/en/stable/ref/settings/#x-frame-options
- CWE-1021
"""

from collections.abc import Iterator

from scanner.facts.app_servers import AppServers
from scanner.facts.exchange_text import exchange_text
from scanner.facts.header_mentions import HeaderMentions, require_no_other_sender
from scanner.facts.header_survey import HeaderSurvey, KindHeaders
from scanner.facts.nginx import Nginx
from scanner.facts.sent_headers import (
    CLICKJACKING,
    CSP,
    FRAMES,
    added_headers,
    django_header,
    frame_ancestors,
    is_api_only,
    is_lost,
)
from scanner.facts.settings import Settings
from scanner.facts.settings_fix import setting_fix
from scanner.facts.settings_place import booted, require_decided, settings_place
from scanner.facts.settings_source import SettingsSource
from scanner.model import Evidence, Finding, Severity, quoted, rule
from scanner.rules.headers._missing import Edge, bare_places, seen


@rule(severity=Severity.MEDIUM)
def check(
    settings: Settings,
    nginx: Nginx | None,
    source: SettingsSource | None,
    servers: AppServers | None,
    survey: HeaderSurvey | None,
    mentions: HeaderMentions | None,
) -> Iterator[Finding]:
    if _is_good(django_header(settings, FRAMES) or "") or _restricts(django_header(settings, CSP) or ""):
        return
    edge = Edge.of(nginx, servers, settings)
    live = seen(survey, edge, FRAMES, _protected, html=True)
    if live.pages and not live.lacking:
        return
    name = "X_FRAME_OPTIONS" if settings.has_middleware(CLICKJACKING) else "MIDDLEWARE"
    require_decided(settings, name)
    if not live.lacking and edge.places and not _open_places(edge):
        return
    if not live.lacking:
        require_no_other_sender(settings, FRAMES, mentions)
    evidence = [Evidence(_text(settings, name), settings_place(settings, source, name)), *bare_places(edge, FRAMES)]
    evidence += [Evidence(f"{exchange_text(one.exchange, FRAMES, CSP)} (no {FRAMES})") for one in live.lacking[:3]]
    yield Finding(
        message=_message(settings, name),
        location=settings_place(settings, source, name),
        symbol=f"settings.{name}",
        evidence=tuple(evidence),
        proof=live.proof,
        severity=Severity.LOW if is_api_only(settings) else Severity.MEDIUM,
        fix=setting_fix(settings, source, name, '"DENY"') if name == "X_FRAME_OPTIONS" else None,
    )


def _is_good(value: str) -> bool:
    """Browsers obey DENY and SAMEORIGIN; nothing else."""
    return value.strip().upper() in {"DENY", "SAMEORIGIN"}


def _restricts(policy: str) -> bool:
    sources = frame_ancestors(policy)
    return sources is not None and "*" not in sources


def _protected(page: KindHeaders) -> bool:
    return any(map(_is_good, page.values(FRAMES))) or any(map(_restricts, page.values(CSP)))


def _open_places(edge: Edge) -> bool:
    for place in edge.without(FRAMES, _is_good):
        policies = added_headers(place.configuration, place.level, CSP)
        if not any(_restricts(one.value) for one in policies) and not is_lost(place.level, CSP):
            return True
    return False


def _text(settings: Settings, name: str) -> str:
    if name == "MIDDLEWARE":
        return "booted settings: MIDDLEWARE has no XFrameOptionsMiddleware (security.W002 of check --deploy)"
    return booted(settings, None, name).text


def _message(settings: Settings, name: str) -> str:
    module = quoted(settings.module)
    if name == "MIDDLEWARE":
        return (
            f"Other sites may frame the pages: `MIDDLEWARE` in {module} has no `XFrameOptionsMiddleware`, and the "
            f"proxy adds neither `{FRAMES}` nor `frame-ancestors`."
        )
    value = quoted(settings.value(name))
    return f"Other sites may frame the pages: `{name}` is {value} in {module}, which browsers ignore or allow."

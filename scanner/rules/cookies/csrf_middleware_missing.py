"""Forms of other sites are accepted: there is no CSRF middleware.

## Why is this bad
A browser sends the session cookie with a form that another site submits. Without the token check, that site acts in
the user's name.

## Bad
    MIDDLEWARE = ["django.contrib.sessions.middleware.SessionMiddleware", ...]

## Good
    MIDDLEWARE = [..., "django.middleware.csrf.CsrfViewMiddleware", ...]

## References
- https://docs.djangoproject.com/en/stable/ref/csrf/
- CWE-352
"""

from collections.abc import Iterator

from scanner.facts.csrf_origins import CsrfAttempt, CsrfOrigins
from scanner.facts.exchange_text import exchange_text
from scanner.facts.settings import Settings, Urlconf
from scanner.facts.settings_place import require_decided, settings_place
from scanner.facts.settings_source import SettingsSource
from scanner.model import Evidence, Finding, NotApplicable, Proof, Severity, UnknownValue, quoted, rule
from scanner.rules.cookies._cookie_flags import CSRF_MIDDLEWARE, has_sessions

_NAME = "MIDDLEWARE"
_BY_COOKIE = "rest_framework.authentication.SessionAuthentication"


@rule(severity=Severity.HIGH)
def check(
    settings: Settings, source: SettingsSource | None, urlconf: Urlconf | None, origins: CsrfOrigins | None
) -> Iterator[Finding]:
    if settings.has_middleware(CSRF_MIDDLEWARE):
        require_decided(settings, _NAME)
        return
    why = _cookie_logins(settings, urlconf)
    if not why and settings.rest_framework is None:
        raise NotApplicable("no request is authenticated by a cookie")
    require_decided(settings, _NAME)
    own = [one.path for one in settings.middleware if "csrf" in one.path.lower()]
    tried = [one for one in origins.attempts if not one.token_matches and not one.by_proxy] if origins else []
    if tried and not any(one.status == 200 for one in tried):
        return
    if own and not tried:
        raise UnknownValue(f"whether {own[0]} checks CSRF tokens")
    yield _finding(settings, source, why, next((one for one in tried if one.status == 200), None))


def _cookie_logins(settings: Settings, urlconf: Urlconf | None) -> list[str]:
    """What lets a cookie stand for a user."""
    found = []
    if has_sessions(settings):
        found.append("sessions are in use")
    if urlconf is not None and urlconf.admin_prefixes:
        found.append(f"the administration is at {urlconf.admin_prefixes[0]}")
    elif settings.has_app("django.contrib.admin"):
        found.append("django.contrib.admin is installed")
    rest = settings.rest_framework
    if rest is not None and any(one.is_a(_BY_COOKIE) for one in rest.authentication):
        found.append("REST framework takes the session for a login")
    return found


def _finding(
    settings: Settings, source: SettingsSource | None, why: list[str], accepted: CsrfAttempt | None
) -> Finding:
    place = settings_place(settings, source, _NAME)
    evidence = [Evidence(f"booted settings: MIDDLEWARE has no {CSRF_MIDDLEWARE}", place)]
    evidence += [Evidence(text) for text in why]
    evidence += [Evidence(exchange_text(accepted.exchange))] if accepted is not None else []
    return Finding(
        message=f"{quoted(_NAME)} has no `CsrfViewMiddleware`: forms of other sites are accepted.",
        location=place,
        symbol=f"settings.{_NAME}",
        evidence=tuple(evidence),
        proof=Proof.PROVEN if accepted is not None else Proof.INFERRED,
        severity=Severity.HIGH if why else Severity.LOW,
    )

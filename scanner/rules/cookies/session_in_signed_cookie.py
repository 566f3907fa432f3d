"""Sessions live in a cookie, so nobody can end them.

## Why is this bad
A signed cookie is the session itself. Logging out only asks the browser to forget it: a copy stays valid until it
expires, and there is no row to delete.

## Bad
    SESSION_ENGINE = "django.contrib.sessions.backends.signed_cookies"

## Good
    SESSION_ENGINE = "django.contrib.sessions.backends.cached_db"

## References
- https://docs.djangoproject.com/en/stable/topics/http/sessions/#using-cookie-based-sessions
- CWE-613
"""

from collections.abc import Iterator

from scanner.facts.settings import Settings
from scanner.facts.settings_place import booted, require_decided, settings_place
from scanner.facts.settings_source import SettingsSource
from scanner.model import Finding, NotApplicable, Severity, quoted, rule
from scanner.rules.cookies._cookie_flags import has_sessions

_NAME = "SESSION_ENGINE"
_COOKIES = "django.contrib.sessions.backends.signed_cookies"


@rule(severity=Severity.MEDIUM)
def check(settings: Settings, source: SettingsSource | None) -> Iterator[Finding]:
    if not has_sessions(settings):
        raise NotApplicable("sessions are not in use")
    require_decided(settings, _NAME)
    if settings.value(_NAME) != _COOKIES:
        return
    logins = settings.has_app("django.contrib.auth")
    yield Finding(
        message=f"{quoted(_NAME)} keeps sessions in signed cookies: a copied cookie stays valid after logout.",
        location=settings_place(settings, source, _NAME),
        symbol=f"settings.{_NAME}",
        evidence=(booted(settings, source, _NAME),),
        severity=Severity.MEDIUM if logins else Severity.LOW,
    )

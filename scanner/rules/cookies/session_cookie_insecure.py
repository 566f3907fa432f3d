"""The session cookie travels without Secure.

## Why is this bad
Browsers send a cookie without `Secure` over plain HTTP, too: whoever can read or provoke one such request has the
session.

## Bad
    SESSION_COOKIE_SECURE = False

## Good
    SESSION_COOKIE_SECURE = True

## References
- https://docs.djangoproject.com/en/stable/ref/settings/#session-cookie-secure
- CWE-614
"""

from collections.abc import Iterator

from scanner.facts.header_survey import HeaderSurvey
from scanner.facts.nginx import Nginx
from scanner.facts.set_cookies import CookiePurpose, SetCookies
from scanner.facts.settings import Settings
from scanner.facts.settings_source import SettingsSource
from scanner.model import Finding, NotApplicable, Severity, rule
from scanner.rules.cookies._cookie_flags import Cookie, Seen, has_sessions, insecure

_COOKIE = Cookie("SESSION_COOKIE_SECURE", CookiePurpose.SESSION, "session cookie", "SESSION_COOKIE_NAME")


@rule(severity=Severity.HIGH)
def check(
    settings: Settings,
    source: SettingsSource | None,
    nginx: Nginx | None,
    cookies: SetCookies | None,
    survey: HeaderSurvey | None,
) -> Iterator[Finding]:
    if not has_sessions(settings):
        raise NotApplicable("sessions are not in use")
    yield from insecure(_COOKIE, Seen(settings, source, nginx, cookies, survey))

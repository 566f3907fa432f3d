"""The CSRF cookie travels without Secure.

## Why is this bad
Whoever can set or read this cookie over plain HTTP can send forms in the user's name.

## Bad
    CSRF_COOKIE_SECURE = False

## Good
    CSRF_COOKIE_SECURE = True

## References
- https://docs.djangoproject.com/en/stable/ref/settings/#csrf-cookie-secure
- CWE-614
"""

from collections.abc import Iterator

from scanner.facts.header_survey import HeaderSurvey
from scanner.facts.nginx import Nginx
from scanner.facts.set_cookies import CookiePurpose, SetCookies
from scanner.facts.settings import Settings
from scanner.facts.settings_source import SettingsSource
from scanner.model import Finding, NotApplicable, Severity, rule
from scanner.rules.cookies._cookie_flags import Cookie, Seen, insecure

_COOKIE = Cookie("CSRF_COOKIE_SECURE", CookiePurpose.CSRF, "CSRF cookie", "CSRF_COOKIE_NAME")


@rule(severity=Severity.HIGH)
def check(
    settings: Settings,
    source: SettingsSource | None,
    nginx: Nginx | None,
    cookies: SetCookies | None,
    survey: HeaderSurvey | None,
) -> Iterator[Finding]:
    if not settings.has_middleware("django.middleware.csrf.CsrfViewMiddleware"):
        raise NotApplicable("there is no CSRF middleware, so no CSRF cookie")
    if settings.value("CSRF_USE_SESSIONS"):
        raise NotApplicable("the CSRF token is kept in the session")
    yield from insecure(_COOKIE, Seen(settings, source, nginx, cookies, survey))

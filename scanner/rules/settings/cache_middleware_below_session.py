"""The site-wide cache stores pages before they are marked as personal.

## Why is this bad
On the way out the last middleware comes first: `UpdateCacheMiddleware` below `SessionMiddleware` stores the page
before `Vary: Cookie` is on it, and the next visitor gets another user's page.

## Bad
    MIDDLEWARE = [
        "django.contrib.sessions.middleware.SessionMiddleware",
        "django.middleware.cache.UpdateCacheMiddleware",
    ]

## Good
    MIDDLEWARE = [
        "django.middleware.cache.UpdateCacheMiddleware",
        "django.contrib.sessions.middleware.SessionMiddleware",
        "django.middleware.cache.FetchFromCacheMiddleware",
    ]

## References
- https://docs.djangoproject.com/en/stable/ref/middleware/#middleware-ordering
- https://docs.djangoproject.com/en/stable/topics/cache/#order-of-middleware
- CWE-524
"""

from collections.abc import Iterator

from scanner.facts.settings import Settings
from scanner.facts.settings_place import require_decided, settings_place
from scanner.facts.settings_source import SettingsSource
from scanner.model import Evidence, Finding, Severity, quoted, rule

_NAME = "MIDDLEWARE"
_UPDATE = ("django.middleware.cache.UpdateCacheMiddleware", "django.middleware.cache.CacheMiddleware")
_SESSION = "django.contrib.sessions.middleware.SessionMiddleware"


@rule(severity=Severity.HIGH)
def check(settings: Settings, source: SettingsSource | None) -> Iterator[Finding]:
    session = next((at for at, one in enumerate(settings.middleware) if one.is_a(_SESSION)), None)
    if session is None:
        return
    late = [one for one in settings.middleware[session + 1 :] if any(one.is_a(update) for update in _UPDATE)]
    if not late:
        return
    require_decided(settings, _NAME)
    place = settings_place(settings, source, _NAME)
    yield Finding(
        message=f"{quoted(late[0].path)} stands after the session middleware in {quoted(settings.module)}: pages are "
        f"stored before `Vary: Cookie` is added, and given to other users.",
        location=place,
        symbol=f"settings.{_NAME}",
        evidence=(Evidence(f"MIDDLEWARE: {settings.middleware[session].path} comes before {late[0].path}", place),),
    )

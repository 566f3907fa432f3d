"""What Django itself redirects to https."""

import re

from scanner.facts.settings import Settings

SECURITY_MIDDLEWARE = "django.middleware.security.SecurityMiddleware"
_ANCHORED = re.compile(r"^\^/?(?P<path>[A-Za-z0-9_\-./]+?)/?(?:\$|\\Z)?$")


def django_redirects(settings: Settings) -> bool:
    """Whether Django answers plain requests with a redirect to https: the setting, and the middleware that reads it."""
    return bool(settings.value("SECURE_SSL_REDIRECT")) and settings.has_middleware(SECURITY_MIDDLEWARE)


def exempt_paths(settings: Settings | None) -> tuple[str, ...]:
    """The paths that an anchored pattern of SECURE_REDIRECT_EXEMPT names: they are meant to answer plain requests.

    Django matches its patterns against the path without the leading slash.
    """
    found: list[str] = []
    for pattern in settings.strings("SECURE_REDIRECT_EXEMPT") if settings else ():
        match = _ANCHORED.match(pattern)
        if match:
            found.extend((f"/{match['path']}", f"/{match['path']}/"))
    return tuple(found)

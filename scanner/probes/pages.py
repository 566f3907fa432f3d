"""The pages that every Django site may have: login, the administration, a route that wants its final slash."""

import re
from typing import Final

from scanner.facts.live_stack import LiveStack
from scanner.facts.settings import Settings, Urlconf
from scanner.probes.asking import site_path

_PLAIN: Final = re.compile(r"[A-Za-z0-9_.~-]+(?:/[A-Za-z0-9_.~-]+)*/")


def login_paths(settings: Settings | None, urlconf: Urlconf | None, live: LiveStack) -> tuple[str, ...]:
    """Paths of the login page: what the URL configuration resolves, else LOGIN_URL where it is a path of the site."""
    found = [_path(path) for path in (urlconf.login_paths if urlconf else ())]
    url = settings.value("LOGIN_URL") if settings and settings.is_set("LOGIN_URL") else None
    if isinstance(url, str) and url.startswith(("/", "http://", "https://")):
        found.append(site_path(url, live) or "")
    return tuple(dict.fromkeys(path for path in found if path))


def admin_login(urlconf: Urlconf | None) -> tuple[str, ...]:
    """The login pages of the administration."""
    return tuple(f"{_path(prefix).rstrip('/')}/login/" for prefix in (urlconf.admin_prefixes if urlconf else ()))


def slashless(settings: Settings | None, urlconf: Urlconf | None) -> str | None:
    """A path that CommonMiddleware redirects to itself with a final slash; None where none is known."""
    if settings is None or urlconf is None or settings.value("APPEND_SLASH") is not True:
        return None
    if not settings.has_middleware("django.middleware.common.CommonMiddleware"):
        return None
    patterns = (route.pattern for route in urlconf.routes if _PLAIN.fullmatch(route.pattern))
    taken = {route.pattern for route in urlconf.routes}
    return next((f"/{one.rstrip('/')}" for one in patterns if one.rstrip("/") not in taken), None)


def _path(path: str) -> str:
    return path if path.startswith("/") else f"/{path}"

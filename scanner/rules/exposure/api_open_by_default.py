"""API views that say nothing about permissions are open to everybody.

## Why is this bad
Django REST framework lets everybody in unless it is told otherwise: the view that somebody forgot to guard is public.

## Bad
    REST_FRAMEWORK = {"DEFAULT_PERMISSION_CLASSES": ["rest_framework.permissions.AllowAny"]}

## Good
    REST_FRAMEWORK = {"DEFAULT_PERMISSION_CLASSES": ["rest_framework.permissions.IsAuthenticated"]}

## References
- https://www.django-rest-framework.org/api-guide/permissions/
- CWE-862, CWE-306
"""

from collections.abc import Iterator

from scanner.facts.settings import Route, Settings, Urlconf
from scanner.facts.settings_place import nested_place, undecided_by
from scanner.facts.settings_source import SettingsSource
from scanner.model import Evidence, Finding, Severity, UnknownValue, quoted, rule

_NAME = "REST_FRAMEWORK.DEFAULT_PERMISSION_CLASSES"
_ALLOW_ANY = "rest_framework.permissions.AllowAny"
_SAFE = frozenset({"get", "head", "options", "trace"})
_MOST = 10


@rule(severity=Severity.HIGH)
def check(settings: Settings, source: SettingsSource | None, urls: Urlconf) -> Iterator[Finding]:
    framework = settings.rest_framework
    if framework is None or any(not one.is_a(_ALLOW_ANY) for one in framework.permissions):
        return
    views = {one.view: one for one in urls.routes if _uses_the_default(one)}
    if not views:
        return
    variable = undecided_by(settings, _NAME)
    if variable is not None:
        raise UnknownValue(f"{_NAME} is decided by {variable}, which the repository does not tell")
    writing = [one for one in views.values() if not set(one.methods) <= _SAFE]
    place = nested_place(settings, source, _NAME)
    said = "says AllowAny" if settings.is_set("REST_FRAMEWORK") and framework.permissions else "allows everybody"
    listed = [*writing, *(one for one in views.values() if one not in writing)][:_MOST]
    yield Finding(
        message=f"{_count(len(views))} can be used by everybody: the default of {quoted(settings.module)} {said}.",
        location=place,
        symbol=f"settings.{_NAME}",
        evidence=tuple(Evidence(_told(one)) for one in listed),
        severity=Severity.HIGH if writing else Severity.MEDIUM,
    )


def _uses_the_default(route: Route) -> bool:
    """A view of the API that leaves it to the default; the framework's own overview is none."""
    return route.permissions is not None and not route.own_permissions and not route.view.startswith("rest_framework.")


def _count(number: int) -> str:
    one = "One API view without permissions of its own"
    return one if number == 1 else f"{number} API views without permissions of their own"


def _told(route: Route) -> str:
    return f"/{route.pattern} leads to {route.view} ({', '.join(route.methods)})"

"""`ALLOWED_HOSTS` is empty.

## Why is this bad
Django answers 400 to every request, whatever its host. Whoever is in a hurry then writes `*`.

## Bad
    DEBUG = False
    ALLOWED_HOSTS = []

## Good
    ALLOWED_HOSTS = ["shop.example", "www.shop.example"]

## References
- https://docs.djangoproject.com/en/stable/ref/settings/#allowed-hosts
- CWE-16
"""

from collections.abc import Iterator

from scanner.facts.settings import Settings
from scanner.facts.settings_place import booted, require_decided, settings_place
from scanner.facts.settings_source import Assignment, Origin, SettingsSource
from scanner.model import Evidence, Finding, NotApplicable, Severity, UnknownValue, quoted, rule

_NAME = "ALLOWED_HOSTS"


@rule(severity=Severity.MEDIUM)
def check(settings: Settings, source: SettingsSource | None) -> Iterator[Finding]:
    require_decided(settings, _NAME)
    if settings.value(_NAME):
        return
    if settings.value("DEBUG"):
        raise NotApplicable("DEBUG is on, which is a finding of its own")
    if source is not None and any(_is_open(one) for one in source.assignments.get(_NAME, ())):
        raise UnknownValue(f"{_NAME} at {settings_place(settings, source, _NAME)}: the environment may fill it")
    yield Finding(
        message=f"`{_NAME}` in {quoted(settings.module)} is empty: Django answers 400 to every request.",
        location=settings_place(settings, source, _NAME),
        symbol=f"settings.{_NAME}",
        evidence=(
            booted(settings, source, _NAME),
            booted(settings, source, "DEBUG"),
            Evidence("security.W020 of check --deploy"),
        ),
    )


def _is_open(assignment: Assignment) -> bool:
    """Another environment than the one at hand may give another list."""
    return assignment.origin is not Origin.LITERAL or assignment.guard is not None or assignment.augmented

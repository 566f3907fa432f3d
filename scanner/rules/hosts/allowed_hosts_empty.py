"""`ALLOWED_HOSTS` is empty.

## Why is this bad
Without `DEBUG` Django answers 400 to every request, whatever its host. With `DEBUG` only names of the own machine work.
Whoever is in a hurry then writes `*`.

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
from scanner.facts.settings_source import SettingsSource
from scanner.model import Evidence, Finding, Severity, quoted, rule

_NAME = "ALLOWED_HOSTS"


@rule(severity=Severity.MEDIUM)
def check(settings: Settings, source: SettingsSource | None) -> Iterator[Finding]:
    require_decided(settings, _NAME)
    if settings.value(_NAME):
        return
    debug = bool(settings.value("DEBUG"))
    effect = "with `DEBUG` only names of the own machine work" if debug else "Django answers 400 to every request"
    evidence = [booted(settings, source, _NAME), booted(settings, source, "DEBUG")]
    evidence += [] if debug else [Evidence("security.W020 of check --deploy")]
    yield Finding(
        message=f"`{_NAME}` in {quoted(settings.module)} is empty: {effect}.",
        location=settings_place(settings, source, _NAME),
        symbol=f"settings.{_NAME}",
        evidence=tuple(evidence),
    )

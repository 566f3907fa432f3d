"""Production runs with the settings that are meant for development.

## Why is this bad
They are written to be convenient on a laptop: debug pages, every host, a key that everybody knows, cookies without
Secure. Whatever is hardened in the production module has no effect.

## Bad
    Environment=DJANGO_SETTINGS_MODULE=shop.settings.dev

## Good
    Environment=DJANGO_SETTINGS_MODULE=shop.settings.production

## References
- https://docs.djangoproject.com/en/stable/topics/settings/#designating-the-settings
- CWE-489
"""

from collections.abc import Iterator

from scanner.facts.served_settings import ServedModule, ServedSettings
from scanner.facts.settings import Settings
from scanner.model import Evidence, Finding, Severity, UnknownValue, quoted, rule


@rule(severity=Severity.HIGH)
def check(served: ServedSettings, settings: Settings | None) -> Iterator[Finding]:
    if not served.others:
        return  # there is only this one
    undecided = None
    for one in served.served:
        if not one.for_development:
            continue
        if one.may_be_overridden is not None:
            undecided = UnknownValue(f"DJANGO_SETTINGS_MODULE may be set by {one.may_be_overridden}")
            continue
        yield _finding(one, served, settings)
    if undecided is not None:
        raise undecided


def _finding(one: ServedModule, served: ServedSettings, settings: Settings | None) -> Finding:
    harmless = settings is not None and settings.module == one.module and not settings.value("DEBUG")
    how = "by default, and nothing sets another module" if one.by_default else "by its environment or command"
    return Finding(
        message=f"{quoted(one.artefact)} runs with the settings of {quoted(one.module)}, which are meant for "
        f"development.",
        location=one.location,
        symbol=f"{one.artefact} {one.module}",
        evidence=(
            Evidence(f"{one.artefact} gets {one.module} {how}", one.location),
            Evidence(f"the project has {', '.join(served.others[:3])} as well"),
        ),
        severity=Severity.MEDIUM if harmless else Severity.HIGH,
    )

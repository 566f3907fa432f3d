"""A setting that protects has no effect: its name is misspelt, or Django no longer reads it.

## Why is this bad
Django takes any name without a word. Whoever reads the settings believes that the protection is on, and the real
setting keeps its default.

## Bad
    SECURE_SSL_REDIRECTS = True

## Good
    SECURE_SSL_REDIRECT = True

## References
- https://docs.djangoproject.com/en/stable/ref/settings/
- CWE-16
"""

import re
from collections.abc import Iterator

from scanner.facts.setting_reads import SettingReads
from scanner.facts.settings import Settings
from scanner.facts.settings_place import literal_fix
from scanner.facts.settings_source import SettingsSource
from scanner.model import Evidence, Finding, Severity, UnknownValue, quoted, rule
from scanner.rules.settings._setting_names import BESIDE, PROTECTING, REMOVED, edits

_MOST_EDITS = 2
_VERSION = re.compile(r"(\d+)\.(\d+)")


@rule(severity=Severity.MEDIUM)
def check(settings: Settings, source: SettingsSource, reads: SettingReads | None) -> Iterator[Finding]:
    names = [name for name in source.assignments if name.isupper() and "." not in name and "[" not in name]
    undecided = None
    for name in names:
        if not settings.is_set(name) or (reads is not None and name in reads.names):
            continue
        if name in REMOVED:
            yield from _removed(name, settings, source)
            continue
        meant = _meant(name, settings)
        if meant is None:
            continue
        if reads is not None and not reads.complete:
            undecided = UnknownValue(f"whether anything reads {name}")
            continue
        yield _misspelt(name, meant, settings, source)
    if undecided is not None:
        raise undecided


def _meant(name: str, settings: Settings) -> str | None:
    """The setting that was probably meant, and is not set."""
    if name in PROTECTING or name in BESIDE:
        return None
    close = [other for other in PROTECTING if edits(name, other, _MOST_EDITS) <= _MOST_EDITS]
    if not close or any(settings.is_set(other) for other in close):
        return None
    return min(close, key=lambda other: edits(name, other, _MOST_EDITS))


def _misspelt(name: str, meant: str, settings: Settings, source: SettingsSource) -> Finding:
    winner = source.winner(name)
    place = source.place(name)
    line = f"{meant} = {winner.literal}" if winner else ""
    return Finding(
        message=f"{quoted(name)} is no setting of Django's: `{meant}` keeps its default.",
        location=place,
        symbol=f"settings.{name}",
        evidence=(
            Evidence(f"{name} is set, and nothing in the project reads it", place),
            Evidence(f"booted settings: {meant} = {settings.value(meant)!r}"),
        ),
        fix=literal_fix(source, name, line),
    )


def _removed(name: str, settings: Settings, source: SettingsSource) -> Iterator[Finding]:
    gone = REMOVED[name]
    version = _VERSION.match(settings.django_version)
    if version is None or (int(version[1]), int(version[2])) < gone.since:
        return
    since = ".".join(str(part) for part in gone.since)
    yield Finding(
        message=f"`{name}` has no effect: Django does not read it since {since}. In its place stands: {gone.instead}.",
        location=source.place(name),
        symbol=f"settings.{name}",
        evidence=(Evidence(f"{name} is set under Django {settings.django_version}", source.place(name)),),
        severity=Severity.LOW,
    )

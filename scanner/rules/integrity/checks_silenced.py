"""A security check of Django is silenced.

## Why is this bad
`manage.py check --deploy` says nothing any more about what `SILENCED_SYSTEM_CHECKS` names, for everybody who relies on
it and for as long as the line stands. The rule here that owns the subject judges it all the same.

## Bad
    SILENCED_SYSTEM_CHECKS = ["security.W004"]

## Good
    SILENCED_SYSTEM_CHECKS = []

## References
- https://docs.djangoproject.com/en/stable/ref/settings/#silenced-system-checks
- https://docs.djangoproject.com/en/stable/ref/checks/#security
- CWE-693
"""

from collections.abc import Iterator

from scanner.facts.settings import CheckMessage, CheckMessages, Settings
from scanner.facts.settings_place import booted, require_decided, settings_place
from scanner.facts.settings_source import SettingsSource
from scanner.model import Evidence, Finding, Severity, clean, quoted, rule
from scanner.rules.settings._check_owners import OWNERS
from scanner.rules.settings._implemented import implemented

_NAME = "SILENCED_SYSTEM_CHECKS"
_WITHOUT_OWNER = frozenset({"async.E001", "mail.E001", "mail.W001", "caches.E001", "caches.W003", "files.E001"})
"""Checks about deployment that no rule has as its subject."""


@rule(severity=Severity.MEDIUM)
def check(checks: CheckMessages, settings: Settings, source: SettingsSource | None) -> Iterator[Finding]:
    require_decided(settings, _NAME)
    muted = {message.id: message for message in checks.messages if message.silenced}
    for identity in dict.fromkeys(settings.strings(_NAME)):
        if not (identity in OWNERS or identity in _WITHOUT_OWNER or identity.startswith("security.")):
            continue
        message = muted.get(identity)
        if message is not None and identity in OWNERS and implemented(OWNERS[identity]):
            # The owner has decided with the other layers beside it, and speaks for itself where something is wrong.
            continue
        yield _finding(identity, message, settings, source)


def _finding(identity: str, message: CheckMessage | None, settings: Settings, source: SettingsSource | None) -> Finding:
    evidence = [booted(settings, source, _NAME)]
    if message is not None:
        evidence.append(Evidence(f"{identity} of check --deploy, silenced: {clean(message.text)[:300]}"))
        effect = "which has something to say"
    else:
        effect = "which has nothing to say at the moment"
    return Finding(
        message=f"`{_NAME}` in {quoted(settings.module)} silences {quoted(identity)} of `check --deploy`, {effect}.",
        location=settings_place(settings, source, _NAME),
        symbol=f"settings.{_NAME} {identity}",
        evidence=tuple(evidence),
        severity=Severity.INFO if message is None else Severity.MEDIUM,
    )

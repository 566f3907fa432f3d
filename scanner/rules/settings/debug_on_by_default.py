"""DEBUG is on wherever nobody switches it off.

## Why is this bad
A deployment that forgets one variable (a new server, a cron job, a renamed key) runs with debug pages. What is not
said has to mean the safe side.

## Bad
    DEBUG = env.bool("DJANGO_DEBUG", default=True)

## Good
    DEBUG = env.bool("DJANGO_DEBUG", default=False)

## References
- https://docs.djangoproject.com/en/stable/ref/settings/#debug
- CWE-636, CWE-489
"""

from collections.abc import Iterator

from scanner.facts.settings import EmptyEnvBoot, Settings
from scanner.facts.settings_source import Assignment, Origin, SettingsSource
from scanner.model import Evidence, Finding, Severity, quoted, rule


@rule(severity=Severity.HIGH)
def check(source: SettingsSource, settings: Settings | None, empty: EmptyEnvBoot | None) -> Iterator[Finding]:
    if settings is not None and _is_on(settings):
        return  # that is told as it is
    winner = source.winner("DEBUG")
    by_default = winner is not None and _on_by_default(winner, settings)
    written = winner is not None and winner.origin is Origin.LITERAL  # then no variable decides it
    by_boot = empty is not None and empty.booted and bool(empty.debug) and not written
    if not by_default and not by_boot:
        return
    place = source.place("DEBUG")
    evidence = []
    if winner is not None and winner.variable is not None:
        told = f" with the default {winner.default}" if winner.default else ""
        evidence.append(Evidence(f"DEBUG is read from {winner.variable}{told}", place))
    if by_boot:
        evidence.append(Evidence("booted with an empty environment: DEBUG = True"))
    yield Finding(
        message=_message(winner, settings),
        location=place,
        symbol="settings.DEBUG",
        evidence=tuple(evidence),
    )


def _is_on(settings: Settings) -> bool:
    """DEBUG is on in the boot, and it is the deployment that says so."""
    decided = "DEBUG" not in settings.injected and "DEBUG" not in settings.samples
    return bool(settings.value("DEBUG")) and decided


def _on_by_default(winner: Assignment, settings: Settings | None) -> bool:
    """The assignment is true while its variable is not set, and nothing but that variable made it false."""
    if winner.guard is not None or winner.variable is None or not winner.when_unset:
        return False
    return settings is None or bool(settings.value("DEBUG")) or winner.variable in settings.environment_names


def _message(winner: Assignment | None, settings: Settings | None) -> str:
    module = f" in {quoted(settings.module)}" if settings else ""
    if winner is not None and winner.variable is not None:
        return f"`DEBUG` is on{module} wherever {quoted(winner.variable)} is not set."
    return f"`DEBUG` is on{module} when the environment is empty: something has to be set to switch it off."

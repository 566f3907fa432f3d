"""SECRET_KEY can be guessed.

## Why is this bad
Who has the key can sign sessions and password-reset links. Short keys, keys of few characters, and keys from tutorials
can be found by trying.

## Bad
    SECRET_KEY=changeme

## Good
    # generate one with:
    python -c "from django.core.management.utils import get_random_secret_key as k; print(k())"

## References
- https://docs.djangoproject.com/en/stable/ref/settings/#secret-key
- CWE-521, CWE-331
"""

from collections.abc import Iterator

from scanner.facts.boot_plan import BootPlan, VariableSource
from scanner.facts.settings import SecretShape, Settings
from scanner.facts.settings_place import settings_place
from scanner.facts.settings_source import Origin, SettingsSource
from scanner.model import Evidence, Finding, Location, Severity, UnknownValue, quoted, rule

MIN_LENGTH = 50
MIN_UNIQUE = 5
MAX_FALLBACKS = 2


@rule(severity=Severity.CRITICAL)
def check(settings: Settings, source: SettingsSource | None, plan: BootPlan | None) -> Iterator[Finding]:
    """The thresholds are those of Django's own check security.W009."""
    fallbacks = [name for name in settings.secrets if name.startswith("SECRET_KEY_FALLBACKS[")]
    for name in ("SECRET_KEY", *fallbacks):
        shape = settings.secrets.get(name)
        # Django refuses an empty key: production has one from a place that the repository does not hold.
        if shape is None or shape.injected or not shape.length or _owned(name, shape, source):
            continue
        weakness = _weakness(shape)
        if weakness:
            place = _place(name, settings, source, plan)
            yield Finding(
                message=f"{quoted(name)} {weakness}.",
                location=place,
                symbol=f"settings.{name}",
                evidence=(
                    Evidence(f"booted settings: {name} has {shape.length} characters, {shape.unique} distinct"),
                    *_default(name, source, plan),
                ),
                severity=Severity.CRITICAL if shape.known else Severity.HIGH,
            )
    if len(fallbacks) > MAX_FALLBACKS:
        yield Finding(
            message="`SECRET_KEY_FALLBACKS` keeps more than two old keys: each of them still opens every signature.",
            location=settings_place(settings, source, "SECRET_KEY_FALLBACKS"),
            symbol="settings.SECRET_KEY_FALLBACKS",
            severity=Severity.LOW,
        )
    key = settings.secrets.get("SECRET_KEY")
    if key is not None and not key.length:
        raise UnknownValue("the key was not available: SECRET_KEY is empty in what could be loaded")
    if "SECRET_KEY" in settings.injected or (key is not None and key.injected):
        by = settings.injected.get("SECRET_KEY", "a placeholder")
        raise UnknownValue(f"the key was not available: SECRET_KEY is decided by {by}")


def _owned(name: str, shape: SecretShape, source: SettingsSource | None) -> bool:
    """The literal in the source is told by a rule of its own, weak or not."""
    winner = source.winner(name.partition("[")[0]) if source else None
    if winner is None or winner.origin is not Origin.LITERAL or not winner.literal_length:
        return False
    return "[" in name or shape.length == winner.literal_length


def _default(name: str, source: SettingsSource | None, plan: BootPlan | None) -> Iterator[Evidence]:
    winner = source.winner(name.partition("[")[0]) if source else None
    if winner is None or winner.origin is not Origin.ENV_DEFAULT or winner.variable is None:
        return
    if plan is not None and plan.variable(winner.variable) is None:
        yield Evidence(f"nothing in the deployment sets {winner.variable}: its default is the key", winner.location)


def _weakness(shape: SecretShape) -> str:
    if shape.known:
        return "is publicly known: it stands in tutorials and templates"
    if shape.insecure_prefix:
        return "starts with `django-insecure-`: it is the key that `startproject` wrote"
    if shape.length < MIN_LENGTH:
        return f"has {shape.length} characters; 50 is the least that Django's own check accepts"
    if shape.unique < MIN_UNIQUE:
        return f"has only {shape.unique} different characters"
    return ""


def _place(name: str, settings: Settings, source: SettingsSource | None, plan: BootPlan | None) -> Location:
    """The deployment file that says the value, where one does; else the assignment."""
    winner = source.winner(name.partition("[")[0]) if source else None
    variable = plan.variable(winner.variable) if plan and winner and winner.variable else None
    if variable is not None and variable.location is not None and variable.source is VariableSource.DEPLOYMENT:
        return variable.location
    return settings_place(settings, source, name.partition("[")[0])

"""SECRET_KEY is written in the source.

## Why is this bad
Everyone who can read the repository, or ever could, can sign sessions, password-reset links and whatever else Django
signs. A key in the history is public to the same people for ever.

## Bad
    SECRET_KEY = "django-insecure-..."

## Good
    SECRET_KEY = os.environ["SECRET_KEY"]

## References
- https://docs.djangoproject.com/en/stable/howto/deployment/checklist/#secret-key
- https://docs.djangoproject.com/en/stable/ref/settings/#secret-key
- CWE-798, CWE-321
"""

from collections.abc import Iterator

from scanner.facts.repository import Repository
from scanner.facts.settings import SecretShape, Settings
from scanner.facts.settings_source import Assignment, Origin, SettingsSource
from scanner.model import Evidence, Finding, Severity, quoted, rule


@rule(severity=Severity.CRITICAL)
def check(source: SettingsSource, settings: Settings | None, repository: Repository | None) -> Iterator[Finding]:
    for name in ("SECRET_KEY", "SECRET_KEY_FALLBACKS"):
        winner = source.winner(name)
        if winner is None or winner.origin is not Origin.LITERAL or not winner.literal_length:
            continue
        tracked = repository is None or not repository.is_git or winner.location.path in repository.tracked
        shape = _shape(settings, name)
        if not tracked or not _effective(settings, winner, shape):
            continue
        yield _finding(name, winner, settings, shape)


def _shape(settings: Settings | None, name: str) -> SecretShape | None:
    if settings is None:
        return None
    return settings.secrets.get(name) or settings.secrets.get(f"{name}[0]")


def _effective(settings: Settings | None, winner: Assignment, shape: SecretShape | None) -> bool:
    """No boot shows that another value wins."""
    if settings is None:
        # Without a boot, a literal under a guard may well not be what production runs with.
        return winner.guard is None
    if shape is None or shape.injected or winner.name in settings.injected:
        return False
    return shape.length == winner.literal_length


def _finding(name: str, winner: Assignment, settings: Settings | None, shape: SecretShape | None) -> Finding:
    evidence = [Evidence(f"{name} is a literal of {winner.literal_length} characters", winner.location)]
    if settings is not None and shape is not None:
        evidence.append(Evidence(f"booted settings: {name} has {shape.length} characters ({settings.module})"))
    weak = _weakness(shape)
    lower = settings is None or name == "SECRET_KEY_FALLBACKS"
    return Finding(
        message=f"{quoted(name)} is written in {quoted(winner.location.path)}: whoever can read the repository can "
        f"sign sessions and password-reset links{weak}.",
        location=winner.location,
        symbol=f"settings.{name}",
        evidence=tuple(evidence),
        severity=Severity.HIGH if lower else Severity.CRITICAL,
    )


def _weakness(shape: SecretShape | None) -> str:
    if shape is None:
        return ""
    if shape.known:
        return ", and this key is publicly known"
    return ", and it is the key that `startproject` wrote" if shape.insecure_prefix else ""

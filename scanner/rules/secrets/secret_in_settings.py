"""A password or a key of a service is written in the settings.

## Why is this bad
Everyone who can read the repository, its clones and its backups has it. It cannot be changed without a release, and it
stays in the history after it was removed.

## Bad
    EMAIL_HOST_PASSWORD = "4hX9-mail-22kq"

## Good
    EMAIL_HOST_PASSWORD = os.environ["EMAIL_HOST_PASSWORD"]

## References
- https://docs.djangoproject.com/en/stable/howto/deployment/checklist/#databases
- CWE-798
"""

import re
from collections.abc import Iterator

from scanner.facts.repository import Repository
from scanner.facts.secrets import ValueKind, is_secret_key
from scanner.facts.settings import Settings
from scanner.facts.settings_source import Assignment, Origin, SettingsSource
from scanner.model import Evidence, Finding, Severity, quoted, rule

_SHORTEST = 8
_LONG, _FEW = 16, 8
"""A long text of few different characters (``deadbeef-dead-beef``) only stands for a secret."""
_ENDINGS = (
    *("KEY", "KEYS", "SECRET", "SECRETS", "PASSWORD", "PASSWD", "PWD", "PASS", "PASSPHRASE", "TOKEN", "TOKENS", "DSN"),
    *("CREDENTIAL", "CREDENTIALS"),
)
"""How the name of a secret ends; ``TOKEN_TYPE_CLAIM`` or ``TOKEN_SERIALIZER`` are about secrets and are none."""
_OWN_RULES = ("SECRET_KEY", "SECRET_KEY_FALLBACKS")


@rule(severity=Severity.HIGH)
def check(source: SettingsSource, settings: Settings | None, repository: Repository | None) -> Iterator[Finding]:
    for name in source.assignments:
        winner = source.winner(name)
        if winner is None or name.partition("[")[0] in _OWN_RULES or not _is_secret(winner):
            continue
        if repository is not None and repository.is_git and winner.location.path not in repository.tracked:
            continue
        if not _effective(winner, settings):
            continue
        by_default = winner.origin is Origin.ENV_DEFAULT
        how = "as the default of a variable" if by_default else "as a literal"
        yield Finding(
            message=f"{quoted(name)} is written in {quoted(winner.location.path)} {how}.",
            location=winner.location,
            symbol=f"settings.{name}",
            evidence=(Evidence(f"{name}: <{winner.literal_length} characters>", winner.location),),
            severity=Severity.MEDIUM if by_default else Severity.HIGH,
        )


def _is_secret(winner: Assignment) -> bool:
    """A text of its own, long enough, and none that only stands for one or that products ship with."""
    seen = winner.text
    if seen is None or winner.origin not in {Origin.LITERAL, Origin.ENV_DEFAULT}:
        return False
    if is_secret_key(winner.name) and not re.sub(r"\[\d+\]$|[\d_]+$", "", winner.name).upper().endswith(_ENDINGS):
        return False
    return seen.kind is ValueKind.SECRET and not seen.default_credential and seen.length >= _SHORTEST


def _effective(winner: Assignment, settings: Settings | None) -> bool:
    """The boot does not show that another value is used; without a boot, what stands under a condition is left out."""
    if settings is None:
        return winner.guard is None
    if winner.origin is Origin.ENV_DEFAULT and winner.variable in settings.environment_names:
        return settings.samples.get(winner.name) is not None or winner.name in settings.injected
    shape = settings.secrets.get(winner.name)
    if shape is None or shape.injected or (shape.length >= _LONG and shape.unique < _FEW):
        return False
    return shape.length == winner.literal_length or not is_secret_key(winner.name)  # of a URL, its password's length

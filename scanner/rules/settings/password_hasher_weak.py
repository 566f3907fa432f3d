"""Passwords are stored with a hash that is quick to guess.

## Why is this bad
Whoever gets the table of users tries billions of passwords a second against MD5 or a hasher with few rounds; with
Django's default it is a few thousand.

## Bad
    PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]

## Good
    PASSWORD_HASHERS = [
        "django.contrib.auth.hashers.Argon2PasswordHasher",
        "django.contrib.auth.hashers.PBKDF2PasswordHasher",
    ]

## References
- https://docs.djangoproject.com/en/stable/topics/auth/passwords/
- CWE-916
"""

import math
from collections.abc import Iterator, Mapping

from scanner.facts.resolved_classes import PasswordHasher
from scanner.facts.settings import Settings
from scanner.facts.settings_place import require_decided, settings_place
from scanner.facts.settings_source import SettingsSource
from scanner.model import Evidence, Finding, Severity, UnknownValue, quoted, rule

_NAME = "PASSWORD_HASHERS"
_HASHERS = "django.contrib.auth.hashers."
_QUICK = tuple(
    f"{_HASHERS}{name}"
    for name in (
        *("MD5PasswordHasher", "UnsaltedMD5PasswordHasher", "UnsaltedSHA1PasswordHasher", "SHA1PasswordHasher"),
        "CryptPasswordHasher",
    )
)
_SLOW = tuple(
    f"{_HASHERS}{name}"
    for name in ("PBKDF2PasswordHasher", "BCryptSHA256PasswordHasher", "ScryptPasswordHasher", "Argon2PasswordHasher")
)
_COSTS = (("iterations",), ("rounds",), ("work_factor", "block_size"), ("time_cost", "memory_cost"))
"""What a guess costs: the product of these, for each family of hashers."""


@rule(severity=Severity.HIGH)
def check(settings: Settings, source: SettingsSource | None) -> Iterator[Finding]:
    if not settings.has_app("django.contrib.auth"):
        return
    first = _first(settings)
    if first is None or (not settings.is_set(_NAME) and first.path.startswith(_HASHERS)):
        return
    require_decided(settings, _NAME)
    fault = _fault(first)
    if fault is None:
        return
    severity, why = fault
    place = settings_place(settings, source, _NAME)
    yield Finding(
        message=f"New passwords are hashed with {quoted(first.path)}, {why}.",
        location=place,
        symbol=f"settings.{_NAME}",
        evidence=(Evidence(f"booted settings: the first of PASSWORD_HASHERS is {first.path}{_told(first)}", place),),
        severity=severity,
    )


def _first(settings: Settings) -> PasswordHasher | None:
    if settings.password_hashers:
        return settings.password_hashers[0]
    paths = settings.strings(_NAME)
    return PasswordHasher(paths[0]) if paths else None


def _fault(hasher: PasswordHasher) -> tuple[Severity, str] | None:
    if any(hasher.is_a(one) for one in _QUICK):
        return Severity.HIGH, "which is quick to guess"
    work, usual = _cost(hasher.work), _cost(hasher.default_work)
    if usual and work < usual:
        return Severity.HIGH, "with less work than the same hasher of this Django does"
    if any(
        one.startswith(_HASHERS) and not one.endswith(".BasePasswordHasher") for one in (hasher.path, *hasher.bases)
    ):
        return None
    if not hasher.bases:
        raise UnknownValue(f"{hasher.path} could not be imported")
    return Severity.MEDIUM, "a class of its own that is none of the known hashers"


def _cost(work: Mapping[str, int]) -> int:
    family = next((one for one in _COSTS if one[0] in work), ())
    return math.prod(work.get(name, 1) for name in family) if family else 0


def _told(hasher: PasswordHasher) -> str:
    pairs = [f"{name} {value}, Django's {hasher.default_work[name]}" for name, value in hasher.work.items()
             if hasher.default_work.get(name, value) != value]  # fmt: skip
    return f" ({'; '.join(pairs)})" if pairs else ""

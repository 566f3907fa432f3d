"""JSON web tokens are accepted without proof, or for too long.

## Why is this bad
A token that is not verified can be written by anybody. One that lives for days cannot be taken back: whoever copied it
stays signed in. And where `SECRET_KEY` signs the tokens, one leak opens both.

## Bad
    SIMPLE_JWT = {"ACCESS_TOKEN_LIFETIME": timedelta(days=30)}

## Good
    SIMPLE_JWT = {"ACCESS_TOKEN_LIFETIME": timedelta(minutes=5), "SIGNING_KEY": os.environ["JWT_KEY"]}

## References
- https://www.rfc-editor.org/rfc/rfc8725
- CWE-347, CWE-613
"""

from collections.abc import Iterator
from dataclasses import dataclass

from scanner.facts.resolved_classes import Jwt
from scanner.facts.settings import Settings
from scanner.facts.settings_place import nested_place, undecided_by
from scanner.facts.settings_source import SettingsSource
from scanner.model import Evidence, Finding, Severity, UnknownValue, rule

_DAY = 86400
_PACKAGES = {
    "SIMPLE_JWT": "rest_framework_simplejwt",
    "NINJA_JWT": "ninja_jwt",
    "JWT_AUTH": "rest_framework_jwt",
    "GRAPHQL_JWT": "graphql_jwt",
}
_LIFETIME = {"SIMPLE_JWT": "ACCESS_TOKEN_LIFETIME", "NINJA_JWT": "ACCESS_TOKEN_LIFETIME"}
_SHARED = ("HS256", "HS384", "HS512")
"""Algorithms whose key both signs and verifies."""


@dataclass(frozen=True)
class _Fault:
    severity: Severity
    key: str
    why: str


@rule(severity=Severity.HIGH)
def check(settings: Settings, source: SettingsSource | None) -> Iterator[Finding]:
    undecided = None
    for jwt in settings.jwt:
        if not _in_use(jwt, settings):
            continue
        for fault in _faults(jwt):
            name = f"{jwt.setting}.{fault.key}"
            decided_by = undecided_by(settings, name)
            if decided_by is not None and fault.severity is not Severity.LOW:
                undecided = UnknownValue(f"{name} is decided by {decided_by}, which the repository does not tell")
                continue
            place = nested_place(settings, source, name)
            yield Finding(
                message=f"`{jwt.setting}` {fault.why}.",
                location=place,
                symbol=f"settings.{name}",
                evidence=(Evidence(_told(jwt), place),),
                severity=fault.severity,
            )
    if undecided is not None:
        raise undecided


def _in_use(jwt: Jwt, settings: Settings) -> bool:
    package = _PACKAGES[jwt.setting]
    framework = settings.rest_framework
    classes = [path for one in (framework.authentication if framework else ()) for path in (one.path, *one.bases)]
    return settings.has_app(package) or any(path.startswith(f"{package}.") for path in classes)


def _faults(jwt: Jwt) -> Iterator[_Fault]:
    prefix = "JWT_" if jwt.setting in {"JWT_AUTH", "GRAPHQL_JWT"} else ""
    if jwt.algorithm.lower() == "none":
        yield _Fault(Severity.HIGH, f"{prefix}ALGORITHM", "takes tokens that nobody signed")
    if not jwt.verify:
        yield _Fault(Severity.HIGH, f"{prefix}VERIFY", "does not verify the signature of tokens")
    if not jwt.verify_expiration:
        yield _Fault(Severity.HIGH, f"{prefix}VERIFY_EXPIRATION", "takes tokens that have expired")
    if jwt.access_seconds is not None and jwt.access_seconds > _DAY:
        key = _LIFETIME.get(jwt.setting, "JWT_EXPIRATION_DELTA")
        yield _Fault(Severity.MEDIUM, key, f"lets an access token live for {jwt.access_seconds // _DAY} days")
    if jwt.key_is_secret_key and jwt.algorithm.upper() in _SHARED:
        key = "JWT_SECRET_KEY" if prefix else "SIGNING_KEY"
        yield _Fault(Severity.LOW, key, "signs with `SECRET_KEY` itself: one leak opens sessions and tokens")


def _told(jwt: Jwt) -> str:
    lives = f", access tokens live {jwt.access_seconds} s" if jwt.access_seconds is not None else ""
    return f"effective in the booted process: algorithm {jwt.algorithm}{lives}"

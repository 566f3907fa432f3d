"""A switch gets a text: every text but the empty one is true.

## Why is this bad
The environment holds texts. `"False"`, `"0"` and `"no"` are true in Python, so that a switch that reads as off is on,
and whoever looks at the deployment believes the opposite of what runs.

## Bad
    CORS_ALLOW_ALL_ORIGINS = os.environ.get("CORS_OPEN", "False")

## Good
    CORS_ALLOW_ALL_ORIGINS = os.environ.get("CORS_OPEN") == "true"

## References
- https://docs.djangoproject.com/en/stable/ref/settings/
- CWE-704, CWE-1188
"""

from collections.abc import Iterator

from scanner.facts.settings import Settings
from scanner.facts.settings_place import settings_place
from scanner.facts.settings_source import Assignment, SettingsSource
from scanner.model import Evidence, Finding, Severity, quoted, rule

_WEAKENING = (
    "DEBUG",
    "CORS_ALLOW_ALL_ORIGINS",
    "CORS_ORIGIN_ALLOW_ALL",
    "CORS_ALLOW_CREDENTIALS",
    "USE_X_FORWARDED_HOST",
    "USE_X_FORWARDED_PORT",
)
_PROTECTING = (
    "SECURE_SSL_REDIRECT",
    "SECURE_HSTS_INCLUDE_SUBDOMAINS",
    "SECURE_HSTS_PRELOAD",
    "SECURE_CONTENT_TYPE_NOSNIFF",
    "SESSION_COOKIE_SECURE",
    "SESSION_COOKIE_HTTPONLY",
    "SESSION_EXPIRE_AT_BROWSER_CLOSE",
    "CSRF_COOKIE_SECURE",
    "CSRF_COOKIE_HTTPONLY",
    "CSRF_USE_SESSIONS",
    "LANGUAGE_COOKIE_SECURE",
    "LANGUAGE_COOKIE_HTTPONLY",
    "EMAIL_USE_TLS",
    "EMAIL_USE_SSL",
)
_SECRET_LONG = 40
"""A longer text is no mistyped switch; it is not shown."""


@rule(severity=Severity.HIGH)
def check(settings: Settings, source: SettingsSource | None) -> Iterator[Finding]:
    for name in (*_WEAKENING, *_PROTECTING):
        weakens = name in _WEAKENING
        if name == "DEBUG" and settings.value(name):
            continue  # that it is on is a fault of its own
        winner = source.winner(name) if source else None
        entry = settings.values.get(name)
        if entry is not None and entry.type == "str" and entry.value:
            text = str(entry.value)
            yield _finding(settings, source, name, text, Severity.HIGH if weakens else Severity.LOW)
        elif winner is not None and winner.cast == "bool" and winner.variable is not None:
            yield _finding(settings, source, name, None, Severity.MEDIUM if weakens else Severity.LOW)


def _finding(
    settings: Settings, source: SettingsSource | None, name: str, text: str | None, severity: Severity
) -> Finding:
    place = settings_place(settings, source, name)
    winner = source.winner(name) if source else None
    evidence = []
    if text is not None:
        shown = "a text" if len(text) > _SECRET_LONG or name in settings.injected else f"the text {text!r}"
        evidence.append(Evidence(f"booted settings: {name} is {shown}", place))
        message = f"`{name}` is a text, not a boolean: `False`, `0` and `no` would be true as well."
    else:
        message = f"`{name}` is read through `bool()`, for which every text but the empty one is true."
    if winner is not None and winner.variable is not None:
        evidence.append(Evidence(_reader(winner), place))
    return Finding(
        message=message, location=place, symbol=f"settings.{name}", evidence=tuple(evidence), severity=severity
    )


def _reader(winner: Assignment) -> str:
    how = "through bool()" if winner.cast == "bool" else "without a cast"
    return f"the variable {quoted(winner.variable or '')} is read {how}"

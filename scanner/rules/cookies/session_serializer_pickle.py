"""Sessions are read with pickle, which runs code.

## Why is this bad
Unpickling runs whatever the data says. Whoever can write a session, by a leaked key where sessions are in a cookie, or
by access to the store, runs code as the application.

## Bad
    SESSION_SERIALIZER = "django.contrib.sessions.serializers.PickleSerializer"

## Good
    SESSION_SERIALIZER = "django.contrib.sessions.serializers.JSONSerializer"     # Django's default

## References
- https://docs.djangoproject.com/en/stable/topics/http/sessions/#session-serialization
- CWE-502
"""

from collections.abc import Iterator

from scanner.facts.python_source import PythonSource
from scanner.facts.settings import Settings
from scanner.facts.settings_place import booted, require_decided, settings_place
from scanner.facts.settings_source import SettingsSource
from scanner.model import Evidence, Finding, NotApplicable, Severity, UnknownValue, quoted, rule
from scanner.rules.cookies._cookie_flags import has_sessions, literal_fix

_NAME = "SESSION_SERIALIZER"
_JSON = "django.contrib.sessions.serializers.JSONSerializer"
_PICKLE = "PickleSerializer"
_COOKIES = "django.contrib.sessions.backends.signed_cookies"


@rule(severity=Severity.CRITICAL)
def check(settings: Settings, source: SettingsSource | None, python: PythonSource | None) -> Iterator[Finding]:
    if not has_sessions(settings):
        raise NotApplicable("sessions are not in use")
    value = settings.value(_NAME)
    path = value if isinstance(value, str) else ""
    loader = _loader(settings, python, path)
    require_decided(settings, _NAME)
    if not loader:
        return
    own = python.serializer(path) if python is not None else None
    in_cookie = settings.value("SESSION_ENGINE") == _COOKIES
    where = " that users hold themselves" if in_cookie else ""
    yield Finding(
        message=f"{quoted(path)} reads sessions{where} with {quoted(loader)}, which runs what they say.",
        location=settings_place(settings, source, _NAME),
        symbol=f"settings.{_NAME}",
        evidence=(
            booted(settings, source, _NAME),
            *([booted(settings, source, "SESSION_ENGINE")] if in_cookie else []),
            *([Evidence(f"{own.name} reads with {loader}", own.location)] if own is not None else []),
        ),
        severity=Severity.CRITICAL if in_cookie else Severity.HIGH,
        fix=literal_fix(source, _NAME, f'"{_JSON}"'),
    )


def _loader(settings: Settings, python: PythonSource | None, path: str) -> str:
    """What runs code while the serializer reads; empty where nothing does. Raises UnknownValue."""
    if path in {"", _JSON}:
        return ""
    found = settings.session_serializer
    names = (path, *(found.bases if found is not None else ()))
    if any(name.rpartition(".")[2] == _PICKLE for name in names):
        return "pickle"
    if found is not None and found.loads_with:
        return found.loads_with[0]
    own = python.serializer(path) if python is not None else None
    if own is not None:
        return own.unsafe or ""
    if found is None or not found.readable:
        raise UnknownValue(f"the source of {path} was not found")
    return ""

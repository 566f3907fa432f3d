"""The settings are safer while somebody looks at them.

## Why is this bad
A branch on `CI`, on this tool's variables or on `check` in `sys.argv` shows every check a configuration that the served
site does not have. Whether meant or not, all that is said about the settings then is about other settings.

## Bad
    DEBUG = True
    if os.environ.get("CI"):
        DEBUG = False

## Good
    DEBUG = env.bool("DJANGO_DEBUG", default=False)     # one variable of the project's own, for all

## References
- https://docs.djangoproject.com/en/stable/howto/deployment/checklist/
- CWE-345
- CWE-693
"""

from collections.abc import Callable, Iterator

from scanner.facts.scan_detection import TwoFaces, two_faces
from scanner.facts.settings_source import Assignment, SettingsSource
from scanner.model import Evidence, Finding, Severity, quoted, rule


def _is_true(value: object) -> bool:
    return bool(value)


def _is_false(value: object) -> bool:
    return not value


def _is_closed(value: object) -> bool:
    """No entry takes everything."""
    entries = value if isinstance(value, list | tuple | set) else ()
    return not any(isinstance(one, str) and one.rpartition("//")[2] in {"*", ".com"} for one in entries)


def _is_framing_off(value: object) -> bool:
    return value is None or (isinstance(value, str) and value.upper() in {"DENY", "SAMEORIGIN"})


def _is_not_false(value: object) -> bool:
    return value is None or bool(value)


_SAFE: dict[str, Callable[[object], bool]] = {
    "ALLOWED_HOSTS": _is_closed,
    "CORS_ALLOW_ALL_ORIGINS": _is_false,
    "CORS_ORIGIN_ALLOW_ALL": _is_false,
    "CSRF_COOKIE_SECURE": _is_true,
    "CSRF_TRUSTED_ORIGINS": _is_closed,
    "DEBUG": _is_false,
    "SECURE_CONTENT_TYPE_NOSNIFF": _is_not_false,
    "SECURE_HSTS_INCLUDE_SUBDOMAINS": _is_true,
    "SECURE_HSTS_SECONDS": _is_true,
    "SECURE_SSL_REDIRECT": _is_true,
    "SESSION_COOKIE_HTTPONLY": _is_not_false,
    "SESSION_COOKIE_SECURE": _is_true,
    "USE_X_FORWARDED_HOST": _is_false,
    "X_FRAME_OPTIONS": _is_framing_off,
}
"""What makes a value of each setting the safe one; None stands for Django's default."""


@rule(severity=Severity.MEDIUM)
def check(source: SettingsSource) -> Iterator[Finding]:
    for name, is_safe in _SAFE.items():
        faces = two_faces(source, name)
        if faces is not None and is_safe(faces.scanned) and not is_safe(faces.served):
            yield _finding(name, faces, source)


def _finding(name: str, faces: TwoFaces, source: SettingsSource) -> Finding:
    one = faces.assignment
    evidence = [Evidence(_said(name, other), other.location) for other in source.assignments[name][:6]]
    return Finding(
        message=f"`{name}` is safer where a scan looks at it: the condition {quoted(one.guard)} tells that from the "
        f"served site.",
        location=one.location,
        symbol=f"settings.{name}",
        evidence=tuple(evidence),
    )


def _said(name: str, assignment: Assignment) -> str:
    text = f"{name} = {assignment.literal}"
    return text if assignment.guard is None else f"if {assignment.guard}: {text}"

"""Users may choose passwords that are guessed at once.

## Why is this bad
Without validators `1` is a password. Most accounts are broken into with short passwords from public lists.

## Bad
    AUTH_PASSWORD_VALIDATORS = []

## Good
    AUTH_PASSWORD_VALIDATORS = [
        {
            "NAME": "django.contrib.auth.password_validation.MinimumLengthValidator",
            "OPTIONS": {"min_length": 12},
        },
        {"NAME": "django.contrib.auth.password_validation.CommonPasswordValidator"},
    ]

## References
- https://docs.djangoproject.com/en/stable/ref/settings/#auth-password-validators
- CWE-521
"""

from collections.abc import Iterator

from scanner.facts.settings import Settings
from scanner.facts.settings_place import require_decided, settings_place
from scanner.facts.settings_source import SettingsSource
from scanner.model import Evidence, Finding, Severity, UnknownValue, quoted, rule

_NAME = "AUTH_PASSWORD_VALIDATORS"
_LENGTH = "django.contrib.auth.password_validation.MinimumLengthValidator"
_MODEL_BACKEND = "django.contrib.auth.backends.ModelBackend"
_LEAST = 8


@rule(severity=Severity.MEDIUM)
def check(settings: Settings, source: SettingsSource | None) -> Iterator[Finding]:
    if not settings.has_app("django.contrib.auth") or not _by_password(settings):
        return
    require_decided(settings, _NAME)
    lengths = [one.min_length for one in settings.password_validators if one.min_length is not None]
    if any(length >= _LEAST for length in lengths):
        return
    unread = [one.path for one in settings.password_validators if not one.bases]
    if unread or (not settings.password_validators and settings.value(_NAME)):
        raise UnknownValue(f"what {unread[0] if unread else _NAME} asks for")
    place = settings_place(settings, source, _NAME)
    yield Finding(
        message=_message(settings, lengths),
        location=place,
        symbol=f"settings.{_NAME}",
        evidence=(Evidence(_told(settings), place),),
        severity=Severity.LOW if lengths else Severity.MEDIUM,
    )


def _by_password(settings: Settings) -> bool:
    """Whether anybody signs in with a password of the users' table."""
    backends = settings.authentication_backends
    return not backends or any(one.is_a(_MODEL_BACKEND) or not one.bases for one in backends)


def _message(settings: Settings, lengths: list[int]) -> str:
    module = quoted(settings.module)
    if lengths:
        return f"Passwords of {max(lengths)} characters are taken in {module}: fewer than {_LEAST}."
    if not settings.password_validators:
        return f"`AUTH_PASSWORD_VALIDATORS` is empty in {module}: every password is taken."
    return f"`AUTH_PASSWORD_VALIDATORS` of {module} asks for no minimum length."


def _told(settings: Settings) -> str:
    listed = ", ".join(one.path for one in settings.password_validators)
    return f"booted settings: {_NAME} holds {listed or 'nothing'}"

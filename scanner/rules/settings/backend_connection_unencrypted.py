"""The application speaks to a server on another network without encryption.

## Why is this bad
Rows, sessions, passwords of the connection and mails with reset links cross networks that others share; who sits on
the way reads and changes them.

## Bad
    EMAIL_HOST = "smtp.provider.example"

## Good
    EMAIL_HOST = "smtp.provider.example"
    EMAIL_USE_TLS = True

## References
- https://docs.djangoproject.com/en/stable/ref/settings/#databases
- https://docs.djangoproject.com/en/stable/ref/settings/#email-use-tls
- CWE-319
"""

from collections.abc import Iterator

from scanner.facts.compose import Compose
from scanner.facts.connections import Connection, connections, is_remote
from scanner.facts.settings import Settings
from scanner.facts.settings_place import default_of, nested_place, undecided_by
from scanner.facts.settings_source import SettingsSource
from scanner.model import Evidence, Finding, Severity, UnknownValue, quoted, rule

_HOST_KEYS = {"DATABASES": "HOST", "CACHES": "LOCATION", "CHANNEL_LAYERS": "CONFIG", "MAILERS": "OPTIONS"}
_DECIDE_TLS = {
    "DATABASES": ("OPTIONS",),
    "CACHES": ("OPTIONS",),
}
_WORDS = {"mail": "mail server", "amqp": "broker", "redis": "Redis", "memcached": "Memcached"}


@rule(severity=Severity.MEDIUM)
def check(settings: Settings, source: SettingsSource | None, compose: Compose | None) -> Iterator[Finding]:
    undecided = None
    told: set[str] = set()
    for one in connections(settings):
        if one.encrypted is not False or not is_remote(one.host, compose) or one.path in told:
            continue
        variable = _undecided(one, settings) or default_of(settings, source, _host_path(one))
        if variable is not None:
            undecided = UnknownValue(f"{one.path} is decided by {variable}, which the repository does not tell")
            continue
        told.add(one.path)
        yield _finding(one, settings, source)
    if undecided is not None:
        raise undecided


def _undecided(one: Connection, settings: Settings) -> str | None:
    """What decides the host, or whether the connection is encrypted, and is not known."""
    top = one.path.partition(".")[0]
    if one.kind == "mail" and top != "MAILERS":
        names = ["EMAIL_HOST", "EMAIL_USE_TLS", "EMAIL_USE_SSL", "EMAIL_BACKEND"]
    else:
        keys = (_HOST_KEYS[top], *_DECIDE_TLS.get(top, ())) if top in _HOST_KEYS else ()
        names = [f"{one.path}.{key}" for key in keys] or [one.path]
    if one.kind == "postgresql" and "PGSSLMODE" in settings.environment_names:
        return "PGSSLMODE"
    return next((variable for name in names if (variable := undecided_by(settings, name))), None)


def _host_path(one: Connection) -> str:
    """Where the host is written: ``DATABASES.default.HOST``, ``CELERY_BROKER_URL`` …"""
    key = _HOST_KEYS.get(one.path.partition(".")[0])
    return f"{one.path}.{key}" if key else one.path


def _finding(one: Connection, settings: Settings, source: SettingsSource | None) -> Finding:
    place = nested_place(settings, source, _host_path(one))
    what = _WORDS.get(one.kind, "database server")
    return Finding(
        message=f"`{one.path}` leads to the {what} {quoted(one.host)} on another network, without TLS.",
        location=place,
        symbol=f"settings.{one.path}",
        evidence=(Evidence(f"booted settings: {one.path} is {one.kind} at {one.host}, TLS is not asked for", place),),
        severity=Severity.LOW if one.kind == "mail" and not one.user else Severity.MEDIUM,
    )

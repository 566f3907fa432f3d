"""The application connects to its database as the superuser.

## Why is this bad
Whoever finds one SQL injection then reads every database of the server, writes files and, with PostgreSQL's `COPY ...
PROGRAM` or MySQL's plugins, runs commands on its host.

## Bad
    DATABASES = {"default": {"ENGINE": "django.db.backends.postgresql", "USER": "postgres"}}

## Good
    DATABASES = {"default": {"ENGINE": "django.db.backends.postgresql", "USER": "shop"}}

## References
- https://docs.djangoproject.com/en/stable/howto/deployment/checklist/#databases
- CWE-250
"""

from collections.abc import Iterator

from scanner.facts.compose import Compose
from scanner.facts.connections import SERVER_DATABASES, Connection, connections, internal_only
from scanner.facts.settings import Settings
from scanner.facts.settings_place import default_of, nested_place, undecided_by
from scanner.facts.settings_source import SettingsSource
from scanner.model import Evidence, Finding, Severity, UnknownValue, quoted, rule

_SUPERUSERS = frozenset({"root", "postgres", "sa", "sys", "system", "mysql", "admin"})


@rule(severity=Severity.MEDIUM)
def check(settings: Settings, source: SettingsSource | None, compose: Compose | None) -> Iterator[Finding]:
    undecided = None
    for one in connections(settings):
        if one.kind not in SERVER_DATABASES:
            continue
        path = f"{one.path}.USER"
        variable = undecided_by(settings, path) or default_of(settings, source, path)
        if variable is not None:
            undecided = UnknownValue(f"{one.path}.USER is decided by {variable}, which the repository does not tell")
        elif one.user.lower() in _SUPERUSERS:
            yield _finding(one, settings, source, compose)
    if undecided is not None:
        raise undecided


def _finding(one: Connection, settings: Settings, source: SettingsSource | None, compose: Compose | None) -> Finding:
    place = nested_place(settings, source, f"{one.path}.USER")
    inside = internal_only(one.host, compose)
    return Finding(
        message=f"`{one.path}` connects to its server as {quoted(one.user)}, who may do everything there.",
        location=place,
        symbol=f"settings.{one.path}",
        evidence=(Evidence(f"booted settings: {one.path}.USER = {one.user!r} ({one.kind})", place),),
        severity=Severity.LOW if inside else Severity.MEDIUM,
    )

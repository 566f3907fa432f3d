"""A file with secrets is tracked by git.

## Why is this bad
Everyone who can read the repository has the values, and so has every copy of its history.

## Bad
    git add .env

## Good
    echo .env >> .gitignore

## References
- https://12factor.net/config
- CWE-538, CWE-312
"""

from collections.abc import Iterator

from scanner.facts.compose import Compose
from scanner.facts.env_files import EnvFile, EnvFiles
from scanner.facts.secrets import ValueKind
from scanner.facts.units import Units
from scanner.model import Evidence, Finding, Severity, quoted, rule


@rule(severity=Severity.CRITICAL)
def check(env_files: EnvFiles, units: Units | None, compose: Compose | None) -> Iterator[Finding]:
    for file in env_files.files:
        if not file.tracked or file.encrypted or file.example:
            continue
        secrets = [entry for entry in file.entries if entry.kind is ValueKind.SECRET]
        if not secrets:
            continue
        users = _users(file, units, compose)
        names = ", ".join(quoted(entry.key) for entry in secrets[:3])
        more = f" and {len(secrets) - 3} more" if len(secrets) > 3 else ""
        yield Finding(
            message=f"{quoted(file.path)} is tracked by git and holds {names}{more}.",
            location=secrets[0].location,
            symbol=file.path,
            evidence=(
                *(Evidence(f"{entry.key}=<{entry.length} characters>", entry.location) for entry in secrets[:10]),
                *users,
            ),
            severity=Severity.CRITICAL if users or _has_key(file) else Severity.HIGH,
        )


def _has_key(file: EnvFile) -> bool:
    return any(entry.kind is ValueKind.SECRET and entry.key.endswith("SECRET_KEY") for entry in file.entries)


def _users(file: EnvFile, units: Units | None, compose: Compose | None) -> tuple[Evidence, ...]:
    """Units and services that read this very file."""
    found = []
    for unit in units.units if units else ():
        found += [
            Evidence(f"{unit.name} reads EnvironmentFile={one.path}", one.location)
            for one in unit.environment_files
            if one.path.endswith(f"/{file.path}")
        ]
    for project in compose.projects if compose else ():
        for service in project.services:
            found += [
                Evidence(f"service {service.name} reads env_file {path}", location)
                for path, location in service.env_files
                if path == file.path
            ]
    return tuple(found)

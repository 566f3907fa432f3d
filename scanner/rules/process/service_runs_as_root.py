"""A service of the application runs as root.

## Why is this bad
A fault in the application, or in one of its dependencies, then has the whole machine.

## Bad
    [Service]
    ExecStart=/srv/shop/venv/bin/gunicorn shop.wsgi

## Good
    [Service]
    User=shop
    Group=www-data

## References
- https://www.freedesktop.org/software/systemd/man/latest/systemd.exec.html#User=
- CWE-250
"""

from collections.abc import Iterator

from scanner.facts.app_servers import AppServers, ServerKind
from scanner.facts.units import Role, Unit, Units
from scanner.model import Evidence, Finding, NotApplicable, Severity, Unknown, UnknownValue, quoted, rule

_ROOT = frozenset({"root", "0"})
_OURS = frozenset({Role.APP, Role.CELERY, Role.MANAGE, Role.HELPER})


@rule(severity=Severity.HIGH)
def check(units: Units, servers: AppServers | None) -> Iterator[Finding]:
    judged = [unit for unit in units.units if _is_ours(unit)]
    if not judged:
        raise NotApplicable("no unit runs a program of this project")
    unknown: list[Unknown] = []
    for unit in judged:
        if isinstance(unit.user, Unknown):
            unknown.append(unit.user)
        elif _drops_by_itself(unit, servers):
            continue
        elif cause := _root(unit):
            yield Finding(
                message=f"{quoted(unit.name)} runs {_program(unit)} as root: {cause}.",
                location=unit.user_location or unit.location,
                symbol=f"unit {unit.name}",
                evidence=tuple(
                    Evidence(f"{line.key}={line.prefix}{' '.join(line.argv)}", line.location) for line in unit.execs[:1]
                ),
                severity=_lower(unit, servers),
            )
    if unknown:
        place = f" at {unknown[0].location}" if unknown[0].location else ""
        raise UnknownValue(f"User= {unknown[0].why}{place}")


def _is_ours(unit: Unit) -> bool:
    on_host = unit.container is None and not unit.user_unit
    return unit.kind in {"service", "supervisor"} and unit.role in _OURS and on_host and bool(unit.execs)


def _lower(unit: Unit, servers: AppServers | None) -> Severity | None:
    if unit.role is Role.HELPER and unit.service_type == "oneshot":
        return Severity.INFO
    own = [one for one in (servers.servers if servers else ()) if one.location.path == unit.path]
    workers_drop = bool(own) and all(one.drops_user is not None and one.drops_user not in _ROOT for one in own)
    return Severity.MEDIUM if workers_drop else None


def _drops_by_itself(unit: Unit, servers: AppServers | None) -> bool:
    """uWSGI changes to the user of its own configuration before it loads the application."""
    for server in servers.servers if servers else ():
        if server.location.path == unit.path and server.kind is ServerKind.UWSGI:
            user = server.drops_user or server.user
            return isinstance(user, str) and user not in _ROOT
    return False


def _root(unit: Unit) -> str:
    """Why it runs as root, in words; empty where it does not."""
    for line in unit.execs:
        if line.key in {"ExecStart", "command"} and ("+" in line.prefix or "!" in line.prefix):
            return f"the prefix {quoted(line.prefix)} of its {line.key} takes the user back"
    if unit.dynamic_user:
        return ""
    if unit.user is None:
        return "it sets no `User=`" if unit.kind == "service" else "it sets no `user`"
    return f"its user is {quoted(unit.user)}" if unit.user in _ROOT else ""


def _program(unit: Unit) -> str:
    argv = unit.execs[0].argv
    return quoted(argv[0].rpartition("/")[2]) if argv else "its program"

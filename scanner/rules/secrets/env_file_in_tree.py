"""The service reads its secrets from inside the checkout.

## Why is this bad
What lies among the code is copied, backed up, served and committed with the code, and usually belongs to the user who
deploys instead of root.

## Bad
    EnvironmentFile=/srv/shop/.env

## Good
    EnvironmentFile=/etc/shop/env

## References
- https://www.freedesktop.org/software/systemd/man/latest/systemd.exec.html#EnvironmentFile=
- CWE-538, CWE-552
"""

from collections.abc import Iterator
from pathlib import PurePosixPath

from scanner.facts.nginx import Nginx
from scanner.facts.topology import Topology
from scanner.facts.units import Unit, Units
from scanner.model import Evidence, Finding, NotApplicable, Severity, quoted, rule

_HOMES = ("/home/", "/var/www/")


@rule(severity=Severity.HIGH)
def check(units: Units, topology: Topology | None, nginx: Nginx | None) -> Iterator[Finding]:
    read = [(unit, file) for unit in units.units for file in unit.environment_files]
    if not read:
        raise NotApplicable("no unit reads an env file")
    for unit, file in read:
        inside = _inside(file.path, unit, topology)
        if not inside:
            continue
        served = _served(file.path, nginx)
        yield Finding(
            message=f"{quoted(unit.name)} reads its environment from {quoted(file.path)}, which lies in {inside}"
            + (", a directory that the proxy serves." if served else "."),
            location=file.location,
            symbol=f"unit {unit.name}",
            evidence=(Evidence(f"EnvironmentFile={'-' if file.optional else ''}{file.path}", file.location), *served),
            severity=Severity.HIGH if served else Severity.MEDIUM,
        )


def _inside(path: str, unit: Unit, topology: Topology | None) -> str:
    """The directory of code that holds the file, in words; empty where it lies elsewhere."""
    if path.startswith(("/etc/", "/run/")) or "%" in path or "{" in path:
        return ""
    directory = unit.working_directory if isinstance(unit.working_directory, str) else None
    places = [directory] if directory else []
    places += [place for place in (topology.path_map if topology else ()) if place.startswith("/")]
    for place in places:
        if place != "/" and PurePosixPath(path).is_relative_to(place):
            return f"{quoted(place)}, among the code"
    home = next((prefix for prefix in _HOMES if path.startswith(prefix)), "")
    return f"{quoted(home)}" if home else ""


def _served(path: str, nginx: Nginx | None) -> tuple[Evidence, ...]:
    found = []
    for configuration in nginx.configurations if nginx else ():
        for served in configuration.served_directories():
            if served.is_template or served.directory in {"", "/"}:
                continue
            if PurePosixPath(path).is_relative_to(served.directory):
                found.append(Evidence(f"{served.url} is served from {served.directory}", served.place.location))
    return tuple(found[:2])

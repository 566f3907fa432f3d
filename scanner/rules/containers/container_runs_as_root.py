"""The application's container runs as root.

## Why is this bad
A fault in the application then has the container's root: every file of the image, every mounted volume, and a much
shorter way to the host.

## Bad
    FROM python:3.13-slim
    CMD ["gunicorn", "shop.wsgi"]

## Good
    FROM python:3.13-slim
    RUN useradd --create-home app
    COPY . /srv/app
    USER app

## References
- https://docs.docker.com/build/building/best-practices/#user
- CWE-250
"""

from collections.abc import Iterator
from dataclasses import dataclass

from scanner.facts.compose import Compose, Service
from scanner.facts.dockerfiles import Dockerfile, Dockerfiles
from scanner.model import Evidence, Finding, Location, NotApplicable, Severity, Unknown, UnknownValue, quoted, rule

_ROOT = frozenset({"root", "0"})


@dataclass(frozen=True)
class _Root:
    location: Location
    why: str
    known: bool


@rule(severity=Severity.HIGH)
def check(dockerfiles: Dockerfiles, compose: Compose | None) -> Iterator[Finding]:
    files = [file for file in dockerfiles.files if file.serves_app]
    if not files:
        raise NotApplicable("no Dockerfile builds the application")
    unknown: list[Unknown] = []
    for file in files:
        if isinstance(file.user, Unknown):
            unknown.append(file.user)
            continue
        services = _services(file, compose)
        root = _root(file)
        if root is None or file.drops_privileges:
            continue
        if services and all(_other_user(service) for service in services):
            continue
        yield _finding(file, root, [one for one in services if not _other_user(one)])
    if unknown:
        place = f" at {unknown[0].location}" if unknown[0].location else ""
        raise UnknownValue(f"USER {unknown[0].why}{place}")


def _services(file: Dockerfile, compose: Compose | None) -> list[Service]:
    services = [one for project in (compose.projects[:1] if compose else ()) for one in project.services]
    return [one for one in services if one.dockerfile == file.path]


def _other_user(service: Service) -> bool:
    if service.user is None:
        return False
    return isinstance(service.user, Unknown) or service.user.partition(":")[0] not in _ROOT


def _root(file: Dockerfile) -> _Root | None:
    if file.user is None:
        why = (
            "no `USER` is set"
            if file.base_user_known
            else "no `USER` is set, and the base image's own user is not known"
        )
        return _Root(file.user_location, why, file.base_user_known)
    name = str(file.user).partition(":")[0]
    return _Root(file.user_location, f"`USER` is {quoted(file.user)}", known=True) if name in _ROOT else None


def _finding(file: Dockerfile, root: _Root, services: list[Service]) -> Finding:
    exposed = not services or any(
        any(port.public for port in service.ports) or any(volume.bind for volume in service.volumes)
        for service in services
    )
    known = Severity.HIGH if exposed else Severity.MEDIUM
    symbol = f"service {services[0].name}" if len(services) == 1 else f"Dockerfile {file.path}"
    return Finding(
        message=f"The image of {quoted(file.path)} runs the application as root: {root.why}.",
        location=root.location,
        symbol=symbol,
        evidence=tuple(
            Evidence(f"service {service.name} is built from {file.path}", service.location) for service in services[:3]
        ),
        severity=known if root.known else Severity.INFO,
    )

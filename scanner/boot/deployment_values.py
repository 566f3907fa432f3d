"""What deployment files set in the environment, with the texts that the facts leave out because they may be secret."""

import re
import shlex
import tomllib
from collections.abc import Iterator
from dataclasses import dataclass, field

import yaml

from scanner.facts.app_servers import AppServers
from scanner.facts.compose import Compose, Service, ServiceRole, ServiceVariable
from scanner.facts.dockerfiles import Dockerfile, Dockerfiles
from scanner.facts.units import EnvironmentPair, Role, Unit, Units
from scanner.model import Location, ScopeClass, Unknown
from scanner.project import Project, Unreadable

_SMALL = 256 * 1024


@dataclass(frozen=True)
class Raw:
    """One variable as a file sets it."""

    name: str
    value: str = field(repr=False)
    what: str
    location: Location
    interpolated: bool = True
    """``${OTHER}`` in it stands for another variable."""


def dockerfile_values(project: Project, dockerfiles: Dockerfiles | None) -> Iterator[Raw]:
    """``ENV`` of what ships."""
    serving = [one for one in (dockerfiles.files if dockerfiles else ()) if one.serves_app]
    production = [one for one in serving if project.scope(one.path).klass is not ScopeClass.DEV]
    for file in production[:1]:
        for stage in reversed(_chain(file)):
            for instruction in file.stages[stage].instructions:
                if instruction.keyword == "ENV":
                    for name, value in _env(instruction.arguments):
                        yield Raw(name, value, str(instruction.location), instruction.location)


def _chain(file: Dockerfile) -> list[int]:
    """The shipped stage and the stages that it is made from."""
    found: list[int] = []
    at: int | None = min(file.shipped, len(file.stages) - 1) if file.stages else None
    while at is not None and at not in found:
        found.append(at)
        base = file.stages[at].base
        names = [stage.name for stage in file.stages[:at]]
        at = names.index(base) if isinstance(base, str) and base in names else None
    return found


def _env(arguments: str) -> Iterator[tuple[str, str]]:
    text = arguments.replace("\\\n", " ").strip()
    try:
        words = shlex.split(text, posix=True)
    except ValueError:
        return
    if words and "=" not in words[0]:
        name, _, value = text.partition(" ")
        yield name, value.strip()
        return
    for word in words:
        name, sign, value = word.partition("=")
        if sign and re.fullmatch(r"\w+", name):
            yield name, value


def unit_values(project: Project, units: Units) -> tuple[list[Raw], list[str]]:
    """``Environment=`` of the application's unit, and the paths of its environment files."""
    apps = [one for one in units.units if one.role is Role.APP]
    good = [one for one in apps if project.scope(one.path).klass is not ScopeClass.DEV] or apps
    if not good:
        return [], []
    unit = good[0]
    values = [
        Raw(pair.key, text, f"{unit.path}:{pair.location.line}", pair.location, interpolated=False)
        for pair in unit.environment
        if (text := _unit_text(project, unit, pair)) is not None
    ]
    return values, [_in_project(one.path, unit) for one in unit.environment_files]


def _in_project(path: str, unit: Unit) -> str:
    """A production path below the unit's working directory as one of the checkout; others as they are."""
    directory = unit.working_directory
    if isinstance(directory, Unknown) or not directory:
        return path
    prefix = directory.rstrip("/") + "/"
    return path.removeprefix(prefix)


def _unit_text(project: Project, unit: Unit, pair: EnvironmentPair) -> str | None:
    if pair.value is not None:
        return pair.value
    line = _line(project, pair.location)
    said = line.partition("=")[2] if unit.kind != "supervisor" else line
    try:
        words = shlex.split(said.replace(",", " ") if unit.kind == "supervisor" else said)
    except ValueError:
        return None
    return next((word.partition("=")[2] for word in words if word.partition("=")[0] == pair.key), None)


def compose_values(project: Project, compose: Compose, servers: AppServers | None) -> tuple[list[Raw], list[str]]:
    """``environment`` of the application's service, and the paths of its env files."""
    service = _service(compose, servers)
    if service is None:
        return [], []
    found = []
    for one in service.variables:
        text = _service_text(project, one) if one.where == "environment" else None
        if text is not None:
            found.append(Raw(one.key, text, str(one.location), one.location))
    return found, [path for path, _ in service.env_files]


def _service(compose: Compose, servers: AppServers | None) -> Service | None:
    wanted = servers.main.container if servers and servers.main else None
    for project in compose.projects[:1]:
        named = project.service(wanted) if wanted else None
        if named:
            return named
        return next((one for one in project.services if one.role is ServiceRole.APP), None)
    return None


def _service_text(project: Project, one: ServiceVariable) -> str | None:
    if one.value is not None:
        return one.value
    line = _line(project, one.location)
    key = re.escape(one.key)
    match = re.search(rf"['\"]?{key}['\"]?\s*[:=]\s*(.*)$", line)
    if not match:
        return None
    said = match.group(1).strip()
    if line.lstrip().startswith("-"):
        whole = line.lstrip()[1:].strip()
        return (_scalar(whole) or "").partition("=")[2] or said.strip("'\"")
    return _scalar(said)


def _scalar(text: str) -> str | None:
    try:
        value = yaml.safe_load(text)
    except yaml.YAMLError:
        return None
    return value if isinstance(value, str) else str(value) if isinstance(value, int | float) else None


def _line(project: Project, location: Location) -> str:
    try:
        lines = project.read_text(location.path, 1024 * 1024).split("\n")
    except Unreadable:
        return ""
    return lines[location.line - 1] if location.line <= len(lines) else ""


def platform_values(project: Project) -> Iterator[Raw]:
    """``app.yaml``, ``fly.toml``, ``render.yaml``, ``uwsgi.ini``."""
    for path in project.glob("**/app.yaml", "**/app.yml", "**/render.yaml", "**/fly.toml", "**/*uwsgi*.ini"):
        if project.scope(path).klass in {ScopeClass.DEV, ScopeClass.EXAMPLE}:
            continue
        try:
            text = project.read_text(path, _SMALL)
        except Unreadable:
            continue
        pairs = _uwsgi(text) if path.endswith(".ini") else _document(path, text)
        for name, value in pairs:
            yield Raw(name, value, path, Location(path, _line_of(text, name)))


def _line_of(text: str, name: str) -> int:
    return next((number for number, line in enumerate(text.split("\n"), 1) if name in line), 1)


def _uwsgi(text: str) -> Iterator[tuple[str, str]]:
    for match in re.finditer(r"^\s*env\s*=\s*(\w+)=(.*)$", text, re.MULTILINE):
        yield match.group(1), match.group(2).strip()


def _document(path: str, text: str) -> Iterator[tuple[str, str]]:
    if text.count("&") + text.count("*") > 200:
        return  # aliases can make a small file very large
    try:
        document: object = tomllib.loads(text) if path.endswith(".toml") else yaml.safe_load(text)
    except (tomllib.TOMLDecodeError, yaml.YAMLError, RecursionError):
        return
    if not isinstance(document, dict):
        return
    for section in ("env_variables", "env"):
        table = document.get(section)
        for name, value in table.items() if isinstance(table, dict) else ():
            if isinstance(value, str | int | float):
                yield str(name), str(value)
    services = document.get("services")
    for service in services if isinstance(services, list) else ():
        listed = service.get("envVars") if isinstance(service, dict) else None
        for one in listed if isinstance(listed, list) else ():
            if isinstance(one, dict) and isinstance(one.get("value"), str | int) and isinstance(one.get("key"), str):
                yield str(one["key"]), str(one["value"])

"""The production environment, in layers: the user's values, deployment files, example files.

Secrets are read raw here and go into the sandbox only.
"""

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import PurePosixPath

from scanner.boot.deployment_values import Raw, compose_values, dockerfile_values, platform_values, unit_values
from scanner.facts.app_servers import AppServers
from scanner.facts.boot_plan import Variable, VariableSource
from scanner.facts.compose import Compose
from scanner.facts.dockerfiles import Dockerfiles
from scanner.facts.env_files import EnvFile, EnvFiles
from scanner.facts.env_syntax import parse_assignments
from scanner.facts.secrets import is_placeholder, is_secret_key
from scanner.facts.settings_source import EnvironmentRead, SettingsSource
from scanner.facts.units import Units
from scanner.model import Location, Options, ScopeClass, SeatrialError
from scanner.project import Project, Unreadable
from scanner.project.scope import tokens

_NOT_THE_PROJECTS = frozenset(
    {"DJANGO_SETTINGS_MODULE", "PATH", "HOME", "LANG", "LC_ALL", "PYTHONPATH", "PWD", "SHELL", "USER", "VIRTUAL_ENV"}
)
_PRODUCTION_WORDS = ("production", "prod", "live", "release")
_TRUE = frozenset({"1", "true", "yes", "on", "t", "y"})
_REFERENCE = re.compile(r"\$(?:\{(\w+)(?:(:?[-?+=])([^{}]*))?\}|(\w+))")


@dataclass(frozen=True)
class Files:
    """The facts about files that say something about the environment; None where they could not be had."""

    project: Project
    units: Units | None = None
    compose: Compose | None = None
    dockerfiles: Dockerfiles | None = None
    env_files: EnvFiles | None = None
    servers: AppServers | None = None


def known_variables(files: Files, options: Options, source: SettingsSource | None) -> dict[str, Variable]:
    """Every variable that somebody gives, the strongest word for each. Raises SeatrialError: a bad ``--env-file``."""
    found: dict[str, Variable] = {}
    reads = source.reads if source else ()
    read_names = {one.variable for one in reads}
    for one in _given(files.project, options):
        found[one.name] = one
    example = dict(_samples(files, read_names, reads))
    raw = list(_deployed(files))
    for name, value in _resolved(raw, found, example).items():
        found.setdefault(name, value)
    for one in _switches(reads, found):
        found[one.name] = one
    for name, one in example.items():
        found.setdefault(name, one)
    return {name: one for name, one in found.items() if name not in _NOT_THE_PROJECTS and "\0" not in one.value}


def _given(project: Project, options: Options) -> Iterator[Variable]:
    for path in options.env_files:
        try:
            text = project.read_text(path.removeprefix("./"))
        except Unreadable as problem:
            raise SeatrialError(f"--env-file {problem}", "give a path inside the checkout") from problem
        for one in parse_assignments(text):
            yield Variable(
                one.key, one.value, VariableSource.OPTION, f"given with --env-file {path}", Location(path, one.line)
            )
    for name, value in options.env.items():
        yield Variable(name, value, VariableSource.OPTION, "given with --env")


def _deployed(files: Files) -> Iterator[Raw]:
    """What deployment files set, the weakest first, so that later ones win."""
    yield from dockerfile_values(files.project, files.dockerfiles)
    yield from platform_values(files.project)
    wanted: list[str] = []
    if files.compose is not None:
        values, paths = compose_values(files.project, files.compose, files.servers)
        wanted += paths
        yield from _of_env_files(files, wanted)
        yield from values
    if files.units is not None:
        values, paths = unit_values(files.project, files.units)
        yield from _of_env_files(files, paths)
        yield from values
    named = {path for path in wanted if files.project.exists(path)}
    for one in files.env_files.files if files.env_files else ():
        if not one.example and one.path not in named and files.project.scope(one.path).klass is ScopeClass.PROD:
            yield from _raw(files.project, one.path)


def _of_env_files(files: Files, paths: Iterable[str]) -> Iterator[Raw]:
    """The env files that a unit or service names, where the checkout has them: by path, else by name."""
    known = files.env_files.files if files.env_files else ()
    for path in paths:
        exact = [one for one in known if one.path == path]
        name = PurePosixPath(path).name
        same = exact or [one for one in known if PurePosixPath(one.path).name == name and not one.example]
        if same and not same[0].encrypted:
            yield from _raw(files.project, same[0].path)


def _raw(project: Project, path: str) -> Iterator[Raw]:
    try:
        text = project.read_text(path, 256 * 1024)
    except Unreadable:
        return
    for one in parse_assignments(text):
        yield Raw(one.key, one.value, f"{path}:{one.line}", Location(path, one.line, one.column))


def _resolved(raw: list[Raw], given: Mapping[str, Variable], example: Mapping[str, Variable]) -> dict[str, Variable]:
    """The values with ``${OTHER}`` filled in. A value that needs what nobody gives is left out."""
    by_name = {one.name: one for one in raw}
    found: dict[str, Variable] = {}
    for name, one in by_name.items():
        source = VariableSource.DEPLOYMENT
        missing = False

        def fill(match: re.Match[str], own: str = name) -> str:
            nonlocal source, missing
            other = match.group(1) or match.group(4)
            operator, default = match.group(2) or "", match.group(3) or ""
            if other in given:
                return given[other].value
            if other in by_name and other != own and not _REFERENCE.search(by_name[other].value):
                return by_name[other].value
            if operator in {"-", ":-"}:
                return default
            if other in example:
                source = VariableSource.SAMPLE
                return example[other].value
            missing = True
            return ""

        value = _REFERENCE.sub(fill, one.value) if one.interpolated else one.value
        if not missing:
            found[name] = Variable(name, value, source, f"in {one.what}", one.location)
    return found


def _samples(files: Files, wanted: set[str], reads: Iterable[EnvironmentRead]) -> Iterator[tuple[str, Variable]]:
    """What example files say of the variables that the settings read; the most production-like file first."""
    debug = {one.variable for one in reads if one.setting == "DEBUG"}
    examples = [one for one in (files.env_files.files if files.env_files else ()) if one.example and not one.encrypted]
    seen: set[str] = set()
    for file in sorted(examples, key=lambda one: _example_rank(files.project, one)):
        production = bool(tokens(file.path) & {"prod", "production"} or "prod" in file.path)
        entries = list(_raw(files.project, file.path))
        if not any(one.name in wanted for one in entries):
            continue
        for one in entries:
            if one.name in seen or not one.value.strip() or one.name == "DJANGO_SETTINGS_MODULE":
                continue
            if is_secret_key(one.name) or (is_placeholder(one.value) and not one.value.isdigit()):
                continue  # people put their own there: a placeholder of the right kind serves better
            is_debug = one.name in debug or "DEBUG" in tokens(one.name.upper()) or one.name.endswith("DEBUG")
            if is_debug and one.value.strip().lower() in _TRUE and not production:
                continue
            seen.add(one.name)
            yield one.name, Variable(one.name, one.value, VariableSource.SAMPLE, f"in {one.location}", one.location)


def _example_rank(project: Project, file: EnvFile) -> tuple[int, int, str]:
    own = "" if project.path == "." else f"{project.path}/"
    words = tokens(file.path.rpartition("/")[2])
    order = 0 if words & {"prod", "production"} else 2 if words & {"dev", "local", "test", "development"} else 1
    return order, 0 if file.path.startswith(own) else 1, file.path


def _switches(reads: Iterable[EnvironmentRead], known: Mapping[str, Variable]) -> Iterator[Variable]:
    """Variables on which the settings branch, where one side is called production."""
    for one in reads:
        if one.variable in known:
            continue
        side = next((text for word in _PRODUCTION_WORDS for text in one.compared if text.lower() == word), None)
        if side is not None and one.cast != "env-bool":
            yield Variable(
                one.variable,
                side,
                VariableSource.SWITCH,
                f"the production side of the branch at {one.location}",
                one.location,
            )

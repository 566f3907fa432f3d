"""Everything in the checkout that starts a process: units, services, images, platforms' files, scripts."""

import contextlib
import posixpath
import re
from collections.abc import Iterable, Iterator, Sequence

from scanner.facts.artefact import Artefact, Variable
from scanner.facts.commands import Word, words_of_shell
from scanner.facts.compose_roles import service_command
from scanner.facts.compose_types import Compose, ComposeProject, Service
from scanner.facts.deploy_paths import PathMap
from scanner.facts.docker_types import Dockerfile, Dockerfiles
from scanner.facts.env_files import EnvFile, EnvFiles
from scanner.facts.unit_types import Unit, Units
from scanner.model import Location
from scanner.project import Project, Unreadable

_SCRIPT_NAMES = (
    "*.sh",
    "*.bash",
    "gunicorn_start",
    "*/bin/start",
    "start",
    "run",
    "entrypoint",
    "*/start",
    "*/entrypoint",
)
_SERVER_WORD = re.compile(r"\b(?:gunicorn|uvicorn|daphne|hypercorn|waitress-serve|uwsgi)\b")


def _variables(pairs: Iterable[tuple[str, str | None, Location]]) -> dict[str, Variable]:
    return {key: Variable(value, place) for key, value, place in pairs}


def from_env_file(file: EnvFile) -> dict[str, Variable]:
    """The variables of an env file."""
    return _variables((one.key, one.value, one.location) for one in file.entries)


def from_units(project: Project, units: Units, env_files: EnvFiles) -> Iterator[Artefact]:
    """Services with the socket units that start them, and supervisor's programs."""
    sockets = [unit for unit in units.units if unit.kind == "socket"]
    for unit in units.units:
        if unit.kind not in {"service", "supervisor"}:
            continue
        execs = [one for one in unit.execs if one.key in {"ExecStart", "command"}]
        if not execs:
            continue
        directory = unit.working_directory if isinstance(unit.working_directory, str) else None
        paths = unit_paths(project, directory)
        environment: dict[str, Variable] = {}
        for one in unit.environment_files:
            path = paths.to_checkout(one.path, directory)
            file = env_files.named(path) if path else None
            environment.update(from_env_file(file) if file else {})
        environment.update(_variables((one.key, one.value, one.location) for one in unit.environment))
        yield Artefact(
            name=f"unit {unit.name}" if unit.kind == "service" else unit.name,
            words=tuple(Word(*pair) for pair in zip(execs[-1].argv, execs[-1].places, strict=True)),
            location=execs[-1].location,
            rank=0,
            environment=environment,
            environment_files=tuple(one.path for one in unit.environment_files),
            directory=directory,
            paths=paths,
            user=unit.user,
            sockets=_listening(unit, sockets),
            container=unit.container,
        )


def _listening(unit: Unit, sockets: Sequence[Unit]) -> tuple[tuple[str, Location], ...]:
    """What systemd opens for a service; of socket units with one name those beside it count."""
    stem = unit.name.removesuffix(".service")
    names = unit.sockets or (f"{stem}.socket", f"{stem.partition('@')[0]}.socket")
    named = [one for one in sockets if one.name in names]
    beside = [one for one in named if posixpath.dirname(one.path) == posixpath.dirname(unit.path)]
    return tuple(dict.fromkeys(pair for one in beside or named[:1] for pair in one.listen))


def unit_paths(project: Project, directory: str | None) -> PathMap:
    """A unit's working directory is the project's own; as far as their last parts agree, their parents agree too."""
    if directory is None or not directory.startswith("/"):
        return PathMap()
    production, checkout = posixpath.normpath(directory), project.path
    pairs = [(production, checkout)]
    while checkout != "." and posixpath.basename(production) == posixpath.basename(checkout):
        production, checkout = posixpath.dirname(production), posixpath.dirname(checkout) or "."
        pairs.append((production, checkout))
    return PathMap.of(pairs)


def from_compose(compose: Compose, dockerfiles: Dockerfiles, env_files: EnvFiles) -> Iterator[Artefact]:
    """Every service of every compose project, the projects in their order."""
    for number, one in enumerate(compose.projects):
        for service in one.services:
            dockerfile = dockerfiles.named(service.dockerfile) if service.dockerfile else None
            yield _service(number, one, service, dockerfile, env_files)


def _service(
    number: int, one: ComposeProject, service: Service, dockerfile: Dockerfile | None, env_files: EnvFiles
) -> Artefact:
    words, paths, directory = service_command(service, dockerfile)
    environment: dict[str, Variable] = {}
    if dockerfile is not None:
        place = Location(dockerfile.path)
        environment.update(_variables((key, value, place) for key, value in dockerfile.environment.items()))
    for path, _ in service.env_files:
        file = env_files.named(path)
        environment.update(from_env_file(file) if file else {})
    environment.update(
        _variables((one.key, one.value, one.location) for one in service.variables if one.where == "environment")
    )
    user = service.user or (dockerfile.user if dockerfile else None)
    return Artefact(
        name=f"service {service.name}" if not number else f"service {service.name} of {one.files[-1]}",
        words=words,
        location=service.command_location or (dockerfile and dockerfile.command_location) or service.location,
        rank=1 + number,
        environment=environment,
        environment_files=tuple(path for path, _ in service.env_files),
        directory=directory,
        paths=paths,
        container=service.name,
        user=user,
        says=one.files[-1],
    )


def from_images(dockerfiles: Dockerfiles, used: frozenset[str], platform: str | None) -> Iterator[Artefact]:
    """Images that no compose service starts as they are."""
    for file in dockerfiles.files:
        if file.path in used or not file.command_words:
            continue
        place = Location(file.path)
        yield Artefact(
            name=file.path,
            words=tuple(Word(*pair) for pair in file.command_words),
            location=file.command_location or place,
            rank=40,
            environment=_variables((key, value, place) for key, value in file.environment.items()),
            directory=file.workdir,
            paths=PathMap.of(list(file.production_paths())[::-1]),
            container="image",
            platform=platform is not None,
            user=file.user,
            says=file.path,
        )


def from_scripts(project: Project, reached: frozenset[str]) -> Iterator[Artefact]:
    """Shell scripts that start an app server and that nothing else leads to.

    One that a Dockerfile or a Compose file names, whatever its path there, runs in a container.
    """
    containers = _texts(project, "*Dockerfile*", "*.yml", "*.yaml")
    for path in project.glob(*_SCRIPT_NAMES):
        if path in reached:
            continue
        try:
            text = project.read_text(path)
        except Unreadable:
            continue
        if not _SERVER_WORD.search(text) or not (text.startswith("#!") or path.endswith((".sh", ".bash"))):
            continue
        found = [
            one
            for one in words_of_shell(text, Location(path), exact=True)
            if _SERVER_WORD.search(" ".join(one.texts))
            and one.texts[0] not in {"echo", "pip", "pip3", "apt", "apt-get"}
        ]
        for one in found[-1:]:
            inside = any(path.rpartition("/")[2] in text for text in containers)
            yield Artefact(
                f"script {path}", one.words, one.words[0].location, 60, container="image" if inside else None
            )


def _texts(project: Project, *patterns: str) -> list[str]:
    found: list[str] = []
    for path in project.glob(*patterns):
        name = path.rpartition("/")[2].lower()
        if "dockerfile" in name or "compose" in name or "docker" in path.lower():
            with contextlib.suppress(Unreadable):
                found.append(project.read_text(path))
    return found

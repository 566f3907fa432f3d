"""In which container supervisor's programs run."""

import re
from collections.abc import Sequence

from scanner.facts.compose_roles import service_command
from scanner.facts.compose_types import Compose
from scanner.facts.deploy_paths import PathMap, script_finder
from scanner.facts.docker_types import Dockerfiles
from scanner.project import Project

_SUPERVISOR = re.compile(r"(?:^|[/\s;&\"'])supervisord(?=[\s\"']|$)")


def supervised_container(project: Project, compose: Compose, dockerfiles: Dockerfiles) -> str | None:
    """The compose service (or ``image``) that starts supervisord, itself or by a script; None where none does."""
    for one in compose.projects:
        for service in one.services:
            dockerfile = dockerfiles.named(service.dockerfile) if service.dockerfile else None
            words, paths, directory = service_command(service, dockerfile)
            if _starts(project, [word.text for word in words], paths, directory, service.location.path):
                return service.name
    for file in dockerfiles.files:
        paths = PathMap.of(list(file.production_paths())[::-1])
        if _starts(project, file.command, paths, file.workdir, file.path):
            return "image"
    return None


def _starts(project: Project, words: Sequence[str], paths: PathMap, directory: str | None, near: str) -> bool:
    find = script_finder(project, paths, directory, near)
    named = [part for word in words for part in word.split() if "/" in part or part.endswith(".sh")]
    scripts = [script.text for part in named if (script := find(part)) is not None]
    return any(_SUPERVISOR.search(text) for text in (*words, *scripts))

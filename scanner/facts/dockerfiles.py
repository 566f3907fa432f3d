"""Dockerfiles: stages, the one that ships, its user and command."""

import re

from scanner.facts.compose import Compose
from scanner.facts.docker_stages import read_dockerfile
from scanner.facts.docker_syntax import MAX_DOCKERFILE, Instruction
from scanner.facts.docker_types import Copy, Dockerfile, Dockerfiles, Stage
from scanner.model import ScopeClass, provider
from scanner.project import Project, Unreadable

__all__ = ["Copy", "Dockerfile", "Dockerfiles", "Instruction", "Stage", "dockerfiles", "is_dockerfile"]

_NAME = re.compile(r"(?:(?:Docker|Container)file(?:[._-][\w.-]+)?|[\w.-]+\.(?:docker|container)file)", re.IGNORECASE)
_NOT = (".dockerignore", ".md", ".txt", ".sh", ".py", ".yml", ".yaml", ".json")


def is_dockerfile(path: str) -> bool:
    """Whether a file is named as Dockerfiles are."""
    name = path.rpartition("/")[2]
    return _NAME.fullmatch(name) is not None and not name.casefold().endswith(_NOT)


@provider()
def dockerfiles(project: Project, compose: Compose) -> Dockerfiles:
    """Every Dockerfile, with the build context and target that a compose file gives it; production's word wins."""
    built: dict[str, tuple[str | None, str | None]] = {}
    for one in compose.projects:
        development = all(project.scope(path).klass is ScopeClass.DEV for path in one.files)
        for service in one.services:
            if service.dockerfile and (service.dockerfile not in built or not development):
                built.setdefault(service.dockerfile, (service.build_context, service.build_target))
    paths = {path for path in project.files if is_dockerfile(path)} | {path for path in built if project.exists(path)}
    found = []
    unreadable: list[tuple[str, str]] = []
    for path in sorted(paths):
        try:
            text = project.read_text(path, MAX_DOCKERFILE)
        except Unreadable as problem:
            unreadable.append((path, problem.why))
            continue
        context, target = built.get(path, (None, None))
        found.append(read_dockerfile(project, path, text, context=context, target=target))
    return Dockerfiles(tuple(found), tuple(unreadable))

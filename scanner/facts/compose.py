"""Compose files, merged as Compose merges them."""

import posixpath
from dataclasses import dataclass, field

from scanner.facts.compose_files import FileSet, file_sets
from scanner.facts.compose_merge import ComposeProblem, Loader
from scanner.facts.compose_roles import with_roles
from scanner.facts.compose_service import Context, read_service
from scanner.facts.compose_types import Compose, ComposeProject, Port, Service, ServiceRole, ServiceVariable, Volume
from scanner.facts.docker_stages import read_dockerfile
from scanner.facts.docker_syntax import MAX_DOCKERFILE
from scanner.facts.docker_types import Dockerfile
from scanner.facts.env_syntax import parse_assignments
from scanner.facts.yaml_nodes import Mapping, Scalar
from scanner.model import provider
from scanner.project import Project, Unreadable

__all__ = [
    "Compose",
    "ComposeProject",
    "Port",
    "Service",
    "ServiceRole",
    "ServiceVariable",
    "Volume",
    "compose",
]

_MAX_PROJECTS = 12
_MAX_SERVICES = 200


@provider()
def compose(project: Project) -> Compose:
    """Every set of compose files that is started together; production's first."""
    found: list[ComposeProject] = []
    unreadable: list[tuple[str, str]] = []
    reader = _Reader(project)
    for one in file_sets(project)[:_MAX_PROJECTS]:
        try:
            made = reader.read(one)
        except ComposeProblem as problem:
            if (problem.path, problem.why) not in unreadable:
                unreadable.append((problem.path, problem.why))
            continue
        if made is not None:
            found.append(made)
    return Compose(tuple(found), tuple(unreadable))


@dataclass
class _Reader:
    project: Project
    images: dict[tuple[str, str | None, str | None], Dockerfile | None] = field(default_factory=dict)

    def read(self, one: FileSet) -> ComposeProject | None:
        """The merged project; None where the files hold no service. Raises ComposeProblem."""
        loader = Loader(self.project)
        tree = loader.load(one.files, one.directory)
        services = tree.get("services")
        if not isinstance(services, Mapping):
            return None
        context = Context(self._variables(one.directory), loader.bases, one.directory)
        configs = self._files_of(context, tree.get("configs"))
        listed = [read_service(context, name, node, configs) for name, node in services if isinstance(node, Mapping)]
        notes = list(dict.fromkeys(loader.notes))
        if len(listed) > _MAX_SERVICES:
            notes.append(f"only the first {_MAX_SERVICES} of {len(listed)} services are judged")
        return ComposeProject(
            files=one.files,
            services=with_roles(self.project, listed[:_MAX_SERVICES], self._image),
            internal_networks=_internal(tree),
            notes=tuple(notes),
            directory=one.directory,
        )

    def _variables(self, directory: str) -> dict[str, str]:
        path = posixpath.normpath(posixpath.join(directory, ".env"))
        if not self.project.exists(path):
            return {}
        try:
            return {one.key: one.value for one in parse_assignments(self.project.read_text(path))}
        except Unreadable:
            return {}  # the collector of env files reports it

    @staticmethod
    def _files_of(context: Context, node: object) -> dict[str, str]:
        found: dict[str, str] = {}
        for name, value in node if isinstance(node, Mapping) else ():
            file = value.get("file") if isinstance(value, Mapping) else None
            text = context.text(file)
            if text and file is not None:
                found[name.text] = context.path(text, file.location)
        return found

    def _image(self, service: Service) -> Dockerfile | None:
        path = service.dockerfile
        if path is None or not self.project.exists(path):
            return None
        key = (path, service.build_context, service.build_target)
        if key not in self.images:
            try:
                text = self.project.read_text(path, MAX_DOCKERFILE)
            except Unreadable:
                self.images[key] = None  # the collector of Dockerfiles reports it
            else:
                self.images[key] = read_dockerfile(
                    self.project, path, text, context=service.build_context, target=service.build_target
                )
        return self.images[key]


def _internal(tree: Mapping) -> frozenset[str]:
    networks = tree.get("networks")
    if not isinstance(networks, Mapping):
        return frozenset()
    return frozenset(
        name.text
        for name, value in networks
        if isinstance(value, Mapping) and isinstance(flag := value.get("internal"), Scalar) and flag.is_true
    )

"""Where the checkout lies in the sandbox: at its production path where that is known."""

import re
from dataclasses import dataclass
from pathlib import PurePosixPath

from scanner.facts.app_servers import AppServers
from scanner.facts.boot_plan import Tree
from scanner.facts.compose import Compose
from scanner.facts.dockerfiles import Dockerfiles
from scanner.facts.units import Role, Units
from scanner.project import Project

DEFAULT = "/app"
_TAKEN = frozenset(
    {
        *(
            "/",
            "/bin",
            "/boot",
            "/dev",
            "/etc",
            "/home",
            "/lib",
            "/lib64",
            "/media",
            "/mnt",
            "/opt",
            "/proc",
            "/root",
            "/run",
        ),
        *(
            "/sbin",
            "/srv",
            "/sys",
            "/tmp",
            "/usr",
            "/var",
            "/seatrial",
            "/usr/src",
            "/usr/local",
            "/var/lib",
            "/var/www",
        ),
    }
)
_PLAIN = re.compile(r"/[\w./@+-]*")


@dataclass(frozen=True)
class Layout:
    """The trees, and the two directories that matter."""

    trees: tuple[Tree, ...]
    root: str
    directory: str

    def place(self, path: str) -> str | None:
        """Where a directory of the checkout lies; None where no tree holds it."""
        for tree in self.trees:
            if tree.source in {".", path} or path.startswith(f"{tree.source}/"):
                inside = path if tree.source == "." else path[len(tree.source) :].lstrip("/")
                return str(PurePosixPath(tree.target, inside or "."))
        return None


def layout_of(
    project: Project,
    units: Units | None,
    compose: Compose | None,
    dockerfiles: Dockerfiles | None,
    servers: AppServers | None,
) -> Layout:
    """The whole checkout at the production path of its root, or only the project's directory at its own."""
    own = project.path
    whole = Layout((Tree(".", DEFAULT),), DEFAULT, str(PurePosixPath(DEFAULT, own)))
    production = _directory(project, units, compose, dockerfiles, servers)
    if production is None:
        return whole
    path, holds = production
    if own == ".":
        return Layout((Tree(".", path),), path, path)
    if path.endswith(f"/{own}"):
        root = path[: -len(own) - 1]
        if _usable(root):
            return Layout((Tree(".", root),), root, path)
    if holds == own:
        return Layout((Tree(own, path),), path, path)
    if holds == ".":
        return Layout((Tree(".", path),), path, str(PurePosixPath(path, own)))
    return whole


def _usable(path: str | None) -> bool:
    return bool(path) and _PLAIN.fullmatch(path or "") is not None and ".." not in (path or "") and path not in _TAKEN


def _directory(
    project: Project,
    units: Units | None,
    compose: Compose | None,
    dockerfiles: Dockerfiles | None,
    servers: AppServers | None,
) -> tuple[str, str] | None:
    """The production working directory, and which directory of the checkout lies there, as far as that is known."""
    main = servers.main if servers else None
    for one in units.units if units else ():
        if one.role is Role.APP and isinstance(one.working_directory, str) and _usable(one.working_directory):
            path = one.working_directory.rstrip("/")
            return path, project.path
    for file in sorted(dockerfiles.files if dockerfiles else (), key=lambda one: not one.serves_app):
        if not file.serves_app or not _usable(file.workdir) or file.workdir is None:
            continue
        context = _context(file.path, compose)
        return file.workdir.rstrip("/"), context
    if main and main.directory and _usable(main.directory):
        return main.directory.rstrip("/"), project.path
    return None


def _context(dockerfile: str, compose: Compose | None) -> str:
    """The build context of a Dockerfile: what a compose service says, else its own directory."""
    for one in compose.projects if compose else ():
        for service in one.services:
            if service.dockerfile == dockerfile and service.build_context:
                return str(PurePosixPath(service.build_context))
    return str(PurePosixPath(dockerfile).parent)

"""Directories of the settings, compared wherever the project lies: in the sandbox, or at its place in production."""

import posixpath
from collections.abc import Collection
from dataclasses import dataclass
from pathlib import PurePosixPath

from scanner.facts.settings import Settings
from scanner.facts.topology import Topology


@dataclass(frozen=True)
class Where:
    """A directory: below the project, or an absolute one of the host."""

    inside: bool
    path: str
    """Relative to the project where it lies in it (``.`` for the project itself), else absolute."""

    def holds(self, other: "Where") -> bool:
        """The other one is this, or lies in it."""
        if self.inside != other.inside:
            return False
        if self.inside and self.path == ".":
            return True
        return other.path == self.path or other.path.startswith(f"{self.path.rstrip('/')}/")

    def overlaps(self, other: "Where") -> bool:
        """One of them holds the other."""
        return self.holds(other) or other.holds(self)


def where_of(path: str, settings: Settings, topology: Topology | None) -> Where:
    """Where a path lies that the settings, or with ``topology`` a server's file, name."""
    plain = posixpath.normpath(path)
    base = topology.project_directory if topology is not None else settings.base_dir
    for root in dict.fromkeys(one for one in (base, settings.base_dir) if one):
        relative = _below(plain, posixpath.normpath(root))
        if relative is not None:
            return Where(inside=True, path=relative)
    return Where(inside=not plain.startswith("/"), path=plain)


def _below(path: str, root: str) -> str | None:
    if path == root:
        return "."
    return path[len(root) + 1 :] if path.startswith(f"{root.rstrip('/')}/") else None


def project_prefix(settings: Settings, tracked: Collection[str]) -> str:
    """Where the project lies in the checkout, with a final slash; empty for the checkout itself.

    It is the directory with ``manage.py`` that the settings module lies in.
    """
    parents = PurePosixPath(settings.module_path or "").parents
    found = (str(one) for one in parents if str(one) != "." and f"{one}/manage.py" in tracked)
    directory = next(found, "")
    return f"{directory}/" if directory else ""

"""Modules of the project: where the file of a dotted name lies, and its syntax tree. Nothing is imported or run."""

import ast
import warnings
from dataclasses import dataclass, field
from pathlib import PurePosixPath

from scanner.project import Project, Unreadable

MAX_SOURCE = 1024 * 1024
"""Largest module that is parsed, in bytes."""
MAX_DEPTH_OF_TREE = 400
_USUAL_ROOTS = ("src", "apps", "backend", "app", "server", "project")


@dataclass(frozen=True)
class Unparsed:
    """A module that could not be read as Python, and why, without a line of its text."""

    path: str
    why: str


@dataclass
class Modules:
    """Finds and parses the modules of one project; each is parsed once."""

    project: Project
    _trees: dict[str, ast.Module | Unparsed] = field(default_factory=dict)

    def roots(self) -> tuple[str, ...]:
        """Directories that stand on the import path, as far as the layout tells: the project's own first."""
        own = self.project.path
        parents = [str(parent) for parent in PurePosixPath(own).parents]
        below = [self.project.inside(name) for name in _USUAL_ROOTS]
        return tuple(dict.fromkeys([own, *below, *parents]))

    def find(self, dotted: str) -> str | None:
        """The file of a module or package; None where it is not the project's."""
        for root in self.roots():
            found = self.below(root, dotted)
            if found:
                return found
        return None

    def below(self, root: str, dotted: str) -> str | None:
        """The file of a module, where its import path starts at ``root``."""
        stem = str(PurePosixPath(root, *dotted.split(".")))
        return next((one for one in (f"{stem}/__init__.py", f"{stem}.py") if self.project.exists(one)), None)

    def root_of(self, dotted: str) -> str | None:
        """The directory on the import path from which a module is found."""
        return next((root for root in self.roots() if self.below(root, dotted)), None)

    def name_of(self, path: str) -> str:
        """The dotted name of a file, from the deepest root that holds it and that is no package itself."""
        bare = path.removesuffix(".py").removesuffix("/__init__")
        for root in self.roots():
            prefix = "" if root == "." else f"{root}/"
            if bare.startswith(prefix) and not self.project.exists(f"{prefix}__init__.py"):
                return bare[len(prefix) :].replace("/", ".")
        return bare.replace("/", ".")

    def relative(self, path: str, level: int, name: str) -> str | None:
        """The file that ``from ..name import`` (``level`` dots) means in the module at ``path``."""
        directory = PurePosixPath(path).parent
        for _ in range(level - 1):
            directory = directory.parent
        if not name:
            stem = f"{directory}/__init__.py" if str(directory) != "." else "__init__.py"
            return stem if self.project.exists(stem) else None
        return self.below(str(directory), name)

    def tree(self, path: str) -> ast.Module | Unparsed:
        """The syntax tree of a file."""
        if path not in self._trees:
            self._trees[path] = self._parse(path)
        return self._trees[path]

    def _parse(self, path: str) -> ast.Module | Unparsed:
        try:
            text = self.project.read_text(path, MAX_SOURCE)
        except Unreadable as problem:
            return Unparsed(path, problem.why)
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")  # the project's escapes and comparisons are not our concern
                return ast.parse(text, filename=path)
        except SyntaxError as problem:
            return Unparsed(path, f"is no Python that can be parsed here (line {problem.lineno or 1})")
        except (ValueError, RecursionError, MemoryError):
            return Unparsed(path, "is no Python that can be parsed here")

"""Which file of the checkout lies where in production."""

import posixpath
from collections.abc import Iterable
from dataclasses import dataclass

from scanner.facts.commands import Script, Scripts
from scanner.project import Project, Unreadable

_SCRIPT_BYTES = 256 * 1024
SYSTEM = ("/bin/", "/sbin/", "/usr/bin/", "/usr/sbin/")
"""Where programs of the system lie."""


@dataclass(frozen=True)
class PathMap:
    """Pairs of a production path and a path of the checkout, each a file or a directory; the longest first."""

    pairs: tuple[tuple[str, str], ...] = ()

    @classmethod
    def of(cls, pairs: Iterable[tuple[str, str]]) -> "PathMap":
        """A map of these pairs; of two for one production path the first counts."""
        known: dict[str, str] = {}
        for production, checkout in pairs:
            known.setdefault(posixpath.normpath(production), posixpath.normpath(checkout or "."))
        return cls(tuple(sorted(known.items(), key=lambda pair: (-len(pair[0]), pair[0]))))

    def to_checkout(self, path: str, directory: str | None = None) -> str | None:
        """Where a production path lies in the checkout; a relative one is taken from ``directory``. None: unknown."""
        if not path.startswith("/"):
            if directory is None:
                return None
            path = posixpath.join(directory, path)
        path = posixpath.normpath(path)
        for production, checkout in self.pairs:
            if path == production:
                return checkout
            prefix = "/" if production == "/" else f"{production}/"
            if path.startswith(prefix):
                return posixpath.normpath(posixpath.join(checkout, path[len(prefix) :]))
        return None


def find_in_checkout(project: Project, path: str, near: str = "") -> str | None:
    """The project's file that a production path probably is: the same name and the longest common end of the path."""
    parts = [part for part in path.split("/") if part not in {"", ".", ".."}]
    if not parts:
        return None
    best: tuple[int, int, str] | None = None
    for candidate in project.by_name.get(parts[-1], ()):
        theirs = candidate.split("/")
        common = 0
        for mine, other in zip(reversed(parts), reversed(theirs), strict=False):
            if mine != other:
                break
            common += 1
        rank = (common, len(posixpath.commonprefix([near, candidate])), candidate)
        if best is None or rank[:2] > best[:2]:
            best = rank
    return best[2] if best else None


def script_finder(
    project: Project, paths: PathMap | None = None, directory: str | None = None, near: str = ""
) -> Scripts:
    """Finds start scripts of the project by the words that name them in production.

    ``directory`` is where the command runs in production; ``near`` the file that names the script, to choose among
    several of one name.
    """

    def find(word: str) -> Script | None:
        if word.startswith(SYSTEM) or "$" in word:
            return None
        path = paths.to_checkout(word, directory) if paths else None
        if path is None or not project.exists(path):
            path = find_in_checkout(project, word, near)
        if path is None or path.endswith((".py", ".js", ".rb", ".pl")):
            return None
        try:
            text = project.read_text(path, _SCRIPT_BYTES)
        except Unreadable:
            return None
        shebang = text.split("\n", 1)[0]
        is_shell = shebang.startswith("#!") and "sh" in shebang
        return Script(path, text) if is_shell or path.endswith((".sh", ".bash")) else None

    return find

"""Several files as one tree: every ``include`` replaced by what it names, as nginx does."""

import posixpath
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from fnmatch import fnmatchcase
from functools import cached_property
from typing import Final

from scanner.model import Location
from scanner.nginx.known import known_directives
from scanner.nginx.tree import MAX_DIRECTIVES, Directive, ParsedFile, SyntaxProblem, walk

_MAX_INCLUDE_DEPTH: Final = 12
_MAX_BLOCK_DEPTH: Final = 150
_GLOB: Final = re.compile(r"[*?\[]")


@dataclass(frozen=True, eq=False)
class UnknownInclude:
    """A file that is included and that nobody can read: what it holds may change everything on its level."""

    pattern: str
    """As it is written."""
    location: Location

    @property
    def text(self) -> str:
        """For reports: what is unknown, without its place."""
        return f"include {self.pattern}"


@dataclass(frozen=True, eq=False)
class Tree:
    """A main file with all its includes in place."""

    main: str
    """The main file's path on the server."""
    directives: tuple[Directive, ...]
    files: tuple[ParsedFile, ...]
    """The repository's files that take part, the main one first."""
    problems: tuple[SyntaxProblem, ...]
    """Of all files, and of including itself."""
    empty_globs: tuple[Directive, ...]
    """``include`` lines with a pattern that matches no file of the repository. nginx takes that for nothing; on the
    server there may be files."""

    @cached_property
    def unknown_includes(self) -> tuple[UnknownInclude, ...]:
        """All includes that could not be read, on whatever level."""
        return unknown_in(walk(self.directives))


def unknown_in(directives: Iterable[Directive]) -> tuple[UnknownInclude, ...]:
    """The includes among these directives that could not be read, and template expressions instead of directives."""
    return tuple(
        UnknownInclude(item.arg(0) if item.name == "include" else item.name, item.location)
        for item in directives
        if (item.name == "include" and item.block is None) or item.inserts
    )


def load(main: str, files: Mapping[str, ParsedFile]) -> Tree:
    """Put the includes of ``main`` in place.

    ``files`` maps paths on the server (absolute, normal form) to parsed files of the repository; ``main`` must be among
    them. A relative ``include`` starts at the directory of ``main``. Files that every server has are known; any other
    missing file stays in the tree as an ``include`` directive (see ``unknown_in``). Raises KeyError for an unknown
    ``main`` only.
    """
    return _Loader(main, files).run()


class _Loader:
    def __init__(self, main: str, files: Mapping[str, ParsedFile]) -> None:
        self.main = main
        self.files = files
        self.used: dict[str, ParsedFile] = {main: files[main]}
        self.problems: list[SyntaxProblem] = []
        self.empty_globs: list[Directive] = []
        self.count = 0

    def run(self) -> Tree:
        directives = self._expand(self.files[self.main].directives, (self.main,), 0)
        problems = [problem for file in self.used.values() for problem in file.problems]
        return Tree(
            self.main,
            directives,
            tuple(self.used.values()),
            tuple(dict.fromkeys((*problems, *self.problems))),
            tuple(self.empty_globs),
        )

    def _expand(self, directives: tuple[Directive, ...], chain: tuple[str, ...], depth: int) -> tuple[Directive, ...]:
        result: list[Directive] = []
        for directive in directives:
            if self.count > MAX_DIRECTIVES:
                break
            self.count += 1
            if directive.name == "include" and directive.block is None:
                result.extend(self._include(directive, chain, depth))
            elif directive.block:
                result.append(self._expand_block(directive, chain, depth))
            else:
                result.append(directive)
        return tuple(result)

    def _expand_block(self, directive: Directive, chain: tuple[str, ...], depth: int) -> Directive:
        if depth >= _MAX_BLOCK_DEPTH or directive.block is None:
            return directive
        inside = self._expand(directive.block, chain, depth + 1)
        if len(inside) == len(directive.block) and all(map(_same, inside, directive.block)):
            return directive
        return directive.with_block(inside)

    def _include(self, directive: Directive, chain: tuple[str, ...], depth: int) -> tuple[Directive, ...]:
        if len(directive.args) != 1:
            self._problem(directive, 'invalid number of arguments in "include" directive')
            return ()
        if directive.is_template:
            return (directive,)
        path = posixpath.normpath(posixpath.join(posixpath.dirname(self.main), directive.args[0]))
        if _GLOB.search(path):
            paths = matching(path, self.files)
            if not paths:
                self.empty_globs.append(directive)
        elif path in self.files:
            paths = (path,)
        else:
            known = known_directives(path, directive)
            return (directive,) if known is None else known
        result: list[Directive] = []
        for included in paths:
            result.extend(self._file(included, directive, chain, depth))
        return tuple(result)

    def _file(self, path: str, directive: Directive, chain: tuple[str, ...], depth: int) -> tuple[Directive, ...]:
        if path in chain or len(chain) >= _MAX_INCLUDE_DEPTH:
            why = "includes itself" if path in chain else "is included too deeply"
            self._problem(directive, f'"{directive.args[0]}" {why}: not followed')
            return ()
        if self.count > MAX_DIRECTIVES:
            self._problem(directive, f"more than {MAX_DIRECTIVES} directives with the includes in place: not followed")
            return ()
        self.used.setdefault(path, self.files[path])
        return self._expand(self.files[path].directives, (*chain, path), depth)

    def _problem(self, directive: Directive, message: str) -> None:
        self.problems.append(SyntaxProblem(directive.location, message))


def _same(one: Directive, other: Directive) -> bool:
    return one is other


def matching(pattern: str, paths: Iterable[str]) -> tuple[str, ...]:
    """The paths that a pattern of ``include`` matches, sorted as glob(3) does.

    ``*`` and ``?`` match neither ``/`` nor a leading dot.
    """
    wanted = pattern.split("/")
    return tuple(sorted(path for path in paths if _matches(path.split("/"), wanted)))


def _matches(parts: list[str], wanted: list[str]) -> bool:
    return len(parts) == len(wanted) and all(
        # glob(3) hides names with a leading dot from a leading wildcard; Python's fnmatch does not know of it.
        fnmatchcase(part, want) and (not part.startswith(".") or want.startswith("."))
        for part, want in zip(parts, wanted, strict=True)
    )

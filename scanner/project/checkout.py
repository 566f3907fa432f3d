"""The files that are scanned. Nothing outside the directory is ever read, wherever a symbolic link leads."""

import codecs
import os
import stat
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path, PurePosixPath

from scanner.model import SeatrialError
from scanner.project.git import GitFailed, Index, read_index

MAX_FILES = 200_000
MAX_BYTES = 4 * 1024 * 1024
"""Largest file that is read, in bytes. Deployment files are a thousand times smaller."""
_CACHED_BYTES = 256 * 1024
_MAX_DEPTH = 64
_NEVER_WALKED = {".git", ".hg", ".svn", "node_modules", "__pycache__", ".venv", ".tox", ".nox", ".mypy_cache"}
_UTF16 = (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)


class Unreadable(Exception):
    """A file of the checkout cannot be read as what it should be; ``why`` completes "PATH: …"."""

    def __init__(self, path: str, why: str) -> None:
        super().__init__(f"{path}: {why}")
        self.path = path
        self.why = why


@dataclass(frozen=True)
class Checkout:
    """One directory with everything in it that git knows or would add."""

    root: Path
    """Absolute, symbolic links resolved."""
    files: tuple[str, ...]
    """Regular files, and links to files inside; relative to ``root`` with ``/`` between parts; sorted."""
    tracked: frozenset[str]
    """Those of ``files`` that git tracks; all of them where there is no git."""
    is_git: bool
    commit: str | None
    dirty: bool
    """A tracked file below ``root`` differs from the commit."""
    leaving_symlinks: tuple[str, ...] = ()
    """Links whose target lies outside: listed, never followed."""
    unreadable: tuple[tuple[str, str], ...] = ()
    """Path and reason."""
    notes: tuple[str, ...] = ()
    _texts: dict[str, str] = field(default_factory=dict, repr=False, compare=False)

    @cached_property
    def _known(self) -> frozenset[str]:
        return frozenset(self.files)

    @cached_property
    def directories(self) -> frozenset[str]:
        """Every directory that holds a file, ``.`` included."""
        found = {"."}
        for path in self.files:
            for parent in PurePosixPath(path).parents:
                if str(parent) in found:
                    break
                found.add(str(parent))
        return frozenset(found)

    def exists(self, path: str) -> bool:
        """Whether that path is a file of the checkout."""
        return path in self._known

    def read_bytes(self, path: str, limit: int = MAX_BYTES) -> bytes:
        """The bytes of one file of ``files``. Raises Unreadable."""
        if path not in self._known:
            raise Unreadable(path, "is no file of this checkout")
        real = os.path.realpath(self.root / path)
        if not Path(real).is_relative_to(self.root):
            raise Unreadable(path, "is a symbolic link that leaves the checkout")
        try:
            descriptor = os.open(real, os.O_RDONLY | os.O_NONBLOCK | os.O_NOFOLLOW | os.O_CLOEXEC)
        except OSError as problem:
            raise Unreadable(path, f"cannot be opened ({problem.strerror})") from problem
        with os.fdopen(descriptor, "rb") as stream:
            known = os.fstat(descriptor)
            if not stat.S_ISREG(known.st_mode):
                raise Unreadable(path, "is no regular file")
            if known.st_size > limit:
                raise Unreadable(path, f"is larger than {limit // 1024} KiB ({known.st_size // 1024} KiB)")
            try:
                content = stream.read(limit + 1)
            except OSError as problem:
                raise Unreadable(path, f"cannot be read ({problem.strerror})") from problem
        if len(content) > limit:
            raise Unreadable(path, f"is larger than {limit // 1024} KiB")
        return content

    def read_text(self, path: str, limit: int = MAX_BYTES) -> str:
        """The text of one file: UTF-8 with or without a mark, UTF-16 with one, else Latin-1; CRLF becomes LF.

        Raises Unreadable, also for a binary file.
        """
        known = self._texts.get(path)
        if known is not None:
            return known
        text = _decode(path, self.read_bytes(path, limit))
        if len(text) <= _CACHED_BYTES:
            self._texts[path] = text
        return text


def _decode(path: str, content: bytes) -> str:
    if content.startswith(_UTF16):
        encodings = ["utf-16"]
    elif b"\0" in content:
        raise Unreadable(path, "is a binary file")
    else:
        encodings = ["utf-8-sig", "latin-1"]
    for encoding in encodings:
        try:
            return content.decode(encoding).replace("\r\n", "\n")
        except UnicodeDecodeError:
            continue
    raise Unreadable(path, "is no text in any encoding that is known here")


def _walk(root: Path) -> list[str]:
    """Every file below ``root``, without following links to directories."""
    found: list[str] = []
    pending = [(root, "", 0)]
    while pending:
        directory, prefix, depth = pending.pop()
        try:
            entries = sorted(os.scandir(directory), key=lambda entry: entry.name)
        except OSError:
            found.append(prefix.rstrip("/"))  # it is then recorded as unreadable
            continue
        names = {entry.name for entry in entries}
        if prefix and "pyvenv.cfg" in names:
            continue
        for entry in entries:
            if entry.is_dir(follow_symlinks=False):
                if entry.name not in _NEVER_WALKED and depth < _MAX_DEPTH:
                    pending.append((Path(entry.path), f"{prefix}{entry.name}/", depth + 1))
            else:
                found.append(prefix + entry.name)
            if len(found) > MAX_FILES:
                return found
    return found


@dataclass
class _Sorter:
    """Tells files inside from links that leave and from what cannot be read."""

    root: Path
    files: list[str] = field(default_factory=list)
    leaving: list[str] = field(default_factory=list)
    unreadable: list[tuple[str, str]] = field(default_factory=list)
    odd: list[str] = field(default_factory=list)
    """Names that are no UTF-8: nothing that is deployed by its name has one."""
    _inside: dict[str, bool] = field(default_factory=dict)

    def _stays(self, path: str) -> bool:
        return Path(os.path.realpath(self.root / path)).is_relative_to(self.root)

    def add(self, path: str) -> None:
        """Put one path where it belongs."""
        try:
            path.encode()
        except UnicodeEncodeError:
            self.odd.append(ascii(path))
            return
        parent = path.rpartition("/")[0]
        if parent not in self._inside:
            self._inside[parent] = self._stays(parent)
        try:
            mode = os.lstat(self.root / path).st_mode
            if not self._inside[parent] or (stat.S_ISLNK(mode) and not self._stays(path)):
                self.leaving.append(path)
                return
            if stat.S_ISLNK(mode):
                mode = os.stat(self.root / path).st_mode  # noqa: PTH116 - once for each of many thousand paths
        except FileNotFoundError:
            return  # tracked, and deleted in the work tree; or a link to nothing
        except OSError as problem:
            self.unreadable.append((path, f"cannot be read ({problem.strerror})"))
            return
        if stat.S_ISREG(mode):
            self.files.append(path)
        elif not stat.S_ISDIR(mode):
            self.unreadable.append((path, "is no regular file"))
        elif not os.access(self.root / path, os.R_OK | os.X_OK):
            self.unreadable.append((path, "is a directory that cannot be listed"))


def _asked(path: str | Path) -> Path:
    given = Path(path)
    try:
        root = given.resolve(strict=True)
    except (OSError, RuntimeError, ValueError) as problem:
        raise SeatrialError(f"{given}: there is no such directory", "Give the path of a checkout.") from problem
    if not root.is_dir():
        raise SeatrialError(f"{given} is no directory", "Give the directory that holds the project.")
    if not os.access(root, os.R_OK | os.X_OK):
        raise SeatrialError(f"{given} cannot be read", "Check the directory's permissions.")
    return root


def read_checkout(path: str | Path) -> Checkout:
    """The checkout at ``path``: what git tracks or would add below it; without git, every file but tools' own ones.

    Raises SeatrialError: exit code 2 where there is no such directory, 3 where it holds no file or too many.
    """
    root = _asked(path)
    index: Index | None = None
    notes: list[str] = []
    try:
        index = read_index(root)
    except GitFailed as problem:
        if any((one / ".git").exists() for one in (root, *root.parents)):
            notes.append(f"git could not be asked ({problem}): every file counts as tracked")
    if index is not None and not index.tracked and not index.untracked:
        index = None  # a directory that an enclosing repository ignores as a whole
    return checkout_of(root, index, tuple(notes), str(path))


def checkout_of(root: Path, index: Index | None, notes: tuple[str, ...] = (), named: str = "") -> Checkout:
    """The checkout at ``root`` as git's answer describes it; without one, as the directory holds it.

    Raises SeatrialError with exit code 3 where it holds no file or too many; ``named`` is how messages call it.
    """
    path = named or str(root)
    candidates = [*index.tracked, *index.untracked] if index else _walk(root)
    if len(candidates) > MAX_FILES:
        raise SeatrialError(
            f"{path} holds more than {MAX_FILES} files", "Give the directory of the project itself.", exit_code=3
        )
    found = _Sorter(root)
    for candidate in sorted(set(candidates)):
        found.add(candidate)
    if not found.files:
        raise SeatrialError(
            f"{path} holds no file", "Is the checkout complete? A workflow needs actions/checkout first.", exit_code=3
        )
    told = [*notes, *(f"{one} is a submodule: not read" for one in (index.submodules if index else ()))]
    told.extend(f"{one} has a name that is no UTF-8: not read" for one in found.odd)
    everything = frozenset(found.files)
    return Checkout(
        root=root,
        files=tuple(found.files),
        tracked=everything.intersection(index.tracked) if index else everything,
        is_git=index is not None,
        commit=index.commit if index else None,
        dirty=index.dirty if index else False,
        leaving_symlinks=tuple(found.leaving),
        unreadable=tuple(found.unreadable),
        notes=tuple(told),
    )

"""What the files of a process are: collected from the machine, checked, and described without any engine.

The scanned checkout is untrusted: links may lead out of it, files may be devices or huge, names may be anything.
"""

import hashlib
import os
import stat
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from scanner.model import quoted
from scanner.sandbox.interface import Copy, EngineFailed, File, Process, Tmpfs

MOST_ENTRIES = 200_000
MOST_BYTES = 2 * 1024 * 1024 * 1024
_NEVER = frozenset({".git"})


@dataclass(frozen=True)
class Entry:
    """One file, directory or link, by its absolute path in the sandbox; exactly one of the last three is set."""

    target: str
    mode: int
    mark: str
    """Changes when the content does: for files of the machine size and times, for made files a digest."""
    source: Path | None = None
    content: bytes | None = None
    link: str | None = None

    def read(self) -> bytes:
        """The content of a file. Raises OSError."""
        if self.content is not None:
            return self.content
        if self.source is None:
            raise IsADirectoryError(self.target)
        # O_NOFOLLOW and O_NONBLOCK: it was a regular file a moment ago, but nobody promised that it stays one.
        descriptor = os.open(self.source, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
        with os.fdopen(descriptor, "rb") as stream:
            if not stat.S_ISREG(os.fstat(descriptor).st_mode):
                raise OSError(f"{self.source} is no regular file any more")
            return stream.read()


def absolute(target: str) -> PurePosixPath:
    """The path of the sandbox, checked. Raises EngineFailed where it is not absolute or climbs."""
    path = PurePosixPath(target)
    if not path.is_absolute() or ".." in path.parts or "\0" in target:
        raise EngineFailed(f"{quoted(target)} is no absolute path without '..'")
    return PurePosixPath("/" + target.lstrip("/"))


def copied(copy: Copy) -> list[Entry]:
    """All that a Copy gives, parents before their children, in a fixed order. Raises EngineFailed."""
    target = absolute(copy.target)
    root = Path(os.path.realpath(copy.source))
    entries: list[Entry] = []
    size = 0
    try:
        for path in _walk(root) if copy.names is None else _named(root, copy.names):
            entry = _entry(root, path, target)
            if entry is None:
                continue
            entries.append(entry)
            size += path.lstat().st_size if entry.source is not None else 0
            if size > MOST_BYTES or len(entries) > MOST_ENTRIES:
                raise EngineFailed(
                    f"{quoted(copy.source)} is too large to be given to a sandbox",
                    f"the limit is {MOST_BYTES >> 30} GiB and {MOST_ENTRIES} files: scan a clean checkout",
                )
    except OSError as error:
        raise EngineFailed(f"cannot read {quoted(error.filename or copy.source)}: {error.strerror}") from error
    return entries


def made(file: File) -> Entry:
    """A made file as an entry."""
    mark = hashlib.sha256(file.content).hexdigest()
    return Entry(str(absolute(file.target)), file.mode & 0o777, mark, content=file.content)


def below(target: str, mounts: Iterable[Tmpfs]) -> bool:
    """Whether the path lies in one of these writable directories."""
    path = PurePosixPath(target)
    return any(path.is_relative_to(absolute(mount.target)) for mount in mounts)


def digest(*parts: object) -> str:
    """A short name for these parts."""
    state = hashlib.sha256()
    for part in parts:
        text = repr((part.target, part.mode, part.link, part.mark)) if isinstance(part, Entry) else repr(part)
        state.update(f"{text}\0".encode("utf-8", "surrogateescape"))
    return state.hexdigest()[:24]


def environment(process: Process, path: str) -> dict[str, str]:
    """The environment of a process; ``path`` is the PATH of its base, which stands first where it gives its own."""
    given = dict(process.environment)
    first = path.split(":", 1)[0]
    if "PATH" in given and first not in given["PATH"].split(":"):
        given["PATH"] = f"{first}:{given['PATH']}"
    return {"PATH": path, "HOME": "/tmp", "LANG": "C.UTF-8", **given}


def _walk(root: Path) -> Iterator[Path]:
    for directory, names, files in os.walk(root):
        names[:] = sorted(name for name in names if name not in _NEVER)
        yield from (Path(directory, name) for name in sorted([*names, *files]) if name not in _NEVER)


def _named(root: Path, names: Iterable[str]) -> Iterator[Path]:
    seen: set[Path] = set()
    for name in sorted(set(names)):
        relative = PurePosixPath(name)
        if relative.is_absolute() or ".." in relative.parts or _NEVER.intersection(relative.parts):
            continue
        path = root / relative
        if os.path.realpath(path.parent) != str(path.parent):  # it is reached through a link, which is given itself
            continue
        for parent in reversed(relative.parents[:-1]):
            if root / parent not in seen:
                seen.add(root / parent)
                yield root / parent
        if path not in seen and os.path.lexists(path):
            seen.add(path)
            yield path


def _entry(root: Path, path: Path, target: PurePosixPath) -> Entry | None:
    """The entry of a path below ``root``; None for what is never given: devices, sockets, links that lead out."""
    place = str(target / path.relative_to(root).as_posix())
    status = path.lstat()
    mark = f"{status.st_size} {status.st_mtime_ns} {status.st_ctime_ns} {status.st_ino}"
    match stat.S_IFMT(status.st_mode):
        case stat.S_IFDIR:
            return Entry(place, 0o755, "directory")
        case stat.S_IFREG:
            return Entry(place, 0o755 if status.st_mode & 0o111 else 0o644, mark, source=path)
        case stat.S_IFLNK:
            link = str(path.readlink())
            inside = not link.startswith("/") and Path(os.path.realpath(path)).is_relative_to(root)
            return Entry(place, 0o777, "link", link=link) if inside else None
        case _:
            return None

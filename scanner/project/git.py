"""Asking git about a checkout that somebody else wrote.

A repository's own configuration can name programs that git runs (file system monitor, hooks, filters, transports). Here
git is only asked questions that it answers from its index and its objects, and whatever could start a program is off.
"""

import subprocess
import tempfile
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

_SECONDS = 60
HARDENED = (
    "-c", "core.fsmonitor=false",
    "-c", "core.hooksPath=/dev/null",
    "-c", "core.untrackedCache=false",
    "-c", "core.quotePath=false",
    "-c", "protocol.allow=never",
    "-c", "safe.directory=*",
    "-c", "safe.bareRepository=explicit",
)  # fmt: skip
ENVIRONMENT = {
    "PATH": "/usr/local/bin:/usr/bin:/bin",
    "LC_ALL": "C.UTF-8",
    "HOME": "/nonexistent",
    "GIT_CONFIG_NOSYSTEM": "1",
    "GIT_CONFIG_GLOBAL": "/dev/null",
    "GIT_TERMINAL_PROMPT": "0",
    "GIT_OPTIONAL_LOCKS": "0",
    "GIT_NO_LAZY_FETCH": "1",
    "GIT_ALLOW_PROTOCOL": "none",
    "GIT_PAGER": "cat",
}
_SUBMODULE = "160000"


class GitFailed(Exception):
    """Git is missing, or refuses this directory; the text is its own first line."""


@dataclass(frozen=True)
class Index:
    """What git knows of one directory; every path is relative to it."""

    tracked: tuple[str, ...]
    untracked: tuple[str, ...]
    """Files that are neither tracked nor ignored."""
    submodules: tuple[str, ...]
    commit: str | None
    dirty: bool


def _git(directory: Path, *arguments: str, more: tuple[str, ...] = ()) -> subprocess.CompletedProcess[bytes]:
    try:
        return subprocess.run(
            ["git", *HARDENED, *more, "-C", str(directory), *arguments],
            env=ENVIRONMENT,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            timeout=_SECONDS,
            check=False,
        )
    except (OSError, subprocess.TimeoutExpired) as problem:
        raise GitFailed(str(problem)) from problem


def _answer(directory: Path, *arguments: str) -> str:
    done = _git(directory, *arguments)
    if done.returncode != 0:
        first = done.stderr.decode("utf-8", "replace").strip().splitlines()[:1]
        raise GitFailed(first[0] if first else f"git {arguments[0]} ended with {done.returncode}")
    return done.stdout.decode("utf-8", "surrogateescape")


def ask(directory: Path, *arguments: str) -> str:
    """What git answers to a question about objects. Raises GitFailed with its own first line."""
    return _answer(directory, *arguments)


def blobs(directory: Path, names: Sequence[str]) -> Iterator[bytes]:
    """The contents of these blobs, one after the other. Raises GitFailed when one is not in this clone."""
    # Output that nobody reads would stop git while it is still being told names: they come from a file.
    with tempfile.TemporaryFile() as wanted:
        wanted.write("".join(f"{name}\n" for name in names).encode())
        wanted.seek(0)
        try:
            process = subprocess.Popen(
                ["git", *HARDENED, "-C", str(directory), "cat-file", "--batch"],
                env=ENVIRONMENT,
                stdin=wanted,
                stdout=subprocess.PIPE,
                stderr=subprocess.DEVNULL,
            )
        except OSError as problem:
            raise GitFailed(str(problem)) from problem
        with process:
            try:
                for name in names:
                    yield _blob(process, name)
            finally:
                process.kill()


def _blob(process: subprocess.Popen[bytes], name: str) -> bytes:
    """The next object of ``git cat-file --batch``: a line with its name, kind and size, then its content."""
    if process.stdout is None:  # pragma: no cover - it is a pipe
        raise GitFailed("git has no output")
    parts = process.stdout.readline().split()
    if len(parts) != 3 or parts[1] != b"blob" or not parts[2].isdigit():
        raise GitFailed(f"the object {name} is not in this clone")
    size = int(parts[2])
    content = process.stdout.read(size + 1)
    if len(content) != size + 1:
        raise GitFailed(f"the object {name} cannot be read")
    return content[:-1]


def _is_dirty(directory: Path) -> bool:
    # A content filter is a program that the repository's configuration names: each known one is emptied.
    named = _git(directory, "config", "-z", "--name-only", "--get-regexp", r"^filter\.").stdout
    keys = {key for key in named.decode("utf-8", "replace").split("\0") if key}
    off: list[str] = []
    for key in sorted(keys):
        off += ["-c", f"{key}={'false' if key.endswith('.required') else ''}"]
    asked = ("status", "--porcelain", "-z", "--untracked-files=no", "--ignore-submodules=all", "--no-renames", ".")
    status = _git(directory, *asked, more=tuple(off))
    return status.returncode == 0 and bool(status.stdout)


def read_index(directory: Path) -> Index:
    """What git knows of ``directory``, which may be any directory of a work tree. Raises GitFailed."""
    top = _answer(directory, "rev-parse", "--show-toplevel").rstrip("\n")
    if not directory.is_relative_to(Path(top).resolve()):
        # core.worktree points somewhere else: git would speak of other files.
        raise GitFailed("the repository's work tree lies elsewhere")
    with ThreadPoolExecutor(3) as pool:
        # What differs takes longest to find out; it goes on while the lists are read.
        dirty = pool.submit(_is_dirty, directory)
        others = pool.submit(_answer, directory, "ls-files", "-z", "--others", "--exclude-standard")
        commit = pool.submit(_head, directory)
        tracked, submodules = _listed(_answer(directory, "ls-files", "-z", "--cached", "--stage"))
        return Index(
            tracked=tracked,
            untracked=tuple(path for path in others.result().split("\0") if path and not path.endswith("/")),
            submodules=submodules,
            commit=commit.result(),
            dirty=dirty.result(),
        )


def _head(directory: Path) -> str | None:
    try:
        return _answer(directory, "rev-parse", "--verify", "HEAD").strip()
    except GitFailed:
        return None  # no commit yet


def _listed(stage: str) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """The files and the submodules of ``git ls-files --stage``; a file in conflict is there several times."""
    tracked: list[str] = []
    submodules: list[str] = []
    for entry in stage.split("\0"):
        head, _, path = entry.partition("\t")
        if path:
            (submodules if head.startswith(_SUBMODULE) else tracked).append(path)
    return tuple(dict.fromkeys(tracked)), tuple(submodules)

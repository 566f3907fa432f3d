"""The files of the base commit, written to a directory of ours so that they can be scanned as the head is.

They come from git's objects, not from a checkout: no filter, hook, attribute or submodule of the repository has a say.
"""

import contextlib
import os
import tempfile
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path, PurePosixPath

from scanner.model import SeatrialError
from scanner.project.base import Base
from scanner.project.checkout import MAX_FILES, Checkout, checkout_of
from scanner.project.git import GitFailed, Index, ask, blobs

MAX_BYTES = 1024 * 1024 * 1024
"""Of all files together: what is larger is not compared."""
_LINK = "120000"
_SUBMODULE = "160000"
_EXECUTABLE = "100755"
_SIMILAR = "--find-renames=60%"


@dataclass(frozen=True)
class BaseTree:
    """The base commit as a checkout."""

    checkout: Checkout
    renamed: Mapping[str, str]
    """Path on the base -> path on the head, for files that the change moved."""


@dataclass(frozen=True)
class _Entry:
    mode: str
    name: str
    size: int
    path: str


@contextlib.contextmanager
def base_tree(base: Base) -> Iterator[BaseTree]:
    """Write the commit's files below a temporary directory, which is removed in the end.

    Raises SeatrialError with exit code 3 when they are not all in this clone, or are too much.
    """
    with tempfile.TemporaryDirectory(prefix="seatrial-base-") as directory:
        # Names that are derived from the directory's must be the same on both sides.
        root = Path(directory).resolve() / (base.root.resolve().name or "base")
        root.mkdir()
        try:
            checkout = _written(base, root)
            renamed = _renamed(base)
        except (GitFailed, OSError) as problem:
            raise SeatrialError(f"the base commit cannot be read: {problem}", exit_code=3) from problem
        yield BaseTree(checkout, renamed)


def _written(base: Base, root: Path) -> Checkout:
    entries = _listed(ask(base.root, "ls-tree", "-r", "-l", "-z", base.commit))
    files = [entry for entry in entries if entry.mode not in {_LINK, _SUBMODULE}]
    links = [entry for entry in entries if entry.mode == _LINK]
    if len(entries) > MAX_FILES or sum(entry.size for entry in entries) > MAX_BYTES:
        raise SeatrialError("the base commit has too many files, or too large ones", exit_code=3)
    for entry, content in zip(files, blobs(base.root, [each.name for each in files]), strict=True):
        path = root / entry.path
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
        if entry.mode == _EXECUTABLE:
            path.chmod(0o755)
    # Links come last: no file is ever written through one.
    targets = blobs(base.root, [each.name for each in links])
    leaving = [entry.path for entry, target in zip(links, targets, strict=True) if not _linked(root, entry, target)]
    index = Index(
        tracked=tuple(entry.path for entry in [*files, *links]),
        untracked=(),
        submodules=tuple(entry.path for entry in entries if entry.mode == _SUBMODULE),
        commit=base.commit,
        dirty=False,
    )
    checkout = checkout_of(root, index, named="the base commit")
    return replace(checkout, leaving_symlinks=(*checkout.leaving_symlinks, *leaving))


def _listed(answer: str) -> list[_Entry]:
    """The entries of ``git ls-tree -r -l -z``, without names that would lead out of a directory."""
    found = []
    for line in answer.split("\0"):
        head, _, path = line.partition("\t")
        if path and {"", ".", "..", ".git"}.isdisjoint(path.split("/")):
            mode, _, name, size = head.split()
            found.append(_Entry(mode, name, int(size) if size.isdigit() else 0, path))
    return found


def _linked(root: Path, entry: _Entry, target: bytes) -> bool:
    """Whether the link stays inside; only then it is made."""
    path = root / entry.path
    words = os.fsdecode(target)
    inside = os.path.normpath(PurePosixPath(entry.path).parent / words)
    if words.startswith("/") or inside.startswith(".."):
        return False
    path.parent.mkdir(parents=True, exist_ok=True)
    if path.parent.resolve() != path.parent:
        return False
    path.symlink_to(words)
    return True


def _renamed(base: Base) -> Mapping[str, str]:
    asked = ("diff-tree", "-r", "-z", "--relative", "--no-ext-diff", _SIMILAR, "--diff-filter=R", "--name-status")
    parts = ask(base.root, *asked, base.commit, "HEAD").split("\0")
    return {old: new for status, old, new in zip(*(parts[index::3] for index in range(3)), strict=False) if status}

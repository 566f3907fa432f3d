"""The commit that a change is compared with, read from git's objects: no checkout, so nothing of it ever runs."""

from dataclasses import dataclass
from pathlib import Path

from scanner.project.git import GitFailed, ask

MAX_BYTES = 1024 * 1024


@dataclass(frozen=True)
class Base:
    """A commit that is in this clone."""

    root: Path
    """The scanned directory; paths are relative to it."""
    commit: str

    def read_text(self, path: str) -> str | None:
        """The text of a file as this commit has it; None where it has none, or none that is text of at most 1 MiB."""
        try:
            size = ask(self.root, "cat-file", "-s", f"{self.commit}:./{path}").strip()
            if not size.isdecimal() or int(size) > MAX_BYTES:
                return None
            return ask(self.root, "cat-file", "blob", f"{self.commit}:./{path}")
        except GitFailed:
            return None


def find_base(root: Path, reference: str | None, event_base: str | None, event_head: str | None) -> Base | None:
    """What a pull request is compared with, or None where that commit is not in this clone.

    ``reference`` is what the user names: its merge base with HEAD, else itself. Without one, a merge commit that a
    pull request made (its second parent is the event's head) is compared with its first parent, which is exactly what
    the merge would change; another checkout with its merge base with the event's base.
    """
    candidates = [reference] if reference else []
    if not reference:
        if event_head is None or _commit(root, "HEAD^2") == event_head:
            candidates.append("HEAD^1")
        candidates += [event_base] if event_base else []
    for candidate in candidates:
        commit = _commit(root, candidate)
        if commit is not None:
            return Base(root, _merge_base(root, commit) or commit)
    return None


def _commit(root: Path, name: str) -> str | None:
    # A name that starts with a dash would be an option.
    if name.startswith("-"):
        return None
    try:
        return ask(root, "rev-parse", "--verify", "--quiet", "--end-of-options", f"{name}^{{commit}}").strip() or None
    except GitFailed:
        return None


def _merge_base(root: Path, commit: str) -> str | None:
    try:
        return ask(root, "merge-base", commit, "HEAD").strip() or None
    except GitFailed:
        return None

"""What git knows of the checkout, read before any of the project's code runs."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Repository:
    """The checkout as git sees it."""

    is_git: bool
    """False: every file counts as tracked."""
    tracked: frozenset[str]
    commit: str | None
    dirty: bool
    leaving_symlinks: tuple[str, ...]
    """Paths of symbolic links whose target lies outside the checkout."""
    unreadable: tuple[tuple[str, str], ...] = ()
    """Paths that could not be read, and why."""

"""What git knows of the checkout, read before any of the project's code runs."""

from dataclasses import dataclass

from scanner.model import provider
from scanner.project import Project


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
    notes: tuple[str, ...] = ()
    """What is left out, such as submodules."""


@provider()
def repository(project: Project) -> Repository:
    """What was read of git before anything of the project ran."""
    checkout = project.checkout
    return Repository(
        is_git=checkout.is_git,
        tracked=checkout.tracked,
        commit=checkout.commit,
        dirty=checkout.dirty,
        leaving_symlinks=checkout.leaving_symlinks,
        unreadable=checkout.unreadable,
        notes=checkout.notes,
    )

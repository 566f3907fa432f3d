"""What is known of one Dockerfile."""

import posixpath
from collections.abc import Mapping
from dataclasses import dataclass, field

from scanner.facts.docker_syntax import Instruction
from scanner.model import Location, Unknown


@dataclass(frozen=True)
class Copy:
    """One COPY or ADD of the build context's files."""

    sources: tuple[str, ...]
    """As written, relative to the build context."""
    target: str
    """Absolute path in the image; it ends with ``/`` where it is a directory for sure."""
    location: Location


@dataclass(frozen=True)
class Stage:
    """One ``FROM``."""

    name: str | None
    base: str | Unknown
    """The image, or the name of an earlier stage."""
    location: Location
    instructions: tuple[Instruction, ...]


@dataclass(frozen=True)
class Dockerfile:
    """One Dockerfile."""

    path: str
    stages: tuple[Stage, ...]
    shipped: int
    """Index of the stage that ships."""
    user: str | Unknown | None
    """Effective user of the shipped stage as written, through ``FROM stage``; None where no USER is set and the base's
    own user is root or unknown: see ``base_user_known``."""
    user_location: Location
    """The deciding USER line, else the FROM of the shipped stage."""
    base_user_known: bool
    """The base image is one whose default user is known to be root (official language and distribution images)."""
    drops_privileges: bool
    """The entry point drops root itself (gosu, su-exec, setpriv, s6-setuidgid, gunicorn ``user=`` …)."""
    command: tuple[str, ...]
    """ENTRYPOINT and CMD of the shipped stage joined; shell forms are ``("sh", "-c", "…")``."""
    command_location: Location | None
    workdir: str | None
    serves_app: bool
    """It builds the Django application (it copies the project or its command is an app server)."""
    errors: tuple[tuple[str, Location], ...] = ()
    context: str = "."
    """The build context, relative to the checkout: compose's, else the nearest directory that holds what is copied."""
    base: str | Unknown | None = None
    """The image from which the shipped stage is made in the end."""
    copies: tuple[Copy, ...] = ()
    """Of the shipped stage and those that it is made from, in order; not those ``--from`` elsewhere."""
    environment: Mapping[str, str | None] = field(default_factory=dict)
    """ENV of the shipped stage; None for values that are secret."""
    exposes: tuple[int, ...] = ()
    command_words: tuple[tuple[str, Location], ...] = ()
    """``command`` with the place of each word."""
    entrypoint_length: int = 0
    """How many words of ``command`` are the ENTRYPOINT's."""

    def production_paths(self) -> tuple[tuple[str, str], ...]:
        """Pairs of a path in the image and the checkout's path that is copied there."""
        return tuple(pair for copy in self.copies for pair in copied_paths(self.context, copy))


def copied_paths(context: str, copy: Copy) -> tuple[tuple[str, str], ...]:
    """Where a COPY puts the context's paths: a directory's contents, or files by their name."""
    pairs = []
    for source in copy.sources:
        if "*" in source or "?" in source or "://" in source or source.startswith("<<"):
            continue
        inner = posixpath.normpath(posixpath.join(context, source.lstrip("/")))
        name = posixpath.basename(inner)
        if (
            copy.target.endswith("/")
            and "." in name.lstrip(".")
            and not source.endswith("/")
            and source not in {".", "./"}
        ):
            pairs.append((posixpath.join(copy.target, name), inner))
        else:
            pairs.append((copy.target.rstrip("/") or "/", inner))
    return tuple(pairs)


@dataclass(frozen=True)
class Dockerfiles:
    """All Dockerfiles of the checkout."""

    files: tuple[Dockerfile, ...]
    unreadable: tuple[tuple[str, str], ...] = ()
    """Path and reason."""

    def named(self, path: str) -> Dockerfile | None:
        """The one with that path."""
        return next((file for file in self.files if file.path == path), None)

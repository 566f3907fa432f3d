"""Dockerfiles: stages, the one that ships, its user and command."""

from dataclasses import dataclass

from scanner.model import Location, Unknown


@dataclass(frozen=True)
class Instruction:
    """One instruction, continuation lines joined."""

    keyword: str
    """Upper case."""
    arguments: str
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


@dataclass(frozen=True)
class Dockerfiles:
    """All Dockerfiles of the checkout."""

    files: tuple[Dockerfile, ...]

    def named(self, path: str) -> Dockerfile | None:
        """The one with that path."""
        return next((file for file in self.files if file.path == path), None)

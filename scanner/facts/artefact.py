"""One artefact of the deployment that starts something: what the readers of app servers work on."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from scanner.facts.commands import Word
from scanner.facts.deploy_paths import PathMap
from scanner.model import Location, Unknown


@dataclass(frozen=True)
class Variable:
    """A variable of the process; ``value`` is None where it is a secret or unknown."""

    value: str | None
    location: Location


@dataclass(frozen=True)
class Artefact:
    """A unit, a service, a Procfile line … before its command is resolved."""

    name: str
    """``unit shop.service``."""
    words: tuple[Word, ...]
    location: Location
    rank: int
    """Kinds in the order in which they are preferred."""
    environment: Mapping[str, Variable] = field(default_factory=dict)
    environment_files: tuple[str, ...] = ()
    directory: str | None = None
    """Where the command runs in production."""
    paths: PathMap = field(default_factory=PathMap)
    container: str | None = None
    platform: bool = False
    user: str | Unknown | None = None
    says: str = ""
    """The file that starts it, whose scope is its own; empty for the one in which the command stands."""
    sockets: tuple[tuple[str, Location], ...] = ()
    """``ListenStream=`` of the socket units that start it."""

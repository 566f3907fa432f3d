"""Files of ``KEY=value`` lines."""

import enum
from dataclasses import dataclass

from scanner.model import Location


class ValueKind(enum.StrEnum):
    """What a value looks like, without telling it."""

    EMPTY = "empty"
    PLACEHOLDER = "placeholder"
    REFERENCE = "reference"
    """``${VAR}`` and other expressions."""
    PLAIN = "plain"
    SECRET = "secret"  # noqa: S105 - a kind of value, no password
    """A literal under a secret-shaped key, or a URL with a password under any key."""


@dataclass(frozen=True)
class Entry:
    """One ``KEY=value``."""

    key: str
    kind: ValueKind
    length: int
    location: Location
    value: str | None
    """Only of kinds that are no secret."""


@dataclass(frozen=True)
class EnvFile:
    """One env file."""

    path: str
    tracked: bool
    encrypted: bool
    example: bool
    """Named as an example, sample, template or dist file."""
    entries: tuple[Entry, ...]


@dataclass(frozen=True)
class EnvFiles:
    """All env files of the checkout."""

    files: tuple[EnvFile, ...]

    def named(self, path: str) -> EnvFile | None:
        """The file with that path."""
        return next((file for file in self.files if file.path == path), None)

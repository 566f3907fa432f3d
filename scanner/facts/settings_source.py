"""Where each setting gets its value in the source: the closure of the settings module, read as syntax trees."""

import enum
from collections.abc import Mapping
from dataclasses import dataclass

from scanner.model import Location


class Origin(enum.StrEnum):
    """Where a value comes from."""

    LITERAL = "literal"
    ENV_REQUIRED = "env-required"
    ENV_DEFAULT = "env-with-default"
    COMPUTED = "computed"
    UNKNOWN = "unknown"


@dataclass(frozen=True)
class Assignment:
    """One assignment of a setting, in the order of execution."""

    name: str
    location: Location
    origin: Origin
    variable: str | None = None
    """The environment variable that is read, where there is one."""
    cast: str | None = None
    """``bool``, ``int``, ``list`` …: how the text becomes a value. ``bool()`` around a reader is ``bool``; a reader's
    own boolean cast (``env.bool``, ``config(cast=bool)``, ``== "True"``) is ``env-bool``."""
    default: str | None = None
    """The default as source text for harmless kinds (booleans, numbers, lists of hosts); None where there is none or
    it is a string under a secret-shaped name."""
    literal: str | None = None
    """The literal as source text, under the same restriction."""
    literal_length: int | None = None
    """Length of a string literal (or default), also of a secret one."""
    guard: str | None = None
    """Source text of the ``if`` around it."""
    augmented: bool = False
    """``+=``, ``.append`` and the like: it adds to an earlier one."""


@dataclass(frozen=True)
class SettingsSource:
    """All assignments of the settings module and the modules that it star-imports."""

    module: str
    files: tuple[str, ...]
    """The closure, in the order of execution."""
    assignments: Mapping[str, tuple[Assignment, ...]]
    """By setting, in the order of execution; nested keys are ``DATABASES.default.PASSWORD``."""
    environment_reads: Mapping[str, Location]
    """Every variable that is read anywhere in the closure -> first place."""
    unreadable: tuple[str, ...] = ()
    """Files of the closure that could not be parsed, with the reason."""

    def winner(self, name: str) -> Assignment | None:
        """The last assignment that counts, as far as the source tells; None where there is none."""
        found = self.assignments.get(name, ())
        plain = [one for one in found if not one.augmented]
        return (plain or list(found))[-1] if found else None

    def place(self, name: str) -> Location:
        """Where to edit a setting: its winning assignment, else the first line of the settings module."""
        winner = self.winner(name)
        return winner.location if winner else Location(self.files[-1] if self.files else "manage.py")

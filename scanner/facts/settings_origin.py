"""One assignment of a setting, and where its value comes from."""

import enum
from dataclasses import dataclass

from scanner.facts.secrets import Seen
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
    text: Seen | None = None
    """What that string looks like under this name, where there is one."""
    guard: str | None = None
    """Source text of the ``if`` around it."""
    when_unset: bool | None = None
    """Whether the value is true while the variables that the expression reads are not set; None where nobody can tell
    or it reads none."""
    augmented: bool = False
    """``+=``, ``.append`` and the like: it adds to an earlier one."""

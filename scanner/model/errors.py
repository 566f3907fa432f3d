"""The exception tree.

::

    Exception
    ├── SeatrialError          a message for the user, with a hint; the command ends with its exit code
    ├── Unavailable            a fact cannot be had in this run; skips the rules that need it, with the reason
    │   ├── NotApplicable      the question does not arise here
    │   ├── UnknownValue       nobody can tell the value from the repository
    │   └── LayerMissing       the layer that would show it was not asked for, or did not run
    └── ControlFailed          what should have worked in a healthy stack did not, so silence proves nothing
"""

from typing import ClassVar

from scanner.model.finding import Location, ReasonKind
from scanner.model.http import Exchange


class SeatrialError(Exception):
    """Something that the user can mend.

    ``hint`` says what to do next; ``exit_code`` is what the command ends with (2 usage or configuration, 3 incomplete).
    """

    exit_code: int

    def __init__(self, message: str, hint: str = "", exit_code: int = 2) -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint
        self.exit_code = exit_code


class Unavailable(Exception):
    """A fact cannot be had in this run; the text says why, in words for the report."""

    kind: ClassVar[ReasonKind] = ReasonKind.COULD_NOT_TEST

    def __init__(self, reason: str, location: Location | None = None) -> None:
        super().__init__(reason)
        self.reason = reason
        self.location = location


class NotApplicable(Unavailable):
    """The question does not arise here ("no MEDIA_URL"); never counts as a missing layer."""

    kind = ReasonKind.NOT_APPLICABLE


class UnknownValue(Unavailable):
    """A value that decides comes from somewhere that cannot be read: "unknown: WHAT at PATH:LINE"."""

    kind = ReasonKind.UNKNOWN


class LayerMissing(Unavailable):
    """The layer that would show this fact was not asked for, or did not run."""

    kind = ReasonKind.LAYER_MISSING


class ControlFailed(Exception):
    """A probe's control request failed.

    Findings from files stand; what would have passed for want of this fact is errored.
    """

    def __init__(self, detail: str, exchange: Exchange | None = None) -> None:
        super().__init__(detail)
        self.detail = detail
        self.exchange = exchange

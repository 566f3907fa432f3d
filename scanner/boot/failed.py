"""Why a boot did not come to its end."""

from scanner.model import Location, Unavailable


class BootFailed(Unavailable):
    """The settings did not load, or what they did was no answer. The reason names the one option that would mend it."""

    def __init__(
        self,
        reason: str,
        hint: str = "",
        location: Location | None = None,
        *,
        missing_interpreter: bool = False,
        cut_off: str = "",
    ) -> None:
        super().__init__(f"{reason}. {hint}" if hint else reason, location)
        self.what = reason
        """The reason without the hint."""
        self.hint = hint
        self.missing_interpreter = missing_interpreter
        """The engine does not have the Python version that was to be tried."""
        self.cut_off = cut_off
        """How the boot's record had begun and is no whole one; empty for other failures."""


class BadRecord(Exception):
    """What the process wrote is no record: cut off, forged, or too long. ``why`` completes "the boot's record …"."""

    def __init__(self, why: str) -> None:
        super().__init__(why)
        self.why = why

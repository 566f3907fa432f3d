"""Whether the process that loaded the settings told everything that it had begun to tell. Made by ``scanner.boot``."""

from dataclasses import dataclass

from scanner.model import Location


@dataclass(frozen=True)
class BootEnd:
    """The end of the boot's record."""

    cut_off: str = ""
    """How a record that had begun is no whole one, in words; empty for a whole one."""
    settings: Location | None = None
    """The settings module, where it lies in the checkout."""

"""Progress on a terminal: one line that changes, with the seconds so far."""

import time

from rich.console import Console
from rich.status import Status


class Spinner:
    """Progress as a spinner on standard error; each finished step stays as a line with its seconds."""

    def __init__(self) -> None:
        self._console = Console(stderr=True, highlight=False, markup=False)
        self._status: Status | None = None
        self._text = ""
        self._begun = 0.0

    def step(self, text: str) -> None:
        """Show the text until the next step."""
        self.close()
        self._text, self._begun = text, time.monotonic()
        self._status = self._console.status(text)
        self._status.start()

    def close(self) -> None:
        """Stop spinning and leave the last step's line."""
        if self._status is not None:
            self._status.stop()
            self._console.print(f"{self._text} ({time.monotonic() - self._begun:.1f} s)", style="dim")
            self._status = None

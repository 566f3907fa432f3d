"""Why the application did not start, from its output: the last line of the last traceback, and where in the project."""

import re
from collections.abc import Mapping
from typing import Final

from scanner.facts.boot_plan import BootPlan
from scanner.model import clean

_FRAME: Final = re.compile(r'^\s*File "(?P<path>/[^"]+)", line (?P<line>\d+)', re.MULTILINE)
_RAISED: Final = re.compile(
    r"^(?P<error>[A-Za-z_][\w.]*(?:Error|Exception|Exit|Interrupt|Configured|Warning|DoesNotExist)\b.*)$"
)
_LAST_LINES: Final = 20
_MAX: Final = 400
_SHORTEST_SECRET: Final = 8


def app_error(log: str, boot: BootPlan) -> str:
    """One line for the report; values of the environment are replaced by their names."""
    lines = [line.rstrip() for line in log.splitlines()]
    raised = [match["error"] for line in lines if (match := _RAISED.match(line))]
    said = [line.partition("seatrial: ")[2] for line in lines if line.startswith("seatrial: ")]
    place = ""
    for frame in _FRAME.finditer(log):
        inside = boot.in_checkout(frame["path"])
        if inside is not None and "site-packages" not in frame["path"]:
            place = f", {inside}:{frame['line']}"
    if raised:
        text = raised[-1] + place
    elif said:
        text = said[-1]
    else:
        text = next((line for line in reversed(lines) if line.strip()), "it printed nothing")
    return clean(redacted(text, boot.environment))[:_MAX]


def last_lines(log: str, boot: BootPlan) -> str:
    """The end of the output, for the report's notes."""
    return clean(redacted("\n".join(log.splitlines()[-_LAST_LINES:]), boot.environment))


def redacted(text: str, environment: Mapping[str, str]) -> str:
    """The text without values of the environment that are long enough to be secrets."""
    for name, value in sorted(environment.items(), key=lambda item: -len(item[1])):
        if len(value) >= _SHORTEST_SECRET and name != "DJANGO_SETTINGS_MODULE":
            text = text.replace(value, f"<{name}>")
    return text

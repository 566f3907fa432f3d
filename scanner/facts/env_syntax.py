"""Files of ``KEY=value`` lines, as dotenv, Docker and systemd read them: quotes, comments, ``export``."""

import re
from dataclasses import dataclass

_KEY = re.compile(r"[ \t]*(?:export[ \t]+)?([A-Za-z_][\w.\-]*)[ \t]*=[ \t]*")
_MAX_LINES_OF_A_VALUE = 200


@dataclass(frozen=True)
class Assignment:
    """One ``KEY=value``; lines and columns from 1."""

    key: str
    value: str
    line: int
    column: int
    end_line: int


def _quoted(lines: list[str], number: int, rest: str) -> tuple[str, int] | None:
    """The text between quotes, which may span lines, and the last line's index; None where no quote closes it."""
    quote = rest[0]
    parts: list[str] = []
    piece = rest[1:]
    last = min(len(lines), number + _MAX_LINES_OF_A_VALUE)
    while True:
        escaped = False
        for position, character in enumerate(piece):
            if escaped:
                escaped = False
            elif character == "\\" and quote == '"':
                escaped = True
            elif character == quote:
                parts.append(piece[:position])
                return "\n".join(parts), number
        parts.append(piece)
        number += 1
        if number >= last:
            return None
        piece = lines[number]


def parse_assignments(text: str) -> tuple[Assignment, ...]:
    """Every assignment, in order. Other lines are left out: the format has no errors."""
    lines = text.split("\n")
    found: list[Assignment] = []
    number = 0
    while number < len(lines):
        line = lines[number]
        match = _KEY.match(line)
        if match:
            start = number
            rest = line[match.end() :]
            value = re.split(r"(?:\A|[ \t])#", rest, maxsplit=1)[0].strip()
            if rest[:1] in {"'", '"'}:
                closed = _quoted(lines, number, rest)
                if closed:
                    value, number = closed
            found.append(Assignment(match.group(1), value, start + 1, match.start(1) + 1, number + 1))
        number += 1
    return tuple(found)

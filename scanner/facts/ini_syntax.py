"""Files of sections and ``key = value`` lines, with places: systemd units, supervisor and uWSGI configurations."""

import re
from collections.abc import Sequence
from dataclasses import dataclass

from scanner.model import Location

_MAX_PLACED = 1000
_SECTION = re.compile(r"[ \t]*\[([^\]\n]+)\][ \t]*(?:[#;].*)?")
_KEY = re.compile(r"[ \t]*([A-Za-z_][\w.\-]*)[ \t]*=[ \t]*")
_SUPERVISOR_KEY = re.compile(r"[ \t]*([A-Za-z_][\w.\-]*)[ \t]*[=:][ \t]*")


@dataclass(frozen=True)
class Piece:
    """A stretch of one line; line and column from 1."""

    text: str
    line: int
    column: int


@dataclass(frozen=True)
class Setting:
    """One ``key = value``, continuation lines joined by a space."""

    section: str
    key: str
    value: str
    pieces: tuple[Piece, ...]
    """Where the value is written."""
    path: str
    line: int
    column: int
    end_line: int

    @property
    def location(self) -> Location:
        """The key's place."""
        return Location(self.path, self.line, self.column, self.end_line if self.end_line != self.line else None)

    def places(self, words: Sequence[str]) -> tuple[Location, ...]:
        """The place of each word of the value, as far as it is written so; else the value's first place."""
        return place_words(self.path, self.pieces, words) or tuple(self.location for _ in words)


@dataclass(frozen=True)
class Ini:
    """A parsed file."""

    settings: tuple[Setting, ...]
    sections: tuple[tuple[str, int], ...]
    """Name and line, in order."""
    notes: tuple[str, ...] = ()
    """Lines that are neither a section, a setting nor a comment."""


def place_words(path: str, pieces: Sequence[Piece], words: Sequence[str]) -> tuple[Location, ...]:
    """Where each word is written, looked for one after the other; one that is written otherwise gets the last place."""
    if not pieces:
        return ()
    found: list[Location] = []
    index, cursor = 0, 0
    last = Location(path, pieces[0].line, pieces[0].column)
    for number, word in enumerate(words):
        if number >= _MAX_PLACED:
            found.append(last)
            continue
        probe, start = index, cursor
        while probe < len(pieces):
            at = pieces[probe].text.find(word, start) if word else -1
            if at >= 0:
                last = Location(path, pieces[probe].line, pieces[probe].column + at)
                index, cursor = probe, at + len(word)
                break
            probe, start = probe + 1, 0
        found.append(last)
    return tuple(found)


def _continued(lines: list[str], number: int, first: Piece) -> tuple[tuple[Piece, ...], int]:
    """The pieces of a value that goes on while lines end with a backslash; comment lines between are skipped."""
    pieces: list[Piece] = []
    piece = first
    while True:
        goes_on = piece.text.endswith("\\")
        text = piece.text[:-1] if goes_on else piece.text
        pieces.append(Piece(text.rstrip(), piece.line, piece.column))
        if not goes_on:
            break
        number += 1
        while number < len(lines) and lines[number].lstrip()[:1] in {"#", ";"}:
            number += 1
        if number >= len(lines):
            number = len(lines) - 1
            break
        stripped = lines[number].lstrip()
        piece = Piece(stripped, number + 1, len(lines[number]) - len(stripped) + 1)
    return tuple(pieces), number


def parse_unit(path: str, text: str) -> Ini:
    """A systemd unit (systemd.syntax(7)): comments begin a line, a backslash at its end continues it."""
    lines = text.split("\n")
    settings: list[Setting] = []
    sections: list[tuple[str, int]] = []
    notes: list[str] = []
    section = ""
    number = -1
    while number + 1 < len(lines):
        number += 1
        line = lines[number]
        if not line.strip() or line.lstrip()[0] in "#;":
            continue
        head = _SECTION.fullmatch(line)
        if head:
            section = head.group(1).strip()
            sections.append((section, number + 1))
            continue
        match = _KEY.match(line)
        if not match:
            notes.append(f"{path}:{number + 1} is no setting")
            continue
        start = number
        pieces, number = _continued(lines, number, Piece(line[match.end() :], start + 1, match.end() + 1))
        value = " ".join(piece.text for piece in pieces if piece.text).strip()
        settings.append(
            Setting(section, match.group(1), value, pieces, path, start + 1, match.start(1) + 1, number + 1)
        )
    return Ini(tuple(settings), tuple(sections), tuple(notes))


def parse_indented(path: str, text: str) -> Ini:
    """A supervisor or uWSGI configuration: indented lines go on; ``;`` after a blank and ``#`` lines are comments."""
    lines = text.split("\n")
    settings: list[Setting] = []
    sections: list[tuple[str, int]] = []
    section = ""
    current: tuple[str, int, int] | None = None
    pieces: list[Piece] = []

    def close() -> None:
        if current is not None:
            value = " ".join(piece.text for piece in pieces if piece.text).strip()
            end = pieces[-1].line if pieces else current[1]
            settings.append(Setting(section, current[0], value, tuple(pieces), path, current[1], current[2], end))

    for number, line in enumerate(lines, 1):
        stripped = line.strip()
        if not stripped or stripped[0] in "#;":
            continue
        head = _SECTION.fullmatch(line)
        if head:
            close()
            current, pieces = None, []
            section = head.group(1).strip()
            sections.append((section, number))
            continue
        if line[0] in " \t" and current is not None:
            pieces.append(Piece(_uncommented(stripped), number, len(line) - len(line.lstrip()) + 1))
            continue
        match = _SUPERVISOR_KEY.match(line)
        if match:
            close()
            current = (match.group(1), number, match.start(1) + 1)
            pieces = [Piece(_uncommented(line[match.end() :]).rstrip(), number, match.end() + 1)]
    close()
    return Ini(tuple(settings), tuple(sections))


def _uncommented(text: str) -> str:
    return re.split(r"(?:\A|[ \t]);", text, maxsplit=1)[0]

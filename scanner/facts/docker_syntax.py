"""Dockerfiles as lists of instructions with places (docs.docker.com/reference/dockerfile)."""

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass

from scanner.facts.ini_syntax import Piece
from scanner.model import Location
from scanner.project.scope import words

MAX_DOCKERFILE = 512 * 1024
_MAX_FLAGS = 16
_KEYWORDS = words(
    "FROM RUN CMD LABEL MAINTAINER EXPOSE ENV ADD COPY ENTRYPOINT VOLUME USER WORKDIR ARG ONBUILD STOPSIGNAL",
    "HEALTHCHECK SHELL",
)
_LINE = re.compile(r"([ \t]*)([A-Za-z_]+)(?:[ \t]+|$)")
_HEREDOC = re.compile(r"<<(-?)(['\"]?)([A-Za-z_][\w.]*)\2(?=\s|$)")
_ESCAPE = re.compile(r"#\s*escape\s*=\s*([\\`])\s*$", re.IGNORECASE)
_VARIABLE = re.compile(r"\\\$|\$(?:(\w+)|\{(\w+)(?:(:[-+?])([^{}]*))?\})")


@dataclass(frozen=True)
class Instruction:
    """One instruction, continuation lines joined."""

    keyword: str
    """Upper case."""
    arguments: str
    location: Location
    pieces: tuple[Piece, ...] = ()
    """Where the arguments are written."""
    documents: tuple[str, ...] = ()
    """Bodies of its here-documents."""


@dataclass(frozen=True)
class Parsed:
    """The instructions, and what no builder would take."""

    instructions: tuple[Instruction, ...]
    errors: tuple[tuple[str, Location], ...]


class _Reader:
    def __init__(self, path: str, text: str) -> None:
        self.path = path
        self.lines = text.split("\n")
        self.number = 0
        self.escape = "\\"
        self.instructions: list[Instruction] = []
        self.errors: list[tuple[str, Location]] = []

    def run(self) -> Parsed:
        self._directives()
        while self.number < len(self.lines):
            line = self.lines[self.number]
            if not line.strip() or line.lstrip().startswith("#"):
                self.number += 1
                continue
            self._instruction(line)
        return Parsed(tuple(self.instructions), tuple(self.errors))

    def _directives(self) -> None:
        for line in self.lines:
            if not line.startswith("#") or "=" not in line:
                return
            match = _ESCAPE.match(line)
            if match:
                self.escape = match.group(1)

    def _instruction(self, line: str) -> None:
        start = self.number
        match = _LINE.match(line)
        keyword = match.group(2).upper() if match else ""
        column = len(match.group(1)) + 1 if match else 1
        after = match.end() if match else 0
        pieces = self._pieces(line[after:], after + 1)
        arguments = " ".join(piece.text for piece in pieces if piece.text)
        documents: tuple[str, ...] = ()
        place = Location(self.path, start + 1, column)
        if keyword in {"RUN", "COPY", "ADD"}:
            documents = self._documents(arguments, place)
        end = self.number
        place = Location(self.path, start + 1, column, end if end > start + 1 else None)
        if keyword not in _KEYWORDS:
            if "{{" not in line and "{%" not in line:
                self.errors.append((f"unknown instruction {(keyword or line.strip())[:40]}", place))
            return
        self.instructions.append(Instruction(keyword, arguments, place, tuple(pieces), documents))

    def _pieces(self, first: str, column: int) -> list[Piece]:
        pieces: list[Piece] = []
        text, at = first, column
        while True:
            stripped = text.rstrip()
            goes_on = stripped.endswith(self.escape)
            pieces.append(Piece((stripped[:-1] if goes_on else stripped).rstrip(), self.number + 1, at))
            self.number += 1
            if not goes_on:
                return pieces
            while self.number < len(self.lines) and (
                not self.lines[self.number].strip() or self.lines[self.number].lstrip().startswith("#")
            ):
                self.number += 1
            if self.number >= len(self.lines):
                return pieces
            raw = self.lines[self.number]
            text = raw.lstrip()
            at = len(raw) - len(text) + 1

    def _documents(self, arguments: str, place: Location) -> tuple[str, ...]:
        found: list[str] = []
        for match in _HEREDOC.finditer(arguments):
            start = self.number
            while self.number < len(self.lines):
                line = self.lines[self.number]
                self.number += 1
                if (line.lstrip("\t") if match.group(1) else line) == match.group(3):
                    found.append("\n".join(self.lines[start : self.number - 1]))
                    break
            else:
                self.errors.append((f"here-document {match.group(3)[:40]} is not closed", place))
        return tuple(found)


def parse_dockerfile(path: str, text: str) -> Parsed:
    """The instructions of a Dockerfile. What no builder would take is an error with its place, and is left out."""
    return _Reader(path, text[:MAX_DOCKERFILE]).run()


def substitute(text: str, variables: Mapping[str, str]) -> str | None:
    """The text with ``$NAME``, ``${NAME}``, ``${NAME:-default}`` replaced; None where a name has no value."""
    missing = False

    def value(match: re.Match[str]) -> str:
        nonlocal missing
        if match.group() == r"\$":
            return "$"
        name = match.group(1) or match.group(2)
        known = variables.get(name)
        if match.group(3) == ":-":
            return known or match.group(4)
        if match.group(3) == ":+":
            return match.group(4) if known else ""
        if known is None:
            missing = True
            return ""
        return known

    replaced = _VARIABLE.sub(value, text)
    return None if missing else replaced


def command_words(arguments: str) -> tuple[str, ...]:
    """CMD's or ENTRYPOINT's words: the JSON form as it is, the shell form as ``("sh", "-c", text)``."""
    text = arguments.strip()
    if text.startswith("["):
        try:
            listed = json.loads(text)
        except (ValueError, RecursionError):
            listed = None
        if isinstance(listed, list) and all(isinstance(word, str) for word in listed):
            return tuple(listed)
    return ("sh", "-c", text) if text else ()


def split_flags(arguments: str) -> tuple[dict[str, str], str]:
    """An instruction's ``--flag=value`` words, and the rest."""
    flags: dict[str, str] = {}
    rest = arguments.strip()
    for _ in range(_MAX_FLAGS):
        match = re.match(r"--([\w-]+)(?:=(\S*))?\s+", rest)
        if match is None:
            break
        flags[match.group(1)] = match.group(2) or ""
        rest = rest[match.end() :]
    return flags, rest


def key_values(arguments: str) -> tuple[tuple[str, str], ...]:
    """The pairs of ENV, ARG and LABEL; the old form ``ENV KEY some text`` too."""
    text = arguments.strip()
    found = [
        (match.group(1), _unquoted(match.group(2)))
        for match in re.finditer(
            r"(?<![\w.-])([A-Za-z_][\w.-]*)=((?:\"(?:\\.|[^\"\\])*\"|'[^']*'|\\.|[^\s\"'\\])*)", text
        )
    ]
    head = re.match(r"([A-Za-z_]\w*)\s+(\S.*)", text, re.DOTALL)
    if head and "=" not in text.split()[0]:
        return ((head.group(1), _unquoted(head.group(2).strip())),)
    return tuple(found)


def _unquoted(text: str) -> str:
    if len(text) > 1 and text[0] == text[-1] and text[0] in "\"'":
        return text[1:-1]
    return re.sub(r"\\(.)", r"\1", text).replace('"', "")

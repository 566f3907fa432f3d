"""What a regular expression of the configuration captures: of which text, and which characters it lets through."""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Final

from scanner.nginx.blocks import IfBlock, LocationBlock, Server, is_redirect
from scanner.nginx.levels import Level
from scanner.nginx.tree import Directive
from scanner.nginx.values import MapBlock, names_in

_LONGEST: Final = 2000
_NAMED: Final = re.compile(r"\(\?(?:P?<(?P<angle>[A-Za-z_]\w*)>|'(?P<quoted>[A-Za-z_]\w*)')")
_QUANTIFIER: Final = re.compile(r"[*+?]|\{\d*,?\d*\}")
_POSIX: Final = {
    "alnum": "a-zA-Z0-9", "alpha": "a-zA-Z", "digit": "0-9", "xdigit": "0-9a-fA-F", "lower": "a-z", "upper": "A-Z",
    "word": r"\w", "space": r"\s", "blank": r" \t", "cntrl": r"\x00-\x1f\x7f", "print": r" -~", "graph": r"!-~",
    "punct": r"!-/:-@\[-`{-~",
}  # fmt: skip
_ABSENT: Final = ("(?=", "(?!", "(?<=", "(?<!")


@dataclass(frozen=True)
class Capture:
    """One group of an expression, as a variable holds it."""

    name: str
    """``1`` or ``path``, without ``$``."""
    group: str
    """The text of the group: ``[^/]+``."""
    subject: str
    """What is matched: ``$uri`` for a location, what ``if`` or ``map`` compare, ``$host`` for a server's name."""
    by: Directive | None
    """The directive that holds the expression."""

    def admits(self, character: str) -> bool:
        """Whether what it captures can hold that character; True where the expression cannot be read."""
        return admits(self.group, character)

    @property
    def fixed(self) -> bool:
        """Whether it is one of a few constant texts: ``(a|b)``."""
        return not any(kind != "literal" for kind, _ in _atoms(self.group)) and not _QUANTIFIER.search(self.group)


def admits(pattern: str, character: str) -> bool:
    """Whether a text that an expression matches can hold that character, among what it consumes.

    A dot matches everything but a line feed, as PCRE has it without ``(?s)``.
    """
    if len(pattern) > _LONGEST:
        return True
    single = "(?s" in pattern
    return any(_matches(kind, text, character, single=single) for kind, text in _atoms(pattern))


def anchored(pattern: str) -> bool:
    """Whether an expression has to match the whole of its subject."""
    return pattern.startswith("^") and pattern.endswith("$") and not pattern.endswith("\\$") and "|" not in pattern


def _matches(kind: str, text: str, character: str, *, single: bool) -> bool:
    if kind == "any":
        return single or character != "\n"
    if kind == "literal":
        return text == character
    try:
        return re.fullmatch(text, character, re.ASCII) is not None
    except re.error:
        return True


@lru_cache(maxsize=2048)
def _atoms(pattern: str) -> tuple[tuple[str, str], ...]:
    """The parts of an expression that consume a character: a kind (``any``, ``literal``, ``class``) and its text."""
    found: list[tuple[str, str]] = []
    position = 0
    while position < len(pattern):
        sign = pattern[position]
        if sign == "\\":
            text = pattern[position : position + 2]
            found.extend(_escape(text))
            position += 2
        elif sign == "[":
            end = _class_end(pattern, position)
            found.append(("class", _for_python(pattern[position:end])))
            position = end
        elif sign == "(":
            start = pattern[position:]
            named = _NAMED.match(start)
            if start.startswith(_ABSENT):
                position = _group_end(pattern, position)
            elif named is not None:
                position += named.end()
            elif start.startswith("(?"):
                position += len(start) - len(start.lstrip("(?imsxPU:-^>|"))
            else:
                position += 1
        else:
            quantifier = _QUANTIFIER.match(pattern, position)
            if quantifier is None and sign not in ")|^$":
                found.append(("any", ".") if sign == "." else ("literal", sign))
            position = quantifier.end() if quantifier else position + 1
    return tuple(found)


def _escape(text: str) -> Iterator[tuple[str, str]]:
    sign = text[1:]
    if sign in {"s", "S", "w", "W", "d", "D", "n", "r", "t", "f", "v"}:
        yield "class", text
    elif sign in {"R", "X", "C", "N", "h", "H", "V", "p", "P", "x", "u"}:
        yield ("class", r"[\s\S]") if sign in {"R", "X", "C", "H"} else ("class", r"[^\n]")
    elif sign not in {"b", "B", "A", "z", "Z", "G", "K", ""}:
        yield "literal", sign


def _class_end(pattern: str, start: int) -> int:
    """The position behind a character class."""
    position = start + 1
    if pattern[position : position + 1] == "^":
        position += 1
    if pattern[position : position + 1] == "]":
        position += 1
    while position < len(pattern):
        if pattern[position] == "\\":
            position += 2
        elif pattern.startswith("[:", position):
            end = pattern.find(":]", position)
            position = end + 2 if end > 0 else position + 1
        elif pattern[position] == "]":
            return position + 1
        else:
            position += 1
    return len(pattern)


def _for_python(text: str) -> str:
    for name, inside in _POSIX.items():
        text = text.replace(f"[:{name}:]", inside)
    return text


def _group_end(pattern: str, start: int) -> int:
    """The position behind a group."""
    depth, position = 0, start
    while position < len(pattern):
        sign = pattern[position]
        if sign == "\\":
            position += 1
        elif sign == "[":
            position = _class_end(pattern, position) - 1
        elif sign == "(":
            depth += 1
        elif sign == ")":
            depth -= 1
            if depth == 0:
                return position + 1
        position += 1
    return len(pattern)


@lru_cache(maxsize=2048)
def groups(pattern: str) -> tuple[tuple[str, str], ...]:
    """The capturing groups of an expression: each under its number, and a named one under its name, too."""
    found: list[tuple[str, str]] = []
    number, position = 0, 0
    while position < len(pattern):
        sign = pattern[position]
        if sign == "\\":
            position += 2
        elif sign == "[":
            position = _class_end(pattern, position)
        elif sign == "(":
            named = _NAMED.match(pattern, position)
            if named is not None or not pattern.startswith("(?", position):
                number += 1
                start = named.end() if named is not None else position + 1
                text = pattern[start : max(start, _group_end(pattern, position) - 1)]
                found.append((str(number), text))
                if named is not None:
                    found.append((named["angle"] or named["quoted"], text))
            position = named.end() if named is not None else position + 1
        else:
            position += 1
    return tuple(found)


@dataclass(frozen=True)
class Leaf:
    """A variable of nginx's own, of the client, or of an expression, that flows into a text."""

    name: str
    """Without ``$``."""
    level: Level
    """Where it is used."""
    capture: Capture | None
    """What it holds where an expression fills it."""


def leaves(text: str, level: Level, maps: Mapping[str, MapBlock], depth: int = 6) -> tuple[Leaf, ...]:
    """The variables whose contents can flow into a text, ``set`` and ``map`` followed to where they take them from."""
    return tuple(_leaves(text, level, maps, depth))


def _leaves(text: str, level: Level, maps: Mapping[str, MapBlock], depth: int) -> Iterator[Leaf]:
    for name in names_in(text):
        values = tuple(_set(name, level)) if depth > 0 else ()
        if values:
            for value, where in values:
                # A variable that is set from itself keeps what it held before.
                yield from _leaves(value, where, maps, depth - 1) if name not in names_in(value) else ()
        elif depth > 0 and name in maps:
            yield from _chosen(maps[name], level, maps, depth - 1)
        else:
            yield Leaf(name, level, capture_of(name, level))


def _set(name: str, level: Level) -> Iterator[tuple[str, Level]]:
    """What ``set`` gives a variable on a level and around it, and on which level that is."""
    if name not in level.assignments:
        return
    for outer in level.outward:
        inner = outer.ifs if isinstance(outer, Server | LocationBlock) else ()
        for where in (outer, *inner):
            for item in where.own("set"):
                if item.arg(0).removeprefix("$") == name:
                    yield item.arg(1), where


def _chosen(block: MapBlock, level: Level, maps: Mapping[str, MapBlock], depth: int) -> Iterator[Leaf]:
    """What flows into the results of a ``map``; its own expressions fill the captures there."""
    for key, value in (*block.entries, ("", block.default)):
        own = dict(groups(key.lstrip("~*"))) if key.startswith("~") else {}
        for name in names_in(value):
            if name in own:
                yield Leaf(name, level, Capture(name, own[name], block.source, None))
            else:
                yield from _leaves(f"${name}", level, maps, depth)


def capture_of(name: str, level: Level) -> Capture | None:
    """What a variable captured on a level, ``$1`` and ``$name`` alike; None where no expression there fills it.

    A number stands for the expression that was tried last: a ``rewrite`` of the level, the ``if``'s own, the
    location's, one of the server's.
    """
    for pattern, subject, by in _expressions(level):
        for key, group in groups(pattern):
            if key == name:
                return Capture(name, group, subject, by)
    return None


def _expressions(level: Level) -> Iterator[tuple[str, str, Directive | None]]:
    """The expressions that were tried before something is used on a level, the last one first."""
    for outer in level.outward:
        for item in reversed(outer.own("rewrite")):
            if item.args and not is_redirect(item):
                yield item.arg(0), "$uri", item
        match outer:
            case IfBlock():
                condition = outer.condition
                if len(condition) == 3 and condition[1] in {"~", "~*"}:
                    yield condition[2], condition[0], outer.opener
            case LocationBlock() if outer.is_regex:
                yield outer.pattern, "$uri", outer.opener
            case Server():
                for one in outer.names:
                    if one.text.startswith("~"):
                        yield one.text[1:], "$host", None
            case _:
                pass

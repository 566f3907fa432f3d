"""Values of a JSON document that nobody vouches for: asked for by key and type, or refused with the place."""

import enum
import json
import math
from collections.abc import Iterator
from typing import NoReturn, TypeVar

from scanner.model import SeatrialError, clean

E = TypeVar("E", bound=enum.StrEnum)

MAX_ITEMS = 10_000
"""Longest list that is read."""
MAX_TEXT = 4096
"""Longest text that is kept, in code points."""
MAX_NUMBER = 2**53


def refusal(place: str, problem: str) -> SeatrialError:
    """The error for a document that is not what it should be."""
    return SeatrialError(
        f"this is not a result of Seatrial: {place} {problem}",
        "give the file that `seatrial scan --json FILE` wrote, unchanged",
    )


def parsed(text: str, limit: int) -> "Node":
    """The document, which must be one JSON object of at most ``limit`` bytes. Raises SeatrialError."""
    if len(text) > limit or len(text.encode("utf-8", "replace")) > limit:
        raise refusal("the file", f"is larger than {limit} bytes")
    try:
        value: object = json.loads(text, parse_constant=_no_constant)
    except RecursionError:
        raise refusal("the file", "is nested too deeply") from None
    except ValueError as error:
        raise refusal("the file", f"is not JSON ({clean(str(error))[:200]})") from None
    return Node(value, "the document")


def _no_constant(name: str) -> NoReturn:
    msg = f"{name} is no JSON number"
    raise ValueError(msg)


class Node:
    """A JSON object; each method answers for one key, and refuses what is missing or of another type."""

    def __init__(self, value: object, place: str) -> None:
        if not isinstance(value, dict):
            raise refusal(place, "is not an object")
        self._values: dict[str, object] = value
        self._place = place

    def _at(self, key: str) -> str:
        return f"{self._place}.{key}"

    def _get(self, key: str) -> object:
        if key not in self._values:
            raise refusal(self._at(key), "is missing")
        return self._values[key]

    def text(self, key: str) -> str:
        """The text, cleaned, and cut to 4,096 code points."""
        value = self._get(key)
        if not isinstance(value, str):
            raise refusal(self._at(key), "is not a text")
        return _cut(value)

    def text_or_none(self, key: str) -> str | None:
        """The text, or None for null."""
        return None if self._get(key) is None else self.text(key)

    def number(self, key: str) -> int:
        """A whole number from 0 on."""
        value = self._get(key)
        if not isinstance(value, int) or isinstance(value, bool) or not 0 <= value <= MAX_NUMBER:
            raise refusal(self._at(key), "is not a whole number")
        return value

    def number_or_none(self, key: str) -> int | None:
        """A whole number, or None for null."""
        return None if self._get(key) is None else self.number(key)

    def seconds(self, key: str) -> float:
        """A finite number from 0 on."""
        value = self._get(key)
        if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value <= MAX_NUMBER:
            raise refusal(self._at(key), "is not a number")
        return float(value) if math.isfinite(value) else 0.0

    def flag(self, key: str) -> bool:
        """True or false."""
        value = self._get(key)
        if not isinstance(value, bool):
            raise refusal(self._at(key), "is neither true nor false")
        return value

    def one_of(self, key: str, kind: type[E]) -> E:
        """The member of the enumeration with that value."""
        value = self.text(key)
        for member in kind:
            if member.value == value:
                return member
        raise refusal(self._at(key), f"is none of {', '.join(member.value for member in kind)}")

    def node(self, key: str) -> "Node":
        """The object under that key."""
        return Node(self._get(key), self._at(key))

    def node_or_none(self, key: str) -> "Node | None":
        """The object under that key, or None for null."""
        return None if self._get(key) is None else self.node(key)

    def nodes(self, key: str) -> "Iterator[Node]":
        """The objects of a list of at most 10,000."""
        for index, value in enumerate(self._list(key)):
            yield Node(value, f"{self._at(key)}[{index}]")

    def texts(self, key: str) -> Iterator[str]:
        """The texts of a list of at most 10,000."""
        for index, value in enumerate(self._list(key)):
            if not isinstance(value, str):
                raise refusal(f"{self._at(key)}[{index}]", "is not a text")
            yield _cut(value)

    def _list(self, key: str) -> list[object]:
        value = self._get(key)
        if not isinstance(value, list):
            raise refusal(self._at(key), "is not a list")
        if len(value) > MAX_ITEMS:
            raise refusal(self._at(key), f"has more than {MAX_ITEMS} entries")
        return value


def _cut(text: str) -> str:
    safe = clean(text)
    return safe if len(safe) <= MAX_TEXT else safe[: MAX_TEXT - 1] + "…"

"""Strict reading of parsed JSON: the right type at the right place, or BadRecord."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from scanner.boot.failed import BadRecord
from scanner.facts.settings import Json
from scanner.model import clean

_LONGEST = 8192
_DEEPEST = 12


@dataclass(frozen=True)
class Object:
    """One JSON object. Every reader raises BadRecord where the value is missing or of another type."""

    values: Mapping[str, object]
    where: str

    @classmethod
    def of(cls, value: object, where: str) -> "Object":
        """The value as an object."""
        if not isinstance(value, dict):
            raise BadRecord(f"has no object at {where}")
        return cls({str(key): item for key, item in value.items()}, where)

    def _get(self, name: str) -> object:
        if name not in self.values:
            raise BadRecord(f"lacks {self.where}.{name}")
        return self.values[name]

    def text(self, name: str, longest: int = _LONGEST) -> str:
        """A text, made safe to show."""
        value = self._get(name)
        if not isinstance(value, str) or len(value) > longest:
            raise BadRecord(f"has no text at {self.where}.{name}")
        return clean(value)

    def number(self, name: str) -> int:
        """An integer of at most 63 bits."""
        value = self._get(name)
        if not isinstance(value, int) or isinstance(value, bool) or abs(value) >= 1 << 63:
            raise BadRecord(f"has no number at {self.where}.{name}")
        return value

    def flag(self, name: str) -> bool:
        """A boolean."""
        value = self._get(name)
        if not isinstance(value, bool):
            raise BadRecord(f"has no boolean at {self.where}.{name}")
        return value

    def optional_text(self, name: str) -> str | None:
        """A text or null."""
        return None if self._get(name) is None else self.text(name)

    def optional_flag(self, name: str) -> bool | None:
        """A boolean or null."""
        return None if self._get(name) is None else self.flag(name)

    def optional_number(self, name: str) -> int | None:
        """An integer or null."""
        return None if self._get(name) is None else self.number(name)

    def optional_texts(self, name: str) -> tuple[str, ...] | None:
        """A list of texts or null."""
        return None if self._get(name) is None else self.texts(name)

    def optional_object(self, name: str) -> "Object | None":
        """An object or null."""
        value = self._get(name)
        return None if value is None else Object.of(value, f"{self.where}.{name}")

    def number_map(self, name: str) -> Mapping[str, int]:
        """An object of integers, by key."""
        inner = Object.of(self._get(name), f"{self.where}.{name}")
        return {clean(key[:_LONGEST]): inner.number(key) for key in inner.values}

    def texts(self, name: str) -> tuple[str, ...]:
        """A list of texts."""
        items = self._list(name)
        if not all(isinstance(item, str) and len(item) <= _LONGEST for item in items):
            raise BadRecord(f"has no texts at {self.where}.{name}")
        return tuple(clean(str(item)) for item in items)

    def objects(self, name: str) -> Iterator["Object"]:
        """A list of objects."""
        for at, item in enumerate(self._list(name)):
            yield Object.of(item, f"{self.where}.{name}[{at}]")

    def items(self, name: str) -> Iterator[tuple[str, "Object"]]:
        """An object of objects, by key."""
        for key, item in Object.of(self._get(name), f"{self.where}.{name}").values.items():
            yield clean(key[:_LONGEST]), Object.of(item, f"{self.where}.{name}.…")

    def text_map(self, name: str) -> Mapping[str, str]:
        """An object of texts, by key."""
        inner = Object.of(self._get(name), f"{self.where}.{name}")
        return {clean(key[:_LONGEST]): inner.text(key) for key in inner.values}

    def json(self, name: str) -> Json:
        """Any value."""
        return _plain(self._get(name), f"{self.where}.{name}", 0)

    def _list(self, name: str) -> list[object]:
        value = self._get(name)
        if not isinstance(value, list):
            raise BadRecord(f"has no list at {self.where}.{name}")
        return value


def _plain(value: object, where: str, depth: int) -> Json:
    if depth > _DEEPEST:
        raise BadRecord(f"is nested too deeply at {where}")
    if value is None or isinstance(value, bool | int | float):
        return value
    if isinstance(value, str):
        return clean(value[:_LONGEST])
    if isinstance(value, list):
        return [_plain(item, where, depth + 1) for item in value]
    if isinstance(value, dict):
        return {clean(str(key)[:_LONGEST]): _plain(item, where, depth + 1) for key, item in value.items()}
    raise BadRecord(f"has no JSON value at {where}")

"""YAML as a tree with places, built from the parser's events so that nothing hostile grows: no recursion, no expansion.

Scalars keep their text: what they mean is the reader's business (``22:22`` is no number here).
"""

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import TypeAlias

import yaml

from scanner.model import Location

MAX_YAML = 1024 * 1024
_MAX_DEPTH = 60
_MAX_WEIGHT = 100_000
"""Nodes of the tree, an aliased subtree counted each time."""
_NULLS = frozenset({"", "~", "null", "Null", "NULL"})
_TRUE = frozenset({"true", "yes", "on", "y"})


class YamlProblem(Exception):
    """The text is no YAML, or too much of it; ``location`` is where."""

    def __init__(self, why: str, location: Location) -> None:
        super().__init__(why)
        self.why = why
        self.location = location


@dataclass(frozen=True)
class Scalar:
    """A text."""

    text: str
    location: Location
    plain: bool = True
    """Written without quotes."""
    tag: str | None = None
    weight: int = 1

    @property
    def is_null(self) -> bool:
        """It stands for nothing."""
        return self.plain and self.text in _NULLS

    @property
    def is_true(self) -> bool:
        """It is a YAML truth."""
        return self.text.casefold() in _TRUE


@dataclass(frozen=True)
class Items:
    """A list."""

    items: tuple["Node", ...]
    location: Location
    tag: str | None = None
    weight: int = 1


@dataclass(frozen=True)
class Mapping:
    """Pairs in the order written; of two with one key the later counts."""

    pairs: tuple[tuple[Scalar, "Node"], ...]
    location: Location
    tag: str | None = None
    weight: int = 1

    def get(self, key: str) -> "Node | None":
        """The value under a key; None where there is none."""
        return next((value for name, value in reversed(self.pairs) if name.text == key), None)

    def key(self, key: str) -> Scalar | None:
        """The key itself, for its place."""
        return next((name for name, _ in reversed(self.pairs) if name.text == key), None)

    def __iter__(self) -> Iterator[tuple[Scalar, "Node"]]:
        """The pairs, the last of each key."""
        last = {name.text: (name, value) for name, value in self.pairs}
        return iter(last.values())


Node: TypeAlias = Scalar | Items | Mapping


@dataclass
class _Open:
    """A collection whose end has not come yet."""

    is_mapping: bool
    location: Location
    anchor: str | None
    tag: str | None
    children: list[Node] = field(default_factory=list)

    def close(self) -> Node:
        weight = 1 + sum(child.weight for child in self.children)
        if not self.is_mapping:
            return Items(tuple(self.children), self.location, self.tag, weight)
        pairs: list[tuple[Scalar, Node]] = []
        merged: list[tuple[Scalar, Node]] = []
        for key, value in zip(self.children[::2], self.children[1::2], strict=False):
            if not isinstance(key, Scalar):
                continue
            if key.text == "<<" and key.plain:
                sources = value.items if isinstance(value, Items) else (value,)
                # Of several sources the first wins, and what is written here wins over all of them.
                for source in reversed(sources):
                    merged.extend(source.pairs if isinstance(source, Mapping) else ())
            else:
                pairs.append((key, value))
        return Mapping((*merged, *pairs), self.location, self.tag, weight)


class _Builder:
    def __init__(self, path: str) -> None:
        self.path = path
        self.stack: list[_Open] = []
        self.anchors: dict[str, Node] = {}
        self.root: Node | None = None

    def place(self, event: yaml.Event) -> Location:
        mark = event.start_mark
        return Location(self.path, mark.line + 1, mark.column + 1) if mark else Location(self.path)

    def add(self, node: Node, anchor: str | None, place: Location) -> None:
        if anchor is not None:
            self.anchors[anchor] = node
        if self.stack:
            self.stack[-1].children.append(node)
            if sum(child.weight for child in self.stack[-1].children[-2:]) > _MAX_WEIGHT:
                raise YamlProblem("its aliases expand to too many values", place)
        elif self.root is None:
            self.root = node

    def feed(self, event: yaml.Event) -> bool:
        """Take one event; False when the first document has ended."""
        place = self.place(event)
        match event:
            case yaml.ScalarEvent():
                tag = event.tag if event.tag and event.tag.startswith("!") else None
                plain = event.style is None or event.style == ""
                self.add(Scalar(event.value, place, plain, tag), event.anchor, place)
            case yaml.AliasEvent():
                known = self.anchors.get(event.anchor or "")
                if known is None:
                    raise YamlProblem(f"alias *{(event.anchor or '')[:40]} refers to nothing that is complete", place)
                self.add(known, None, place)
            case yaml.SequenceStartEvent() | yaml.MappingStartEvent():
                if len(self.stack) >= _MAX_DEPTH:
                    raise YamlProblem("it is nested too deeply", place)
                is_mapping = isinstance(event, yaml.MappingStartEvent)
                self.stack.append(_Open(is_mapping, place, event.anchor, event.tag))
            case yaml.SequenceEndEvent() | yaml.MappingEndEvent():
                opened = self.stack.pop()
                node = opened.close()
                if node.weight > _MAX_WEIGHT:
                    raise YamlProblem("it holds too many values", place)
                self.add(node, opened.anchor, place)
            case yaml.DocumentEndEvent():
                return False
            case _:
                pass
        return True


def parse_yaml(path: str, text: str) -> Node | None:
    """The first document's tree; None for an empty one. Raises YamlProblem."""
    if len(text) > MAX_YAML:
        raise YamlProblem(f"it is larger than {MAX_YAML // 1024} KiB", Location(path))
    builder = _Builder(path)
    try:
        for event in yaml.parse(text, Loader=_LOADER):
            if not builder.feed(event):
                break
    except yaml.MarkedYAMLError as problem:
        mark = problem.problem_mark
        place = Location(path, mark.line + 1, mark.column + 1) if mark else Location(path)
        raise YamlProblem(f"it is no YAML: {problem.problem or problem.context}", place) from problem
    except (yaml.YAMLError, ValueError) as problem:
        raise YamlProblem("it is no YAML: it holds characters that YAML does not allow", Location(path)) from problem
    return builder.root


# libyaml's parser is ten times as fast; the wheels of some platforms come without it.
_LOADER: type[yaml.SafeLoader | yaml.CSafeLoader] = getattr(yaml, "CSafeLoader", yaml.SafeLoader)

"""What a variable can hold: ``set``, ``map``, ``geo`` and ``split_clients`` followed down to nginx's own variables."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from scanner.model import Location
from scanner.nginx.levels import Level
from scanner.nginx.tree import Directive

_VARIABLE: Final = re.compile(r"\$(?:\{(?P<braced>\w+)\}|(?P<bare>\w+))", re.ASCII)
_MAX_VALUES: Final = 64
_MAX_DEPTH: Final = 6
_MAP_OPTIONS: Final = frozenset({"hostnames", "volatile", "include", "ranges", "delete", "proxy", "proxy_recursive"})


@dataclass(frozen=True, eq=False)
class MapBlock:
    """A ``map``, ``geo`` or ``split_clients``: a variable that is chosen by another one."""

    kind: str
    name: str
    """The variable that it fills, without ``$``."""
    source: str
    """What chooses, as written: ``$http_upgrade``."""
    entries: tuple[tuple[str, str], ...]
    """(what the source must be, value) in order; without ``default``."""
    default: str
    """nginx's own is the empty text."""
    location: Location

    @property
    def results(self) -> tuple[str, ...]:
        """All values that it can yield, each once."""
        return tuple(dict.fromkeys((*(value for _, value in self.entries), self.default)))


def map_blocks(level: Level) -> dict[str, MapBlock]:
    """The variables that the ``http`` level defines."""
    found = (_map_block(item) for item in level.own("map", "geo", "split_clients"))
    return {block.name: block for block in found if block is not None}


def _map_block(directive: Directive) -> MapBlock | None:
    if not directive.args or not directive.args[-1].startswith("$"):
        return None
    source = directive.args[0] if len(directive.args) > 1 else "$remote_addr"
    entries: list[tuple[str, str]] = []
    default = ""
    for item in directive.block or ():
        if item.name in _MAP_OPTIONS:
            continue
        if item.name == "default" or (directive.name == "split_clients" and item.name == "*"):
            default = item.arg(0)
        else:
            entries.append((item.name.removeprefix("\\"), item.arg(0)))
    name = directive.args[-1].removeprefix("$").lower()
    return MapBlock(directive.name, name, source, tuple(entries), default, directive.location)


def names_in(text: str) -> tuple[str, ...]:
    """The variables of a text, without ``$`` and in lower case (nginx's do not mind), in order, each once."""
    if "$" not in text:
        return ()
    return tuple(dict.fromkeys((found["braced"] or found["bare"]).lower() for found in _VARIABLE.finditer(text)))


def definitions(name: str, level: Level) -> tuple[str, ...]:
    """What ``set`` gives a variable on this level and around it, in ``if`` blocks there, too."""
    return level.assignments.get(name, ())


def possible_values(text: str, level: Level, maps: Mapping[str, MapBlock], depth: int = _MAX_DEPTH) -> tuple[str, ...]:
    """Everything that a text with variables can be, with nginx's own variables left in it.

    ``"$proto"`` with ``map $scheme $proto { https https; default $http_x_proto; }`` gives ``("https",
    "$http_x_proto")``. At most 64 values; a text with more combinations comes back as it is.
    """
    if "$" not in text:
        return (text,)
    results = [""]
    position = 0
    for found in _VARIABLE.finditer(text):
        name = (found["braced"] or found["bare"]).lower()
        choices = _choices(name, found.group(), level, maps, depth)
        before = text[position : found.start()]
        position = found.end()
        if len(results) * len(choices) > _MAX_VALUES:
            return (text,)
        results = [start + before + choice for start in results for choice in choices]
    return tuple(dict.fromkeys(start + text[position:] for start in results))


def _choices(name: str, written: str, level: Level, maps: Mapping[str, MapBlock], depth: int) -> tuple[str, ...]:
    if depth <= 0:
        return (written,)
    raw = definitions(name, level) or (maps[name].results if name in maps else ())
    if not raw:
        return (f"${name}",)
    found: list[str] = []
    for value in raw:
        found.extend((f"${name}",) if name in names_in(value) else possible_values(value, level, maps, depth - 1))
    return tuple(dict.fromkeys(found))

"""Where the proxy says back to a client the Origin that it sent."""

from collections.abc import Iterator
from dataclasses import dataclass

from scanner.facts.edge import judged
from scanner.facts.foreign_origins import STRANGER, taken_for_own
from scanner.facts.nginx import Nginx
from scanner.facts.sent_headers import level_symbol
from scanner.model import Location, UnknownValue
from scanner.nginx.effective import Configuration, Directive, IfBlock, Level, LocationBlock, Server
from scanner.nginx.patterns import search
from scanner.nginx.values import names_in

_ALLOW = "access-control-allow-origin"
_CREDENTIALS = "access-control-allow-credentials"
_ORIGIN = "http_origin"


@dataclass(frozen=True, eq=False)
class OriginEcho:
    """An ``add_header Access-Control-Allow-Origin`` that repeats origins of strangers."""

    line: Directive
    symbol: str
    places: tuple[Server | LocationBlock, ...]
    """Where it is in force."""
    origin: str
    """One that is repeated."""
    because: tuple[Directive, ...]
    """The condition that lets it through."""
    credentials: tuple[Directive, ...]
    """Lines that allow credentials beside it."""


def origin_echoes(nginx: Nginx | None, names: tuple[str, ...]) -> tuple[tuple[OriginEcho, ...], UnknownValue | None]:
    """All of the judged configurations, one for each line; and what could not be decided, where something could not."""
    found: dict[Location, OriginEcho] = {}
    unknown: UnknownValue | None = None
    for configuration in judged(nginx):
        for place, level, line in _lines(configuration):
            try:
                echoed = _echoed(configuration, level, line, names)
            except UnknownValue as error:
                unknown = unknown or error
                continue
            if echoed is None:
                continue
            known = found.get(line.location)
            places = (*(known.places if known is not None else ()), place)
            allowed = tuple(one for one in level.effective("add_header").values if _allows_credentials(one))
            symbol = f"{level_symbol(level.effective('add_header').level)} add_header {line.arg(0)}"
            found[line.location] = OriginEcho(line, symbol, places, *echoed, allowed)
    return tuple(found.values()), unknown


def _lines(configuration: Configuration) -> Iterator[tuple[Server | LocationBlock, Level, Directive]]:
    """The lines in force at every place that can be reached, conditions in it included."""
    for server in configuration.servers:
        if not configuration.is_choosable(server):
            continue
        for place in configuration.reachable_places(server):
            levels = place.levels if isinstance(place, LocationBlock) else (place,)
            for level in levels:
                for line in level.effective("add_header").values:
                    if line.arg(0).lower() == _ALLOW:
                        yield place, level, line


def _allows_credentials(line: Directive) -> bool:
    value = line.arg(1).lower()
    return line.arg(0).lower() == _CREDENTIALS and (value == "true" or value.startswith("$"))


def _echoed(
    configuration: Configuration, level: Level, line: Directive, names: tuple[str, ...]
) -> tuple[str, tuple[Directive, ...]] | None:
    """An origin of a stranger that the line repeats, and what lets it through."""
    for variable in names_in(line.arg(1)):
        if variable == _ORIGIN:
            return _through(_condition(level), names)
        block = configuration.maps.get(variable)
        if block is not None and _ORIGIN in names_in(block.source):
            origin = _mapped((*block.entries, ("", block.default)), names)
            return (origin, ()) if origin is not None else None
        for holder in _setters(level, variable):
            return _through(_condition(holder), names)
    return None


def _setters(level: Level, variable: str) -> Iterator[Level]:
    """The levels on which ``set`` gives a variable the client's Origin."""
    for outer in level.outward:
        inner = outer.ifs if isinstance(outer, Server | LocationBlock) else ()
        for one in (*inner, outer):
            if any(item.arg(0) == f"${variable}" and _ORIGIN in names_in(item.arg(1)) for item in one.own("set")):
                yield one


def _condition(level: Level) -> IfBlock | None:
    return level if isinstance(level, IfBlock) else None


def _through(condition: IfBlock | None, names: tuple[str, ...]) -> tuple[str, tuple[Directive, ...]] | None:
    """An origin of a stranger that gets past an ``if``."""
    if condition is None or condition.opener is None:
        return STRANGER, ()
    words = condition.condition
    if not words or _ORIGIN not in names_in(words[0]):
        return STRANGER, ()
    if len(words) >= 3 and words[1] in {"~", "~*"}:
        pattern = " ".join(words[2:])
        if search(pattern, STRANGER) is None:
            raise UnknownValue(f"which origins {pattern} accepts at {condition.location}", condition.location)
        origin = taken_for_own(pattern, names)
        return (origin, (condition.opener,)) if origin is not None else None
    return None if len(words) >= 3 and words[1] == "=" else (STRANGER, (condition.opener,))


def _mapped(entries: tuple[tuple[str, str], ...], names: tuple[str, ...]) -> str | None:
    """An origin of a stranger for which a ``map`` of the Origin yields it."""
    for key, value in entries:
        if _ORIGIN not in names_in(value):
            continue
        if not key:
            return STRANGER
        if key.startswith("~"):
            origin = taken_for_own(key.removeprefix("~").removeprefix("*"), names)
            if origin is not None:
                return origin
    return None

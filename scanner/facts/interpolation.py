"""Compose's interpolation: ``$VAR``, ``${VAR}``, ``${VAR:-default}``, ``${VAR:?error}``, ``${VAR:+other}``, ``$$``."""

import re
from collections.abc import Mapping
from dataclasses import dataclass

_NAME = re.compile(r"[A-Za-z_]\w*")
_BRACE = re.compile(r"\$\{|\}")
_MAX_NESTING = 8


@dataclass(frozen=True)
class Interpolated:
    """A text with its variables replaced as far as they are known."""

    text: str
    names: tuple[str, ...]
    """The variables that it reads."""
    missing: tuple[str, ...]
    """Those without a value and without a default; they stay as ``${NAME}``."""
    defaults: bool = False
    """A default of the text itself took part."""


def interpolate(text: str, known: Mapping[str, str], depth: int = 0) -> Interpolated:
    """Replace the variables of a text. Never fails: what is no expression stays as it is."""
    if "$" not in text or depth > _MAX_NESTING:
        return Interpolated(text, (), ())
    out: list[str] = []
    names: list[str] = []
    missing: list[str] = []
    defaults = False
    position = 0
    closers = _closers(text)
    while position < len(text):
        at = text.find("$", position)
        if at < 0:
            out.append(text[position:])
            break
        out.append(text[position:at])
        if text.startswith("$$", at):
            out.append("$")
            position = at + 2
            continue
        expression, position = _expression(text, at, closers)
        if expression is None:
            out.append("$")
            continue
        name, operator, argument = expression
        names.append(name)
        value = known.get(name)
        present = bool(value) if operator.startswith(":") else value is not None
        if operator in {":+", "+"}:
            inner = interpolate(argument, known, depth + 1) if present else Interpolated("", (), ())
        elif present and value is not None:
            inner = Interpolated(value, (), ())
        elif operator in {":-", "-"}:
            inner = interpolate(argument, known, depth + 1)
            defaults = True
        else:
            inner = Interpolated(f"${{{name}}}", (), (name,))
        out.append(inner.text)
        names += inner.names
        missing += inner.missing
        defaults = defaults or inner.defaults
    return Interpolated("".join(out), tuple(names), tuple(missing), defaults)


def _expression(text: str, at: int, closers: Mapping[int, int]) -> tuple[tuple[str, str, str] | None, int]:
    """Name, operator and argument of the expression at ``$``, and where it ends."""
    if not text.startswith("${", at):
        plain = _NAME.match(text, at + 1)
        return ((plain.group(), "", ""), plain.end()) if plain else (None, at + 1)
    name = _NAME.match(text, at + 2)
    end = closers.get(at)
    if name is None or end is None:
        return None, at + 1
    rest = text[name.end() : end]
    for operator in (":-", ":?", ":+", "-", "?", "+"):
        if rest.startswith(operator):
            return (name.group(), operator, rest[len(operator) :]), end + 1
    return ((name.group(), "", ""), end + 1) if not rest else (None, at + 1)


def _closers(text: str) -> Mapping[int, int]:
    """Where each ``${`` ends, as far as it does."""
    found: dict[int, int] = {}
    opened: list[int] = []
    for match in _BRACE.finditer(text):
        if match.group() == "}":
            if opened:
                found[opened.pop()] = match.start()
        else:
            opened.append(match.start())
    return found

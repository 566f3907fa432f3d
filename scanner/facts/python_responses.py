"""Where Python code lets nginx send a file in its place."""

import ast
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from scanner.facts.python_syntax import constants_of, dotted_name, last_name, nodes, place_of, text_in
from scanner.model import Location

_NAME: Final = "x-accel-redirect"
_JOINS: Final = frozenset({"join", "urljoin", "safe_join"})
_SAME: Final = frozenset(
    {"quote", "str", "force_str", "smart_str", "iri_to_uri", "escape_uri_path", "encode", "lstrip"}
)
_DEEPEST: Final = 12


@dataclass(frozen=True)
class AccelRedirect:
    """One answer with ``X-Accel-Redirect``."""

    prefix: str | None
    """What the URL starts with, such as ``/protected/``; None where it is computed."""
    setting: str | None
    """The setting that it starts with, for ``settings.PROTECTED_URL + name``."""
    location: Location


def accel_redirects(tree: ast.Module, path: str) -> Iterator[AccelRedirect]:
    """All of a module: items of a response or its headers, and the ``headers`` of a call."""
    constants = constants_of(tree)
    for node in ast.walk(tree):
        match node:
            case ast.Assign(targets=[ast.Subscript(slice=key)], value=value) if _named(key):
                yield _made(value, node, constants, path)
            case ast.Dict(keys=keys, values=values):
                for one, value in zip(keys, values, strict=True):
                    if one is not None and _named(one):
                        yield _made(value, value, constants, path)
            case ast.Call(func=ast.Attribute(attr="setdefault" | "__setitem__"), args=[key, value]) if _named(key):
                yield _made(value, node, constants, path)


def _named(key: ast.AST) -> bool:
    return (text_in(key) or "").lower() == _NAME


def _made(value: ast.expr, at: ast.expr | ast.stmt, constants: dict[str, str], path: str) -> AccelRedirect:
    prefix, setting = _start(value, constants, _DEEPEST)
    return AccelRedirect(prefix or None, setting, place_of(at, path))


def _start(node: ast.expr | None, constants: dict[str, str], left: int) -> tuple[str, str | None]:
    """What a text starts with, and the setting that it starts with."""
    if left <= 0:
        return "", None
    match node:
        case ast.Constant(value=str() as text):
            return text, None
        case ast.Name(id=name):
            return constants.get(name, ""), None
        case ast.Attribute(value=ast.Name(id="settings"), attr=attr):
            return "", attr
        case ast.BinOp(left=first, op=ast.Mod(), right=values):
            several = isinstance(values, ast.Tuple) and values.elts
            return _filled(first, values.elts[0] if isinstance(values, ast.Tuple) and several else values, constants)
        case ast.Call(func=ast.Attribute(value=owner, attr="format"), args=arguments):
            return _filled(owner, arguments[0] if arguments else None, constants)
        case _:
            inner = _first_part(node)
            return _start(inner, constants, left - 1) if inner is not None else ("", None)


def _first_part(node: ast.expr | None) -> ast.expr | None:
    """The part of an expression that its text starts with."""
    match node:
        case ast.JoinedStr(values=[first, *_]):
            return first
        case ast.FormattedValue(value=value):
            return value
        case ast.BinOp(left=first, op=ast.Add() | ast.Div()):
            return first
        case ast.Call(func=ast.Attribute(value=owner, attr=attr), args=[]) if attr in _SAME:
            return owner
        case ast.Call(func=function, args=[first, *_]) if last_name(function) in _JOINS | _SAME:
            return first
        case _:
            return None


def _filled(template: ast.expr, value: ast.expr | None, constants: dict[str, str]) -> tuple[str, str | None]:
    """The start of ``"/protected/%s" % name`` and ``"{}/{}".format(…)``."""
    text, setting = _start(template, constants, 2)
    ends = [found for found in (text.find("%"), text.find("{")) if found >= 0]
    before = text[: min(ends)] if ends else text
    return (before, setting) if before or not ends else _start(value, constants, 2)


def sendfile_calls(tree: ast.Module, path: str) -> Iterator[Location]:
    """Calls of ``sendfile(request, …)`` in a module that imports it of django-sendfile."""
    names = {
        alias.asname or alias.name
        for node in nodes(tree, ast.ImportFrom)
        if (node.module or "").split(".")[0] in {"sendfile", "django_sendfile"}
        for alias in node.names
    }
    for call in nodes(tree, ast.Call):
        if dotted_name(call.func) in names or dotted_name(call.func) == "django_sendfile.sendfile":
            yield place_of(call, path)

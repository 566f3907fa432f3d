"""Where Python code takes files from its users."""

import ast
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from scanner.facts.python_syntax import argument, dotted_name, last_name, nodes, place_of
from scanner.model import Location

_FIELDS: Final = frozenset({"FileField", "ImageField"})


@dataclass(frozen=True)
class Upload:
    """A field of a model, a form or a serializer that takes a file, or a read of ``request.FILES``."""

    kind: str
    """``FileField``, ``ImageField`` (refuses what is no image), or ``FILES``."""
    owner: str
    """``models``, ``forms``, ``serializers`` … as the code says it; empty where the field was imported by its name."""
    name: str
    """``Document.file``: class and field; the function for ``request.FILES``."""
    validated: bool
    """It names validators of its own."""
    location: Location


def uploads(tree: ast.Module, path: str) -> Iterator[Upload]:
    """All of a module."""
    for node in nodes(tree, ast.ClassDef):
        for statement in node.body:
            if isinstance(statement, ast.Assign | ast.AnnAssign) and isinstance(statement.value, ast.Call):
                target = statement.targets[0] if isinstance(statement, ast.Assign) else statement.target
                yield from _field(node.name, target, statement.value, path)
    for function in ast.walk(tree):
        if not isinstance(function, ast.FunctionDef | ast.AsyncFunctionDef):
            continue
        found = next((one for one in nodes(function, ast.Attribute) if one.attr == "FILES"), None)
        if found is not None and last_name(found.value) == "request":
            yield Upload("FILES", "request", function.name, validated=False, location=place_of(found, path))


def _field(model: str, target: ast.expr, call: ast.Call, path: str) -> Iterator[Upload]:
    owner, _, kind = dotted_name(call.func).rpartition(".")
    if kind not in _FIELDS:
        return
    name = target.id if isinstance(target, ast.Name) else ""
    validated = argument(call, -1, "validators") is not None
    yield Upload(kind, owner.rpartition(".")[2], f"{model}.{name}", validated, place_of(call, path))

"""Small questions to the syntax tree of a module of the project."""

import ast
from collections.abc import Iterator
from typing import TypeVar

from scanner.model import Location

N = TypeVar("N", bound=ast.AST)
Parents = dict[ast.AST, ast.AST]


def nodes(tree: ast.AST, kind: type[N]) -> Iterator[N]:
    """All nodes of a kind, without recursion."""
    for node in ast.walk(tree):
        if isinstance(node, kind):
            yield node


def parents_of(tree: ast.AST) -> Parents:
    """The node above each node."""
    return {child: node for node in ast.walk(tree) for child in ast.iter_child_nodes(node)}


def place_of(node: ast.expr | ast.stmt, path: str) -> Location:
    """Where a node begins."""
    return Location(path, node.lineno, node.col_offset + 1)


def dotted_name(node: ast.AST) -> str:
    """``a.b.c`` of a name or an attribute chain; calls in the chain are passed through; empty for anything else."""
    parts: list[str] = []
    current = node
    while True:
        match current:
            case ast.Attribute(value=value, attr=attr):
                parts.append(attr)
                current = value
            case ast.Call(func=function):
                current = function
            case ast.Name(id=name):
                return ".".join([name, *reversed(parts)])
            case _:
                return ".".join(reversed(parts))


def last_name(node: ast.AST) -> str:
    """``c`` of ``a.b.c``."""
    return dotted_name(node).rpartition(".")[2]


def text_in(node: ast.AST | None) -> str | None:
    """The text of a string literal."""
    return node.value if isinstance(node, ast.Constant) and isinstance(node.value, str) else None


def argument(call: ast.Call, position: int, name: str) -> ast.expr | None:
    """An argument by its position or its name; a negative position has none."""
    for keyword in call.keywords:
        if keyword.arg == name:
            return keyword.value
    return call.args[position] if 0 <= position < len(call.args) else None


def constants_of(tree: ast.Module) -> dict[str, str]:
    """Texts that the module assigns to a name at its top level, once."""
    found: dict[str, str] = {}
    again: set[str] = set()
    for statement in tree.body:
        if isinstance(statement, ast.Assign) and isinstance(statement.targets[0], ast.Name):
            name, text = statement.targets[0].id, text_in(statement.value)
            if name in found or text is None:
                again.add(name)
            else:
                found[name] = text
    return {name: text for name, text in found.items() if name not in again}

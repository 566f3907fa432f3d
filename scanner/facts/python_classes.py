"""Classes of the project that decide who a user is, or how a session is read."""

import ast
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from scanner.facts.python_syntax import dotted_name, last_name, nodes, place_of, text_in
from scanner.model import Location

_UNSAFE: Final = frozenset({"pickle", "cPickle", "_pickle", "dill", "cloudpickle", "marshal", "joblib", "jsonpickle"})


@dataclass(frozen=True)
class RemoteUserClass:
    """A subclass of a class that takes the user's name from a variable of the server."""

    name: str
    base: str
    """The last name of the base: ``RemoteUserMiddleware``, ``RemoteUserAuthentication`` …"""
    header: str | None
    """Its class attribute ``header``; None where it keeps the base's."""
    location: Location
    """The attribute's, else the class's."""


def remote_user_classes(tree: ast.Module, path: str) -> Iterator[RemoteUserClass]:
    """All of a module, also those that derive from another class of the same module."""
    known: set[str] = set()
    for node in nodes(tree, ast.ClassDef):
        base = next((one for one in map(last_name, node.bases) if "RemoteUser" in one or one in known), None)
        if base is None or base.endswith("Backend"):
            continue
        known.add(node.name)
        header, at = _attribute(node, "header")
        yield RemoteUserClass(node.name, base, header, place_of(at if at is not None else node, path))


def _attribute(node: ast.ClassDef, name: str) -> tuple[str | None, ast.stmt | None]:
    """A text that the class's body assigns to that name."""
    for statement in node.body:
        targets: list[ast.expr] = []
        if isinstance(statement, ast.Assign):
            targets = statement.targets
        elif isinstance(statement, ast.AnnAssign):
            targets = [statement.target]
        if any(isinstance(one, ast.Name) and one.id == name for one in targets):
            value = statement.value if isinstance(statement, ast.Assign | ast.AnnAssign) else None
            return text_in(value), statement
    return None, None


@dataclass(frozen=True)
class Serializer:
    """A class that reads what was written into a session."""

    name: str
    unsafe: str | None
    """The module that runs code while it reads (``pickle`` …), where ``loads`` or a base reaches it."""
    location: Location


def serializer_in(tree: ast.Module, path: str, name: str) -> Serializer | None:
    """The class ``name`` of a module; None where the module only imports it."""
    node = next((one for one in tree.body if isinstance(one, ast.ClassDef) and one.name == name), None)
    if node is None:
        return None
    imported = _imports(tree)
    functions = {one.name: one for one in nodes(tree, ast.FunctionDef)}
    loads = next((one for one in node.body if isinstance(one, ast.FunctionDef) and one.name == "loads"), None)
    pending: list[ast.AST] = [loads] if loads is not None else [*node.bases, *node.body]
    seen: set[str] = set()
    while pending:
        for one in ast.walk(pending.pop()):
            if not isinstance(one, ast.Name | ast.Attribute):
                continue
            called = dotted_name(one)
            unsafe = imported.get(called.split(".")[0])
            if unsafe or "PickleSerializer" in called:
                return Serializer(name, unsafe or "pickle", place_of(node, path))
            short = called.rpartition(".")[2]
            if short in functions and short not in seen:
                seen.add(short)
                pending.append(functions[short])
    return Serializer(name, None, place_of(node, path))


def _imports(tree: ast.Module) -> dict[str, str]:
    """Names of the module that stand for an unsafe one, or for something out of it."""
    found: dict[str, str] = {}
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            for alias in node.names:
                if alias.name.split(".")[0] in _UNSAFE:
                    found[alias.asname or alias.name.split(".")[0]] = alias.name.split(".")[0]
        elif isinstance(node, ast.ImportFrom):
            module = (node.module or "").split(".")[0]
            for alias in node.names:
                if module in _UNSAFE:
                    found[alias.asname or alias.name] = module
                elif alias.name in _UNSAFE:
                    found[alias.asname or alias.name] = alias.name
    return found

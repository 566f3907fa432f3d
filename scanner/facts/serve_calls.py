"""Where the project's Python code names Django's views for files."""

import ast
from collections.abc import Iterator
from dataclasses import dataclass

from scanner.facts.python_source import PythonSource
from scanner.facts.python_syntax import argument, dotted_name, last_name, nodes, place_of, text_in
from scanner.model import Location, provider

_MODULES = frozenset({"django.views.static", "django.views", "django.contrib.staticfiles.views"})
_ROUTES = frozenset({"path", "re_path", "url"})


@dataclass(frozen=True)
class ServeCall:
    """One route to ``django.views.static.serve``."""

    pattern: str
    """As it is written; empty where it is computed."""
    location: Location
    insecure: bool = False
    """It is the view of staticfiles, told to work without DEBUG."""


@dataclass(frozen=True)
class ServeCalls:
    """All of the project's code."""

    calls: tuple[ServeCall, ...]

    def place_of(self, pattern: str) -> Location | None:
        """The route whose text begins like that of the URL configuration; else the only one there is."""
        head = pattern.partition("<")[0].strip("/")
        exact = [one for one in self.calls if head and head in one.pattern]
        found = exact or (self.calls if len({one.location for one in self.calls}) == 1 else ())
        return found[0].location if found else None

    def insecure(self, pattern: str) -> bool:
        """Whether the route of that pattern is told to work without DEBUG."""
        head = pattern.partition("<")[0].strip("/")
        return any(one.insecure and head in one.pattern for one in self.calls)


@provider()
def serve_calls(python: PythonSource) -> ServeCalls:
    """Routes that name the view, in modules that import it."""
    found: list[ServeCall] = []
    for path in python.holding("views.static", "staticfiles.views"):
        tree = python.modules.tree(path)
        if isinstance(tree, ast.Module):
            found.extend(_calls(tree, path))
    return ServeCalls(tuple(found))


def _calls(tree: ast.Module, path: str) -> Iterator[ServeCall]:
    names = {
        alias.asname or alias.name
        for node in nodes(tree, ast.ImportFrom)
        if node.module in _MODULES
        for alias in node.names
        if alias.name in {"serve", "static"}
    }
    for call in nodes(tree, ast.Call):
        if last_name(call.func) not in _ROUTES:
            continue
        view = argument(call, 1, "view")
        called = dotted_name(view) if view is not None else ""
        if called.split(".")[0] in names or called.endswith("views.static.serve"):
            yield ServeCall(text_in(argument(call, 0, "route")) or "", place_of(call, path), _is_insecure(call))


def _is_insecure(call: ast.Call) -> bool:
    """``{"insecure": True}`` among the arguments of a route."""
    tables = [one for one in (argument(call, 2, "kwargs"),) if isinstance(one, ast.Dict)]
    return any(
        text_in(key) == "insecure" and isinstance(value, ast.Constant) and value.value is True
        for table in tables
        for key, value in zip(table.keys, table.values, strict=True)
    )

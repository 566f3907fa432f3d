"""What Python code starts or wraps around views: error trackers, websocket routes, limits of tries."""

import ast
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Final

from scanner.facts.python_syntax import argument, dotted_name, last_name, nodes, place_of, text_in
from scanner.model import Location

_TRACKERS: Final = {
    "sentry_sdk.init": "sentry_sdk",
    "rollbar.init": "rollbar",
    "bugsnag.configure": "bugsnag",
    "honeybadger.configure": "honeybadger",
    "raven.Client": "raven",
}
_LIMITERS: Final = frozenset({"ratelimit", "throttle_classes", "throttle_scope", "axes_dispatch", "watch_login"})
_MOST_WRAPPERS: Final = 20


@dataclass(frozen=True)
class ErrorTracker:
    """One place where an error tracker is started."""

    package: str
    """``sentry_sdk``, ``rollbar`` …"""
    arguments: Mapping[str, bool | int | float | str | None]
    """Its literal arguments by name, texts left out: they may be keys."""
    computed: frozenset[str]
    """Arguments whose value is computed; ``**`` for a mapping that is spread."""
    location: Location
    places: Mapping[str, Location]
    """Where each argument stands."""


def error_trackers(tree: ast.Module, path: str) -> Iterator[ErrorTracker]:
    """Calls that start one, also by a name that was imported: ``from sentry_sdk import init``."""
    names = _tracker_names(tree)
    for call in nodes(tree, ast.Call):
        package = names.get(dotted_name(call.func))
        if package is None:
            continue
        literal: dict[str, bool | int | float | str | None] = {}
        computed: set[str] = set()
        for keyword in call.keywords:
            value = keyword.value
            if keyword.arg and isinstance(value, ast.Constant) and isinstance(value.value, bool | int | float | None):
                literal[keyword.arg] = value.value
            else:
                computed.add(keyword.arg or "**")
        places = {one.arg: place_of(one.value, path) for one in call.keywords if one.arg}
        yield ErrorTracker(package, literal, frozenset(computed), place_of(call, path), places)


def _tracker_names(tree: ast.Module) -> dict[str, str]:
    """The names under which the module calls them."""
    names = dict(_TRACKERS)
    for node in nodes(tree, ast.ImportFrom):
        for alias in node.names:
            package = _TRACKERS.get(f"{node.module}.{alias.name}")
            if package:
                names[alias.asname or alias.name] = package
    renamed = {alias.name: alias.asname for node in nodes(tree, ast.Import) for alias in node.names if alias.asname}
    for called, package in _TRACKERS.items():
        module, _, function = called.partition(".")
        if module in renamed:
            names[f"{renamed[module]}.{function}"] = package
    return names


@dataclass(frozen=True)
class WebsocketRouting:
    """The ``websocket`` entry of a ``ProtocolTypeRouter``."""

    wrappers: tuple[str, ...]
    """Names of what is called around the router, the outermost first: ``AllowedHostsOriginValidator`` …"""
    complete: bool
    """False: part of it comes from a name that is not assigned in the module."""
    location: Location


@dataclass(frozen=True)
class WebsocketPath:
    """A route to a consumer."""

    pattern: str
    """As it is written, without a leading slash or ``^``."""
    regex: bool
    location: Location


def websocket_routings(tree: ast.Module, path: str) -> Iterator[WebsocketRouting]:
    """All of a module."""
    assigned = {
        node.targets[0].id: node.value
        for node in nodes(tree, ast.Assign)
        if len(node.targets) == 1 and isinstance(node.targets[0], ast.Name)
    }
    for call in nodes(tree, ast.Call):
        if last_name(call.func) != "ProtocolTypeRouter":
            continue
        table = argument(call, 0, "application_mapping")
        if isinstance(table, ast.Name):
            table = assigned.get(table.id)
        if not isinstance(table, ast.Dict):
            continue
        for key, value in zip(table.keys, table.values, strict=True):
            if text_in(key) == "websocket":
                wrappers, complete = _wrappers(value, assigned)
                yield WebsocketRouting(wrappers, complete, place_of(value, path))


def _wrappers(value: ast.expr, assigned: Mapping[str, ast.expr]) -> tuple[tuple[str, ...], bool]:
    found: list[str] = []
    current: ast.expr | None = value
    for _ in range(_MOST_WRAPPERS):
        match current:
            case ast.Call(func=function):
                name = last_name(function)
                if name == "URLRouter":
                    return tuple(found), True
                found.append(name)
                current = current.args[0] if current.args else None
            case ast.Name(id=name) if name in assigned:
                current = assigned[name]
            case _:
                break
    return tuple(found), False


def websocket_paths(tree: ast.Module, path: str) -> Iterator[WebsocketPath]:
    """``path``, ``re_path`` and ``url`` whose view is a consumer's ``as_asgi()``."""
    for call in nodes(tree, ast.Call):
        kind = last_name(call.func)
        if kind not in {"path", "re_path", "url"}:
            continue
        view = argument(call, 1, "view")
        pattern = text_in(argument(call, 0, "route" if kind == "path" else "regex"))
        if pattern is None or not isinstance(view, ast.Call) or not _is_consumer(view):
            continue
        yield WebsocketPath(pattern.lstrip("^/"), kind != "path", place_of(call, path))


def _is_consumer(view: ast.Call) -> bool:
    """The call is ``X.as_asgi()``, or wraps one: ``AuthMiddleware(X.as_asgi())``."""
    if last_name(view.func) == "as_asgi":
        return True
    return any(isinstance(one, ast.Call) and last_name(one.func) == "as_asgi" for one in view.args)


@dataclass(frozen=True)
class Throttle:
    """A view whose tries are limited in the code."""

    view: str
    """Name of the function or the class, ``Class.method`` for a method."""
    by: str
    """``ratelimit``, ``throttle_classes``, ``throttle_scope``, ``axes_dispatch`` …"""
    limits: bool
    """False: the list of throttles is empty."""
    key: str | None
    """What django-ratelimit counts by (``ip``, ``user``, ``header:x-real-ip``), where it is literal."""
    location: Location


def throttles(tree: ast.Module, path: str) -> Iterator[Throttle]:
    """Decorated functions, classes and methods, and classes with DRF's attributes."""
    for node in ast.walk(tree):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            yield from _decorated(node.name, node.decorator_list, path)
        elif isinstance(node, ast.ClassDef):
            yield from _decorated(node.name, node.decorator_list, path)
            for statement in node.body:
                if isinstance(statement, ast.FunctionDef | ast.AsyncFunctionDef):
                    yield from _decorated(f"{node.name}.{statement.name}", statement.decorator_list, path)
                elif isinstance(statement, ast.Assign):
                    yield from _attributes(node.name, statement, path)


def _decorated(view: str, decorators: list[ast.expr], path: str) -> Iterator[Throttle]:
    for decorator in decorators:
        for call in (decorator, *(decorator.args if isinstance(decorator, ast.Call) else ())):
            name = last_name(call)
            if name not in _LIMITERS:
                continue
            key = text_in(argument(call, -1, "key")) if isinstance(call, ast.Call) else None
            yield Throttle(view, name, _limits(call), key, place_of(call, path))


def _limits(call: ast.expr) -> bool:
    first = call.args[0] if isinstance(call, ast.Call) and call.args else None
    return not (isinstance(first, ast.List | ast.Tuple) and not first.elts)


def _attributes(view: str, statement: ast.Assign, path: str) -> Iterator[Throttle]:
    for target in statement.targets:
        if isinstance(target, ast.Name) and target.id in {"throttle_classes", "throttle_scope"}:
            value = statement.value
            empty = isinstance(value, ast.List | ast.Tuple) and not value.elts
            nothing = isinstance(value, ast.Constant) and not value.value
            yield Throttle(view, target.id, not empty and not nothing, None, place_of(statement, path))

"""How the project starts its error tracker: the calls of ``sentry_sdk.init``."""

import ast
from dataclasses import dataclass
from typing import Final

from scanner.facts.environment_readers import dotted, keyword
from scanner.facts.python_modules import Modules
from scanner.model import Location, ScopeClass, provider
from scanner.project import Project, Unreadable

_MAX_FILE: Final = 256 * 1024
_MAX_FILES: Final = 5000
_OPTIONS: Final = ("send_default_pii", "debug")
_TESTS: Final = frozenset({"tests", "test"})


@dataclass(frozen=True)
class TrackerOption:
    """An option of the error tracker that is on."""

    name: str
    location: Location


@dataclass(frozen=True)
class ErrorTrackers:
    """All of them."""

    options: tuple[TrackerOption, ...]


@provider()
def error_trackers(project: Project) -> ErrorTrackers:
    """Search the project's Python files for calls that switch these options on, under no condition on DEBUG."""
    modules = Modules(project)
    found: list[TrackerOption] = []
    paths = [path for path in project.files if path.endswith(".py") and _TESTS.isdisjoint(path.split("/"))]
    for path in paths[:_MAX_FILES]:
        if project.scope(path).klass in {ScopeClass.DEV, ScopeClass.EXAMPLE}:
            continue
        try:
            text = project.read_text(path, _MAX_FILE)
        except Unreadable:
            continue
        if "sentry_sdk" in text and any(name in text for name in _OPTIONS):
            tree = modules.tree(path)
            if isinstance(tree, ast.Module):
                found.extend(_options(tree, path))
    return ErrorTrackers(tuple(found))


def _options(tree: ast.Module, path: str) -> list[TrackerOption]:
    guarded = {
        id(inner) for one in ast.walk(tree) if isinstance(one, ast.If) and "debug" in ast.unparse(one.test).lower()
        for inner in ast.walk(one)
    }  # fmt: skip
    found = []
    for node in ast.walk(tree):
        if not isinstance(node, ast.Call) or id(node) in guarded or not dotted(node.func).endswith("sentry_sdk.init"):
            continue
        for name in _OPTIONS:
            value = keyword(node, name)
            if isinstance(value, ast.Constant) and value.value is True:
                found.append(TrackerOption(name, Location(path, value.lineno, value.col_offset + 1)))
    return found

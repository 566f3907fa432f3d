"""Settings that only the server has: a module that the repository leaves out, and that is imported where it is."""

import ast
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import PurePosixPath

from scanner.facts.python_modules import Modules
from scanner.model import Location
from scanner.project import Project, Unreadable

_MOST_MODULES = 30
_USUAL = re.compile(
    r"DEBUG|ALLOWED_HOSTS|SECRET_KEY|DATABASES|CACHES|ADMINS|CSRF_TRUSTED_ORIGINS|(?:SESSION|CSRF|LANGUAGE)_COOKIE_\w+"
    r"|SECURE_\w+|USE_X_FORWARDED_\w+|X_FRAME_OPTIONS|EMAIL_\w+|CORS_\w+|SESSION_\w+"
)
"""What people set on the server."""


@dataclass(frozen=True)
class LocalSettings:
    """The missing module, and what it may decide."""

    module: str
    location: Location
    """Where it is imported."""
    names: frozenset[str]
    """Settings that an example of it in the repository sets; empty where there is none."""
    later: frozenset[str]
    """Settings that are assigned after the import: it does not decide these."""

    @property
    def note(self) -> str:
        """For the report."""
        return (
            f"{self.module} is not in the repository ({self.location} imports it where it is): it may change settings"
        )

    def may_set(self, setting: str) -> bool:
        """Whether the value of a setting may be another one on the server."""
        top = re.split(r"[.\[]", setting, maxsplit=1)[0]
        return top not in self.later and (top in self.names or _USUAL.fullmatch(top) is not None)


def missing_local_settings(project: Project, path: str | None) -> LocalSettings | None:
    """The first such module of the settings module and those that it star-imports; None where there is none."""
    modules = Modules(project)
    waiting, seen = [path] if path else [], set[str]()
    while waiting and len(seen) < _MOST_MODULES:
        current = waiting.pop(0)
        tree = modules.tree(current) if current not in seen else None
        seen.add(current)
        if not isinstance(tree, ast.Module):
            continue
        for at, node in enumerate(tree.body):
            if isinstance(node, ast.Try):
                found = _missing(modules, current, node)
                if found is not None:
                    name, line = found
                    later = frozenset(_assigned(tree.body[at + 1 :]))
                    return LocalSettings(name, Location(current, line), _of_example(modules, name), later)
            if isinstance(node, ast.ImportFrom) and _is_star(node):
                target = _target(modules, current, node)
                waiting += [target] if target else []
    return None


def _missing(modules: Modules, path: str, node: ast.Try) -> tuple[str, int] | None:
    """The name and line of a star import that may fail, of a module that looks like the project's and is not there."""
    caught = {
        one.id
        for each in node.handlers
        for one in ast.walk(each.type or ast.Name("Exception"))
        if isinstance(one, ast.Name)
    }
    if not caught & {"ImportError", "ModuleNotFoundError", "Exception"}:
        return None
    for one in node.body:
        if isinstance(one, ast.ImportFrom) and _is_star(one) and _target(modules, path, one) is None:
            name = one.module or ""
            top = name.partition(".")[0]
            own = (
                one.level > 0
                or modules.find(top) is not None
                or re.search(r"local|settings|secret|prod|override", name)
            )
            if own and name:
                return name, one.lineno
    return None


def _is_star(node: ast.ImportFrom) -> bool:
    return any(alias.name == "*" for alias in node.names)


def _target(modules: Modules, path: str, node: ast.ImportFrom) -> str | None:
    if node.level:
        return modules.relative(path, node.level, node.module or "")
    return modules.find(node.module or "")


def _assigned(body: list[ast.stmt]) -> Iterator[str]:
    for node in body:
        targets = (
            node.targets if isinstance(node, ast.Assign) else [node.target] if isinstance(node, ast.AnnAssign) else []
        )
        yield from (one.id for one in targets if isinstance(one, ast.Name))


def _of_example(modules: Modules, module: str) -> frozenset[str]:
    """The names that an example beside the importing module, or at the module's own place, sets."""
    stem = module.rpartition(".")[2]
    pattern = re.compile(
        rf"(?:{re.escape(stem)}[._-](?:example|sample|template|dist|default)|(?:example|sample)[._-]{re.escape(stem)})\.py|{re.escape(stem)}\.py[._-]\w+"
    )
    for one in modules.project.files:
        if not pattern.fullmatch(PurePosixPath(one).name):
            continue
        try:
            text = modules.project.read_text(one, 256 * 1024)
        except Unreadable:
            continue
        return frozenset(re.findall(r"^#?\s?([A-Z][A-Z0-9_]{2,})\s*=", text, re.MULTILINE))
    return frozenset()

"""Which Django projects a checkout holds."""

import difflib
import re
from dataclasses import dataclass, replace
from pathlib import PurePosixPath

from scanner.model import ScopeClass, SeatrialError
from scanner.project.checkout import Checkout, Unreadable
from scanner.project.project import Project
from scanner.project.scope import by_path, tokens, words

_NOT_DEPLOYED = words(
    "test tests testing testproject test_project testapp example examples sample samples demo demos docs doc sandbox",
    "fixtures tutorial tutorials benchmark benchmarks",
)
_GENERIC = words("config conf core settings project app apps src backend server main api web site django proj base")
_MANAGE = re.compile(r"execute_from_command_line|django\.core\.management")
_SERVER_ENTRY = re.compile(r"get_[aw]sgi_application")
_MODULE = re.compile(r"DJANGO_SETTINGS_MODULE['\"]\s*(?:,|\]\s*=)\s*['\"]([A-Za-z_][\w.]*)['\"]")
_MANAGE_LIMIT = 64 * 1024


@dataclass(frozen=True)
class _Candidate:
    path: str
    manage: str | None
    module: str | None

    @property
    def deployed(self) -> bool:
        """Nothing in its path says that it is a test, an example or documentation."""
        parts = [] if self.path == "." else self.path.split("/")
        if any("{" in part for part in parts):
            return False  # a template of a project
        if any(not _NOT_DEPLOYED.isdisjoint(tokens(part)) for part in parts):
            return False
        scope = by_path(f"{self.path}/manage.py") if parts else None
        return scope is None or scope.klass is not ScopeClass.EXAMPLE


def _directory(path: str) -> str:
    return str(PurePosixPath(path).parent)


def _content(checkout: Checkout, path: str) -> str:
    try:
        return checkout.read_text(path, _MANAGE_LIMIT)
    except Unreadable:
        return ""


def _managed(checkout: Checkout) -> list[_Candidate]:
    found = []
    for path in checkout.files:
        if path.rpartition("/")[2] == "manage.py":
            content = _content(checkout, path)
            if _MANAGE.search(content):
                module = _MODULE.search(content)
                found.append(_Candidate(_directory(path), path, module.group(1) if module else None))
    return found


def _served(checkout: Checkout) -> list[_Candidate]:
    """Projects without a ``manage.py``: a package with ``wsgi.py`` or ``asgi.py`` that makes a Django application."""
    found: dict[str, _Candidate] = {}
    for path in checkout.files:
        if path.rpartition("/")[2] not in {"wsgi.py", "asgi.py"}:
            continue
        content = _content(checkout, path)
        module = _MODULE.search(content)
        if not (_SERVER_ENTRY.search(content) and module):
            continue
        for parent in PurePosixPath(path).parents:
            base = "" if str(parent) == "." else f"{parent}/"
            stem = base + module.group(1).replace(".", "/")
            if checkout.exists(f"{stem}.py") or checkout.exists(f"{stem}/__init__.py"):
                found.setdefault(str(parent), _Candidate(str(parent), None, module.group(1)))
                break
    return list(found.values())


def _is_way_to(checkout: Checkout, script: _Candidate, project: _Candidate) -> bool:
    """Whether a ``manage.py`` only leads to a project below it, whose directory it puts on the import path."""
    if script.module is None or script.path not in _ancestors(project.path):
        return False
    top = script.module.partition(".")[0]
    here, there = (
        any(checkout.exists(str(PurePosixPath(place, top, name))) for name in ("__init__.py", "settings.py"))
        or checkout.exists(str(PurePosixPath(place, f"{top}.py")))
        for place in (script.path, project.path)
    )
    return there and not here


def _name(checkout: Checkout, candidate: _Candidate) -> str:
    package = (candidate.module or "").partition(".")[0]
    own = checkout.root.name if candidate.path == "." else PurePosixPath(candidate.path).name
    if package and package.casefold() not in _GENERIC and (candidate.path == "." or own.casefold() in _GENERIC):
        return package
    if own.casefold() in _GENERIC and candidate.path != ".":
        return candidate.path
    return own or package or "project"


def _normal(directory: str) -> str:
    return str(PurePosixPath(directory.strip() or "."))


def _chosen(checkout: Checkout, found: list[_Candidate], chosen: tuple[str, ...]) -> list[_Candidate]:
    by_directory = {one.path: one for one in found}
    picked: list[_Candidate] = []
    for given in chosen:
        directory = _normal(given)
        if directory in by_directory:
            picked.append(by_directory[directory])
            continue
        known = ", ".join(sorted(by_directory)) or "none"
        if directory in checkout.directories:
            raise SeatrialError(
                f"--project {given}: that directory holds no Django project", f"Directories with a manage.py: {known}."
            )
        near = difflib.get_close_matches(directory, sorted(by_directory) or sorted(checkout.directories), n=1)
        hint = f"Did you mean {near[0]}? " if near else ""
        raise SeatrialError(
            f"--project {given}: there is no such directory in the checkout",
            f"{hint}Directories with a manage.py: {known}.",
        )
    return list(dict.fromkeys(picked))


def find_projects(checkout: Checkout, chosen: tuple[str, ...] = ()) -> tuple[Project, ...]:
    """The Django projects to scan, sorted by directory; those of ``chosen`` (directories) where any are given.

    Projects of tests, examples and documentation are taken only if there is no other, or if chosen.
    Raises SeatrialError with exit code 2 where there is no Django project, or a chosen directory is none.
    """
    scripts = _managed(checkout)
    managed = [one for one in scripts if not any(_is_way_to(checkout, one, other) for other in scripts)]
    homes = {one.path for one in managed}
    served = [one for one in _served(checkout) if not any(home in homes for home in (one.path, *_ancestors(one.path)))]
    found = [*managed, *served]
    if chosen:
        picked = _chosen(checkout, found, chosen)
    else:
        picked = [one for one in managed if one.deployed] or [one for one in served if one.deployed] or found
    if not picked:
        raise SeatrialError(
            f"{checkout.root} holds no Django project: no manage.py, and no wsgi.py or asgi.py with its settings",
            "Give the directory of the project: seatrial scan PATH.",
        )
    everywhere = {one.path for one in found}
    made = [
        Project(
            checkout=checkout,
            path=one.path,
            name=_name(checkout, one),
            manage=one.manage,
            siblings=tuple(sorted(everywhere - {one.path})),
            settings_module=one.module,
        )
        for one in sorted(picked, key=lambda one: one.path)
    ]
    names = [one.name for one in made]
    return tuple(one if names.count(one.name) == 1 else replace(one, name=one.path) for one in made)


def _ancestors(path: str) -> tuple[str, ...]:
    return () if path == "." else tuple(str(one) for one in PurePosixPath(path).parents)

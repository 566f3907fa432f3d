"""Which settings module is production's, and why."""

import ast
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import PurePosixPath

from scanner.facts.python_modules import Modules
from scanner.model import Location, Options, ScopeClass, Unavailable, provider
from scanner.project import Project, Unreadable
from scanner.project.scope import is_env_name, tokens, words


@dataclass(frozen=True)
class SettingsChoice:
    """The settings module that is scanned."""

    module: str
    reason: str
    """In words for the report: ``Environment= in deploy/shop.service:9``."""
    path: str | None
    """Its file, relative to the checkout; None where the checkout does not have it."""
    location: Location | None
    """Where the module is named, where a file names it."""
    root: str
    """The directory (relative to the checkout) that must be on the import path for it."""


_NAMED = re.compile(
    r"DJANGO_SETTINGS_MODULE['\"]?\s*(?:=|:|,|\]\s*=)?\s*['\"]?(?:\$\{DJANGO_SETTINGS_MODULE:?-)?"
    r"([A-Za-z_]\w*(?:\.[A-Za-z_]\w*)*)"
)
_PYTHONPATH_SETTINGS = re.compile(r"--settings[= ]['\"]?([A-Za-z_]\w*(?:\.[A-Za-z_]\w*)+)")
_DEPLOYMENT_NAME = re.compile(
    r"(?:.*dockerfile.*|procfile|.*\.(?:service|socket|ini|toml|ya?ml|sh|conf|env|j2|tf|nix|template|cfg)"
    r"|app\.json|justfile|makefile|.*entrypoint.*|wsgi\.py|asgi\.py)",
    re.IGNORECASE,
)
_NOT_DEPLOYMENT = words("wsgi.py asgi.py pyproject.toml tox.ini pytest.ini mypy.ini setup.cfg .coveragerc noxfile.py")
_NOT_PRODUCTION = words(
    "dev devel develop development local localhost debug test tests testing e2e ci vagrant playground pytest",
    "example sample demo docs mypy build lint codespaces gitpod sandbox",
)
_STAGING = words("staging stage preprod uat qa")
_PRODUCTION = words("prod production live deploy deployment release heroku cabotage gcloud aws server hosted")
# What a RUN line sets is gone when the container starts.
_BUILD_STEP = re.compile(r"^[ \t]*RUN\b(?:[^\\\n]|\\.|\\\n)*", re.MULTILINE | re.IGNORECASE)
_STRONG = re.compile(r"\.service|dockerfile|procfile|app\.ya?ml|fly\.toml|render\.ya?ml|\.ini|supervisor")
"""Kinds of files that start the application; scripts and workflows may name the module for other reasons."""
_MAX_DEPLOYMENT = 256 * 1024
_ORDER = {ScopeClass.PROD: 0, ScopeClass.UNKNOWN: 1}


@dataclass(frozen=True)
class _Named:
    module: str
    location: Location
    rank: tuple[int, int]


@provider()
def settings_choice(project: Project, options: Options) -> SettingsChoice:
    """The production settings module as a person would pick it.

    The order: the option; deployment files; a settings file of a production name; the one that turns DEBUG off or sets
    SECURE_ settings; ``wsgi.py`` and ``asgi.py``; ``manage.py``; an example of production's that people copy; any.
    Raises Unavailable where there is none.
    """
    modules = Modules(project)
    if options.settings:
        return _made(modules, options.settings, "given with --settings", None)
    for find in (_from_deployment, _from_name, _from_content, _from_entry, _from_example, _from_anything):
        found = find(modules)
        if found:
            return found
    raise Unavailable(f"{project.path}: no settings module was found; name it with --settings")


def _made(modules: Modules, module: str, reason: str, location: Location | None) -> SettingsChoice:
    root = modules.root_of(module)
    return SettingsChoice(module, reason, modules.find(module), location, root or modules.project.path)


def _is_production(module: str) -> bool:
    return bool(_words_of(module) & _PRODUCTION)


def _is_other(module: str) -> bool:
    return bool(_words_of(module) & (_NOT_PRODUCTION | _STAGING))


def _words_of(module: str) -> frozenset[str]:
    last = module.split(".")[1:] or module.split(".")
    return frozenset(word for part in last for word in tokens(part))


def _from_deployment(modules: Modules) -> SettingsChoice | None:
    found = [one for one in _named_in_deployment(modules) if modules.find(one.module) or _is_production(one.module)]
    known = [one for one in found if modules.find(one.module)] or found
    good = sorted((one for one in known if not _is_other(one.module)), key=lambda one: (one.rank, str(one.location)))
    if not good:
        return None
    best = good[0]
    return _made(modules, best.module, f"DJANGO_SETTINGS_MODULE in {best.location}", best.location)


def _named_in_deployment(modules: Modules) -> Iterator[_Named]:
    project = modules.project
    for path in project.files:
        name = path.rpartition("/")[2]
        if name in _NOT_DEPLOYMENT or not (_DEPLOYMENT_NAME.fullmatch(name) or is_env_name(name)):
            continue
        klass = project.scope(path).klass
        if klass not in _ORDER:
            continue
        try:
            text = project.read_text(path, _MAX_DEPLOYMENT)
        except Unreadable:
            continue
        if "dockerfile" in name.lower():
            text = _BUILD_STEP.sub(lambda step: "\n" * step.group().count("\n"), text)
        for number, line in enumerate(text.split("\n"), 1):
            for match in (*_NAMED.finditer(line), *_PYTHONPATH_SETTINGS.finditer(line)):
                if line.lstrip().startswith(("#", "//", ";")):
                    continue
                kind = 0 if _STRONG.search(name.lower()) or is_env_name(name) else 1
                place = Location(path, number, match.start(1) + 1)
                yield _Named(match.group(1), place, (_ORDER[klass], kind))


def _candidates(modules: Modules) -> tuple[str, ...]:
    """Files that look like settings modules: by their name, their package's name, or what they hold."""
    found = []
    for path in modules.project.files:
        if not path.endswith(".py") or path.endswith(("/__init__.py", "conftest.py", "apps.py")):
            continue
        parts = PurePosixPath(path).with_suffix("").parts
        near = parts[-3:]
        said = {word for part in near for word in tokens(part)}
        if said & {"settings", "setting", "conf", "config"} and modules.project.scope(path).klass is not (
            ScopeClass.EXAMPLE
        ):
            found.append(path)
    return tuple(found)


def _holds(modules: Modules, path: str, names: frozenset[str], *, star: bool) -> bool:
    """Whether the module assigns one of these names at its top level, or star-imports (``star``)."""
    tree = modules.tree(path)
    if not isinstance(tree, ast.Module):
        return False
    for node in tree.body:
        if isinstance(node, ast.Assign):
            assigned = {target.id for target in node.targets if isinstance(target, ast.Name)}
            if assigned & names:
                return True
        if star and isinstance(node, ast.ImportFrom) and any(alias.name == "*" for alias in node.names):
            return True
        if star and isinstance(node, ast.ClassDef) and node.bases:
            inner = {
                t.id for one in node.body if isinstance(one, ast.Assign) for t in one.targets if isinstance(t, ast.Name)
            }
            if inner & names:
                return True
    return False


_TELLING = frozenset({"INSTALLED_APPS", "DATABASES", "ROOT_URLCONF", "ALLOWED_HOSTS", "DEBUG", "MIDDLEWARE"})


def _from_name(modules: Modules) -> SettingsChoice | None:
    named = [
        path
        for path in _candidates(modules)
        if tokens(PurePosixPath(path).stem) & {"prod", "production"}
        and not _is_other(PurePosixPath(path).stem)
        and _holds(modules, path, _TELLING, star=True)
    ]
    if not named:
        return None
    path = min(named, key=lambda one: (one.count("/"), one))
    return _made(modules, _called(modules, path), f"{path} is named for production", Location(path))


def _turns_debug_off(modules: Modules, path: str) -> int:
    """1-based line of ``DEBUG = False``, or of a true SECURE_ setting; 0 where there is none."""
    tree = modules.tree(path)
    if not isinstance(tree, ast.Module):
        return 0
    for node in tree.body:
        if not (isinstance(node, ast.Assign) and isinstance(node.value, ast.Constant)):
            continue
        for target in node.targets:
            if isinstance(target, ast.Name) and (
                (target.id == "DEBUG" and node.value.value is False)
                or (target.id.startswith("SECURE_") and node.value.value)
            ):
                return node.lineno
    return 0


def _from_content(modules: Modules) -> SettingsChoice | None:
    entry = _entry_modules(modules)
    paths = [path for path in _candidates(modules) if not _is_other(modules.name_of(path))]
    found = [(path, line) for path in paths if (line := _turns_debug_off(modules, path))]
    whole = [pair for pair in found if _holds(modules, pair[0], frozenset({"INSTALLED_APPS"}), star=True)]
    if not whole:
        return None
    named = {modules.find(module) for module, _ in entry}
    packages = tuple(one for one in modules.project.files if one.endswith("/__init__.py"))
    imported = _star_imported(modules, (*_candidates(modules), *packages))
    path, line = min(whole, key=lambda pair: (pair[0] not in named, pair[0] in imported, pair[0].count("/"), pair[0]))
    if path in imported and path not in named:
        return None  # a base module: what imports it is the one that runs
    return _made(modules, _called(modules, path), f"it is hardened at {path}:{line}", Location(path, line))


def _called(modules: Modules, path: str) -> str:
    """The dotted name of a file: as ``wsgi.py`` or ``manage.py`` call it, where they do."""
    entry = (module for module, _ in _entry_modules(modules) if modules.find(module) == path)
    return next(entry, modules.name_of(path))


def _star_imported(modules: Modules, paths: tuple[str, ...]) -> frozenset[str]:
    found = set()
    for path in paths:
        tree = modules.tree(path)
        for node in tree.body if isinstance(tree, ast.Module) else ():
            if isinstance(node, ast.ImportFrom) and any(alias.name == "*" for alias in node.names):
                name = node.module or ""
                target = modules.relative(path, node.level, name) if node.level else modules.find(name)
                if target and target != path:
                    found.add(target)
    return frozenset(found)


def _entry_modules(modules: Modules) -> list[tuple[str, Location]]:
    """What ``wsgi.py``, ``asgi.py`` and ``manage.py`` set DJANGO_SETTINGS_MODULE to, in this order."""
    project = modules.project
    paths = [path for path in project.files if path.rpartition("/")[2] in {"wsgi.py", "asgi.py"}]
    paths.sort(key=lambda path: (path.endswith("asgi.py"), path.count("/"), path))
    if project.manage:
        paths.append(project.manage)
    found = []
    for path in paths:
        try:
            text = project.read_text(path, _MAX_DEPLOYMENT)
        except Unreadable:
            continue
        for number, line in enumerate(text.split("\n"), 1):
            match = None if line.lstrip().startswith("#") else _NAMED.search(line)
            if match and ("." in match.group(1) or modules.find(match.group(1))):
                found.append((match.group(1), Location(path, number)))
    return found


def _from_entry(modules: Modules) -> SettingsChoice | None:
    entry = _entry_modules(modules)
    own = modules.project.settings_module
    if own and all(module != own for module, _ in entry):
        entry.append((own, Location(modules.project.manage or modules.project.inside("manage.py"))))
    entry.sort(key=lambda pair: (modules.find(pair[0]) is None, _is_other(pair[0])))
    if not entry:
        return None
    module, location = entry[0]
    return _made(modules, module, f"{location.path.rpartition('/')[2]} names it ({location})", location)


_COPIED = re.compile(
    r"(?P<stem>\w*prod(?:uction)?\w*|settings|local_settings)[._-](?:example|sample|template|dist)\.py"
)


def _from_example(modules: Modules) -> SettingsChoice | None:
    """The module that people make by copying an example, as the documentation of such projects tells them to."""
    for path in sorted(modules.project.files, key=lambda one: (one.count("/"), one)):
        match = _COPIED.fullmatch(path.rpartition("/")[2])
        if match and _holds(modules, path, _TELLING | {"SECRET_KEY"}, star=True):
            wanted = str(PurePosixPath(path).with_name(f"{match.group('stem')}.py"))
            why = f"{path} is the example of production's settings"
            return _made(modules, modules.name_of(wanted), why, Location(path))
    return None


def _from_anything(modules: Modules) -> SettingsChoice | None:
    """A module that lists applications, production's rather than another's; a base module rather than none."""
    found = [path for path in _candidates(modules) if _holds(modules, path, frozenset({"INSTALLED_APPS"}), star=False)]
    if not found:
        return None
    path = min(found, key=lambda one: (_is_other(modules.name_of(one)), one.count("/"), one))
    why = f"nothing names a settings module, and {path} lists the applications"
    return _made(modules, modules.name_of(path), why, Location(path))

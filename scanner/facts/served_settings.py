"""Which settings module each command of production really loads, and which others there are."""

import ast
from dataclasses import dataclass
from pathlib import PurePosixPath

from scanner.facts.app_servers import AppServer, AppServers
from scanner.facts.environment_readers import dotted, text_of
from scanner.facts.python_modules import Modules
from scanner.facts.settings_choice import SettingsChoice
from scanner.model import Location, ScopeClass, provider
from scanner.project import Project, Unreadable
from scanner.project.scope import tokens, words

_VARIABLE = "DJANGO_SETTINGS_MODULE"
_DEV = words("dev develop development local debug test tests testing ci")
_NO_WHOLE = words("__init__ base common defaults default shared core")
"""Modules that others build on: nobody runs with them."""
_MAX_FILE = 256 * 1024


@dataclass(frozen=True)
class ServedModule:
    """One command of production with its settings module."""

    module: str
    artefact: str
    location: Location
    """The line that names the module."""
    by_default: bool = False
    """``setdefault`` in the entry point: a variable that is set wins."""
    may_be_overridden: str | None = None
    """What nobody can read here and may set the variable: an env file on the host, a platform."""

    @property
    def for_development(self) -> bool:
        """Its last part says that it is for development or for tests."""
        return not _DEV.isdisjoint(tokens(self.module.rpartition(".")[2]))


@dataclass(frozen=True)
class ServedSettings:
    """All of them."""

    served: tuple[ServedModule, ...]
    others: tuple[str, ...]
    """Settings modules of the project, as paths, that are for neither development nor tests."""


@provider()
def served_settings(project: Project, servers: AppServers, choice: SettingsChoice) -> ServedSettings:
    """Follow each command of production to the settings that it loads."""
    modules = Modules(project)
    named = choice.reason.startswith(_VARIABLE)
    found = []
    for server in servers.servers:
        if not _is_production(project, server.location):
            continue
        if server.settings_module is not None:
            place = _line_that_names(project, server, server.settings_module)
            if not _is_production(project, place):
                continue
            found.append(ServedModule(server.settings_module, server.artefact, place))
        elif not named:
            entry = _by_entry_point(modules, server)
            found.extend([entry] if entry else [])
    kept = tuple(one for one in found if modules.find(one.module))
    paths = [path for one in kept if (path := modules.find(one.module))]
    return ServedSettings(kept, tuple(dict.fromkeys(other for path in paths for other in _others(project, path))))


def _is_production(project: Project, place: Location) -> bool:
    return project.scope(place.path).klass is ScopeClass.PROD


def _line_that_names(project: Project, server: AppServer, module: str) -> Location:
    """The variable's line, or the line of the artefact's file with the module's name, else the command's."""
    if server.settings_location is not None and _names(project, server.settings_location, module):
        return server.settings_location
    try:
        text = project.read_text(server.location.path, _MAX_FILE)
    except Unreadable:
        return server.location
    for number, line in enumerate(text.split("\n"), 1):
        if module in line and ("settings" in line.lower()) and not line.lstrip().startswith("#"):
            return Location(server.location.path, number, line.index(module) + 1)
    return server.location


def _names(project: Project, place: Location, module: str) -> bool:
    """Whether that line has the module's name: an option of the command may have won over the variable."""
    try:
        lines = project.read_text(place.path, _MAX_FILE).split("\n")
    except Unreadable:
        return False
    return place.line <= len(lines) and module in lines[place.line - 1]


def _by_entry_point(modules: Modules, server: AppServer) -> ServedModule | None:
    """What ``os.environ.setdefault`` in the module of the WSGI or ASGI application says."""
    name = (server.application or "").partition(":")[0]
    path = modules.find(name) if name else None
    tree = modules.tree(path) if path else None
    if path is None or not isinstance(tree, ast.Module):
        return None
    for node in ast.walk(tree):
        if (
            isinstance(node, ast.Call)
            and dotted(node.func).endswith("environ.setdefault")
            and len(node.args) == 2
            and text_of(node.args[0]) == _VARIABLE
            and (module := text_of(node.args[1]))
        ):
            place = Location(path, node.lineno, node.col_offset + 1)
            return ServedModule(module, server.artefact, place, by_default=True, may_be_overridden=_elsewhere(server))
    return None


def _elsewhere(server: AppServer) -> str | None:
    """What else may set the variable, out of the repository's sight."""
    if server.platform:
        return f"the platform of {server.artefact}"
    return next(iter(server.environment_files), None)


def _others(project: Project, path: str) -> list[str]:
    """Whole settings modules beside one."""
    own = PurePosixPath(path)
    flat = "settings" in own.stem.lower()
    found = []
    for other in project.files:
        one = PurePosixPath(other)
        if one.suffix != ".py" or one.parent != own.parent or one == own:
            continue
        if one.stem in _NO_WHOLE or not _DEV.isdisjoint(tokens(one.stem)):
            continue
        if not flat or "settings" in one.stem.lower():
            found.append(other)
    return found

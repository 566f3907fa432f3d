"""Where each setting gets its value in the source: the closure of the settings module, read as syntax trees."""

import ast
from collections.abc import Mapping
from dataclasses import dataclass

from scanner.facts.environment_readers import EnvironmentRead, dotted
from scanner.facts.python_modules import Modules
from scanner.facts.settings_choice import SettingsChoice
from scanner.facts.settings_origin import Assignment, Origin
from scanner.facts.settings_walk import Walk
from scanner.model import Location, Unavailable, provider
from scanner.project import Project

__all__ = ["Assignment", "EnvironmentRead", "Origin", "SettingsSource", "settings_source"]


@dataclass(frozen=True)
class SettingsSource:
    """All assignments of the settings module and the modules that it star-imports."""

    module: str
    files: tuple[str, ...]
    """The closure, in the order of execution."""
    assignments: Mapping[str, tuple[Assignment, ...]]
    """By setting, in the order of execution; nested keys are ``DATABASES.default.PASSWORD``."""
    environment_reads: Mapping[str, Location]
    """Every variable that is read anywhere in the closure -> first place."""
    unreadable: tuple[str, ...] = ()
    """Files of the closure that could not be parsed, with the reason."""
    reads: tuple[EnvironmentRead, ...] = ()
    """Every read of a variable in the closure, in the order of the source."""

    def winner(self, name: str) -> Assignment | None:
        """The last assignment that counts, as far as the source tells; None where there is none."""
        found = self.assignments.get(name, ())
        plain = [one for one in found if not one.augmented]
        return (plain or list(found))[-1] if found else None

    def place(self, name: str) -> Location:
        """Where to edit a setting: its winning assignment, else the first line of the settings module."""
        winner = self.winner(name)
        return winner.location if winner else Location(self.files[-1] if self.files else "manage.py")


@provider()
def settings_source(project: Project, choice: SettingsChoice) -> SettingsSource:
    """The assignments of the chosen settings module. Raises Unavailable where the checkout does not hold it."""
    if choice.path is None:
        raise Unavailable(f"the settings module {choice.module} is not in the checkout")
    walk = Walk(Modules(project), configuration=production_configuration(Modules(project), choice.path))
    walk.module(choice.path)
    places: dict[str, Location] = {}
    for read in walk.reads:
        places.setdefault(read.variable, read.location)
    return SettingsSource(
        module=choice.module,
        files=tuple(walk.files),
        assignments={name: tuple(items) for name, items in walk.assignments.items()},
        environment_reads=places,
        unreadable=tuple(walk.unreadable),
        reads=tuple(walk.reads),
    )


def production_configuration(modules: Modules, path: str) -> str | None:
    """The class of django-configurations that production uses; None where the module is a plain one."""
    tree = modules.tree(path)
    if not isinstance(tree, ast.Module):
        return None
    uses = any(isinstance(one, ast.ImportFrom) and (one.module or "").startswith("configurations") for one in tree.body)
    classes = [one for one in tree.body if isinstance(one, ast.ClassDef)]
    imported = {
        alias.asname or alias.name
        for one in tree.body
        if isinstance(one, ast.ImportFrom) and one.level
        for alias in one.names
    }
    derived = [one.name for one in classes if any(dotted(base).rpartition(".")[2] in imported for base in one.bases)]
    if not uses and not (derived and not any(isinstance(one, ast.Assign) for one in tree.body)):
        return None
    names = [one.name for one in classes]
    for wanted in ("Production", "Prod", "Live", "Deployment"):
        if wanted in names:
            return wanted
    return next((name for name in names if name.lower().startswith("prod")), None)

"""The PythonSource fact of modules that are given as texts."""

from collections.abc import Mapping
from pathlib import Path

from scanner.facts.python_modules import Modules
from scanner.facts.python_source import PythonSource
from scanner.project import Checkout, Project


def python_of(files: Mapping[str, str]) -> PythonSource:
    """The fact of a project with these modules, by path."""
    names = tuple(sorted(files))
    checkout = Checkout(
        root=Path("/nowhere"),
        files=names,
        tracked=frozenset(names),
        is_git=True,
        commit=None,
        dirty=False,
        _texts=dict(files),
    )
    project = Project(checkout=checkout, path=".", name="shop", manage=None, settings_module="shop.settings")
    return PythonSource(Modules(project))

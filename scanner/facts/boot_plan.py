"""How the project's production settings were loaded: what the stack must repeat so that the same application runs.

Made by ``scanner.boot`` after the settings have loaded. The Python environment is a fact of its own
(``scanner.sandbox.interface.Installed``), because it means something to one engine only.
"""

import enum
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import PurePosixPath

from scanner.facts.secrets import is_secret_key
from scanner.model import Location, Placeholder

_SHOWN = 80
"""Longest value of a placeholder in a report."""


class VariableSource(enum.StrEnum):
    """Who says what an environment variable holds. Earlier ones win over later ones."""

    OPTION = "option"
    """The user, with ``--env`` or ``--env-file``."""
    DEPLOYMENT = "deployment"
    """A deployment file of the project: unit, compose file, Dockerfile, env file …"""
    SAMPLE = "sample"
    """The project's own example file (``.env.example``)."""
    SWITCH = "switch"
    """The settings branch on it, and this is the side that they call production."""
    PLACEHOLDER = "placeholder"
    """The scanner made it up."""

    @property
    def invented(self) -> bool:
        """Nobody runs with this value in production: how it is read may be judged, what it says may not."""
        return self in {VariableSource.SAMPLE, VariableSource.PLACEHOLDER}


@dataclass(frozen=True)
class Variable:
    """One variable of the production environment."""

    name: str
    value: str = field(repr=False)
    """As the process gets it. May be a secret: it goes into the sandbox and nowhere else."""
    source: VariableSource
    why: str
    """In words for the report: ``Environment= of shop.service``, ``KeyError in config/settings.py:88``."""
    location: Location | None = None
    """Where it is written, where a file says it."""
    mark: str = ""
    """For a placeholder: a text by which it is recognised in the settings."""


@dataclass(frozen=True)
class Tree:
    """A directory of the checkout and where it lies in the sandbox, read-only."""

    source: str
    """Relative to the checkout; ``.`` for all of it."""
    target: str
    """Absolute."""


@dataclass(frozen=True)
class MadeFile:
    """A file that the settings need and the checkout does not have."""

    target: str
    """Absolute, in the sandbox."""
    content: bytes = field(repr=False)
    why: str


@dataclass(frozen=True)
class Override:
    """A setting that is replaced after the settings have loaded, so that the application starts without its services.

    Rules judge the value that was loaded, never this one.
    """

    setting: str
    value: str
    """JSON."""
    why: str


@dataclass(frozen=True)
class BootPlan:
    """What was chosen, and why; with it the settings load."""

    settings_module: str
    settings_reason: str
    settings_path: str | None
    """The module's file, relative to the checkout."""
    directory: str
    """The process's working directory in the sandbox: where the project's own directory (with ``manage.py``) lies. It
    is the production path where that is known, else ``/app``."""
    root: str
    """Where the checkout's root lies in the sandbox, as far as ``trees`` puts it there."""
    trees: tuple[Tree, ...]
    python_path: tuple[str, ...]
    """Absolute directories for PYTHONPATH, the project's own first."""
    variables: tuple[Variable, ...]
    files: tuple[MadeFile, ...] = ()
    directories: tuple[str, ...] = ()
    """Absolute directories in the sandbox that must exist and be writable."""
    overrides: tuple[Override, ...] = ()
    python_reason: str = ""
    """Why this interpreter: ``FROM python:3.13-slim in Dockerfile:11``."""
    dependencies_reason: str = ""
    """What was installed, and why: ``requirements.txt, as Dockerfile:6 installs it``."""
    notes: tuple[str, ...] = ()
    """What had to be done beside, in words for the report."""

    @property
    def environment(self) -> Mapping[str, str]:
        """The variables of the process, DJANGO_SETTINGS_MODULE included; PYTHONPATH is not in it."""
        return {
            **{variable.name: variable.value for variable in self.variables},
            "DJANGO_SETTINGS_MODULE": self.settings_module,
        }

    def variable(self, name: str) -> Variable | None:
        """The variable of that name."""
        return next((one for one in self.variables if one.name == name), None)

    @property
    def placeholders(self) -> tuple[Placeholder, ...]:
        """Everything that the scanner made up, as reports list it: values under secret-shaped names are not shown."""
        return tuple(
            Placeholder(one.name, "made up" if is_secret_key(one.name) else one.value[:_SHOWN], one.why)
            for one in self.variables
            if one.source is VariableSource.PLACEHOLDER
        )

    @property
    def choices(self) -> tuple[str, ...]:
        """What was chosen and why, and what had to be done beside: lines for a report."""
        chosen = (
            ("settings module", self.settings_reason),
            ("Python", self.python_reason),
            ("dependencies", self.dependencies_reason),
        )
        return (*(f"{what}: {why}" for what, why in chosen if why), *self.notes)

    def in_checkout(self, path: str) -> str | None:
        """A path of the sandbox as one relative to the checkout; None where it lies in no tree."""
        for tree in sorted(self.trees, key=lambda one: -len(one.target)):
            wanted = PurePosixPath(path)
            if wanted.is_relative_to(tree.target):
                inside = wanted.relative_to(tree.target)
                return str(PurePosixPath(tree.source) / inside)
        return None

"""Puts the probe application into the project's process without touching its files.

Python imports this module at its start, because its directory comes first in PYTHONPATH. It runs the module of the same
name that it hides, if there is one, and then waits for ``django.conf``: once that is loaded, every loading of the
settings appends the probe application's middleware and applies the replacements that the start-up needs.

So the project's own ``wsgi.py`` or ``asgi.py``, its environment loading and its server's command run as they are, in
their own order. Standard library, Python 3.8, nothing of ours.
"""

from __future__ import annotations

import importlib.util
import json
import os
import sys
from importlib.machinery import PathFinder
from typing import Any

HERE = os.path.dirname(os.path.abspath(__file__))
MIDDLEWARE = "seatrial_probe.Middleware"
TARGET = "django.conf"


def run_hidden() -> None:
    """Run the ``sitecustomize`` that this one hides (tracing libraries bring one)."""
    others = [entry for entry in sys.path if os.path.abspath(entry or os.curdir) != HERE]
    spec = PathFinder.find_spec("sitecustomize", others)
    if spec is None or spec.loader is None:
        return
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)


class Loader:
    """Loads a module as its own loader does, then changes it."""

    def __init__(self, loader: Any) -> None:
        self.loader = loader

    def create_module(self, spec: Any) -> Any:
        """As the module's own loader."""
        return self.loader.create_module(spec)

    def exec_module(self, module: Any) -> None:
        """As the module's own loader; then watch the settings."""
        self.loader.exec_module(module)
        watch(module.LazySettings)

    def __getattr__(self, name: str) -> Any:
        """Everything else (``get_source``, ``is_package`` …) is the module's own loader's."""
        return getattr(self.loader, name)


class Finder:
    """Finds ``django.conf`` once, and then takes itself away."""

    def find_spec(self, name: str, path: Any = None, target: Any = None) -> Any:
        """The spec of ``django.conf`` with our loader; None for every other module."""
        if name != TARGET:
            return None
        sys.meta_path.remove(self)
        spec = importlib.util.find_spec(name)
        if spec is not None and spec.loader is not None:
            loader: Any = Loader(spec.loader)
            spec.loader = loader
        return spec


def watch(lazy_settings: Any) -> None:
    """Change the settings right after each of the two ways in which they are loaded."""
    for name in ("_setup", "configure"):
        setattr(lazy_settings, name, changing(getattr(lazy_settings, name)))


def changing(load: Any) -> Any:
    """The function that loads the settings, with the change after it."""

    def loading(self: Any, *args: Any, **options: Any) -> Any:
        result = load(self, *args, **options)
        change(self._wrapped)
        return result

    return loading


def change(settings: Any) -> None:
    """Apply the replacements and append the middleware, innermost, so that all of the project's act before it."""
    for name, value in json.loads(os.environ.get("SEATRIAL_OVERRIDES") or "{}").items():
        setattr(settings, name, value)
    if os.environ.get("SEATRIAL_NONCE"):
        present = list(getattr(settings, "MIDDLEWARE", None) or ())
        if MIDDLEWARE not in present:
            settings.MIDDLEWARE = [*present, MIDDLEWARE]


sys.meta_path.insert(0, Finder())
run_hidden()

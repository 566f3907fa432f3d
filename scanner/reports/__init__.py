"""Every output of a scan: one module a format, each with ``NAME`` and a pure ``render(report) -> str``.

No clock, no environment, no file, no network, and no comparison of severities: what blocks was decided by policy, and
what differs between runs stands in the model. Nothing is registered: the package is walked.
"""

import importlib
import pkgutil
from collections.abc import Callable, Mapping

from scanner.model import Report

Renderer = Callable[[Report], str]


def renderers() -> Mapping[str, Renderer]:
    """The renderers by their names, sorted: every module of this package that has ``NAME`` and ``render``."""
    found: dict[str, Renderer] = {}
    for info in pkgutil.iter_modules(__path__):
        module = importlib.import_module(f"{__name__}.{info.name}")
        name, render = getattr(module, "NAME", None), getattr(module, "render", None)
        if isinstance(name, str) and callable(render):
            found[name] = render
    return dict(sorted(found.items()))

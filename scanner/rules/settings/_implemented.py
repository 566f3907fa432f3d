"""Whether a rule of that id is in this version.

A check's message must not get lost because its owner has not been written yet.
"""

import functools
from pathlib import Path

import scanner.rules


@functools.cache
def _modules() -> frozenset[str]:
    return frozenset(path.stem for root in scanner.rules.__path__ for path in Path(root).glob("*/[!_]*.py"))


def implemented(rule: str) -> bool:
    """Whether there is a module of that rule."""
    return rule.replace("-", "_") in _modules()

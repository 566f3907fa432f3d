"""Whether a rule of that id is in this version.

A check's message must not get lost because its owner has not been written yet.
"""

import functools
import pkgutil

import scanner.rules


@functools.cache
def _modules() -> frozenset[str]:
    found = set()
    for topic in pkgutil.iter_modules(scanner.rules.__path__, "scanner.rules."):
        package = topic.module_finder.find_spec(topic.name)  # type: ignore[call-arg]  # the finder of files takes one
        if topic.ispkg and package is not None and package.submodule_search_locations is not None:
            found |= {one.name for one in pkgutil.iter_modules(list(package.submodule_search_locations))}
    return frozenset(found)


def implemented(rule: str) -> bool:
    """Whether there is a module of that rule."""
    return rule.replace("-", "_") in _modules()

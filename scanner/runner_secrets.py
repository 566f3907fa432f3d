"""Secrets that a runner puts into our environment: taken out before any other process is started."""

from collections.abc import MutableMapping

TOKENS = frozenset({"INPUT_TOKEN", "GITHUB_TOKEN"})
RUNNERS_OWN = "ACTIONS_"
"""Whoever reads these can poison caches, upload artifacts and ask for an identity token."""


def taken(environment: MutableMapping[str, str]) -> dict[str, str]:
    """A copy of the environment; what is secret in it is removed from the original, which processes inherit.

    The copy keeps the token for the comment, and nothing of the runner's own.
    """
    kept = {name: value for name, value in environment.items() if not name.startswith(RUNNERS_OWN)}
    for name in [name for name in environment if name in TOKENS or name.startswith(RUNNERS_OWN)]:
        del environment[name]
    return kept

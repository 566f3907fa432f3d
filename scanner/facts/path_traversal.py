"""Whether files beside a served directory can be fetched."""

from dataclasses import dataclass

from scanner.model import Exchange, Location


@dataclass(frozen=True)
class TraversalAttempt:
    """One request that tries to leave a directory."""

    kind: str
    """``alias`` or ``internal``."""
    location: Location
    """The nginx location."""
    prefix: str
    target: str
    status: int | None
    canary: str | None
    """The path of the canary whose content came back; None: it did not."""
    exchange: Exchange


@dataclass(frozen=True)
class PathTraversal:
    """The answers of probe ``path-traversal``."""

    attempts: tuple[TraversalAttempt, ...]
    not_asked: tuple[str, ...] = ()

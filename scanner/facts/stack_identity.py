"""Whether the stack that answers is ours, and where the probe application can be reached."""

import enum
from dataclasses import dataclass

from scanner.model import Exchange


class Reached(enum.StrEnum):
    """By which scheme the probe application answered."""

    HTTPS = "https"
    HTTP = "http"
    NONE = "none"


@dataclass(frozen=True)
class StackIdentity:
    """The answer of probe ``stack-identity``."""

    reached: Reached
    prefixes: tuple[str, ...]
    """Path prefixes under which the probe application answers, the shortest first; ``""`` is the root."""
    why_not: str
    home: Exchange
    instrumented: bool
    asgi: bool
    prober_trusted: str | None
    """The range in the app server's or proxy's trust list that holds the prober, where there is one."""
    not_asked: tuple[str, ...] = ()

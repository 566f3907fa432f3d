"""Where redirects lead."""

import enum
from dataclasses import dataclass

from scanner.model import Exchange


class End(enum.StrEnum):
    """How a chain ends."""

    ANSWER = "answer"
    LOOP = "loop"
    TOO_MANY = "too-many"
    LEFT_SITE = "left-site"
    NO_ANSWER = "no-answer"


@dataclass(frozen=True)
class Hop:
    """One request of a chain."""

    url: str
    status: int | None
    location: str | None
    exchange: Exchange


@dataclass(frozen=True)
class Chain:
    """All hops from one start."""

    start: str
    hops: tuple[Hop, ...]
    end: End


@dataclass(frozen=True)
class RedirectChain:
    """The answers of probe ``redirect-chain``."""

    chains: tuple[Chain, ...]
    not_asked: tuple[str, ...] = ()

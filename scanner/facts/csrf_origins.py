"""Which origins may post with a valid token."""

from dataclasses import dataclass

from scanner.model import Exchange


@dataclass(frozen=True)
class CsrfAttempt:
    """One POST."""

    origin: str | None
    referer: str | None
    token_matches: bool
    status: int | None
    by_proxy: bool
    exchange: Exchange


@dataclass(frozen=True)
class CsrfOrigins:
    """The answers of probe ``csrf-origins``."""

    attempts: tuple[CsrfAttempt, ...]
    not_asked: tuple[str, ...] = ()

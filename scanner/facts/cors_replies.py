"""Which origins may read the site's answers."""

from dataclasses import dataclass

from scanner.model import Exchange, Location


@dataclass(frozen=True)
class CorsAttempt:
    """One request with an Origin."""

    target: str
    location: Location | None
    """The place of the configuration that took it."""
    method: str
    origin: str
    allow_origin: str | None
    """Access-Control-Allow-Origin, as it came."""
    allow_credentials: bool
    vary_origin: bool
    exchange: Exchange

    @property
    def is_allowed(self) -> bool:
        """A page of that origin may read the answer."""
        return self.allow_origin == "*" or (self.allow_origin or "").lower() == self.origin.lower()


@dataclass(frozen=True)
class CorsReplies:
    """The answers of probe ``cors-replies``."""

    attempts: tuple[CorsAttempt, ...]
    not_asked: tuple[str, ...] = ()

    def allowed(self, *origins: str) -> tuple[CorsAttempt, ...]:
        """The attempts with one of these origins (all, without any) that a page could have read."""
        return tuple(one for one in self.attempts if one.is_allowed and (not origins or one.origin in origins))

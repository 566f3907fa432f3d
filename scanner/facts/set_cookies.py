"""The cookies that the site sets, without their values."""

import enum
from dataclasses import dataclass

from scanner.model import Door, Exchange


class CookiePurpose(enum.StrEnum):
    """What a cookie is for, by the names in the settings."""

    SESSION = "session"
    CSRF = "csrf"
    LANGUAGE = "language"
    MESSAGES = "messages"
    OTHER = "other"


@dataclass(frozen=True)
class CookieSeen:
    """One Set-Cookie line (RFC 6265)."""

    name: str
    purpose: CookiePurpose
    secure: bool
    http_only: bool
    same_site: str | None
    path: str | None
    domain: str | None
    max_age: int | None
    door: Door
    target: str
    exchange: Exchange


@dataclass(frozen=True)
class SetCookies:
    """The answers of probe ``set-cookies``."""

    cookies: tuple[CookieSeen, ...]
    assumed_edge: bool = False
    not_asked: tuple[str, ...] = ()

    def of(self, purpose: CookiePurpose, scheme: str = "https") -> tuple[CookieSeen, ...]:
        """The cookies of that purpose set through doors of that scheme (all doors under an assumed edge)."""
        return tuple(
            one for one in self.cookies if one.purpose is purpose and (self.assumed_edge or one.door.scheme == scheme)
        )

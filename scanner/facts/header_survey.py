"""The headers of every kind of answer that a site gives."""

import enum
from dataclasses import dataclass

from scanner.model import Door, Exchange, Location


class MadeBy(enum.StrEnum):
    """Who made an answer."""

    DJANGO = "django"
    PROXY = "proxy"
    UNKNOWN = "unknown"


@dataclass(frozen=True)
class HstsPolicy:
    """One Strict-Transport-Security header (RFC 6797)."""

    max_age: int | None
    """Seconds."""
    include_subdomains: bool
    preload: bool
    valid: bool
    raw: str


@dataclass(frozen=True)
class KindHeaders:
    """The raw header lines of one answer, never joined."""

    kind: str
    """``page``, ``home``, ``login``, ``not-found``, ``error``, ``bad-host``, ``redirect-ssl``, ``redirect-django``,
    ``static``, ``static-missing``, ``media``, ``proxy-405``, ``proxy-413``, ``proxy-400``."""
    door: Door
    target: str
    status: int
    made_by: MadeBy
    headers: tuple[tuple[str, str], ...]
    location: Location | None
    """The nginx location that it went through."""
    html: bool
    exchange: Exchange

    def values(self, name: str) -> tuple[str, ...]:
        """All values of a header in this answer."""
        wanted = name.lower()
        return tuple(value for key, value in self.headers if key.lower() == wanted)

    def hsts(self) -> tuple[HstsPolicy, ...]:
        """All HSTS policies of this answer, in the order received; browsers use the first (RFC 6797, 8.1)."""
        return tuple(parse_hsts(value) for value in self.values("strict-transport-security"))


@dataclass(frozen=True)
class HeaderSurvey:
    """The answers of probe ``header-survey``."""

    seen: tuple[KindHeaders, ...]
    assumed_edge: bool = False
    """TLS ends in front of this proxy: https answers were asked for as a load balancer would."""
    not_asked: tuple[str, ...] = ()

    def of(self, *kinds: str, scheme: str = "https") -> tuple[KindHeaders, ...]:
        """The answers of these kinds through doors of that scheme (through all doors under an assumed edge)."""
        return tuple(one for one in self.seen if one.kind in kinds and (self.assumed_edge or one.door.scheme == scheme))


def parse_hsts(value: str) -> HstsPolicy:
    """Read a Strict-Transport-Security value as RFC 6797, 6.1 has it; a repeated or missing max-age is invalid."""
    ages: list[int] = []
    names: list[str] = []
    valid = True
    for part in value.split(";"):
        name, _, text = part.strip().partition("=")
        key = name.strip().lower()
        if not key:
            continue
        names.append(key)
        if key == "max-age":
            digits = text.strip().strip('"')
            valid = valid and digits.isdecimal() and digits.isascii()
            ages.extend([int(digits)] if digits.isdecimal() and digits.isascii() else [])
    valid = valid and names.count("max-age") == 1 and len(set(names)) == len(names)
    return HstsPolicy(
        max_age=ages[0] if ages else None,
        include_subdomains="includesubdomains" in names,
        preload="preload" in names,
        valid=valid,
        raw=value,
    )

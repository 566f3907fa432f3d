"""Who serves the static files."""

import enum
from dataclasses import dataclass

from scanner.model import Exchange


class ServedBy(enum.StrEnum):
    """Whose tree the file came from."""

    PROXY = "proxy"
    APP = "app"
    NOBODY = "nobody"


@dataclass(frozen=True)
class StaticFile:
    """The answers of probe ``static-file``."""

    served_by: ServedBy
    status: int | None
    content_type: str
    headers: tuple[tuple[str, str], ...]
    plain_status: int | None
    foreign_host_status: int | None
    collected: bool
    """collectstatic succeeded in the stack."""
    alias: str | None
    """The proxy's directory for STATIC_URL, where it has one."""
    assumed_place: bool
    """No production path of STATIC_ROOT is known; the canary was put where the alias points."""
    exchanges: tuple[Exchange, ...]
    not_asked: tuple[str, ...] = ()

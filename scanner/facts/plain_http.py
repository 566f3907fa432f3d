"""What the plain doors answer."""

import enum
from dataclasses import dataclass

from scanner.model import Door, Exchange


class PlainKind(enum.StrEnum):
    """What was asked for."""

    PAGE = "page"
    POST = "post"
    APP = "app"
    STATIC = "static"
    ACME = "acme"
    EXEMPT = "exempt"
    NAME = "name"


@dataclass(frozen=True)
class PlainAnswer:
    """One answer over plain HTTP."""

    kind: PlainKind
    name: str
    """The Host asked for."""
    target: str
    door: Door
    status: int | None
    """None: the connection was closed or refused."""
    location: str | None
    """The response's Location header."""
    keeps_path: bool
    keeps_host: bool
    by_app: bool
    """The application answered, not the proxy."""
    exchange: Exchange

    @property
    def redirects_to_https(self) -> bool:
        """It is a redirect to an https address."""
        return self.status in {301, 302, 303, 307, 308} and (self.location or "").lower().startswith("https://")

    @property
    def refused(self) -> bool:
        """Closed, or refused with 403, 404, 405, 410, 421 by the proxy itself."""
        return self.status is None or (self.status in {400, 403, 404, 405, 410, 421} and not self.by_app)


@dataclass(frozen=True)
class PlainHttp:
    """The answers of probe ``plain-http``; no doors is good."""

    doors: tuple[Door, ...]
    answers: tuple[PlainAnswer, ...]
    not_asked: tuple[str, ...] = ()

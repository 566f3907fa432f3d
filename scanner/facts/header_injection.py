"""Whether a path can write lines of its own into an answer."""

from dataclasses import dataclass

from scanner.model import Exchange, Location


@dataclass(frozen=True)
class InjectionAttempt:
    """One request with an encoded line end in its path."""

    target: str
    location: Location | None
    """The place of the nginx configuration that it went to: a location, or the server where none takes it."""
    directive: Location
    """The line there that puts the decoded path into a header or a request line."""
    header: str
    """The name that the path holds."""
    injected: bool
    """The answer, or what the application got, has a header of that name."""
    status: int | None
    exchange: Exchange


@dataclass(frozen=True)
class HeaderInjection:
    """The answers of probe ``header-injection``."""

    attempts: tuple[InjectionAttempt, ...]
    not_asked: tuple[str, ...] = ()

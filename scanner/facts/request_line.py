"""What becomes of request lines and Host headers that no browser sends."""

from dataclasses import dataclass

from scanner.model import Door, Exchange, Location


@dataclass(frozen=True)
class LineAttempt:
    """One odd request."""

    variant: str
    """``absolute``, ``two-hosts``, ``no-host``, ``http-1.0``, ``nul``, ``tab-in-host``, ``no-slash``, ``long-header``,
    ``long-target``."""
    door: Door
    location: Location | None
    """The nginx location to which the proxy gives such a request; None where it gives it to none that is known."""
    status: int | None
    echoed_host: str | None
    """``request.get_host()``; None where the probe application did not answer."""
    by_proxy: bool
    """The answer is a page that the proxy itself writes."""
    exchange: Exchange

    @property
    def refused_by_app(self) -> bool:
        """The application got the request and answered 400."""
        return self.status == 400 and not self.by_proxy


@dataclass(frozen=True)
class RequestLine:
    """The answers of probe ``request-line``."""

    evil: str
    """The foreign name that was sent."""
    attempts: tuple[LineAttempt, ...]
    not_asked: tuple[str, ...] = ()

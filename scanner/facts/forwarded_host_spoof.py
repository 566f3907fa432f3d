"""Whether a client can tell Django which host and port it asked for."""

from dataclasses import dataclass

from scanner.model import Door, Exchange, Location


@dataclass(frozen=True)
class ForwardedAttempt:
    """One forged header."""

    door: Door
    location: Location | None
    """The nginx location that it went through."""
    header: str
    value: str
    repeated: bool
    """The header was sent twice, first with the site's own name."""
    status: int | None
    host: str | None
    """``request.get_host()``; None where the probe application did not answer."""
    absolute: str | None
    """``request.build_absolute_uri("/x")``."""
    baseline_host: str
    """The host without the header."""
    baseline_absolute: str
    reached_app: bool
    """The forged value is among the request's headers as Django has them."""
    exchange: Exchange

    @property
    def changed(self) -> bool:
        """The client decided the host or the port."""
        return self.host is not None and (self.host, self.absolute) != (self.baseline_host, self.baseline_absolute)

    @property
    def refused(self) -> bool:
        """Django read the forged name, and ``ALLOWED_HOSTS`` refused it."""
        return self.host is None and self.status == 400


@dataclass(frozen=True)
class ForwardedHostSpoof:
    """The answers of probe ``forwarded-host-spoof``."""

    attempts: tuple[ForwardedAttempt, ...]
    not_asked: tuple[str, ...] = ()

    def at(self, location: Location, header: str) -> tuple[ForwardedAttempt, ...]:
        """The attempts with that header that went through the nginx location that begins there."""
        return tuple(
            one
            for one in self.attempts
            if one.header == header
            and one.location is not None
            and (one.location.path, one.location.line, one.location.column)
            == (location.path, location.line, location.column)
        )

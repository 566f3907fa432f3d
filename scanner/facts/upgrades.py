"""Who may turn a connection into something else than HTTP."""

from dataclasses import dataclass

from scanner.model import Exchange, Location


@dataclass(frozen=True)
class UpgradeAttempt:
    """One handshake."""

    kind: str
    """``websocket``."""
    target: str
    origin: str
    own: bool
    """The origin is the site's own."""
    status: int | None
    """101 where the connection was handed over."""
    location: Location | None
    """The place of the configuration that took it."""
    exchange: Exchange


@dataclass(frozen=True)
class Upgrades:
    """The answers of probe ``upgrades``: only of targets at which the site's own origin is let in."""

    attempts: tuple[UpgradeAttempt, ...]
    not_asked: tuple[str, ...] = ()

    @property
    def strangers(self) -> tuple[UpgradeAttempt, ...]:
        """The handshakes of other origins."""
        return tuple(one for one in self.attempts if not one.own)

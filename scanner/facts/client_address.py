"""Whether a client can tell the application which address it comes from."""

from dataclasses import dataclass

from scanner.model import Door, Exchange, Location


@dataclass(frozen=True)
class AddressAttempt:
    """One request with a forged address."""

    door: Door
    location: Location | None
    """The nginx location that it went through."""
    header: str
    """The forged header."""
    value: str
    """As it was sent."""
    remote_addr: str | None
    """What the application took for the client's address; None: the probe application did not answer."""
    real_ip: str | None
    """X-Real-IP as it arrived."""
    forwarded_for: str | None
    """X-Forwarded-For as it arrived."""
    arrived: bool
    """The forged header reached the application as it was sent, and was not there without it."""
    exchange: Exchange

    @property
    def believed(self) -> bool:
        """The forged address became the client's."""
        return bool(self.remote_addr) and str(self.remote_addr) in self.value.split(", ")

    @property
    def leftmost(self) -> str | None:
        """The first item of X-Forwarded-For as it arrived."""
        return self.forwarded_for.partition(",")[0].strip() if self.forwarded_for else None


@dataclass(frozen=True)
class ClientAddress:
    """The answers of probe ``client-address``."""

    baseline: str | None
    """REMOTE_ADDR of a request without any such header."""
    prober: str
    """The address from which the stack is asked."""
    attempts: tuple[AddressAttempt, ...]
    not_asked: tuple[str, ...] = ()

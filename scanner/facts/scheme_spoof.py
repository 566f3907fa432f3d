"""Whether a client can tell Django which scheme it used."""

from dataclasses import dataclass

from scanner.model import Door, Exchange, Location


@dataclass(frozen=True)
class SchemeAttempt:
    """One forged header."""

    door: Door
    location: Location | None
    """The nginx location that it went through."""
    prefix: str
    headers: tuple[tuple[str, str], ...]
    """The forged header lines."""
    status: int | None
    secure: bool | None
    """``request.is_secure()`` under the forged header; None: the probe application did not answer."""
    baseline: bool | None
    """The same without it."""
    contradictory: bool
    """The app server refused with "Contradictory scheme headers"."""
    seen_as: tuple[tuple[str, str], ...]
    """The META entries in which the forged value arrived."""
    exchange: Exchange

    @property
    def changed(self) -> bool:
        """The client decided the scheme."""
        return self.secure is not None and self.baseline is not None and self.secure != self.baseline


@dataclass(frozen=True)
class SchemeSpoof:
    """The answers of probe ``scheme-spoof``."""

    attempts: tuple[SchemeAttempt, ...]
    not_asked: tuple[str, ...] = ()

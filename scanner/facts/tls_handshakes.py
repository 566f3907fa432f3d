"""Which versions and ciphers of TLS the proxy agrees to."""

import enum
from dataclasses import dataclass

from scanner.model import Door, Exchange


class Handshake(enum.StrEnum):
    """What became of an offer."""

    DONE = "done"
    REFUSED = "refused"
    CLIENT_CANNOT = "client-cannot"
    """The prober does not have what was to be offered, or did not get to offer it: nothing was asked."""


@dataclass(frozen=True)
class VersionSeen:
    """One version, offered alone."""

    door: Door
    name: str
    """The server name that was asked for."""
    version: str
    """As nginx writes it: ``TLSv1.1``."""
    outcome: Handshake
    cipher: str
    exchange: Exchange


@dataclass(frozen=True)
class GroupSeen:
    """One group of ciphers, offered alone with TLS 1.2."""

    door: Door
    name: str
    group: str
    """``ecdhe``, ``dhe``, ``rsa`` (no forward secrecy), ``null``, ``anonymous``."""
    outcome: Handshake
    cipher: str
    exchange: Exchange


@dataclass(frozen=True)
class TlsHandshakes:
    """The answers of probe ``tls-handshakes``."""

    versions: tuple[VersionSeen, ...]
    groups: tuple[GroupSeen, ...]
    nginx_version: str = ""
    """Of the proxy in the stack: what decides has changed with a version of nginx."""
    not_asked: tuple[str, ...] = ()

    def version(self, name: str, version: str) -> tuple[VersionSeen, ...]:
        """What became of that version under that server name, at every door."""
        return tuple(one for one in self.versions if one.name == name and one.version == version)

"""Where the proxy ends TLS, and which server's lines decide there."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from scanner.nginx.effective import Configuration, Server, Socket

OWN_PROTOCOLS_SINCE: Final = (1, 29, 2)
"""From this version of nginx on each server's own ``ssl_protocols`` decides; before, the default server's does."""
_VERSION: Final = re.compile(r"\d+")


@dataclass(frozen=True, eq=False)
class TlsListener:
    """One server on one socket with TLS that other machines reach."""

    configuration: Configuration
    socket: Socket
    server: Server

    @property
    def default(self) -> Server:
        """The server that nginx takes before it knows the name."""
        return self.socket.default_server


def tls_listeners(configuration: Configuration) -> Iterator[TlsListener]:
    """Every server that completes handshakes, once for each of its sockets with TLS.

    Left out are servers that no request reaches and those that reject every handshake.
    """
    for socket in configuration.sockets():
        if not socket.tls or socket.is_private or socket.address.startswith("unix:"):
            continue
        for server in socket.servers:
            if configuration.is_choosable(server) and not rejects_handshakes(server):
                yield TlsListener(configuration, socket, server)


def rejects_handshakes(server: Server) -> bool:
    """Whether a server ends every handshake with an alert."""
    return server.effective("ssl_reject_handshake").text == "on"


def version_of(text: str | None) -> tuple[int, ...] | None:
    """``1.27.3`` as numbers; None where the version is not known. ``1.27`` stands for its last release."""
    numbers = tuple(int(part) for part in _VERSION.findall(text or ""))[:3]
    if len(numbers) < 2:
        return None
    return numbers if len(numbers) == 3 else (*numbers, 999)


def protocol_deciders(listener: TlsListener, version: tuple[int, ...] | None) -> tuple[Server, ...]:
    """The servers whose ``ssl_protocols`` may decide for a listener's names: one where the version is known."""
    if version is None:
        return tuple(dict.fromkeys((listener.default, listener.server)))
    return (listener.server,) if version >= OWN_PROTOCOLS_SINCE else (listener.default,)

"""The lines by which the proxy itself sends plain requests to https."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from scanner.facts.edge import plain_sockets
from scanner.nginx.effective import Configuration, Directive, LocationBlock, Redirect, RequestShape, Server

_PATH: Final = re.compile(r"\$\{?(?:request_uri|uri|document_uri|[1-9])")
_NAMED: Final = re.compile(r"\$\{?[a-z_]\w*\}?")


@dataclass(frozen=True, eq=False)
class HttpsRedirect:
    """One redirect from http to https."""

    server: Server
    place: Server | LocationBlock
    reply: Redirect
    to_this_site: bool
    """The target's host is a variable, or a name of one of the configuration's servers."""

    @property
    def status(self) -> int:
        """301, 302, 303, 307 or 308."""
        return self.reply.status

    @property
    def directive(self) -> Directive:
        """The ``return`` or ``rewrite``."""
        return self.reply.directive

    @property
    def host(self) -> str:
        """The host of the target as written: ``$host``, ``shop.example``."""
        return self.reply.host

    @property
    def symbol(self) -> str:
        """Stable identity of the place that redirects."""
        return self.place.symbol

    @property
    def keeps_path(self) -> bool:
        """Whether it leads to the same page of this site: the path goes with it."""
        return self.to_this_site and bool(_PATH.search(self.reply.target))


def https_redirects(configuration: Configuration, host: str = "") -> tuple[HttpsRedirect, ...]:
    """The redirects to https of the sockets without TLS that other machines reach, each line once per server.

    With a ``host``: those that a request for that name gets. Without: those for each server's own first name.
    """
    key = (HttpsRedirect, host)
    kept = configuration.kept.get(key)
    if not isinstance(kept, _Kept):
        kept = configuration.kept[key] = _Kept(tuple(_https_redirects(configuration, host)))
    return kept.redirects


@dataclass(frozen=True, eq=False)
class _Kept:
    """Several rules ask the same: the answer is kept."""

    redirects: tuple[HttpsRedirect, ...]


def _https_redirects(configuration: Configuration, host: str) -> Iterator[HttpsRedirect]:
    for server in configuration.servers:
        sockets = plain_sockets(configuration, server)
        if host:
            sockets = tuple(socket for socket in sockets if socket.server_for(host) is server)
        if not sockets or not configuration.is_choosable(server):
            continue
        shape = RequestShape(
            tls=False, host=host or next(iter(server.concrete_names), ""), port=sockets[0].port or None
        )
        seen: set[Directive] = set()
        for place in configuration.reachable_places(server):
            for reply in configuration.replies(place, shape):
                if isinstance(reply, Redirect) and reply.https and reply.directive not in seen:
                    seen.add(reply.directive)
                    yield HttpsRedirect(server, place, reply, _is_here(configuration, reply.host))


def _is_here(configuration: Configuration, host: str) -> bool:
    name = host.partition(":")[0]
    if _NAMED.search(name):
        return True
    return any(one.matches(name) is not None for server in configuration.servers for one in server.names)

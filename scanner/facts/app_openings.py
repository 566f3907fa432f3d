"""Where an app server can be reached from other machines: the addresses that it binds, the ports that are published."""

from collections.abc import Iterator
from dataclasses import dataclass

from scanner.facts.app_servers import AppServer, Bind
from scanner.facts.compose import Compose, Port, Service
from scanner.model import Evidence, Location, quoted


@dataclass(frozen=True)
class Opening:
    """One public address of an app server."""

    symbol: str
    """``unit shop.service``, ``service web``."""
    location: Location
    """The line that opens it."""
    words: str
    """How, behind the symbol: ``listens on `0.0.0.0:8000```."""
    port: int | None
    evidence: tuple[Evidence, ...]
    published: Port | None = None


def openings(server: AppServer, compose: Compose | None) -> Iterator[Opening]:
    """The public addresses of an app server: on a host what it binds, in a container what is published."""
    if server.container is None:
        for bind in server.binds:
            given_by_nobody_here = bind.fd and bind.port is None
            if not bind.loopback and not given_by_nobody_here:
                yield Opening(
                    server.artefact, bind.location, f"listens on {quoted(bind)}", bind.port, (_listens(bind),)
                )
        return
    for service in _services(server, compose):
        yield from _published(server, service)


def _services(server: AppServer, compose: Compose | None) -> Iterator[Service]:
    for project in compose.projects if compose else ():
        for service in project.services:
            if service.name == server.container and service.location.path == server.location.path:
                yield service
                return
    for project in compose.projects if compose else ():
        service_or_none = project.service(server.container or "")
        if service_or_none is not None:
            yield service_or_none
            return


def _published(server: AppServer, service: Service) -> Iterator[Opening]:
    binds = [bind for bind in server.binds if bind.port is not None and not bind.loopback]
    symbol = f"service {service.name}"
    for port in service.ports:
        bind = next((one for one in binds if one.port == port.target), None)
        if bind is not None and port.public:
            words = f"is published on {quoted(_outside(port))}"
            yield Opening(symbol, port.location, words, bind.port, (_listens(bind),), port)
    if service.network_mode == "host":
        for bind in binds:
            yield Opening(symbol, service.location, f"listens on {quoted(bind)} in the host's network", bind.port, ())


def _outside(port: Port) -> str:
    return f"{port.host}:{port.published or 'random'}"


def _listens(bind: Bind) -> Evidence:
    return Evidence(f"the server listens on {bind}", bind.location)

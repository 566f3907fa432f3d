"""Where the proxy hands requests to Django: nginx's locations joined with the app servers and the settings."""

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import cached_property

from scanner.facts.app_server_types import Bind
from scanner.facts.app_servers import AppServer, AppServers
from scanner.facts.compose import Compose, Service, ServiceRole
from scanner.facts.nginx import Nginx
from scanner.facts.settings import Settings
from scanner.facts.topology import PeerKind, TlsEnd, Topology
from scanner.model import Door, Location, Unknown
from scanner.nginx.effective import (
    Configuration,
    Endpoint,
    Level,
    LocationBlock,
    Proxied,
    Proxy,
    RequestShape,
    Server,
    Socket,
)

OTHER_HOST = "other"
"""The peer's address where the proxy runs on another host or in another container."""
_OTHER_PROGRAMS = frozenset(
    {
        *("storage", "minio", "s3", "frontend", "front", "client", "react", "vue", "angular", "next", "nextjs", "nuxt"),
        *("node", "nodejs", "grafana", "prometheus", "kibana", "flower", "pgadmin", "adminer", "rabbitmq", "php"),
        *("keycloak", "certbot", "mailhog", "jenkins", "elasticsearch", "vite", "storybook", "anubis", "authelia"),
        *("authentik", "imgproxy", "thumbor", "meilisearch", "onlyoffice", "collabora", "mailpit"),
        *("collaboration", "yprovider", "hocuspocus", "addons"),
    }
)
_OTHER_EDGES = ("traefik", "caddy", "haproxy", "envoy", "nginx-proxy", "swag", "cloudflared", "tunnel", "pomerium")
_Listeners = tuple[tuple[str | None, tuple[Bind, ...]], ...]
"""Of each app server, its container and the addresses that it listens at."""


@dataclass(frozen=True, eq=False)
class DjangoPlace:
    """One reachable location that hands requests to Django."""

    configuration: Configuration
    location: LocationBlock
    level: Level
    """The level that does: the location itself, or an ``if`` in it."""
    proxy: Proxy

    @property
    def server(self) -> Server:
        """The server that it belongs to."""
        return self.location.server

    @property
    def over_tls(self) -> bool:
        """Whether requests come here through TLS."""
        return any(socket.tls for socket in self.configuration.sockets_for(self.server))

    @property
    def over_plain(self) -> bool:
        """Whether a plain request from another machine gets here and is handed on."""
        if not plain_sockets(self.configuration, self.server):
            return False
        host = next(iter(self.server.concrete_names), "")
        found = self.configuration.replies(self.location, RequestShape(tls=False, host=host))
        return any(isinstance(reply, Proxied) for reply in found)

    @property
    def local_only(self) -> bool:
        """Whether every socket of its server is on loopback or a unix socket: something else is in front of it."""
        return all(listen.is_loopback for listen in self.server.listens)

    def is_at(self, location: Location | None) -> bool:
        """Whether a place that a probe names is this location."""
        return same_place(self.location.location, location)


def same_place(one: Location, other: Location | None) -> bool:
    """Whether two locations begin at the same character."""
    return other is not None and (one.path, one.line, one.column) == (other.path, other.line, other.column)


def plain_sockets(configuration: Configuration, server: Server) -> tuple[Socket, ...]:
    """The sockets of a server that other machines reach without TLS."""
    return tuple([one for one in configuration.sockets_for(server) if not one.tls and not one.is_private])


def judged(nginx: Nginx | None) -> tuple[Configuration, ...]:
    """The configurations that rules judge: samples are none that runs."""
    if nginx is None:
        return ()
    return nginx.judged


def django_places(
    configuration: Configuration, servers: AppServers | None, settings: Settings | None
) -> tuple[DjangoPlace, ...]:
    """The Django locations of a configuration, in the order of the file."""
    return _kept(configuration, servers, settings).places


def django_servers(
    configuration: Configuration, servers: AppServers | None, settings: Settings | None
) -> frozenset[Server]:
    """The servers of a configuration that hand requests to Django."""
    return _kept(configuration, servers, settings).servers_of


def django_blocks(
    configuration: Configuration, servers: AppServers | None, settings: Settings | None
) -> frozenset[LocationBlock]:
    """The locations of a configuration that hand requests to Django."""
    return _kept(configuration, servers, settings).blocks


def _kept(configuration: Configuration, servers: AppServers | None, settings: Settings | None) -> "_Kept":
    key = (DjangoPlace, id(servers), id(settings))
    kept = configuration.kept.get(key)
    if not isinstance(kept, _Kept):
        kept = configuration.kept[key] = _Kept(servers, settings, _places_for(configuration, servers, settings))
    return kept


@dataclass(frozen=True, eq=False)
class _Kept:
    """Many rules ask, some of them once a server: the answer is kept, with what it was asked for."""

    servers: AppServers | None
    settings: Settings | None
    places: tuple[DjangoPlace, ...]

    @cached_property
    def servers_of(self) -> frozenset[Server]:
        """The servers of these places."""
        return frozenset(place.server for place in self.places)

    @cached_property
    def blocks(self) -> frozenset[LocationBlock]:
        """The locations of these places."""
        return frozenset(place.location for place in self.places)


def _places_for(
    configuration: Configuration, servers: AppServers | None, settings: Settings | None
) -> tuple[DjangoPlace, ...]:
    under = [settings.value(name) for name in ("STATIC_URL", "MEDIA_URL")] if settings else ["/static/", "/media/"]
    not_under = [url for url in under if isinstance(url, str)]
    listeners = tuple((one.container, one.binds) for one in servers.servers) if servers is not None else ()
    places = []
    for location in configuration.django_locations(servers.addresses if servers is not None else (), not_under):
        passing = next(
            ((level, proxy) for level in location.levels if (proxy := configuration.proxy(level)) is not None), None
        )
        if passing is not None:
            places.append(DjangoPlace(configuration, location, *passing))
    return tuple(place for place in places if _is_known(place, listeners) or not _is_another_program(place))


def _is_known(place: DjangoPlace, listeners: _Listeners) -> bool:
    """An app server of the repository listens where the location leads."""
    endpoints = place.proxy.destination.endpoints
    return any(_listens_at(container, binds, one) for container, binds in listeners for one in endpoints)


def _is_another_program(place: DjangoPlace) -> bool:
    """By its name or by the path that it is asked for, what answers is a store of files, a front end or a tool."""
    destination = place.proxy.destination
    if destination.uri not in {None, "/", place.location.pattern}:
        return True
    hosts = [one.host for one in destination.endpoints] + [destination.upstream or ""]
    if destination.is_template and not destination.endpoints:
        hosts.append(destination.text.partition("://")[2].partition("/")[0])
    words = {word for host in hosts for word in re.split(r"[^a-z0-9]+", host.lower())}
    return not words.isdisjoint(_OTHER_PROGRAMS)


def all_django_places(
    nginx: Nginx | None, servers: AppServers | None, settings: Settings | None
) -> tuple[DjangoPlace, ...]:
    """The Django locations of all judged configurations; those of the main one first."""
    found = [django_places(one, servers, settings) for one in judged(nginx)]
    return found[0] if len(found) == 1 else tuple(place for places in found for place in places)


def app_of(place: DjangoPlace, servers: AppServers | None, topology: Topology | None) -> AppServer | None:
    """The app server that a location leads to, where it is known."""
    endpoints = place.proxy.destination.endpoints
    for server in servers.servers if servers else ():
        if any(_listens_at(server.container, server.binds, endpoint) for endpoint in endpoints):
            return server
    if topology is not None and topology.app is not None:
        return topology.app
    return servers.main if servers else None


def _listens_at(container: str | None, binds: Iterable[Bind], endpoint: Endpoint) -> bool:
    if endpoint.unix is not None:
        return any(bind.path == endpoint.unix for bind in binds)
    if container is not None and endpoint.host == container:
        return True
    return container is None and any(
        bind.port == endpoint.port and endpoint.is_local and (bind.loopback or bind.wildcard) for bind in binds
    )


def peer_of(place: DjangoPlace, app: AppServer | None, topology: Topology | None) -> str | None:
    """The address of the proxy as the app server sees it.

    Empty for a unix socket, ``other`` for another host or container, None where nobody can tell.
    """
    endpoints = place.proxy.destination.endpoints
    if endpoints and all(endpoint.unix is not None for endpoint in endpoints):
        return ""
    if topology is not None and topology.app is app and topology.peer in {PeerKind.LOOPBACK, PeerKind.OTHER}:
        return topology.peer_address
    if not endpoints or any(endpoint.is_template for endpoint in endpoints):
        return None
    if all(endpoint.is_local for endpoint in endpoints):
        return None if app is not None and app.container is not None else "127.0.0.1"
    return OTHER_HOST


def trusts(app: AppServer, peer: str) -> bool | None:
    """Whether an app server believes forwarded headers of that peer; None where its list may hold the address."""
    if app.trusts(peer):
        return True
    local = {"127.0.0.1", "::1", "localhost"}
    return None if peer == OTHER_HOST and set(app.trusted_peers) - local else False


def tls_ends_before(topology: Topology | None) -> bool:
    """Whether something in front of the repository's proxy ends TLS."""
    return topology is not None and topology.tls_ends is TlsEnd.BEFORE


def speaks_tls(configuration: Configuration) -> bool:
    """Whether some socket of a configuration has TLS."""
    return any(socket.tls for socket in configuration.sockets())


def other_edge(compose: Compose | None) -> Service | None:
    """The service of another proxy (Traefik, Caddy …) whose configuration nobody reads here and that is published."""
    for service in _services(compose):
        image = "" if service.image is None or isinstance(service.image, Unknown) else service.image.lower()
        name = image.rpartition("@")[0] or image
        published = bool(service.ports) or service.network_mode == "host"
        words = (*name.replace(":", "/").split("/"), service.name.lower())
        if any(word.startswith(_OTHER_EDGES) for word in words) and (published or "cloudflared" in name):
            return service
    return None


def nginx_services(compose: Compose | None) -> tuple[Service, ...]:
    """The services that run the repository's nginx."""
    front = other_edge(compose)
    return tuple(service for service in _services(compose) if service.role is ServiceRole.EDGE and service is not front)


def hidden_by_compose(compose: Compose | None) -> bool:
    """Whether nginx runs in a container that publishes no port but on loopback: something else is in front of it."""
    services = nginx_services(compose)
    if not services or any(service.network_mode == "host" for service in services):
        return False
    ports = [port for service in services for port in service.ports]
    if ports:
        return not any(port.public for port in ports)
    return other_edge(compose) is not None


def _services(compose: Compose | None) -> Iterator[Service]:
    """The services of the production project."""
    if compose is not None and compose.projects:
        yield from compose.projects[0].services


def server_at(configuration: Configuration, door: Door, host: str) -> Server | None:
    """The server that answers in the stack at a door for a Host."""
    return configuration.server_for(door.address, door.port, host) or configuration.server_for("*", door.port, host)

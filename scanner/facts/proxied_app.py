"""Which app server the proxy's Django locations lead to, and from where it is asked."""

from collections.abc import Iterator
from dataclasses import dataclass

from scanner.facts.app_servers import AppServer, AppServers
from scanner.facts.compose import Compose, ComposeProject, Service, ServiceRole
from scanner.facts.dockerfiles import Dockerfiles
from scanner.facts.images import is_nginx
from scanner.facts.nginx import Nginx
from scanner.facts.topology_types import PeerKind
from scanner.model import Location
from scanner.nginx.effective import Configuration, Endpoint, LocationBlock, Proxy

_NOT_DJANGO = ("/static", "/media", "/ws", "/socket.io", "/flower", "/grafana", "/_next")
_PUBLISHED_HERE = frozenset({"localhost", "host.docker.internal", "host-gateway"})


@dataclass(frozen=True)
class Asked:
    """The way from the proxy to the application."""

    peer: PeerKind
    peer_address: str
    app: AppServer | None
    upstream: str | None = None
    location: Location | None = None
    place: LocationBlock | None = None
    note: str = ""


def _passing(configuration: Configuration, servers: AppServers) -> Iterator[tuple[LocationBlock, Proxy]]:
    app = [str(bind) for server in servers.servers for bind in server.binds if bind.path or bind.port is not None]
    app += [server.container for server in servers.servers if server.container not in {None, "image"}]
    for place in configuration.django_locations(tuple(one for one in app if one), _NOT_DJANGO):
        proxy = next((found for level in place.levels if (found := configuration.proxy(level)) is not None), None)
        if proxy is not None:
            yield place, proxy


def _importance(pair: tuple[LocationBlock, Proxy]) -> tuple[bool, bool, int]:
    """The location of ``/`` first, then the shortest prefix; one behind TLS before a plain one."""
    place, proxy = pair
    return (not proxy.destination.endpoints, not place.server.tls_listens, len(place.pattern.strip("/")))


def nginx_service(nginx: Nginx, compose: Compose, dockerfiles: Dockerfiles) -> tuple[ComposeProject, Service] | None:
    """The compose service that runs the main nginx configuration; None where nginx runs on the host itself."""
    files = set(nginx.main.files)
    for one in compose.projects:
        for service in one.services:
            mounted = [volume.source for volume in service.volumes if volume.bind and "nginx" in volume.target]
            mounted += [path for path, _ in service.configs]
            image = dockerfiles.named(service.dockerfile) if service.dockerfile else None
            if image is not None and not image.serves_app:
                mounted += [path for target, path in image.production_paths() if "nginx" in target]
            if any(path in files or any(file.startswith(f"{path}/") for file in files) for path in mounted):
                return one, service
    for one in compose.projects[:1]:
        for service in one.services:
            if service.role is ServiceRole.EDGE and isinstance(service.image, str) and is_nginx(service.image):
                return one, service
    return None


def asked(nginx: Nginx | None, servers: AppServers, compose: Compose, dockerfiles: Dockerfiles) -> Asked:
    """How the application is asked in production, as far as the files tell."""
    if nginx is None:
        return _without_nginx(servers, compose)
    pairs = sorted(_passing(nginx.main, servers), key=_importance)
    if not pairs:
        return Asked(PeerKind.UNKNOWN, "", servers.main, note="nothing in the nginx configuration leads to Django")
    place, proxy = pairs[0]
    endpoints = proxy.destination.endpoints
    if not endpoints or endpoints[0].is_template:
        return Asked(
            PeerKind.UNKNOWN,
            "",
            servers.main,
            upstream=None,
            location=proxy.directive.location,
            place=place,
            note=f"where {proxy.destination.text} leads is not known",
        )
    endpoint = endpoints[0]
    found = nginx_service(nginx, compose, dockerfiles)
    app = _app_at(endpoint, servers, found[0] if found else None, compose)
    kind = _kind(endpoint, app or servers.main, found, compose)
    note = "" if app else f"no app server of the repository listens at {endpoint}"
    address = {PeerKind.LOOPBACK: "127.0.0.1", PeerKind.OTHER: "other"}.get(kind, "")
    return Asked(kind, address, app or servers.main, str(endpoint), proxy.directive.location, place, note)


def _kind(
    endpoint: Endpoint, app: AppServer | None, proxy: tuple[ComposeProject, Service] | None, compose: Compose
) -> PeerKind:
    if endpoint.unix is not None:
        return PeerKind.UNIX
    container = _service_of(app, compose)
    app_on_host = app is None or app.container is None or (container is not None and container.network_mode == "host")
    if not endpoint.is_local:
        return PeerKind.OTHER
    if proxy is None:
        # A port that Docker publishes on loopback is asked through its bridge: the container sees the gateway.
        return PeerKind.LOOPBACK if app_on_host else PeerKind.OTHER
    return PeerKind.LOOPBACK


def _service_of(app: AppServer | None, compose: Compose) -> Service | None:
    if app is None or app.container is None:
        return None
    return next((found for one in compose.projects if (found := one.service(app.container)) is not None), None)


def _app_at(
    endpoint: Endpoint, servers: AppServers, project: ComposeProject | None, compose: Compose
) -> AppServer | None:
    """The app server that listens at an endpoint."""
    if endpoint.unix is not None:
        name = endpoint.unix.rpartition("/")[2]
        exact = [one for one in servers.servers if any(bind.path == endpoint.unix for bind in one.binds)]
        # In a shared volume the two containers know the socket under different directories.
        shared = [
            one
            for one in servers.servers
            if one.container and any(bind.path and bind.path.rpartition("/")[2] == name for bind in one.binds)
        ]
        return next(iter((*exact, *shared)), None)
    for one in (project, *compose.projects) if project else compose.projects:
        service = one.reached_as(endpoint.host)
        if service is not None:
            return _best([server for server in servers.servers if server.container == service.name], endpoint.port)
    if endpoint.is_local or endpoint.host in _PUBLISHED_HERE or project is None:
        return _on_host(endpoint, servers, compose)
    return None


def _best(found: list[AppServer], port: int | None) -> AppServer | None:
    at_port = [server for server in found if any(bind.port == port for bind in server.binds)]
    return next(iter((*at_port, *found)), None)


def _on_host(endpoint: Endpoint, servers: AppServers, compose: Compose) -> AppServer | None:
    for server in servers.servers:
        if server.container is None and any(bind.port == endpoint.port and not bind.path for bind in server.binds):
            return server
    for one in compose.projects:
        for service in one.services:
            if any(port.published == str(endpoint.port) for port in service.ports):
                found = _best([server for server in servers.servers if server.container == service.name], None)
                if found is not None:
                    return found
    image = [server for server in servers.servers if server.container == "image"]
    return _best(image, endpoint.port) if len(servers.servers) == len(image) else None


def _without_nginx(servers: AppServers, compose: Compose) -> Asked:
    app = servers.main
    main = compose.main
    edge = next((one for one in main.services if one.role is ServiceRole.EDGE), None) if main else None
    if edge is None or app is None or app.container is None:
        return Asked(PeerKind.NONE, "", app)
    port = next((bind.port for bind in app.binds if bind.port is not None), 8000)
    note = f"the configuration of {edge.name} is not read"
    return Asked(PeerKind.OTHER, "other", app, f"{app.container}:{port}", edge.location, None, note)

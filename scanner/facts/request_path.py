"""The stations of a request's way, as the files describe them."""

from collections.abc import Iterable

from scanner.facts.app_servers import AppServer, ServerKind
from scanner.facts.compose import ComposeProject, Service, ServiceRole
from scanner.facts.nginx import Nginx
from scanner.facts.proxied_app import Asked
from scanner.model import Hop, Link, RequestPath

_NAMES = {
    ServerKind.GUNICORN: "Gunicorn",
    ServerKind.UVICORN: "Uvicorn",
    ServerKind.UWSGI: "uWSGI",
    ServerKind.DAPHNE: "Daphne",
    ServerKind.HYPERCORN: "Hypercorn",
    ServerKind.WAITRESS: "Waitress",
    ServerKind.RUNSERVER: "runserver",
}
_STORES = {
    "postgresql": "PostgreSQL",
    "mysql": "MySQL",
    "redis": "Redis",
    "memcached": "Memcached",
    "mongodb": "MongoDB",
    "rabbitmq": "RabbitMQ",
    "elasticsearch": "Elasticsearch",
    "sqlserver": "SQL Server",
    "clickhouse": "ClickHouse",
    "cassandra": "Cassandra",
}


def request_path(
    nginx: Nginx | None, way: Asked, project: ComposeProject | None, platform: str | None, settings_path: str | None
) -> RequestPath:
    """Client, what ends TLS in front, proxy, app server, Django, stores; with the file and line of each."""
    hops = [Hop("client", "client", "client")]
    links: list[Link] = []

    def add(hop: Hop, label: str = "") -> None:
        links.append(Link(hops[-1].id, hop.id, label))
        hops.append(hop)

    if platform is not None:
        add(Hop("cdn", "cdn", f"router ({platform.rpartition('/')[2]})", platform, 1), "https 443")
    if nginx is not None and nginx.main.files:
        line = way.place.server.location if way.place else None
        path = line.path if line else nginx.main.name
        add(Hop("proxy", "proxy", "nginx", path, line.line if line else 1), _doors(nginx))
    else:
        edge = _edge(project)
        if edge is not None:
            label = edge.image.partition(":")[0].rpartition("/")[2] if isinstance(edge.image, str) else edge.name
            add(Hop("proxy", "proxy", label, edge.location.path, edge.location.line))
    if way.app is not None:
        add(_app(way.app), way.upstream or ", ".join(str(bind) for bind in way.app.binds))
    add(Hop("django", "django", "Django", settings_path, 1 if settings_path else None))
    _stores(hops, links, project.services if project else ())
    return RequestPath(tuple(hops), tuple(links))


def _doors(nginx: Nginx) -> str:
    doors = {("https" if socket.tls else "http", socket.port) for socket in nginx.main.sockets() if socket.port}
    return ", ".join(f"{scheme} {port}" for scheme, port in sorted(doors, key=lambda door: door[1])[:4])


def _edge(project: ComposeProject | None) -> Service | None:
    return next((one for one in project.services if one.role is ServiceRole.EDGE), None) if project else None


def _app(app: AppServer) -> Hop:
    return Hop("app-server", "app-server", _NAMES[app.kind], app.location.path, app.location.line)


def _stores(hops: list[Hop], links: list[Link], services: Iterable[Service]) -> None:
    for one in (service for service in services if service.role is ServiceRole.STORE):
        label = _STORES.get(one.store or "", one.name)
        # By the service's name, so that its findings can be pinned to it.
        hops.append(Hop(f"store {one.name}", "store", label, one.location.path, one.location.line))
        links.append(Link("django", f"store {one.name}"))

"""Who listens where and who connects from which address, joined from all deployment files."""

import posixpath
import re
from collections.abc import Iterable, Mapping

from scanner.facts.app_servers import AppServer, AppServers
from scanner.facts.artefacts import unit_paths
from scanner.facts.compose import Compose, ComposeProject, Service, ServiceRole
from scanner.facts.compose_roles import service_paths
from scanner.facts.deploy_paths import PathMap
from scanner.facts.dockerfiles import Dockerfiles
from scanner.facts.nginx import Nginx
from scanner.facts.nginx_files import NginxFiles
from scanner.facts.platforms import platform_file
from scanner.facts.proxied_app import Asked, asked, nginx_service
from scanner.facts.request_path import request_path
from scanner.facts.topology_types import PeerKind, TlsEnd, Topology
from scanner.model import Options, ScopeClass, provider
from scanner.nginx.effective import Configuration
from scanner.project import Project

__all__ = ["PeerKind", "TlsEnd", "Topology", "topology"]

_ROUTER_RULE = re.compile(r"Host(?:SNI)?\(([^()]*)\)")
_QUOTED = re.compile(r"[`'\"]([A-Za-z0-9.-]+)[`'\"]")
_FORWARDED = "http_x_forwarded_proto"
_STATIC_END = re.compile(
    r"/(?:static|staticfiles|static_root|media|collected_static|static-collected|assets|public)/?$"
)
_TLS_EDGES = ("traefik", "caddy", "nginx-proxy", "swag", "haproxy", "envoy", "cloudflared", "nginx-proxy-manager")


@provider()
def topology(
    project: Project,
    options: Options,
    nginx: Nginx | None,
    app_servers: AppServers,
    compose: Compose,
    dockerfiles: Dockerfiles,
    sources: NginxFiles,
) -> Topology:
    """The deployment of production as a whole."""
    way = asked(nginx, app_servers, compose, dockerfiles)
    if nginx is None and sources.unreadable:
        path, why = sources.unreadable[0]
        way = Asked(PeerKind.UNKNOWN, "", way.app, note=f"the proxy is not known: {path} {why}")
    found = nginx_service(nginx, compose, dockerfiles) if nginx is not None else None
    main = found[0] if found else _project_of(project, way.app, compose)
    platform = _platform(project, way.app, nginx)
    paths = _paths(project, way, main, nginx, dockerfiles)
    directory = _project_directory(project, paths, way.app)
    ends = _tls_ends(options, nginx, way.app, main, platform)
    return Topology(
        peer=way.peer,
        peer_address=way.peer_address,
        app=way.app,
        tls_ends=ends,
        platform=platform,
        upstream=way.upstream,
        upstream_location=way.location,
        site_names=_site_names(options, nginx, way, main),
        path_map=_directories(project, paths, directory),
        project_directory=directory,
        volumes=_volumes(main),
        request_path=request_path(nginx, way, main, platform, _settings_path(project, way.app)),
        notes=tuple(note for note in (way.note, *(way.app.notes if way.app else ())) if note),
    )


def _project_of(project: Project, app: AppServer | None, compose: Compose) -> ComposeProject | None:
    """The compose project that the app server is part of; without one, production's."""
    if app is not None and app.container not in {None, "image"}:
        for one in compose.projects:
            if one.service(app.container or "") is not None:
                return one
    if app is not None and app.container is None:
        return None
    known = (one for one in compose.projects if any(_is_real(project, path) for path in one.files))
    return next(known, None)


def _is_real(project: Project, path: str) -> bool:
    return project.scope(path).klass not in {ScopeClass.DEV, ScopeClass.EXAMPLE}


def _platform(project: Project, app: AppServer | None, nginx: Nginx | None) -> str | None:
    """The platform's file, where its router is in front: not where the repository has a proxy of its own."""
    if app is not None and not app.platform:
        return None
    found = platform_file(project)
    if found is None or not _is_real(project, found):
        return None
    return found if app is not None or nginx is None else None


def _paths(
    project: Project, way: Asked, main: ComposeProject | None, nginx: Nginx | None, dockerfiles: Dockerfiles
) -> PathMap:
    """What lies where for the application's process."""
    app = way.app
    if app is not None and app.container == "image":
        serving = next((one for one in dockerfiles.files if one.serves_app), None)
        file = dockerfiles.named(app.artefact) or serving
        return PathMap.of(list(file.production_paths())[::-1]) if file else PathMap()
    if app is not None and app.container is not None and main is not None:
        service = main.service(app.container)
        if service is not None:
            return service_paths(service, dockerfiles.named(service.dockerfile) if service.dockerfile else None)
    if app is not None and app.directory is not None and app.directory.startswith("/"):
        return unit_paths(project, app.directory)
    base = _parent_of_static(nginx.main) if nginx is not None else None
    return PathMap.of([(base, project.path)]) if base else PathMap()


def _parent_of_static(configuration: Configuration) -> str | None:
    """The directory above the static files that the proxy serves: most projects collect them into themselves."""
    for served in configuration.served_directories():
        if served.directory.startswith("/") and not served.is_template and _STATIC_END.search(served.directory):
            return posixpath.dirname(served.directory.rstrip("/")) or None
    return None


def _directories(project: Project, paths: PathMap, directory: str | None) -> Mapping[str, str]:
    known = project.checkout.directories
    pairs = [(production, checkout) for production, checkout in paths.pairs if checkout in known]
    if directory is not None:
        pairs.append((directory, project.path))
    return dict(PathMap.of(pairs).pairs)


def _project_directory(project: Project, paths: PathMap, app: AppServer | None) -> str | None:
    """Where the directory of manage.py lies in production."""
    wanted = project.manage or project.inside("manage.py")
    for production, checkout in paths.pairs:
        if checkout == wanted:
            return posixpath.dirname(production)
    for production, checkout in paths.pairs:
        if checkout == ".":
            return posixpath.normpath(posixpath.join(production, project.path))
        if project.path == checkout or project.path.startswith(f"{checkout}/"):
            return posixpath.normpath(posixpath.join(production, posixpath.relpath(project.path, checkout)))
    if app is not None and app.directory is not None and app.directory.startswith("/"):
        return app.directory
    return None


def _tls_ends(
    options: Options, nginx: Nginx | None, app: AppServer | None, main: ComposeProject | None, platform: str | None
) -> TlsEnd:
    if options.edge == "tls":
        return TlsEnd.BEFORE
    speaks = nginx is not None and any(socket.tls for socket in nginx.main.sockets())
    if speaks:
        return TlsEnd.PROXY
    if options.edge is None and (platform is not None or _other_edge(main, nginx) is not None):
        return TlsEnd.BEFORE
    if options.edge is None and nginx is not None and _decides_by_header(nginx.main):
        return TlsEnd.BEFORE
    if app is not None and any(word.startswith(("--certfile", "--ssl-certfile", "--https")) for word in app.argv):
        return TlsEnd.APP
    return TlsEnd.NOWHERE


def _other_edge(main: ComposeProject | None, nginx: Nginx | None) -> Service | None:
    """A published proxy whose own configuration nobody reads: TLS ends there."""
    for service in main.services if main else ():
        image = service.image if isinstance(service.image, str) else ""
        name = image.partition(":")[0].rpartition("/")[2]
        if service.role is ServiceRole.EDGE and name.startswith(_TLS_EDGES):
            return service
        if nginx is None and service.role is ServiceRole.EDGE:
            return service
    return None


def _decides_by_header(configuration: Configuration) -> bool:
    """Whether it looks at the scheme that something in front of it reports."""
    if configuration.maps and any(_FORWARDED in str(one.source) for one in configuration.maps.values()):
        return True
    levels = [level for server in configuration.servers for place in server.locations for level in place.levels]
    every = [*configuration.servers, *levels, *(one for server in configuration.servers for one in server.ifs)]
    return any(
        _FORWARDED in argument for level in every for one in level.directives for argument in (*one.args, one.text)
    )


def _site_names(options: Options, nginx: Nginx | None, way: Asked, main: ComposeProject | None) -> tuple[str, ...]:
    names: list[str] = [options.host.lower()] if options.host else []
    if nginx is not None:
        own = way.place.server if way.place is not None else None
        servers = sorted(nginx.main.servers, key=lambda server: (server is not own, not server.tls_listens))
        passing = {place.server for place in nginx.main.django_locations()}
        names += [name for server in servers if server in passing for name in server.concrete_names]
    names += _router_hosts(main.services if main else ())
    return tuple(dict.fromkeys(name.lower() for name in names if "." in name))


def _router_hosts(services: Iterable[Service]) -> list[str]:
    """The names of Traefik's rules."""
    return [
        name
        for service in services
        for key, value in service.labels
        if key.startswith("traefik.http.routers.") and key.endswith(".rule")
        for rule in _ROUTER_RULE.findall(value)
        for name in _QUOTED.findall(rule)
    ]


def _volumes(main: ComposeProject | None) -> Mapping[str, tuple[str, ...]]:
    """Named volumes that several services mount."""
    found: dict[str, list[str]] = {}
    users: dict[str, set[str]] = {}
    for service in main.services if main else ():
        for volume in service.volumes:
            if not volume.bind and volume.source:
                found.setdefault(volume.source, []).append(posixpath.normpath(volume.target))
                users.setdefault(volume.source, set()).add(service.name)
    return {name: tuple(dict.fromkeys(places)) for name, places in found.items() if len(users[name]) > 1}


def _settings_path(project: Project, app: AppServer | None) -> str | None:
    module = (app.settings_module if app else None) or project.settings_module
    if module is None:
        return None
    base = project.inside(module.replace(".", "/"))
    return next((path for path in (f"{base}.py", f"{base}/__init__.py") if project.exists(path)), None)

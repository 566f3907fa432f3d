"""Django believes a proxy's headers, and no proxy is in front of it.

## Why is this bad
`SECURE_PROXY_SSL_HEADER` and `USE_X_FORWARDED_HOST` are for headers that a proxy overwrites. Where clients reach the
application server themselves, they write those headers, and decide what Django takes for secure and for its own name.

## Bad
    SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https")

    services:
      web:
        command: gunicorn --bind 0.0.0.0:$PORT shop.wsgi
        ports: ["80:${PORT}"]              # and no proxy

## Good
    # no such setting; or a proxy in front, and the application server on loopback or a socket

## References
- https://docs.djangoproject.com/en/stable/ref/settings/#secure-proxy-ssl-header
- CWE-348
"""

from collections.abc import Iterator

from scanner.facts.app_openings import openings
from scanner.facts.app_servers import AppServer, AppServers
from scanner.facts.compose import Compose, Port, ServiceRole
from scanner.facts.nginx import Nginx
from scanner.facts.scheme import SETTING, HeaderState, proxy_ssl_header
from scanner.facts.settings import Settings
from scanner.facts.settings_place import require_decided, settings_place
from scanner.facts.settings_source import SettingsSource
from scanner.facts.topology import Topology
from scanner.model import Evidence, Finding, NotApplicable, Severity, Unknown, quoted, rule


@rule(severity=Severity.HIGH)
def check(
    settings: Settings,
    servers: AppServers,
    topology: Topology | None,
    compose: Compose | None,
    nginx: Nginx | None,
    source: SettingsSource | None,
) -> Iterator[Finding]:
    believed = _believed(settings, source)
    if not believed:
        raise NotApplicable("Django believes no header of a proxy")
    if nginx is not None or _has_edge(compose) or (topology is not None and topology.platform is not None):
        raise NotApplicable("something in front of the application writes the headers")
    for server in servers.servers:
        if server.platform or any(True for _ in openings(server, compose)):
            continue  # that the application's own port is open is a finding of its own, with these headers as evidence
        port = _published(server, compose)
        if port is None:
            continue
        name, header = believed[0]
        require_decided(settings, name)
        yield Finding(
            message=f"`{name}` in {quoted(settings.module)} believes {quoted(header)}, and {quoted(server.artefact)} "
            "is published without a proxy: every client writes that header.",
            location=settings_place(settings, source, name),
            symbol=f"settings.{name}",
            evidence=(
                *(Evidence(f"{one} believes {wire}", settings_place(settings, source, one)) for one, wire in believed),
                Evidence(f"{server.artefact} publishes {port.host}:{port.published or 'a port'}", port.location),
            ),
        )
        return


def _believed(settings: Settings, source: SettingsSource | None) -> list[tuple[str, str]]:
    """Settings that read a header of a proxy, and the header on the wire."""
    header = proxy_ssl_header(settings, source)
    found = [(SETTING, header.name)] if header.state is HeaderState.VALID else []
    if settings.value("USE_X_FORWARDED_HOST"):
        found.append(("USE_X_FORWARDED_HOST", "X-Forwarded-Host"))
    return found


def _has_edge(compose: Compose | None) -> bool:
    services = [one for project in (compose.projects if compose else ()) for one in project.services]
    return any(service.role is ServiceRole.EDGE for service in services)


def _published(server: AppServer, compose: Compose | None) -> Port | None:
    """A port of the server's service that other machines reach and that leads to it, whatever its number is."""
    if server.container in {None, "image"} or all(bind.loopback for bind in server.binds):
        return None
    unknown_bind = any(bind.port is None and not bind.loopback for bind in server.binds)
    for project in compose.projects if compose else ():
        service = project.service(server.container or "")
        for port in service.ports if service is not None else ():
            if port.public and (unknown_bind or isinstance(port.target, Unknown)):
                return port
    return None

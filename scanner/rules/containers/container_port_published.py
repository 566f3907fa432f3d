"""A container beside the edge publishes a port.

## Why is this bad
Docker opens a published port to the world past the host's firewall. Only the edge needs that.

## Bad
    exporter:
      ports: ["9121:9121"]

## Good
    exporter:
      ports: ["127.0.0.1:9121:9121"]

## References
- https://docs.docker.com/engine/network/packet-filtering-firewalls/#docker-and-ufw
- CWE-668
"""

from collections.abc import Iterator

from scanner.facts.app_servers import AppServers
from scanner.facts.compose import Compose, ComposeProject, Service, ServiceRole
from scanner.facts.compose_fix import ComposeLines
from scanner.model import Evidence, Finding, Severity, quoted, rule

_STORE_PORTS = frozenset({5432, 3306, 1433, 27017, 6379, 11211, 9200, 5672})
# Other rules own these roles, and the edge is meant to be reached.
_OWNED = frozenset({ServiceRole.EDGE, ServiceRole.APP, ServiceRole.STORE, ServiceRole.ADMIN_TOOL})

_FRONT = frozenset({ServiceRole.EDGE, ServiceRole.APP})


@rule(severity=Severity.HIGH)
def check(compose: Compose, servers: AppServers | None, lines: ComposeLines | None) -> Iterator[Finding]:
    containers = {server.container for server in (servers.servers if servers else ())}
    seen = set()
    for project in compose.projects:
        for service in project.services:
            if service.role in _OWNED or service.profiles or service.name in containers or _is_edge(service, project):
                continue
            if not any(one.role in _FRONT or one.name in containers for one in project.services):
                continue  # nothing tells what this service is: it may well be the site itself
            ports = [port for port in service.ports if port.public and port.target not in _STORE_PORTS]
            if not ports or (service.name, ports[0].location) in seen:
                continue
            seen.add((service.name, ports[0].location))
            where = ", ".join(quoted(f"{port.host}:{port.published or 'a random port'}") for port in ports)
            yield Finding(
                message=f"The service {quoted(service.name)} is published on {where}, past the edge and the firewall.",
                location=ports[0].location,
                symbol=f"service {service.name}",
                evidence=tuple(Evidence(f"published on {one.host}:{one.published}", one.location) for one in ports),
                severity=Severity.MEDIUM,
                fix=lines.loopback(ports[0]) if lines is not None and len(ports) == 1 else None,
            )


def _is_edge(service: Service, project: ComposeProject) -> bool:
    """It has the web's own ports, and no other service is known to be the edge and published."""
    web = any(port.published in {"80", "443"} for port in service.ports)
    return web and not any(one.role is ServiceRole.EDGE and one.ports for one in project.services)

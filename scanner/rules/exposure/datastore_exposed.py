"""A database, cache or broker can be reached from outside.

## Why is this bad
Stores are made for trusted clients. Docker publishes ports past the host's firewall, so a published port is open to
the world even where ufw denies it.

## Bad
    redis:
      image: redis:7
      ports: ["6379:6379"]

## Good
    redis:
      image: redis:7
      expose: ["6379"]

## References
- https://docs.docker.com/engine/network/packet-filtering-firewalls/#docker-and-ufw
- CWE-668, CWE-306
"""

from collections.abc import Iterator

from scanner.facts.compose import Compose, Port, Service
from scanner.facts.compose_fix import ComposeLines
from scanner.model import Evidence, Finding, Severity, quoted, rule

_STORE_PORTS = frozenset({5432, 3306, 1433, 27017, 6379, 11211, 9200, 5672})


@rule(severity=Severity.CRITICAL)
def check(compose: Compose, lines: ComposeLines | None) -> Iterator[Finding]:
    seen = set()
    for project in compose.projects:
        for service in project.services:
            ports = [port for port in service.ports if port.public and _is_stores(service, port)]
            if not ports or service.profiles or (service.name, ports[0].location) in seen:
                continue
            seen.add((service.name, ports[0].location))
            yield _finding(service, ports, lines)


def _is_stores(service: Service, port: Port) -> bool:
    return service.store is not None or port.target in _STORE_PORTS


def _finding(service: Service, ports: list[Port], lines: ComposeLines | None) -> Finding:
    open_to_all = service.password_set is False
    store = service.store or "store"
    where = ", ".join(quoted(f"{port.host}:{port.published or 'a random port'}") for port in ports)
    asks = ", and it asks for no password" if open_to_all else ""
    return Finding(
        message=f"The {store} of the service {quoted(service.name)} is published on {where}{asks}.",
        location=ports[0].location,
        symbol=f"service {service.name}",
        evidence=tuple(
            Evidence(f"published on {port.host}:{port.published} for port {port.target}", port.location)
            for port in ports
            if isinstance(port.target, int)
        ),
        severity=Severity.CRITICAL if open_to_all else Severity.HIGH,
        fix=lines.loopback(ports[0]) if lines is not None and len(ports) == 1 else None,
    )

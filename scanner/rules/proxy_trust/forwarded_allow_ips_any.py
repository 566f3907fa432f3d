"""The application server believes forwarded headers from everybody.

## Why is this bad
Whoever can connect to the server tells it the scheme and the address of the client, and with them what Django takes
for secure.

## Bad
    gunicorn --bind 0.0.0.0:8000 --forwarded-allow-ips "*" shop.wsgi

## Good
    gunicorn --bind unix:/run/shop/gunicorn.sock shop.wsgi

## References
- https://docs.gunicorn.org/en/stable/settings.html#forwarded-allow-ips
- https://www.uvicorn.org/settings/#http
- CWE-348
"""

from collections.abc import Iterator

from scanner.facts.app_openings import openings
from scanner.facts.app_servers import AppServer, AppServers, Bind
from scanner.facts.compose import Compose, ServiceRole
from scanner.facts.direct_ports import DirectPorts, PortSeen, PortState
from scanner.facts.exchange_text import exchange_text
from scanner.model import Evidence, Finding, Location, NotApplicable, Proof, Severity, UnknownValue, quoted, rule


@rule(severity=Severity.HIGH)
def check(servers: AppServers, compose: Compose | None, ports: DirectPorts | None) -> Iterator[Finding]:
    if not servers.servers:
        raise NotApplicable("no command of an application server was found")
    unknown: list[UnknownValue] = []
    seen: set[tuple[str, Location]] = set()
    for server in servers.servers:
        where = server.trust_location or server.location
        if server.platform or "*" not in server.trusted_peers or (server.artefact, where) in seen:
            continue
        seen.add((server.artefact, where))
        public = [*openings(server, compose)]
        if public:
            direct = [one for one in _direct(server, ports) if one.state is PortState.OPEN]
            believed = [one for one in direct if one.secure_by_header]
            if direct and not believed:
                continue
            yield _finding(server, where, public[0].words, believed, public[0].evidence, Severity.HIGH)
        elif server.container is not None:
            if not _is_known_service(server, compose):
                what = f"who can reach {server.artefact}, which believes everybody's forwarded headers"
                unknown.append(UnknownValue(what, where))
        elif any(bind.loopback and bind.path is None for bind in server.binds):
            bind = next(one for one in server.binds if one.loopback and one.path is None)
            yield _finding(server, where, f"listens on {quoted(bind)}", [], (_listens(bind),), Severity.LOW)
    if unknown:
        raise unknown[0]


def _direct(server: AppServer, ports: DirectPorts | None) -> list[PortSeen]:
    """What the probe met at the server's own ports, where it was asked in the target's own placement."""
    if ports is None or server.container is not None:
        return []
    own = {bind.port for bind in server.binds}
    return [one for one in ports.ports if one.port in own and one.is_app]


def _is_known_service(server: AppServer, compose: Compose | None) -> bool:
    """Whether Compose starts it, without a published port: only the services beside it connect."""
    services = [one for project in (compose.projects if compose else ()) for one in project.services]
    return any(one.name == server.container and one.role is not ServiceRole.EDGE for one in services)


def _listens(bind: Bind) -> Evidence:
    return Evidence(f"the server listens on {bind}", bind.location)


def _finding(
    server: AppServer,
    where: Location,
    words: str,
    believed: list[PortSeen],
    evidence: tuple[Evidence, ...],
    severity: Severity,
) -> Finding:
    seen = [Evidence(exchange_text(exchange)) for one in believed for exchange in one.exchanges[:2]]
    if seen:
        seen.append(Evidence("asked directly, it believes a forged X-Forwarded-Proto: https"))
    return Finding(
        message=f"{server.kind.value.capitalize()} of {quoted(server.artefact)} believes forwarded headers from "
        f"everybody, and {words}.",
        location=where,
        symbol=f"{server.artefact} forwarded_allow_ips",
        evidence=(Evidence(f"trusted proxies: {', '.join(server.trusted_peers)}", where), *evidence, *seen),
        proof=Proof.PROVEN if believed else Proof.INFERRED,
        severity=severity,
    )

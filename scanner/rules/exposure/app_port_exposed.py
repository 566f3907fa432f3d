"""The application server can be reached past the proxy.

## Why is this bad
Everything that the proxy does (TLS, redirects, limits, headers, host checks) can be passed by, and whoever speaks to
the server directly writes the forwarded headers himself.

## Bad
    gunicorn --bind 0.0.0.0:8000 shop.wsgi

## Good
    gunicorn --bind unix:/run/shop/gunicorn.sock shop.wsgi

## References
- https://docs.gunicorn.org/en/stable/deploy.html
- CWE-668, CWE-1327
"""

from collections.abc import Iterator

from scanner.facts.app_openings import Opening, openings
from scanner.facts.app_servers import AppServer, AppServers
from scanner.facts.compose import Compose, ServiceRole
from scanner.facts.compose_fix import ComposeLines
from scanner.facts.direct_ports import DirectPorts, PortSeen, PortState
from scanner.facts.exchange_text import exchange_text
from scanner.facts.nginx import Nginx
from scanner.facts.scheme import SETTING, HeaderState, proxy_ssl_header
from scanner.facts.settings import Settings
from scanner.facts.settings_place import settings_place
from scanner.facts.settings_source import SettingsSource
from scanner.model import Evidence, Finding, Location, NotApplicable, Proof, Severity, quoted, rule


@rule(severity=Severity.HIGH)
def check(
    servers: AppServers,
    compose: Compose | None,
    nginx: Nginx | None,
    ports: DirectPorts | None,
    lines: ComposeLines | None,
    settings: Settings | None,
    source: SettingsSource | None,
) -> Iterator[Finding]:
    if not servers.servers:
        raise NotApplicable("no command of an application server was found")
    edge = nginx is not None or _has_edge(compose)
    seen: set[tuple[str, Location]] = set()
    for server in servers.servers:
        if server.platform or server.uwsgi_protocol:
            continue
        for place in openings(server, compose):
            if (place.symbol, place.location) in seen:
                continue
            seen.add((place.symbol, place.location))
            direct = _direct(place, ports, server)
            if direct is not None and direct.state is not PortState.OPEN:
                continue
            yield _finding(place, direct, lines, () if edge else _believed(settings, source), edge=edge)


def _has_edge(compose: Compose | None) -> bool:
    services = [one for project in (compose.projects if compose else ()) for one in project.services]
    return any(service.role is ServiceRole.EDGE for service in services)


def _direct(place: Opening, ports: DirectPorts | None, server: AppServer) -> PortSeen | None:
    """What the probe met at this port, where it was asked in the target's own placement."""
    if ports is None or server.container is not None:
        return None
    return next((one for one in ports.ports if one.port == place.port), None)


def _believed(settings: Settings | None, source: SettingsSource | None) -> tuple[Evidence, ...]:
    """Settings that believe a header which no proxy of the repository writes: here, whoever connects does."""
    if settings is None:
        return ()
    header = proxy_ssl_header(settings, source)
    found = []
    if header.state is HeaderState.VALID:
        found.append((SETTING, header.name))
    if settings.value("USE_X_FORWARDED_HOST"):
        found.append(("USE_X_FORWARDED_HOST", "X-Forwarded-Host"))
    return tuple(
        Evidence(f"{name}: whoever connects writes {wire} himself", settings_place(settings, source, name))
        for name, wire in found
    )


def _finding(
    place: Opening,
    direct: PortSeen | None,
    lines: ComposeLines | None,
    believed: tuple[Evidence, ...],
    *,
    edge: bool,
) -> Finding:
    evidence = [*place.evidence, *believed]
    proven = direct is not None and direct.is_app
    if direct is not None:
        evidence += [Evidence(exchange_text(one)) for one in direct.exchanges[:2]]
        if direct.secure_by_header:
            evidence.append(Evidence("asked directly, it believes a forged X-Forwarded-Proto: https"))
    return Finding(
        message=f"The application server of {quoted(place.symbol)} {place.words}: it can be reached past the proxy.",
        location=place.location,
        symbol=place.symbol,
        evidence=tuple(evidence),
        proof=Proof.PROVEN if proven else Proof.INFERRED,
        severity=Severity.HIGH if edge else Severity.MEDIUM,
        # Without a proxy in front, the port is the way into the site.
        fix=lines.loopback(place.published) if edge and lines is not None and place.published is not None else None,
    )

"""The proxy talks to another host without protection.

## Why is this bad
What the proxy sends on to a host over the internet in plain text, cookies and passwords included, can be read and
changed on the way. With https but without `proxy_ssl_verify` (off by default) nginx takes any certificate, so whoever
sits in between can answer as that host.

## Bad
    location / { proxy_pass http://app.backend.example; }

## Good
    location / {
        proxy_pass https://app.backend.example;
        proxy_ssl_verify on;
        proxy_ssl_trusted_certificate /etc/ssl/certs/ca-certificates.crt;
        proxy_ssl_server_name on;
    }

## References
- https://nginx.org/en/docs/http/ngx_http_proxy_module.html#proxy_ssl_verify
- CWE-319
- CWE-295
"""

from collections.abc import Collection, Iterator
from dataclasses import dataclass, field

from scanner.facts.compose import Compose
from scanner.facts.edge import judged
from scanner.facts.nginx import Nginx
from scanner.facts.sent_headers import level_symbol
from scanner.model import Evidence, Finding, Location, NotApplicable, Severity, UnknownValue, quoted, rule
from scanner.nginx.effective import Configuration, Endpoint, Level, Proxy
from scanner.nginx.servers import literal_ip

_INSIDE = (
    *("local", "internal", "lan", "intranet", "corp", "home", "localdomain", "localhost", "cluster", "svc", "consul"),
    *("docker", "private", "test", "invalid", "arpa"),
)
"""Last labels of names that no public name server knows."""
_SECURE = {"https": "proxy", "grpcs": "grpc"}


@dataclass
class _Hop:
    """One address that one line leads to, and the places that use it."""

    endpoint: Endpoint
    proxy: Proxy
    level: Level
    verify: str | None
    """The directive that would check its certificate; None where requests go in plain text."""
    symbols: list[tuple[str, Location]] = field(default_factory=list)


@rule(severity=Severity.HIGH)
def check(nginx: Nginx, compose: Compose | None) -> Iterator[Finding]:
    services = frozenset(
        name.lower()
        for project in (compose.projects if compose else ())
        for service in project.services
        for name in (service.name, *service.aliases)
    )
    hops: dict[tuple[Location, str, str], _Hop] = {}
    unknown: UnknownValue | None = None
    asked = False
    for configuration in judged(nginx):
        for level, proxy in _passing(configuration):
            asked = True
            try:
                _take(configuration, level, proxy, services, hops)
            except UnknownValue as error:
                unknown = error
    if not asked:
        raise NotApplicable("the proxy hands requests to nobody")
    yield from map(_finding, hops.values())
    if unknown is not None:
        raise unknown


def _passing(configuration: Configuration) -> Iterator[tuple[Level, Proxy]]:
    """Every level that a client's request reaches and that hands it on over HTTP."""
    for server in configuration.servers:
        if not configuration.is_choosable(server):
            continue
        for place in server.locations:
            if not place.reachable:
                continue
            for level in place.levels:
                proxy = configuration.proxy(level)
                if proxy is not None and proxy.kind in {"proxy", "grpc"}:
                    yield level, proxy


def _take(
    configuration: Configuration,
    level: Level,
    proxy: Proxy,
    services: Collection[str],
    hops: dict[tuple[Location, str, str], _Hop],
) -> None:
    kind = _SECURE.get(proxy.destination.scheme)
    for endpoint in proxy.destination.endpoints:
        if endpoint.is_template:
            raise UnknownValue(f"{proxy.directive.text} at {proxy.directive.location}", proxy.directive.location)
        if not _is_remote(endpoint, services) or configuration.servers_named((endpoint.host,)):
            continue
        if kind is not None and level.effective(f"{kind}_ssl_verify").require().text == "on":
            continue
        key = (endpoint.location, str(endpoint), proxy.destination.scheme)
        hop = hops.setdefault(key, _Hop(endpoint, proxy, level, kind and f"{kind}_ssl_verify"))
        symbol = (level_symbol(level), proxy.directive.location)
        if symbol not in hop.symbols:
            hop.symbols.append(symbol)


def _is_remote(endpoint: Endpoint, services: Collection[str]) -> bool:
    """A public address, or a name with a dot that is no name of an inner network."""
    if endpoint.is_private or endpoint.host in services:
        return False
    if literal_ip(endpoint.host) is not None:
        return True
    labels = endpoint.host.rstrip(".").split(".")
    return len(labels) > 1 and all(labels) and labels[-1] not in _INSIDE and "svc" not in labels


def _finding(hop: _Hop) -> Finding:
    address = quoted(str(hop.endpoint))
    evidence = [Evidence(hop.proxy.directive.text, hop.proxy.directive.location)]
    evidence += [Evidence(symbol, location) for symbol, location in hop.symbols[:4]]
    if hop.verify is not None:
        message = f"nginx takes any certificate of {address}: `{hop.verify}` is off, so whoever sits in between can "
        message += "answer as that host."
    else:
        message = f"nginx sends requests to {address}, another host, in plain text."
    upstream = hop.proxy.destination.upstream
    return Finding(
        message=message,
        location=hop.endpoint.location,
        symbol=f"upstream {upstream} {hop.endpoint}" if upstream is not None else hop.symbols[0][0],
        evidence=tuple(evidence),
        severity=Severity.LOW if hop.verify is not None else Severity.HIGH,
    )

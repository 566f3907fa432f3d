"""The proxy believes everybody's word for the client's address.

## Why is this bad
Whoever writes `X-Forwarded-For` then is whom he says he is: address lists, limits and logs work with an address that
the client made up.

## Bad
    set_real_ip_from 0.0.0.0/0;
    real_ip_header X-Forwarded-For;

## Good
    set_real_ip_from 10.0.0.0/8;       # the load balancer's network
    real_ip_header X-Forwarded-For;

## References
- https://nginx.org/en/docs/http/ngx_http_realip_module.html
- https://docs.gunicorn.org/en/stable/settings.html#proxy-allow-ips
- https://doc.traefik.io/traefik/routing/entrypoints/#forwarded-headers
- CWE-348, CWE-290
"""

import ipaddress
from collections.abc import Iterator

from scanner.facts.answering import answering_levels, answers_itself
from scanner.facts.app_servers import AppServer, AppServers, ServerKind
from scanner.facts.client_address import AddressAttempt, ClientAddress
from scanner.facts.compose import Compose, Service
from scanner.facts.edge import hidden_by_compose, judged, same_place
from scanner.facts.exchange_text import exchange_text
from scanner.facts.nginx import Nginx
from scanner.facts.sent_headers import level_symbol
from scanner.model import (
    Evidence,
    Finding,
    Location,
    NotApplicable,
    Proof,
    Severity,
    Unknown,
    UnknownValue,
    quoted,
    rule,
)
from scanner.nginx.effective import Configuration, Directive, Level, Server

_WIDEST_IPV4 = 8
_WIDEST_IPV6 = 16
_HEADERS = frozenset({"x-forwarded-for", "x-real-ip", "proxy_protocol"})
_TRAEFIK = ("forwardedheaders.insecure", "proxyprotocol.insecure")
_TRAEFIK_LISTS = ("forwardedheaders.trustedips", "proxyprotocol.trustedips")


@rule(severity=Severity.HIGH, needs_one_of=(Nginx, AppServers, Compose))
def check(
    nginx: Nginx | None, servers: AppServers | None, compose: Compose | None, live: ClientAddress | None
) -> Iterator[Finding]:
    unknown: list[UnknownValue] = []
    if nginx is not None and not hidden_by_compose(compose):
        for configuration in judged(nginx):
            attempts = live.attempts if live is not None and configuration is nginx.main else ()
            yield from _nginx(configuration, attempts, unknown)
    for server in servers.servers if servers else ():
        yield from _gunicorn(server)
    for service in compose.projects[0].services if compose and compose.projects else ():
        yield from _traefik(service)
    if unknown:
        raise unknown[0]
    if nginx is None and not (servers and servers.servers):
        raise NotApplicable("neither a proxy nor an app server is known")


def _nginx(
    configuration: Configuration, attempts: tuple[AddressAttempt, ...], unknown: list[UnknownValue]
) -> Iterator[Finding]:
    seen: set[Location] = set()
    for level, location in answering_levels(configuration):
        server = level if isinstance(level, Server) else None
        if server is not None and not answers_itself(configuration, server):
            continue
        owner = location.server if location is not None else server
        if owner is None or all(listen.is_loopback for listen in owner.listens):
            continue  # something else is in front of it
        header = level.effective("real_ip_header")
        name = header.text or "X-Real-IP"
        if name.lower() not in _HEADERS:
            continue
        for line in level.effective("set_real_ip_from").values:
            if line.location in seen:
                continue
            seen.add(line.location)
            if line.is_template:
                unknown.append(UnknownValue(f"{line.text} at {line.location}", line.location))
            elif _is_everybody(line.arg(0)):
                here = [one for one in attempts if any(same_place(it.location, one.location) for it in owner.locations)]
                yield _believes(level, line, name, header.value, [one for one in here if _took(one, name)])


def _took(attempt: AddressAttempt, name: str) -> bool:
    """Whether nginx took the client's address from the forged header: it then writes it into the others."""
    if attempt.header.lower() != name.lower():
        return False
    others = [attempt.real_ip] if name.lower() != "x-real-ip" else [attempt.forwarded_for]
    return attempt.believed or attempt.value in others


def _believes(
    level: Level, line: Directive, name: str, header: Directive | None, took: list[AddressAttempt]
) -> Finding:
    holder = level.effective("set_real_ip_from").level
    evidence = [Evidence(line.text, line.location)]
    if header is not None:
        evidence.append(Evidence(header.text, header.location))
    evidence += [Evidence(f"{exchange_text(one.exchange)}: the application is told {one.value}") for one in took[:2]]
    whose = "the PROXY protocol line" if name == "proxy_protocol" else quoted(name)
    return Finding(
        message=f"{quoted(line.text)} takes the client's address from {whose} of anybody who connects.",
        location=line.location,
        symbol=f"{level_symbol(holder)} set_real_ip_from {line.arg(0)}",
        evidence=tuple(evidence),
        proof=Proof.PROVEN if took else Proof.INFERRED,
    )


def _is_everybody(text: str) -> bool:
    """Whether a network covers all addresses, or more of the Internet than any one owner has."""
    try:
        network = ipaddress.ip_network(text, strict=False)
    except ValueError:
        return False
    if network.is_private and network.prefixlen > 0:
        return False
    return network.prefixlen < (_WIDEST_IPV4 if network.version == 4 else _WIDEST_IPV6)


def _gunicorn(server: AppServer) -> Iterator[Finding]:
    if server.kind is not ServerKind.GUNICORN or all(bind.loopback for bind in server.binds):
        return
    protocol, allowed = server.settings.get("proxy_protocol"), server.settings.get("proxy_allow_ips")
    if protocol is None or allowed is None or protocol[0].lower() in {"false", "off", "0"}:
        return
    if "*" in [part.strip() for part in allowed[0].split(",")]:
        yield Finding(
            message=f"Gunicorn of {quoted(server.artefact)} takes the client's address from the PROXY protocol line of "
            "anybody who connects: `proxy_allow_ips` is `*`.",
            location=allowed[1],
            symbol=f"{server.artefact} proxy_allow_ips",
            evidence=(Evidence(f"proxy_protocol = {protocol[0]}", protocol[1]), Evidence("listens on other addresses")),
        )


def _traefik(service: Service) -> Iterator[Finding]:
    """What Traefik's command line says, where Compose starts it."""
    image = "" if service.image is None or isinstance(service.image, Unknown) else service.image.lower()
    if "traefik" not in image:
        return
    for word, location in service.command_words or ():
        option, _, value = word.lower().lstrip("-").partition("=")
        insecure = option.endswith(_TRAEFIK) and value in {"", "true", "1"}
        everybody = option.endswith(_TRAEFIK_LISTS) and any(_is_everybody(part.strip()) for part in value.split(","))
        if insecure or everybody:
            yield Finding(
                message=f"Traefik of {quoted(f'service {service.name}')} believes forwarded headers of anybody who "
                f"connects: {quoted(word)}.",
                location=location,
                symbol=f"service {service.name} {option}",
                evidence=(Evidence(word, location),),
            )

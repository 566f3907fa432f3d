"""The site answers over plain HTTP.

## Why is this bad
A page, a form or a cookie that travels unencrypted can be read and changed by everybody on the way.

## Bad
    server {
        listen 80;
        server_name shop.example;
        location / { proxy_pass http://127.0.0.1:8000; }
    }

## Good
    server {
        listen 80;
        server_name shop.example;
        return 301 https://$server_name$request_uri;
    }

## References
- https://docs.djangoproject.com/en/stable/ref/settings/#secure-ssl-redirect
- https://docs.djangoproject.com/en/stable/topics/security/#ssl-https
- CWE-319
"""

from collections.abc import Iterator
from dataclasses import dataclass

from scanner.facts.app_servers import AppServers
from scanner.facts.compose import Compose
from scanner.facts.edge import (
    django_blocks,
    django_places,
    django_servers,
    hidden_by_compose,
    judged,
    other_edge,
    plain_sockets,
    server_at,
    speaks_tls,
    tls_ends_before,
)
from scanner.facts.exchange_text import exchange_text
from scanner.facts.nginx import Nginx
from scanner.facts.plain_http import PlainAnswer, PlainHttp, PlainKind
from scanner.facts.redirects import django_redirects, exempt_paths
from scanner.facts.settings import Settings
from scanner.facts.settings_place import booted, require_decided, settings_place
from scanner.facts.settings_source import SettingsSource
from scanner.facts.topology import TlsEnd, Topology
from scanner.model import (
    Evidence,
    Finding,
    Location,
    NotApplicable,
    Proof,
    Severity,
    UnknownValue,
    quoted,
    rule,
)
from scanner.nginx.effective import (
    Configuration,
    LocationBlock,
    Proxied,
    RequestShape,
    Served,
    Server,
)

_PAGES = frozenset({PlainKind.PAGE, PlainKind.POST, PlainKind.APP, PlainKind.STATIC, PlainKind.NAME})
_ELSEWHERE = "if something in front of it ends TLS, say `edge: tls` in `.seatrial.yml`"


@dataclass(frozen=True)
class _Deployment:
    settings: Settings | None
    source: SettingsSource | None
    compose: Compose | None
    topology: Topology | None
    servers: AppServers | None


@rule(severity=Severity.HIGH, needs_one_of=(Nginx, Settings))
def check(
    nginx: Nginx | None,
    settings: Settings | None,
    source: SettingsSource | None,
    servers: AppServers | None,
    compose: Compose | None,
    topology: Topology | None,
    plain: PlainHttp | None,
) -> Iterator[Finding]:
    if tls_ends_before(topology):
        raise NotApplicable("TLS ends in front of this proxy")
    known = _Deployment(settings, source, compose, topology, servers)
    configurations = [one for one in judged(nginx) if django_places(one, servers, settings)]
    # A second configuration without TLS is the one for the certificate's first day, or for a place behind another edge.
    configurations = [one for one in configurations if nginx is None or one is nginx.main or speaks_tls(one)]
    if not configurations:
        yield from _without_proxy(known)
        return
    if hidden_by_compose(compose):
        raise NotApplicable("the proxy's container is published to this host only: something else is in front of it")
    unknown: list[UnknownValue] = []
    for configuration in configurations:
        answers = plain if nginx is not None and configuration is nginx.main else None
        for server in configuration.servers:
            try:
                yield from _server(configuration, server, known, answers)
            except UnknownValue as error:
                unknown.append(error)
    if unknown:
        raise unknown[0]


def _without_proxy(known: _Deployment) -> Iterator[Finding]:
    """Only Django can redirect, as far as the repository tells (security.W008)."""
    settings = known.settings
    front = other_edge(known.compose)
    if front is not None:
        raise UnknownValue(f"the configuration of the proxy in service {front.name} at {front.location}")
    if settings is None:
        raise UnknownValue("no proxy is known, and the settings were not booted")
    if known.topology is not None and (known.topology.platform or known.topology.tls_ends is TlsEnd.APP):
        raise NotApplicable("TLS does not end at a proxy of this repository")
    if django_redirects(settings):
        return
    require_decided(settings, "SECURE_SSL_REDIRECT")
    yield Finding(
        message=f"Nothing in the repository redirects plain HTTP to https: no proxy does, and `SECURE_SSL_REDIRECT` is "
        f"off in {quoted(settings.module)}; {_ELSEWHERE}.",
        location=settings_place(settings, known.source, "SECURE_SSL_REDIRECT"),
        symbol="settings.SECURE_SSL_REDIRECT",
        evidence=(booted(settings, known.source, "SECURE_SSL_REDIRECT"), Evidence("security.W008 of check --deploy")),
        severity=Severity.MEDIUM,
    )


def _server(
    configuration: Configuration, server: Server, known: _Deployment, plain: PlainHttp | None
) -> Iterator[Finding]:
    sockets = plain_sockets(configuration, server)
    if not sockets or not configuration.is_choosable(server):
        return
    asked = django_servers(configuration, known.servers, known.settings)
    if not _is_of_the_site(configuration, server, asked) or _decides_by_header(configuration, server):
        return
    seen = _answers_of(configuration, server, plain)
    leaking = [one for one in seen if _leaks(one)]
    if seen and not leaking:
        return
    files, django = _leaks_from_files(configuration, server, known)
    if not leaking and not files and not django:
        return
    if any(listen.is_template for listen in server.plain_listens):
        raise UnknownValue(f"the address of {server.symbol} at {server.location}")
    if not leaking and django and not files and known.settings is None:
        raise UnknownValue("whether Django redirects: the settings were not booted")
    if not leaking and not files and known.settings is not None:
        require_decided(known.settings, "SECURE_SSL_REDIRECT")
    yield _finding(configuration, server, known, leaking, (*django, *files))


def _is_of_the_site(configuration: Configuration, server: Server, django: frozenset[Server]) -> bool:
    """It hands requests to Django, or answers for a name of a server that does."""
    return server in django or not django.isdisjoint(configuration.servers_named(server.concrete_names))


def _decides_by_header(configuration: Configuration, server: Server) -> bool:
    """It redirects by X-Forwarded-Proto, or passes it on although nothing here has TLS: TLS ends in front of it."""
    levels: list[Server | LocationBlock] = [server, *server.locations]
    if any("$http_x_forwarded_proto" in " ".join(block.condition) for level in levels for block in level.ifs):
        return True
    if speaks_tls(configuration):
        return False
    return any(
        "http_x_forwarded_proto" in configuration.variables_in(item.arg(1), level)
        for level in (configuration.http, *levels)
        for item in level.own("proxy_set_header")
        if item.arg(0).lower().startswith("x-forwarded")
    )


def _answers_of(configuration: Configuration, server: Server, plain: PlainHttp | None) -> list[PlainAnswer]:
    """What the live stack asked of this very server."""
    answers = plain.answers if plain is not None else ()
    return [one for one in answers if one.kind in _PAGES and server_at(configuration, one.door, one.name) is server]


def _leaks(answer: PlainAnswer) -> bool:
    """Content came back in plain text: neither a redirect nor a refusal, nor Django's own refusal of the name."""
    if answer.status is None or answer.refused or 300 <= answer.status < 400:
        return False
    return not (answer.kind is PlainKind.NAME and answer.status == 400)


def _leaks_from_files(
    configuration: Configuration, server: Server, known: _Deployment
) -> tuple[list[Server | LocationBlock], list[Server | LocationBlock]]:
    """The places that send files over plain HTTP, and those that hand requests to an application there."""
    redirected = known.settings is not None and django_redirects(known.settings)
    excused = {configuration.location_for(server, path) for path in exempt_paths(known.settings)}
    django = django_blocks(configuration, known.servers, known.settings)
    shape = RequestShape(tls=False, host=next(iter(server.concrete_names), ""))
    files: list[Server | LocationBlock] = []
    passing: list[Server | LocationBlock] = []
    for place in configuration.reachable_places(server):
        if isinstance(place, LocationBlock) and (place.is_acme or place in excused or place.unknown_includes):
            continue
        replies = configuration.replies(place, shape)
        if any(isinstance(reply, Proxied) for reply in replies):
            if place not in django or not redirected:
                passing.append(place)
        elif any(isinstance(reply, Served) and reply.handler.directive is not None for reply in replies):
            files.append(place)
    return files, passing


def _finding(
    configuration: Configuration,
    server: Server,
    known: _Deployment,
    seen: list[PlainAnswer],
    places: tuple[Server | LocationBlock, ...],
) -> Finding:
    listen = server.plain_listens[0] if server.plain_listens else server.listens[0]
    place = listen.directive.location if listen.directive is not None else server.location
    titles = [one.title if isinstance(one, LocationBlock) else "the server itself" for one in places]
    named = f" ({', '.join(quoted(title) for title in titles[:6])})" if titles else ""
    means_tls = _means_tls(configuration, known)
    hint = "" if means_tls else f"; {_ELSEWHERE}"
    evidence = [Evidence(_text(one), one.location) for one in places[:6]]
    evidence += [Evidence(exchange_text(one.exchange, "Location", "Server")) for one in seen[:4]]
    if known.settings is not None:
        evidence.append(booted(known.settings, known.source, "SECURE_SSL_REDIRECT"))
    only_files = all(one.kind is PlainKind.STATIC for one in seen) if seen else _only_files(configuration, places)
    return Finding(
        message=f"{quoted(server.name)} is served over plain HTTP on port {listen.port}{named}: neither the proxy nor "
        f"Django redirects to https{hint}.",
        location=Location(place.path, place.line, place.column),
        symbol=f"server {server.name}:{listen.port}",
        evidence=tuple(evidence),
        proof=Proof.PROVEN if seen else Proof.INFERRED,
        severity=Severity.HIGH if means_tls and not only_files else Severity.MEDIUM,
    )


def _text(place: Server | LocationBlock) -> str:
    return place.title if isinstance(place, LocationBlock) else place.symbol


def _only_files(configuration: Configuration, places: tuple[Server | LocationBlock, ...]) -> bool:
    return all(configuration.proxy(place) is None for place in places)


def _means_tls(configuration: Configuration, known: _Deployment) -> bool:
    """The repository means TLS to end here."""
    if speaks_tls(configuration) or (known.topology is not None and known.topology.tls_ends is TlsEnd.PROXY):
        return True
    services = known.compose.main.services if known.compose is not None and known.compose.main is not None else ()
    return any(port.target == 443 or port.published == "443" for service in services for port in service.ports)

"""Names that nobody declared are answered with the site.

## Why is this bad
nginx gives a request for an unknown name to the default server: the one that says so, or else the first. If that is
the site, scanners, other people's domains and forged Host headers reach Django, and only `ALLOWED_HOSTS` stands
between them and its links.

## Bad
    server {
        listen 443 ssl;                  # the only server of this socket: it answers for every name
        server_name shop.example;
        location / { proxy_pass http://127.0.0.1:8000; }
    }

## Good
    server {
        listen 80 default_server;
        listen 443 ssl default_server;
        ssl_reject_handshake on;
        return 444;
    }

## References
- https://docs.djangoproject.com/en/stable/topics/security/#host-headers-virtual-hosting
- https://nginx.org/en/docs/http/request_processing.html
- CWE-644
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from scanner.facts.app_servers import AppServers
from scanner.facts.default_server import STRANGER, may_be_another
from scanner.facts.edge import django_servers, judged
from scanner.facts.exchange_text import exchange_text
from scanner.facts.host_names import refuses_strangers
from scanner.facts.host_spoof import HostAttempt, HostOutcome, HostSpoof
from scanner.facts.nginx import Nginx
from scanner.facts.settings import Settings
from scanner.facts.settings_place import require_decided
from scanner.model import Evidence, Finding, Location, NotApplicable, Proof, Severity, UnknownValue, quoted, rule
from scanner.nginx.effective import Configuration, Proxied, Reply, RequestShape, Server, Socket

_NAME = "ALLOWED_HOSTS"


@rule(severity=Severity.MEDIUM)
def check(
    nginx: Nginx, settings: Settings | None, servers: AppServers | None, spoof: HostSpoof | None
) -> Iterator[Finding]:
    if settings is not None and _NAME not in settings.injected and not refuses_strangers(settings):
        raise NotApplicable("ALLOWED_HOSTS takes every name: that is a finding of its own")
    views = [_judge(one, servers, settings) for one in judged(nginx)]
    if not any(view.asked for view in views):
        raise NotApplicable("no default server of the proxy leads to Django")
    for view in views:
        for server, sockets in view.found.items():
            attempts = _attempts(sockets, spoof if view.configuration is nginx.main else None)
            if attempts and all(_refused_by_edge(one) for one in attempts):
                continue
            if settings is None:
                raise UnknownValue("ALLOWED_HOSTS: the settings were not booted")
            require_decided(settings, _NAME)
            yield _finding(server, sockets, attempts)
    unknown = next((view.unknown for view in views if view.unknown), "")
    if unknown:
        raise UnknownValue(unknown)


@dataclass(frozen=True, eq=False)
class _View:
    """The default servers of one configuration that hand strangers to Django."""

    configuration: Configuration
    asked: bool
    found: Mapping[Server, list[Socket]]
    unknown: str


def _judge(configuration: Configuration, servers: AppServers | None, settings: Settings | None) -> _View:
    found: dict[Server, list[Socket]] = {}
    asked = False
    unknown = ""
    for socket in configuration.sockets():
        server = socket.default_server
        if socket.is_private or django_servers(configuration, servers, None).isdisjoint(socket.servers):
            continue
        asked = True
        if not _leads_to_django(configuration, server, servers, settings):
            continue
        if _serves_strangers(configuration, server, socket):
            if may_be_another(configuration, socket):
                unknown = unknown or f"which server of {socket.text} the other files on the host make the default"
            else:
                found.setdefault(server, []).append(socket)
    return _View(configuration, asked, found, unknown)


def _leads_to_django(
    configuration: Configuration, server: Server, servers: AppServers | None, settings: Settings | None
) -> bool:
    """The server hands requests to Django."""
    return server in django_servers(configuration, servers, settings)


def _serves_strangers(configuration: Configuration, server: Server, socket: Socket) -> bool:
    """A request for an unknown name is handed on, and not refused by an ``if`` on the name."""
    if server.effective("ssl_reject_handshake").text == "on":
        return False
    shape = RequestShape(tls=socket.tls, host=STRANGER, port=socket.port or None, path="/")
    place = configuration.location_for(server, "/") or server
    replies: tuple[Reply, ...] = configuration.replies(place, shape)
    return any(isinstance(reply, Proxied) for reply in replies)


def _attempts(sockets: list[Socket], spoof: HostSpoof | None) -> list[HostAttempt]:
    """What the live stack asked of these sockets with a foreign name, in the TLS handshake too."""
    if spoof is None:
        return []
    ports = {socket.port for socket in sockets}
    return [
        one
        for one in spoof.attempts
        if one.host == spoof.evil and one.door.port in ports and (one.sni is None or one.sni == spoof.evil)
    ]


def _refused_by_edge(attempt: HostAttempt) -> bool:
    if attempt.outcome in {HostOutcome.CLOSED, HostOutcome.TLS_REFUSED}:
        return True
    return attempt.outcome is HostOutcome.PROXY_PAGE


def _finding(server: Server, sockets: list[Socket], attempts: list[HostAttempt]) -> Finding:
    answered = [one for one in attempts if one.outcome is HostOutcome.APP_ANSWERED]
    texts = ", ".join(quoted(socket.text) for socket in sockets)
    why = "says `default_server`" if sockets[0].explicit_default else "comes first"
    listen = next((item.directive for item in server.listens if item.directive is not None), None)
    place = listen.location if listen is not None else server.location
    evidence = [Evidence(item.directive.text, item.directive.location) for item in server.listens if item.directive]
    evidence += [Evidence(exchange_text(one.exchange, "Location")) for one in (answered or attempts)[:3]]
    return Finding(
        message=f"{quoted(server.name)} answers on {texts} for every name that no server declares, because it {why}; "
        f"only `ALLOWED_HOSTS` refuses them.",
        location=Location(place.path, place.line, place.column),
        symbol=server.symbol,
        evidence=tuple(evidence),
        proof=Proof.PROVEN if answered else Proof.INFERRED,
        severity=Severity.MEDIUM if answered else Severity.LOW,
    )

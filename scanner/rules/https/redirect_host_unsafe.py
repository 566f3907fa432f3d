"""The redirect to https leads to a host of the client's choice, or to one that is not the site's.

## Why is this bad
A redirect that repeats the client's `Host` sends whoever follows it to any site, with the site's own answer as the
proof that it is right. A cache in between keeps such an answer for everybody. A `SECURE_SSL_HOST` that is not a name
of the site sends every visitor away.

## Bad
    server {
        listen 80 default_server;
        return 301 https://$host$request_uri;
    }

## Good
    server {
        listen 80;
        server_name shop.example;
        return 301 https://$server_name$request_uri;
    }

## References
- https://docs.djangoproject.com/en/stable/ref/settings/#secure-ssl-host
- https://nginx.org/en/docs/http/server_names.html
- CWE-601
"""

from collections.abc import Iterator
from dataclasses import dataclass

from scanner.facts.default_server import STRANGER, may_be_another
from scanner.facts.edge import all_django_places, judged, plain_sockets, server_at, tls_ends_before
from scanner.facts.exchange_text import exchange_text
from scanner.facts.host_names import accepts_host, refuses_strangers
from scanner.facts.host_spoof import HostAttempt, HostSpoof
from scanner.facts.https_redirects import HttpsRedirect, https_redirects
from scanner.facts.nginx import Nginx
from scanner.facts.nginx_fix import line_fix
from scanner.facts.redirects import django_redirects
from scanner.facts.settings import Settings
from scanner.facts.settings_place import booted, require_decided, settings_place
from scanner.facts.settings_source import SettingsSource
from scanner.facts.topology import Topology
from scanner.model import Evidence, Finding, Fix, NotApplicable, Proof, Severity, UnknownValue, quoted, rule
from scanner.nginx.effective import Configuration, Directive, Socket

_SETTING = "SECURE_SSL_HOST"
_RAW = "$http_host"
_CHOSEN = "$host"


@dataclass(frozen=True)
class _View:
    """What one configuration does with a plain request for a name of nobody."""

    found: tuple[HttpsRedirect, ...]
    unknown: str


@rule(severity=Severity.HIGH, needs_one_of=(Nginx, Settings))
def check(
    nginx: Nginx | None,
    settings: Settings | None,
    source: SettingsSource | None,
    topology: Topology | None,
    spoof: HostSpoof | None,
) -> Iterator[Finding]:
    asked = settings is not None and bool(settings.value(_SETTING)) and django_redirects(settings)
    if settings is not None and asked:
        yield from _ssl_host(settings, source, nginx)
    configurations = () if tls_ends_before(topology) else judged(nginx)
    redirecting = [one for one in configurations if any(True for _ in https_redirects(one))]
    if not redirecting and not asked:
        raise NotApplicable("neither the proxy nor SECURE_SSL_HOST redirects to https")
    unknown = ""
    for configuration in redirecting:
        view = _view(configuration)
        unknown = unknown or view.unknown
        attempts = _attempts(spoof) if nginx is not None and configuration is nginx.main else []
        for redirect in view.found:
            mine = [one for one in attempts if server_at(configuration, one.door, one.host or "") is redirect.server]
            followed = [one for one in mine if spoof is not None and _leads_to(one, spoof.evil)]
            if not mine or followed:
                yield _finding(redirect, followed)
    if unknown:
        raise UnknownValue(unknown)


def _view(configuration: Configuration) -> _View:
    found: dict[Directive, HttpsRedirect] = {}
    unknown = ""
    for redirect in https_redirects(configuration):
        if _RAW in redirect.host.replace("{", "").replace("}", ""):
            found.setdefault(redirect.directive, redirect)
    for redirect in https_redirects(configuration, STRANGER):
        if not _follows_host(redirect):
            continue
        sockets = [
            socket
            for socket in plain_sockets(configuration, redirect.server)
            if socket.server_for(STRANGER) is redirect.server
        ]
        if all(_is_guess(configuration, redirect, socket) for socket in sockets):
            unknown = unknown or f"which server of {sockets[0].text} the other files on the host make the default"
            continue
        found.setdefault(redirect.directive, redirect)
    return _View(tuple(found.values()), unknown)


def _follows_host(redirect: HttpsRedirect) -> bool:
    """The target's host is ``$host``, alone or with a port."""
    host = redirect.host.replace("{", "").replace("}", "")
    return host == _CHOSEN or host.startswith(f"{_CHOSEN}:")


def _is_guess(configuration: Configuration, redirect: HttpsRedirect, socket: Socket) -> bool:
    """The server gets strangers only if no other file of the host has the default server of the socket."""
    if any(name.matches(STRANGER) is not None for name in redirect.server.names):
        return False
    if any(listen.is_template for listen in redirect.server.listens):
        return True
    return may_be_another(configuration, socket)


def _attempts(spoof: HostSpoof | None) -> list[HostAttempt]:
    """Plain requests for the foreign name."""
    if spoof is None:
        return []
    return [
        one
        for one in spoof.attempts
        if one.host == spoof.evil and one.door.scheme == "http" and one.variant in {"d", "e"}
    ]


def _leads_to(attempt: HostAttempt, host: str) -> bool:
    target = (attempt.location or "").lower()
    return target.startswith("https://") and target[8:].partition("/")[0].partition(":")[0] == host.lower()


def _finding(redirect: HttpsRedirect, seen: list[HostAttempt]) -> Finding:
    directive = redirect.directive
    if _follows_host(redirect):
        why = "names that nobody declares end up here, too"
    else:
        why = "the client writes that header as it likes"
    evidence = [Evidence(directive.text, directive.location)]
    evidence += [
        Evidence(listen.directive.text, listen.directive.location)
        for listen in redirect.server.listens
        if listen.directive is not None and not listen.tls
    ]
    evidence += [Evidence(exchange_text(one.exchange, "Location")) for one in seen[:2]]
    return Finding(
        message=f"{quoted(redirect.server.name)} redirects to whatever host the client names "
        f"({quoted(redirect.host)}): {why}.",
        location=directive.location,
        symbol=redirect.symbol,
        evidence=tuple(evidence),
        proof=Proof.PROVEN if seen else Proof.INFERRED,
        severity=Severity.MEDIUM,
        fix=_fix(redirect),
    )


def _fix(redirect: HttpsRedirect) -> Fix | None:
    """The server's one name in its place."""
    names = redirect.server.names
    if len(names) != 1 or not names[0].is_concrete:
        return None
    return line_fix(redirect.directive, f"https://{redirect.host}", "https://$server_name")


def _ssl_host(settings: Settings, source: SettingsSource | None, nginx: Nginx | None) -> Iterator[Finding]:
    """Django's own redirect leads to a name that neither the proxy nor Django answers for."""
    value = settings.value(_SETTING)
    host = value.partition(":")[0].lower() if isinstance(value, str) else ""
    servers = {place.server for place in all_django_places(nginx, None, settings)}
    names = [name for server in servers for name in server.names]
    if any(name.matches(host) is not None for name in names):
        return
    listed = [entry for entry in settings.strings("ALLOWED_HOSTS") if entry.strip(".*")]
    if listed and refuses_strangers(settings) and accepts_host(settings, host):
        return
    if not any(name.is_concrete for name in names) and not (listed and refuses_strangers(settings)):
        raise UnknownValue("the names of the site")
    if any(name.is_template for name in names):
        raise UnknownValue("the names of the site, which a template fills in")
    require_decided(settings, _SETTING)
    require_decided(settings, "ALLOWED_HOSTS")
    yield Finding(
        message=f"`{_SETTING}` sends every plain request to {quoted(value)}, which is no name of this site.",
        location=settings_place(settings, source, _SETTING),
        symbol=f"settings.{_SETTING}",
        evidence=(booted(settings, source, _SETTING), booted(settings, source, "ALLOWED_HOSTS")),
    )

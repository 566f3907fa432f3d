"""A client can log in as anybody by writing a header.

## Why is this bad
`RemoteUserMiddleware` believes that the server in front has checked who the user is. With a header in the place of the
server's own variable, whoever reaches Django with that header is that user, an administrator too.

## Bad
    class HeaderMiddleware(RemoteUserMiddleware):
        header = "HTTP_X_REMOTE_USER"               # and nginx passes the client's X-Remote-User on

## Good
    location / {
        auth_request /verify;
        auth_request_set $user $upstream_http_x_user;
        proxy_set_header X-Remote-User $user;       # at every location that leads to Django
        proxy_pass http://127.0.0.1:8000;
    }

## References
- https://docs.djangoproject.com/en/stable/howto/auth-remote-user/#configuration
- CWE-290, CWE-287
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from scanner.facts.app_openings import openings
from scanner.facts.app_servers import AppServers
from scanner.facts.compose import Compose
from scanner.facts.edge import DjangoPlace, all_django_places, hidden_by_compose, tls_ends_before
from scanner.facts.exchange_text import exchange_text
from scanner.facts.nginx import Nginx
from scanner.facts.nginx_insert import header_fix
from scanner.facts.python_source import PythonSource
from scanner.facts.scheme import client_variables, wire_name
from scanner.facts.scheme_spoof import SchemeAttempt, SchemeSpoof
from scanner.facts.settings import Settings
from scanner.facts.settings_place import settings_place
from scanner.facts.settings_source import SettingsSource
from scanner.facts.topology import Topology
from scanner.model import Evidence, Finding, Location, NotApplicable, Proof, Severity, UnknownValue, quoted, rule
from scanner.nginx.effective import Directive, Overwritten, PassedOn, UndecidedHeader, forwarded_header

_MIDDLEWARE = "django.contrib.auth.middleware.RemoteUserMiddleware"


@dataclass(frozen=True)
class _Believer:
    """A class that takes the user's name from a header."""

    name: str
    header: str
    """On the wire."""
    location: Location


@rule(severity=Severity.CRITICAL)
def check(
    settings: Settings,
    nginx: Nginx | None,
    source: SettingsSource | None,
    servers: AppServers | None,
    topology: Topology | None,
    compose: Compose | None,
    python: PythonSource | None,
    spoof: SchemeSpoof | None,
) -> Iterator[Finding]:
    believers = [*_in_middleware(settings, source), *_in_framework(settings, python)]
    if not believers:
        raise NotApplicable("no user is taken from a header")
    yield from _at_open_ports(believers, servers, compose)
    places = all_django_places(nginx, servers, settings)
    if tls_ends_before(topology) or hidden_by_compose(compose) or not places:
        raise UnknownValue(f"whether something in front overwrites {believers[0].header}")
    unknown: list[UnknownValue] = []
    for believer in believers:
        for place in places:
            asked = _asked(place, believer, nginx, spoof)
            try:
                hole = _hole(place, believer.header, asked)
            except UnknownValue as error:
                unknown.append(error)
                continue
            if hole is not None:
                yield _finding(believer, place, *hole, [one for one in asked if one.seen_as])
    if unknown:
        raise unknown[0]


def _in_middleware(settings: Settings, source: SettingsSource | None) -> Iterator[_Believer]:
    for entry in settings.middleware:
        if entry.is_a(_MIDDLEWARE) and entry.header is not None and entry.header.startswith("HTTP_"):
            yield _Believer(entry.path, wire_name(entry.header), settings_place(settings, source, "MIDDLEWARE"))


def _in_framework(settings: Settings, python: PythonSource | None) -> Iterator[_Believer]:
    """Authentication classes of REST framework's defaults that are the project's own."""
    framework = settings.value("REST_FRAMEWORK")
    listed = framework.get("DEFAULT_AUTHENTICATION_CLASSES") if isinstance(framework, Mapping) else None
    names = {str(one).rpartition(".")[2] for one in listed} if isinstance(listed, list | tuple) else set()
    for one in python.remote_user_classes if python is not None else ():
        if one.name in names and one.header is not None and one.header.startswith("HTTP_"):
            yield _Believer(one.name, wire_name(one.header), one.location)


def _at_open_ports(
    believers: list[_Believer], servers: AppServers | None, compose: Compose | None
) -> Iterator[Finding]:
    for server in servers.servers if servers else ():
        if server.platform:
            continue
        for opening in openings(server, compose):
            believer = believers[0]
            yield Finding(
                message=f"{quoted(believer.name)} believes {quoted(believer.header)}, and the application server of "
                f"{quoted(opening.symbol)} {opening.words}: whoever connects there is whom he says he is.",
                location=opening.location,
                symbol=f"{opening.symbol} {believer.header}",
                evidence=(Evidence(f"{believer.name} reads {believer.header}", believer.location), *opening.evidence),
            )


def _asked(
    place: DjangoPlace, believer: _Believer, nginx: Nginx | None, spoof: SchemeSpoof | None
) -> list[SchemeAttempt]:
    if spoof is None or nginx is None or place.configuration is not nginx.main:
        return []
    return [
        one
        for one in spoof.attempts
        if place.is_at(one.location)
        and one.headers
        and one.headers[0][0].lower() == believer.header.lower()
        and one.status is not None
    ]


def _hole(
    place: DjangoPlace, header: str, asked: list[SchemeAttempt]
) -> tuple[Directive | None, tuple[Directive, ...]] | None:
    """The line that takes the header from the client (None: no line sets it) and lines that are cancelled there."""
    if asked and not any(one.seen_as for one in asked):
        return None
    match forwarded_header(place.level, header):
        case PassedOn(dropped):
            return None, dropped
        case Overwritten(values):
            for text, directive in values:
                if client_variables(place.configuration, text, place.level):
                    return directive, ()
            return None
        case UndecidedHeader(unknown):
            raise UnknownValue(f"{unknown.text} at {unknown.location} may set {header}", unknown.location)
        case _:
            return None


def _finding(
    believer: _Believer,
    place: DjangoPlace,
    line: Directive | None,
    dropped: tuple[Directive, ...],
    proven: list[SchemeAttempt],
) -> Finding:
    how = f"{quoted(line.text)} takes it" if line is not None else f"{quoted(place.location.title)} passes it on"
    evidence = [Evidence(f"{believer.name} reads {believer.header}", believer.location)]
    evidence += [Evidence(f"{one.text} (cancelled here)", one.location) for one in dropped]
    evidence += [Evidence(f"{exchange_text(one.exchange)}: Django got the forged name") for one in proven[:2]]
    return Finding(
        message=f"{quoted(believer.name)} logs in whoever {quoted(believer.header)} names, and {how} from the client.",
        location=line.location if line is not None else place.location.location,
        symbol=f"{place.location.symbol} {believer.header}",
        evidence=tuple(evidence),
        proof=Proof.PROVEN if proven else Proof.INFERRED,
        fix=header_fix(place, believer.header, '""', line),
    )

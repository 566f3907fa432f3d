"""The Host that Django gets is put together from the client's own words.

## Why is this bad
nginx chooses the server by the host of the request line, and by the `Host` header only where the line has none.
`$host` is that name. `$http_host` is the header alone, so a request with both can pass the proxy under one name and
reach Django under another; `$arg_…`, `$cookie_…` and other `$http_…` variables let the client write any name. Links,
redirects and cached pages then carry it.

## Bad
    proxy_set_header Host $http_host;

## Good
    proxy_set_header Host $host;

## References
- https://nginx.org/en/docs/http/ngx_http_core_module.html#var_host
- https://docs.djangoproject.com/en/stable/topics/security/#host-headers-virtual-hosting
- CWE-644
- CWE-348
"""

from collections.abc import Iterator
from dataclasses import dataclass

from scanner.facts.app_servers import AppServers
from scanner.facts.edge import DjangoPlace, all_django_places, server_at
from scanner.facts.exchange_text import exchange_text
from scanner.facts.host_names import refuses_strangers
from scanner.facts.host_spoof import HostAttempt, HostOutcome, HostSpoof
from scanner.facts.nginx import Nginx
from scanner.facts.nginx_fix import line_fix
from scanner.facts.request_line import RequestLine
from scanner.facts.scheme import is_client_variable
from scanner.facts.sent_headers import level_symbol
from scanner.facts.settings import Settings
from scanner.facts.settings_place import booted
from scanner.facts.settings_source import SettingsSource
from scanner.model import Evidence, Exchange, Finding, NotApplicable, Proof, Severity, UnknownValue, quoted, rule
from scanner.nginx.effective import Directive, Overwritten, UndecidedHeader, forwarded_header

_HEADER = "Host"
_RAW = "http_host"


@dataclass(frozen=True)
class _Hole:
    """One location whose Host comes from the client."""

    place: DjangoPlace
    directive: Directive
    variables: tuple[str, ...]

    @property
    def is_raw_host(self) -> bool:
        """Only the Host header flows into it."""
        return set(self.variables) == {_RAW}


@dataclass(frozen=True)
class _Seen:
    """What became of a request whose line names the site and whose Host header names a stranger."""

    exchange: Exchange
    evil: str
    echoed: str | None
    by_proxy: bool

    @property
    def arrived(self) -> bool:
        """Django got the header's name: it believed it, or refused it."""
        return not self.by_proxy if self.echoed is None else self.echoed == self.evil


@rule(severity=Severity.HIGH)
def check(
    nginx: Nginx,
    settings: Settings | None,
    source: SettingsSource | None,
    servers: AppServers | None,
    spoof: HostSpoof | None,
    line: RequestLine | None,
) -> Iterator[Finding]:
    places = all_django_places(nginx, servers, settings)
    if not places:
        raise NotApplicable("no location of the proxy leads to Django")
    unknown: UnknownValue | None = None
    found: dict[Directive, list[_Hole]] = {}
    for place in places:
        try:
            hole = _hole(place)
        except UnknownValue as error:
            unknown = unknown or error
            continue
        if hole is not None:
            found.setdefault(hole.directive, []).append(hole)
    for holes in found.values():
        seen = [one for hole in holes if hole.is_raw_host for one in _seen(hole.place, nginx, spoof, line)]
        arrived = [one for one in seen if one.arrived]
        if arrived or not seen:
            yield _finding(holes, settings, source, arrived)
    if unknown is not None:
        raise unknown


def _hole(place: DjangoPlace) -> _Hole | None:
    sent = forwarded_header(place.level, _HEADER)
    if isinstance(sent, UndecidedHeader):
        raise UnknownValue(f"{sent.unknown.text} at {sent.unknown.location} may set Host", sent.unknown.location)
    if not isinstance(sent, Overwritten):
        return None
    text, directive = sent.values[-1]
    if directive.known:
        return None
    variables = place.configuration.variables_in(text, place.level)
    from_client = tuple(sorted(name for name in variables if is_client_variable(name)))
    if not from_client:
        if directive.is_template:
            raise UnknownValue(f"{directive.text} at {directive.location}", directive.location)
        return None
    if place.local_only:
        raise UnknownValue(f"what the proxy in front of {place.server.symbol} sends")
    return _Hole(place, directive, from_client)


def _seen(place: DjangoPlace, nginx: Nginx, spoof: HostSpoof | None, line: RequestLine | None) -> list[_Seen]:
    """The requests of the live stack that this location took."""
    if place.configuration is not nginx.main:
        return []
    found = []
    if line is not None:
        found = [
            _Seen(one.exchange, line.evil, one.echoed_host, one.by_proxy)
            for one in line.attempts
            if one.variant == "absolute" and one.status is not None and place.is_at(one.location)
        ]
    if found or spoof is None:
        return found
    refused = {HostOutcome.PROXY_PAGE, HostOutcome.TLS_REFUSED}
    return [
        _Seen(one.exchange, spoof.evil, one.echoed_host, one.outcome in refused)
        for one in spoof.attempts
        if one.variant == "h" and one.host == spoof.evil and one.outcome is not HostOutcome.CLOSED and _took(place, one)
    ]


def _took(place: DjangoPlace, attempt: HostAttempt) -> bool:
    """The location is the one that nginx chooses for the name and path of the request line."""
    name, path = _line(attempt)
    server = server_at(place.configuration, attempt.door, name)
    return server is place.server and place.configuration.location_for(server, path) is place.location


def _line(attempt: HostAttempt) -> tuple[str, str]:
    """Host and path of the absolute target."""
    words = attempt.exchange.request.raw.split(b"\r\n", 1)[0].decode("latin-1").split(" ")
    address = words[1].partition("://")[2] if len(words) > 1 else ""
    host, slash, path = address.partition("/")
    return host.partition(":")[0], slash + path.partition("?")[0]


def _finding(
    holes: list[_Hole], settings: Settings | None, source: SettingsSource | None, seen: list[_Seen]
) -> Finding:
    first = holes[0]
    names = " and ".join(quoted(f"${name}") for name in first.variables)
    raw = all(hole.is_raw_host for hole in holes)
    evidence = [Evidence(first.directive.text, first.directive.location)]
    evidence += [Evidence(hole.place.location.symbol, hole.place.location.location) for hole in holes[:4]]
    if settings is not None:
        evidence.append(booted(settings, source, "ALLOWED_HOSTS"))
    evidence += [Evidence(_text(one)) for one in seen[:2]]
    level = first.place.level.effective(first.directive.name).level
    if raw:
        why = "it is the client's header, even where the request line, by which nginx chose the server, names another"
    else:
        why = "the client writes it"
    return Finding(
        message=f"The Host that Django gets is made of {names}: {why}.",
        location=first.directive.location,
        symbol=level_symbol(level),
        evidence=tuple(evidence),
        proof=Proof.PROVEN if seen else Proof.INFERRED,
        severity=_severity(settings, raw=raw),
        fix=line_fix(first.directive, f"${_RAW}", "$host") if raw else None,
    )


def _severity(settings: Settings | None, *, raw: bool) -> Severity:
    if not raw:
        return Severity.HIGH
    lax = settings is not None and "ALLOWED_HOSTS" not in settings.injected and not refuses_strangers(settings)
    return Severity.MEDIUM if lax else Severity.LOW


def _text(seen: _Seen) -> str:
    asked = exchange_text(seen.exchange)
    if seen.echoed is not None:
        return f"{asked}: request.get_host() is {seen.echoed}"
    return f"{asked}: Django got the header's name and refused it"

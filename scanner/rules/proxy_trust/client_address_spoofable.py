"""A client can choose the address that the application takes for its own.

## Why is this bad
Address lists, limits of login tries and logs work with the client's address. Where the proxy passes on the client's
own `X-Forwarded-For` or `X-Real-IP`, whoever is locked out takes another address, and whoever is not allowed takes an
allowed one.

## Bad
    location / {
        proxy_set_header Host $host;                # X-Real-IP and X-Forwarded-For of the client go through
        proxy_pass http://127.0.0.1:8000;
    }

## Good
    location / {
        proxy_set_header Host $host;
        proxy_set_header X-Real-IP $remote_addr;
        proxy_set_header X-Forwarded-For $remote_addr;
        proxy_pass http://127.0.0.1:8000;
    }

## References
- https://developer.mozilla.org/en-US/docs/Web/HTTP/Reference/Headers/X-Forwarded-For#security_and_privacy_concerns
- https://www.django-rest-framework.org/api-guide/throttling/#how-clients-are-identified
- CWE-348, CWE-290
"""

from collections.abc import Iterator
from dataclasses import dataclass

from scanner.facts.address_readers import FORWARDED_FOR, REAL_IP, AddressReader, address_readers
from scanner.facts.app_servers import AppServers, ServerKind
from scanner.facts.client_address import AddressAttempt, ClientAddress
from scanner.facts.compose import Compose
from scanner.facts.edge import (
    DjangoPlace,
    all_django_places,
    app_of,
    hidden_by_compose,
    peer_of,
    tls_ends_before,
    trusts,
)
from scanner.facts.exchange_text import exchange_text
from scanner.facts.nginx import Nginx
from scanner.facts.nginx_insert import header_fix
from scanner.facts.python_source import ItemTaken, PythonSource
from scanner.facts.settings import Settings
from scanner.facts.settings_source import SettingsSource
from scanner.facts.topology import Topology
from scanner.model import Evidence, Finding, Location, NotApplicable, Proof, Severity, UnknownValue, quoted, rule
from scanner.nginx.effective import Directive, Overwritten, PassedOn, UndecidedHeader, forwarded_header

_CLIENTS = {REAL_IP: "$http_x_real_ip", FORWARDED_FOR: "$http_x_forwarded_for"}


@dataclass(frozen=True)
class _Hole:
    """A header that carries the client's own words at one location."""

    place: DjangoPlace
    header: str
    appended: bool
    """The proxy adds the real address behind what the client wrote."""
    directive: Directive | None
    dropped: tuple[Directive, ...]
    readers: tuple[AddressReader, ...]
    attempts: tuple[AddressAttempt, ...] = ()

    @property
    def cause(self) -> tuple[object, ...]:
        """Holes that one edit mends."""
        if self.directive is not None:
            return ("directive", self.directive.location)
        level = self.place.level.effective("proxy_set_header").level
        return ("level", level.location if level is not None else self.place.server.location)


@rule(severity=Severity.HIGH)
def check(
    nginx: Nginx,
    servers: AppServers | None,
    settings: Settings | None,
    source: SettingsSource | None,
    topology: Topology | None,
    compose: Compose | None,
    python: PythonSource | None,
    live: ClientAddress | None,
) -> Iterator[Finding]:
    if tls_ends_before(topology) or hidden_by_compose(compose):
        raise NotApplicable("something in front of this proxy tells the client's address")
    places = [place for place in all_django_places(nginx, servers, settings) if not place.local_only]
    if not places:
        raise NotApplicable("no location of the proxy leads to Django")
    readers = address_readers(settings, source, python)
    unknown: list[UnknownValue] = []
    found: dict[tuple[object, ...], list[_Hole]] = {}
    for place in places:
        attempts = _attempts(place, nginx, live)
        mine = (*readers, *_of_the_server(place, servers, topology))
        for header in (FORWARDED_FOR, REAL_IP):
            try:
                hole = _hole(place, header, mine, attempts)
            except UnknownValue as error:
                unknown.append(error)
                continue
            if hole is not None:
                found.setdefault(hole.cause, []).append(hole)
    for holes in found.values():
        yield _finding(holes)
    if unknown:
        raise unknown[0]


def _attempts(place: DjangoPlace, nginx: Nginx, live: ClientAddress | None) -> tuple[AddressAttempt, ...]:
    if live is None or place.configuration is not nginx.main:
        return ()
    return tuple(one for one in live.attempts if place.is_at(one.location) and one.remote_addr is not None)


def _of_the_server(
    place: DjangoPlace, servers: AppServers | None, topology: Topology | None
) -> tuple[AddressReader, ...]:
    """uvicorn puts the address of X-Forwarded-For into REMOTE_ADDR, which everything reads."""
    app = app_of(place, servers, topology)
    if app is None or app.kind is not ServerKind.UVICORN:
        return ()
    peer = peer_of(place, app, topology)
    if peer is None or not trusts(app, peer):
        return ()
    item = ItemTaken.FIRST if "*" in app.trusted_peers else ItemTaken.COUNTED
    return (AddressReader(FORWARDED_FOR, item, "uvicorn (REMOTE_ADDR)", app.location, decides_access=False),)


def _hole(
    place: DjangoPlace, header: str, readers: tuple[AddressReader, ...], attempts: tuple[AddressAttempt, ...]
) -> _Hole | None:
    asked = tuple(one for one in attempts if one.header == header)
    reached = tuple(one for one in asked if one.believed or _is_in(one, header))
    if asked and not reached:
        return None
    match forwarded_header(place.level, header):
        case UndecidedHeader(unknown):
            raise UnknownValue(f"{unknown.text} at {unknown.location} may set {header}", unknown.location)
        case PassedOn(dropped):
            directive, appended = None, False
        case Overwritten(values):
            kind = _taken(place, header, values)
            if kind is None:
                return None
            directive, appended = kind
            dropped = ()
        case _:
            return None
    reading = tuple(one for one in readers if one.header == header and one.reads_the_clients(appended=appended))
    if not reading and (appended or place.proxy.kind != "proxy"):
        return None
    return _Hole(place, header, appended, directive, dropped, reading, reached)


def _is_in(attempt: AddressAttempt, header: str) -> bool:
    seen = attempt.real_ip if header == REAL_IP else attempt.forwarded_for
    return seen is not None and seen.startswith(attempt.value.partition(",")[0])


def _taken(place: DjangoPlace, header: str, values: tuple[tuple[str, Directive], ...]) -> tuple[Directive, bool] | None:
    """The line that hands the client's own header on, and whether it adds the real address; None where none does."""
    for text, directive in values:
        for value in place.configuration.possible_values(text, place.level):
            if "$proxy_add_x_forwarded_for" in value:
                return directive, True
            if _CLIENTS[header] in value.replace("{", "").replace("}", ""):
                return directive, "$remote_addr" in value or "$realip_remote_addr" in value
    return None


def _finding(holes: list[_Hole]) -> Finding:
    hole = next((one for one in holes if one.readers), holes[0])
    names = list(dict.fromkeys(one.header for one in holes))
    readers = tuple(dict.fromkeys(reader for one in holes for reader in one.readers))
    title = quoted(hole.place.location.title)
    if hole.directive is not None and hole.appended:
        what = f"{quoted(hole.directive.text)} leaves what the client wrote at the left of {quoted(hole.header)}"
    elif hole.directive is not None:
        what = f"{quoted(hole.directive.text)} passes on what the client says"
    else:
        what = f"{title} does not set {' and '.join(map(quoted, names))}, so the client's own goes through"
    whose = f"{readers[0].what} believes it" if readers else "nothing that is known here reads it yet"
    return Finding(
        message=f"{what}; {whose}.",
        location=_edit(hole),
        symbol=hole.place.location.symbol,
        evidence=tuple(_evidence(hole, holes, readers)),
        proof=Proof.PROVEN if any(one.attempts for one in holes) else Proof.INFERRED,
        severity=_severity(readers),
        fix=header_fix(hole.place, hole.header, "$remote_addr", hole.directive) if len(names) == 1 else None,
    )


def _edit(hole: _Hole) -> Location:
    return hole.directive.location if hole.directive is not None else hole.place.location.location


def _severity(readers: tuple[AddressReader, ...]) -> Severity:
    if any(one.decides_access for one in readers):
        return Severity.HIGH
    return Severity.MEDIUM if readers else Severity.LOW


def _evidence(hole: _Hole, holes: list[_Hole], readers: tuple[AddressReader, ...]) -> Iterator[Evidence]:
    if hole.directive is not None:
        yield Evidence(hole.directive.text, hole.directive.location)
    for directive in dict.fromkeys(line for one in holes for line in one.dropped):
        yield Evidence(f"{directive.text} (cancelled here)", directive.location)
    for reader in readers[:3]:
        item = "its first item" if reader.item is ItemTaken.FIRST else "it"
        yield Evidence(f"{reader.what} reads {reader.header} and takes {item}", reader.location)
    for attempt in [one for each in holes for one in each.attempts][:3]:
        yield Evidence(
            f"{exchange_text(attempt.exchange)}: REMOTE_ADDR {attempt.remote_addr}, X-Real-IP {attempt.real_ip}, "
            f"X-Forwarded-For {attempt.forwarded_for}"
        )

"""A client can tell Django that its request came by https.

## Why is this bad
Django, or the app server in front of it, believes a header such as `X-Forwarded-Proto`. Where the proxy does not
overwrite it, the client writes it: redirects to https, `Secure` cookies and origin checks no longer protect anybody.

## Bad
    location / {
        proxy_set_header Host $host;               # X-Forwarded-Proto of the client goes through
        proxy_pass http://127.0.0.1:8000;
    }

## Good
    location / {
        proxy_set_header Host $host;
        proxy_set_header X-Forwarded-Proto $scheme;
        proxy_pass http://127.0.0.1:8000;
    }

## References
- https://docs.djangoproject.com/en/stable/ref/settings/#secure-proxy-ssl-header
- https://docs.gunicorn.org/en/stable/settings.html#forwarded-allow-ips
- CWE-348, CWE-290
"""

from collections.abc import Iterator
from dataclasses import dataclass

from scanner.facts.app_servers import AppServers
from scanner.facts.compose import Compose
from scanner.facts.edge import (
    DjangoPlace,
    all_django_places,
    hidden_by_compose,
    speaks_tls,
    tls_ends_before,
)
from scanner.facts.exchange_text import exchange_text
from scanner.facts.nginx import Nginx
from scanner.facts.nginx_insert import header_fix
from scanner.facts.redirects import django_redirects
from scanner.facts.scheme import (
    HeaderState,
    ProxySslHeader,
    SchemeHeader,
    Sight,
    client_variables,
    https_sight,
    proxy_ssl_header,
    readers,
)
from scanner.facts.scheme_spoof import SchemeAttempt, SchemeSpoof
from scanner.facts.settings import Settings
from scanner.facts.settings_source import SettingsSource
from scanner.facts.topology import Topology
from scanner.model import Evidence, Finding, Fix, Location, NotApplicable, Proof, Severity, UnknownValue, quoted, rule
from scanner.nginx.effective import (
    Directive,
    Overwritten,
    PassedOn,
    UndecidedHeader,
    forwarded_header,
)

_USUAL = SchemeHeader("X-Forwarded-Proto", "https", "")


@dataclass(frozen=True)
class _Hole:
    """A header that comes from the client at one location."""

    place: DjangoPlace
    header: SchemeHeader
    directive: Directive | None
    """The line that takes it from the client; None where nothing sets it."""
    dropped: tuple[Directive, ...] = ()
    attempts: tuple[SchemeAttempt, ...] = ()

    @property
    def location(self) -> Location:
        """The line to edit."""
        return self.directive.location if self.directive is not None else self.place.location.location

    @property
    def cause(self) -> tuple[object, ...]:
        """Locations that share it are mended by one edit."""
        if self.directive is not None:
            return ("directive", self.directive.location)
        level = self.place.level.effective(f"{self.place.proxy.kind}_set_header").level
        return ("level", level.location if level is not None else self.place.server.location)


@rule(severity=Severity.HIGH)
def check(
    nginx: Nginx,
    settings: Settings | None,
    source: SettingsSource | None,
    servers: AppServers | None,
    topology: Topology | None,
    compose: Compose | None,
    spoof: SchemeSpoof | None,
) -> Iterator[Finding]:
    if tls_ends_before(topology) or hidden_by_compose(compose):
        raise NotApplicable("something in front of this proxy tells the scheme")
    places = [place for place in all_django_places(nginx, servers, settings) if not place.local_only]
    if not places:
        raise NotApplicable("no location of the proxy leads to Django")
    header = proxy_ssl_header(settings, source)
    unknown: list[UnknownValue] = []
    found: dict[tuple[object, ...], list[tuple[_Hole, bool]]] = {}
    for place in places:
        attempts = _attempts(place, nginx, spoof)
        if not attempts and _loops(place, header, settings, servers, topology):
            continue
        try:
            for hole, read in _holes(place, header, servers, topology, attempts):
                found.setdefault(hole.cause, []).append((hole, read))
        except UnknownValue as error:
            unknown.append(error)
    for holes in found.values():
        yield _finding(holes)
    if unknown:
        raise unknown[0]


def _loops(
    place: DjangoPlace,
    header: ProxySslHeader,
    settings: Settings | None,
    servers: AppServers | None,
    topology: Topology | None,
) -> bool:
    """Every https request is redirected to itself there: that is the finding, with the same line to edit."""
    if settings is None or not django_redirects(settings) or not place.over_tls:
        return False
    return https_sight(place, header, servers, topology).sight is Sight.UNSEEN


def _attempts(place: DjangoPlace, nginx: Nginx, spoof: SchemeSpoof | None) -> tuple[SchemeAttempt, ...]:
    """What the live stack asked of this location."""
    if spoof is None or place.configuration is not nginx.main:
        return ()
    return tuple(one for one in spoof.attempts if place.is_at(one.location) and one.baseline is not None)


def _holes(
    place: DjangoPlace,
    header: ProxySslHeader,
    servers: AppServers | None,
    topology: Topology | None,
    attempts: tuple[SchemeAttempt, ...],
) -> Iterator[tuple[_Hole, bool]]:
    """The hole of a location, if it has one, and whether somebody reads the header today."""
    believed = tuple(one for one in attempts if one.changed)
    if believed:
        name = believed[0].headers[0][0] if believed[0].headers else _USUAL.name
        yield (
            _hole(place, SchemeHeader(name, "https", "Django"), believed)
            or _Hole(place, SchemeHeader(name, "https", "Django"), None, (), believed),
            True,
        )
        return
    found = readers(place, header, servers, topology)
    refuted = any(one.secure is not None for one in attempts)
    if found.unknown and not refuted:
        if _hole(place, _USUAL) is not None:
            raise UnknownValue(found.unknown)
        return
    if place.proxy.kind != "proxy" and header.state is not HeaderState.VALID:
        return
    # Only the first header counts where nginx overwrites it: a contradiction makes Gunicorn answer 400.
    hole = _hole(place, found.headers[0] if found.headers else _USUAL)
    if hole is None or (found.headers and refuted):
        return
    if not speaks_tls(place.configuration) and (found.headers or hole.directive is not None):
        raise UnknownValue(
            f"whether something in front of {place.server.symbol} ends TLS and sets {hole.header.name}; `edge` tells it"
        )
    yield hole, bool(found.headers)


def _hole(place: DjangoPlace, header: SchemeHeader, attempts: tuple[SchemeAttempt, ...] = ()) -> _Hole | None:
    sent = forwarded_header(place.level, header.name)
    match sent:
        case PassedOn(dropped):
            return _Hole(place, header, None, dropped, attempts)
        case Overwritten(values):
            for text, directive in values:
                if client_variables(place.configuration, text, place.level):
                    return _Hole(place, header, directive, (), attempts)
            return None
        case UndecidedHeader(unknown):
            if attempts:
                return None
            raise UnknownValue(f"{unknown.text} at {unknown.location} may set {header.name}", unknown.location)
        case _:
            return None


def _finding(holes: list[tuple[_Hole, bool]]) -> Finding:
    hole, read = next(((one, read) for one, read in holes if one.attempts), holes[0])
    read = any(read for _, read in holes)
    places = [one.place for one, _ in holes]
    name = quoted(hole.header.name)
    if hole.directive is not None:
        what = f"{quoted(hole.directive.text)} passes on what the client says"
    elif hole.dropped:
        what = f"the `proxy_set_header` lines of {quoted(hole.place.location.title)} cancel the outer ones, so the "
        what += f"client's own {name} goes through"
    else:
        what = f"{quoted(hole.place.location.title)} does not set {name}, so the client's own goes through"
    whose = f"{hole.header.reader} believes it" if read else "nobody reads it yet"
    return Finding(
        message=f"{what[0].upper()}{what[1:]} to the app server; {whose}.",
        location=hole.location,
        symbol=hole.place.location.symbol,
        evidence=tuple(_evidence(hole, places)),
        proof=Proof.PROVEN if hole.attempts else Proof.INFERRED,
        severity=_severity(read, places),
        fix=_fix(hole),
    )


def _fix(hole: _Hole) -> Fix | None:
    """The header set from what nginx knows: only where its value for https is the scheme's own name."""
    return header_fix(hole.place, hole.header.name, "$scheme", hole.directive) if hole.header.value == "https" else None


def _severity(read: bool, places: list[DjangoPlace]) -> Severity:  # noqa: FBT001
    if not read:
        return Severity.LOW
    return Severity.HIGH if any(place.over_plain for place in places) else Severity.MEDIUM


def _evidence(hole: _Hole, places: list[DjangoPlace]) -> Iterator[Evidence]:
    if hole.directive is not None:
        yield Evidence(hole.directive.text, hole.directive.location)
    for directive in hole.dropped:
        yield Evidence(f"{directive.text} (cancelled here)", directive.location)
    for place in places[:5]:
        yield Evidence(f"{place.location.symbol}: {place.proxy.directive.text}", place.proxy.directive.location)
    for one in hole.attempts[:3]:
        forged = ", ".join(f"{key}: {value}" for key, value in one.headers)
        yield Evidence(
            f"{exchange_text(one.exchange)} with {forged}: request.is_secure() is {one.secure}, without it "
            f"{one.baseline}"
        )

"""The proxy says https for requests that came by plain HTTP.

## Why is this bad
Django takes every request for a secure one: it does not redirect, and sends secure cookies' pages and HSTS over a
connection that anybody can read.

## Bad
    server {
        listen 80;
        listen 443 ssl;
        location / {
            proxy_set_header X-Forwarded-Proto https;
            proxy_pass http://127.0.0.1:8000;
        }
    }

## Good
    proxy_set_header X-Forwarded-Proto $scheme;

## References
- https://docs.djangoproject.com/en/stable/ref/settings/#secure-proxy-ssl-header
- CWE-348
"""

from collections.abc import Iterator

from scanner.facts.app_servers import AppServers
from scanner.facts.compose import Compose
from scanner.facts.edge import DjangoPlace, all_django_places, hidden_by_compose, speaks_tls, tls_ends_before
from scanner.facts.exchange_text import exchange_text
from scanner.facts.nginx import Nginx
from scanner.facts.nginx_fix import line_fix
from scanner.facts.scheme import SchemeHeader, proxy_ssl_header, readers
from scanner.facts.scheme_spoof import SchemeAttempt, SchemeSpoof
from scanner.facts.settings import Settings
from scanner.facts.settings_source import SettingsSource
from scanner.facts.topology import Topology
from scanner.model import Evidence, Finding, Location, NotApplicable, Proof, Severity, UnknownValue, quoted, rule
from scanner.nginx.effective import Directive, Overwritten, Proxied, RequestShape, forwarded_header

_USUAL = SchemeHeader("X-Forwarded-Proto", "https", "Django")


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
        raise NotApplicable("something in front of this proxy ends TLS")
    places = [place for place in all_django_places(nginx, servers, settings) if not place.local_only]
    if not places:
        raise NotApplicable("no location of the proxy leads to Django")
    header = proxy_ssl_header(settings, source)
    unknown: list[UnknownValue] = []
    seen: set[Location] = set()
    for place in places:
        known = readers(place, header, servers, topology).headers
        line = _constant(place, known[0] if known else _USUAL)
        if line is None or line.location in seen or not _is_handed_on(place):
            continue
        seen.add(line.location)
        asked = [one for one in _plain(place, nginx, spoof) if one.baseline is not None]
        secure = [one for one in asked if one.baseline]
        if asked and not secure:
            continue
        if not speaks_tls(place.configuration):
            what = f"whether something in front of {place.server.symbol} ends TLS; `edge` tells it"
            unknown.append(UnknownValue(what, line.location))
            continue
        yield _finding(place, line, secure)
    if unknown:
        raise unknown[0]


def _constant(place: DjangoPlace, header: SchemeHeader) -> Directive | None:
    """The line that says https whatever the client used."""
    sent = forwarded_header(place.level, header.name)
    if not isinstance(sent, Overwritten) or len(sent.values) != 1:
        return None
    text, line = sent.values[0]
    values = place.configuration.possible_values(text, place.level)
    return line if values == (header.value,) and not line.is_template else None


def _is_handed_on(place: DjangoPlace) -> bool:
    """Whether a plain request gets through to the app server there, from whatever address."""
    if all(socket.tls for socket in place.configuration.sockets_for(place.server)):
        return False
    host = next(iter(place.server.concrete_names), "")
    found = place.configuration.replies(place.location, RequestShape(tls=False, host=host))
    return any(isinstance(reply, Proxied) for reply in found)


def _plain(place: DjangoPlace, nginx: Nginx, spoof: SchemeSpoof | None) -> list[SchemeAttempt]:
    """What the live stack asked of this location without TLS."""
    if spoof is None or place.configuration is not nginx.main:
        return []
    return [one for one in spoof.attempts if place.is_at(one.location) and one.door.scheme == "http"]


def _finding(place: DjangoPlace, line: Directive, secure: list[SchemeAttempt]) -> Finding:
    plain = next(listen for listen in place.server.listens if not listen.tls)
    evidence = [Evidence(line.text, line.location)]
    if plain.directive is not None:
        evidence.append(Evidence(f"{plain.directive.text} (without TLS)", plain.directive.location))
    evidence += [Evidence(f"{exchange_text(one.exchange)}: request.is_secure() is True") for one in secure[:2]]
    return Finding(
        message=f"{quoted(line.text)} calls every request secure, and {quoted(place.server.symbol)} also answers "
        "without TLS.",
        location=line.location,
        symbol=place.location.symbol,
        evidence=tuple(evidence),
        proof=Proof.PROVEN if secure else Proof.INFERRED,
        severity=Severity.HIGH if place.over_plain else Severity.MEDIUM,
        fix=line_fix(line, line.words[-1].text, "$scheme"),
    )

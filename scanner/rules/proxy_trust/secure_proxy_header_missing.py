"""Django does not know which header tells it that a request came by https.

## Why is this bad
TLS ends at the proxy. Without `SECURE_PROXY_SSL_HEADER` Django takes every request for plain HTTP, or depends on what
the app server happens to trust: secure redirects, HSTS and the origin check of forms then fail or go round in circles.

## Bad
    SECURE_PROXY_SSL_HEADER = ("X-Forwarded-Proto", "https")    # not the name in META

## Good
    SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https")

## References
- https://docs.djangoproject.com/en/stable/ref/settings/#secure-proxy-ssl-header
- CWE-16
"""

from collections.abc import Iterator

from scanner.facts.app_servers import AppServers
from scanner.facts.echo_host import EchoHost
from scanner.facts.edge import DjangoPlace, app_of, django_places, judged, tls_ends_before
from scanner.facts.exchange_text import exchange_text
from scanner.facts.nginx import Nginx
from scanner.facts.nginx_insert import tells_scheme
from scanner.facts.redirects import django_redirects
from scanner.facts.scheme import (
    SETTING,
    HeaderState,
    HttpsSight,
    ProxySslHeader,
    Sight,
    app_readers,
    client_variables,
    https_sight,
    proxy_ssl_header,
)
from scanner.facts.scheme_spoof import SchemeSpoof
from scanner.facts.settings import Settings
from scanner.facts.settings_fix import setting_fix
from scanner.facts.settings_place import require_decided, settings_place
from scanner.facts.settings_source import SettingsSource
from scanner.facts.topology import Topology
from scanner.model import (
    Evidence,
    Exchange,
    Finding,
    Fix,
    NotApplicable,
    Proof,
    Severity,
    UnknownValue,
    quoted,
    rule,
)
from scanner.nginx.effective import Overwritten, PassedOn, forwarded_header


@rule(severity=Severity.MEDIUM)
def check(
    settings: Settings,
    nginx: Nginx | None,
    source: SettingsSource | None,
    servers: AppServers | None,
    topology: Topology | None,
    spoof: SchemeSpoof | None,
    echo: EchoHost | None,
) -> Iterator[Finding]:
    header = proxy_ssl_header(settings, source)
    if header.state is HeaderState.VALID:
        return
    require_decided(settings, SETTING)
    places = _tls_places(nginx, servers, settings)
    if tls_ends_before(topology) or not places:
        raise NotApplicable("TLS does not end at a proxy of this repository")
    sights = [(place, https_sight(place, header, servers, topology)) for place in places]
    seen = _seen_live(spoof, echo)
    blind = [exchange for exchange, secure in seen if not secure]
    if blind:
        if not django_redirects(settings):
            yield _finding(settings, source, header, sights[0], blind, Severity.MEDIUM)
        return
    yield from _from_files(settings, source, header, sights, servers, topology, lives=bool(seen))


def _tls_places(nginx: Nginx | None, servers: AppServers | None, settings: Settings) -> list[DjangoPlace]:
    """Django locations behind TLS of the deployed configuration."""
    configurations = judged(nginx)[:1]
    return [place for one in configurations for place in django_places(one, servers, settings) if place.over_tls]


def _seen_live(spoof: SchemeSpoof | None, echo: EchoHost | None) -> list[tuple[Exchange, bool]]:
    """What Django saw of honest requests through TLS in the live stack."""
    found = [
        (one.exchange, one.baseline)
        for one in (spoof.attempts if spoof else ())
        if one.door.scheme == "https" and one.baseline is not None
    ]
    answers = echo.answers if echo else ()
    return [(one.exchange, one.secure) for one in answers if one.door.scheme == "https" and one.secure is not None] or (
        found
    )


def _from_files(
    settings: Settings,
    source: SettingsSource | None,
    header: ProxySslHeader,
    sights: list[tuple[DjangoPlace, HttpsSight]],
    servers: AppServers | None,
    topology: Topology | None,
    *,
    lives: bool,
) -> Iterator[Finding]:
    for place, sight in sights:
        app = app_of(place, servers, topology)
        if place.proxy.kind != "proxy" or place.proxy.destination.scheme == "https":
            continue
        if sight.sight is Sight.UNKNOWN:
            if lives:
                continue
            raise UnknownValue(sight.why)
        trusted = app_readers(place, app, topology).headers
        if sight.sight is Sight.SEEN:
            yield _finding(settings, source, header, (place, sight), [], Severity.LOW)
            return
        if lives or django_redirects(settings) or (trusted and _client_decides(place, trusted[0].name)):
            # Seen live all the same; or the loop, or the header that the client writes, is the finding.
            continue
        yield _finding(settings, source, header, (place, sight), [], Severity.MEDIUM)
        return


def _client_decides(place: DjangoPlace, name: str) -> bool:
    sent = forwarded_header(place.level, name)
    if isinstance(sent, Overwritten):
        return any(client_variables(place.configuration, text, place.level) for text, _ in sent.values)
    return isinstance(sent, PassedOn)


def _finding(
    settings: Settings,
    source: SettingsSource | None,
    header: ProxySslHeader,
    seen: tuple[DjangoPlace, HttpsSight],
    blind: list[Exchange],
    severity: Severity,
) -> Finding:
    place, sight = seen
    if header.state is HeaderState.WITHOUT_EFFECT:
        what = f"`{SETTING}` in {quoted(settings.module)} has no effect: {header.why}"
    else:
        what = f"TLS ends at the proxy, but `{SETTING}` is not set in {quoted(settings.module)}"
    if severity is Severity.LOW:
        how = "Django sees https only because the app server trusts the proxy's address"
    else:
        how = "Django takes https requests for plain HTTP"
    evidence = [Evidence(place.proxy.directive.text, place.proxy.directive.location)]
    if sight.directive is not None:
        evidence.append(Evidence(sight.directive.text, sight.directive.location))
    evidence += [Evidence(f"{exchange_text(one)}: request.is_secure() is False") for one in blind[:3]]
    return Finding(
        message=f"{what}; {how}.",
        location=settings_place(settings, source, SETTING),
        symbol=f"settings.{SETTING}",
        evidence=tuple(evidence),
        proof=Proof.PROVEN if blind else Proof.INFERRED,
        severity=severity,
        fix=_fix(settings, source, header, place),
    )


def _fix(settings: Settings, source: SettingsSource | None, header: ProxySslHeader, place: DjangoPlace) -> Fix | None:
    """The setting, where the proxy overwrites the usual header everywhere it leads to Django."""
    if header.state is HeaderState.UNKNOWN or not tells_scheme(place):
        return None
    return setting_fix(settings, source, SETTING, '("HTTP_X_FORWARDED_PROTO", "https")')

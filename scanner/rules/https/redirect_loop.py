"""The site redirects https requests to themselves.

## Why is this bad
Django redirects everything that it takes for plain HTTP. Where it cannot see that the client came by https, it
redirects https to https, for ever, and nobody reaches the site until somebody switches the redirect off.

## Bad
    SECURE_SSL_REDIRECT = True
    SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https")

    location / { proxy_set_header Host $host; proxy_pass http://web:8000; }

## Good
    location / {
        proxy_set_header Host $host;
        proxy_set_header X-Forwarded-Proto $scheme;
        proxy_pass http://web:8000;
    }

## References
- https://docs.djangoproject.com/en/stable/ref/settings/#secure-proxy-ssl-header
- https://docs.djangoproject.com/en/stable/ref/settings/#secure-ssl-redirect
- CWE-835
"""

from collections.abc import Iterator

from scanner.facts.app_servers import AppServers
from scanner.facts.edge import DjangoPlace, django_places, judged, server_at, tls_ends_before
from scanner.facts.exchange_text import exchange_text
from scanner.facts.nginx import Nginx
from scanner.facts.nginx_insert import header_fix, tells_scheme
from scanner.facts.redirect_chain import Chain, End, Hop, RedirectChain
from scanner.facts.redirects import django_redirects, exempt_paths
from scanner.facts.scheme import SETTING, HeaderState, HttpsSight, Sight, https_sight, proxy_ssl_header
from scanner.facts.settings import Settings
from scanner.facts.settings_fix import setting_fix
from scanner.facts.settings_place import booted, require_decided, settings_place
from scanner.facts.settings_source import SettingsSource
from scanner.facts.topology import Topology
from scanner.model import Evidence, Finding, Fix, Location, Proof, Severity, UnknownValue, rule

_REDIRECT = "SECURE_SSL_REDIRECT"


@rule(severity=Severity.HIGH)
def check(
    settings: Settings,
    nginx: Nginx | None,
    source: SettingsSource | None,
    servers: AppServers | None,
    topology: Topology | None,
    redirects: RedirectChain | None,
) -> Iterator[Finding]:
    loops = [one for one in redirects.chains if _loops(one)] if redirects is not None else []
    if redirects is not None and _asked_https(redirects) and not loops:
        return
    if not django_redirects(settings) and not loops:
        return
    places = [] if tls_ends_before(topology) else _tls_places(nginx, servers, settings)
    header = proxy_ssl_header(settings, source)
    blind: dict[tuple[object, ...], list[tuple[DjangoPlace, HttpsSight]]] = {}
    unknown = ""
    for place in places:
        sight = https_sight(place, header, servers, topology)
        if sight.sight is Sight.UNSEEN and not _exempt(place, settings):
            blind.setdefault(_cause(place, sight, header.state), []).append((place, sight))
        elif sight.sight is Sight.UNKNOWN:
            unknown = unknown or sight.why
    if not blind and loops:
        yield _seen_only(settings, source, loops)
        return
    if blind and not loops:
        require_decided(settings, _REDIRECT)
    for found in blind.values():
        yield _finding(settings, source, header.state, found, [one for one in loops if _touches(one, found)] or loops)
    if unknown and not blind:
        raise UnknownValue(unknown)


def _asked_https(redirects: RedirectChain) -> bool:
    return any(chain.start.startswith("https://") and chain.end is not End.NO_ANSWER for chain in redirects.chains)


def _loops(chain: Chain) -> bool:
    """An https address that leads to itself."""
    return chain.end is End.LOOP and any(hop.url.startswith("https://") for hop in chain.hops)


def _tls_places(nginx: Nginx | None, servers: AppServers | None, settings: Settings) -> list[DjangoPlace]:
    return [
        place
        for configuration in judged(nginx)
        for place in django_places(configuration, servers, settings)
        if place.over_tls and not place.local_only
    ]


def _exempt(place: DjangoPlace, settings: Settings) -> bool:
    """Django redirects nothing of what this location takes."""
    return place.location.pattern in exempt_paths(settings)


def _cause(place: DjangoPlace, sight: HttpsSight, state: HeaderState) -> tuple[object, ...]:
    """Locations that share it are mended by one edit."""
    if state is not HeaderState.VALID:
        return ("settings",)
    if sight.directive is not None and sight.directive in place.level.effective("proxy_set_header").values:
        return ("line", sight.directive.location)
    level = place.level.effective("proxy_set_header").level
    return ("level", level.location if level is not None else place.server.location)


def _touches(chain: Chain, found: list[tuple[DjangoPlace, HttpsSight]]) -> bool:
    """A hop of the loop went through one of these locations."""
    return any(_through(hop, place) for hop in chain.hops for place, _ in found)


def _through(hop: Hop, place: DjangoPlace) -> bool:
    scheme, _, rest = hop.url.partition("://")
    host, slash, path = rest.partition("/")
    server = server_at(place.configuration, hop.exchange.request.door, host.partition(":")[0])
    if scheme != "https" or server is not place.server:
        return False
    return place.configuration.location_for(server, f"{slash}{path.partition('?')[0]}" or "/") is place.location


def _finding(
    settings: Settings,
    source: SettingsSource | None,
    state: HeaderState,
    found: list[tuple[DjangoPlace, HttpsSight]],
    loops: list[Chain],
) -> Finding:
    place, sight = found[0]
    in_settings = state is not HeaderState.VALID
    location: Location = (
        settings_place(settings, source, SETTING)
        if in_settings
        else (sight.directive.location if _sets(place, sight) and sight.directive else place.location.location)
    )
    header = f" (`{sight.header}`)" if sight.header else ""
    evidence = [booted(settings, source, _REDIRECT), booted(settings, source, SETTING)]
    evidence += [
        Evidence(f"{one.location.symbol}: {one.proxy.directive.text}", one.proxy.directive.location)
        for one, _ in found[:5]
    ]
    if sight.directive is not None:
        cancelled = "" if _sets(place, sight) else " (cancelled by the inner lines)"
        evidence.append(Evidence(f"{sight.directive.text}{cancelled}", sight.directive.location))
    evidence += _hops(loops)
    return Finding(
        message=f"`{_REDIRECT}` is on, but Django cannot see that a request came by https{header}: {sight.why}. Every "
        f"https request is redirected to itself.",
        location=location,
        symbol=f"settings.{SETTING}" if in_settings else place.location.symbol,
        evidence=tuple(evidence),
        proof=Proof.PROVEN if loops else Proof.INFERRED,
        fix=_fix(settings, source, state, found),
    )


def _fix(
    settings: Settings,
    source: SettingsSource | None,
    state: HeaderState,
    found: list[tuple[DjangoPlace, HttpsSight]],
) -> Fix | None:
    """The setting where the proxy tells the scheme already, else the proxy's line."""
    place, sight = found[0]
    if state is HeaderState.VALID:
        usual = sight.header == "X-Forwarded-Proto"
        line = sight.directive if _sets(place, sight) else None
        return header_fix(place, sight.header, "$scheme", line) if usual else None
    if all(tells_scheme(one) for one, _ in found):
        return setting_fix(settings, source, SETTING, '("HTTP_X_FORWARDED_PROTO", "https")')
    return None


def _sets(place: DjangoPlace, sight: HttpsSight) -> bool:
    """The line of the sight is effective at the location, not one that is cancelled there."""
    return sight.directive is not None and sight.directive in place.level.effective("proxy_set_header").values


def _hops(loops: list[Chain]) -> list[Evidence]:
    return [Evidence(exchange_text(hop.exchange, "Location")) for chain in loops[:1] for hop in chain.hops[:3]]


def _seen_only(settings: Settings, source: SettingsSource | None, loops: list[Chain]) -> Finding:
    return Finding(
        message="An https address of the site redirects to itself; nobody can reach it.",
        location=settings_place(settings, source, _REDIRECT),
        symbol=f"settings.{_REDIRECT}",
        evidence=(booted(settings, source, _REDIRECT), booted(settings, source, SETTING), *_hops(loops)),
        proof=Proof.PROVEN,
    )

"""The site's own forms are refused, or an entry of CSRF_TRUSTED_ORIGINS has no effect.

## Why is this bad
Where Django does not know the origin that the browser names, every form of the site answers 403. The usual repair,
`csrf_exempt` or a wildcard among the trusted origins, takes the protection away.

## Bad
    listen 8443 ssl;
    proxy_set_header Host $host;              # the port is lost

## Good
    proxy_set_header Host $http_host;

## References
- https://docs.djangoproject.com/en/stable/ref/settings/#csrf-trusted-origins
- https://docs.djangoproject.com/en/stable/ref/csrf/
- CWE-346
"""

from collections.abc import Iterator
from dataclasses import dataclass

from scanner.facts.app_servers import AppServers
from scanner.facts.compose import Compose
from scanner.facts.csrf_origins import CsrfAttempt, CsrfOrigins
from scanner.facts.echo_host import EchoHost
from scanner.facts.edge import DjangoPlace, all_django_places, nginx_services
from scanner.facts.exchange_text import exchange_text
from scanner.facts.nginx import Nginx
from scanner.facts.scheme import Sight, https_sight, proxy_ssl_header
from scanner.facts.settings import Settings
from scanner.facts.settings_place import booted, require_decided, settings_place
from scanner.facts.settings_source import SettingsSource
from scanner.facts.topology import Topology
from scanner.model import Evidence, Finding, NotApplicable, Proof, Severity, quoted, rule
from scanner.nginx.effective import Overwritten, forwarded_header
from scanner.rules.cookies._cookie_flags import CSRF_MIDDLEWARE

_ORIGINS = "CSRF_TRUSTED_ORIGINS"
_DOMAIN = "CSRF_COOKIE_DOMAIN"
_WITHOUT_PORT = frozenset({"$host", "$server_name"})


@dataclass(frozen=True)
class _Facts:
    settings: Settings
    source: SettingsSource | None
    servers: AppServers | None
    topology: Topology | None
    compose: Compose | None


@rule(severity=Severity.MEDIUM)
def check(
    settings: Settings,
    source: SettingsSource | None,
    nginx: Nginx | None,
    servers: AppServers | None,
    topology: Topology | None,
    compose: Compose | None,
    origins: CsrfOrigins | None,
    echo: EchoHost | None,
) -> Iterator[Finding]:
    if not settings.has_middleware(CSRF_MIDDLEWARE):
        raise NotApplicable("there is no CSRF middleware")
    known = _Facts(settings, source, servers, topology, compose)
    yield from _without_scheme(known)
    yield from _foreign_domain(known)
    own = [one for one in origins.attempts if _is_own(one)] if origins is not None else []
    places = all_django_places(nginx, servers, settings)
    lost = [place for place in places if (nginx is None or place.configuration is nginx.main) or not own]
    ports = [found for place in lost if (found := _lost_port(place, known)) is not None]
    if any(one.status == 200 for one in own):
        return
    refused = [one for one in own if one.status == 403]
    if refused and not _is_another_fault(echo):
        yield _seen(known, refused[0], ports)
    elif not refused:
        for place, port in ports:
            require_decided(settings, _ORIGINS)
            yield _port(known, place, port)


def _is_own(attempt: CsrfAttempt) -> bool:
    """A form of the site itself, with its token.

    At a port that is not the usual one, the probe names neither in Host nor in Origin what a browser would.
    """
    host = (attempt.origin or "").partition("://")[2]
    asked = f"://{host}/" in attempt.exchange.request.label
    scheme = attempt.exchange.request.door.scheme
    return attempt.token_matches and not attempt.by_proxy and asked and (attempt.origin or "").startswith(f"{scheme}:")


def _is_another_fault(echo: EchoHost | None) -> bool:
    """Django sees another host or another scheme than the client: other rules say so."""
    answers = echo.answers if echo is not None else ()
    return any(
        (one.host is not None and one.host.partition(":")[0].lower() != one.name.partition(":")[0].lower())
        or (one.door.scheme == "https" and one.secure is False)
        or one.status == 400
        for one in answers
    )


def _without_scheme(known: _Facts) -> Iterator[Finding]:
    """Django from 4.0 on compares whole origins: an entry without a scheme equals none (4_0.E001)."""
    if known.settings.django_version.split(".")[0] in {"1", "2", "3"}:
        return
    for entry in dict.fromkeys(known.settings.strings(_ORIGINS)):
        if "://" not in entry:
            require_decided(known.settings, _ORIGINS)
            place = settings_place(known.settings, known.source, _ORIGINS)
            yield Finding(
                message=f"{quoted(_ORIGINS)} holds {quoted(entry)}, which has no scheme: no origin equals it.",
                location=place,
                symbol=f"settings.{_ORIGINS} {entry}",
                evidence=(Evidence(f"booted settings: {_ORIGINS} holds {entry}", place),),
            )


def _foreign_domain(known: _Facts) -> Iterator[Finding]:
    """Browsers refuse a cookie for a domain that the site does not belong to."""
    value = known.settings.value(_DOMAIN)
    domain = value.lower().lstrip(".") if isinstance(value, str) else ""
    names = [name.lower() for name in (known.topology.site_names if known.topology is not None else ())]
    if not domain or known.settings.value("CSRF_USE_SESSIONS") or not names:
        return
    if any(name == domain or name.endswith(f".{domain}") for name in names):
        return
    require_decided(known.settings, _DOMAIN)
    yield Finding(
        message=f"{quoted(_DOMAIN)} is {quoted(domain)}, but the site is {quoted(names[0])}: browsers refuse its CSRF "
        f"cookie, and with it every form.",
        location=settings_place(known.settings, known.source, _DOMAIN),
        symbol=f"settings.{_DOMAIN}",
        evidence=(booted(known.settings, known.source, _DOMAIN),),
    )


def _lost_port(place: DjangoPlace, known: _Facts) -> tuple[DjangoPlace, int] | None:
    """A location that is reached at another port than the usual one, which Django does not get."""
    ports = {listen.port for listen in place.server.tls_listens if not listen.is_loopback}
    published = {_published(port, known.compose) for port in ports}
    name = next(iter(place.server.concrete_names), "")
    sent = forwarded_header(place.level, "Host")
    if not name or len(published) != 1 or not isinstance(sent, Overwritten):
        return None
    port = published.pop()
    if port is None or port == 443 or sent.values[-1][0] not in _WITHOUT_PORT:
        return None
    settings = known.settings
    if settings.value("USE_X_FORWARDED_HOST") or f"https://{name}:{port}" in settings.strings(_ORIGINS):
        return None
    header = proxy_ssl_header(settings, known.source)
    unseen = https_sight(place, header, known.servers, known.topology).sight is Sight.UNSEEN
    return None if unseen else (place, port)


def _published(port: int, compose: Compose | None) -> int | None:
    """The port that clients ask for; None where the container publishes none."""
    services = nginx_services(compose)
    if not services or any(service.network_mode == "host" for service in services):
        return port
    found = [one.published for service in services for one in service.ports if one.target == port]
    return next((int(one) for one in found if one.isdecimal()), None)


def _port(known: _Facts, place: DjangoPlace, port: int) -> Finding:
    sent = forwarded_header(place.level, "Host")
    line = sent.values[-1][1] if isinstance(sent, Overwritten) else place.proxy.directive
    name = next(iter(place.server.concrete_names), "")
    return Finding(
        message=f"{quoted(line.text)} loses the port {port}: Django refuses the forms that "
        f"{quoted(f'https://{name}:{port}')} sends.",
        location=line.location,
        symbol=place.location.symbol,
        evidence=(
            Evidence(line.text, line.location),
            *(Evidence(one.text, one.location) for one in place.server.own("listen")[:2]),
            Evidence(f"booted settings: {_ORIGINS} = {list(known.settings.strings(_ORIGINS))!r}"),
        ),
    )


def _seen(known: _Facts, refused: CsrfAttempt, ports: list[tuple[DjangoPlace, int]]) -> Finding:
    evidence = [Evidence(exchange_text(refused.exchange))]
    if ports:
        inferred = _port(known, *ports[0])
        location, symbol = inferred.location, inferred.symbol
        evidence += inferred.evidence
    else:
        location = settings_place(known.settings, known.source, _ORIGINS)
        symbol = f"settings.{_ORIGINS}"
    return Finding(
        message=f"Django refuses a form of the site's own origin {quoted(refused.origin)}, with its token.",
        location=location,
        symbol=symbol,
        evidence=tuple(evidence),
        proof=Proof.PROVEN,
        severity=Severity.MEDIUM,
    )

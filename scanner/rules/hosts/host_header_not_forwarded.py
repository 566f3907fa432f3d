"""The proxy does not tell Django which host the client asked for.

## Why is this bad
Without a `Host` line nginx sends the upstream's own name. Django then refuses the request, or builds links,
redirects and cookies for a name that no client knows.

## Bad
    location /api/ {
        proxy_set_header X-Request-ID $request_id;   # cancels the outer proxy_set_header lines, Host too
        proxy_pass http://web:8000;
    }

## Good
    location /api/ {
        proxy_set_header Host $host;
        proxy_set_header X-Request-ID $request_id;
        proxy_pass http://web:8000;
    }

## References
- https://nginx.org/en/docs/http/ngx_http_proxy_module.html#proxy_set_header
- https://docs.djangoproject.com/en/stable/ref/settings/#allowed-hosts
- CWE-644
"""

from collections.abc import Iterator

from scanner.facts.app_servers import AppServers
from scanner.facts.echo_host import EchoHost, EchoSeen
from scanner.facts.edge import DjangoPlace, all_django_places
from scanner.facts.exchange_text import exchange_text
from scanner.facts.host_names import accepts_host
from scanner.facts.nginx import Nginx
from scanner.facts.nginx_insert import header_fix
from scanner.facts.settings import Settings
from scanner.model import Evidence, Finding, Location, NotApplicable, Proof, Severity, UnknownValue, quoted, rule
from scanner.nginx.effective import Blanked, Directive, NginxDefault, Overwritten, UndecidedHeader, forwarded_header


@rule(severity=Severity.MEDIUM)
def check(
    nginx: Nginx, settings: Settings | None, servers: AppServers | None, echo: EchoHost | None
) -> Iterator[Finding]:
    places = [place for place in all_django_places(nginx, servers, settings) if place.proxy.kind == "proxy"]
    if not places:
        raise NotApplicable("no proxy_pass of the proxy leads to Django")
    unknown: list[UnknownValue] = []
    for place in places:
        seen = _seen(place, nginx, echo)
        wrong = [one for one in seen if _is_wrong(one)]
        if seen and not wrong:
            continue
        try:
            sent, line, dropped = _sent(place, settings)
            if sent is not None and not wrong and _comes_otherwise(place, settings):
                continue
        except UnknownValue as error:
            if not wrong:
                unknown.append(error)
                continue
            sent, line, dropped = "", None, ()
        if sent is not None or wrong:
            yield _finding(place, sent or "", line, dropped, wrong)
    if unknown:
        raise unknown[0]


def _comes_otherwise(place: DjangoPlace, settings: Settings | None) -> bool:
    """The proxy tells the client's host in X-Forwarded-Host, and Django reads that."""
    if not isinstance(forwarded_header(place.level, "X-Forwarded-Host"), Overwritten):
        return False
    if settings is None:
        raise UnknownValue("USE_X_FORWARDED_HOST: the settings were not booted")
    return bool(settings.value("USE_X_FORWARDED_HOST"))


def _seen(place: DjangoPlace, nginx: Nginx, echo: EchoHost | None) -> list[EchoSeen]:
    """What Django saw through this location in the live stack."""
    if echo is None or place.configuration is not nginx.main:
        return []
    return [one for one in echo.answers if place.is_at(one.location) and (one.host is not None or one.status == 400)]


def _is_wrong(seen: EchoSeen) -> bool:
    """Django saw another host, or refused the one it saw."""
    if seen.host is None:
        return seen.status == 400
    return seen.host.partition(":")[0].lower() != seen.name.partition(":")[0].lower()


def _sent(place: DjangoPlace, settings: Settings | None) -> tuple[str | None, Directive | None, tuple[Directive, ...]]:
    """What nginx sends as Host where that is wrong (else None), the line that says so, and lines that are cancelled."""
    destination = place.proxy.destination
    if destination.is_template:
        raise UnknownValue(f"{place.proxy.directive.text} at {place.proxy.directive.location}")
    match forwarded_header(place.level, "Host"):
        case UndecidedHeader(unknown):
            raise UnknownValue(f"{unknown.text} at {unknown.location} may set Host", unknown.location)
        case NginxDefault(_, dropped):
            if _is_a_site_name(place, _upstream_host(place)):
                return None, None, ()
            return _upstream_host(place), None, dropped
        case Blanked(directive):
            return "", directive, ()
        case Overwritten(values):
            text, directive = values[-1]
            return _constant(place, text, settings), directive, ()
        case _:
            return None, None, ()


def _upstream_host(place: DjangoPlace) -> str:
    """The value of ``$proxy_host``: what stands in ``proxy_pass``."""
    text = place.proxy.destination.text.partition("://")[2].partition("/")[0]
    return "localhost" if text.startswith("unix:") else text


def _is_a_site_name(place: DjangoPlace, host: str) -> bool:
    return host.partition(":")[0].lower() in place.server.concrete_names


def _constant(place: DjangoPlace, text: str, settings: Settings | None) -> str | None:
    """A fixed Host that Django refuses; None for one that follows the client or that Django accepts."""
    values = place.configuration.possible_values(text, place.level)
    if len(values) != 1:
        return None
    if values[0] == "$proxy_host":
        host = _upstream_host(place)
        return None if _is_a_site_name(place, host) else host
    if "$" in values[0] or settings is None or "ALLOWED_HOSTS" in settings.injected:
        return None
    return None if accepts_host(settings, values[0]) else values[0]


def _finding(
    place: DjangoPlace, sent: str, line: Directive | None, dropped: tuple[Directive, ...], wrong: list[EchoSeen]
) -> Finding:
    title = quoted(place.location.title)
    if dropped:
        why = f"the `proxy_set_header` lines of {title} cancel the outer {quoted(dropped[-1].text)}"
    elif line is not None:
        why = f"{quoted(line.text)} replaces it"
    else:
        why = f"{title} has no `proxy_set_header Host`"
    got = f"{quoted(sent)}" if sent else "another host"
    evidence = [Evidence(place.proxy.directive.text, place.proxy.directive.location)]
    evidence += [Evidence(f"{one.text} (cancelled here)", one.location) for one in dropped]
    evidence += [Evidence(_echoed(one)) for one in wrong[:3]]
    location: Location = line.location if line is not None else place.location.location
    return Finding(
        message=f"Django does not get the client's Host: {why}, so it sees {got}.",
        location=location,
        symbol=place.location.symbol,
        evidence=tuple(evidence),
        proof=Proof.PROVEN if wrong else Proof.INFERRED,
        fix=header_fix(place, "Host", "$host", line),
    )


def _echoed(seen: EchoSeen) -> str:
    if seen.host is None:
        return f"{exchange_text(seen.exchange)}: Django refused the Host that it got"
    return f"{exchange_text(seen.exchange)}: request.get_host() is {seen.host}"

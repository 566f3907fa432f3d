"""A server accepts requests and header names that it refuses by default.

## Why is this bad
`X_Forwarded_Proto` and `X-Forwarded-Proto` are one key to Django: with underscores let through, a client writes the
header that the proxy meant to own. Folded lines, odd methods and spaces in header names let two servers read one
request differently, which is how requests are smuggled.

## Bad
    underscores_in_headers on;          # nginx
    header_map = "dangerous"            # gunicorn.conf.py

## Good
    # nginx and gunicorn drop such headers by default: leave both settings out

## References
- https://nginx.org/en/docs/http/ngx_http_core_module.html#underscores_in_headers
- https://docs.gunicorn.org/en/stable/settings.html#header-map
- CWE-444
"""

from collections.abc import Iterator

from packaging.version import InvalidVersion, Version

from scanner.facts.app_servers import AppServer, AppServers, ServerKind
from scanner.facts.edge import DjangoPlace, all_django_places, app_of
from scanner.facts.exchange_text import exchange_text
from scanner.facts.nginx import Nginx
from scanner.facts.nginx_fix import line_fix
from scanner.facts.scheme_spoof import SchemeAttempt, SchemeSpoof
from scanner.facts.sent_headers import level_symbol
from scanner.facts.settings import Distributions, Settings
from scanner.facts.topology import Topology
from scanner.model import Evidence, Finding, Location, NotApplicable, Proof, Severity, quoted, rule
from scanner.nginx.effective import Directive

_DROPS_SINCE = Version("22.0.0")
"""https://docs.gunicorn.org/en/stable/news.html: header_map, with `drop` as its default."""
_FLAGS = {
    "permit_obsolete_folding": Version("23.0.0"),
    "permit_unconventional_http_method": Version("22.0.0"),
    "permit_unconventional_http_version": Version("22.0.0"),
    "casefold_http_method": Version("22.0.0"),
    "strip_header_spaces": Version("20.0.1"),
}


@rule(severity=Severity.MEDIUM, needs_one_of=(Nginx, AppServers))
def check(
    nginx: Nginx | None,
    servers: AppServers | None,
    settings: Settings | None,
    topology: Topology | None,
    installed: Distributions | None,
    spoof: SchemeSpoof | None,
) -> Iterator[Finding]:
    places = all_django_places(nginx, servers, settings)
    if not places and not (servers and servers.servers):
        raise NotApplicable("neither a location that leads to Django nor an app server is known")
    version = _version(installed)
    seen: set[Location] = set()
    for place in places:
        line = _underscores(place)
        if line is not None and line.location not in seen:
            seen.add(line.location)
            attempts = _arrived(place, nginx, spoof)
            app = app_of(place, servers, topology)
            yield from _let_through(place, line, attempts, drops=_drops(app, version))
    for server in servers.servers if servers else ():
        if server.kind is ServerKind.GUNICORN:
            yield from _relaxed(server, version)


def _version(installed: Distributions | None) -> Version | None:
    try:
        return Version(installed.versions["gunicorn"]) if installed and "gunicorn" in installed.versions else None
    except InvalidVersion:
        return None


def _underscores(place: DjangoPlace) -> Directive | None:
    line = place.server.effective("underscores_in_headers").value
    return line if line is not None and line.arg(0) == "on" else None


def _drops(app: AppServer | None, version: Version | None) -> bool:
    """Whether the app server is known to drop names with underscores."""
    if app is None or app.kind is not ServerKind.GUNICORN or version is None or version < _DROPS_SINCE:
        return False
    return app.settings.get("header_map", ("drop", None))[0] == "drop"


def _arrived(place: DjangoPlace, nginx: Nginx | None, spoof: SchemeSpoof | None) -> list[SchemeAttempt]:
    """What the live stack sent with an underscore through that server."""
    if spoof is None or nginx is None or place.configuration is not nginx.main:
        return []
    return [one for one in spoof.attempts if place.is_at(one.location) and one.headers and "_" in one.headers[0][0]]


def _let_through(
    place: DjangoPlace, line: Directive, attempts: list[SchemeAttempt], *, drops: bool
) -> Iterator[Finding]:
    arrived = [one for one in attempts if one.seen_as]
    what = (
        "the app server drops them" if drops else "Django cannot tell `X_Forwarded_Proto` from the proxy's own header"
    )
    yield Finding(
        message=f"{quoted(line.text)} lets header names with underscores through: {what}.",
        location=line.location,
        symbol=f"{level_symbol(place.server.effective('underscores_in_headers').level)} underscores_in_headers",
        evidence=(
            Evidence(line.text, line.location),
            Evidence(f"{place.location.symbol}: {place.proxy.directive.text}", place.proxy.directive.location),
            *(Evidence(f"{exchange_text(one.exchange)}: Django got {_names(one)}") for one in arrived[:2]),
        ),
        proof=Proof.PROVEN if arrived else Proof.INFERRED,
        severity=Severity.LOW if drops or (attempts and not arrived) else Severity.MEDIUM,
        fix=line_fix(line, " on;", " off;"),
    )


def _names(attempt: SchemeAttempt) -> str:
    return ", ".join(name for name, _ in attempt.seen_as[:3])


def _relaxed(server: AppServer, version: Version | None) -> Iterator[Finding]:
    for name, (text, location) in server.settings.items():
        why = _why(name, text, version)
        if why:
            yield Finding(
                message=f"Gunicorn of {quoted(server.artefact)} is told {quoted(f'{name} = {text}')}: {why}.",
                location=location,
                symbol=f"{server.artefact} {name}",
                evidence=(Evidence(f"{name} = {text}", location),),
            )


def _why(name: str, text: str, version: Version | None) -> str:
    """Why a setting is one of these; empty where it is not, or where the installed version does not know it."""
    if name == "header_map":
        known = version is None or version >= _DROPS_SINCE
        return (
            "a client's `X_Forwarded_For` takes the place of the proxy's header"
            if text == "dangerous" and known
            else ""
        )
    if name == "forwarder_headers":
        known = version is None or version >= _DROPS_SINCE
        anything = known and "*" in text.split(",")
        return "every header name is believed from the proxy, underscores included" if anything else ""
    since = _FLAGS.get(name)
    if since is None or text.lower() not in {"true", "1"} or (version is not None and version < since):
        return ""
    return "it takes requests that other servers read differently"

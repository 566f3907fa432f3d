r"""An uploaded script is run by the server.

## Why is this bad
`location ~ \.php$` also takes `/media/avatar.php`: whoever may upload a file may run code as the interpreter's user.

## Bad
    location /media/ { root /srv/shop; }
    location ~ \.php$ { root /srv/shop; fastcgi_pass unix:/run/php/php-fpm.sock; }

## Good
    location ^~ /media/ { root /srv/shop; }

## References
- https://nginx.org/en/docs/http/ngx_http_core_module.html#location
- CWE-434, CWE-94
"""

import posixpath
from collections.abc import Iterator

from scanner.facts.app_servers import AppServers
from scanner.facts.edge import same_place
from scanner.facts.exchange_text import exchange_text
from scanner.facts.media_canaries import MediaCanaries, MediaSeen
from scanner.facts.media_files import MediaPlace, media_places, takes_ending
from scanner.facts.nginx import Nginx
from scanner.facts.settings import Settings
from scanner.model import Evidence, Finding, Location, NotApplicable, Proof, Severity, UnknownValue, quoted, rule
from scanner.nginx.effective import LocationBlock, Proxy

_SCRIPTS = ("php", "php5", "php7", "phtml", "py", "pl", "cgi", "rb", "lua")
_KINDS = frozenset({"fastcgi", "scgi", "uwsgi"})


@rule(severity=Severity.CRITICAL)
def check(
    nginx: Nginx, settings: Settings, servers: AppServers | None, canaries: MediaCanaries | None
) -> Iterator[Finding]:
    places = media_places(nginx, settings, servers)
    if not places:
        raise NotApplicable("the proxy sends no uploaded files")
    told: set[Location] = set()
    unknown = ""
    for place in places:
        for ending in _SCRIPTS if takes_ending(place, "jpg") else ():
            taken = _interpreter(place, ending)
            if taken is None or taken[0].location in told:
                continue
            handler, proxy = taken
            seen = _seen(handler, place, nginx, canaries)
            if seen and not any(one.executed for one in seen):
                continue
            runs = True if seen else _runs(place, handler, ending)
            if runs is None:
                unknown = unknown or f"where {handler.title} at {handler.location} looks for scripts"
            elif runs:
                told.add(handler.location)
                yield _finding(place, handler, proxy, ending, seen)
    if unknown:
        raise UnknownValue(unknown)


def _interpreter(place: MediaPlace, ending: str) -> tuple[LocationBlock, Proxy] | None:
    """The location that hands an upload with that ending to an interpreter because of its name."""
    found = place.configuration.location_for(place.server, f"{place.url}site/file.{ending}")
    if found is None or found is place.location or not found.is_regex or not found.reachable:
        return None
    proxy = place.configuration.proxy(found)
    return (found, proxy) if proxy is not None and proxy.kind in _KINDS else None


def _runs(place: MediaPlace, handler: LocationBlock, ending: str) -> bool | None:
    """Whether the interpreter gets the uploaded file itself; None where nobody can tell."""
    uri = f"{place.url}site/file.{ending}"
    uploaded = place.served.path_of(uri)
    root = handler.effective("root").value
    if uploaded is None or place.served.is_template or (root is not None and root.is_template):
        return None
    if root is None or "$" in root.arg(0):
        return None
    if root.name == "alias":
        return False
    return posixpath.normpath(root.arg(0).rstrip("/") + uri) == posixpath.normpath(uploaded)


def _seen(
    handler: LocationBlock, place: MediaPlace, nginx: Nginx, canaries: MediaCanaries | None
) -> tuple[MediaSeen, ...]:
    if canaries is None or place.configuration is not nginx.main:
        return ()
    return tuple(one for one in canaries.files if same_place(handler.location, one.location))


def _finding(
    place: MediaPlace, handler: LocationBlock, proxy: Proxy, ending: str, seen: tuple[MediaSeen, ...]
) -> Finding:
    evidence = [
        Evidence(proxy.directive.text, proxy.directive.location),
        Evidence(f"{place.location.title}: {place.served.directive.text}", place.served.directive.location),
    ]
    evidence += [Evidence(exchange_text(one.exchange, "Content-Type")) for one in seen if one.executed][:2]
    return Finding(
        message=f"{quoted(handler.title)} takes uploaded files that end in `.{ending}` below {quoted(place.url)}, too, "
        f"and hands them to an interpreter.",
        location=handler.location,
        symbol=handler.symbol,
        evidence=tuple(evidence),
        proof=Proof.PROVEN if seen else Proof.INFERRED,
    )

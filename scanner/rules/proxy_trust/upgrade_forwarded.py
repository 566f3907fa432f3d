"""The proxy lets a client turn its connection into a tunnel.

## Why is this bad
A request with `Upgrade: h2c` that the app server accepts makes the proxy pass bytes through without looking: requests
in that tunnel reach every path, whatever the proxy refuses, limits or protects by a password.

## Bad
    location / {
        proxy_http_version 1.1;
        proxy_set_header Upgrade $http_upgrade;
        proxy_set_header Connection "upgrade";
        proxy_pass http://127.0.0.1:8000;
    }

## Good
    location /ws/ {                     # only where websockets are
        proxy_http_version 1.1;
        proxy_set_header Upgrade $http_upgrade;
        proxy_set_header Connection "upgrade";
        proxy_pass http://127.0.0.1:8000;
    }

## References
- https://nginx.org/en/docs/http/websocket.html
- https://bishopfox.com/blog/h2c-smuggling-request
- CWE-444
"""

import re
from collections.abc import Iterator

from scanner.facts.app_servers import AppServers, ServerKind
from scanner.facts.edge import DjangoPlace, all_django_places, app_of
from scanner.facts.nginx import Nginx
from scanner.facts.python_source import PythonSource
from scanner.facts.settings import Settings
from scanner.facts.topology import Topology
from scanner.model import Evidence, Finding, Location, NotApplicable, Severity, UnknownValue, quoted, rule
from scanner.nginx.effective import Directive, Overwritten, forwarded_header

_ACCEPTS = frozenset({ServerKind.HYPERCORN})
"""Servers that answer 101 to ``Upgrade: h2c``; the others of ServerKind take such a request for an ordinary one."""
_SOCKETS = re.compile(r"(^|[/_-])(ws|wss|websocket|websockets|socket\.io|sockjs|channels)([/_-]|$)", re.IGNORECASE)
_RULES = ("allow", "deny", "auth_basic", "auth_request", "auth_jwt", "satisfy")


@rule(severity=Severity.MEDIUM)
def check(
    nginx: Nginx,
    settings: Settings | None,
    servers: AppServers | None,
    topology: Topology | None,
    python: PythonSource | None,
) -> Iterator[Finding]:
    places = [place for place in all_django_places(nginx, servers, settings) if place.proxy.kind == "proxy"]
    if not places:
        raise NotApplicable("no proxy_pass of the proxy leads to Django")
    unknown: list[UnknownValue] = []
    seen: set[Location] = set()
    for place in places:
        line = _passes(place)
        if line is None or line.location in seen or _is_for_websockets(place, python):
            continue
        app = app_of(place, servers, topology)
        if app is None:
            unknown.append(UnknownValue(f"which app server is behind {place.location.symbol}", line.location))
        elif app.kind in _ACCEPTS:
            seen.add(line.location)
            yield _finding(place, line, app.kind.value.capitalize())
    if unknown:
        raise unknown[0]


def _passes(place: DjangoPlace) -> Directive | None:
    """The line that hands on whatever protocol the client asks for, where the rest of an upgrade goes with it."""
    upgrade = forwarded_header(place.level, "Upgrade")
    connection = forwarded_header(place.level, "Connection")
    if not isinstance(upgrade, Overwritten) or not isinstance(connection, Overwritten):
        return None
    if (place.level.effective("proxy_http_version").text or "1.0") != "1.1":
        return None
    text, line = upgrade.values[-1]
    asked = place.configuration.possible_values(text, place.level)
    kept = place.configuration.possible_values(connection.values[-1][0], place.level)
    if not any("$http_upgrade" in value or value.lower() == "h2c" for value in asked):
        return None
    return line if any("upgrade" in value.lower() or "$http_connection" in value for value in kept) else None


def _is_for_websockets(place: DjangoPlace, python: PythonSource | None) -> bool:
    """Whether the location is that of websocket routes, by the ASGI application or by its name."""
    path = place.location.pattern.lstrip("^/")
    if _SOCKETS.search(place.location.pattern):
        return True
    routes = python.websocket_paths if python is not None and path else ()
    return any(route.pattern.startswith(path) for route in routes)


def _finding(place: DjangoPlace, line: Directive, server: str) -> Finding:
    guarded = [
        directive
        for location in place.server.locations
        for directive in location.own(*_RULES, "return")
        if directive.name != "return" or directive.arg(0) in {"403", "404", "444"}
    ]
    what = "past the rules of this server" if guarded else "past the proxy"
    return Finding(
        message=f"{quoted(place.location.title)} hands on whatever protocol the client asks for; {server} accepts "
        f"`h2c`, and requests in that tunnel go {what}.",
        location=line.location,
        symbol=place.location.symbol,
        evidence=(
            Evidence(line.text, line.location),
            *(Evidence(f"{one.text} (passed by)", one.location) for one in guarded[:3]),
        ),
        severity=Severity.MEDIUM if guarded else Severity.LOW,
    )

"""Pages of other sites may open websockets with the user's session.

## Why is this bad
A websocket's handshake carries the session cookie whoever starts it, and CORS does not hold it back. Without a check of
its Origin, any page talks to the application in the user's name.

## Bad
    "websocket": AuthMiddlewareStack(URLRouter(websocket_urlpatterns))

## Good
    "websocket": AllowedHostsOriginValidator(AuthMiddlewareStack(URLRouter(websocket_urlpatterns)))

## References
- https://channels.readthedocs.io/en/stable/topics/security.html#websockets
- CWE-1385
"""

from collections.abc import Iterator

from scanner.facts.app_servers import AppServer, AppServers, ServerKind
from scanner.facts.exchange_text import exchange_text
from scanner.facts.python_source import PythonSource
from scanner.facts.settings import Settings
from scanner.facts.upgrades import Upgrades
from scanner.model import Evidence, Finding, NotApplicable, Proof, Severity, UnknownValue, quoted, rule

_CHECKS = frozenset({"AllowedHostsOriginValidator", "OriginValidator"})
_SESSIONS = frozenset({"AuthMiddlewareStack", "AuthMiddleware", "SessionMiddlewareStack", "SessionMiddleware"})
_SWITCHED = 101
_ASGI = frozenset({ServerKind.UVICORN, ServerKind.DAPHNE, ServerKind.HYPERCORN})


@rule(severity=Severity.MEDIUM)
def check(
    python: PythonSource, settings: Settings | None, servers: AppServers | None, upgrades: Upgrades | None
) -> Iterator[Finding]:
    routings = python.websocket_routings
    if not routings:
        raise NotApplicable("the code routes no websockets")
    if not _is_asgi(settings, servers):
        raise NotApplicable("the application is not served through ASGI")
    tried = upgrades.strangers if upgrades is not None else ()
    opened = [one for one in tried if one.status == _SWITCHED]
    if tried and not opened:
        return
    unknown = ""
    for one in routings:
        names = set(one.wrappers)
        if names & _CHECKS:
            continue
        if not names & _SESSIONS:
            unknown = unknown or ("" if one.complete else f"what is around the websockets at {one.location}")
            continue
        inside = next(name for name in one.wrappers if name in _SESSIONS)
        yield Finding(
            message=f"Websockets are opened with the session of the user ({quoted(inside)}), whatever page asks: no "
            f"`AllowedHostsOriginValidator` is around them.",
            location=one.location,
            symbol=f"file {one.location.path} websocket",
            evidence=(
                Evidence(f"websocket: {' > '.join(one.wrappers)} > URLRouter", one.location),
                *(Evidence(exchange_text(each.exchange)) for each in opened[:2]),
            ),
            proof=Proof.PROVEN if opened else Proof.INFERRED,
            severity=Severity.MEDIUM if opened else Severity.LOW,
        )
    if unknown:
        raise UnknownValue(unknown)


def _is_asgi(settings: Settings | None, servers: AppServers | None) -> bool:
    """Some server of the repository speaks ASGI; without any, the settings name an ASGI application."""
    if servers is not None and servers.servers:
        return any(_speaks_asgi(server) for server in servers.servers)
    return settings is None or bool(settings.value("ASGI_APPLICATION"))


def _speaks_asgi(server: AppServer) -> bool:
    words = " ".join((*server.argv, server.application or "")).lower()
    return server.kind in _ASGI or "asgi" in words or "uvicorn" in words

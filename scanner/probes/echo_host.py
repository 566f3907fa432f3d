"""What does Django see of an honest request?"""

from typing import Final

from scanner.facts.app_servers import AppServers
from scanner.facts.echo_host import EchoHost, EchoSeen
from scanner.facts.live_stack import LiveStack
from scanner.facts.nginx import Nginx
from scanner.facts.settings import Settings
from scanner.facts.stack_identity import StackIdentity
from scanner.model import Exchange, Response, probe
from scanner.probes.answers import our_echo, outcome
from scanner.probes.asking import Headers, mark, question, require_app, secure_way
from scanner.probes.pacing import ask_all
from scanner.probes.routes import Path, Routes

NAME: Final = "echo-host"
_MAX_NAMES: Final = 6


@probe()
def echo_host(
    live: LiveStack,
    identity: StackIdentity,
    settings: Settings | None,
    nginx: Nginx | None,
    servers: AppServers | None,
) -> EchoHost:
    """Ask for the echo at every door, for every name, through every location that leads to Django."""
    require_app(live, identity)
    routes = Routes(live, nginx, servers)
    way = secure_way(live, settings)
    edge: Headers = way.headers if way is not None and way.assumed_edge else ()
    asked = tuple(_asked(live, routes))
    requests = tuple(question(path.door, mark(live, "echo", path.prefix), path.name, headers=edge) for path in asked)
    seen: list[EchoSeen] = []
    not_asked = list(routes.unreached())
    for path, exchange in zip(asked, ask_all(live, NAME, requests), strict=True):
        one = _seen(live, path, exchange)
        if one is None:
            not_asked.append(outcome(exchange))
        else:
            seen.append(one)
    if not live.same_as_target:
        not_asked.append("scheme and address of the client: the target's placement could not be copied")
    return EchoHost(tuple(seen), tuple(not_asked))


def _asked(live: LiveStack, routes: Routes) -> tuple[Path, ...]:
    """Every location once a door; the other names by the shortest path only."""
    paths = routes.paths(live.doors)
    known = {(path.door, path.name) for path in paths}
    others = [
        Path(path.door, name, path.prefix, path.place)
        for name in live.site.names[1:_MAX_NAMES]
        for path in paths[:1]
        if (path.door, name) not in known
        and (path.place is None or routes.server(path.door, name) is path.place.server)
    ]
    return (*paths, *others)


def _seen(live: LiveStack, path: Path, exchange: Exchange) -> EchoSeen | None:
    """What Django saw; also its refusal of the Host. None where it was not asked: a redirect, a page of the proxy."""
    answer = exchange.answer
    echo = our_echo(exchange, live)
    if not isinstance(answer, Response) or (echo is None and answer.status != 400):
        return None
    trusted = live.same_as_target
    return EchoSeen(
        door=path.door,
        name=path.name,
        location=path.location,
        prefix=path.prefix,
        status=answer.status,
        host=echo.host if echo else None,
        absolute=echo.absolute if echo else None,
        secure=echo.secure if echo and trusted else None,
        remote_addr=echo.remote_addr if echo and trusted else None,
        real_ip=echo.headers.get("HTTP_X_REAL_IP") if echo else None,
        forwarded_for=echo.headers.get("HTTP_X_FORWARDED_FOR") if echo else None,
        exchange=exchange,
    )

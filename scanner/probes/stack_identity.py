"""Is it our stack that answers, and where can the probe application be reached?"""

from ipaddress import ip_address, ip_network
from typing import Final

from scanner.facts.app_servers import AppServers
from scanner.facts.live_stack import LiveStack
from scanner.facts.nginx import Nginx
from scanner.facts.settings import Settings
from scanner.facts.stack_identity import Reached, StackIdentity
from scanner.model import Cause, ControlFailed, Exchange, NoResponse, Unavailable, probe
from scanner.probes.answers import REDIRECTS, Echo, address_of, echo_of, location_of, outcome, status_of
from scanner.probes.asking import Way, connection, main_way, mark, question, secure_way
from scanner.probes.pacing import ask, ask_all
from scanner.probes.routes import Path, Routes

NAME: Final = "stack-identity"


@probe()
def stack_identity(
    live: LiveStack, settings: Settings | None, nginx: Nginx | None, servers: AppServers | None
) -> StackIdentity:
    """Ask for the probe application over https, then over http, under every prefix that leads to Django.

    Raises ControlFailed when a door refuses connections or another run's stack answers.
    """
    if not live.proxy_ready:
        raise Unavailable("the proxy did not start")
    _doors_open(live)
    routes = Routes(live, nginx, servers)
    way = main_way(live, settings)
    home = ask(live, NAME, question(way.door, "/", live.site.name, headers=way.headers))
    if not live.app_ready:
        return _unreached(live, home, f"the application did not start: {live.app_error}", routes)
    failed: list[Exchange] = []
    plain = live.door("http")
    ways = [(way, Reached.HTTPS if secure_way(live, settings) else Reached.HTTP)]
    if plain is not None and plain != way.door:
        ways.append((Way(plain), Reached.HTTP))
    for one, reached in ways:
        answered, refused = _ask(live, one, routes)
        failed += refused
        if answered:
            return StackIdentity(
                reached=reached,
                prefixes=tuple(dict.fromkeys(path.prefix for path, _ in answered)),
                why_not="",
                home=home,
                instrumented=live.instrumented,
                asgi=answered[0][1].asgi,
                prober_trusted=_trusted(live, servers),
                not_asked=routes.unreached(),
            )
    return _unreached(live, home, _why_not(live, failed), routes)


def _doors_open(live: LiveStack) -> None:
    for exchange in ask_all(live, NAME, tuple(connection(door) for door in live.doors)):
        if not (isinstance(exchange.answer, NoResponse) and exchange.answer.cause is Cause.CONNECTED):
            raise ControlFailed(f"the proxy's door is shut: {outcome(exchange)}", exchange)


def _ask(live: LiveStack, way: Way, routes: Routes) -> tuple[list[tuple[Path, Echo]], list[Exchange]]:
    """The prefixes under which our probe application answers by that way, and the exchanges where it does not."""
    paths = tuple(path for path in routes.paths((way.door,)) if path.name == live.site.name)
    requests = tuple(
        question(way.door, mark(live, "echo", path.prefix), path.name, headers=way.headers) for path in paths
    )
    answered: list[tuple[Path, Echo]] = []
    refused: list[Exchange] = []
    for path, exchange in zip(paths, ask_all(live, NAME, requests), strict=True):
        echo = echo_of(exchange)
        if echo is not None and echo.nonce != live.nonce:
            raise ControlFailed(f"another stack answers: {outcome(exchange)}", exchange)
        if echo is None:
            refused.append(exchange)
        else:
            answered.append((path, echo))
    return answered, refused


def _unreached(live: LiveStack, home: Exchange, why_not: str, routes: Routes) -> StackIdentity:
    return StackIdentity(
        reached=Reached.NONE,
        prefixes=(),
        why_not=why_not,
        home=home,
        instrumented=live.instrumented,
        asgi=False,
        prober_trusted=None,
        not_asked=routes.unreached(),
    )


def _why_not(live: LiveStack, failed: list[Exchange]) -> str:
    if not live.instrumented:
        return "the probe application could not be put into the project's process"
    if not failed:
        return "no location of the proxy is known to lead to the application"
    first = failed[0]
    if status_of(first) in REDIRECTS and _itself(first):
        return f"the site redirects to itself: {outcome(first)}"
    return f"the probe application cannot be reached: {outcome(first)}"


def _itself(exchange: Exchange) -> bool:
    """Whether a redirect leads to the address that was asked."""
    request = exchange.request
    address = address_of(location_of(exchange) or "")
    target = request.raw.split(b" ", 2)[1].decode("latin-1")
    return address is not None and address.scheme == request.door.scheme and address.target == target


def _trusted(live: LiveStack, servers: AppServers | None) -> str | None:
    """The entry of a trust list that holds the prober's address."""
    for server in servers.servers if servers else ():
        for entry in server.trusted_peers:
            if entry == "*" or _holds(entry, live.prober_address):
                return entry
    return None


def _holds(entry: str, address: str) -> bool:
    try:
        return ip_address(address) in ip_network(entry, strict=False)
    except ValueError:
        return False

"""Which ports answer beside the proxy's doors?"""

from typing import Final

from scanner.facts.app_servers import AppServers
from scanner.facts.direct_ports import DirectPorts, PortSeen, PortState
from scanner.facts.live_stack import LiveStack, PlacementKind
from scanner.facts.nginx import Nginx
from scanner.facts.settings import Settings
from scanner.facts.stack_identity import StackIdentity
from scanner.model import Cause, ControlFailed, Door, Exchange, Location, NoResponse, NotApplicable, Response, probe
from scanner.probes.answers import our_echo, outcome
from scanner.probes.asking import (
    connection,
    evil_name,
    mark,
    question,
    require_own_proxy,
    require_started,
    scheme_header,
)
from scanner.probes.pacing import ask_all

NAME: Final = "direct-ports"
USUAL: Final = (8000, 8001, 8080, 8888, 5000, 3000, 9000, 9191, 1717, 5555, 5678)
"""Where application servers, their statistics and debuggers listen."""
STORES: Final = (5432, 3306, 6379, 11211, 27017, 5672, 15672, 2375)


@probe()
def direct_ports(
    live: LiveStack,
    _identity: StackIdentity,
    settings: Settings | None,
    nginx: Nginx | None,
    servers: AppServers | None,
) -> DirectPorts:
    """Connect from outside to the host's other ports, and ask what answers there as a client would.

    Only where proxy and application share a host: elsewhere the published ports decide, which are in the files.
    """
    require_own_proxy(live, nginx)
    if live.placement not in {PlacementKind.SAME_HOST_TCP, PlacementKind.SAME_HOST_UNIX}:
        raise NotApplicable("proxy and application are on different hosts: the published ports decide")
    require_started(live)
    outside = [door for door in live.doors if not door.address.startswith("127.")]
    if not outside:
        raise NotApplicable("the proxy listens on loopback only")
    _control(live, outside)
    doors = _candidates(live, outside[0].address)
    states = ask_all(live, NAME, tuple(connection(door) for door in doors))
    ports = tuple(_port(live, settings, servers, door, state) for door, state in zip(doors, states, strict=True))
    return DirectPorts(ports, tuple(f"{port}: no store runs in the stack" for port in STORES))


def _control(live: LiveStack, doors: list[Door]) -> None:
    for exchange in ask_all(live, NAME, tuple(connection(door) for door in doors)):
        if _state(exchange) is not PortState.OPEN:
            raise ControlFailed(f"the proxy's door is shut: {outcome(exchange)}", exchange)


def _candidates(live: LiveStack, address: str) -> tuple[Door, ...]:
    """The application's own ports and the usual ones, but for the proxy's."""
    bound = [int(port) for one in live.app_addresses if (port := one.rpartition(":")[2]).isdecimal()]
    taken = {door.port for door in live.doors}
    return tuple(Door("http", address, port) for port in dict.fromkeys((*bound, *USUAL)) if port not in taken)


def _state(exchange: Exchange) -> PortState:
    cause = exchange.answer.cause if isinstance(exchange.answer, NoResponse) else Cause.CONNECTED
    match cause:
        case Cause.CONNECTED:
            return PortState.OPEN
        case Cause.REFUSED | Cause.RESET:
            return PortState.REFUSED
        case _:
            return PortState.FILTERED


def _port(
    live: LiveStack, settings: Settings | None, servers: AppServers | None, door: Door, connected: Exchange
) -> PortSeen:
    state = _state(connected)
    exchanges = [connected]
    speaks, is_app = "silent", False
    secure: bool | None = None
    spoofed: bool | None = None
    if state is PortState.OPEN:
        target, name = mark(live, "echo"), live.site.name
        asked = (
            question(door, "/", name),
            question(door, target, name, headers=(scheme_header(settings),)),
            question(door, target, evil_name(live)),
            question(door, target, name),
        )
        answers = ask_all(live, NAME, asked)
        exchanges += answers
        speaks = _speaks(answers[0])
        forged, foreign, honest = (our_echo(answer, live) for answer in answers[1:])
        is_app = any(echo is not None for echo in (forged, foreign, honest))
        secure = forged.secure if forged is not None else None
        spoofed = foreign.host == evil_name(live) if foreign is not None else (False if honest is not None else None)
    return PortSeen(
        address=door.address,
        port=door.port,
        state=state,
        speaks=speaks,
        is_app=is_app or (state is PortState.OPEN and _is_bound(live, door.port)),
        secure_by_header=secure,
        host_spoofed=spoofed,
        because=_because(servers, door.port),
        exchanges=tuple(exchanges),
    )


def _speaks(exchange: Exchange) -> str:
    match exchange.answer:
        case Response():
            return "http"
        case NoResponse(Cause.NOT_HTTP, _):
            return "other"
        case _:
            return "silent"


def _is_bound(live: LiveStack, port: int) -> bool:
    return any(one.rpartition(":")[2] == str(port) for one in live.app_addresses)


def _because(servers: AppServers | None, port: int) -> Location | None:
    """The line that binds the port, that of the main server first."""
    for server in servers.servers if servers else ():
        for bind in server.binds:
            if bind.port == port and not bind.loopback:
                return bind.location
    return None

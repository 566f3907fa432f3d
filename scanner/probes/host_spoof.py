"""What happens to a Host that nobody declares?"""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Final

from scanner.facts.app_servers import AppServers
from scanner.facts.host_spoof import HostAttempt, HostOutcome, HostSpoof
from scanner.facts.live_stack import LiveStack
from scanner.facts.nginx import Nginx
from scanner.facts.settings import Settings
from scanner.facts.stack_identity import Reached, StackIdentity
from scanner.model import Cause, ControlFailed, Exchange, NoResponse, Request, probe
from scanner.probes.answers import REDIRECTS, is_gateway_error, is_proxy_page, location_of, our_echo, outcome, status_of
from scanner.probes.asking import AS_HOST, evil_name, main_way, mark, question, require_started, secure_way
from scanner.probes.pacing import ask_all
from scanner.probes.routes import Routes

NAME: Final = "host-spoof"
_TLS: Final = frozenset({Cause.TLS_REFUSED, Cause.TLS_UNTRUSTED, Cause.CLIENT_CANNOT})


@dataclass(frozen=True)
class _Asked:
    variant: str
    host: str | None
    chosen_by: str | None
    """The name by which nginx chooses the server."""
    target: str
    request: Request


@probe()
def host_spoof(
    live: LiveStack,
    identity: StackIdentity,
    settings: Settings | None,
    nginx: Nginx | None,
    servers: AppServers | None,
) -> HostSpoof:
    """Ask for a name that nobody declares, in all the ways in which a client can.

    Variants: a TLS for the site, b TLS for the foreign name, c TLS without a name, d the plain door's ``/``, e the
    plain door's echo, f the site's name with another port, g the proxy's address, h an absolute target with a foreign
    Host, i no Host at all.
    """
    require_started(live)
    target = mark(live, "echo", identity.prefixes[0]) if identity.prefixes else "/"
    if identity.reached is not Reached.NONE:
        _control(live, settings, target)
    routes = Routes(live, nginx, servers)
    not_asked: list[str] = [] if identity.reached is not Reached.NONE else [identity.why_not]
    asked = tuple(_variants(live, settings, target, not_asked))
    attempts: list[HostAttempt] = []
    for one, exchange in zip(asked, ask_all(live, NAME, tuple(one.request for one in asked)), strict=True):
        if is_gateway_error(exchange):
            not_asked.append(f"{one.variant}: {outcome(exchange)}")
        else:
            attempts.append(_attempt(live, routes, one, exchange))
    return HostSpoof(evil_name(live), tuple(attempts), tuple(not_asked))


def _control(live: LiveStack, settings: Settings | None, target: str) -> None:
    way = main_way(live, settings)
    plain = live.door("http")
    asked = [question(way.door, target, live.site.name, headers=way.headers)]
    asked += [question(plain, target, live.site.name)] if plain is not None else []
    exchanges = ask_all(live, NAME, tuple(asked))
    if all(our_echo(exchange, live) is None for exchange in exchanges):
        raise ControlFailed(f"the probe application no longer answers: {outcome(exchanges[0])}", exchanges[0])


def _variants(live: LiveStack, settings: Settings | None, target: str, not_asked: list[str]) -> Iterator[_Asked]:
    name, evil = live.site.name, evil_name(live)
    secure, plain, main = live.door("https"), live.door("http"), main_way(live, settings)
    edge = secure_way(live, settings)

    def ask(variant: str, request: Request, host: str | None, chosen_by: str | None, path: str = target) -> _Asked:
        return _Asked(variant, host, chosen_by, path, request)

    if secure is not None:
        yield ask("a", question(secure, target, evil, sni=name), evil, evil)
    elif edge is not None:
        yield ask("a", question(edge.door, target, evil, headers=edge.headers[:2]), evil, evil)
    if secure is not None and live.own_proxy:
        for variant, sni in (("b", AS_HOST), ("c", None)):
            request = replace(question(secure, target, evil, sni=sni), verify=False)
            yield ask(variant, request, evil, evil)
    else:
        not_asked.append("b, c: there is no TLS door of the project's own")
    if plain is not None:
        yield ask("d", question(plain, "/", evil), evil, evil, "/")
        yield ask("e", question(plain, target, evil), evil, evil)
    else:
        not_asked.append("d, e: there is no plain door")
    door, extra, sni = main.door, main.headers, (name if main.door.scheme == "https" else AS_HOST)
    odd = f"{name}:1234"
    yield ask("f", question(door, target, odd, headers=extra, sni=sni), odd, name)
    address = door.address
    yield ask("g", question(door, target, address, headers=extra, sni=sni), address, address)
    absolute = f"{door.scheme}://{name}{target}"
    yield ask("h", question(door, absolute, evil, headers=extra, sni=sni), evil, name)
    yield ask("i", question(door, target, None, headers=extra, sni=sni), None, name if sni else "")


def _attempt(live: LiveStack, routes: Routes, asked: _Asked, exchange: Exchange) -> HostAttempt:
    echo = our_echo(exchange, live)
    return HostAttempt(
        variant=asked.variant,
        door=asked.request.door,
        sni=asked.request.sni,
        host=asked.host,
        outcome=_outcome(live, routes, asked, exchange),
        status=status_of(exchange),
        location=location_of(exchange),
        echoed_host=echo.host if echo else None,
        echoed_absolute=echo.absolute if echo else None,
        exchange=exchange,
    )


def _outcome(live: LiveStack, routes: Routes, asked: _Asked, exchange: Exchange) -> HostOutcome:
    answer = exchange.answer
    if isinstance(answer, NoResponse):
        return HostOutcome.TLS_REFUSED if answer.cause in _TLS else HostOutcome.CLOSED
    if our_echo(exchange, live) is not None:
        return HostOutcome.APP_ANSWERED
    if answer.status in REDIRECTS and answer.value("Location"):
        return HostOutcome.REDIRECTED
    if is_proxy_page(exchange) or answer.status == 421:
        return HostOutcome.PROXY_PAGE
    if not routes.leads_to_app(asked.request.door, asked.chosen_by, asked.target):
        return HostOutcome.PROXY_PAGE
    return HostOutcome.APP_REFUSED if answer.status == 400 else HostOutcome.APP_ANSWERED

"""Which versions and ciphers of TLS does the proxy agree to?"""

from dataclasses import dataclass, replace
from typing import Final

from scanner.facts.live_stack import LiveStack
from scanner.facts.nginx import Nginx
from scanner.facts.proxy_test import ProxyTest
from scanner.facts.tls_handshakes import GroupSeen, Handshake, TlsHandshakes, VersionSeen
from scanner.model import Cause, ControlFailed, Door, Exchange, NoResponse, NotApplicable, Request, probe
from scanner.probes.answers import outcome
from scanner.probes.asking import question, require_end_of_tls, require_own_proxy, require_started
from scanner.probes.pacing import ask_all

NAME: Final = "tls-handshakes"
VERSIONS: Final = ("TLSv1", "TLSv1.1", "TLSv1.2", "TLSv1.3")
_MODERN: Final = frozenset({"TLSv1.2", "TLSv1.3"})
GROUPS: Final = (
    ("ecdhe", "ECDHE"),
    ("dhe", "DHE"),
    ("rsa", "kRSA"),
    ("null", "eNULL"),
    ("anonymous", "aNULL"),
)
_MOST_NAMES: Final = 4
_REFUSALS: Final = frozenset({Cause.TLS_REFUSED, Cause.RESET, Cause.CLOSED})


@dataclass(frozen=True)
class _Asked:
    door: Door
    name: str
    version: str
    group: str
    request: Request


@probe()
def tls_handshakes(live: LiveStack, nginx: Nginx | None, test: ProxyTest | None) -> TlsHandshakes:
    """Offer each version, and each group of ciphers, alone: to every TLS door, for every name of the site."""
    require_own_proxy(live, nginx)
    require_end_of_tls(live)
    require_started(live)
    doors = live.doors_of("https")
    if not doors:
        raise NotApplicable("the proxy has no door with TLS")
    asked = [
        one
        for door in doors
        for name in live.site.names[:_MOST_NAMES]
        for one in (
            *(_ask(door, name, version, "") for version in VERSIONS),
            *(_ask(door, name, "TLSv1.2", group) for group, _ in GROUPS),
        )
    ]
    exchanges = ask_all(live, NAME, tuple(one.request for one in asked))
    pairs = list(zip(asked, exchanges, strict=True))
    control = [exchange for one, exchange in pairs if one.version in _MODERN and not one.group]
    if all(_outcome(exchange) is not Handshake.DONE for exchange in control):
        raise ControlFailed(f"no handshake with TLS 1.2 or 1.3 completes: {outcome(control[0])}", control[0])
    return TlsHandshakes(
        versions=tuple(_version(one, exchange) for one, exchange in pairs if not one.group),
        groups=tuple(_group(one, exchange) for one, exchange in pairs if one.group),
        nginx_version=test.nginx_version if test is not None else "",
        not_asked=tuple(f"names after the first {_MOST_NAMES}" for _ in live.site.names[_MOST_NAMES:][:1]),
    )


def _ask(door: Door, name: str, version: str, group: str) -> _Asked:
    plain = question(door, "/", name)
    offer = f"{version} only" if not group else f"{version} with {group} ciphers only"
    ciphers = dict(GROUPS).get(group, "")
    request = replace(
        plain, verify=False, tls_version=version, ciphers=ciphers, label=f"{plain.label} (TLS client offers {offer})"
    )
    return _Asked(door, name, version, group, request)


def _outcome(exchange: Exchange) -> Handshake:
    if exchange.tls is not None:
        return Handshake.DONE
    refused = isinstance(exchange.answer, NoResponse) and exchange.answer.cause in _REFUSALS
    return Handshake.REFUSED if refused else Handshake.CLIENT_CANNOT


def _version(asked: _Asked, exchange: Exchange) -> VersionSeen:
    cipher = exchange.tls.cipher if exchange.tls is not None else ""
    return VersionSeen(asked.door, asked.name, asked.version, _outcome(exchange), cipher, exchange)


def _group(asked: _Asked, exchange: Exchange) -> GroupSeen:
    cipher = exchange.tls.cipher if exchange.tls is not None else ""
    return GroupSeen(asked.door, asked.name, asked.group, _outcome(exchange), cipher, exchange)

"""Where do redirects lead?"""

from dataclasses import dataclass, field
from typing import Final
from urllib.parse import quote, urljoin

from scanner.facts.live_stack import LiveStack
from scanner.facts.redirect_chain import Chain, End, Hop, RedirectChain
from scanner.facts.settings import Settings, Urlconf
from scanner.facts.stack_identity import StackIdentity
from scanner.model import Cause, ControlFailed, Door, Exchange, NoResponse, Request, Response, probe
from scanner.probes.answers import REDIRECTS, Address, address_of, is_gateway_error, location_of, outcome, status_of
from scanner.probes.asking import question, require_end_of_tls, require_same_peer, require_started
from scanner.probes.pacing import ask_all
from scanner.probes.pages import admin_login, login_paths

NAME: Final = "redirect-chain"
MAX_HOPS: Final = 10
_MAX_COOKIES: Final = 20
_SAFE: Final = "/%:@!$&'()*+,;=~?-._"


@dataclass
class _Walk:
    """A chain under way. It keeps cookies as a browser does: some sites send visitors back once to see theirs."""

    start: str
    url: str
    hops: list[Hop] = field(default_factory=list)
    end: End | None = None
    cookies: dict[str, str] = field(default_factory=dict)
    visited: set[tuple[str, frozenset[str]]] = field(default_factory=set)
    """Addresses, and the names of the cookies that were sent there."""

    @property
    def state(self) -> tuple[str, frozenset[str]]:
        """What the next request depends on."""
        return self.url, frozenset(self.cookies)

    def keep_cookies(self, answer: Response) -> None:
        """Take the cookies of an answer, but for Secure ones over http (RFC 6265, 5.3)."""
        for line in answer.values("Set-Cookie")[:_MAX_COOKIES]:
            pair, *attributes = line.split(";")
            name, _, value = pair.strip().partition("=")
            secure = any(one.strip().lower() == "secure" for one in attributes)
            if name and (self.url.startswith("https://") or not secure):
                self.cookies[name] = value

    def take(self, live: LiveStack, exchange: Exchange) -> None:
        """Note a hop and where it leads."""
        status, location = status_of(exchange), location_of(exchange)
        self.hops.append(Hop(self.url, status, location, exchange))
        self.visited.add(self.state)
        if isinstance(exchange.answer, NoResponse):
            self.end = End.NO_ANSWER
            return
        self.keep_cookies(exchange.answer)
        if status not in REDIRECTS or not location:
            self.end = End.ANSWER
        else:
            self.follow(live, location)

    def follow(self, live: LiveStack, location: str) -> None:
        """Go on at the next address, if there is one that can be asked."""
        try:
            following = urljoin(self.url, location)
        except ValueError:
            self.end = End.NO_ANSWER
            return
        self.url = following
        address = address_of(following)
        if address is None or not _is_ours(live, address, self.start):
            self.end = End.LEFT_SITE
        elif self.state in self.visited:
            self.end = End.LOOP
        elif len(self.hops) >= MAX_HOPS:
            self.end = End.TOO_MANY
        elif _door(live, address) is None:
            self.end = End.NO_ANSWER


@probe()
def redirect_chain(
    live: LiveStack, identity: StackIdentity, settings: Settings | None, urlconf: Urlconf | None
) -> RedirectChain:
    """Follow redirects from the pages where visitors begin, asking the stack's own doors."""
    require_end_of_tls(live)
    require_same_peer(live)
    require_started(live)
    _handshake(identity.home)
    walks = [_Walk(url, url) for url in _starts(live, settings, urlconf)]
    while active := [walk for walk in walks if walk.end is None]:
        requests = tuple(request for walk in active if (request := _request(live, walk)) is not None)
        for walk, exchange in zip(active, ask_all(live, NAME, requests), strict=True):
            walk.take(live, exchange)
    dead = [walk for walk in walks if is_gateway_error(walk.hops[-1].exchange)]
    return RedirectChain(
        tuple(Chain(walk.start, tuple(walk.hops), walk.end or End.NO_ANSWER) for walk in walks if walk not in dead),
        tuple(f"{outcome(walk.hops[-1].exchange)}: the application does not answer" for walk in dead),
    )


def _handshake(home: Exchange) -> None:
    refused = {Cause.TLS_REFUSED, Cause.TLS_UNTRUSTED}
    if isinstance(home.answer, NoResponse) and home.answer.cause in refused:
        raise ControlFailed(f"no handshake for the site's name: {outcome(home)}", home)


def _starts(live: LiveStack, settings: Settings | None, urlconf: Urlconf | None) -> tuple[str, ...]:
    name = live.site.name
    scheme = "https" if live.door("https") else "http"
    urls = [f"{one}://{name}/" for one in ("http", "https") if live.door(one)]
    if live.door("http") and not name.startswith("www."):
        urls += [f"http://{other}/" for other in live.site.names if other == f"www.{name}"]
    pages = [*login_paths(settings, urlconf, live)[:1], *admin_login(urlconf)[:1]]
    return tuple(dict.fromkeys([*urls, *(f"{scheme}://{name}{path}" for path in pages)]))


def _is_ours(live: LiveStack, address: Address, start: str) -> bool:
    first = address_of(start)
    return address.host in {*live.site.names, first.host if first else live.site.name}


def _door(live: LiveStack, address: Address) -> Door | None:
    """The door that a URL leads to; a port that is published under another number outside is the scheme's first."""
    port = address.port or {"http": 80, "https": 443}[address.scheme]
    exact = next((door for door in live.doors_of(address.scheme) if door.port == port), None)
    return exact or (live.door(address.scheme) if address.port is None else None)


def _request(live: LiveStack, walk: _Walk) -> Request | None:
    address = address_of(walk.url)
    door = _door(live, address) if address else None
    if address is None or door is None:
        return None
    cookies = "; ".join(f"{name}={value}" for name, value in walk.cookies.items())
    headers = (("Cookie", cookies),) if cookies else ()
    return question(door, quote(address.target, safe=_SAFE), address.host, headers=headers)

"""Waiting until the stack answers: no fixed sleeps, and an end as soon as it is clear that it will not."""

import json
import re
import time
from dataclasses import dataclass
from typing import Final

from scanner.facts.live_stack import Edge, Site
from scanner.model import Answer, Cause, Door, Exchange, NoResponse, Reads, Request, Response
from scanner.sandbox.interface import Running, State
from scanner.stack.app_plan import AppPlan
from scanner.stack.plan import StackPlan
from scanner.stack.proxy_plan import ProxyPlan
from scanner.stack.sender import WireSender

_POLL_SECONDS: Final = 0.03
_STATE_SECONDS: Final = 0.2
_UNREACHABLE_SECONDS: Final = 2.0
"""How long the application may answer directly while the proxy does not reach it."""
_PROXY_SECONDS: Final = 3.0
"""How long the application has to start behind a proxy that answers instead of it."""
_PROXY_PAGE: Final = b"<center>nginx"
COLLECT_SECONDS: Final = 60
COLLECTED: Final = "seatrial: collectstatic"
"""What the launcher says when it is done with that."""
_BAD_GATEWAY: Final = frozenset({502, 504})


@dataclass(frozen=True)
class Candidate:
    """A door and a path prefix behind which the application should be."""

    door: Door
    prefix: str


@dataclass(frozen=True)
class Readiness:
    """How the waiting ended."""

    app: bool
    why_not: str
    proxy: bool
    app_ended: bool = False
    proxy_ended: bool = False
    reached: bool = False
    """The probe application answered through the proxy."""


def candidates_of(plan: StackPlan, *, own_proxy: bool, doors: tuple[Door, ...]) -> tuple[Candidate, ...]:
    """Where requests to the application go through: on each door, TLS first, the shortest prefix."""
    ordered = sorted(doors, key=lambda door: door.scheme != "https")
    if not own_proxy or not isinstance(plan.proxy, ProxyPlan):
        return tuple(Candidate(door, "") for door in ordered)
    configuration = plan.proxy.configuration
    leading = configuration.django_locations((), (plan.static_url, plan.media_url))
    found = []
    for door in ordered:
        server = configuration.server_for("*", door.port, plan.site.name)
        if server is None:
            continue
        prefixes = {_prefix(place.pattern) for place in leading if place.server.opener is server.opener}
        for prefix in sorted(prefixes, key=len):
            place = configuration.location_for(server, f"{prefix}/__seatrial_{plan.nonce}/echo")
            if place in leading or any(one.named for one in leading):
                found.append(Candidate(door, prefix))
                break
    return tuple(found)


def _prefix(pattern: str) -> str:
    """The prefix of a location's pattern, without a slash at its end; empty for what is no plain prefix."""
    return pattern.rstrip("/") if re.fullmatch(r"/[\w./~-]*", pattern) else ""


def echo_request(site: Site, door: Door, path: str) -> Request:
    """The question for the probe application, as an honest client asks it."""
    lines = [
        f"GET {path} HTTP/1.1",
        f"Host: {site.name}",
        "User-Agent: Mozilla/5.0 (compatible; seatrial)",
        "Accept: */*",
        "Connection: close",
    ]
    if site.edge is Edge.TLS and door.scheme == "http":
        lines.append("X-Forwarded-Proto: https")
    raw = "".join(f"{line}\r\n" for line in [*lines, ""]).encode("latin-1", "replace")
    return Request(door, raw, sni=site.name if door.scheme == "https" else None, verify=False)


def is_ours(exchange: Exchange, nonce: str) -> bool:
    """Whether the probe application of this run answered."""
    if not isinstance(exchange.answer, Response) or exchange.answer.status != 200:
        return False
    try:
        found: object = json.loads(exchange.answer.body)
    except (ValueError, RecursionError):
        return False
    return isinstance(found, dict) and found.get("seatrial") == nonce


class Waiter:
    """Waits for one started group."""

    def __init__(
        self, plan: StackPlan, running: Running, sender: WireSender, candidates: tuple[Candidate, ...], seconds: float
    ) -> None:
        self.plan = plan
        self.running = running
        self.sender = sender
        self.candidates = candidates
        self.begun = time.monotonic()
        self.deadline = self.begun + seconds
        self.app = plan.app if isinstance(plan.app, AppPlan) else None
        self.looked = 0.0
        self.direct_since: float | None = None
        self.last = ""

    def wait(self, doors: tuple[Door, ...]) -> Readiness:
        """Until the application answers through the proxy, or one of them has ended, or the time is over."""
        proxy = False
        while True:
            ended = self._ended()
            if ended is not None:
                return ended
            proxy = proxy or self._connects(doors)
            if proxy:
                found = self._asked()
                if found is not None:
                    return found
            if time.monotonic() > self.deadline and not self._collects():
                return self._ended(now=True) or Readiness(app=False, why_not=self._late(), proxy=proxy)
            time.sleep(_POLL_SECONDS)

    def _ended(self, *, now: bool = False) -> Readiness | None:
        """What has ended, looked up a few times a second."""
        if not now and time.monotonic() - self.looked < _STATE_SECONDS:
            return None
        self.looked = time.monotonic()
        proxy = self.running.state("proxy")
        if not proxy.running:
            return Readiness(app=False, why_not="", proxy=False, proxy_ended=True)
        if self.app is not None:
            app = self.running.state("app")
            if not app.running:
                return Readiness(
                    app=False, why_not=how_ended(app), proxy=self._connects(self.plan.doors), app_ended=True
                )
        return None

    def _collects(self) -> bool:
        """Whether static files are still being collected: that has a time limit of its own, and the server waits."""
        if self.app is None or self.app.collect is None or time.monotonic() > self.deadline + COLLECT_SECONDS:
            return False
        return COLLECTED not in self.running.logs("app")

    def _connects(self, doors: tuple[Door, ...]) -> bool:
        first = doors[0]
        answer = self.sender.ask_quietly(Request(first, b"", reads=Reads.CONNECT_ONLY, verify=False)).answer
        return isinstance(answer, NoResponse) and answer.cause is Cause.CONNECTED

    def _asked(self) -> Readiness | None:
        """Ready, or clearly never; None for not yet."""
        if self.app is None:
            return Readiness(app=False, why_not="", proxy=True)
        behind = False
        for candidate in self.candidates:
            path = f"{candidate.prefix}/__seatrial_{self.plan.nonce}/echo"
            exchange = self.sender.ask_quietly(echo_request(self.plan.site, candidate.door, path))
            if is_ours(exchange, self.plan.nonce):
                return Readiness(app=True, why_not="", proxy=True, reached=True)
            answer = exchange.answer
            behind = behind or self._tells_of_it(answer)
            self.last = str(answer.status) if isinstance(answer, Response) else answer.cause.value
        if behind:
            return Readiness(app=True, why_not="", proxy=True)
        return self._directly()

    def _tells_of_it(self, answer: Answer) -> bool:
        """Whether this is an answer that the application must have made, or that will not change any more."""
        if not isinstance(answer, Response) or answer.status in _BAD_GATEWAY:
            return False
        # An access rule or a redirect of the proxy's own says nothing of the application; but it says it for ever.
        return _PROXY_PAGE not in answer.body or time.monotonic() - self.begun > _PROXY_SECONDS

    def _directly(self) -> Readiness | None:
        """Whether it answers at its own address although the proxy does not get there."""
        bind = next((bind for bind in self.app.command.binds if bind.port is not None), None) if self.app else None
        if bind is None or bind.port is None:
            return None
        host = "127.0.0.1" if bind.wildcard or bind.loopback else self.plan.placement.hosts.get(bind.host, bind.host)
        door = Door("http", host, bind.port)
        path = f"/__seatrial_{self.plan.nonce}/echo"
        if not isinstance(self.sender.ask_quietly(echo_request(self.plan.site, door, path)).answer, Response):
            self.direct_since = None
            return None
        if not self.candidates:
            return Readiness(app=True, why_not="", proxy=True)
        self.direct_since = self.direct_since or time.monotonic()
        if time.monotonic() - self.direct_since > _UNREACHABLE_SECONDS:
            return Readiness(app=False, why_not=self._unreachable(str(bind), str(bind.location)), proxy=True)
        return None

    def _unreachable(self, listens: str, place: str) -> str:
        logged = upstream_complaint(self.running.logs("proxy"))
        return f"the proxy does not reach the application, which listens on {listens} ({place}): {logged or self.last}"

    def _late(self) -> str:
        logged = upstream_complaint(self.running.logs("proxy"))
        return f"no answer in time; the last one was {self.last or 'none'}" + (f"; nginx: {logged}" if logged else "")


def how_ended(state: State) -> str:
    """In words: the exit code, or the limit."""
    if state.out_of_memory or state.exit_code == 137:
        return "it was killed at the memory limit (limits.memory)"
    return f"it ended with exit code {state.exit_code}"


def upstream_complaint(log: str) -> str:
    """What nginx logged about its upstream: ``connect() failed (111: Connection refused) …, http://127.0.0.1:9000``."""
    failed = [line for line in log.splitlines() if "while connecting to upstream" in line or "upstream" in line]
    failed = [line for line in failed if "[error]" in line or "[crit]" in line]
    if not failed:
        return ""
    text = re.search(r"\d+#\d+: (?:\*\d+ )?(.*?) while", failed[-1])
    upstream = re.search(r'upstream: "([^"]*)"', failed[-1])
    said = text[1] if text else failed[-1][-200:]
    return f"{said}, upstream {upstream[1].partition('/__seatrial')[0]}" if upstream else said

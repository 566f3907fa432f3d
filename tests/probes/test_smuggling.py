"""request-smuggling, header-injection, client-address: on recorded stacks, and on ones with answers of a test."""

import dataclasses
import json
from collections.abc import Callable

import pytest

from scanner.engine import Facts, discover_providers
from scanner.facts.client_address import ClientAddress
from scanner.facts.header_injection import HeaderInjection
from scanner.facts.live_stack import LiveStack
from scanner.facts.nginx import Nginx
from scanner.facts.request_smuggling import RequestSmuggling
from scanner.facts.settings import Settings
from scanner.facts.stack_identity import Reached, StackIdentity
from scanner.model import ControlFailed, Exchange, NotApplicable, Request, Response, Unavailable
from tests.edgekit import nginx_of
from tests.probes.recorded import NONCE, Recorded, facts, page, recording, target_of
from tests.rulekit import HARDENED, make

Answers = Callable[[Request], tuple[Response, ...]]


class Scripted:
    """A sender whose answers a test writes."""

    def __init__(self, answers: Answers) -> None:
        self.answers = answers
        self.done: list[Exchange] = []

    def send(self, probe: str, request: Request) -> Exchange:
        return self.send_all(probe, (request,))[0]

    def send_all(self, probe: str, requests: tuple[Request, ...]) -> tuple[Exchange, ...]:
        found = []
        for request in requests:
            first, *more = self.answers(request)
            found.append(Exchange(len(self.done) + 1, probe, request, first, tuple(more)))
        self.done += found
        return tuple(found)

    @property
    def finished(self) -> tuple[Exchange, ...]:
        return tuple(self.done)


def scripted(nginx: Nginx, answers: Answers, **live: object) -> Facts:
    taken = recording("article-bad").live
    stack = dataclasses.replace(taken, sender=Scripted(answers), **live)  # type: ignore[arg-type]
    identity = make(StackIdentity, {"reached": Reached.HTTPS, "prefixes": [""]})
    given = {LiveStack: stack, Nginx: nginx, Settings: HARDENED, StackIdentity: identity}
    providers = {kind: spec for kind, spec in discover_providers().items() if kind not in given}
    return Facts(providers, given)


def echo(**headers: str) -> Response:
    found = {"seatrial": NONCE, "secure": True, "host": "shop.example", "remote_addr": "127.0.0.1", "headers": headers}
    return page(json.dumps(found))


HIDDEN = {"HTTP_X_SEATRIAL_HIDDEN": NONCE, "HTTP_CONNECTION": f"seatrial-{NONCE}"}
SITE = nginx_of("server { listen 443 ssl; server_name shop.example; location / { proxy_pass http://127.0.0.1:8000; } }")


def test_a_strict_proxy_and_its_application() -> None:
    found = facts("article-good").get(RequestSmuggling)
    assert {one.variant for one in found.attempts if one.through_edge} >= {"two lengths", "a bare line feed"}
    assert not any(one.hidden_answered for one in found.attempts)
    refused = {one.variant: one.statuses[0] for one in found.attempts if one.through_edge and one.statuses}
    assert refused["Content-Length and Transfer-Encoding"] == 400
    assert refused["Transfer-Encoding: xchunked"] == 501


@pytest.mark.parametrize(
    ("headers", "answered"),
    [
        pytest.param(HIDDEN, True, id="it went past the proxy"),
        pytest.param({**HIDDEN, "HTTP_CONNECTION": "close"}, False, id="the proxy saw it as a request"),
        pytest.param({"HTTP_CONNECTION": "close"}, False, id="the honest ones"),
    ],
)
def test_a_hidden_request_behind_the_proxy(headers: dict[str, str], answered: bool) -> None:
    found = scripted(SITE, lambda _request: (echo(), echo(**headers)), app_addresses=()).get(RequestSmuggling)
    assert {one.hidden_answered for one in found.attempts} == {answered}
    assert {one.through_edge for one in found.attempts} == {True}


def test_a_hidden_request_at_the_application_itself() -> None:
    def answers(request: Request) -> tuple[Response, ...]:
        if request.door.port != 8000:
            return (page("", 400),) if b"Hidden" in request.raw else (echo(), echo())
        return echo(), echo(**{**HIDDEN, "HTTP_CONNECTION": ""})

    found = scripted(SITE, answers, app_addresses=("127.0.0.1:8000",)).get(RequestSmuggling)
    assert {one.through_edge for one in found.attempts if one.hidden_answered} == {False}
    assert {one.closed for one in found.attempts if one.through_edge} == {True}


def test_one_request_a_connection_is_no_answer() -> None:
    with pytest.raises(Unavailable):
        scripted(SITE, lambda _request: (echo(),), app_addresses=()).get(RequestSmuggling)


SPLIT = nginx_of(
    """
    server { listen 80; server_name shop.example; return 301 https://$host$uri; }
    server { listen 443 ssl; server_name shop.example;
        location / { proxy_set_header X-Path $uri; proxy_pass http://127.0.0.1:8000; }
        location /up/ { proxy_pass http://127.0.0.1:8000$uri; }
        location ~ ^/files/([^/]+)/ { return 302 /new/$1; }
    }
    """
)


def test_line_ends_in_paths() -> None:
    asked: list[str] = []

    def answers(request: Request) -> tuple[Response, ...]:
        asked.append(target_of(request))
        if target_of(request).startswith("/up/"):
            return (echo(**{f"HTTP_X_SEATRIAL_{NONCE.upper()}": "1"}),)
        split = request.door.scheme == "http"
        return (page("", 301, ("Location", "https://shop.example/a"), *([(f"X-Seatrial-{NONCE}", "1")] * split)),)

    found = scripted(SPLIT, answers).get(HeaderInjection)
    lines = f"%0d%0aX-Seatrial-{NONCE}:%201"
    assert asked == [
        f"/a{lines}",
        f"/up/__seatrial_{NONCE}/echo%20HTTP/1.0{lines}%0d%0aX-Rest:%20",
        f"/files/a{lines}/",
    ]
    assert [one.injected for one in found.attempts] == [True, True, False]
    assert [one.directive.line for one in found.attempts] == [3, 6, 7]
    assert len(found.not_asked) == 1  # a header to the application: no answer would show it


def test_a_refusal_refutes_nothing() -> None:
    found = scripted(SPLIT, lambda request: (page("", 404 if target_of(request).startswith("/up/") else 400),)).get(
        HeaderInjection
    )
    assert found.attempts == ()
    assert len(found.not_asked) == 4


def test_no_line_copies_the_path() -> None:
    with pytest.raises(NotApplicable):
        facts("article-good").get(HeaderInjection)


def test_addresses_that_a_client_writes() -> None:
    found = facts("article-good").get(ClientAddress)
    assert found.prober == "198.51.100.99"
    assert {one.header for one in found.attempts} >= {"X-Forwarded-For", "X-Real-IP", "Forwarded"}
    assert not any(one.believed for one in found.attempts)
    assert {one.real_ip for one in found.attempts} == {"198.51.100.99"}


def test_an_address_that_is_believed() -> None:
    def believed(request: Request, _answer: Recorded) -> Recorded:
        forged = b"X-Forwarded-For: 203.0.113.9" in request.raw
        answer = {"HTTP_X_FORWARDED_FOR": "203.0.113.9"} if forged else {}
        changed = json.loads(echo(**answer).body)
        changed["remote_addr"] = "203.0.113.9" if forged else "198.51.100.99"
        return page(json.dumps(changed)) if target_of(request).endswith("/echo") else None

    found = facts("article-good", believed).get(ClientAddress)
    assert {one.header for one in found.attempts if one.believed} == {"X-Forwarded-For"}
    assert {one.leftmost for one in found.attempts if one.believed} == {"203.0.113.9"}
    assert all(one.arrived for one in found.attempts if one.believed and ", " not in one.value)


def test_the_control_of_client_address() -> None:
    asked = 0

    def silent(request: Request, _answer: Recorded) -> Recorded:
        nonlocal asked
        asked += target_of(request).endswith("/echo")
        return page("", 500) if asked > 2 and target_of(request).endswith("/echo") else None

    with pytest.raises((ControlFailed, Unavailable)):
        facts("article-good", silent).get(ClientAddress)


def test_without_a_proxy_of_its_own() -> None:
    for kind in (ClientAddress, HeaderInjection, RequestSmuggling):
        with pytest.raises(NotApplicable):
            facts("no-proxy").get(kind)

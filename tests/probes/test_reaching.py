"""stack-identity, echo-host, plain-http, redirect-chain on recorded stacks."""

import json

import pytest

from scanner.facts.echo_host import EchoHost
from scanner.facts.plain_http import PlainHttp, PlainKind
from scanner.facts.redirect_chain import Chain, End, RedirectChain
from scanner.facts.stack_identity import Reached, StackIdentity
from scanner.model import Cause, ControlFailed, NoResponse, NotApplicable, Reads, Request, Response, Unavailable
from tests.probes.recorded import NONCE, Recorded, facts, page, place, recording, target_of

GOOD = "deploy/nginx/sites-available/shop.conf"
BAD = "deploy/nginx/shop.conf"
MAINTENANCE = page("We will be back soon.", 503)


def maintenance(_request: Request, answer: Recorded) -> Recorded:
    return MAINTENANCE if isinstance(answer, Response) else None


def test_identity_tells_where_the_probe_application_answers() -> None:
    found = facts("article-good").get(StackIdentity)
    assert (found.reached, found.prefixes, found.why_not) == (Reached.HTTPS, ("", "/accounts/login"), "")


def test_identity_of_a_site_that_redirects_to_itself() -> None:
    found = facts("compose-loop").get(StackIdentity)
    assert found.reached is Reached.NONE
    assert found.why_not.startswith("the site redirects to itself: GET https://shop.example/")


def test_identity_behind_a_page_that_answers_everything() -> None:
    known = facts("article-good", maintenance)
    assert known.get(StackIdentity).reached is Reached.NONE
    with pytest.raises(Unavailable, match=r"cannot be reached: GET https://shop\.example/.* -> 503"):
        known.get(EchoHost)


def test_another_stack_fails_the_control() -> None:
    def other(request: Request, answer: Recorded) -> Recorded:
        is_echo = isinstance(answer, Response) and target_of(request).endswith("/echo")
        return page(json.dumps({"seatrial": "f" * 16})) if is_echo else None

    with pytest.raises(ControlFailed, match="another stack answers"):
        facts("article-good", other).get(StackIdentity)


def test_a_shut_door_fails_the_control() -> None:
    def shut(request: Request, _answer: Recorded) -> Recorded:
        return NoResponse(Cause.REFUSED) if request.reads is Reads.CONNECT_ONLY else None

    with pytest.raises(ControlFailed, match=r"door is shut: connect to .* -> refused"):
        facts("article-good", shut).get(StackIdentity)


def test_without_the_application_the_proxy_is_still_asked() -> None:
    known = facts("article-good", app_ready=False, app_error="no such module")
    assert known.get(StackIdentity).why_not == "the application did not start: no such module"
    assert known.get(PlainHttp).answers
    with pytest.raises(Unavailable, match="did not start"):
        known.get(EchoHost)


def test_a_proxy_that_did_not_start() -> None:
    with pytest.raises(Unavailable, match="the proxy did not start"):
        facts("article-good", proxy_ready=False).get(StackIdentity)


def test_echo_of_every_location() -> None:
    found = facts("article-good").get(EchoHost)
    assert [(one.prefix, place(one.location), one.host, one.secure, one.real_ip) for one in found.answers] == [
        ("", (GOOD, 72), "shop.example", True, "198.51.100.99"),
        ("/accounts/login", (GOOD, 60), "shop.example", True, "198.51.100.99"),
    ]
    assert found.not_asked == (f"GET https://shop.example/admin/__seatrial_{NONCE}/echo -> 403",)


def test_echo_of_a_location_that_lost_the_host() -> None:
    found = facts("compose-bad").get(EchoHost)
    seen = {(one.door.scheme, one.prefix): (one.host, one.absolute, one.secure) for one in found.answers}
    assert seen["https", "/api"] == ("web:8000", "http://web:8000/x", False)
    assert seen["https", ""] == ("shop.example", "http://shop.example/x", False)


def test_echo_without_the_targets_placement_tells_no_scheme() -> None:
    found = facts("article-good", same_as_target=False).get(EchoHost)
    assert {(one.secure, one.remote_addr) for one in found.answers} == {(None, None)}
    assert any("placement" in reason for reason in found.not_asked)


def test_plain_http_redirected_by_the_proxy() -> None:
    found = facts("article-good").get(PlainHttp)
    by_kind = {one.kind: one for one in found.answers}
    assert set(by_kind) == set(PlainKind) - {PlainKind.EXEMPT}
    redirected = [one for kind, one in by_kind.items() if kind is not PlainKind.ACME]
    assert all(
        one.redirects_to_https and one.status == 301 and one.keeps_path and one.keeps_host and not one.by_app
        for one in redirected
    )
    assert (by_kind[PlainKind.ACME].status, by_kind[PlainKind.ACME].refused) == (404, True)


def test_plain_http_served() -> None:
    found = facts("article-bad").get(PlainHttp)
    assert {(one.kind, one.status, one.by_app) for one in found.answers} == {
        (PlainKind.PAGE, 404, True),
        (PlainKind.POST, 404, True),
        (PlainKind.APP, 200, True),
        (PlainKind.STATIC, 200, False),
        (PlainKind.ACME, 404, True),
        (PlainKind.NAME, 200, True),
    }


@pytest.mark.parametrize(
    ("location", "keeps_path", "keeps_host"),
    [
        ("https://shop.example/a%20b?x=1&y=%2F", True, True),
        ("https://shop.example:443/a%20b?x=1&y=%2F", True, True),
        ("https://shop.example:8443/a%20b?x=1&y=%2F", True, False),
        ("https://shop.example/a%20b?x=1&y=/", False, True),
        ("https://shop.example/a b?x=1&y=%2F", False, True),
        ("https://shop.example/", False, True),
        ("https://www.shop.example/a%20b?x=1&y=%2F", True, False),
        ("/a%20b?x=1&y=%2F", False, False),
        ("https://[bad/a%20b?x=1&y=%2F", False, False),
    ],
)
def test_plain_http_compares_byte_for_byte(location: str, keeps_path: bool, keeps_host: bool) -> None:
    def redirected(request: Request, _answer: Recorded) -> Recorded:
        return page("", 301, ("Location", location)) if target_of(request).startswith("/a%20b") else None

    (one,) = (one for one in facts("article-good", redirected).get(PlainHttp).answers if one.kind is PlainKind.PAGE)
    assert (one.keeps_path, one.keeps_host) == (keeps_path, keeps_host)


def test_plain_http_leaves_out_what_the_application_would_have_answered() -> None:
    def gone(request: Request, _answer: Recorded) -> Recorded:
        asked = target_of(request).startswith("/a%20b")
        return page("<hr><center>nginx</center>", 502) if asked else None

    found = facts("article-bad", gone).get(PlainHttp)
    assert PlainKind.PAGE not in {one.kind for one in found.answers}
    assert any("502" in reason for reason in found.not_asked)


def test_no_plain_door_is_an_answer() -> None:
    doors = tuple(door for door in recording("article-good").live.doors if door.scheme == "https")
    found = facts("article-good", doors=doors).get(PlainHttp)
    assert (found.doors, found.answers) == ((), ())


def test_redirects_that_end() -> None:
    found = facts("article-good").get(RedirectChain)
    first = found.chains[0]
    assert [(hop.url, hop.status) for hop in first.hops] == [
        ("http://shop.example/", 301),
        ("https://shop.example/", 200),
    ]
    assert {chain.end for chain in found.chains} == {End.ANSWER}


def test_redirects_that_repeat() -> None:
    found = facts("compose-loop").get(RedirectChain)
    assert {chain.end for chain in found.chains} == {End.LOOP}
    assert [hop.url for hop in found.chains[0].hops] == ["http://shop.example/", "https://shop.example/"]


def _chain(*locations: str) -> Chain:
    """The first chain when the home page redirects to these one after another."""
    left = list(locations)

    def redirected(request: Request, _answer: Recorded) -> Recorded:
        asked = request.door.scheme == "http" and target_of(request) == "/"
        return page("", 302, ("Location", left[0])) if asked and left else None

    return facts("article-good", redirected).get(RedirectChain).chains[0]


@pytest.mark.parametrize(
    ("location", "end"),
    [
        ("https://elsewhere.example/", End.LEFT_SITE),
        ("mailto:someone@shop.example", End.LEFT_SITE),
        ("https://shop.example:9443/", End.NO_ANSWER),
        ("http://shop.example/", End.LOOP),
        ("/", End.LOOP),
        ("https://shop.example/", End.ANSWER),
    ],
)
def test_where_a_redirect_leads(location: str, end: End) -> None:
    assert _chain(location).end is end


def test_redirects_without_an_end() -> None:
    def endless(request: Request, _answer: Recorded) -> Recorded:
        return page("", 302, ("Location", f"{target_of(request)}x")) if request.raw else None

    found = facts("article-good", endless).get(RedirectChain)
    assert {(chain.end, len(chain.hops)) for chain in found.chains} == {(End.TOO_MANY, 10)}


def test_a_handshake_that_fails_is_a_failed_control() -> None:
    def refused(request: Request, answer: Recorded) -> Recorded:
        https = request.door.scheme == "https" and isinstance(answer, Response)
        return NoResponse(Cause.TLS_REFUSED) if https else None

    with pytest.raises(ControlFailed, match="no handshake for the site's name"):
        facts("article-good", refused).get(RedirectChain)


def test_redirects_are_judged_in_the_targets_placement_only() -> None:
    with pytest.raises(NotApplicable):
        facts("article-good", same_as_target=False).get(RedirectChain)


def test_a_page_that_wants_its_cookie_back_is_no_loop() -> None:
    def wants(request: Request, _answer: Recorded) -> Recorded:
        if target_of(request) != "/" or request.door.scheme != "https" or not request.raw:
            return None
        if b"Cookie: seen=1" in request.raw:
            return page("welcome")
        return page("", 302, ("Location", "/"), ("Set-Cookie", "seen=1; Secure"))

    chains = facts("article-good", wants).get(RedirectChain).chains
    assert [(len(chain.hops), chain.end) for chain in chains[:2]] == [(3, End.ANSWER), (2, End.ANSWER)]
    assert "seen=1" not in chains[1].hops[1].exchange.request.label


def test_a_page_that_sets_its_cookie_anew_each_time_is_a_loop() -> None:
    def wants(request: Request, _answer: Recorded) -> Recorded:
        asked = target_of(request) == "/" and request.door.scheme == "https"
        return page("", 302, ("Location", "/"), ("Set-Cookie", f"seen={len(request.raw)}")) if asked else None

    assert facts("article-good", wants).get(RedirectChain).chains[1].end is End.LOOP

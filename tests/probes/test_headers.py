"""header-survey, set-cookies, error-pages on recorded stacks."""

import pytest

from scanner.facts.error_pages import ErrorPages
from scanner.facts.header_survey import HeaderSurvey, MadeBy
from scanner.facts.set_cookies import CookiePurpose, SetCookies
from scanner.model import ControlFailed, Request, Response, Unavailable
from tests.probes.recorded import NONCE, Change, Recorded, facts, page, place, target_of

GOOD = "deploy/nginx/sites-available/shop.conf"
BAD = "deploy/nginx/shop.conf"


def broken(view: str) -> Change:
    def change(request: Request, answer: Recorded) -> Recorded:
        asked = isinstance(answer, Response) and target_of(request).endswith(f"/{view}")
        return page("<h1>Server Error (500)</h1>", 500) if asked else None

    return change


def test_a_careful_site_has_its_headers_everywhere() -> None:
    found = facts("article-good").get(HeaderSurvey)
    kinds = {one.kind: one for one in found.of("page", "home", "login", "not-found", "error", "static", "media")}
    assert len(kinds) == 7
    for one in kinds.values():
        assert [policy.max_age for policy in one.hsts()] == [31536000], one.kind
        assert one.values("X-Content-Type-Options") == ("nosniff",), one.kind
        assert one.values("x-frame-options") == ("DENY",), one.kind


def test_who_made_an_answer_and_through_which_location() -> None:
    seen = {(one.kind, one.door.scheme): one for one in facts("article-bad").get(HeaderSurvey).seen}
    made = {kind: (one.made_by, place(one.location)) for (kind, scheme), one in seen.items() if scheme == "https"}
    assert made == {
        "page": (MadeBy.DJANGO, (BAD, 46)),
        "error": (MadeBy.DJANGO, (BAD, 51)),
        "home": (MadeBy.DJANGO, (BAD, 51)),
        "login": (MadeBy.DJANGO, (BAD, 46)),
        "not-found": (MadeBy.DJANGO, (BAD, 51)),
        "bad-host": (MadeBy.DJANGO, (BAD, 51)),
        "redirect-django": (MadeBy.DJANGO, (BAD, 51)),
        "static": (MadeBy.PROXY, (BAD, 37)),
        "static-missing": (MadeBy.PROXY, (BAD, 37)),
        "media": (MadeBy.PROXY, (BAD, 41)),
        "proxy-405": (MadeBy.PROXY, (BAD, 51)),
        "proxy-400": (MadeBy.PROXY, (BAD, 51)),
        "proxy-413": (MadeBy.PROXY, (BAD, 51)),
    }


def test_a_header_that_is_not_always_there_and_one_that_is_dropped() -> None:
    found = facts("article-bad").get(HeaderSurvey)
    sniff = {
        (one.kind, place(one.location)): one.values("X-Content-Type-Options") for one in found.of("page", "not-found")
    }
    assert sniff == {
        ("page", (BAD, 51)): ("nosniff",),
        ("page", (BAD, 46)): (),
        ("not-found", (BAD, 51)): (),
    }


def test_a_redirect_to_https_is_no_page() -> None:
    found = facts("article-good").get(HeaderSurvey)
    assert {one.kind for one in found.seen if one.door.scheme == "http"} == {"redirect-ssl"}


def test_without_a_page_nothing_is_surveyed() -> None:
    with pytest.raises(Unavailable, match="redirects to itself"):
        facts("compose-loop").get(HeaderSurvey)
    with pytest.raises(Unavailable, match="did not start"):
        facts("article-good", app_ready=False).get(HeaderSurvey)


def test_pages_that_break_fail_the_control() -> None:
    def all_broken(request: Request, answer: Recorded) -> Recorded:
        asked = isinstance(answer, Response) and answer.status == 200 and not target_of(request).endswith("/echo")
        return page("", 500) if asked else None

    with pytest.raises(ControlFailed, match="no page of the application answers"):
        facts("article-good", all_broken).get(HeaderSurvey)


def test_an_answer_of_another_kind_is_not_taken_for_it() -> None:
    found = facts("article-good", broken("page")).get(HeaderSurvey)
    assert not found.of("page")
    assert f"page: GET https://shop.example/__seatrial_{NONCE}/page -> 500" in found.not_asked


def test_attributes_of_cookies() -> None:
    careful = facts("article-good").get(SetCookies)
    (session,) = careful.of(CookiePurpose.SESSION)
    assert (session.name, session.secure, session.http_only, session.same_site) == ("sessionid", True, True, "Lax")
    assert {one.secure for one in careful.of(CookiePurpose.CSRF)} == {True}
    careless = facts("article-bad").get(SetCookies)
    assert {one.secure for one in careless.cookies} == {False}
    assert len(careless.of(CookiePurpose.SESSION, "http")) == 1


def test_purposes_come_from_the_settings() -> None:
    found = facts("article-good", settings={"SESSION_COOKIE_NAME": "csrftoken", "CSRF_COOKIE_NAME": "x"}).get(
        SetCookies
    )
    assert {one.name for one in found.of(CookiePurpose.SESSION)} == {"csrftoken"}
    assert not found.of(CookiePurpose.CSRF)


@pytest.mark.parametrize(
    ("line", "attributes"),
    [
        (
            "sessionid=a; Secure; HttpOnly; SameSite=None; Domain=.shop.example; Max-Age=60; Path=/",
            (True, True, "None", 60),
        ),
        ("sessionid=a;secure;httponly;samesite=strict;max-age=-1", (True, True, "strict", -1)),
        ("sessionid=a; Max-Age=99999999999999999999999", (False, False, None, None)),
        ("sessionid", (False, False, None, None)),
    ],
)
def test_a_cookie_line(line: str, attributes: tuple[bool, bool, str | None, int | None]) -> None:
    def sets(request: Request, answer: Recorded) -> Recorded:
        asked = isinstance(answer, Response) and target_of(request).endswith("/cookies")
        return page("", 200, ("Set-Cookie", line)) if asked else None

    one = facts("article-good", sets).get(SetCookies).of(CookiePurpose.SESSION)[0]
    assert (one.secure, one.http_only, one.same_site, one.max_age) == attributes


def test_cookies_that_cannot_be_had() -> None:
    with pytest.raises(ControlFailed, match="cookies cannot be had"):
        facts("article-good", broken("cookies")).get(SetCookies)
    with pytest.raises(Unavailable, match="redirects to itself"):
        facts("compose-loop").get(SetCookies)


def test_debug_pages() -> None:
    found = facts("article-bad").get(ErrorPages)
    assert found.debug_page is not None
    markers = {page.trigger: len(page.debug_markers) for page in found.pages}
    assert markers["not-found"] >= 2
    assert markers["bad-host"] >= 2
    assert markers["boom"] >= 2


def test_no_debug_pages() -> None:
    found = facts("article-good").get(ErrorPages)
    assert found.debug_page is None
    assert {(page.trigger, page.status) for page in found.pages} == {
        ("not-found", 404),
        ("boom", 500),
        ("no-token", 403),
    }
    assert len([reason for reason in found.not_asked if reason.startswith("bad-host")]) == 2


def test_one_marker_may_be_chance_and_a_traceback_is_told_apart() -> None:
    def traceback(request: Request, answer: Recorded) -> Recorded:
        asked = isinstance(answer, Response) and target_of(request).endswith("/boom")
        return page("Traceback (most recent call last): Django Version:", 500) if asked else None

    found = facts("article-good", traceback).get(ErrorPages)
    (boom,) = (page for page in found.pages if page.trigger == "boom")
    assert (boom.debug_markers, boom.leak_markers) == (("Django Version:",), ("Traceback (most recent call last)",))
    assert found.debug_page is None


def test_no_error_page_without_an_answer() -> None:
    def closed(request: Request, _answer: Recorded) -> Recorded:
        return page("<hr><center>nginx</center>", 502) if "__nope" in target_of(request) else None

    with pytest.raises(ControlFailed, match="502"):
        facts("article-good", closed).get(ErrorPages)

"""media-canaries, cache-replay, cors-replies, upgrades on recorded stacks."""

import dataclasses
from pathlib import Path

import pytest

from scanner.engine import Facts
from scanner.facts.cache_replay import CacheReplay
from scanner.facts.cors_replies import CorsReplies
from scanner.facts.live_stack import LiveStack
from scanner.facts.media_canaries import MediaCanaries
from scanner.facts.python_modules import Modules
from scanner.facts.python_source import PythonSource
from scanner.facts.resolved_classes import Cors
from scanner.facts.static_file import ServedBy
from scanner.facts.upgrades import Upgrades
from scanner.model import ControlFailed, NotApplicable, Request, Response, Unavailable
from scanner.project import Checkout, Project
from tests.probes.recorded import EVIL, Change, Recorded, facts, page, place, recording, target_of

GOOD = "deploy/nginx/sites-available/shop.conf"
BAD = "deploy/nginx/shop.conf"
TOKEN = "a1b2c3d4e5f6a7b8c9d0e1f2"


def test_uploads_that_are_no_pages() -> None:
    found = facts("article-good").get(MediaCanaries)
    assert {one.extension for one in found.files} == {"html", "svg", "js", "pdf", "jpg", "php", "py"}
    assert all(one.is_file and one.nosniff and one.disposition == "attachment" for one in found.files)
    assert all(one.sandboxed and not one.executed and one.served_by is ServedBy.PROXY for one in found.files)
    assert {place(one.location) for one in found.files} == {(GOOD, 53)}
    assert found.same_origin
    assert found.not_asked  # over http there is a redirect


def test_uploads_that_are_pages_of_the_site() -> None:
    found = facts("article-bad").get(MediaCanaries)
    assert {place(one.location) for one in found.files} == {(BAD, 11), (BAD, 41)}
    pages = {one.extension: one.content_type for one in found.files if one.extension in {"html", "svg"}}
    assert pages == {"html": "text/html", "svg": "image/svg+xml"}
    assert not any(one.disposition or one.sandboxed for one in found.files)
    assert all(one.nosniff for one in found.files)


def test_uploads_without_nosniff() -> None:
    found = facts("compose-bad").get(MediaCanaries)
    assert found.files
    assert not any(one.nosniff for one in found.files)


def test_uploads_of_the_application_only() -> None:
    with pytest.raises(NotApplicable, match="elsewhere, or protected"):
        facts("no-proxy").get(MediaCanaries)


@pytest.mark.parametrize("url", ["https://cdn.example/media/", "/", ""])
def test_uploads_that_are_elsewhere(url: str) -> None:
    with pytest.raises(NotApplicable):
        facts("article-good", media_url=url).get(MediaCanaries)


def test_uploads_of_an_unknown_place() -> None:
    canaries = tuple(one for one in recording("article-good").live.canaries if one.purpose != "media")
    with pytest.raises(Unavailable, match="is not known"):
        facts("article-good", canaries=canaries).get(MediaCanaries)


def test_a_script_that_an_interpreter_gets() -> None:
    def handed(request: Request, _answer: Recorded) -> Recorded:
        return page("<hr><center>nginx</center>", 502) if target_of(request).endswith(".php") else None

    found = facts("article-good", handed).get(MediaCanaries)
    assert {one.extension for one in found.files if one.executed} == {"php"}


def test_a_policy_that_lets_scripts_run() -> None:
    def weak(request: Request, answer: Recorded) -> Recorded:
        if not isinstance(answer, Response) or "/media/" not in target_of(request):
            return None
        kept = tuple(one for one in answer.headers if one[0].lower() != "content-security-policy")
        return dataclasses.replace(answer, headers=(*kept, ("Content-Security-Policy", "default-src 'self'")))

    assert not any(one.sandboxed for one in facts("article-good", weak).get(MediaCanaries).files)


def test_pages_that_no_cache_keeps() -> None:
    found = facts("article-good").get(CacheReplay)
    views = {(place(one.location), one.target.rpartition("/")[2]) for one in found.pairs}
    assert {view for _, view in views} == {"page", "cookies"}
    assert len({where for where, _ in views}) == 2  # "/" and "/accounts/login/"
    assert not any(one.same_body or one.same_cookie or one.public for one in found.pairs)
    assert any("403" in one for one in found.not_asked)  # the administration is for the office


def cached(request: Request, answer: Recorded) -> Recorded:
    """The second client gets what the first one had."""
    if isinstance(answer, Response) and b"X-Seatrial-Client" in request.raw:
        if target_of(request).endswith("/page"):
            return page("the first one's", 200, ("X-Cache-Status", "HIT"), ("Cache-Control", "max-age=600"))
        return page("cookies", 200, ("Set-Cookie", f"csrftoken={TOKEN}; Path=/"), ("Vary", "Cookie"))
    return None


def test_pages_that_a_cache_gives_to_others() -> None:
    found = facts("article-good", cached).get(CacheReplay)
    pages = [one for one in found.pairs if one.target.endswith("/page")]
    cookies = [one for one in found.pairs if one.target.endswith("/cookies")]
    assert all(one.same_body and one.public and not one.same_cookie for one in pages)
    assert all(one.same_cookie and not one.public and not one.same_body for one in cookies)
    assert {one.cache_headers for one in pages} == {("X-Cache-Status: HIT",)}
    assert {one.vary for one in cookies} == {"Cookie"}


def test_the_session_cookie_of_the_probe_application_is_always_the_same() -> None:
    def session(request: Request, answer: Recorded) -> Recorded:
        if isinstance(answer, Response) and target_of(request).endswith("/cookies"):
            return page("cookies", 200, ("Set-Cookie", f"sessionid={TOKEN}; Path=/"))
        return None

    assert not any(one.same_cookie for one in facts("article-good", session).get(CacheReplay).pairs)


@pytest.mark.parametrize(
    ("control", "public"),
    [
        ("public", True),
        ("max-age=60", True),
        ("s-maxage=60, max-age=0", True),
        ("public, no-store", False),
        ("private, max-age=60", False),
        ("max-age=0", False),
        ("", False),
    ],
)
def test_what_a_shared_cache_may_keep(control: str, *, public: bool) -> None:
    def told(request: Request, answer: Recorded) -> Recorded:
        asked = isinstance(answer, Response) and b"X-Seatrial-Client" in request.raw
        return page(target_of(request), 200, ("Cache-Control", control)) if asked else None

    assert {one.public for one in facts("article-good", told).get(CacheReplay).pairs} == {public}


def test_the_control_of_cache_replay() -> None:
    def gone(request: Request, _answer: Recorded) -> Recorded:
        return page("<hr><center>nginx</center>", 502) if b"X-Seatrial-Client" in request.raw else None

    with pytest.raises(ControlFailed):
        facts("article-good", gone).get(CacheReplay)


def test_a_cache_needs_the_proxy_of_the_project() -> None:
    with pytest.raises(NotApplicable):
        facts("no-proxy").get(CacheReplay)


def sharing(urls: str, change: Change) -> Facts:
    """A recorded project with django-cors-headers."""
    return facts("article-good", change, cors=Cors(allow_all=True, credentials=True, urls=urls))


def answering(allowed: str | None) -> Change:
    """Answers to whatever has an Origin; ``*`` for the origin that was asked for."""

    def answer(request: Request, _recorded: Recorded) -> Recorded:
        lines = request.raw.decode().split("\r\n")
        origin = next((line.partition(": ")[2] for line in lines if line.startswith("Origin: ")), None)
        if origin is None or allowed is None:
            return page("{}") if origin is not None else None
        value = origin if allowed == "*" else allowed
        headers = (("Access-Control-Allow-Origin", value), ("Access-Control-Allow-Credentials", "true"))
        return page("{}", 200, *headers, ("Vary", "Cookie, Origin"))

    return answer


def test_origins_of_strangers_are_let_in() -> None:
    found = sharing("^.*$", answering("*")).get(CorsReplies)
    origins = {one.origin for one in found.allowed()}
    assert {f"https://{EVIL}", "null", "http://shop.example", "https://evilshop.example"} < origins
    assert {one.method for one in found.attempts} == {"GET", "OPTIONS"}
    assert all(one.allow_credentials and one.vary_origin for one in found.attempts)
    assert any(place(one.location) is not None for one in found.attempts)


def test_only_the_sites_own_origin_is_let_in() -> None:
    found = sharing("^.*$", answering("https://sub.shop.example")).get(CorsReplies)
    assert {one.origin for one in found.allowed()} == {"https://sub.shop.example"}
    assert found.allowed(f"https://{EVIL}") == ()


def test_nobody_is_let_in() -> None:
    assert sharing("^.*$", answering(None)).get(CorsReplies).allowed() == ()


def test_cors_is_asked_for_below_its_own_prefix() -> None:
    found = sharing(r"^/api/v1/.*$", answering("*")).get(CorsReplies)
    assert any(one.target.startswith("/api/v1/__seatrial_") for one in found.attempts)


def test_cors_is_asked_only_where_somebody_sends_it() -> None:
    with pytest.raises(NotApplicable):
        facts("article-good").get(CorsReplies)


def test_the_control_of_cors_replies() -> None:
    asked = 0

    def later(request: Request, answer: Recorded) -> Recorded:
        nonlocal asked
        asked += isinstance(answer, Response) and target_of(request).endswith("/echo")
        return page("", 500) if asked > 2 and target_of(request).endswith("/echo") else None

    with pytest.raises(ControlFailed):
        sharing("^.*$", later).get(CorsReplies)


def test_probes_without_an_application() -> None:
    known = facts("article-good", app_ready=False, app_error="it ended")
    assert isinstance(known.get(LiveStack), LiveStack)
    with pytest.raises(Unavailable):
        known.get(CacheReplay)


ROUTES = """
urls = [
    path("ws/chat/<slug:room>/", Chat.as_asgi()),
    re_path(r"^ws/news/(?P<kind>\\w+)/$", News.as_asgi()),
    re_path(r"ws/[a-z]{3}$", Odd.as_asgi()),
]
"""


def routing(tmp_path: Path, text: str = ROUTES) -> PythonSource:
    (tmp_path / "routing.py").write_text(text)
    names = ("routing.py",)
    checkout = Checkout(root=tmp_path, files=names, tracked=frozenset(names), is_git=True, commit=None, dirty=False)
    return PythonSource(Modules(Project(checkout, ".", "shop", None)))


def switching(own: int, stranger: int) -> Change:
    def answer(request: Request, _recorded: Recorded) -> Recorded:
        if b"Upgrade: websocket" not in request.raw:
            return None
        return page("", stranger if EVIL.encode() in request.raw else own)

    return answer


def test_websockets_that_strangers_open(tmp_path: Path) -> None:
    found = facts("article-good", switching(101, 101), python=routing(tmp_path)).get(Upgrades)
    assert {one.target for one in found.attempts} == {"/ws/chat/1/", "/ws/news/1/"}
    assert {(one.origin, one.status) for one in found.strangers} == {(f"https://{EVIL}", 101)}
    assert all(place(one.location) is not None for one in found.attempts)
    assert found.not_asked == ()


def test_websockets_of_the_site_alone(tmp_path: Path) -> None:
    found = facts("article-good", switching(101, 403), python=routing(tmp_path)).get(Upgrades)
    assert {one.status for one in found.strangers} == {403}


def test_websockets_that_nobody_opens_tell_nothing(tmp_path: Path) -> None:
    found = facts("article-good", switching(403, 403), python=routing(tmp_path)).get(Upgrades)
    assert found.attempts == ()
    assert len(found.not_asked) == 2


def test_websockets_that_the_code_does_not_route(tmp_path: Path) -> None:
    with pytest.raises(NotApplicable):
        facts("article-good", python=routing(tmp_path, "x = 1\n")).get(Upgrades)

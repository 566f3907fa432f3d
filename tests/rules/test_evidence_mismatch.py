"""When the settings and what is seen from outside differ, and when something explains it."""

import pytest

from scanner.facts.echo_host import EchoHost, EchoSeen
from scanner.facts.error_pages import ErrorPage, ErrorPages
from scanner.facts.header_survey import HeaderSurvey, KindHeaders, MadeBy
from scanner.facts.set_cookies import CookiePurpose, CookieSeen, SetCookies
from scanner.facts.settings import Settings
from tests.edgekit import HEADERS, PASS, gunicorn, https, nginx_of, place, settings, short
from tests.rulekit import HARDENED, judge_facts, make, settings_of

RULE = "evidence_mismatch"
DEBUGGING = settings(DEBUG=True)
OTHERS = settings_of({"middleware": ["rollbar.Middleware"]})
OTHERS_DEBUGGING = settings_of({"set": {"DEBUG": True}, "middleware": ["rollbar.Middleware"]})


def proven(*names: str) -> list[str]:
    return [f"critical proven settings.{name}" for name in names] or ["passed"]


def pages(trigger: str = "boom", status: int = 500, markers: int = 0) -> ErrorPages:
    fields = {"trigger": trigger, "status": status, "debug_markers": ["a", "b", "c"][:markers]}
    return ErrorPages((make(ErrorPage, fields),))


INTERCEPTING = https(f"location / {{ {HEADERS} {PASS} proxy_intercept_errors on; }}")


@pytest.mark.parametrize(
    ("known", "seen", "conf", "expected"),
    [
        pytest.param(HARDENED, pages("not-found", 404, 2), None, proven("DEBUG"), id="off, and a debug page"),
        pytest.param(HARDENED, pages("not-found", 404, 1), None, proven(), id="one marker proves nothing"),
        pytest.param(HARDENED, pages(), None, proven(), id="off, and none"),
        pytest.param(DEBUGGING, pages(), None, proven("DEBUG"), id="on, and none"),
        pytest.param(DEBUGGING, pages(markers=2), None, proven(), id="on, and a debug page"),
        pytest.param(DEBUGGING, pages("not-found", 404), None, proven(), id="on, and only a page of its own"),
        pytest.param(DEBUGGING, pages(), INTERCEPTING, ["skipped unknown"], id="the proxy replaces error pages"),
        pytest.param(OTHERS_DEBUGGING, pages(), None, ["skipped unknown"], id="a middleware may answer"),
        pytest.param(
            settings_of({"injected": {"DEBUG": "DEBUG"}}), pages("boom", 500, 2), None, proven(), id="injected"
        ),
    ],
)
def test_debug(known: Settings, seen: ErrorPages, conf: str | None, expected: list[str]) -> None:
    facts = [known, seen, gunicorn(), *([nginx_of(conf)] if conf else [])]
    assert short(judge_facts(RULE, *facts), "critical") == expected


def cookie(purpose: str = "session", **fields: object) -> SetCookies:
    given = {"name": "c", "purpose": CookiePurpose(purpose), "secure": True, "http_only": True, **fields}
    return SetCookies((make(CookieSeen, given),))


FLAGS = https(f"location / {{ {HEADERS} {PASS} proxy_cookie_flags ~ nosecure; }}")
UNSAFE = settings(SESSION_COOKIE_SECURE=False)


@pytest.mark.parametrize(
    ("known", "seen", "conf", "expected"),
    [
        pytest.param(HARDENED, cookie(secure=False), None, proven("SESSION_COOKIE_SECURE"), id="session, Secure"),
        pytest.param(HARDENED, cookie(http_only=False), None, proven("SESSION_COOKIE_HTTPONLY"), id="HttpOnly"),
        pytest.param(HARDENED, cookie("csrf", secure=False), None, proven("CSRF_COOKIE_SECURE"), id="CSRF, Secure"),
        pytest.param(HARDENED, cookie("csrf", http_only=False), None, proven(), id="CSRF needs no HttpOnly"),
        pytest.param(HARDENED, cookie(), None, proven(), id="as promised"),
        pytest.param(UNSAFE, cookie(secure=False), None, proven(), id="not promised"),
        pytest.param(UNSAFE, cookie(), None, proven(), id="better than promised"),
        pytest.param(HARDENED, cookie(secure=False, max_age=0), None, proven(), id="a cookie that is deleted"),
        pytest.param(HARDENED, cookie(secure=False), FLAGS, ["skipped unknown"], id="the proxy explains it"),
        pytest.param(OTHERS, cookie(secure=False), None, ["skipped unknown"], id="a middleware may explain it"),
    ],
)
def test_cookies(known: Settings, seen: SetCookies, conf: str | None, expected: list[str]) -> None:
    facts = [known, seen, gunicorn(), *([nginx_of(conf)] if conf else [])]
    assert short(judge_facts(RULE, *facts), "critical") == expected


PLAIN_SITE = https(f"location / {{ {HEADERS} {PASS} }}")
HIDING = https(f"location / {{ {HEADERS} {PASS} proxy_hide_header Strict-Transport-Security; }}")
POLICY = (("Strict-Transport-Security", "max-age=31536000; includeSubDomains"),)


@pytest.mark.parametrize(
    ("known", "headers", "secure", "conf", "expected"),
    [
        pytest.param(HARDENED, (), True, PLAIN_SITE, proven("SECURE_HSTS_SECONDS"), id="promised, and missing"),
        pytest.param(HARDENED, POLICY, True, PLAIN_SITE, proven(), id="sent"),
        pytest.param(HARDENED, (), False, PLAIN_SITE, proven(), id="Django does not see https"),
        pytest.param(HARDENED, (), True, HIDING, proven(), id="the proxy hides it"),
        pytest.param(settings(SECURE_HSTS_SECONDS=0), (), True, PLAIN_SITE, proven(), id="not promised"),
    ],
)
def test_hsts(
    known: Settings, headers: tuple[tuple[str, str], ...], secure: bool, conf: str, expected: list[str]
) -> None:
    nginx = nginx_of(conf)
    where = place(nginx, "/")
    page = {"kind": "page", "status": 200, "made_by": MadeBy.DJANGO, "headers": headers, "location": where}
    survey = HeaderSurvey((make(KindHeaders, page),))
    echo = EchoHost((make(EchoSeen, {"status": 200, "location": where, "secure": secure}),))
    assert short(judge_facts(RULE, known, survey, echo, nginx, gunicorn()), "critical") == expected


def test_nothing_was_seen() -> None:
    assert short(judge_facts(RULE, HARDENED), "critical") == ["skipped layer-missing"]

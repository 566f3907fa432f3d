"""Each clause of the rules about the flags, scope and contents of session cookies, and about CSRF's middleware."""

from collections.abc import Mapping

import pytest

from scanner.facts.csrf_origins import CsrfAttempt, CsrfOrigins
from scanner.facts.set_cookies import CookiePurpose, CookieSeen, SetCookies
from scanner.facts.settings import Settings, Urlconf
from scanner.facts.topology import PeerKind, TlsEnd, Topology
from tests.edgekit import HEADERS, PASS, TLS, https, nginx_of, short
from tests.rulekit import DOORS, HARDENED, exchange, judge_facts, make, settings_of

SESSIONS = "django.contrib.sessions.middleware.SessionMiddleware"
CSRF = "django.middleware.csrf.CsrfViewMiddleware"
FRAMES = "django.middleware.clickjacking.XFrameOptionsMiddleware"
WITHOUT_SESSIONS: Mapping[str, object] = {"without_middleware": [SESSIONS], "installed_apps": ["shop"]}


def changed(more: Mapping[str, object] | None = None, **values: object) -> Settings:
    return settings_of({"set": values, **(more or {})})


def cookie(purpose: CookiePurpose = CookiePurpose.SESSION, *, edge: bool = False, **fields: object) -> SetCookies:
    usual = {"name": "sid", "purpose": purpose, "secure": True, "door": DOORS["https"], "target": "/"}
    seen = {**usual, "exchange": exchange("GET https://shop.example/ 200"), **fields}
    return SetCookies((make(CookieSeen, seen),), assumed_edge=edge)


READABLE = "high inferred settings.SESSION_COOKIE_HTTPONLY"
OPEN = changed(SESSION_COOKIE_HTTPONLY=False)
FLAGS = nginx_of(https(f"location / {{ {HEADERS} proxy_cookie_flags ~ HttpOnly; {PASS} }}", TLS))
SECURE = nginx_of(https(f"location / {{ {HEADERS} proxy_cookie_flags ~ secure; {PASS} }}", TLS))


@pytest.mark.parametrize(
    ("facts", "expected"),
    [
        pytest.param([OPEN], READABLE, id="false"),
        pytest.param([changed(SESSION_COOKIE_HTTPONLY=1)], "passed", id="truthy"),
        pytest.param([changed(WITHOUT_SESSIONS, SESSION_COOKIE_HTTPONLY=False)], "skipped not-applicable", id="none"),
        pytest.param([changed(CSRF_COOKIE_HTTPONLY=False)], "passed", id="the CSRF cookie"),
        pytest.param([OPEN, FLAGS], "skipped unknown", id="the proxy may add it"),
        pytest.param([OPEN, SECURE], READABLE, id="the proxy adds another flag"),
        pytest.param([OPEN, cookie(http_only=True)], "passed", id="the edge adds it"),
        pytest.param([OPEN, FLAGS, cookie()], READABLE.replace("inferred", "proven"), id="seen without"),
        pytest.param([OPEN, cookie(edge=True)], READABLE, id="an assumed edge"),
        pytest.param(
            [changed({"injected": {"SESSION_COOKIE_HTTPONLY": "X"}}, SESSION_COOKIE_HTTPONLY=False)],
            "skipped unknown",
            id="invented",
        ),
    ],
)
def test_session_cookie_script_readable(facts: list[object], expected: str) -> None:
    assert short(judge_facts("session_cookie_script_readable", *facts), "high") == [expected]


SITE = "settings.SESSION_COOKIE_SAMESITE"
NONE = changed(SESSION_COOKIE_SAMESITE="None")
NAMED = {"cors": {"allow_all": False, "credentials": True, "origins": ["https://app.example"]}}
ANYONE = {"cors": {"allow_all": True, "credentials": True, "origins": []}}


@pytest.mark.parametrize(
    ("facts", "expected"),
    [
        pytest.param([changed(SESSION_COOKIE_SAMESITE=None)], f"medium inferred {SITE}", id="None"),
        pytest.param([changed(SESSION_COOKIE_SAMESITE=False)], f"medium inferred {SITE}", id="False"),
        pytest.param([NONE], f"medium inferred {SITE}", id="the word"),
        pytest.param([changed(SESSION_COOKIE_SAMESITE="Lax")], "passed", id="Lax"),
        pytest.param([changed(SESSION_COOKIE_SAMESITE="strict")], "passed", id="strict"),
        pytest.param(
            [changed(CSRF_COOKIE_SAMESITE=None)], "medium inferred settings.CSRF_COOKIE_SAMESITE", id="the CSRF cookie"
        ),
        pytest.param(
            [changed(SESSION_COOKIE_SAMESITE=None, CSRF_COOKIE_SAMESITE=None)],
            f"medium inferred {SITE}",
            id="both are one finding",
        ),
        pytest.param([changed(CSRF_COOKIE_SAMESITE=None, CSRF_USE_SESSIONS=True)], "passed", id="no CSRF cookie"),
        pytest.param(
            [changed(NAMED, SESSION_COOKIE_SAMESITE="None")], f"low inferred {SITE}", id="CORS to named origins"
        ),
        pytest.param(
            [changed(ANYONE, SESSION_COOKIE_SAMESITE="None")], f"medium inferred {SITE}", id="CORS to everybody"
        ),
        pytest.param(
            [changed(NAMED, SESSION_COOKIE_SAMESITE=None)], f"medium inferred {SITE}", id="only the word says so"
        ),
        pytest.param(
            [changed(NAMED, SESSION_COOKIE_SAMESITE="None", SESSION_COOKIE_SECURE=False)],
            f"medium inferred {SITE}",
            id="without Secure browsers drop it",
        ),
        pytest.param(
            [changed({"without_middleware": [FRAMES]}, SESSION_COOKIE_SAMESITE="None")],
            f"low inferred {SITE}",
            id="framing is allowed",
        ),
        pytest.param(
            [changed({"installed_apps": ["djangosaml2", "django.contrib.sessions"]}, SESSION_COOKIE_SAMESITE="None")],
            f"low inferred {SITE}",
            id="SAML",
        ),
        pytest.param([NONE, cookie(same_site="Lax")], "passed", id="the edge says Lax"),
        pytest.param([NONE, cookie(same_site="None")], f"medium proven {SITE}", id="seen"),
        pytest.param(
            [changed({"injected": {"SESSION_COOKIE_SAMESITE": "X"}}, SESSION_COOKIE_SAMESITE=None)],
            "skipped unknown",
            id="invented",
        ),
    ],
)
def test_cookie_samesite_disabled(facts: list[object], expected: str) -> None:
    assert short(judge_facts("cookie_samesite_disabled", *facts), "medium") == [expected]


def names(*found: str) -> Topology:
    return make(Topology, {"peer": PeerKind.UNIX, "tls_ends": TlsEnd.PROXY, "site_names": list(found)})


DOMAIN = "low inferred settings.SESSION_COOKIE_DOMAIN"


def domain(value: object, *hosts: str, **more: object) -> Settings:
    return changed(more, SESSION_COOKIE_DOMAIN=value, ALLOWED_HOSTS=list(hosts or ("shop.example.com",)))


@pytest.mark.parametrize(
    ("facts", "expected"),
    [
        pytest.param([domain(".example.com")], DOMAIN, id="above the one name"),
        pytest.param([domain("example.com")], DOMAIN, id="without a dot"),
        pytest.param([domain(None)], "passed", id="unset"),
        pytest.param([domain("shop.example.com")], "passed", id="the name itself"),
        pytest.param([domain(".example.com", "a.example.com", "b.example.com")], "passed", id="several names below"),
        pytest.param([domain(".example.com", ".example.com")], "passed", id="every name below"),
        pytest.param([domain(".example.com", "*")], "passed", id="names are not known"),
        pytest.param([domain(".example.com", "*"), names("shop.example.com")], "passed", id="all hosts are accepted"),
        pytest.param([domain(".example.com"), names("shop.example.com")], DOMAIN, id="the proxy's name"),
        pytest.param([domain(".herokuapp.com", "*")], DOMAIN.replace("low", "medium"), id="a shared suffix"),
        pytest.param([domain(".example.com", injected={"ALLOWED_HOSTS": "H"})], "skipped unknown", id="names invented"),
        pytest.param(
            [domain(".example.com", injected={"SESSION_COOKIE_DOMAIN": "D"})], "skipped unknown", id="invented"
        ),
        pytest.param([changed(SESSION_COOKIE_AGE=1209600)], "passed", id="two weeks"),
        pytest.param(
            [changed(SESSION_COOKIE_AGE=31 * 86400)], "low inferred settings.SESSION_COOKIE_AGE", id="a month"
        ),
        pytest.param(
            [changed(SESSION_COOKIE_AGE=10**8, SESSION_EXPIRE_AT_BROWSER_CLOSE=True)], "passed", id="until it is closed"
        ),
        pytest.param(
            [changed({**WITHOUT_SESSIONS, "injected": {}}, SESSION_COOKIE_AGE=10**8)], "passed", id="no sessions"
        ),
    ],
)
def test_session_cookie_scope_broad(facts: list[object], expected: str) -> None:
    assert short(judge_facts("session_cookie_scope_broad", *facts), "medium") == [expected]


PICKLE = "settings.SESSION_SERIALIZER"
SIGNED = "django.contrib.sessions.backends.signed_cookies"


def serializer(path: str, engine: str = "django.contrib.sessions.backends.db", **resolved: object) -> Settings:
    more = {"session_serializer": {"path": path, **resolved}} if resolved else {}
    return changed(more, SESSION_SERIALIZER=path, SESSION_ENGINE=engine)


@pytest.mark.parametrize(
    ("found", "expected"),
    [
        (serializer("django.contrib.sessions.serializers.PickleSerializer"), f"high inferred {PICKLE}"),
        (serializer("django.contrib.sessions.serializers.PickleSerializer", SIGNED), f"critical inferred {PICKLE}"),
        (serializer("django.contrib.sessions.serializers.JSONSerializer", SIGNED), "passed"),
        (serializer("x.Y", bases=["x.Y", "redis_sessions.PickleSerializer"]), f"high inferred {PICKLE}"),
        (serializer("x.Y", bases=["x.Y"], loads_with=["dill"]), f"high inferred {PICKLE}"),
        (serializer("x.Y", bases=["x.Y"]), "passed"),
        (serializer("x.Y", readable=False), "skipped unknown"),
        (serializer("x.Y"), "skipped unknown"),
        (changed(WITHOUT_SESSIONS, SESSION_SERIALIZER="x.PickleSerializer"), "skipped not-applicable"),
    ],
)
def test_session_serializer_pickle(found: Settings, expected: str) -> None:
    assert short(judge_facts("session_serializer_pickle", found), "critical") == [expected]


@pytest.mark.parametrize(
    ("found", "expected"),
    [
        (changed(SESSION_ENGINE=SIGNED), "medium inferred settings.SESSION_ENGINE"),
        (changed({"installed_apps": ["shop"]}, SESSION_ENGINE=SIGNED), "low inferred settings.SESSION_ENGINE"),
        (changed(SESSION_ENGINE="django.contrib.sessions.backends.cache"), "passed"),
        (changed(WITHOUT_SESSIONS, SESSION_ENGINE=SIGNED), "skipped not-applicable"),
        (changed({"injected": {"SESSION_ENGINE": "X"}}, SESSION_ENGINE=SIGNED), "skipped unknown"),
    ],
)
def test_session_in_signed_cookie(found: Settings, expected: str) -> None:
    assert short(judge_facts("session_in_signed_cookie", found), "medium") == [expected]


MISSING = "inferred settings.MIDDLEWARE"
TOKEN = "rest_framework.authentication.TokenAuthentication"
COOKIE = "rest_framework.authentication.SessionAuthentication"


def unguarded(*authentication: str, **more: object) -> Settings:
    rest = {"authentication": [{"path": one, "bases": [one]} for one in authentication]} if authentication else None
    gone = [CSRF, *([SESSIONS] if "installed_apps" in more else [])]
    return settings_of({"without_middleware": gone, "rest_framework": rest, **more})


def posted(status: int, *, proxy: bool = False, token: bool = False) -> CsrfOrigins:
    seen = exchange(f"POST https://shop.example/x {status}")
    return CsrfOrigins((CsrfAttempt("https://shop.example", None, token, status, proxy, seen),))


@pytest.mark.parametrize(
    ("facts", "expected"),
    [
        pytest.param([unguarded()], f"high {MISSING}", id="sessions"),
        pytest.param([HARDENED], "passed", id="installed"),
        pytest.param(
            [unguarded(middleware=[{"path": "a.B", "bases": ["a.B", CSRF]}])], "passed", id="a subclass is installed"
        ),
        pytest.param([unguarded(middleware=["a.CsrfGuard"])], "skipped unknown", id="one of their own"),
        pytest.param([unguarded(TOKEN, installed_apps=["shop"])], f"low {MISSING}", id="tokens only"),
        pytest.param([unguarded(COOKIE, installed_apps=["shop"])], f"high {MISSING}", id="REST framework's sessions"),
        pytest.param(
            [unguarded(TOKEN, installed_apps=["django.contrib.admin"])], f"high {MISSING}", id="the administration"
        ),
        pytest.param(
            [unguarded(TOKEN, installed_apps=["shop"]), Urlconf((), ("/admin/",))],
            f"high {MISSING}",
            id="an admin site",
        ),
        pytest.param([unguarded(installed_apps=["shop"])], "skipped not-applicable", id="nobody logs in"),
        pytest.param([unguarded(), posted(200)], f"high {MISSING.replace('inferred', 'proven')}", id="seen"),
        pytest.param([unguarded(), posted(403)], "passed", id="something refuses a wrong token"),
        pytest.param([unguarded(), posted(403, proxy=True)], f"high {MISSING}", id="the proxy refuses"),
        pytest.param(
            [unguarded(), posted(200, token=True)], f"high {MISSING}", id="a token that matches shows nothing"
        ),
        pytest.param([unguarded(injected={"MIDDLEWARE": "X"})], "skipped unknown", id="invented"),
    ],
)
def test_csrf_middleware_missing(facts: list[object], expected: str) -> None:
    assert short(judge_facts("csrf_middleware_missing", *facts), "high") == [expected]

"""Each clause of the rules about headers that the proxy hides, repeats, or tells too much with."""

from dataclasses import replace

import pytest

from scanner.facts.header_survey import HeaderSurvey, KindHeaders, MadeBy
from scanner.facts.nginx import Nginx
from scanner.facts.settings import Settings
from scanner.model import Failed
from tests import edgekit
from tests.edgekit import DJANGO, HEADERS, PASS, REDIRECT, gunicorn, https, nginx_of, settings, short
from tests.rulekit import DOORS, HARDENED, judge_facts, settings_of

SECURITY = "django.middleware.security.SecurityMiddleware"
HERE = "inferred server shop.example:443"


def answers(nginx: Nginx, *headers: tuple[str, str], pattern: str = "/") -> HeaderSurvey:
    """One page of the live stack through that location, with these header lines."""
    exchange = edgekit.exchange("GET https://shop.example/", 200, headers)
    page = KindHeaders(
        "page", DOORS["https"], "/", 200, MadeBy.DJANGO, headers, edgekit.place(nginx, pattern), True, exchange
    )
    return HeaderSurvey((page,))


def django(lines: str) -> str:
    return f"location / {{ {HEADERS} {lines} {PASS} }}"


HIDE = "proxy_hide_header X-Frame-Options;"


@pytest.mark.parametrize(
    ("body", "values", "expected"),
    [
        pytest.param(
            django(HIDE), HARDENED, [f"high {HERE} location / proxy_hide_header X-Frame-Options"], id="hidden"
        ),
        pytest.param(django(HIDE + "add_header X-Frame-Options DENY;"), HARDENED, ["passed"], id="replaced"),
        pytest.param(
            HIDE + DJANGO, HARDENED, [f"high {HERE} proxy_hide_header X-Frame-Options"], id="hidden at an outer level"
        ),
        pytest.param(django("proxy_hide_header X-Powered-By;"), HARDENED, ["passed"], id="no security header"),
        pytest.param(
            django(HIDE), settings_of({"without_middleware": [SECURITY]}),
            [f"high {HERE} location / proxy_hide_header X-Frame-Options"], id="the clickjacking middleware sends it",
        ),
        pytest.param(
            django("proxy_hide_header X-Content-Type-Options;"),
            settings_of({"without_middleware": [SECURITY]}),
            ["passed"],
            id="Django does not send it",
        ),
        pytest.param(
            django(HIDE + "add_header Content-Security-Policy \"frame-ancestors 'self'\" always;"),
            HARDENED,
            ["passed"],
            id="frame-ancestors takes its place",
        ),
        pytest.param(
            django("more_clear_headers X-Content-Type-Options;"),
            HARDENED,
            [f"high {HERE} location / more_clear_headers X-Content-Type-Options"],
            id="headers-more",
        ),
        pytest.param(
            django("proxy_hide_header Strict-Transport-Security;"),
            HARDENED,
            [f"high {HERE} location / proxy_hide_header Strict-Transport-Security"],
            id="HSTS",
        ),
        pytest.param(django(HIDE), None, ["skipped unknown"], id="without settings"),
        pytest.param("location / { return 204; }", HARDENED, ["skipped not-applicable"], id="no Django"),
    ],
)  # fmt: skip
def test_security_header_hidden(body: str, values: Settings | None, expected: list[str]) -> None:
    facts = [nginx_of(REDIRECT + https(body)), gunicorn(), *([values] if values else [])]
    assert short(judge_facts("security_header_hidden", *facts), "high") == expected


def test_hidden_seen_live() -> None:
    nginx = nginx_of(https(django(HIDE)))
    outcome = judge_facts("security_header_hidden", nginx, HARDENED, gunicorn(), answers(nginx))
    assert short(outcome, "high") == [
        "high proven server shop.example:443 location / proxy_hide_header X-Frame-Options"
    ]
    seen = answers(nginx, ("X-Frame-Options", "DENY"))
    assert short(judge_facts("security_header_hidden", nginx, HARDENED, gunicorn(), seen), "high") == ["passed"]


FRAMES = "add_header X-Frame-Options SAMEORIGIN;"
TWICE = f"{HERE} add_header X-Frame-Options"
HSTS = 'add_header Strict-Transport-Security "max-age=31536000; includeSubDomains" always;'


@pytest.mark.parametrize(
    ("body", "values", "expected"),
    [
        pytest.param(FRAMES + DJANGO, HARDENED, [f"medium {TWICE}"], id="two values"),
        pytest.param(FRAMES.replace("SAMEORIGIN", "deny") + DJANGO, HARDENED, [f"low {TWICE}"], id="one value"),
        pytest.param(FRAMES + django(HIDE), HARDENED, ["passed"], id="Django's is hidden"),
        pytest.param(
            "add_header Content-Security-Policy default-src;" + DJANGO,
            settings(SECURE_CSP={"default-src": "'self'"}),
            ["passed"],
            id="two policies intersect",
        ),
        pytest.param(
            f"location /static/ {{ alias /srv/; {FRAMES} }} {DJANGO}", HARDENED, ["passed"], id="different answers"
        ),
        pytest.param(
            "more_set_headers 'X-Frame-Options: SAMEORIGIN';" + DJANGO, HARDENED, ["passed"], id="headers-more replaces"
        ),
        pytest.param(HSTS + DJANGO, HARDENED, [f"low {HERE} add_header Strict-Transport-Security"], id="HSTS twice"),
        pytest.param(
            HSTS.replace("31536000", "3600") + DJANGO,
            HARDENED,
            [f"medium {HERE} add_header Strict-Transport-Security"],
            id="another HSTS",
        ),
        pytest.param(HSTS + DJANGO, settings(SECURE_HSTS_SECONDS=0), ["passed"], id="HSTS of the proxy alone"),
        pytest.param("add_header Referrer-Policy no-referrer;" + DJANGO, settings(SECURE_REFERRER_POLICY=None),
                     ["passed"], id="one source"),
    ],
)  # fmt: skip
def test_security_header_conflicting(body: str, values: Settings, expected: list[str]) -> None:
    nginx = nginx_of(REDIRECT + https(body))
    assert short(judge_facts("security_header_conflicting", nginx, values, gunicorn()), "medium") == expected


def test_conflicting_seen_live() -> None:
    nginx = nginx_of(https(FRAMES + DJANGO))
    both = answers(nginx, ("X-Frame-Options", "DENY"), ("X-Frame-Options", "SAMEORIGIN"))
    outcome = judge_facts("security_header_conflicting", nginx, HARDENED, gunicorn(), both)
    assert short(outcome, "medium") == ["medium proven server shop.example:443 add_header X-Frame-Options"]
    one = answers(nginx, ("X-Frame-Options", "SAMEORIGIN"))
    assert short(judge_facts("security_header_conflicting", nginx, HARDENED, gunicorn(), one), "medium") == ["passed"]


TOKENS = "server_tokens"


@pytest.mark.parametrize(
    ("http", "complete", "expected"),
    [
        pytest.param(https(DJANGO), True, [f"low inferred http {TOKENS}"], id="the default is on"),
        pytest.param("server_tokens off;" + https(DJANGO), True, ["passed"], id="off"),
        pytest.param("server_tokens build;" + https(DJANGO), True, [f"low inferred http {TOKENS}"], id="build"),
        pytest.param(
            "server_tokens off;" + https("server_tokens on;" + DJANGO), True, [f"low {HERE} {TOKENS}"], id="on inside"
        ),
        pytest.param(https("server_tokens off;" + DJANGO), False, ["passed"], id="off in a fragment"),
        pytest.param(https("server_tokens on;" + DJANGO), False, [f"low {HERE} {TOKENS}"], id="on in a fragment"),
        pytest.param(https(DJANGO), False, ["skipped unknown"], id="the rest is not in the repository"),
        pytest.param("more_clear_headers Server;" + https(DJANGO), True, ["passed"], id="taken away"),
        pytest.param("include conf.d/missing.conf;" + https(DJANGO), True, ["skipped unknown"], id="include"),
    ],
)
def test_server_version_disclosed(http: str, complete: bool, expected: list[str]) -> None:
    outcome = judge_facts("server_version_disclosed", nginx_of(http, complete=complete))
    assert short(outcome, "low") == expected


def test_version_seen_live_and_its_fix() -> None:
    nginx = nginx_of("server_tokens on;\n" + https(DJANGO))
    told = answers(nginx, ("Server", "nginx/1.22.1"))
    outcome = judge_facts("server_version_disclosed", nginx, told)
    assert short(outcome, "low") == [f"low proven http {TOKENS}"]
    assert isinstance(outcome, Failed)
    fix = outcome.findings[0].fix
    assert fix is not None
    assert fix.lines == ("server_tokens off;",)
    quiet = answers(nginx, ("Server", "nginx"))
    assert short(judge_facts("server_version_disclosed", nginx, quiet), "low") == ["passed"]


STATIC = "location /static/ {{ alias /srv/shop/static/; {0} }}"
NOSNIFF = "add_header X-Content-Type-Options nosniff;"
YEAR = 'add_header Strict-Transport-Security "max-age=31536000";'
FILES = f"{HERE} location /static/"


@pytest.mark.parametrize(
    ("body", "values", "expected"),
    [
        pytest.param(STATIC.format(""), HARDENED, [f"medium {FILES}"], id="neither"),
        pytest.param(STATIC.format(NOSNIFF), HARDENED, [f"low {FILES}"], id="HSTS"),
        pytest.param(STATIC.format(NOSNIFF + YEAR), HARDENED, ["passed"], id="both"),
        pytest.param(STATIC.format(""), settings(SECURE_CONTENT_TYPE_NOSNIFF=False), [f"low {FILES}"], id="Django's"),
        pytest.param(
            STATIC.format(""),
            settings(SECURE_CONTENT_TYPE_NOSNIFF=False, SECURE_HSTS_SECONDS=0),
            ["passed"],
            id="Django sends none",
        ),
        pytest.param(
            NOSNIFF + YEAR + STATIC.format("add_header Cache-Control public;"), HARDENED, ["passed"], id="lost there"
        ),
        pytest.param(STATIC.format("").replace("static", "media"), HARDENED, ["skipped not-applicable"], id="media"),
        pytest.param(STATIC.format("include headers.conf;"), HARDENED, ["skipped unknown"], id="include"),
        pytest.param("", HARDENED, ["skipped not-applicable"], id="no files"),
    ],
)
def test_security_header_missing_on_files(body: str, values: Settings, expected: list[str]) -> None:
    nginx = nginx_of(REDIRECT + https(body + DJANGO))
    assert short(judge_facts("security_header_missing_on_files", nginx, values, gunicorn()), "medium") == expected


def test_plain_files_need_no_hsts_and_places_are_told_together() -> None:
    rule = "security_header_missing_on_files"
    plain = nginx_of(f"server {{ listen 80; server_name shop.example; {STATIC.format(NOSNIFF)} {DJANGO} }}")
    assert short(judge_facts(rule, plain, HARDENED, gunicorn()), "medium") == ["passed"]
    both = nginx_of(https(STATIC.format("") + "location = /robots.txt { root /srv/a; }" + DJANGO))
    assert short(judge_facts(rule, both, HARDENED, gunicorn()), "medium") == [f"medium {FILES}"]


def test_files_seen_live() -> None:
    rule, nginx = "security_header_missing_on_files", nginx_of(https(STATIC.format("") + DJANGO))

    def static(*headers: tuple[str, str]) -> HeaderSurvey:
        page = answers(nginx, *headers, pattern="/static/").seen[0]
        return HeaderSurvey((replace(page, kind="static"),))

    outcome = judge_facts(rule, nginx, HARDENED, gunicorn(), static())
    assert short(outcome, "medium") == ["medium proven server shop.example:443 location /static/"]
    fine = static(("X-Content-Type-Options", "nosniff"), ("Strict-Transport-Security", "max-age=1"))
    assert short(judge_facts(rule, nginx, HARDENED, gunicorn(), fine), "medium") == ["passed"]

"""Each clause of the rules about response headers."""

import pytest

from scanner.facts.header_mentions import HeaderMentions
from scanner.facts.header_survey import HeaderSurvey, KindHeaders, MadeBy
from scanner.facts.nginx import Nginx
from scanner.facts.settings import Settings
from scanner.model import Failed
from tests import edgekit
from tests.edgekit import DJANGO, HEADERS, PASS, PLAIN, REDIRECT, gunicorn, https, nginx_of, settings, short
from tests.rulekit import DOORS, HARDENED, judge_facts, settings_of

CLICKJACKING = "django.middleware.clickjacking.XFrameOptionsMiddleware"
SECURITY = "django.middleware.security.SecurityMiddleware"
NO_FRAMES = settings_of({"without_middleware": [CLICKJACKING]})
NO_SECURITY = settings_of({"without_middleware": [SECURITY]})
NO_NOSNIFF = settings(SECURE_CONTENT_TYPE_NOSNIFF=False)
NOSNIFF = "add_header X-Content-Type-Options nosniff always;"
SITE = REDIRECT + https(DJANGO)


def survey(nginx: Nginx, *answers: tuple[str, int, str, dict[str, str]]) -> HeaderSurvey:
    """Answers as (kind, status, pattern of the location, headers)."""
    return HeaderSurvey(
        tuple(
            KindHeaders(
                kind,
                DOORS["https"],
                pattern,
                status,
                MadeBy.DJANGO,
                tuple(headers.items()),
                edgekit.place(nginx, pattern),
                html=True,
                exchange=edgekit.exchange(f"GET https://shop.example{pattern}", status, tuple(headers.items())),
            )
            for kind, status, pattern, headers in answers
        )
    )


NOSNIFF_AT = "inferred settings.SECURE_CONTENT_TYPE_NOSNIFF"


@pytest.mark.parametrize(
    ("body", "values", "expected"),
    [
        pytest.param(DJANGO, NO_NOSNIFF, [f"medium {NOSNIFF_AT}"], id="nobody sends it"),
        pytest.param(NOSNIFF + DJANGO, NO_NOSNIFF, ["passed"], id="the edge adds it (W006 is wrong)"),
        pytest.param(NOSNIFF.replace("nosniff", "yes") + DJANGO, NO_NOSNIFF, [f"medium {NOSNIFF_AT}"], id="bad value"),
        pytest.param(DJANGO, settings(SECURE_CONTENT_TYPE_NOSNIFF=1), ["passed"], id="truthy is enough"),
        pytest.param(DJANGO, NO_SECURITY, ["passed"], id="no middleware: that rule tells it"),
        pytest.param(
            DJANGO,
            settings_of({"set": {"SECURE_CONTENT_TYPE_NOSNIFF": False}, "installed_apps": ["rest_framework", "shop"]}),
            [f"low {NOSNIFF_AT}"],
            id="API only",
        ),
        pytest.param(f"include headers.conf; {DJANGO}", NO_NOSNIFF, ["skipped unknown"], id="include"),
        pytest.param(
            f"{NOSNIFF} {DJANGO} location /a/ {{ add_header Cache-Control no-store; {HEADERS} {PASS} }}",
            NO_NOSNIFF,
            ["passed"],
            id="lost by one location: that rule tells it",
        ),
    ],
)
def test_nosniff_missing(body: str, values: Settings, expected: list[str]) -> None:
    outcome = judge_facts("nosniff_missing", nginx_of(REDIRECT + https(body)), values, gunicorn())
    assert short(outcome, "medium") == expected


def test_nosniff_without_a_proxy_and_seen_live() -> None:
    assert short(judge_facts("nosniff_missing", NO_NOSNIFF), "medium") == [f"medium {NOSNIFF_AT}"]
    nginx = nginx_of(SITE)
    bare = survey(nginx, ("page", 200, "/", {}))
    proven = judge_facts("nosniff_missing", nginx, NO_NOSNIFF, gunicorn(), bare)
    assert short(proven, "medium") == ["medium proven settings.SECURE_CONTENT_TYPE_NOSNIFF"]
    sent = survey(nginx, ("page", 200, "/", {"x-content-type-options": "nosniff"}))
    assert short(judge_facts("nosniff_missing", nginx, NO_NOSNIFF, gunicorn(), sent), "medium") == ["passed"]


FRAMED = ["medium inferred settings.MIDDLEWARE"]


def csp(policy: str) -> str:
    return f'add_header Content-Security-Policy "{policy}" always;'


@pytest.mark.parametrize(
    ("body", "values", "expected"),
    [
        pytest.param(DJANGO, NO_FRAMES, FRAMED, id="no middleware, no header"),
        pytest.param(
            "add_header X-Frame-Options SAMEORIGIN always;" + DJANGO, NO_FRAMES, ["passed"], id="edge adds it"
        ),
        pytest.param("add_header X-Frame-Options ALLOWALL always;" + DJANGO, NO_FRAMES, FRAMED, id="edge allows all"),
        pytest.param(csp("frame-ancestors 'none'") + DJANGO, NO_FRAMES, ["passed"], id="frame-ancestors"),
        pytest.param(csp("frame-ancestors *") + DJANGO, NO_FRAMES, FRAMED, id="frame-ancestors *"),
        pytest.param(csp("default-src 'self'") + DJANGO, NO_FRAMES, FRAMED, id="default-src says nothing of frames"),
        pytest.param(DJANGO, settings(X_FRAME_OPTIONS="SAMEORIGIN"), ["passed"], id="SAMEORIGIN (W019 alone)"),
        pytest.param(
            DJANGO, settings(X_FRAME_OPTIONS="ALLOWALL"), ["medium inferred settings.X_FRAME_OPTIONS"], id="ALLOWALL"
        ),
        pytest.param(
            DJANGO,
            settings_of(
                {
                    "without_middleware": [CLICKJACKING],
                    "middleware": [
                        {"path": "shop.middleware.Frames", "bases": ["shop.middleware.Frames", CLICKJACKING]}
                    ],
                }
            ),
            ["passed"],
            id="a subclass of the middleware",
        ),
        pytest.param(
            DJANGO,
            settings_of(
                {
                    "without_middleware": [CLICKJACKING],
                    "middleware": ["django.middleware.csp.ContentSecurityPolicyMiddleware"],
                    "set": {"SECURE_CSP": {"frame-ancestors": ["'self'"]}},
                }
            ),
            ["passed"],
            id="Django's own policy",
        ),
        pytest.param(
            DJANGO,
            settings_of(
                {
                    "without_middleware": [CLICKJACKING],
                    "middleware": ["csp.middleware.CSPMiddleware"],
                    "set": {"CSP_FRAME_ANCESTORS": ["'none'"]},
                }
            ),
            ["passed"],
            id="django-csp",
        ),
    ],
)
def test_framing_allowed(body: str, values: Settings, expected: list[str]) -> None:
    outcome = judge_facts("framing_allowed", nginx_of(REDIRECT + https(body)), values, gunicorn())
    assert short(outcome, "medium") == expected


def test_framing_seen_live() -> None:
    nginx = nginx_of(SITE)
    proven = judge_facts("framing_allowed", nginx, NO_FRAMES, gunicorn(), survey(nginx, ("page", 200, "/", {})))
    assert short(proven, "medium") == ["medium proven settings.MIDDLEWARE"]
    sent = survey(nginx, ("page", 200, "/", {"Content-Security-Policy": "frame-ancestors 'self'"}))
    assert short(judge_facts("framing_allowed", nginx, NO_FRAMES, gunicorn(), sent), "medium") == ["passed"]


POLICY = ["low inferred settings.SECURE_REFERRER_POLICY"]


@pytest.mark.parametrize(
    ("value", "edge", "expected"),
    [
        pytest.param("same-origin", "", ["passed"], id="safe"),
        pytest.param("unsafe-url", "", POLICY, id="unsafe"),
        pytest.param("no-referrer-when-downgrade", "", POLICY, id="the old default"),
        pytest.param(["no-referrer", "strict-origin-when-cross-origin"], "", ["passed"], id="a list"),
        pytest.param("same-origin, sameorigin", "", POLICY, id="an unknown token (E023)"),
        pytest.param(None, "", POLICY, id="none is sent (W022)"),
        pytest.param(None, "add_header Referrer-Policy same-origin always;", ["passed"], id="the edge sends one"),
        pytest.param("unsafe-url", "add_header Referrer-Policy same-origin;", ["passed"], id="the last token counts"),
        pytest.param(
            "same-origin",
            "add_header Referrer-Policy unsafe-url always;",
            ["low inferred server shop.example:443 add_header Referrer-Policy"],
            id="the edge spoils it",
        ),
    ],
)
def test_referrer_policy(value: object, edge: str, expected: list[str]) -> None:
    values = settings(SECURE_REFERRER_POLICY=value)
    outcome = judge_facts("referrer_policy_unsafe", nginx_of(REDIRECT + https(edge + DJANGO)), values, gunicorn())
    assert short(outcome, "low") == expected


def test_referrer_policy_without_its_middleware_is_told_elsewhere() -> None:
    assert short(judge_facts("referrer_policy_unsafe", NO_SECURITY), "low") == ["passed"]


CSP_LINE = "add_header Content-Security-Policy \"default-src 'self'\";"
NOT_ALWAYS = "inferred server shop.example:443 add_header"


@pytest.mark.parametrize(
    ("body", "values", "expected"),
    [
        pytest.param(CSP_LINE + DJANGO, HARDENED, [f"medium {NOT_ALWAYS} Content-Security-Policy"], id="CSP"),
        pytest.param(CSP_LINE.replace(";", " always;") + DJANGO, HARDENED, ["passed"], id="with always"),
        pytest.param("add_header X-Frame-Options DENY;" + DJANGO, HARDENED, ["passed"], id="Django sends it, too"),
        pytest.param("add_header X-Frame-Options DENY;" + DJANGO, NO_FRAMES, [f"medium {NOT_ALWAYS} X-Frame-Options"]),
        pytest.param(
            "add_header X-Frame-Options DENY; proxy_hide_header X-Frame-Options;" + DJANGO,
            HARDENED,
            [f"medium {NOT_ALWAYS} X-Frame-Options"],
            id="Django's own is taken away",
        ),
        pytest.param(
            "add_header Referrer-Policy same-origin;" + DJANGO,
            settings(SECURE_REFERRER_POLICY=None),
            [f"low {NOT_ALWAYS} Referrer-Policy"],
            id="minor header",
        ),
        pytest.param("add_header Cache-Control private;" + DJANGO, HARDENED, ["passed"], id="no security header"),
        pytest.param(CSP_LINE + "location / { return 301 https://a.b; }", HARDENED, ["skipped not-applicable"]),
        pytest.param(CSP_LINE + DJANGO, None, ["skipped unknown"], id="without settings"),
        pytest.param(
            f"location /static/ {{ alias /srv/static/; {CSP_LINE} }} {DJANGO}", HARDENED, ["passed"], id="files only"
        ),
    ],
)
def test_security_header_not_always(body: str, values: Settings | None, expected: list[str]) -> None:
    facts = [nginx_of(REDIRECT + https(body)), gunicorn(), *([values] if values else [])]
    assert short(judge_facts("security_header_not_always", *facts), "medium") == expected


def test_hsts_without_always_is_missing_on_errors() -> None:
    line = 'add_header Strict-Transport-Security "max-age=31536000";'
    nginx = nginx_of(REDIRECT + https(line + DJANGO))
    assert short(judge_facts("security_header_not_always", nginx, HARDENED, gunicorn()), "medium") == ["passed"]
    without = settings(SECURE_HSTS_SECONDS=0)
    found = judge_facts("security_header_not_always", nginx, without, gunicorn())
    assert short(found, "medium") == [f"medium {NOT_ALWAYS} Strict-Transport-Security"]
    plain = nginx_of(f"server {{ {PLAIN} {line} {DJANGO} }}")
    assert short(judge_facts("security_header_not_always", plain, without, gunicorn()), "medium") == ["passed"]


def test_not_always_seen_live() -> None:
    nginx = nginx_of(REDIRECT + https(CSP_LINE + DJANGO))
    page = ("page", 200, "/", {"Content-Security-Policy": "default-src 'self'"})
    proven = judge_facts(
        "security_header_not_always", nginx, HARDENED, gunicorn(), survey(nginx, page, ("not-found", 404, "/", {}))
    )
    assert short(proven, "medium") == ["medium proven server shop.example:443 add_header Content-Security-Policy"]
    refuted = survey(nginx, page, ("not-found", 404, "/", {"Content-Security-Policy": "default-src 'self'"}))
    outcome = judge_facts("security_header_not_always", nginx, HARDENED, gunicorn(), refuted)
    assert short(outcome, "medium") == ["passed"]


def test_the_fix_appends_always() -> None:
    nginx = nginx_of(
        REDIRECT + "server { listen 443 ssl; server_name shop.example;\n    " + CSP_LINE + "\n" + DJANGO + "}"
    )
    outcome = judge_facts("security_header_not_always", nginx, HARDENED, gunicorn())
    assert isinstance(outcome, Failed)
    fix = outcome.findings[0].fix
    assert fix is not None
    assert fix.lines == ("    add_header Content-Security-Policy \"default-src 'self'\" always;",)


OTHERS = ["shop.middleware.ExtraHeadersMiddleware"]


@pytest.mark.parametrize(
    ("rule", "body", "document"),
    [
        ("security_header_not_always", CSP_LINE + DJANGO, {}),
        ("nosniff_missing", DJANGO, {"set": {"SECURE_CONTENT_TYPE_NOSNIFF": False}}),
        ("framing_allowed", DJANGO, {"without_middleware": [CLICKJACKING]}),
        ("referrer_policy_unsafe", DJANGO, {"set": {"SECURE_REFERRER_POLICY": None}}),
        ("hsts_missing", DJANGO, {"set": {"SECURE_HSTS_SECONDS": 0}}),
    ],
)
def test_a_middleware_of_the_project_may_send_it(rule: str, body: str, document: dict[str, object]) -> None:
    values = settings_of({**document, "middleware": OTHERS})
    nginx = nginx_of(REDIRECT + https(body))
    assert short(judge_facts(rule, nginx, values, gunicorn()), "medium") == ["skipped unknown"]
    without = judge_facts(rule, nginx, settings_of(document), gunicorn())
    assert isinstance(without, Failed)
    none_named = HeaderMentions(frozenset(), frozenset({"shop"}))
    assert isinstance(judge_facts(rule, nginx, values, gunicorn(), none_named), Failed)
    of_a_package = HeaderMentions(frozenset(), frozenset({"other"}))
    assert short(judge_facts(rule, nginx, values, gunicorn(), of_a_package), "medium") == ["skipped unknown"]


OUTER = NOSNIFF + csp("default-src 'self'")
INNER = f"location /a/ {{ add_header Cache-Control no-store; {HEADERS} {PASS} }}"
AT_A = "inferred server shop.example:443 location /a/"


@pytest.mark.parametrize(
    ("body", "values", "expected"),
    [
        pytest.param(OUTER + DJANGO + INNER, HARDENED, [f"medium {AT_A}"], id="a location loses them"),
        pytest.param(NOSNIFF + DJANGO + INNER, HARDENED, ["passed"], id="Django sends it there"),
        pytest.param(NOSNIFF + DJANGO + INNER, NO_NOSNIFF, [f"medium {AT_A}"], id="Django does not"),
        pytest.param(
            OUTER + DJANGO + INNER.replace("no-store;", "no-store; " + OUTER), HARDENED, ["passed"], id="repeated"
        ),
        pytest.param(
            OUTER + DJANGO + f"location /a/ {{ include headers.conf; add_header X-A b; {HEADERS} {PASS} }}",
            HARDENED,
            ["skipped unknown"],
            id="an include may repeat them",
        ),
        pytest.param(
            "add_header_inherit merge;" + OUTER + DJANGO + INNER, HARDENED, ["passed"], id="add_header_inherit merge"
        ),
        pytest.param("add_header X-Powered-By tea;" + DJANGO + INNER, HARDENED, ["passed"], id="no security header"),
        pytest.param(
            OUTER + DJANGO + "location /a/ { add_header X-A b; return 301 https://a.b; }",
            HARDENED,
            ["passed"],
            id="redirect only",
        ),
        pytest.param(
            "add_header Permissions-Policy camera=() always;" + DJANGO + INNER, HARDENED, [f"low {AT_A}"], id="minor"
        ),
        pytest.param(
            NOSNIFF + DJANGO + "location /a/ { alias /srv/a/; add_header Cache-Control public; }",
            HARDENED,
            [f"medium {AT_A}"],
            id="files lose nosniff",
        ),
        pytest.param(
            csp("default-src 'self'") + DJANGO + "location /a/ { alias /srv/a/; add_header Cache-Control public; }",
            HARDENED,
            ["passed"],
            id="a policy means nothing on files",
        ),
        pytest.param(
            OUTER + f"location / {{ if ($arg_x) {{ add_header X-A b; }} {HEADERS} {PASS} }}",
            HARDENED,
            ["medium inferred server shop.example:443 location / if"],
            id="an if is a level of its own",
        ),
        pytest.param(DJANGO, HARDENED, ["skipped not-applicable"], id="nothing is added"),
    ],
)
def test_security_header_dropped(body: str, values: Settings, expected: list[str]) -> None:
    outcome = judge_facts("security_header_dropped", nginx_of(REDIRECT + https(body)), values, gunicorn())
    assert short(outcome, "medium") == expected


def test_dropped_seen_live() -> None:
    nginx = nginx_of(REDIRECT + https(OUTER + DJANGO + INNER))
    proven = judge_facts(
        "security_header_dropped", nginx, HARDENED, gunicorn(), survey(nginx, ("page", 200, "/a/", {}))
    )
    assert short(proven, "medium") == ["medium proven server shop.example:443 location /a/"]
    seen = survey(nginx, ("page", 200, "/a/", {"Content-Security-Policy": "x", "X-Content-Type-Options": "nosniff"}))
    outcome = judge_facts("security_header_dropped", nginx, HARDENED, gunicorn(), seen)
    assert short(outcome, "medium") == ["passed"]

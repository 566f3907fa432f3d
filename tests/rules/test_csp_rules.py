"""Each clause of the rules about Content-Security-Policy and Cross-Origin-Opener-Policy."""

from dataclasses import replace

import pytest

from scanner.facts.csp import parse_policy
from scanner.facts.header_survey import HeaderSurvey, KindHeaders, MadeBy
from scanner.facts.nginx import Nginx
from scanner.facts.settings import Settings
from scanner.model import Failed
from tests import edgekit
from tests.edgekit import DJANGO, gunicorn, https, nginx_of, short
from tests.rulekit import DOORS, HARDENED, judge_facts, settings_of

OWN = "django.middleware.csp.ContentSecurityPolicyMiddleware"
DJANGO_CSP = "csp.middleware.CSPMiddleware"
SECURITY = "django.middleware.security.SecurityMiddleware"
API = ["rest_framework", "shop"]


def policy(text: str, middleware: str | None = OWN, name: str = "SECURE_CSP") -> Settings:
    """Settings with that policy as a dictionary."""
    parts = [part.split() for part in text.split(";")]
    value = {words[0]: words[1:] for words in parts}
    return settings_of({"set": {name: value}, "middleware": [middleware] if middleware else []})


def pages(nginx: Nginx, *headers: tuple[str, str]) -> HeaderSurvey:
    exchange = edgekit.exchange("GET https://shop.example/", 200, headers)
    page = KindHeaders(
        "page", DOORS["https"], "/", 200, MadeBy.DJANGO, headers, edgekit.place(nginx, "/"), True, exchange
    )
    return HeaderSurvey((page,))


CSP = "settings.SECURE_CSP"


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("script-src 'self' 'unsafe-inline'", "medium"),
        ("script-src 'unsafe-inline' 'nonce-abc'; base-uri 'none'; object-src 'none'", None),
        ("script-src 'unsafe-inline' 'sha256-abc='; base-uri 'none'; object-src 'none'", None),
        ("default-src 'self'; script-src 'self' <CSP_NONCE_SENTINEL>; base-uri 'none'", None),
        ("default-src 'self'; script-src 'self' 'unsafe-eval'", "medium"),
        ("script-src 'nonce-a' 'unsafe-eval'", "medium"),
        ("default-src *", "medium"),
        ("default-src https:", "medium"),
        ("script-src 'self' data:", "medium"),
        ("script-src 'nonce-a' 'strict-dynamic' https: 'unsafe-inline'; object-src 'none'; base-uri 'self'", None),
        ("default-src 'self'; style-src 'unsafe-inline'", None),
        ("default-src 'self'", None),
        ("script-src 'self'", "low"),
        ("default-src 'self'; script-src 'nonce-a'", "low"),
        ("frame-ancestors 'none'", "low"),
    ],
)
def test_csp_weak_of_django(text: str, expected: str | None) -> None:
    outcome = short(judge_facts("csp_weak", policy(text)), "medium")
    assert outcome == ([f"{expected} inferred {CSP}"] if expected else ["passed"])


def edge(text: str) -> Nginx:
    return nginx_of(https(f'add_header Content-Security-Policy "{text}" always; {DJANGO}'))


LINE = "inferred server shop.example:443 add_header Content-Security-Policy"


def test_csp_weak_of_the_edge() -> None:
    loose = judge_facts("csp_weak", HARDENED, gunicorn(), edge("default-src *"))
    assert short(loose, "medium") == [f"medium {LINE}"]
    assert short(judge_facts("csp_weak", HARDENED, gunicorn(), edge("default-src 'self'")), "medium") == ["passed"]
    # Browsers obey both: what one forbids stays forbidden.
    both = judge_facts("csp_weak", policy("default-src *"), gunicorn(), edge("default-src 'self'"))
    assert short(both, "medium") == ["passed"]


def test_no_policy_at_all() -> None:
    assert short(judge_facts("csp_weak", HARDENED), "medium") == [f"low inferred {CSP}"]
    api = settings_of({"installed_apps": API})
    assert short(judge_facts("csp_weak", api), "medium") == ["skipped not-applicable"]
    written = policy("default-src *", middleware=None)
    assert short(judge_facts("csp_weak", written), "medium") == ["passed"]


def test_django_csp_of_both_generations() -> None:
    old = {"CSP_SCRIPT_SRC": ["'self'", "'unsafe-inline'"], "CSP_DEFAULT_SRC": ["'self'"]}
    found = judge_facts("csp_weak", settings_of({"set": old, "middleware": [DJANGO_CSP]}))
    assert short(found, "medium") == ["medium inferred settings.CSP_SCRIPT_SRC"]
    nonces = {**old, "CSP_INCLUDE_NONCE_IN": ["script-src"], "CSP_BASE_URI": "'none'"}
    found = judge_facts("csp_weak", settings_of({"set": nonces, "middleware": [DJANGO_CSP]}))
    assert short(found, "medium") == ["passed"]
    new = {"CONTENT_SECURITY_POLICY": {"DIRECTIVES": {"default-src": ["*"]}}}
    found = judge_facts("csp_weak", settings_of({"set": new, "middleware": [DJANGO_CSP]}))
    assert short(found, "medium") == ["medium inferred settings.CONTENT_SECURITY_POLICY"]


@pytest.mark.parametrize(
    ("headers", "expected"),
    [
        ([("Content-Security-Policy", "default-src *")], ["medium proven settings.SECURE_CSP"]),
        ([], ["low proven settings.SECURE_CSP"]),
        ([("Content-Security-Policy", "default-src 'self'")], ["passed"]),
        (
            [
                ("Content-Security-Policy", "default-src *"),
                ("Content-Security-Policy", "script-src 'self'; object-src 'none'"),
            ],
            ["passed"],
        ),
        ([("Content-Security-Policy", "default-src *, default-src 'none'")], ["passed"]),
    ],
)
def test_csp_seen_live(headers: list[tuple[str, str]], expected: list[str]) -> None:
    nginx = nginx_of(https(DJANGO))
    outcome = judge_facts("csp_weak", HARDENED, nginx, gunicorn(), pages(nginx, *headers))
    assert short(outcome, "medium") == expected


def test_the_first_directive_of_a_name_counts() -> None:
    assert parse_policy("script-src 'none'; SCRIPT-SRC *").scripts == ("'none'",)


SELF = {"default-src": ["'self'"]}
NONCE = {"script-src": ["<CSP_NONCE_SENTINEL>"]}


@pytest.mark.parametrize(
    ("changed", "middleware", "expected"),
    [
        pytest.param({"SECURE_CSP": SELF}, None, [f"medium inferred {CSP}"], id="no middleware"),
        pytest.param({"SECURE_CSP": SELF}, OWN, ["passed"], id="enforced"),
        pytest.param({"SECURE_CSP": "default-src 'self'"}, OWN, [f"medium inferred {CSP}"], id="no dictionary"),
        pytest.param({"SECURE_CSP": NONCE}, OWN, [f"medium inferred {CSP}"], id="nonce for nobody"),
        pytest.param({"SECURE_CSP_REPORT_ONLY": SELF}, OWN, ["low inferred settings.SECURE_CSP_REPORT_ONLY"]),
        pytest.param({"SECURE_CSP": SELF, "SECURE_CSP_REPORT_ONLY": SELF}, OWN, ["passed"], id="beside an enforced"),
        pytest.param({"CSP_DEFAULT_SRC": ["'self'"]}, None, ["medium inferred settings.CSP_DEFAULT_SRC"]),
        pytest.param({"CSP_DEFAULT_SRC": ["'self'"]}, DJANGO_CSP, ["passed"], id="django-csp"),
        pytest.param(
            {"CSP_DEFAULT_SRC": ["'self'"], "CSP_REPORT_ONLY": True}, DJANGO_CSP,
            ["low inferred settings.CSP_REPORT_ONLY"],
        ),
        pytest.param({}, None, ["skipped not-applicable"], id="none configured"),
    ],
)  # fmt: skip
def test_csp_not_enforced(changed: dict[str, object], middleware: str | None, expected: list[str]) -> None:
    values = settings_of({"set": changed, "middleware": [middleware] if middleware else []})
    assert short(judge_facts("csp_not_enforced", values), "medium") == expected


def test_not_enforced_but_by_the_edge_and_live() -> None:
    values = settings_of({"set": {"SECURE_CSP": SELF}})
    nginx = edge("default-src 'self'")
    assert short(judge_facts("csp_not_enforced", values, nginx, gunicorn()), "medium") == ["passed"]
    bare = nginx_of(https(DJANGO))
    proven = judge_facts("csp_not_enforced", values, bare, gunicorn(), pages(bare))
    assert short(proven, "medium") == [f"medium proven {CSP}"]
    seen = pages(bare, ("Content-Security-Policy", "default-src 'self'"))
    assert short(judge_facts("csp_not_enforced", values, bare, gunicorn(), seen), "medium") == ["passed"]


OPENER = "inferred settings.SECURE_CROSS_ORIGIN_OPENER_POLICY"


def opener(value: object, **more: object) -> Settings:
    return settings_of({"set": {"SECURE_CROSS_ORIGIN_OPENER_POLICY": value}, **more})


@pytest.mark.parametrize(
    ("body", "values", "expected"),
    [
        pytest.param(DJANGO, opener(None), [f"low {OPENER}"], id="off"),
        pytest.param(DJANGO, opener("unsafe-none"), [f"low {OPENER}"], id="unsafe-none"),
        pytest.param(DJANGO, opener("sameorigin"), [f"low {OPENER}"], id="invalid (E024)"),
        pytest.param(DJANGO, opener("same-origin-allow-popups"), ["passed"], id="with popups"),
        pytest.param(DJANGO, HARDENED, ["passed"], id="default"),
        pytest.param(DJANGO, opener(None, installed_apps=API), ["skipped not-applicable"], id="API only"),
        pytest.param("add_header Cross-Origin-Opener-Policy same-origin;" + DJANGO, opener(None), ["passed"]),
        pytest.param(DJANGO, settings_of({"without_middleware": [SECURITY]}), ["passed"], id="that is its own rule"),
        pytest.param("include headers.conf;" + DJANGO, opener(None), ["skipped unknown"], id="include"),
    ],
)
def test_opener_policy_missing(body: str, values: Settings, expected: list[str]) -> None:
    outcome = judge_facts("opener_policy_missing", nginx_of(https(body)), values, gunicorn())
    assert short(outcome, "low") == expected


def test_opener_policy_seen_live() -> None:
    nginx = nginx_of(https(DJANGO))
    proven = judge_facts("opener_policy_missing", nginx, opener(None), gunicorn(), pages(nginx))
    assert short(proven, "low") == ["low proven settings.SECURE_CROSS_ORIGIN_OPENER_POLICY"]
    seen = pages(nginx, ("Cross-Origin-Opener-Policy", "same-origin"))
    assert short(judge_facts("opener_policy_missing", nginx, opener(None), gunicorn(), seen), "low") == ["passed"]


def test_a_django_without_the_setting_gets_no_fix() -> None:
    values = {name: value for name, value in HARDENED.values.items() if name != "SECURE_CROSS_ORIGIN_OPENER_POLICY"}
    outcome = judge_facts("opener_policy_missing", replace(HARDENED, values=values, django_version="3.2.2"))
    assert isinstance(outcome, Failed)
    assert outcome.findings[0].fix is None
    assert "Django 3.2.2 has no setting for it" in outcome.findings[0].message


def test_a_nonce_that_is_used_again() -> None:
    nginx = nginx_of(https(DJANGO))
    line = ("Content-Security-Policy", "script-src 'nonce-abc'; object-src 'none'; base-uri 'none'")
    page = pages(nginx, line).seen[0]
    found = judge_facts("csp_not_enforced", HARDENED, nginx, gunicorn(), HeaderSurvey((page, page)))
    assert short(found, "medium") == [f"medium proven {CSP}"]
    fresh = pages(nginx, (line[0], line[1].replace("abc", "def"))).seen[0]
    found = judge_facts("csp_not_enforced", HARDENED, nginx, gunicorn(), HeaderSurvey((page, fresh)))
    assert short(found, "medium") == ["skipped not-applicable"]

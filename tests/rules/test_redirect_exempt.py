"""Each clause of the rule about exceptions from the redirect to https."""

import pytest

from scanner.facts.plain_http import PlainAnswer, PlainHttp, PlainKind
from scanner.facts.settings import Route, Urlconf
from tests.edgekit import DJANGO, REDIRECT, gunicorn, https, nginx_of, settings, short
from tests.rulekit import DOORS, judge_facts, make, settings_of

RULE = "redirect_exempt_too_broad"
PATHS = ("", "basket/", "orders/", "orders/<pk>/", "api/a/", "api/b/", "api/c/", "healthz", "hooks/pay/webhook/")
URLCONF = Urlconf(tuple(Route(path, "", "", "shop.views.view") for path in PATHS), ("/backoffice/",), ("/enter/",))


def exempt(*expressions: str) -> object:
    return settings(SECURE_SSL_REDIRECT=True, SECURE_REDIRECT_EXEMPT=list(expressions))


def found(expression: str, word: str = "medium", proof: str = "inferred") -> list[str]:
    return [f"{word} {proof} settings.SECURE_REDIRECT_EXEMPT {expression}"]


@pytest.mark.parametrize(
    ("expression", "matched"),
    [
        pytest.param("", True, id="empty"),
        pytest.param(".*", True, id="everything"),
        pytest.param("^$", True, id="the home page"),
        pytest.param("office", True, id="the administration, by a part of its path"),
        pytest.param("^enter/", True, id="the login"),
        pytest.param("^api/", True, id="three of nine routes"),
        pytest.param("^basket/$", False, id="one route"),
        pytest.param("^healthz$", False, id="health"),
        pytest.param("webhook", False, id="webhooks"),
        pytest.param(r"^\.well-known/", False, id="certificate challenges"),
    ],
)
def test_what_an_expression_takes_in(expression: str, matched: bool) -> None:
    outcome = judge_facts(RULE, exempt(expression), URLCONF)
    assert short(outcome, "medium") == (found(expression) if matched else ["passed"])


def test_without_routes_the_usual_paths_are_tried() -> None:
    assert short(judge_facts(RULE, exempt("^admin")), "medium") == found("^admin")
    assert short(judge_facts(RULE, exempt("^accounts/")), "medium") == found("^accounts/")


def test_it_has_an_effect_only_where_django_redirects() -> None:
    off = settings(SECURE_SSL_REDIRECT=False, SECURE_REDIRECT_EXEMPT=[".*"])
    assert short(judge_facts(RULE, off, URLCONF), "medium") == ["skipped not-applicable"]
    assert short(judge_facts(RULE, settings(SECURE_SSL_REDIRECT=True), URLCONF), "medium") == ["passed"]


def test_a_proxy_that_redirects_before_django_makes_it_low() -> None:
    nginx = nginx_of(REDIRECT + https(DJANGO))
    outcome = judge_facts(RULE, exempt(".*"), URLCONF, nginx, gunicorn())
    assert short(outcome, "medium") == found(".*", "low")


def test_an_expression_that_takes_exponential_time_is_not_tried() -> None:
    assert short(judge_facts(RULE, exempt("(a+)+$"), URLCONF), "medium") == ["skipped unknown"]


def test_an_injected_list_is_not_judged() -> None:
    known = settings_of(
        {"set": {"SECURE_REDIRECT_EXEMPT": [""]}, "injected": {"SECURE_REDIRECT_EXEMPT": "REDIRECT_EXEMPT"}}
    )
    assert short(judge_facts(RULE, known, URLCONF), "medium") == ["skipped unknown"]


@pytest.mark.parametrize(
    ("status", "location", "by_app", "expected"),
    [
        pytest.param(200, None, True, found("office", proof="proven"), id="served"),
        pytest.param(301, "https://shop.example/backoffice/", True, ["passed"], id="Django redirects it all the same"),
        pytest.param(301, "https://shop.example/backoffice/", False, found("office"), id="the proxy redirects"),
    ],
)
def test_seen_on_the_live_stack(status: int, location: str | None, by_app: bool, expected: list[str]) -> None:
    answer = make(
        PlainAnswer,
        {
            "kind": PlainKind.EXEMPT,
            "name": "shop.example",
            "target": "/backoffice/",
            "door": "http",
            "status": status,
            "location": location,
            "by_app": by_app,
            "exchange": f"GET http://shop.example/backoffice/ {status}",
        },
    )
    outcome = judge_facts(RULE, exempt("office"), URLCONF, PlainHttp((DOORS["http"],), (answer,)))
    assert short(outcome, "medium") == expected

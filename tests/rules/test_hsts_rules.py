"""Each clause of the rules about HSTS: when they fire, and when they must not."""

import pytest

from scanner.facts.header_survey import HeaderSurvey, KindHeaders, MadeBy
from scanner.facts.nginx import Nginx
from scanner.facts.topology import PeerKind, TlsEnd, Topology
from tests import edgekit
from tests.edgekit import DJANGO, HEADERS, PASS, PLAIN, REDIRECT, gunicorn, https, nginx_of, settings, short
from tests.rulekit import DOORS, HARDENED, judge_facts, make

SITE = REDIRECT + https(DJANGO)


YEAR = 'add_header Strict-Transport-Security "max-age=31536000; includeSubDomains" always;'
NO_HSTS = {"SECURE_HSTS_SECONDS": 0}
MISSING = ["medium inferred settings.SECURE_HSTS_SECONDS"]


@pytest.mark.parametrize(
    ("body", "changed", "expected"),
    [
        pytest.param(DJANGO, NO_HSTS, MISSING, id="nobody sends it"),
        pytest.param(YEAR + DJANGO, NO_HSTS, ["passed"], id="the edge sends it (W004 is wrong)"),
        pytest.param(YEAR.replace("31536000", "0") + DJANGO, NO_HSTS, MISSING, id="max-age=0 is none"),
        pytest.param(DJANGO, {}, ["passed"], id="Django sends it"),
        pytest.param(
            YEAR + DJANGO + f"location /a/ {{ add_header Cache-Control no-store; {HEADERS} {PASS} }}",
            NO_HSTS,
            ["passed"],
            id="lost by a location: that rule tells it",
        ),
        pytest.param(
            f"location / {{ {YEAR} {HEADERS} {PASS} }} location /a/ {{ {HEADERS} {PASS} }}",
            NO_HSTS,
            ["medium inferred server shop.example:443 location /a/"],
            id="one location has it, another has not",
        ),
        pytest.param(f"include snippets/headers.conf; {DJANGO}", NO_HSTS, ["skipped unknown"], id="include"),
        pytest.param(
            DJANGO, {"SECURE_PROXY_SSL_HEADER": None, "SECURE_SSL_REDIRECT": True}, ["passed"], id="settings right"
        ),
    ],
)
def test_hsts_missing_from_files(body: str, changed: dict[str, object], expected: list[str]) -> None:
    outcome = judge_facts("hsts_missing", nginx_of(REDIRECT + https(body)), settings(**changed), gunicorn())
    assert short(outcome, "medium") == expected


def test_hsts_where_tls_ends_elsewhere_is_low() -> None:
    without = settings(**NO_HSTS)
    low = ["low inferred settings.SECURE_HSTS_SECONDS"]
    assert short(judge_facts("hsts_missing", without), "medium") == low
    assert short(judge_facts("hsts_missing", nginx_of(f"server {{ {PLAIN} {DJANGO} }}"), without), "medium") == low
    assert (
        short(
            judge_facts("hsts_missing", without, make(Topology, {"peer": PeerKind.UNKNOWN, "tls_ends": TlsEnd.APP})),
            "medium",
        )
        == MISSING
    )


def survey(nginx: Nginx, *headers: str, kind: str = "page", status: int = 200, pattern: str = "/") -> HeaderSurvey:
    pairs = tuple((name, value) for name, _, value in (text.partition(": ") for text in headers))
    return HeaderSurvey(
        (
            KindHeaders(
                kind,
                DOORS["https"],
                "/",
                status,
                MadeBy.DJANGO,
                pairs,
                edgekit.place(nginx, pattern),
                html=True,
                exchange=edgekit.exchange("GET https://shop.example/", status, pairs),
            ),
        )
    )


def test_hsts_seen_live() -> None:
    nginx, without = nginx_of(SITE), settings(**NO_HSTS)
    proven = judge_facts("hsts_missing", nginx, without, gunicorn(), survey(nginx))
    assert short(proven, "medium") == ["medium proven settings.SECURE_HSTS_SECONDS"]
    seen = survey(nginx, "Strict-Transport-Security: max-age=31536000; includeSubDomains")
    assert short(judge_facts("hsts_missing", nginx, without, gunicorn(), seen), "medium") == ["passed"]


@pytest.mark.parametrize(
    ("seconds", "subdomains", "preload", "expected"),
    [
        (31536000, True, False, ["passed"]),
        (31536000, True, True, ["passed"]),
        (3600, True, False, ["low inferred settings.SECURE_HSTS_SECONDS"]),
        (3599, True, False, ["medium inferred settings.SECURE_HSTS_SECONDS"]),
        (31536000, False, False, ["low inferred settings.SECURE_HSTS_SECONDS"]),
        (31536000, False, True, ["medium inferred settings.SECURE_HSTS_SECONDS"]),
        (2592000, True, True, ["medium inferred settings.SECURE_HSTS_SECONDS"]),
        (0, False, False, ["passed"]),
    ],
)
def test_hsts_weak(seconds: int, subdomains: bool, preload: bool, expected: list[str]) -> None:
    values = settings(
        SECURE_HSTS_SECONDS=seconds, SECURE_HSTS_INCLUDE_SUBDOMAINS=subdomains, SECURE_HSTS_PRELOAD=preload
    )
    assert short(judge_facts("hsts_weak", values, nginx_of(SITE), gunicorn()), "medium") == expected
    assert short(judge_facts("hsts_weak", values), "medium") == expected


def test_the_first_policy_counts() -> None:
    both = nginx_of(REDIRECT + https(YEAR.replace("31536000", "60") + DJANGO))
    assert short(judge_facts("hsts_weak", HARDENED, both, gunicorn()), "medium") == ["passed"]
    edge_only = judge_facts("hsts_weak", settings(**NO_HSTS), both, gunicorn())
    assert short(edge_only, "medium") == ["medium inferred server shop.example:443"]
    seen = survey(both, "Strict-Transport-Security: max-age=60; includeSubDomains")
    proven = judge_facts("hsts_weak", settings(**NO_HSTS), both, gunicorn(), seen)
    assert short(proven, "medium") == ["medium proven server shop.example:443"]

"""Probes on a stack behind another end of TLS (``edge: tls``): the plain door, asked as a load balancer would."""

import dataclasses

import pytest

from scanner.engine import Facts
from scanner.facts.csrf_origins import CsrfOrigins
from scanner.facts.header_survey import HeaderSurvey
from scanner.facts.host_spoof import HostSpoof
from scanner.facts.live_stack import Edge
from scanner.facts.plain_http import PlainHttp
from scanner.facts.redirect_chain import RedirectChain
from scanner.facts.scheme_spoof import SchemeSpoof
from scanner.facts.set_cookies import CookiePurpose, SetCookies
from scanner.facts.stack_identity import Reached, StackIdentity
from scanner.model import NotApplicable, Request
from tests.probes.recorded import Recorded, facts, question_of, recording

TAKEN = recording("article-bad")
ADDED = ("X-Forwarded-Proto: https", "X-Forwarded-For: 203.0.113.7", "X-Forwarded-Host: shop.example")


def balanced(request: Request, answer: Recorded) -> Recorded:
    """What the site answers over https, if the request says what a load balancer would."""
    if ADDED[0].encode() not in request.raw:
        return answer
    door, _, rest = question_of(request).split(" ", 2)
    parts = [part for part in rest.split(" | ") if part not in ADDED]
    parts[0] = parts[0].replace("http://shop.example/", "https://shop.example/")
    https = door.replace("http:", "https:").replace(":80", ":443")
    return TAKEN.answers.get(f"{https} sni=shop.example {' | '.join(parts)}")


@pytest.fixture
def known() -> Facts:
    plain = tuple(door for door in TAKEN.live.doors if door.scheme == "http")
    return facts("article-bad", balanced, doors=plain, site=dataclasses.replace(TAKEN.live.site, edge=Edge.TLS))


def test_the_site_is_reached(known: Facts) -> None:
    assert known.get(StackIdentity).reached is Reached.HTTPS


def test_facts_say_that_the_edge_is_assumed(known: Facts) -> None:
    survey = known.get(HeaderSurvey)
    assert survey.assumed_edge
    assert survey.of("home", "not-found")
    assert {one.door.scheme for one in survey.seen} == {"http"}
    cookies = known.get(SetCookies)
    assert cookies.assumed_edge
    assert cookies.of(CookiePurpose.SESSION)


def test_every_request_names_the_visitor(known: Facts) -> None:
    home = known.get(StackIdentity).home
    assert all(line.encode() in home.request.raw for line in ADDED)


def test_a_foreign_host_is_still_asked_for(known: Facts) -> None:
    assert {"a", "d", "e"} <= {one.variant for one in known.get(HostSpoof).attempts}


@pytest.mark.parametrize("fact", [PlainHttp, RedirectChain, SchemeSpoof, CsrfOrigins])
def test_what_depends_on_the_end_of_tls_does_not_apply(known: Facts, fact: type) -> None:
    with pytest.raises(NotApplicable, match="TLS ends before this proxy"):
        known.get(fact)

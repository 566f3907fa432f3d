"""host-spoof, scheme-spoof, csrf-origins on recorded stacks."""

import pytest

from scanner.facts.csrf_origins import CsrfOrigins
from scanner.facts.host_spoof import HostOutcome, HostSpoof
from scanner.facts.scheme_spoof import SchemeSpoof
from scanner.model import ControlFailed, NotApplicable, Request, Response, Unavailable
from tests.probes.recorded import EVIL, Recorded, facts, page, place, target_of

BAD = "deploy/nginx/shop.conf"


def test_a_foreign_host_is_turned_away_by_the_proxy() -> None:
    found = facts("article-good").get(HostSpoof)
    assert {one.variant: one.outcome for one in found.attempts} == {
        "a": HostOutcome.CLOSED,
        "b": HostOutcome.TLS_REFUSED,
        "c": HostOutcome.TLS_REFUSED,
        "d": HostOutcome.CLOSED,
        "e": HostOutcome.CLOSED,
        "f": HostOutcome.APP_ANSWERED,
        "g": HostOutcome.CLOSED,
        "h": HostOutcome.APP_ANSWERED,
        "i": HostOutcome.CLOSED,
    }
    assert {one.echoed_host for one in found.attempts} == {None, "shop.example"}


def test_a_foreign_host_is_believed() -> None:
    found = facts("article-bad").get(HostSpoof)
    believed = {one.variant: one.echoed_absolute for one in found.attempts if one.echoed_host == found.evil == EVIL}
    assert believed == {
        "a": f"https://{EVIL}/x",
        "b": f"https://{EVIL}/x",
        "c": f"https://{EVIL}/x",
        "e": f"http://{EVIL}/x",
    }


def test_a_foreign_host_is_refused_by_django() -> None:
    found = facts("compose-bad").get(HostSpoof)
    assert {one.outcome for one in found.attempts if one.host == EVIL and one.variant != "h"} == {
        HostOutcome.APP_REFUSED
    }


def test_a_redirect_to_the_foreign_host() -> None:
    def reflected(request: Request, _answer: Recorded) -> Recorded:
        asked = f"Host: {EVIL}".encode() in request.raw and target_of(request) == "/"
        return page("<hr><center>nginx</center>", 301, ("Location", f"https://{EVIL}/")) if asked else None

    (one,) = (one for one in facts("article-good", reflected).get(HostSpoof).attempts if one.variant == "d")
    assert (one.outcome, one.location) == (HostOutcome.REDIRECTED, f"https://{EVIL}/")


def test_a_proxy_that_cannot_reach_the_application_proves_nothing() -> None:
    def gone(request: Request, answer: Recorded) -> Recorded:
        foreign = f"Host: {EVIL}".encode() in request.raw and isinstance(answer, Response)
        return page("<hr><center>nginx</center>", 502) if foreign else None

    found = facts("article-bad", gone).get(HostSpoof)
    assert {one.variant for one in found.attempts} == {"f", "g", "i"}
    assert len(found.not_asked) == 6


def test_without_a_proxy_of_its_own_only_django_is_asked() -> None:
    found = facts("no-proxy").get(HostSpoof)
    assert not {"b", "c"} & {one.variant for one in found.attempts}
    assert {one.outcome for one in found.attempts if one.host == EVIL} == {HostOutcome.APP_REFUSED}


def test_the_control_of_host_spoof() -> None:
    asked = 0

    def later(request: Request, answer: Recorded) -> Recorded:
        nonlocal asked
        asked += isinstance(answer, Response) and target_of(request).endswith("/echo")
        return page("", 500) if asked > 2 and target_of(request).endswith("/echo") else None

    with pytest.raises(ControlFailed, match="no longer answers"):
        facts("article-bad", later).get(HostSpoof)
    with pytest.raises(Unavailable):
        facts("article-bad", app_ready=False).get(HostSpoof)


def test_the_client_decides_the_scheme() -> None:
    found = facts("article-bad").get(SchemeSpoof)
    changed = [one for one in found.attempts if one.changed]
    assert {(one.door.scheme, place(one.location)) for one in changed} == {("http", (BAD, 15))}
    assert (("X-Forwarded-Proto", "https"),) in {one.headers for one in changed}
    assert all(one.secure is True and one.baseline is False for one in changed)


def test_the_client_does_not_decide_the_scheme() -> None:
    found = facts("article-good").get(SchemeSpoof)
    assert found.attempts
    assert not any(one.changed for one in found.attempts)
    assert {one.baseline for one in found.attempts} == {True}
    underscored = [one for one in found.attempts if one.headers[0][0].startswith("X_")]
    assert len(underscored) == 6
    assert not any(one.seen_as for one in underscored)
    refused = [one for one in found.attempts if one.contradictory]
    assert {(one.headers, one.secure) for one in refused} == {((("X-Forwarded-Ssl", "off"),), None)}


def test_a_redirect_of_djangos_own_means_plain() -> None:
    def redirecting(request: Request, answer: Recorded) -> Recorded:
        echo = isinstance(answer, Response) and target_of(request).endswith("/echo") and request.door.scheme == "http"
        if not echo or b"X-Forwarded-Proto: https\r\n" in request.raw:
            return None
        return page("", 301, ("Location", f"https://shop.example{target_of(request)}"))

    found = facts("article-bad", redirecting).get(SchemeSpoof)
    plain = [one for one in found.attempts if one.door.scheme == "http"]
    assert {one.baseline for one in plain} == {False}
    assert {one.headers for one in plain if one.changed} == {(("X-Forwarded-Proto", "https"),)}


def test_what_needs_the_projects_own_proxy_does_not_apply_to_ours() -> None:
    with pytest.raises(NotApplicable, match="no proxy configuration in the repository"):
        facts("no-proxy").get(SchemeSpoof)
    refused = facts("article-bad", own_proxy=False, notes=("nginx refuses deploy/nginx/shop.conf: x",))
    with pytest.raises(NotApplicable, match="nginx refuses"):
        refused.get(SchemeSpoof)
    with pytest.raises(NotApplicable, match="placement"):
        facts("article-bad", same_as_target=False).get(SchemeSpoof)


def test_own_origin_and_foreign_ones() -> None:
    found = facts("article-good").get(CsrfOrigins)
    statuses = {(one.origin, one.referer, one.token_matches): one.status for one in found.attempts}
    assert statuses == {
        ("https://shop.example", None, True): 200,
        (f"https://{EVIL}", None, True): 403,
        ("null", None, True): 403,
        ("http://shop.example", None, True): 403,
        ("https://sub.shop.example", None, True): 403,
        (None, "https://shop.example/x", True): 200,
        (None, None, True): 403,
        ("https://shop.example", None, False): 403,
    }
    assert not any(one.by_proxy for one in found.attempts)


def test_the_own_origin_is_rejected_where_the_scheme_is_lost() -> None:
    found = facts("compose-bad").get(CsrfOrigins)
    assert {one.origin: one.status for one in found.attempts if one.token_matches and not one.referer} == {
        "https://shop.example": 403,
        f"https://{EVIL}": 403,
        "null": 403,
        "http://shop.example": 200,
        "https://sub.shop.example": 403,
        None: 200,
    }


def test_the_control_of_csrf_origins() -> None:
    def broken(request: Request, answer: Recorded) -> Recorded:
        return page("", 500) if isinstance(answer, Response) and target_of(request).endswith("/post") else None

    with pytest.raises(ControlFailed, match="form cannot be had"):
        facts("article-good", broken).get(CsrfOrigins)

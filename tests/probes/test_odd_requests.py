"""forwarded-host-spoof, request-line, tls-handshakes on recorded stacks."""

import json
from dataclasses import replace

import pytest

from scanner.facts.forwarded_host_spoof import ForwardedHostSpoof
from scanner.facts.live_stack import Edge
from scanner.facts.request_line import RequestLine
from scanner.facts.stack_identity import StackIdentity
from scanner.facts.tls_handshakes import Handshake, TlsHandshakes
from scanner.model import Cause, ControlFailed, NoResponse, NotApplicable, Request, Response, Unavailable
from tests.probes.recorded import EVIL, NONCE, Recorded, facts, page, place, recording, target_of

PROBES = (ForwardedHostSpoof, RequestLine, TlsHandshakes)
GOOD = "deploy/nginx/sites-available/shop.conf"


def echo(host: str, absolute: str) -> Response:
    told = {"seatrial": NONCE, "secure": True, "host": host, "absolute": absolute, "headers": {}}
    return page(json.dumps(told))


def test_a_forwarded_host_changes_nothing() -> None:
    found = facts("article-good").get(ForwardedHostSpoof)
    assert not [one for one in found.attempts if one.changed or one.refused]
    assert {one.header for one in found.attempts} == {
        "X-Forwarded-Host",
        "X-Forwarded-Port",
        "X-Forwarded-Server",
        "Forwarded",
        "X-Host",
        "X-Forwarded-Prefix",
    }
    assert all(one.reached_app for one in found.attempts)
    assert {place(one.location) for one in found.attempts} == {(GOOD, 72), (GOOD, 60)}


def test_a_forwarded_host_is_believed() -> None:
    def believing(request: Request, _answer: Recorded) -> Recorded:
        forged = f"X-Forwarded-Host: {EVIL}".encode() in request.raw
        return echo(EVIL, f"https://{EVIL}/x") if forged else None

    found = facts("article-good", believing).get(ForwardedHostSpoof)
    assert {(one.header, one.host) for one in found.attempts if one.changed} == {("X-Forwarded-Host", EVIL)}
    assert {one.repeated for one in found.attempts if one.changed} == {True, False}


def test_a_forwarded_port_is_believed() -> None:
    def believing(request: Request, _answer: Recorded) -> Recorded:
        forged = b"X-Forwarded-Port: 6666" in request.raw
        return echo("shop.example", "https://shop.example:6666/x") if forged else None

    found = facts("article-good", believing).get(ForwardedHostSpoof)
    assert {one.header for one in found.attempts if one.changed} == {"X-Forwarded-Port"}


def test_a_forwarded_host_is_refused_by_django() -> None:
    def refusing(request: Request, _answer: Recorded) -> Recorded:
        return page("<h1>Bad Request (400)</h1>", 400) if EVIL.encode() in request.raw else None

    found = facts("article-good", refusing).get(ForwardedHostSpoof)
    assert {one.refused for one in found.attempts if one.header == "X-Forwarded-Host"} == {True}


def test_the_name_of_the_request_line_arrives() -> None:
    found = facts("article-good").get(RequestLine)
    absolute = [one for one in found.attempts if one.variant == "absolute"]
    assert {(place(one.location), one.echoed_host) for one in absolute} == {
        ((GOOD, 72), "shop.example"),
        ((GOOD, 60), "shop.example"),
    }
    assert found.evil == EVIL


def test_odd_requests_are_turned_away_by_the_proxy() -> None:
    odd = {one.variant: (one.status, one.by_proxy) for one in facts("article-good").get(RequestLine).attempts}
    for variant in ("two-hosts", "no-host", "nul", "tab-in-host", "no-slash", "long-header"):
        assert odd[variant] == (400, True), variant
    assert odd["long-target"][0] == 414
    assert odd["http-1.0"] == (None, False)  # the default server closes the connection


def test_a_header_that_differs_from_the_line_arrives() -> None:
    def refusing(request: Request, _answer: Recorded) -> Recorded:
        absolute = target_of(request).startswith("https://") and f"Host: {EVIL}".encode() in request.raw
        return page("<h1>Bad Request (400)</h1>", 400) if absolute else None

    found = facts("article-good", refusing).get(RequestLine)
    assert {one.refused_by_app for one in found.attempts if one.variant == "absolute"} == {True}


def test_an_application_that_is_gone_proves_nothing() -> None:
    def gone(request: Request, _answer: Recorded) -> Recorded:
        return page("<hr><center>nginx</center>", 502) if EVIL.encode() in request.raw else None

    found = facts("article-good", gone).get(RequestLine)
    assert not [one for one in found.attempts if one.variant == "absolute"]
    assert any("502" in one for one in found.not_asked)
    assert all(one.value != EVIL for one in facts("article-good", gone).get(ForwardedHostSpoof).attempts)


def test_versions_and_ciphers() -> None:
    found = facts("article-bad").get(TlsHandshakes)
    assert {one.version: one.outcome for one in found.versions} == {
        "TLSv1": Handshake.REFUSED,
        "TLSv1.1": Handshake.REFUSED,
        "TLSv1.2": Handshake.DONE,
        "TLSv1.3": Handshake.DONE,
    }
    assert {one.group for one in found.groups if one.outcome is Handshake.DONE} == {"ecdhe", "rsa"}
    assert all(one.cipher for one in found.groups if one.outcome is Handshake.DONE)
    assert found.version("shop.example", "TLSv1.2")
    assert not found.version("other.example", "TLSv1.2")


def test_what_the_client_cannot_offer_was_not_asked() -> None:
    def cannot(request: Request, _answer: Recorded) -> Recorded:
        return NoResponse(Cause.CLIENT_CANNOT) if request.tls_version == "TLSv1" else None

    found = facts("article-bad", cannot).get(TlsHandshakes)
    assert {one.outcome for one in found.versions if one.version == "TLSv1"} == {Handshake.CLIENT_CANNOT}


@pytest.mark.parametrize("kind", PROBES)
def test_the_controls(kind: type) -> None:
    gone = False

    def later(request: Request, _answer: Recorded) -> Recorded:
        if request.tls_version:
            return NoResponse(Cause.TLS_REFUSED)
        return page("", 500) if gone else None

    known = facts("article-bad", later)
    known.get(StackIdentity)
    gone = True
    with pytest.raises(ControlFailed):
        known.get(kind)


@pytest.mark.parametrize("kind", PROBES)
def test_what_must_be_there(kind: type) -> None:
    with pytest.raises(NotApplicable):
        facts("article-bad", own_proxy=False).get(kind)
    with pytest.raises(Unavailable):
        facts("article-bad", proxy_ready=False, app_ready=False).get(kind)


def test_tls_that_ends_elsewhere_is_not_asked() -> None:
    taken = recording("article-bad").live
    doors = tuple(door for door in taken.doors if door.scheme == "http")
    with pytest.raises(NotApplicable, match="TLS ends before this proxy"):
        facts("article-bad", site=replace(taken.site, edge=Edge.TLS), doors=doors).get(TlsHandshakes)


def test_without_tls_there_is_no_handshake() -> None:
    doors = tuple(door for door in recording("article-bad").live.doors if door.scheme == "http")
    with pytest.raises(NotApplicable, match="no door with TLS"):
        facts("article-bad", doors=doors).get(TlsHandshakes)

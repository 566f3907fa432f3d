"""The HTTP Archive: its published schema, and nothing in it that is a secret."""

import base64
import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import jsonschema
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from referencing import Registry, Resource
from referencing.jsonschema import DRAFT6

from scanner.model import Cause, Door, Exchange, NoResponse, Reads, Request, Response, Tls
from scanner.reports.har import MASK, render
from tests.reports.samples import clean_report

DOCUMENTS = json.loads((Path(__file__).parents[1] / "judges" / "har-1.2.json").read_text(encoding="utf-8"))
REGISTRY: Registry[Any] = Registry().with_resources(
    [(name.rstrip("#"), Resource.from_contents(document, DRAFT6)) for name, document in DOCUMENTS.items()]
)
SCHEMA = jsonschema.Draft6Validator(
    DOCUMENTS["har.json#"], registry=REGISTRY, format_checker=jsonschema.FormatChecker()
)
HTTP = Door("http", "198.51.100.10", 80)
HTTPS = Door("https", "198.51.100.10", 443)
SECRET = "correct-horse-battery-staple"


def exchange(request: Request, answer: Response | NoResponse, number: int = 1, **more: Any) -> Exchange:
    return Exchange(number, "set-cookies", request, answer, started=1_764_000_000.25, wait_ms=12.5, **more)


def asked(raw: bytes, door: Door = HTTPS, **more: Any) -> Request:
    return Request(door, raw, label="GET https://shop.example/", **more)


def response(*headers: tuple[str, str], status: int = 200, body: bytes = b"") -> Response:
    return Response("HTTP/1.1", status, "OK", headers, body)


def entries(*exchanges: Exchange) -> list[dict[str, Any]]:
    document = json.loads(render(replace(clean_report(), exchanges=exchanges)))
    SCHEMA.validate(document)
    found: list[dict[str, Any]] = document["log"]["entries"]
    return found


def test_an_exchange_is_told_as_it_was() -> None:
    raw = b"GET /a?x=1&y=%2F HTTP/1.1\r\nHost: shop.example\r\nX-Two: 1\r\nX-Two: 2\r\n\r\n"
    answer = response(("Location", "/b"), ("Content-Type", "text/html"), status=302, body=b"<p>hello</p>")
    [entry] = entries(exchange(asked(raw), answer, tls=Tls("TLSv1.3", "TLS_AES_256_GCM_SHA384", "http/1.1"), tls_ms=3))
    assert entry["request"]["url"] == "https://shop.example/a?x=1&y=%2F"
    assert [each["value"] for each in entry["request"]["headers"]] == ["shop.example", "1", "2"]
    assert entry["request"]["queryString"] == [{"name": "x", "value": "1"}, {"name": "y", "value": "/"}]
    assert (entry["response"]["status"], entry["response"]["redirectURL"]) == (302, "/b")
    assert entry["response"]["content"] == {"size": 12, "mimeType": "text/html"}
    assert entry["timings"]["ssl"] == 3
    assert entry["time"] == 15.5
    assert entry["pageref"] == "set-cookies"
    assert entry["startedDateTime"] == "2025-11-24T16:00:00.250+00:00"
    assert "raw" not in entry["_seatrial"]


def test_no_answer_has_status_zero_and_its_cause() -> None:
    lost = NoResponse(Cause.TLS_REFUSED, "handshake failure")
    [entry] = entries(exchange(asked(b"", reads=Reads.CONNECT_ONLY), lost))
    assert (entry["response"]["status"], entry["response"]["statusText"]) == (0, "tls-refused")
    assert entry["_seatrial"]["cause"] == "tls-refused"
    assert entry["request"]["method"] == "?"


def test_a_request_that_is_no_http_keeps_its_bytes() -> None:
    [entry] = entries(exchange(asked(b"GET / \x00 nonsense\r\n\r\n", HTTP), response(status=400)))
    assert entry["request"]["method"] == "?"
    assert entry["_seatrial"]["raw"]


@pytest.mark.parametrize(
    "raw",
    [
        f"GET / HTTP/1.1\r\nHost: shop.example\r\nCookie: sessionid={SECRET}; csrftoken={SECRET}\r\n\r\n",
        f"GET / HTTP/1.1\r\nHost: shop.example\r\nAuthorization: Bearer {SECRET}\r\n\r\n",
        f"GET / HTTP/1.1\r\nHost: shop.example\r\nX-CSRFToken: {SECRET}\r\n\r\n",
        f"POST /login/ HTTP/1.1\r\nHost: shop.example\r\n\r\ncsrfmiddlewaretoken={SECRET}&password={SECRET}",
        f"GET /reset/?token={SECRET}&a=1 HTTP/1.1\r\nHost: shop.example\r\n\r\n",
        f"GET http://user:{SECRET}@shop.example/ HTTP/1.1\r\nHost: shop.example\r\n\r\n",
        f"GET / nonsense\r\nCookie: sessionid={SECRET}\r\n{SECRET}\r\n\r\n{SECRET}",
    ],
)
def test_no_secret_of_a_request(raw: str) -> None:
    text = render(replace(clean_report(), exchanges=(exchange(asked(raw.encode()), response()),)))
    SCHEMA.validate(json.loads(text))
    assert SECRET not in text
    decoded = json.loads(text)["log"]["entries"][0]["_seatrial"].get("raw", "")
    assert SECRET.encode() not in base64.b64decode(decoded)


@pytest.mark.parametrize(
    "header",
    [
        ("Set-Cookie", f"sessionid={SECRET}; Path=/; HttpOnly; Secure"),
        ("X-Auth-Token", SECRET),
        ("Location", f"/next/?session_token={SECRET}"),
        ("Refresh", f"0; url=https://user:{SECRET}@shop.example/"),
    ],
)
def test_no_secret_of_an_answer(header: tuple[str, str]) -> None:
    answer = response(header, body=SECRET.encode())
    text = render(replace(clean_report(), exchanges=(exchange(asked(b""), answer, more=(answer,)),)))
    SCHEMA.validate(json.loads(text))
    assert SECRET not in text
    assert MASK in text


def test_a_cookie_keeps_what_the_rules_judge() -> None:
    answer = response(("Set-Cookie", f"sessionid={SECRET}; Path=/; HttpOnly"))
    [entry] = entries(exchange(asked(b""), answer))
    [cookie] = entry["response"]["cookies"]
    assert cookie == {"name": "sessionid", "value": MASK, "path": "/", "httpOnly": True, "secure": False}
    [header] = entry["response"]["headers"]
    assert header["value"] == f"sessionid={MASK}; Path=/; HttpOnly"


def test_one_page_a_probe() -> None:
    first = exchange(asked(b""), response())
    report = replace(clean_report(), exchanges=(first, replace(first, number=2), replace(first, probe="static-file")))
    log = json.loads(render(report))["log"]
    assert [page["id"] for page in log["pages"]] == ["set-cookies", "static-file"]
    assert [entry["connection"] for entry in log["entries"]] == ["1", "2", "1"]


@settings(max_examples=60, deadline=None)
@given(raw=st.binary(max_size=300), name=st.text(max_size=20), value=st.text(max_size=60))
def test_any_bytes_make_an_archive(raw: bytes, name: str, value: str) -> None:
    shaped = b"GET " + raw.replace(b"\r", b"").replace(b"\n", b"").replace(b" ", b"") + b" HTTP/1.1\r\nHost: "
    answer = response((name, value), ("Location", value))
    entries(exchange(asked(raw), answer), exchange(asked(shaped + raw + b"\r\n\r\n"), answer))

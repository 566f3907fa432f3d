"""Each clause of the rules about the Host that Django gets and the hosts that redirects lead to."""

import pytest

from scanner.facts.host_spoof import HostAttempt, HostOutcome, HostSpoof
from scanner.facts.plain_http import PlainAnswer, PlainHttp, PlainKind
from scanner.facts.request_line import LineAttempt, RequestLine
from scanner.facts.settings import Settings
from tests.edgekit import (
    DJANGO,
    PASS,
    PLAIN,
    REDIRECT,
    REFUSE,
    exchange,
    gunicorn,
    https,
    nginx_of,
    place,
    settings,
    short,
)
from tests.rulekit import DOORS, HARDENED, judge_facts, make, settings_of

EVIL = "evil-0123.test"
AT_443 = "server shop.example:443 location /"
ANY = settings(ALLOWED_HOSTS=["*"])
INJECTED = settings_of({"injected": {"ALLOWED_HOSTS": "DJANGO_HOSTS"}})


def host(value: str, more: str = "") -> str:
    return f"location / {{ proxy_set_header Host {value}; {more} {PASS} }}"


@pytest.mark.parametrize(
    ("conf", "known", "expected"),
    [
        pytest.param(https(host("$http_host")), HARDENED, [f"low inferred {AT_443}"], id="http_host, strict hosts"),
        pytest.param(https(host("$http_host")), ANY, [f"medium inferred {AT_443}"], id="http_host, every host"),
        pytest.param(https(host("$http_host")), INJECTED, [f"low inferred {AT_443}"], id="http_host, unknown hosts"),
        pytest.param(
            https(host("$http_host"), "listen unix:/run/edge.sock; server_name shop.example;"),
            ANY,
            ["skipped unknown"],
            id="behind another proxy",
        ),
        pytest.param(https(host("$arg_host")), HARDENED, [f"high inferred {AT_443}"], id="an argument"),
        pytest.param(https(host("$cookie_host")), HARDENED, [f"high inferred {AT_443}"], id="a cookie"),
        pytest.param(https(host("$http_x_forwarded_host")), HARDENED, [f"high inferred {AT_443}"], id="a header"),
        pytest.param(https(f"set $h $http_host; {host('$h')}"), HARDENED, [f"low inferred {AT_443}"], id="through set"),
        pytest.param(
            "map $arg_a $h { a a.example; default shop.example; }" + https(host("$h")),
            HARDENED,
            ["passed"],
            id="a map with constants only",
        ),
        pytest.param(https(host("$host")), ANY, ["passed"], id="host"),
        pytest.param(https(host("$server_name")), ANY, ["passed"], id="server_name"),
        pytest.param(https(host("$host:$server_port")), ANY, ["passed"], id="host with the port"),
        pytest.param(https(host("shop.example")), ANY, ["passed"], id="constant"),
        pytest.param(https(f"location / {{ {PASS} }}"), ANY, ["passed"], id="nothing set: another rule's"),
        pytest.param(https("location / { include proxy_params; " + PASS + " }"), ANY, ["passed"], id="Debian's file"),
        pytest.param(
            https("location / { uwsgi_pass unix:/run/a.sock; uwsgi_param HTTP_HOST $arg_h; }"),
            HARDENED,
            [f"high inferred {AT_443}"],
            id="as a parameter",
        ),
        pytest.param(https("location / { include other.conf; " + PASS + " }"), ANY, ["skipped unknown"], id="unknown"),
        pytest.param(
            https(f"proxy_set_header Host $http_host; location / {{ {PASS} }} location /a/ {{ {PASS} }}"),
            HARDENED,
            ["low inferred server shop.example:443"],
            id="one line for several locations",
        ),
        pytest.param(https("location / { root /srv/site; }"), ANY, ["skipped not-applicable"], id="no Django"),
    ],
)
def test_host_header_from_client(conf: str, known: Settings, expected: list[str]) -> None:
    assert short(judge_facts("host_header_from_client", nginx_of(conf), known, gunicorn()), "high") == expected


def absolute(outcome: HostOutcome, status: int, echoed: str | None) -> HostSpoof:
    line = b"GET https://shop.example/x HTTP/1.1\r\nHost: " + EVIL.encode() + b"\r\n\r\n"
    asked = exchange("GET https://shop.example/x", status)
    request = make(type(asked.request), {"door": DOORS["https"], "raw": line, "label": asked.request.label})
    seen = make(type(asked), {"number": 1, "probe": "host-spoof", "request": request, "answer": asked.answer})
    attempt = HostAttempt("h", DOORS["https"], None, EVIL, outcome, status, None, echoed, None, seen)
    return HostSpoof(EVIL, (attempt,))


@pytest.mark.parametrize(
    ("spoof", "expected"),
    [
        pytest.param(absolute(HostOutcome.APP_REFUSED, 400, None), [f"low proven {AT_443}"], id="Django refused it"),
        pytest.param(absolute(HostOutcome.APP_ANSWERED, 200, EVIL), [f"low proven {AT_443}"], id="Django believed it"),
        pytest.param(absolute(HostOutcome.APP_ANSWERED, 200, "shop.example"), ["passed"], id="the line's name arrived"),
        pytest.param(absolute(HostOutcome.PROXY_PAGE, 400, None), ["passed"], id="nginx refuses such a request"),
    ],
)
def test_host_header_from_client_seen(spoof: HostSpoof, expected: list[str]) -> None:
    conf = nginx_of(https(host("$http_host")))
    assert short(judge_facts("host_header_from_client", conf, HARDENED, gunicorn(), spoof), "high") == expected


def odd(status: int, echoed: str | None, by_proxy: bool = False) -> RequestLine:
    conf = nginx_of(https(host("$http_host")))
    fields = {"variant": "absolute", "door": "https", "location": place(conf, "/"), "status": status}
    attempt = make(LineAttempt, {**fields, "echoed_host": echoed, "by_proxy": by_proxy})
    return RequestLine(EVIL, (attempt,))


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        pytest.param(odd(400, None), [f"low proven {AT_443}"], id="Django refused it"),
        pytest.param(odd(200, EVIL), [f"low proven {AT_443}"], id="Django believed it"),
        pytest.param(odd(200, "shop.example"), ["passed"], id="the line's name arrived"),
        pytest.param(odd(400, None, by_proxy=True), ["passed"], id="nginx refuses such a request"),
        pytest.param(RequestLine(EVIL, ()), [f"low inferred {AT_443}"], id="not asked"),
    ],
)
def test_host_header_from_client_by_odd_request_lines(line: RequestLine, expected: list[str]) -> None:
    conf = nginx_of(https(host("$http_host")))
    assert short(judge_facts("host_header_from_client", conf, HARDENED, gunicorn(), line), "high") == expected


FOUND_302 = f"server {{ {PLAIN} return 302 https://$host$request_uri; }}"
AT_80 = "server shop.example:80"


@pytest.mark.parametrize(
    ("conf", "expected"),
    [
        pytest.param(FOUND_302, [f"low inferred {AT_80}"], id="302"),
        pytest.param(FOUND_302.replace("302", "307"), [f"low inferred {AT_80}"], id="307"),
        pytest.param(FOUND_302.replace("302", "303"), [f"low inferred {AT_80}"], id="303"),
        pytest.param(FOUND_302.replace("302 ", ""), [f"low inferred {AT_80}"], id="return without a status is 302"),
        pytest.param(
            f"server {{ {PLAIN} rewrite ^ https://$host$request_uri redirect; }}",
            [f"low inferred {AT_80}"],
            id="rewrite, redirect",
        ),
        pytest.param(
            f"server {{ {PLAIN} rewrite ^ https://$host$request_uri permanent; }}", ["passed"], id="permanent"
        ),
        pytest.param(REDIRECT, ["passed"], id="301"),
        pytest.param(REDIRECT.replace("301", "308"), ["passed"], id="308"),
        pytest.param(
            f"server {{ {PLAIN} location /old/ {{ return 302 https://blog.example/; }} "
            "location / { return 301 https://$host$request_uri; } }",
            ["passed"],
            id="a redirect to another page",
        ),
        pytest.param(f"server {{ {PLAIN} {DJANGO} }}", ["passed"], id="Django's own redirect is always 301"),
    ],
)
def test_redirect_temporary(conf: str, expected: list[str]) -> None:
    assert short(judge_facts("redirect_temporary", nginx_of(conf + https(DJANGO)), HARDENED), "low") == expected


@pytest.mark.parametrize(
    ("status", "expected"), [(302, [f"low proven {AT_80}"]), (301, ["passed"]), (200, [f"low inferred {AT_80}"])]
)
def test_redirect_temporary_seen(status: int, expected: list[str]) -> None:
    answer = make(
        PlainAnswer,
        {
            "kind": PlainKind.PAGE,
            "name": "shop.example",
            "door": "http",
            "status": status,
            "location": "https://shop.example/",
            "exchange": f"GET http://shop.example/ {status}",
        },
    )
    outcome = judge_facts("redirect_temporary", nginx_of(FOUND_302), HARDENED, PlainHttp((DOORS["http"],), (answer,)))
    assert short(outcome, "low") == expected


MEDIUM = [f"medium inferred {AT_80}"]
REFUSING = "server { listen 80 default_server; return 444; }"


@pytest.mark.parametrize(
    ("conf", "expected"),
    [
        pytest.param(REDIRECT, MEDIUM, id="host, and it comes first"),
        pytest.param(REDIRECT.replace("80;", "80 default_server;"), MEDIUM, id="host, and it is the default"),
        pytest.param(
            REFUSING + REDIRECT.replace("shop.example;", "~^(.+)$;"),
            ["medium inferred server ~^(.+)$:80"],
            id="host, and a pattern takes every name",
        ),
        pytest.param(REFUSING + REDIRECT, ["passed"], id="host, and another server refuses strangers"),
        pytest.param(REFUSING + REDIRECT.replace("$host", "$http_host"), MEDIUM, id="the raw header"),
        pytest.param(REDIRECT.replace("$host", "$server_name"), ["passed"], id="server_name"),
        pytest.param(REDIRECT.replace("$host", "shop.example"), ["passed"], id="constant"),
        pytest.param(REDIRECT.replace("$host", "{{ domain }}"), ["passed"], id="a template's host"),
        pytest.param(
            f"server {{ if ($host = shop.example) {{ return 301 https://$host$request_uri; }} {PLAIN} return 404; }}",
            ["passed"],
            id="only for its own name, as certbot writes it",
        ),
        pytest.param(f"server {{ {PLAIN} {DJANGO} }}", ["skipped not-applicable"], id="the proxy redirects nothing"),
    ],
)
def test_redirect_host_unsafe(conf: str, expected: list[str]) -> None:
    assert short(judge_facts("redirect_host_unsafe", nginx_of(conf + https(DJANGO)), HARDENED), "high") == expected


def test_a_fragment_beside_others_may_not_be_the_default() -> None:
    fragment = nginx_of(REDIRECT + https(DJANGO), complete=False)
    assert short(judge_facts("redirect_host_unsafe", fragment, HARDENED), "high") == ["skipped unknown"]


def foreign(location: str | None, status: int) -> HostSpoof:
    seen = exchange(f"GET http://{EVIL}/", status)
    outcome = HostOutcome.REDIRECTED if location else HostOutcome.PROXY_PAGE
    return HostSpoof(EVIL, (HostAttempt("d", DOORS["http"], None, EVIL, outcome, status, location, None, None, seen),))


@pytest.mark.parametrize(
    ("spoof", "expected"),
    [
        pytest.param(foreign(f"https://{EVIL}/", 301), [f"medium proven {AT_80}"], id="followed"),
        pytest.param(foreign("https://shop.example/", 301), ["passed"], id="it led home"),
        pytest.param(foreign(None, 404), ["passed"], id="refused"),
    ],
)
def test_redirect_host_unsafe_seen(spoof: HostSpoof, expected: list[str]) -> None:
    conf = nginx_of(REDIRECT + https(DJANGO))
    assert short(judge_facts("redirect_host_unsafe", conf, HARDENED, spoof), "high") == expected


SSL = {"SECURE_SSL_REDIRECT": True, "SECURE_SSL_HOST": "shop.example"}
OTHER = {**SSL, "SECURE_SSL_HOST": "shop.example.org"}


@pytest.mark.parametrize(
    ("conf", "changed", "expected"),
    [
        pytest.param(https(DJANGO), SSL, ["passed"], id="a name of the site"),
        pytest.param(https(DJANGO), OTHER, ["high inferred settings.SECURE_SSL_HOST"], id="another name"),
        pytest.param(None, OTHER, ["high inferred settings.SECURE_SSL_HOST"], id="another name, without a proxy"),
        pytest.param(None, {**OTHER, "ALLOWED_HOSTS": ["*"]}, ["skipped unknown"], id="nobody knows the names"),
        pytest.param(None, SSL, ["passed"], id="a name that Django takes"),
        pytest.param(
            https(DJANGO), {**OTHER, "ALLOWED_HOSTS": [".example.org"]}, ["passed"], id="a name that only Django takes"
        ),
        pytest.param(
            https(DJANGO), {**OTHER, "SECURE_SSL_REDIRECT": False}, ["skipped not-applicable"], id="without effect"
        ),
    ],
)
def test_ssl_host(conf: str | None, changed: dict[str, object], expected: list[str]) -> None:
    facts = [settings(**changed), *([nginx_of(REFUSE + conf)] if conf else [])]
    assert short(judge_facts("redirect_host_unsafe", *facts), "high") == expected

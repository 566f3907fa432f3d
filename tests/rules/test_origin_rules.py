"""Each clause of the rules about shared caches, cookie scopes, CORS, CSRF's own origin, serializers and websockets."""

import pytest

from scanner.facts.cache_replay import CachePair, CacheReplay
from scanner.facts.nginx import Nginx
from tests import edgekit
from tests.edgekit import HEADERS, PASS, REDIRECT, https, nginx_of, short
from tests.rulekit import HARDENED, exchange, judge_facts, make, settings_of

CACHE = "proxy_cache pages; proxy_ignore_headers Set-Cookie;"
PAGES = "server shop.example:443 location /"
STORED = f"high inferred {PAGES}"
ANNOUNCED = f"medium inferred {PAGES}"


def cached(lines: str, http: str = "") -> Nginx:
    return nginx_of(http + REDIRECT + https(f"location / {{ {HEADERS} {lines} {PASS} }}"))


@pytest.mark.parametrize(
    ("nginx", "expected"),
    [
        pytest.param(cached(CACHE), [STORED], id="cookies are stored"),
        pytest.param(cached("proxy_cache pages; proxy_ignore_headers Vary;"), [STORED], id="Vary is ignored"),
        pytest.param(cached("proxy_cache pages; proxy_ignore_headers Cache-Control;"), [STORED], id="Cache-Control"),
        pytest.param(
            cached("proxy_cache pages; proxy_ignore_headers X-Accel-Expires;"), ["passed"], id="another header"
        ),
        pytest.param(cached("proxy_cache pages;"), ["passed"], id="nginx stores no cookie by itself"),
        pytest.param(cached("proxy_cache off; proxy_ignore_headers Set-Cookie;"), ["passed"], id="the cache is off"),
        pytest.param(cached(CACHE + "proxy_no_cache $cookie_sessionid;"), ["passed"], id="not stored for sessions"),
        pytest.param(cached(CACHE + "proxy_cache_bypass $cookie_sessionid;"), ["passed"], id="passed by for sessions"),
        pytest.param(cached(CACHE + "proxy_no_cache $cookie_other;"), [STORED], id="another cookie"),
        pytest.param(cached(CACHE + "proxy_no_cache $http_pragma $arg_nocache;"), [STORED], id="another condition"),
        pytest.param(
            cached(CACHE + "proxy_no_cache $skip;", "map $http_cookie $skip { default 0; ~sessionid 1; }"),
            ["passed"],
            id="a map of the cookies",
        ),
        pytest.param(
            cached(CACHE + "proxy_no_cache $skip;", "map $request_method $skip { default 0; POST 1; }"),
            [STORED],
            id="a map of the method",
        ),
        pytest.param(
            cached('set $skip ""; if ($http_cookie ~ sessionid) { set $skip 1; } proxy_no_cache $skip;' + CACHE),
            ["passed"],
            id="a variable that is set",
        ),
        pytest.param(cached(CACHE + "proxy_cache_key $uri$cookie_sessionid;"), ["passed"], id="a key of each session"),
        pytest.param(cached(CACHE + "proxy_cache_key $host$uri;"), [STORED], id="a key of the address"),
        pytest.param(cached(CACHE + "include skip.conf;"), ["skipped unknown"], id="an include may say otherwise"),
        pytest.param(cached("proxy_cache pages; include skip.conf;"), ["skipped unknown"], id="an include may ignore"),
        pytest.param(
            nginx_of(https(f"location /static/ {{ {CACHE} {PASS} }}")),
            ["skipped not-applicable"],
            id="static files only",
        ),
        pytest.param(
            nginx_of(https(f"location ~* \\.(css|js)$ {{ expires 30d; {PASS} }} location / {{ {PASS} }}")),
            ["passed"],
            id="files by their endings",
        ),
        pytest.param(cached("add_header Cache-Control public;"), [ANNOUNCED], id="public"),
        pytest.param(cached('add_header Cache-Control "public, no-store";'), ["passed"], id="public, not stored"),
        pytest.param(cached("add_header Cache-Control no-cache;"), ["passed"], id="private"),
        pytest.param(cached("expires 1h;"), [ANNOUNCED], id="an hour"),
        pytest.param(cached("expires max;"), [ANNOUNCED], id="ten years"),
        pytest.param(cached("expires -1;"), ["passed"], id="at once"),
        pytest.param(cached("expires epoch;"), ["passed"], id="in the past"),
        pytest.param(cached("expires off;"), ["passed"], id="off"),
        pytest.param(cached("expires $expires;"), ["passed"], id="by the type of the answer"),
    ],
)
def test_shared_cache(nginx: Nginx, expected: list[str]) -> None:
    assert short(judge_facts("shared_cache_keeps_sessions", nginx, HARDENED), "high") == expected


def test_shared_cache_spares_the_cookie_of_the_settings() -> None:
    own = settings_of({"set": {"SESSION_COOKIE_NAME": "sid"}})
    for lines, expected in (("$cookie_sid", "passed"), ("$cookie_sessionid", STORED)):
        nginx = cached(CACHE + f"proxy_no_cache {lines};")
        assert short(judge_facts("shared_cache_keeps_sessions", nginx, own), "high") == [expected]


@pytest.mark.parametrize(
    ("fields", "expected"),
    [
        ({"same_body": True}, STORED.replace("inferred", "proven")),
        ({"same_cookie": True}, STORED.replace("inferred", "proven")),
        ({}, "passed"),
        ({"location": None}, STORED),
    ],
)
def test_shared_cache_seen_live(fields: dict[str, object], expected: str) -> None:
    nginx = cached(CACHE)
    seen = exchange("GET https://shop.example/x 200")
    usual = {"target": "/x", "location": edgekit.place(nginx, "/"), "exchanges": [seen, seen]}
    pair = make(CachePair, {**usual, **fields})
    outcome = judge_facts("shared_cache_keeps_sessions", nginx, HARDENED, CacheReplay((pair,)))
    assert short(outcome, "high") == [expected]

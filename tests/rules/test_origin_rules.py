"""Each clause of the rules about shared caches, cookie scopes, CORS, CSRF's own origin, serializers and websockets."""

import pytest

from scanner.facts.cache_replay import CachePair, CacheReplay
from scanner.facts.cors_replies import CorsAttempt, CorsReplies
from scanner.facts.nginx import Nginx
from scanner.facts.settings import Settings
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


# CORS. HARDENED answers for shop.example.

CORS = "corsheaders.middleware.CorsMiddleware"


def cors(*regexes: str, everybody: bool = False, credentials: bool = True, **more: object) -> Settings:
    fields = {"allow_all": everybody, "credentials": credentials, "regexes": list(regexes), "urls": "^.*$"}
    return settings_of({"cors": fields, "middleware": [CORS], **more})


ALL = "settings.CORS_ALLOW_ALL_ORIGINS"
REGEX = "settings.CORS_ALLOWED_ORIGIN_REGEXES"
SHOP = r"^https://(www\.)?shop\.example\.com$"


@pytest.mark.parametrize(
    ("found", "expected"),
    [
        pytest.param(cors(everybody=True), f"high inferred {ALL}", id="everybody"),
        pytest.param(cors(everybody=True, credentials=False), f"low inferred {ALL}", id="without credentials"),
        pytest.param(
            cors(everybody=True, set={"CORS_ORIGIN_ALLOW_ALL": True}),
            "high inferred settings.CORS_ORIGIN_ALLOW_ALL",
            id="the old name",
        ),
        pytest.param(cors(everybody=True, injected={"CORS_ALLOW_ALL_ORIGINS": "X"}), "skipped unknown", id="invented"),
        pytest.param(cors(), "passed", id="named origins only"),
        pytest.param(cors(SHOP), "passed", id="an exact pattern"),
        pytest.param(cors(SHOP.rstrip("$")), f"high inferred {REGEX} {SHOP.rstrip('$')}", id="an open end"),
        pytest.param(
            cors(r"https://shop.example.com$"), f"high inferred {REGEX} https://shop.example.com$", id="bare dots"
        ),
        pytest.param(
            cors(r"^https://.*example\.com$"), f"high inferred {REGEX} ^https://.*example\\.com$", id="any beginning"
        ),
        pytest.param(cors(r"^https://.*\.example\.com$"), "passed", id="any host below"),
        pytest.param(cors(r"^https://[\w-]+\.example\.com(:\d+)?$"), "passed", id="a class and a port"),
        pytest.param(
            cors(r"^https?://shop\.example\.com$"), f"high inferred {REGEX} ^https?://shop\\.example\\.com$", id="http"
        ),
        pytest.param(cors(r"^http://localhost:\d+$"), "passed", id="a developer's machine"),
        pytest.param(cors(r".*"), f"high inferred {REGEX} .*", id="everything"),
        pytest.param(cors(r"^https://(\w+\.)*(a+)+\.example\.com$"), "skipped unknown", id="not tried"),
        pytest.param(settings_of({}), "skipped not-applicable", id="not installed"),
    ],
)
def test_cors_of_django(found: Settings, expected: str) -> None:
    assert short(judge_facts("cors_origin_unchecked", found), "high") == [expected]


def replied(origin: str, allowed: str | None) -> CorsReplies:
    seen = exchange("GET https://shop.example/x 200")
    return CorsReplies((CorsAttempt("/x", None, "GET", origin, allowed, True, True, seen),))


@pytest.mark.parametrize(
    ("replies", "expected"),
    [
        (replied("https://evil-1.test", "https://evil-1.test"), f"high proven {ALL}"),
        (replied("https://evil-1.test", "*"), f"high proven {ALL}"),
        (replied("https://evil-1.test", None), "passed"),
        (replied("https://sub.shop.example", "https://sub.shop.example"), "passed"),
        (CorsReplies(()), f"high inferred {ALL}"),
    ],
)
def test_cors_seen_live(replies: CorsReplies, expected: str) -> None:
    assert short(judge_facts("cors_origin_unchecked", cors(everybody=True), replies), "high") == [expected]


ECHO = "add_header Access-Control-Allow-Origin $http_origin;"
WITH_LOGIN = "add_header Access-Control-Allow-Credentials true;"
ECHOED = "server shop.example:443 location / add_header Access-Control-Allow-Origin"
CONDITION = "server shop.example:443 location / if add_header Access-Control-Allow-Origin"


@pytest.mark.parametrize(
    ("lines", "http", "expected"),
    [
        pytest.param(ECHO + WITH_LOGIN, "", f"high inferred {ECHOED}", id="with credentials"),
        pytest.param(ECHO, "", f"low inferred {ECHOED}", id="without"),
        pytest.param("add_header Access-Control-Allow-Origin *;" + WITH_LOGIN, "", "skipped not-applicable", id="star"),
        pytest.param(
            "add_header Access-Control-Allow-Origin https://a.test;", "", "skipped not-applicable", id="one origin"
        ),
        pytest.param(
            "add_header Access-Control-Allow-Origin $o;" + WITH_LOGIN,
            "map $http_origin $o { default $http_origin; }",
            f"high inferred {ECHOED}",
            id="a map's default",
        ),
        pytest.param(
            "add_header Access-Control-Allow-Origin $o;" + WITH_LOGIN,
            r"map $http_origin $o { ~^https://[a-z]*\.shop\.example$ $http_origin; }",
            "skipped not-applicable",
            id="a map of the site's own",
        ),
        pytest.param(
            "add_header Access-Control-Allow-Origin $o;" + WITH_LOGIN,
            r"map $http_origin $o { ~shop\.example $http_origin; }",
            f"high inferred {ECHOED}",
            id="a map without anchors",
        ),
        pytest.param(
            r"if ($http_origin ~* ^https://shop\.example$) { " + ECHO + WITH_LOGIN + " }",
            "",
            "skipped not-applicable",
            id="an if for the site's own",
        ),
        pytest.param(
            r"if ($http_origin ~* shop\.example) { " + ECHO + WITH_LOGIN + " }",
            "",
            f"high inferred {CONDITION}",
            id="an if without anchors",
        ),
        pytest.param(
            "if ($request_method = OPTIONS) { " + ECHO + WITH_LOGIN + " return 204; }",
            "",
            f"high inferred {CONDITION}",
            id="an if of the method",
        ),
        pytest.param(
            "set $o $http_origin; add_header Access-Control-Allow-Origin $o;" + WITH_LOGIN,
            "",
            f"high inferred {ECHOED}",
            id="by a variable",
        ),
        pytest.param(
            r'set $o ""; if ($http_origin ~ ^https://shop\.example$) { set $o $http_origin; } '
            "add_header Access-Control-Allow-Origin $o;",
            "",
            "skipped not-applicable",
            id="a variable for the site's own",
        ),
    ],
)
def test_cors_of_the_proxy(lines: str, http: str, expected: str) -> None:
    outcome = judge_facts("cors_origin_unchecked", cached(lines, http), HARDENED)
    assert short(outcome, "high") == [expected]


def test_cors_on_files_is_low() -> None:
    nginx = nginx_of(https(f"location /static/ {{ alias /srv/s/; {ECHO} {WITH_LOGIN} }} location / {{ {PASS} }}"))
    place = "server shop.example:443 location /static/ add_header Access-Control-Allow-Origin"
    assert short(judge_facts("cors_origin_unchecked", nginx, HARDENED), "high") == [f"low inferred {place}"]

"""Each clause of the rules about shared caches, cookie scopes, CORS, CSRF's own origin, serializers and websockets."""

from pathlib import Path

import pytest

from scanner.facts.cache_replay import CachePair, CacheReplay
from scanner.facts.compose import Compose, ComposeProject, Port, Service, ServiceRole
from scanner.facts.cors_replies import CorsAttempt, CorsReplies
from scanner.facts.csrf_origins import CsrfAttempt, CsrfOrigins
from scanner.facts.echo_host import EchoHost, EchoSeen
from scanner.facts.nginx import Nginx
from scanner.facts.path_traversal import PathTraversal, TraversalAttempt
from scanner.facts.python_modules import Modules
from scanner.facts.python_source import PythonSource
from scanner.facts.settings import Settings
from scanner.facts.topology import PeerKind, TlsEnd, Topology
from scanner.facts.upgrades import UpgradeAttempt, Upgrades
from scanner.model import Location
from scanner.project import Checkout, Project
from tests import edgekit
from tests.edgekit import HEADERS, PASS, REDIRECT, gunicorn, https, nginx_of, short
from tests.rulekit import HARDENED, exchange, judge_facts, make, settings_of

CSRF = "django.middleware.csrf.CsrfViewMiddleware"
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


# The site's own origin.

OWN = "medium inferred server shop.example:8443 location /"
TRUSTED = "settings.CSRF_TRUSTED_ORIGINS"


def on_port(host: str = "$host", port: str = "8443") -> Nginx:
    proto = "proxy_set_header X-Forwarded-Proto $scheme;"
    names = f"listen {port} ssl; server_name shop.example;"
    return nginx_of(https(f"location / {{ proxy_set_header Host {host}; {proto} {PASS} }}", names))


def origins(*entries: str, **more: object) -> Settings:
    return settings_of({"set": {"CSRF_TRUSTED_ORIGINS": list(entries)}, **more})


def form(
    status: int, origin: str = "https://shop.example", *, proxy: bool = False, token: bool = True, at: str = ""
) -> CsrfOrigins:
    seen = exchange(f"POST https://shop.example{at}/x with Origin: {origin} {status}")
    return CsrfOrigins((CsrfAttempt(origin, None, token, status, proxy, seen),))


def echoed(**fields: object) -> EchoHost:
    usual = {"name": "shop.example", "door": "https", "status": 200, "host": "shop.example", "secure": True}
    return EchoHost((make(EchoSeen, {**usual, **fields}),))


def publishing(port: str) -> Compose:
    place = Location("compose.yml", 3)
    fields = {"name": "nginx", "role": ServiceRole.EDGE, "image": "nginx", "location": place}
    ports = [Port("0.0.0.0", port, 8443, "tcp", place)]
    return Compose((ComposeProject(("compose.yml",), (make(Service, {**fields, "ports": ports}),), frozenset()),))


@pytest.mark.parametrize(
    ("facts", "expected"),
    [
        pytest.param([HARDENED, on_port()], [OWN], id="the port is lost"),
        pytest.param([HARDENED, on_port("$server_name")], [OWN], id="by the server's name"),
        pytest.param([HARDENED, on_port("$http_host")], ["passed"], id="the whole Host"),
        pytest.param([HARDENED, on_port("$host:$server_port")], ["passed"], id="the port is added"),
        pytest.param([HARDENED, on_port(port="443")], ["passed"], id="the usual port"),
        pytest.param([HARDENED, on_port(port="127.0.0.1:8443")], ["passed"], id="something is in front"),
        pytest.param([origins("https://shop.example:8443"), on_port()], ["passed"], id="the origin is listed"),
        pytest.param(
            [settings_of({"set": {"USE_X_FORWARDED_HOST": True}}), on_port()], ["passed"], id="another header"
        ),
        pytest.param([HARDENED, on_port(), publishing("443")], ["passed"], id="published at the usual port"),
        pytest.param([HARDENED, on_port(), publishing("8443")], [OWN], id="published as it is"),
        pytest.param(
            [settings_of({"set": {"SECURE_PROXY_SSL_HEADER": None}}), on_port(), gunicorn(trusted=())],
            ["passed"],
            id="Django does not see https: another finding",
        ),
        pytest.param([origins("shop.example")], [f"medium inferred {TRUSTED} shop.example"], id="no scheme"),
        pytest.param([origins("shop.example", django_version="3.2.25")], ["passed"], id="before Django 4"),
        pytest.param(
            [origins("shop.example", injected={"CSRF_TRUSTED_ORIGINS": "X"})], ["skipped unknown"], id="invented"
        ),
        pytest.param([origins("shop.example", without_middleware=[CSRF])], ["skipped not-applicable"], id="no CSRF"),
        pytest.param([HARDENED, on_port(), form(200)], ["passed"], id="seen to work"),
        pytest.param([HARDENED, on_port(), form(403)], [OWN.replace("inferred", "proven")], id="seen to fail"),
        pytest.param([HARDENED, form(403)], [f"medium proven {TRUSTED}"], id="seen to fail, the cause is not known"),
        pytest.param([HARDENED, on_port(), form(200, at=":8443")], [OWN], id="asked without the port"),
        pytest.param([HARDENED, form(403, proxy=True)], ["passed"], id="an access list of the proxy"),
        pytest.param([HARDENED, form(403, token=False)], ["passed"], id="a wrong token"),
        pytest.param([HARDENED, form(403, "https://evil.test")], ["passed"], id="a stranger's form"),
        pytest.param([HARDENED, form(403), echoed(secure=False)], ["passed"], id="https is not seen: another finding"),
        pytest.param([HARDENED, form(403), echoed(host="web:8000")], ["passed"], id="Host is lost: another finding"),
        pytest.param([HARDENED, form(403), echoed()], [f"medium proven {TRUSTED}"], id="Host and scheme are right"),
    ],
)
def test_csrf_own_origin_rejected(facts: list[object], expected: list[str]) -> None:
    assert short(judge_facts("csrf_own_origin_rejected", *facts), "medium") == expected


@pytest.mark.parametrize(
    ("domain", "site", "expected"),
    [
        (".shop.test", "shop.example", "medium inferred settings.CSRF_COOKIE_DOMAIN"),
        (".shop.example", "shop.example", "passed"),
        ("shop.example", "www.shop.example", "passed"),
        (".shop.test", None, "passed"),
        (None, "shop.example", "passed"),
    ],
)
def test_a_csrf_cookie_for_another_domain(domain: str | None, site: str | None, expected: str) -> None:
    names = {"peer": PeerKind.UNIX, "tls_ends": TlsEnd.PROXY, "site_names": [site] if site else []}
    found = settings_of({"set": {"CSRF_COOKIE_DOMAIN": domain}})
    outcome = judge_facts("csrf_own_origin_rejected", found, make(Topology, names))
    assert short(outcome, "medium") == [expected]


# Websockets and guarded files, from the project's code.


def code(tmp_path: Path, text: str) -> PythonSource:
    (tmp_path / "code.py").write_text(text)
    checkout = Checkout(
        root=tmp_path, files=("code.py",), tracked=frozenset({"code.py"}), is_git=True, commit=None, dirty=False
    )
    return PythonSource(Modules(Project(checkout, ".", "shop", None)))


def sockets(value: str) -> str:
    return f'application = ProtocolTypeRouter({{"http": x, "websocket": {value}}})\n'


ASGI = settings_of({"set": {"ASGI_APPLICATION": "shop.asgi.application"}})
SOCKET = "low inferred file code.py websocket"


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (sockets("AuthMiddlewareStack(URLRouter(urls))"), SOCKET),
        (sockets("SessionMiddlewareStack(URLRouter(urls))"), SOCKET),
        (sockets("AllowedHostsOriginValidator(AuthMiddlewareStack(URLRouter(urls)))"), "passed"),
        (sockets("OriginValidator(AuthMiddlewareStack(URLRouter(urls)), origins)"), "passed"),
        (sockets("URLRouter(urls)"), "passed"),
        (sockets("TokenMiddleware(URLRouter(urls))"), "passed"),
        (sockets("TokenMiddleware(made_elsewhere)"), "skipped unknown"),
        ("x = 1\n", "skipped not-applicable"),
    ],
)
def test_websocket_origin_unchecked(tmp_path: Path, text: str, expected: str) -> None:
    assert short(judge_facts("websocket_origin_unchecked", code(tmp_path, text), ASGI), "medium") == [expected]


@pytest.mark.parametrize(
    ("statuses", "expected"),
    [
        ([101, 101], "medium proven file code.py websocket"),
        ([101, 403], "passed"),
        ([], SOCKET),
    ],
)
def test_websockets_seen_live(tmp_path: Path, statuses: list[int], expected: str) -> None:
    found = code(tmp_path, sockets("AuthMiddlewareStack(URLRouter(urls))"))
    seen = exchange("GET https://shop.example/ws/ 101")
    attempts = tuple(
        UpgradeAttempt("websocket", "/ws/", "https://x", own, status, None, seen)
        for own, status in zip((True, False), statuses, strict=False)
    )
    outcome = judge_facts("websocket_origin_unchecked", found, ASGI, Upgrades(attempts))
    assert short(outcome, "medium") == [expected]


def test_websockets_without_asgi(tmp_path: Path) -> None:
    found = code(tmp_path, sockets("AuthMiddlewareStack(URLRouter(urls))"))
    outcome = judge_facts("websocket_origin_unchecked", found, ASGI, gunicorn())
    assert short(outcome, "medium") == ["skipped not-applicable"]
    assert short(judge_facts("websocket_origin_unchecked", found, HARDENED), "medium") == ["skipped not-applicable"]


SENT = 'response["X-Accel-Redirect"] = "/protected/" + name\n'
GUARDED = "high inferred server shop.example:443 location /protected/"


@pytest.mark.parametrize(
    ("text", "place", "expected"),
    [
        (SENT, "location /protected/ { alias /srv/p/; }", GUARDED),
        (SENT, "location /protected/ { internal; alias /srv/p/; }", "passed"),
        (SENT, "location /protected/ { alias /srv/p/; allow 10.0.0.0/8; deny all; }", "passed"),
        (SENT, "location /protected/ { alias /srv/p/; auth_request /check; }", "passed"),
        (SENT, "location /other/ { alias /srv/p/; }", "passed"),
        (SENT, "root /srv/www;", "passed"),
        ('response["X-Accel-Redirect"] = path_of(x)\n', "location /p/ { alias /srv/p/; }", "skipped unknown"),
        ('response["X-Accel-Redirect"] = settings.PRIVATE_URL + n\n', "location /protected/ { alias /p/; }", GUARDED),
        ("x = 1\n", "location /protected/ { alias /srv/p/; }", "skipped not-applicable"),
    ],
)
def test_protected_files_public(tmp_path: Path, text: str, place: str, expected: str) -> None:
    found = settings_of({"set": {"PRIVATE_URL": "/protected/"}})
    nginx = nginx_of(https(f"{place} location / {{ {PASS} }}"))
    assert short(judge_facts("protected_files_public", code(tmp_path, text), nginx, found), "high") == [expected]


def test_files_that_django_sendfile_guards(tmp_path: Path) -> None:
    found = code(tmp_path, "from django_sendfile import sendfile\n\ndef v(r):\n    return sendfile(r, '/x')\n")
    nginx = nginx_of(https("location /protected/ { alias /srv/p/; }" + f" location / {{ {PASS} }}"))
    backends = {"nginx": GUARDED, "xsendfile": "skipped not-applicable"}
    for backend, expected in backends.items():
        names = {"SENDFILE_BACKEND": f"django_sendfile.backends.{backend}", "SENDFILE_URL": "/protected"}
        outcome = judge_facts("protected_files_public", found, nginx, settings_of({"set": names}))
        assert short(outcome, "high") == [expected]


@pytest.mark.parametrize(("canary", "expected"), [("/p/x", GUARDED.replace("inferred", "proven")), (None, "passed")])
def test_protected_files_seen_live(tmp_path: Path, canary: str | None, expected: str) -> None:
    nginx = nginx_of(https("location /protected/ { alias /srv/p/; }" + f" location / {{ {PASS} }}"))
    place = edgekit.place(nginx, "/protected/")
    seen = exchange("GET https://shop.example/protected/x 200")
    attempt = TraversalAttempt("internal", place, "/protected", "/protected/x", 200, canary, seen)
    outcome = judge_facts("protected_files_public", code(tmp_path, SENT), nginx, HARDENED, PathTraversal((attempt,)))
    assert short(outcome, "high") == [expected]

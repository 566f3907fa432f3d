"""Each clause of the rules about what the proxy tells of scheme and host, and about unknown hosts."""

import pytest

from scanner.facts.app_servers import AppServers
from scanner.facts.echo_host import EchoHost, EchoSeen
from scanner.facts.host_spoof import HostAttempt, HostOutcome, HostSpoof
from scanner.facts.nginx import Nginx
from scanner.facts.scheme_spoof import SchemeAttempt, SchemeSpoof
from scanner.facts.settings import Settings
from scanner.facts.topology import PeerKind, TlsEnd, Topology
from tests import edgekit
from tests.edgekit import (
    DJANGO,
    HEADERS,
    PASS,
    PLAIN,
    REDIRECT,
    REFUSE,
    TLS,
    gunicorn,
    https,
    nginx_of,
    settings,
    short,
)
from tests.rulekit import DOORS, HARDENED, judge_facts, make

UNSET: dict[str, object] = {"SECURE_PROXY_SSL_HEADER": None}
AT_443 = "inferred server shop.example:443 location /"
AT_80 = "inferred server shop.example:80 location /"
BARE = f"location / {{ proxy_set_header Host $host; {PASS} }}"
TAKEN = f"location / {{ proxy_set_header X-Forwarded-Proto $http_x_forwarded_proto; {PASS} }}"
OPEN = f"server {{ {PLAIN} {BARE} }}" + https(DJANGO)
MAP = "map $http_x_forwarded_proto $proto { default $http_x_forwarded_proto; '' $scheme; }"
CHOOSING = "map $http_x_forwarded_proto $proto { default $scheme; https https; }"
OWN = "map $scheme $proto { default http; https https; }"
MAPPED = f"location / {{ proxy_set_header X-Forwarded-Proto $proto; {PASS} }}"
APPENDED = f'location / {{ proxy_set_header X-Forwarded-Proto "$http_x_forwarded_proto, $scheme"; {PASS} }}'


def topology(tls_ends: TlsEnd) -> Topology:
    return make(Topology, {"peer": PeerKind.UNKNOWN, "tls_ends": tls_ends})


@pytest.mark.parametrize(
    ("conf", "changed", "servers", "expected"),
    [
        pytest.param(OPEN, {}, gunicorn(), [f"high {AT_80}"], id="not set on the plain port"),
        pytest.param(REDIRECT + https(BARE), {}, gunicorn(), [f"medium {AT_443}"], id="not set behind TLS only"),
        pytest.param(REDIRECT + https(DJANGO), {}, gunicorn(), ["passed"], id="overwritten"),
        pytest.param(REDIRECT + https(TAKEN), {}, gunicorn(), [f"medium {AT_443}"], id="taken from the client"),
        pytest.param(MAP + REDIRECT + https(MAPPED), {}, gunicorn(), [f"medium {AT_443}"], id="map of the client's"),
        pytest.param(CHOOSING + https(MAPPED), {}, gunicorn(), [f"medium {AT_443}"], id="map chosen by the client"),
        pytest.param(OWN + https(MAPPED), {}, gunicorn(), ["passed"], id="map of the real scheme"),
        pytest.param(https(APPENDED), {}, gunicorn(), [f"medium {AT_443}"], id="appended: the leftmost counts"),
        pytest.param(OPEN, UNSET, gunicorn(), [f"high {AT_80}"], id="Gunicorn believes loopback without any setting"),
        pytest.param(
            OPEN.replace("127.0.0.1:8000", "unix:/run/app.sock"),
            UNSET,
            gunicorn("unix:/run/app.sock"),
            [f"high {AT_80}"],
            id="and a unix socket",
        ),
        pytest.param(
            OPEN.replace("127.0.0.1", "web"),
            UNSET,
            gunicorn("0.0.0.0:8000", container="web"),
            [f"low {AT_80}"],
            id="nobody reads it yet",
        ),
        pytest.param(OPEN, UNSET, AppServers(()), ["skipped unknown"], id="who reads it is not known"),
        pytest.param(
            https(f"location / {{ include proxy.conf; {PASS} }}"), {}, gunicorn(), ["skipped unknown"], id="include"
        ),
        pytest.param(
            https(f"location / {{ include proxy_params; {PASS} }}"), {}, gunicorn(), ["passed"], id="Debian's file"
        ),
        pytest.param(
            f"server {{ {PLAIN} {TAKEN} }}", {}, gunicorn(), ["skipped unknown"], id="no TLS: who is in front?"
        ),
        pytest.param(
            f"server {{ listen 127.0.0.1:8080; server_name shop.example; {BARE} }}",
            {},
            gunicorn(),
            ["skipped not-applicable"],
            id="behind another edge of the same machine",
        ),
        pytest.param(
            https("location / { include uwsgi_params; uwsgi_pass 127.0.0.1:8000; }"),
            {},
            gunicorn(),
            [f"medium {AT_443}"],
            id="uwsgi hands the client's header on",
        ),
        pytest.param(
            https(
                "location / { include uwsgi_params; uwsgi_param HTTP_X_FORWARDED_PROTO $scheme; "
                "uwsgi_pass 127.0.0.1:8000; }"
            ),
            {},
            gunicorn(),
            ["passed"],
            id="unless its parameter overwrites it",
        ),
        pytest.param(
            https("location / { include uwsgi_params; uwsgi_pass 127.0.0.1:8000; }"),
            UNSET,
            gunicorn(),
            ["passed"],
            id="uwsgi_params tell the scheme themselves",
        ),
        pytest.param(
            f"server {{ listen 443 ssl; server_name shop.example; {HEADERS} location / {{ {PASS} }} "
            f"location /a/ {{ {PASS} }} location /b/ {{ proxy_set_header X-Id $request_id; {PASS} }} }}",
            {},
            gunicorn(),
            ["medium inferred server shop.example:443 location /b/"],
            id="an inner line cancels the outer ones",
        ),
        pytest.param(
            https(BARE + f"location /a/ {{ proxy_set_header Host $host; {PASS} }}"),
            {"SECURE_SSL_REDIRECT": True},
            gunicorn(),
            ["passed"],
            id="it loops: that rule tells it",
        ),
    ],
)
def test_forwarded_proto_spoofable_from_files(
    conf: str, changed: dict[str, object], servers: AppServers, expected: list[str]
) -> None:
    outcome = judge_facts("forwarded_proto_spoofable", nginx_of(conf), settings(**changed), servers)
    assert short(outcome, "high") == expected


def test_forwarded_proto_is_somebody_elses_where_tls_ends_before() -> None:
    outcome = judge_facts("forwarded_proto_spoofable", nginx_of(OPEN), HARDENED, gunicorn(), topology(TlsEnd.BEFORE))
    assert short(outcome, "high") == ["skipped not-applicable"]


def spoof(nginx: Nginx, *, secure: bool, door: str = "http", port: int = 80) -> SchemeSpoof:
    attempt = make(
        SchemeAttempt,
        {
            "door": DOORS[door],
            "location": edgekit.place(nginx, "/", port),
            "headers": [["X-Forwarded-Proto", "https"]],
            "status": 200,
            "secure": secure,
            "baseline": door == "https",
            "exchange": edgekit.exchange(f"GET {door}://shop.example/", 200),
        },
    )
    return SchemeSpoof((attempt,))


def test_forwarded_proto_seen_live() -> None:
    nginx = nginx_of(OPEN)
    proven = judge_facts("forwarded_proto_spoofable", nginx, HARDENED, gunicorn(), spoof(nginx, secure=True))
    assert short(proven, "high") == ["high proven server shop.example:80 location /"]
    refuted = judge_facts("forwarded_proto_spoofable", nginx, HARDENED, gunicorn(), spoof(nginx, secure=False))
    assert short(refuted, "high") == ["passed"]


SETTING = "settings.SECURE_PROXY_SSL_HEADER"


@pytest.mark.parametrize(
    ("conf", "value", "servers", "expected"),
    [
        pytest.param(https(DJANGO), ["HTTP_X_FORWARDED_PROTO", "https"], gunicorn(), ["passed"], id="right"),
        pytest.param(https(DJANGO), None, gunicorn(), [f"low inferred {SETTING}"], id="Gunicorn trusts loopback"),
        pytest.param(
            https(DJANGO.replace("127.0.0.1", "web")),
            None,
            gunicorn("0.0.0.0:8000", container="web"),
            [f"medium inferred {SETTING}"],
            id="unset, and nobody else sees https",
        ),
        pytest.param(
            https(DJANGO.replace("127.0.0.1", "web")),
            ["http_x_forwarded_proto", "https"],
            gunicorn("0.0.0.0:8000", container="web"),
            [f"medium inferred {SETTING}"],
            id="lower case",
        ),
        pytest.param(
            https(DJANGO.replace("127.0.0.1", "web")),
            "HTTP_X_FORWARDED_PROTO",
            gunicorn("0.0.0.0:8000", container="web"),
            [f"medium inferred {SETTING}"],
            id="no pair",
        ),
        pytest.param(f"server {{ {PLAIN} {DJANGO} }}", None, gunicorn(), ["skipped not-applicable"], id="no TLS"),
        pytest.param(
            https(DJANGO.replace("http://", "https://")), None, gunicorn(), ["passed"], id="the app server has TLS"
        ),
        pytest.param(
            https("location / { include uwsgi_params; uwsgi_pass 127.0.0.1:8000; }"),
            None,
            gunicorn(),
            ["passed"],
            id="uwsgi_param HTTPS",
        ),
        pytest.param(https(DJANGO), None, AppServers(()), ["skipped unknown"], id="app server unknown"),
        pytest.param(https(TAKEN), None, gunicorn(), ["passed"], id="the client decides: that rule tells it"),
    ],
)
def test_secure_proxy_header_missing(conf: str, value: object, servers: AppServers, expected: list[str]) -> None:
    values = settings(SECURE_PROXY_SSL_HEADER=value)
    outcome = judge_facts("secure_proxy_header_missing", nginx_of(REDIRECT + conf), values, servers)
    assert short(outcome, "medium") == expected


def test_a_loop_is_told_by_its_own_rule() -> None:
    values = settings(SECURE_PROXY_SSL_HEADER=None, SECURE_SSL_REDIRECT=True)
    conf = nginx_of(https(DJANGO.replace("127.0.0.1", "web")))
    servers = gunicorn("0.0.0.0:8000", container="web")
    assert short(judge_facts("secure_proxy_header_missing", conf, values, servers), "medium") == ["passed"]
    assert short(judge_facts("redirect_loop", conf, values, servers), "high") == [f"high inferred {SETTING}"]


def echo(nginx: Nginx, *, secure: bool = True, host: str | None = "shop.example", pattern: str = "/") -> EchoHost:
    fields = {
        "door": DOORS["https"],
        "name": "shop.example",
        "location": edgekit.place(nginx, pattern),
        "status": 200 if host else 400,
        "host": host,
        "secure": secure,
        "exchange": edgekit.exchange("GET https://shop.example/", 200),
    }
    return EchoHost((make(EchoSeen, fields),))


def test_secure_proxy_header_seen_live() -> None:
    values, nginx = settings(SECURE_PROXY_SSL_HEADER=None), nginx_of(https(DJANGO.replace("127.0.0.1", "web")))
    servers = gunicorn("0.0.0.0:8000", container="web")
    blind = judge_facts("secure_proxy_header_missing", nginx, values, servers, echo(nginx, secure=False))
    assert short(blind, "medium") == [f"medium proven {SETTING}"]
    fine = judge_facts("secure_proxy_header_missing", nginx, values, servers, echo(nginx, secure=True))
    assert short(fine, "medium") == ["passed"]


HOST_AT = ["medium inferred server shop.example:443 location /"]


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        pytest.param(f"location / {{ {PASS} }}", HOST_AT, id="nginx sends the upstream's name"),
        pytest.param(DJANGO, ["passed"], id="$host"),
        pytest.param(f"location / {{ proxy_set_header Host $http_host; {PASS} }}", ["passed"], id="$http_host"),
        pytest.param(f"location / {{ proxy_set_header Host $proxy_host; {PASS} }}", HOST_AT, id="$proxy_host"),
        pytest.param(f"location / {{ proxy_set_header Host other; {PASS} }}", HOST_AT, id="a name that is refused"),
        pytest.param(f"location / {{ proxy_set_header Host shop.example; {PASS} }}", ["passed"], id="an allowed name"),
        pytest.param("location / { uwsgi_pass 127.0.0.1:8000; }", ["skipped not-applicable"], id="uwsgi_pass"),
        pytest.param(f"location / {{ include proxy.conf; {PASS} }}", ["skipped unknown"], id="include"),
        pytest.param(f"location / {{ include proxy_params; {PASS} }}", ["passed"], id="Debian's proxy_params"),
        pytest.param(
            "location / { proxy_pass http://shop.example; }", ["passed"], id="the upstream is called as the site"
        ),
    ],
)
def test_host_header_not_forwarded(body: str, expected: list[str]) -> None:
    outcome = judge_facts("host_header_not_forwarded", nginx_of(https(body)), HARDENED, gunicorn())
    assert short(outcome, "medium") == expected


OTHERWISE = f"location / {{ proxy_set_header X-Forwarded-Host $host; {PASS} }}"


def test_the_host_may_come_in_another_header() -> None:
    nginx, reading = nginx_of(https(OTHERWISE)), settings(USE_X_FORWARDED_HOST=True)
    assert short(judge_facts("host_header_not_forwarded", nginx, reading, gunicorn()), "medium") == ["passed"]
    assert short(judge_facts("host_header_not_forwarded", nginx, HARDENED, gunicorn()), "medium") == HOST_AT
    assert short(judge_facts("host_header_not_forwarded", nginx, gunicorn()), "medium") == ["skipped unknown"]


@pytest.mark.parametrize(
    "target", ["http://storage:9000", "http://addons:8000/readthedocs.js", "http://frontend:3000", "http://my-minio"]
)
def test_other_programs_are_not_django(target: str) -> None:
    django = "location / { proxy_set_header Host $host; proxy_pass http://web:8000; }"
    nginx = nginx_of(https(f"{django} location /x {{ proxy_pass {target}; }}"))
    outcome = judge_facts("host_header_not_forwarded", nginx, HARDENED)
    assert short(outcome, "medium") == ["passed"]


@pytest.mark.parametrize(
    ("host", "expected"),
    [
        ("shop.example", ["passed"]),
        ("127.0.0.1:8000", ["medium proven server shop.example:443 location /"]),
        (None, ["medium proven server shop.example:443 location /"]),
    ],
)
def test_host_seen_live(host: str | None, expected: list[str]) -> None:
    nginx = nginx_of(https(f"location / {{ {PASS} }}"))
    outcome = judge_facts("host_header_not_forwarded", nginx, HARDENED, gunicorn(), echo(nginx, host=host))
    assert short(outcome, "medium") == expected


STRANGERS = ["low inferred server shop.example:443"]
SITES = "include /etc/nginx/sites-enabled/*;"


@pytest.mark.parametrize(
    ("nginx", "values", "expected"),
    [
        pytest.param(nginx_of(https(DJANGO)), HARDENED, STRANGERS, id="the only server"),
        pytest.param(nginx_of(REFUSE + https(DJANGO)), HARDENED, ["passed"], id="a refusing default server"),
        pytest.param(
            nginx_of("server { listen 443 ssl default_server; ssl_reject_handshake on; }" + https(DJANGO)),
            HARDENED,
            ["passed"],
            id="no handshake for strangers",
        ),
        pytest.param(
            nginx_of(https(f"if ($host != shop.example) {{ return 444; }} {DJANGO}")),
            HARDENED,
            ["passed"],
            id="an if on the name refuses",
        ),
        pytest.param(
            nginx_of(https(DJANGO)),
            settings(ALLOWED_HOSTS=["*"]),
            ["skipped not-applicable"],
            id="every name is allowed: that is a finding of its own",
        ),
        pytest.param(nginx_of(https(DJANGO)), None, ["skipped unknown"], id="without settings"),
        pytest.param(nginx_of(https(DJANGO) + SITES), HARDENED, ["skipped unknown"], id="other sites on the host"),
        pytest.param(
            nginx_of(f"server {{ {PLAIN} {DJANGO} }}", complete=False),
            HARDENED,
            ["skipped unknown"],
            id="Debian's default site may be there",
        ),
        pytest.param(
            nginx_of(https(DJANGO, TLS.replace("ssl", "ssl default_server")), complete=False),
            HARDENED,
            STRANGERS,
            id="it says default_server itself",
        ),
    ],
)
def test_unknown_host_served(nginx: Nginx, values: Settings | None, expected: list[str]) -> None:
    facts = [nginx, gunicorn(), *([values] if values else [])]
    assert short(judge_facts("unknown_host_served", *facts), "medium") == expected


@pytest.mark.parametrize(
    ("outcome", "expected"),
    [
        (HostOutcome.CLOSED, ["passed"]),
        (HostOutcome.TLS_REFUSED, ["passed"]),
        (HostOutcome.PROXY_PAGE, ["passed"]),
        (HostOutcome.APP_REFUSED, STRANGERS),
        (HostOutcome.APP_ANSWERED, ["medium proven server shop.example:443"]),
    ],
)
def test_unknown_host_seen_live(outcome: HostOutcome, expected: list[str]) -> None:
    fields = {
        "variant": "c",
        "door": DOORS["https"],
        "host": "evil-1.test",
        "outcome": outcome,
        "exchange": edgekit.exchange("GET https://evil-1.test/", 200),
    }
    live = HostSpoof("evil-1.test", (make(HostAttempt, fields),))
    found = judge_facts("unknown_host_served", nginx_of(https(DJANGO)), HARDENED, gunicorn(), live)
    assert short(found, "medium") == expected

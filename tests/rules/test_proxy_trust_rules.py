"""Each clause of the rules about whom proxy and app server believe."""

from dataclasses import replace

import pytest

from scanner.facts.app_servers import AppServers, ServerKind
from scanner.facts.nginx import Nginx
from scanner.facts.scheme_spoof import SchemeAttempt, SchemeSpoof
from scanner.facts.settings import Distributions
from scanner.facts.topology import PeerKind, TlsEnd, Topology
from scanner.model import Location
from tests import edgekit
from tests.edgekit import DJANGO, HEADERS, PASS, PLAIN, REDIRECT, gunicorn, https, nginx_of, short
from tests.pythonkit import python_of
from tests.rulekit import DOORS, HARDENED, judge_facts, make

HERE = "inferred server shop.example:443"
PLACE = Location("gunicorn.conf.py", 3)


def attempt(nginx: Nginx, door: str = "https", port: int = 443, **fields: object) -> SchemeSpoof:
    given = {
        "door": DOORS[door],
        "location": edgekit.place(nginx, "/", port),
        "status": 200,
        "exchange": edgekit.exchange(f"GET {door}://shop.example/", 200),
        **fields,
    }
    return SchemeSpoof((make(SchemeAttempt, given),))


def told(bind: str = "127.0.0.1:8000", **given: str) -> AppServers:
    """A Gunicorn with these settings."""
    server = gunicorn(bind).servers[0]
    return AppServers((replace(server, settings={name: (text, PLACE) for name, text in given.items()}),))


def installed(version: str) -> Distributions:
    return Distributions({"gunicorn": version})


UNDERSCORES = "underscores_in_headers on;"


@pytest.mark.parametrize(
    ("http", "version", "expected"),
    [
        pytest.param(https(UNDERSCORES + DJANGO), None, [f"medium {HERE} underscores_in_headers"], id="on"),
        pytest.param(https(UNDERSCORES + DJANGO), "20.1.0", [f"medium {HERE} underscores_in_headers"], id="old"),
        pytest.param(https(UNDERSCORES + DJANGO), "23.0.0", [f"low {HERE} underscores_in_headers"], id="dropped"),
        pytest.param(UNDERSCORES + https(DJANGO), None, ["medium inferred http underscores_in_headers"], id="http"),
        pytest.param(https(DJANGO), None, ["passed"], id="off"),
        pytest.param(UNDERSCORES + https("root /srv/a;"), None, ["passed"], id="no Django there"),
    ],
)
def test_underscores(http: str, version: str | None, expected: list[str]) -> None:
    facts = [nginx_of(http), HARDENED, gunicorn(), *([installed(version)] if version else [])]
    assert short(judge_facts("header_parsing_relaxed", *facts), "medium") == expected


def test_underscores_before_a_dangerous_map_and_live() -> None:
    nginx = nginx_of(https(UNDERSCORES + DJANGO))
    both = judge_facts("header_parsing_relaxed", nginx, HARDENED, told(header_map="dangerous"), installed("23.0.0"))
    assert short(both, "medium") == [
        f"medium {HERE} underscores_in_headers",
        "medium inferred unit shop.service header_map",
    ]
    forged = [["X_Forwarded_Proto", "https"]]
    seen = attempt(nginx, headers=forged, seen_as=[["HTTP_X_FORWARDED_PROTO", "https"]])
    proven = judge_facts("header_parsing_relaxed", nginx, HARDENED, gunicorn(), seen)
    assert short(proven, "medium") == ["medium proven server shop.example:443 underscores_in_headers"]
    dropped = judge_facts("header_parsing_relaxed", nginx, HARDENED, gunicorn(), attempt(nginx, headers=forged))
    assert short(dropped, "medium") == [f"low {HERE} underscores_in_headers"]


@pytest.mark.parametrize(
    ("given", "version", "found"),
    [
        ({"header_map": "dangerous"}, None, True),
        ({"header_map": "dangerous"}, "21.2.0", False),
        ({"header_map": "drop"}, None, False),
        ({"forwarder_headers": "*"}, "23.0.0", True),
        ({"forwarder_headers": "SCRIPT_NAME,PATH_INFO"}, "23.0.0", False),
        ({"permit_obsolete_folding": "True"}, "23.0.0", True),
        ({"permit_obsolete_folding": "True"}, "22.0.0", False),
        ({"permit_unconventional_http_method": "False"}, "23.0.0", False),
        ({"casefold_http_method": "True"}, None, True),
        ({"strip_header_spaces": "True"}, "21.0.0", True),
        ({"timeout": "40"}, None, False),
    ],
)
def test_relaxed_gunicorn(given: dict[str, str], version: str | None, found: bool) -> None:
    facts = [told(**given), *([installed(version)] if version else [])]
    expected = [f"medium inferred unit shop.service {next(iter(given))}"] if found else ["passed"]
    assert short(judge_facts("header_parsing_relaxed", *facts), "medium") == expected


def test_header_parsing_without_anything() -> None:
    assert short(judge_facts("header_parsing_relaxed", AppServers(())), "medium") == ["skipped not-applicable"]


XFF = "real_ip_header X-Forwarded-For;"


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        pytest.param(f"set_real_ip_from 0.0.0.0/0; {XFF}", ["0.0.0.0/0"], id="everybody"),
        pytest.param("set_real_ip_from 0.0.0.0/0;", ["0.0.0.0/0"], id="X-Real-IP is the default"),
        pytest.param("set_real_ip_from ::/0; real_ip_header proxy_protocol;", ["::/0"], id="PROXY protocol"),
        pytest.param(f"set_real_ip_from 128.0.0.0/1; set_real_ip_from 2000::/3; {XFF}", ["128.0.0.0/1", "2000::/3"]),
        pytest.param(f"set_real_ip_from 10.0.0.0/8; set_real_ip_from 172.16.0.0/12; {XFF}", [], id="private"),
        pytest.param(f"set_real_ip_from 104.16.0.0/13; set_real_ip_from 2400:cb00::/32; {XFF}", [], id="a CDN's"),
        pytest.param(f"set_real_ip_from unix:; set_real_ip_from lb.example; {XFF}", [], id="no network"),
        pytest.param("set_real_ip_from 0.0.0.0/0; real_ip_header CF-Connecting-IP;", [], id="another header"),
    ],
)
def test_forwarded_headers_from_anyone(body: str, expected: list[str]) -> None:
    outcome = judge_facts("forwarded_headers_from_anyone", nginx_of(https(body + DJANGO)))
    assert short(outcome, "high") == ([f"high {HERE} set_real_ip_from {one}" for one in expected] or ["passed"])


def test_real_ip_behind_another_edge_and_of_a_template() -> None:
    rule = "forwarded_headers_from_anyone"
    behind = f"server {{ listen 127.0.0.1:8080; set_real_ip_from 0.0.0.0/0; {DJANGO} }}"
    assert short(judge_facts(rule, nginx_of(behind)), "high") == ["passed"]
    made = nginx_of(https(f"set_real_ip_from {{{{ lb }}}}; {XFF} {DJANGO}"))
    assert short(judge_facts(rule, made), "high") == ["skipped unknown"]


@pytest.mark.parametrize(
    ("bind", "given", "found"),
    [
        ("0.0.0.0:8000", {"proxy_protocol": "True", "proxy_allow_ips": "*"}, True),
        ("127.0.0.1:8000", {"proxy_protocol": "True", "proxy_allow_ips": "*"}, False),
        ("0.0.0.0:8000", {"proxy_protocol": "True", "proxy_allow_ips": "10.0.0.1"}, False),
        ("0.0.0.0:8000", {"proxy_allow_ips": "*"}, False),
    ],
)
def test_proxy_protocol_of_gunicorn(bind: str, given: dict[str, str], found: bool) -> None:
    expected = ["high inferred unit shop.service proxy_allow_ips"] if found else ["passed"]
    assert short(judge_facts("forwarded_headers_from_anyone", told(bind, **given)), "high") == expected


CONSTANT = f"location / {{ proxy_set_header X-Forwarded-Proto https; {PASS} }}"
BOTH = "listen 443 ssl; listen 80; server_name shop.example;"
AT = "high inferred server shop.example:443 location /"


@pytest.mark.parametrize(
    ("http", "expected"),
    [
        pytest.param(https(CONSTANT, BOTH), [AT], id="both listeners"),
        pytest.param(
            f"server {{ {PLAIN} {CONSTANT} }}" + https(DJANGO),
            ["high inferred server shop.example:80 location /"],
            id="the plain one only",
        ),
        pytest.param(REDIRECT + https(CONSTANT), ["passed"], id="TLS only"),
        pytest.param(
            https("if ($scheme = http) { return 301 https://$host$request_uri; }" + CONSTANT, BOTH),
            ["passed"],
            id="redirected before",
        ),
        pytest.param(https(DJANGO, BOTH), ["passed"], id="$scheme"),
        pytest.param(f"server {{ {PLAIN} {CONSTANT} }}", ["skipped unknown"], id="a load balancer may be in front"),
        pytest.param(
            https(CONSTANT, "listen 443 ssl; listen 127.0.0.1:80; server_name shop.example;"),
            ["medium inferred server shop.example:443 location /"],
            id="plain on loopback",
        ),
        pytest.param("map $scheme $p { default https; }" + https(CONSTANT.replace(" https;", " $p;"), BOTH), [AT]),
        pytest.param(https("root /srv/a;"), ["skipped not-applicable"], id="no Django"),
    ],
)
def test_forwarded_proto_constant(http: str, expected: list[str]) -> None:
    assert short(judge_facts("forwarded_proto_constant", nginx_of(http), HARDENED, gunicorn()), "high") == expected


def test_constant_seen_live_and_behind_a_load_balancer() -> None:
    nginx = nginx_of(https(CONSTANT, BOTH))
    rule = "forwarded_proto_constant"
    yes = judge_facts(rule, nginx, HARDENED, gunicorn(), attempt(nginx, "http", baseline=True))
    assert short(yes, "high") == ["high proven server shop.example:443 location /"]
    no = judge_facts(rule, nginx, HARDENED, gunicorn(), attempt(nginx, "http", baseline=False))
    assert short(no, "high") == ["passed"]
    before = make(Topology, {"peer": PeerKind.UNKNOWN, "tls_ends": TlsEnd.BEFORE})
    assert short(judge_facts(rule, nginx, HARDENED, gunicorn(), before), "high") == ["skipped not-applicable"]


UPGRADE = "proxy_http_version 1.1; proxy_set_header Upgrade $http_upgrade; proxy_set_header Connection upgrade;"
MAP = "map $http_upgrade $connection_upgrade { default upgrade; '' close; }"
ONLY = "map $http_upgrade $up { default ''; websocket websocket; }"


def hypercorn() -> AppServers:
    return AppServers((replace(gunicorn().servers[0], kind=ServerKind.HYPERCORN),))


def upgraded(lines: str = UPGRADE, path: str = "/") -> str:
    return f"location {path} {{ {HEADERS} {lines} {PASS} }}"


@pytest.mark.parametrize(
    ("http", "servers", "expected"),
    [
        pytest.param(https(upgraded()), hypercorn(), [f"low {HERE} location /"], id="no rule to pass by"),
        pytest.param(
            https(upgraded() + "location /a { deny all; }"), hypercorn(), [f"medium {HERE} location /"], id="a rule"
        ),
        pytest.param(MAP + https(upgraded(UPGRADE.replace(" upgrade;", " $connection_upgrade;"))), hypercorn(),
                     [f"low {HERE} location /"], id="the usual map"),
        pytest.param(ONLY + https(upgraded(UPGRADE.replace("$http_upgrade", "$up"))), hypercorn(), ["passed"],
                     id="only websocket"),
        pytest.param(https(upgraded(UPGRADE.replace("1.1", "1.0"))), hypercorn(), ["passed"], id="HTTP/1.0"),
        pytest.param(https(upgraded(path="/ws/") + DJANGO), hypercorn(), ["passed"], id="a websocket location"),
        pytest.param(https(upgraded()), gunicorn(), ["passed"], id="Gunicorn accepts no h2c"),
        pytest.param(https(upgraded()), AppServers(()), ["skipped unknown"], id="app server unknown"),
        pytest.param(https(DJANGO), hypercorn(), ["passed"], id="not passed on"),
        pytest.param(https("location / { uwsgi_pass 127.0.0.1:8000; }"), hypercorn(), ["skipped not-applicable"]),
    ],
)  # fmt: skip
def test_upgrade_forwarded(http: str, servers: AppServers, expected: list[str]) -> None:
    assert short(judge_facts("upgrade_forwarded", nginx_of(http), HARDENED, servers), "medium") == expected


def test_a_location_of_a_consumer() -> None:
    nginx = nginx_of(https(upgraded(path="/live/") + DJANGO))
    python = python_of({"a/routing.py": "urlpatterns = [path('live/feed/', Feed.as_asgi())]"})
    assert short(judge_facts("upgrade_forwarded", nginx, HARDENED, hypercorn(), python), "medium") == ["passed"]
    assert short(judge_facts("upgrade_forwarded", nginx, HARDENED, hypercorn()), "medium") == [
        f"low {HERE} location /live/"
    ]

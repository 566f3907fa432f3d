"""Each clause of the rules about the client's address, the user's name, and whom an app server believes."""

from dataclasses import replace

import pytest

from scanner.facts.app_servers import AppServers, ServerKind
from scanner.facts.client_address import AddressAttempt, ClientAddress
from scanner.facts.direct_ports import DirectPorts, PortSeen
from scanner.facts.nginx import Nginx
from scanner.facts.scheme_spoof import SchemeAttempt, SchemeSpoof
from scanner.facts.settings import Settings
from scanner.facts.topology import PeerKind, TlsEnd, Topology
from scanner.model import Failed
from tests import edgekit
from tests.edgekit import HEADERS, PASS, gunicorn, https, nginx_of, settings, short
from tests.pythonkit import python_of
from tests.rulekit import DOORS, HARDENED, judge_facts, make, settings_of

AT = "inferred server shop.example:443 location /"
REAL = "proxy_set_header X-Real-IP $remote_addr;"
ADDED = "proxy_set_header X-Forwarded-For $proxy_add_x_forwarded_for;"
ONLY = "proxy_set_header X-Forwarded-For $remote_addr;"
CLIENTS = "proxy_set_header X-Forwarded-For $http_x_forwarded_for;"
FIRST = {"shop/ip.py": "def client_ip(request):\n    return request.META['HTTP_X_FORWARDED_FOR'].split(',')[0]\n"}
LAST = {"shop/ip.py": "def client_ip(request):\n    return request.META['HTTP_X_FORWARDED_FOR'].split(',')[-1]\n"}
REAL_IP = {"shop/ip.py": "def client_ip(request):\n    return request.META.get('HTTP_X_REAL_IP')\n"}
LIST = {"shop/ip.py": FIRST["shop/ip.py"].replace("client_ip", "is_allowed_ip")}
IPWARE = {"shop/ip.py": "from ipware import get_client_ip\ndef f(request):\n    return get_client_ip(request)\n"}
THROTTLES = {"DEFAULT_THROTTLE_CLASSES": ["rest_framework.throttling.AnonRateThrottle"]}
AXES = {"AXES_IPWARE_META_PRECEDENCE_ORDER": ["HTTP_X_FORWARDED_FOR", "REMOTE_ADDR"]}


def django(lines: str, target: str = PASS) -> str:
    return https(f"location / {{ {HEADERS} {lines} {target} }}")


@pytest.mark.parametrize(
    ("lines", "code", "values", "expected"),
    [
        pytest.param(REAL + ADDED, {}, HARDENED, ["passed"], id="appended, and nobody reads the left end"),
        pytest.param(REAL + ADDED, FIRST, HARDENED, [f"medium {AT}"], id="the code takes the first item"),
        pytest.param(REAL + ADDED, LIST, HARDENED, [f"high {AT}"], id="a list of allowed ones does"),
        pytest.param(REAL + ADDED, LAST, HARDENED, ["passed"], id="the code takes the last item"),
        pytest.param(REAL + ADDED, IPWARE, HARDENED, [f"medium {AT}"], id="django-ipware"),
        pytest.param(REAL + ONLY, FIRST, HARDENED, ["passed"], id="overwritten"),
        pytest.param(REAL + CLIENTS, LAST, HARDENED, [f"medium {AT}"], id="all of it is the client's"),
        pytest.param("", {}, HARDENED, [f"low {AT}"], id="neither is set"),
        pytest.param(ONLY, {}, HARDENED, [f"low {AT}"], id="X-Real-IP goes through"),
        pytest.param(ONLY, REAL_IP, HARDENED, [f"medium {AT}"], id="and somebody reads it"),
        pytest.param(
            ONLY + "proxy_set_header X-Real-IP $http_x_real_ip;", {}, HARDENED, [f"low {AT}"], id="taken"
        ),
        pytest.param(REAL + ADDED, {}, settings(REST_FRAMEWORK=THROTTLES), [f"medium {AT}"], id="REST framework"),
        pytest.param(
            REAL + ADDED, {}, settings(REST_FRAMEWORK={**THROTTLES, "NUM_PROXIES": 1}), ["passed"], id="counted"
        ),
        pytest.param(
            REAL + ADDED, {}, settings_of({"set": AXES, "installed_apps": ["axes"]}), [f"medium {AT}"], id="axes"
        ),
        pytest.param(
            REAL + ADDED,
            {},
            settings_of({"set": {**AXES, "AXES_IPWARE_PROXY_COUNT": 1}, "installed_apps": ["axes"]}),
            ["passed"],
            id="axes with a count",
        ),
        pytest.param(REAL + ADDED, {}, settings_of({"installed_apps": ["axes"]}), ["passed"], id="axes' default"),
        pytest.param(
            "include proxy.conf;", {}, HARDENED, ["skipped unknown"], id="include"
        ),
        pytest.param("include proxy_params;", {}, HARDENED, ["passed"], id="Debian's proxy_params"),
    ],
)  # fmt: skip
def test_client_address_spoofable(lines: str, code: dict[str, str], values: Settings, expected: list[str]) -> None:
    found = judge_facts("client_address_spoofable", nginx_of(django(lines)), gunicorn(), values, python_of(code))
    assert short(found, "high") == expected


def test_an_allow_list_by_its_name() -> None:
    code = {"a.py": "def allowed_address(request):\n    return request.META['HTTP_X_REAL_IP'] in LIST\n"}
    found = judge_facts("client_address_spoofable", nginx_of(django(ADDED)), HARDENED, gunicorn(), python_of(code))
    assert short(found, "high") == [f"high {AT}"]


def test_somebody_in_front_tells_the_address() -> None:
    nginx = nginx_of(django(""))
    before = make(Topology, {"peer": PeerKind.UNKNOWN, "tls_ends": TlsEnd.BEFORE})
    found = judge_facts("client_address_spoofable", nginx, gunicorn(), HARDENED, before)
    assert short(found, "high") == ["skipped not-applicable"]
    local = nginx_of(f"server {{ listen 127.0.0.1:81; location / {{ {PASS} }} }}")
    assert short(judge_facts("client_address_spoofable", local, gunicorn()), "high") == ["skipped not-applicable"]


def test_uwsgi_needs_a_reader() -> None:
    nginx = nginx_of(https("location / { include uwsgi_params; uwsgi_pass 127.0.0.1:8000; }"))
    assert short(judge_facts("client_address_spoofable", nginx, gunicorn(), HARDENED), "high") == ["passed"]
    found = judge_facts("client_address_spoofable", nginx, gunicorn(), HARDENED, python_of(FIRST))
    assert short(found, "high") == [f"medium {AT}"]


def test_uvicorn_takes_the_address_itself() -> None:
    server = replace(gunicorn().servers[0], kind=ServerKind.UVICORN)
    nginx = nginx_of(django(REAL + CLIENTS))
    found = judge_facts("client_address_spoofable", nginx, AppServers((server,)), HARDENED)
    assert short(found, "high") == [f"medium {AT}"]
    added = nginx_of(django(REAL + ADDED))
    assert short(judge_facts("client_address_spoofable", added, AppServers((server,)), HARDENED), "high") == ["passed"]
    everybody = AppServers((replace(server, trusted_peers=("*",)),))
    found = judge_facts("client_address_spoofable", added, everybody, HARDENED)
    assert short(found, "high") == [f"medium {AT}"]


def live(nginx: Nginx, header: str, **seen: object) -> ClientAddress:
    attempt = make(
        AddressAttempt,
        {
            "door": DOORS["https"],
            "location": edgekit.place(nginx, "/"),
            "header": header,
            "value": "203.0.113.9",
            "remote_addr": "127.0.0.1",
            "exchange": edgekit.exchange("GET https://shop.example/", 200),
            **seen,
        },
    )
    return ClientAddress("127.0.0.1", "198.51.100.99", (attempt,))


def test_address_seen_live() -> None:
    rule, nginx = "client_address_spoofable", nginx_of(django(REAL + ADDED))
    came = live(nginx, "X-Forwarded-For", forwarded_for="203.0.113.9, 198.51.100.99")
    found = judge_facts(rule, nginx, gunicorn(), HARDENED, python_of(FIRST), came)
    assert short(found, "high") == ["medium proven server shop.example:443 location /"]
    gone = live(nginx, "X-Forwarded-For", forwarded_for="198.51.100.99")
    found = judge_facts(rule, nginx, gunicorn(), HARDENED, python_of(FIRST), gone)
    assert short(found, "high") == ["passed"]
    bare = nginx_of(django(ONLY))
    found = judge_facts(rule, bare, gunicorn(), HARDENED, live(bare, "X-Real-IP", real_ip="203.0.113.9"))
    assert short(found, "high") == ["low proven server shop.example:443 location /"]


HEADER = {
    "path": "shop.HeaderMiddleware",
    "bases": ["shop.HeaderMiddleware", "django.contrib.auth.middleware.RemoteUserMiddleware"],
    "header": "HTTP_X_REMOTE_USER",
}
REMOTE = settings_of({"middleware": [HEADER]})
SERVERS_OWN = settings_of({"middleware": [{**HEADER, "header": "REMOTE_USER"}]})


@pytest.mark.parametrize(
    ("lines", "values", "expected"),
    [
        pytest.param("", REMOTE, [f"critical {AT} X-Remote-User"], id="passed on"),
        pytest.param("proxy_set_header X-Remote-User $remote_user;", REMOTE, ["passed"], id="overwritten"),
        pytest.param('proxy_set_header X-Remote-User "";', REMOTE, ["passed"], id="blanked"),
        pytest.param(
            "proxy_set_header X-Remote-User $http_x_remote_user;", REMOTE, [f"critical {AT} X-Remote-User"], id="taken"
        ),
        pytest.param(
            "auth_request_set $user $upstream_http_x_user; proxy_set_header X-Remote-User $user;",
            REMOTE, ["passed"], id="auth_request",
        ),
        pytest.param("", SERVERS_OWN, ["skipped not-applicable"], id="the server's own variable"),
        pytest.param("", HARDENED, ["skipped not-applicable"], id="no such middleware"),
        pytest.param("include proxy.conf;", REMOTE, ["skipped unknown"], id="include"),
    ],
)  # fmt: skip
def test_remote_user_spoofable(lines: str, values: Settings, expected: list[str]) -> None:
    found = judge_facts("remote_user_spoofable", nginx_of(django(lines)), gunicorn(), values)
    assert short(found, "critical") == expected


def test_remote_user_of_rest_framework_and_at_an_open_port() -> None:
    listed = settings(REST_FRAMEWORK={"DEFAULT_AUTHENTICATION_CLASSES": ["shop.api.HeaderAuthentication"]})
    code = "class HeaderAuthentication(RemoteUserAuthentication):\n    header = 'HTTP_X_USER'\n"
    found = judge_facts("remote_user_spoofable", nginx_of(django("")), gunicorn(), listed, python_of({"a.py": code}))
    assert short(found, "critical") == [f"critical {AT} X-User"]
    bare = judge_facts("remote_user_spoofable", REMOTE, gunicorn("0.0.0.0:8000"))
    assert short(bare, "critical") == ["critical inferred unit shop.service X-Remote-User"]
    assert short(judge_facts("remote_user_spoofable", REMOTE, gunicorn()), "critical") == ["skipped unknown"]


def test_remote_user_seen_live() -> None:
    nginx = nginx_of(django(""))
    fields = {
        "door": DOORS["https"],
        "location": edgekit.place(nginx, "/"),
        "headers": [["X-Remote-User", "seatrial"]],
        "status": 200,
        "exchange": edgekit.exchange("GET https://shop.example/", 200),
    }
    came = SchemeSpoof((make(SchemeAttempt, {**fields, "seen_as": [["HTTP_X_REMOTE_USER", "seatrial"]]}),))
    found = judge_facts("remote_user_spoofable", nginx, gunicorn(), REMOTE, came)
    assert short(found, "critical") == ["critical proven server shop.example:443 location / X-Remote-User"]
    gone = SchemeSpoof((make(SchemeAttempt, fields),))
    assert short(judge_facts("remote_user_spoofable", nginx, gunicorn(), REMOTE, gone), "critical") == ["passed"]


def trusting(bind: str, *, kind: ServerKind = ServerKind.GUNICORN, **more: object) -> AppServers:
    server = gunicorn(bind, trusted=("*",)).servers[0]
    return AppServers((replace(server, kind=kind, **more),))  # type: ignore[arg-type]  # fields by name


ALLOW = "inferred unit shop.service forwarded_allow_ips"


@pytest.mark.parametrize(
    ("servers", "expected"),
    [
        (trusting("0.0.0.0:8000"), [f"high {ALLOW}"]),
        (trusting("0.0.0.0:8000", kind=ServerKind.DAPHNE), [f"high {ALLOW}"]),
        (trusting("127.0.0.1:8000"), [f"low {ALLOW}"]),
        (trusting("unix:/run/shop.sock"), ["passed"]),
        (trusting("0.0.0.0:8000", platform=True), ["passed"]),
        (trusting("0.0.0.0:8000", container="image"), ["skipped unknown"]),
        (gunicorn("0.0.0.0:8000"), ["passed"]),
        (AppServers(()), ["skipped not-applicable"]),
    ],
)
def test_forwarded_allow_ips_any(servers: AppServers, expected: list[str]) -> None:
    assert short(judge_facts("forwarded_allow_ips_any", servers), "high") == expected


@pytest.mark.parametrize(
    ("believed", "expected"), [(True, ["high proven unit shop.service forwarded_allow_ips"]), (False, ["passed"])]
)
def test_asked_directly(believed: bool, expected: list[str]) -> None:
    port = make(
        PortSeen,
        {
            "address": "198.51.100.10", "port": 8000, "state": "open", "speaks": "http", "is_app": True,
            "secure_by_header": believed,
            "exchanges": [edgekit.exchange("GET http://198.51.100.10:8000/", 200)],
        },
    )  # fmt: skip
    found = judge_facts("forwarded_allow_ips_any", trusting("0.0.0.0:8000"), DirectPorts((port,)))
    assert short(found, "high") == expected


ANYBODY = "set_real_ip_from 0.0.0.0/0; real_ip_header X-Forwarded-For;"


@pytest.mark.parametrize(
    ("real_ip", "proof"), [("203.0.113.9", "proven"), ("198.51.100.99", "inferred"), (None, "inferred")]
)
def test_the_proxy_takes_the_clients_word(real_ip: str | None, proof: str) -> None:
    nginx = nginx_of(https(f"location / {{ {ANYBODY} {HEADERS} {REAL} {PASS} }}"))
    found = judge_facts("forwarded_headers_from_anyone", nginx, live(nginx, "X-Forwarded-For", real_ip=real_ip))
    assert short(found, "high") == [f"high {proof} server shop.example:443 location / set_real_ip_from 0.0.0.0/0"]


@pytest.mark.parametrize(("nginx", "told"), [(None, True), (nginx_of(django("")), False)])
def test_an_open_port_without_a_proxy_names_the_headers_that_are_believed(nginx: Nginx | None, told: bool) -> None:
    facts = [gunicorn("0.0.0.0:8000"), settings(USE_X_FORWARDED_HOST=True), *([nginx] if nginx else [])]
    outcome = judge_facts("app_port_exposed", *facts)
    assert isinstance(outcome, Failed)
    evidence = [one.text for one in outcome.findings[0].evidence]
    assert ("SECURE_PROXY_SSL_HEADER: whoever connects writes X-Forwarded-Proto himself" in evidence) is told
    assert ("USE_X_FORWARDED_HOST: whoever connects writes X-Forwarded-Host himself" in evidence) is told

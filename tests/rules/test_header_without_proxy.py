"""Each clause of the rule about headers that are believed without a proxy."""

from dataclasses import replace

import pytest

from scanner.facts.app_servers import AppServers, Bind
from scanner.facts.compose import Compose, ComposeProject, Port, Service, ServiceRole
from scanner.facts.settings import Settings
from scanner.model import Location, Unknown
from tests.edgekit import DJANGO, gunicorn, https, nginx_of, settings, short
from tests.rulekit import HARDENED, judge_facts, make

PLACE = Location("compose.yml", 3)
NOBODY = settings(SECURE_PROXY_SSL_HEADER=None)
HOST = settings(SECURE_PROXY_SSL_HEADER=None, USE_X_FORWARDED_HOST=True)


def web(host: str = "0.0.0.0", port: int | None = None, **fields: object) -> AppServers:
    server = gunicorn("0.0.0.0:8000", container="web").servers[0]
    bind = Bind(host, port, None, PLACE)
    return AppServers((replace(server, artefact="service web", binds=(bind,), **fields),))  # type: ignore[arg-type]


def compose(target: int | Unknown, *, host: str = "0.0.0.0", edge: bool = False) -> Compose:
    port = Port(host, "80", target, "tcp", PLACE)
    services = [make(Service, {"name": "web", "role": ServiceRole.APP, "location": PLACE, "ports": [port]})]
    if edge:
        services.append(make(Service, {"name": "caddy", "role": ServiceRole.EDGE, "location": PLACE}))
    return Compose((ComposeProject(("compose.yml",), tuple(services), frozenset()),))


UNKNOWN = Unknown("port", PLACE)
FOUND = ["high inferred settings.SECURE_PROXY_SSL_HEADER"]


@pytest.mark.parametrize(
    ("values", "servers", "published", "expected"),
    [
        pytest.param(HARDENED, web(), compose(UNKNOWN), FOUND, id="a port of unknown number"),
        pytest.param(HARDENED, web(port=8000), compose(UNKNOWN), FOUND, id="its target is unknown"),
        pytest.param(HOST, web(), compose(UNKNOWN), ["high inferred settings.USE_X_FORWARDED_HOST"], id="the host"),
        pytest.param(NOBODY, web(), compose(UNKNOWN), ["skipped not-applicable"], id="nothing is believed"),
        pytest.param(HARDENED, web(port=8000), compose(8000), ["passed"], id="the open port is its own finding"),
        pytest.param(HARDENED, web(), compose(UNKNOWN, host="127.0.0.1"), ["passed"], id="published on loopback"),
        pytest.param(HARDENED, web("127.0.0.1"), compose(UNKNOWN), ["passed"], id="bound to loopback"),
        pytest.param(HARDENED, web(platform=True), compose(UNKNOWN), ["passed"], id="a platform's router"),
        pytest.param(HARDENED, web(), compose(UNKNOWN, edge=True), ["skipped not-applicable"], id="another proxy"),
    ],
)
def test_secure_proxy_header_without_proxy(
    values: Settings, servers: AppServers, published: Compose, expected: list[str]
) -> None:
    outcome = judge_facts("secure_proxy_header_without_proxy", values, servers, published)
    assert short(outcome, "high") == expected


def test_nginx_is_a_proxy() -> None:
    nginx = nginx_of(https(DJANGO))
    outcome = judge_facts("secure_proxy_header_without_proxy", HARDENED, web(), compose(UNKNOWN), nginx)
    assert short(outcome, "high") == ["skipped not-applicable"]

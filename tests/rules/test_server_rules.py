"""Each clause of the rules about ports, processes and containers: when they fire, and when they must not."""

from dataclasses import replace
from typing import Any

import pytest

from scanner.facts.app_servers import AppServers, Bind, ServerKind
from scanner.facts.compose import Compose, ComposeProject, Port, Service, ServiceRole
from scanner.facts.compose_types import Volume
from scanner.facts.direct_ports import DirectPorts, PortSeen, PortState
from scanner.facts.dockerfiles import Dockerfile, Dockerfiles
from scanner.facts.unit_types import Exec
from scanner.facts.units import Role, Unit, Units
from scanner.model import Location, Unknown
from tests.edgekit import DJANGO, gunicorn, https, nginx_of, short
from tests.rulekit import exchange, judge_facts, make

UNIT_PLACE = Location("deploy/shop.service", 8)
COMPOSE_PLACE = Location("compose.yml", 3)
NGINX = nginx_of(https(DJANGO))


def service(name: str = "web", role: ServiceRole = ServiceRole.APP, **fields: object) -> Service:
    return make(Service, {"name": name, "role": role, "location": COMPOSE_PLACE, **fields})


def port(target: int | Unknown, published: str = "", host: str = "0.0.0.0") -> Port:
    return Port(host, published, target, "tcp", Location("compose.yml", 5))


def compose(*services: Service) -> Compose:
    return Compose((ComposeProject(("compose.yml",), services, frozenset()),))


def servers(bind: str = "127.0.0.1:8000", **fields: Any) -> AppServers:
    (one,) = gunicorn(bind).servers
    return AppServers((replace(one, **fields),))


def contained(bind: str = "0.0.0.0:8000", **fields: Any) -> AppServers:
    return servers(bind, **{"container": "web", "artefact": "service web", "location": COMPOSE_PLACE, **fields})


def activated(host: str) -> AppServers:
    return servers(binds=(Bind(host, 8000, None, UNIT_PLACE, fd=True),))


def asked(state: PortState, *, is_app: bool = True) -> DirectPorts:
    seen = {"address": "198.51.100.10", "port": 8000, "state": state, "speaks": "http", "is_app": is_app}
    return DirectPorts((make(PortSeen, {**seen, "exchanges": [exchange("GET http://shop.example:8000/ 200")]}),))


PUBLISHED = compose(service(ports=[port(8000, "8000")]))
EDGE = service("proxy", ServiceRole.EDGE, ports=[port(80, "80")])
UNIT = "inferred unit shop.service"
SERVICE = "inferred service web"


@pytest.mark.parametrize(
    ("facts", "expected"),
    [
        pytest.param([servers("0.0.0.0:8000"), NGINX], [f"high {UNIT}"], id="all addresses"),
        pytest.param([servers(":::8000"), NGINX], [f"high {UNIT}"], id="all addresses of version 6"),
        pytest.param([servers(":8000"), NGINX], [f"high {UNIT}"], id="no address"),
        pytest.param([servers("203.0.113.7:8000"), NGINX], [f"high {UNIT}"], id="the host's address"),
        pytest.param([servers("0.0.0.0:8000")], [f"medium {UNIT}"], id="no proxy in the repository"),
        pytest.param([servers(), NGINX], ["passed"], id="loopback"),
        pytest.param([servers("unix:/run/shop.sock"), NGINX], ["passed"], id="a unix socket"),
        pytest.param([servers("0.0.0.0:8000", platform=True)], ["passed"], id="a platform routes"),
        pytest.param([servers("0.0.0.0:8000", uwsgi_protocol=True)], ["passed"], id="uwsgi's own protocol"),
        pytest.param([AppServers(())], ["skipped not-applicable"], id="no server"),
        pytest.param([activated("127.0.0.1"), NGINX], ["passed"], id="a socket unit on loopback"),
        pytest.param(
            [servers(binds=(Bind("", None, None, UNIT_PLACE, fd=True),)), NGINX], ["passed"], id="a socket nobody wrote"
        ),
        pytest.param([activated("0.0.0.0"), NGINX], [f"high {UNIT}"], id="a socket unit with a bare port"),
        pytest.param(
            [servers("0.0.0.0:8000"), NGINX, asked(PortState.OPEN)], ["high proven unit shop.service"], id="it answers"
        ),
        pytest.param([servers("0.0.0.0:8000"), NGINX, asked(PortState.REFUSED)], ["passed"], id="it does not answer"),
        pytest.param(
            [servers("0.0.0.0:8000"), NGINX, asked(PortState.OPEN, is_app=False)],
            [f"high {UNIT}"],
            id="someone answers",
        ),
        pytest.param(
            [servers("0.0.0.0:8001"), NGINX, asked(PortState.REFUSED)], [f"high {UNIT}"], id="another port was asked"
        ),
        pytest.param([contained(), compose(service())], ["passed"], id="in a container, not published"),
        pytest.param([contained(), compose(service(expose=[8000]))], ["passed"], id="in a container, exposed"),
        pytest.param([contained(), PUBLISHED], [f"medium {SERVICE}"], id="published, no proxy"),
        pytest.param(
            [contained(), compose(service(ports=[port(8000, "8000")]), EDGE)], [f"high {SERVICE}"], id="published"
        ),
        pytest.param([contained(), PUBLISHED, NGINX], [f"high {SERVICE}"], id="published beside nginx"),
        pytest.param(
            [contained(), compose(service(ports=[port(8000, "8000", "127.0.0.1")]), EDGE)],
            ["passed"],
            id="published on loopback",
        ),
        pytest.param(
            [contained(), compose(service(ports=[port(9000, "9000")]), EDGE)], ["passed"], id="another port published"
        ),
        pytest.param(
            [contained(), compose(service(network_mode="host"), EDGE)], [f"high {SERVICE}"], id="the host's network"
        ),
        pytest.param(
            [contained("127.0.0.1:8000"), compose(service(network_mode="host"), EDGE)],
            ["passed"],
            id="the host's network, loopback",
        ),
        pytest.param(
            [contained(), PUBLISHED, NGINX, asked(PortState.REFUSED)],
            [f"high {SERVICE}"],
            id="what another container's port does was not asked",
        ),
    ],
)
def test_app_port_exposed(facts: list[object], expected: list[str]) -> None:
    assert short(judge_facts("app_port_exposed", *facts), "high") == expected


def store(name: str = "postgresql", *ports: Port, **fields: object) -> Service:
    return service("db", ServiceRole.STORE, store=name, ports=list(ports), **fields)


@pytest.mark.parametrize(
    ("one", "expected"),
    [
        pytest.param(store("postgresql", port(5432, "5432")), ["high inferred service db"], id="published"),
        pytest.param(store("postgresql", port(5432)), ["high inferred service db"], id="a random port"),
        pytest.param(
            store("redis", port(6379, "6379"), password_set=False), ["critical inferred service db"], id="no password"
        ),
        pytest.param(
            store("redis", port(6379, "6379"), password_set=True), ["high inferred service db"], id="a password"
        ),
        pytest.param(store("postgresql", port(5432, "5432", "127.0.0.1")), ["passed"], id="loopback"),
        pytest.param(store("postgresql", expose=[5432]), ["passed"], id="exposed only"),
        pytest.param(store("postgresql", port(5432, "5432"), profiles=["tools"]), ["passed"], id="a profile"),
        pytest.param(store("postgresql", port(15432, "5")), ["high inferred service db"], id="a store's other port"),
        pytest.param(
            service("x", ServiceRole.OTHER, ports=[port(9200, "9200")]),
            ["high inferred service x"],
            id="a store's port",
        ),
        pytest.param(service("x", ServiceRole.OTHER, ports=[port(8080, "8080")]), ["passed"], id="another port"),
        pytest.param(
            store("postgresql", port(5432, "5432", "10.0.0.4"), port(5432, "5433")),
            ["high inferred service db"],
            id="one finding for a store",
        ),
    ],
)
def test_datastore_exposed(one: Service, expected: list[str]) -> None:
    assert short(judge_facts("datastore_exposed", compose(one)), "critical") == expected


OTHER = service("metrics", ServiceRole.OTHER, ports=[port(9121, "9121")])
METRICS = ["medium inferred service metrics"]


@pytest.mark.parametrize(
    ("services", "expected"),
    [
        pytest.param([OTHER, EDGE], METRICS, id="beside the edge"),
        pytest.param([OTHER, service()], METRICS, id="beside the application"),
        pytest.param([OTHER], ["passed"], id="it may be the site itself"),
        pytest.param([replace(OTHER, ports=(port(9121, "9121", "127.0.0.1"),)), EDGE], ["passed"], id="loopback"),
        pytest.param([replace(OTHER, ports=(), expose=(9121,)), EDGE], ["passed"], id="exposed"),
        pytest.param([replace(OTHER, profiles=("debug",)), EDGE], ["passed"], id="a profile"),
        pytest.param([EDGE, service()], ["passed"], id="the edge itself"),
        pytest.param([service(ports=[port(8000, "8000")]), EDGE], ["passed"], id="the application's own rule"),
        pytest.param([store("redis", port(6379, "6379")), EDGE], ["passed"], id="the store's own rule"),
        pytest.param([replace(OTHER, ports=(port(6379, "6379"),)), EDGE], ["passed"], id="a store's port"),
        pytest.param([replace(OTHER, role=ServiceRole.ADMIN_TOOL), EDGE], ["passed"], id="a tool's own rule"),
        pytest.param([replace(OTHER, ports=(port(8000, "80"),)), service()], ["passed"], id="the web's port, no edge"),
        pytest.param([replace(OTHER, ports=(port(8000, "80"),)), EDGE], METRICS, id="the web's port beside the edge"),
        pytest.param(
            [replace(OTHER, ports=(port(8000, "80"),)), replace(EDGE, ports=())],
            ["passed"],
            id="the web's port before an inner proxy",
        ),
    ],
)
def test_container_port_published(services: list[Service], expected: list[str]) -> None:
    assert short(judge_facts("container_port_published", compose(*services)), "high") == expected


def units(**fields: object) -> Units:
    usual = {
        "path": UNIT_PLACE.path,
        "name": "shop.service",
        "kind": "service",
        "role": Role.APP,
        "execs": [Exec("ExecStart", "", ("/venv/bin/gunicorn", "shop.wsgi"), UNIT_PLACE)],
        "location": Location(UNIT_PLACE.path, 4),
    }
    return Units((make(Unit, {**usual, **fields}),))


def started(prefix: str) -> dict[str, object]:
    return {"execs": [Exec("ExecStart", prefix, ("/venv/bin/gunicorn",), UNIT_PLACE)]}


ROOT = [f"high {UNIT}"]
UWSGI: dict[str, Any] = {"kind": ServerKind.UWSGI, "user": None}


@pytest.mark.parametrize(
    ("facts", "expected"),
    [
        pytest.param([units()], ROOT, id="no User="),
        pytest.param([units(user="root")], ROOT, id="root"),
        pytest.param([units(user="0")], ROOT, id="by number"),
        pytest.param([units(user="shop")], ["passed"], id="its own user"),
        pytest.param([units(user="www-data")], ["passed"], id="the web's user"),
        pytest.param([units(dynamic_user=True)], ["passed"], id="DynamicUser"),
        pytest.param([units(user="shop", **started("+"))], ROOT, id="a plus gives root back"),
        pytest.param([units(user="shop", **started("!"))], ROOT, id="a mark gives root back"),
        pytest.param([units(user="shop", **started("!!"))], ROOT, id="two marks give root back"),
        pytest.param([units(dynamic_user=True, **started("+"))], ROOT, id="a plus beside DynamicUser"),
        pytest.param([units(user="shop", **started("-@"))], ["passed"], id="harmless prefixes"),
        pytest.param([units(role=Role.CELERY)], ROOT, id="celery"),
        pytest.param([units(role=Role.MANAGE)], ROOT, id="manage.py"),
        pytest.param([units(role=Role.HELPER)], ROOT, id="another program of the project"),
        pytest.param([units(role=Role.HELPER, service_type="oneshot")], [f"info {UNIT}"], id="a helper that ends"),
        pytest.param([units(role=Role.PROXY)], ["skipped not-applicable"], id="nginx's own unit"),
        pytest.param([units(role=Role.UNKNOWN)], ["skipped not-applicable"], id="a system's program"),
        pytest.param([units(user_unit=True)], ["skipped not-applicable"], id="a user's unit"),
        pytest.param([units(container="web")], ["skipped not-applicable"], id="in a container"),
        pytest.param([units(kind="socket", execs=[])], ["skipped not-applicable"], id="a socket"),
        pytest.param([units(user=Unknown("is a template", UNIT_PLACE))], ["skipped unknown"], id="a template"),
        pytest.param([units(kind="supervisor", user=None)], ROOT, id="supervisor's program"),
        pytest.param([units(), servers(**UWSGI, drops_user="www")], ["passed"], id="uWSGI drops all of itself"),
        pytest.param([units(), servers(**UWSGI, drops_user="root")], ROOT, id="uWSGI stays root"),
        pytest.param([units(), servers(drops_user="www")], [f"medium {UNIT}"], id="only Gunicorn's master is root"),
        pytest.param([units(), servers(drops_user=None)], ROOT, id="Gunicorn is root"),
    ],
)
def test_service_runs_as_root(facts: list[object], expected: list[str]) -> None:
    assert short(judge_facts("service_runs_as_root", *facts), "high") == expected


def image(user: str | Unknown | None = None, **fields: object) -> Dockerfiles:
    usual = {
        "path": "Dockerfile",
        "user": user,
        "user_location": Location("Dockerfile", 2),
        "base_user_known": True,
        "serves_app": True,
    }
    return Dockerfiles((make(Dockerfile, {**usual, **fields}),))


def built(**fields: Any) -> Compose:
    return compose(service(dockerfile="Dockerfile", **fields))


ALONE = ["high inferred Dockerfile Dockerfile"]
BOUND = Volume("media", "/media", read_only=False, bind=True, location=COMPOSE_PLACE)


@pytest.mark.parametrize(
    ("facts", "expected"),
    [
        pytest.param([image()], ALONE, id="no USER"),
        pytest.param([image("root")], ALONE, id="root"),
        pytest.param([image("0")], ALONE, id="by number"),
        pytest.param([image("0:0")], ALONE, id="with a group"),
        pytest.param([image("root:app")], ALONE, id="root with another group"),
        pytest.param([image("app")], ["passed"], id="another user"),
        pytest.param([image("1000:1000")], ["passed"], id="another number"),
        pytest.param([image(drops_privileges=True)], ["passed"], id="dropped by the entry point"),
        pytest.param([image(serves_app=False)], ["skipped not-applicable"], id="no image of the application"),
        pytest.param([image(base_user_known=False)], ["info inferred Dockerfile Dockerfile"], id="an unknown base"),
        pytest.param([image(Unknown("has no value"))], ["skipped unknown"], id="a variable"),
        pytest.param([image(), built()], ["medium inferred service web"], id="nothing published or mounted"),
        pytest.param([image(), built(ports=[port(8000, "8000")])], ["high inferred service web"], id="published"),
        pytest.param(
            [image(), built(ports=[port(8000, "8000", "127.0.0.1")])], ["medium inferred service web"], id="loopback"
        ),
        pytest.param([image(), built(volumes=[BOUND])], ["high inferred service web"], id="a host's directory"),
        pytest.param([image(), built(user="1000")], ["passed"], id="compose sets another user"),
        pytest.param([image(), built(user="0:0")], ["medium inferred service web"], id="compose sets root"),
        pytest.param([image(), built(user=Unknown("unset"))], ["passed"], id="compose sets what nobody knows"),
        pytest.param(
            [image(), compose(service(dockerfile="Dockerfile", user="app"), service("b", dockerfile="Dockerfile"))],
            ["medium inferred service b"],
            id="one of two services stays root",
        ),
    ],
)
def test_container_runs_as_root(facts: list[object], expected: list[str]) -> None:
    assert short(judge_facts("container_runs_as_root", *facts), "high") == expected

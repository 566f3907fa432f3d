"""Facts in, plan out: the fixture projects and small ones made here."""

import dataclasses
import json
from pathlib import Path

import pytest

from scanner.facts.app_servers import ServerKind
from scanner.facts.boot_plan import Override
from scanner.facts.live_stack import Edge, PlacementKind
from scanner.facts.settings import MiddlewareClass
from scanner.facts.topology import PeerKind, TlsEnd
from scanner.sandbox.interface import Installed
from scanner.stack.app_plan import AppPlan
from scanner.stack.certificates import Authority
from scanner.stack.group import Surroundings, group_of
from scanner.stack.overlay import project_root, reference_root
from scanner.stack.plan import StackPlan, make_plan
from scanner.stack.proxy_plan import NoProxy, ProxyPlan
from scanner.stack.proxy_source import DEFAULT_SITE
from scanner.stack.readiness import candidates_of
from tests.stack.facts import NONCE, boot_plan, gunicorn, inputs, settings, topology, with_compose

CONF = "server {{ listen 80; server_name shop.example; {} location / {{ proxy_pass http://{}; }} }}"


def checkout(root: Path, conf: str | None, **files: str) -> Path:
    (root / "manage.py").write_text(
        "import os\nfrom django.core.management import execute_from_command_line\n"
        "os.environ.setdefault('DJANGO_SETTINGS_MODULE', 'shop.settings')\nexecute_from_command_line()\n"
    )
    (root / "shop").mkdir()
    for name in ("__init__", "settings", "wsgi"):
        (root / "shop" / f"{name}.py").write_text("")
    if conf is not None:
        (root / "deploy" / "nginx").mkdir(parents=True)
        (root / "deploy" / "nginx" / "shop.conf").write_text(conf)
    for name, text in files.items():
        (root / name).write_text(text)
    return root


def own(plan: StackPlan) -> ProxyPlan:
    assert isinstance(plan.proxy, ProxyPlan), plan.proxy
    return plan.proxy


def app(plan: StackPlan) -> AppPlan:
    assert isinstance(plan.app, AppPlan), plan.app
    return plan.app


def test_same_host(tmp_path: Path) -> None:
    root = checkout(tmp_path, CONF.format("location /static/ { alias /srv/shop/static/; }", "127.0.0.1:8000"))
    plan = make_plan(
        inputs(
            root,
            topology=topology(PeerKind.LOOPBACK, gunicorn(), "127.0.0.1:8000"),
            settings=settings(STATIC_ROOT="/srv/shop/static", MEDIA_ROOT="/srv/shop/media"),
        )
    )
    assert plan.placement.kind is PlacementKind.SAME_HOST_TCP
    assert plan.site.name == "shop.example"
    assert plan.site.edge is Edge.NONE
    assert app(plan).writable == ("/srv/shop/static", "/srv/shop/media")
    assert app(plan).collect is None
    assert {canary.purpose for canary in own(plan).canaries} == {"static", "media", "secret", "served", "parent"}
    assert own(plan).assumed == ()
    assert [door.port for door in plan.doors] == [80]
    assert [candidate.prefix for candidate in candidates_of(plan, own_proxy=True, doors=plan.doors)] == [""]


def test_no_proxy(tmp_path: Path) -> None:
    target = topology(PeerKind.NONE, gunicorn(), tls_ends=TlsEnd.BEFORE, platform="Procfile")
    plan = make_plan(inputs(checkout(tmp_path, None), topology=target, settings=settings()))
    assert plan.proxy == NoProxy("no proxy configuration in the repository")
    assert plan.placement.kind is PlacementKind.NO_PROXY
    assert plan.placement.same_as_target
    assert plan.site.edge is Edge.NONE, "our own proxy is the edge"
    assert {door.scheme for door in plan.doors} == {"http", "https"}
    assert len(candidates_of(plan, own_proxy=False, doors=plan.doors)) == 2


def test_a_template_is_not_started(tmp_path: Path) -> None:
    root = checkout(
        tmp_path, "server { listen 80; server_name ${DOMAIN}; location / { proxy_pass http://127.0.0.1:8000; } }"
    )
    target = topology(PeerKind.LOOPBACK, gunicorn(), "127.0.0.1:8000")
    plan = make_plan(inputs(root, topology=target, settings=settings()))
    assert isinstance(plan.proxy, NoProxy)
    assert "template, not checked" in plan.proxy.why
    assert "deploy/nginx/shop.conf:1" in plan.proxy.why


def test_a_command_that_nobody_wrote_listens_where_the_proxy_asks(tmp_path: Path) -> None:
    root = checkout(tmp_path, CONF.format("", "127.0.0.1:9001"))
    target = topology(PeerKind.LOOPBACK, None, "127.0.0.1:9001")
    command = app(make_plan(inputs(root, topology=target, settings=settings()))).command
    assert command.argv[:4] == ("gunicorn", "shop.wsgi:application", "--bind", "127.0.0.1:9001")
    assert not command.own


def test_uwsgi_is_started_with_the_environments_own_home(tmp_path: Path) -> None:
    argv = ("uwsgi", "--ini", "uwsgi.ini", "-H", "/srv/venv", "--daemonize", "/var/log/u.log", "--uid", "www-data")
    server = dataclasses.replace(gunicorn(), kind=ServerKind.UWSGI, argv=argv, uwsgi_protocol=True)
    target = topology(PeerKind.LOOPBACK, server, "127.0.0.1:8000")
    conf = "server { listen 80; location / { include uwsgi_params; uwsgi_pass 127.0.0.1:8000; } }"
    plan = make_plan(inputs(checkout(tmp_path, conf), topology=target, settings=settings()))
    command = app(plan).command
    assert command.argv == ("uwsgi", "--ini", "uwsgi.ini")
    assert (command.home, command.uwsgi) == (True, True)
    assert [one.prefix for one in candidates_of(plan, own_proxy=True, doors=plan.doors)] == [""]


def test_a_socket_in_the_projects_directory_moves(tmp_path: Path) -> None:
    path = "/srv/shop/shop.sock"
    root = checkout(tmp_path, CONF.format("", f"unix:{path}"))
    server = gunicorn("--bind", f"unix:{path}", at=f"unix:{path}")
    target = topology(PeerKind.UNIX, server, f"unix:{path}")
    plan = make_plan(inputs(root, topology=target, settings=settings()))
    assert plan.links == {path: "/run/seatrial/shop.sock"}
    assert app(plan).shared == ("/run/seatrial",)
    assert app(plan).command.binds[0].path == "/run/seatrial/shop.sock"


def test_a_socket_elsewhere_stays(tmp_path: Path) -> None:
    root = checkout(tmp_path, CONF.format("", "unix:/run/shop/g.sock"))
    server = gunicorn("--bind", "unix:/run/shop/g.sock", at="unix:/run/shop/g.sock")
    plan = make_plan(
        inputs(root, topology=topology(PeerKind.UNIX, server, "unix:/run/shop/g.sock"), settings=settings())
    )
    assert plan.links == {}
    assert app(plan).shared == ("/run/shop",)


@pytest.mark.parametrize(
    ("middleware", "storage", "expected"),
    [
        ((), "django.contrib.staticfiles.storage.StaticFilesStorage", False),
        ((), "django.contrib.staticfiles.storage.ManifestStaticFilesStorage", True),
        (("whitenoise.middleware.WhiteNoiseMiddleware",), "x", True),
    ],
)
def test_static_files_are_collected_where_the_application_needs_them(
    tmp_path: Path, middleware: tuple[str, ...], storage: str, *, expected: bool
) -> None:
    known = settings(STATIC_ROOT="/srv/shop/static", STORAGES={"staticfiles": {"BACKEND": storage}})
    known = dataclasses.replace(known, middleware=tuple(MiddlewareClass(one, ()) for one in middleware))
    target = topology(PeerKind.LOOPBACK, gunicorn(), "127.0.0.1:8000")
    plan = make_plan(inputs(checkout(tmp_path, None), topology=target, settings=known))
    assert bool(app(plan).collect) is expected


def test_hosts_of_settings_resolve_at_once(tmp_path: Path) -> None:
    known = settings(
        DATABASES={"default": {"ENGINE": "x", "HOST": "db.internal"}},
        CACHES={"default": {"LOCATION": ["redis://:pw@cache.internal:6379/1"]}},
        ALLOWED_HOSTS=["shop.example"],
    )
    target = topology(PeerKind.LOOPBACK, gunicorn(), "127.0.0.1:8000")
    hosts = make_plan(inputs(checkout(tmp_path, None), topology=target, settings=known)).placement.hosts
    assert hosts["db.internal"] == hosts["cache.internal"] == "127.0.0.1"


def test_the_group(tmp_path: Path) -> None:
    conf = CONF.format("location /static/ { alias /srv/shop/static/; }", "unix:/run/shop/g.sock")
    root = checkout(tmp_path, conf)
    server = dataclasses.replace(
        gunicorn("--bind", "unix:/run/shop/g.sock", at="unix:/run/shop/g.sock"),
        environment={"PATH": "/venv/bin", "WEB_CONCURRENCY": "9", "SECRET": None, "PYTHONPATH": "/srv/lib"},
    )
    boot = dataclasses.replace(
        boot_plan("/srv/shop", {"SECRET_KEY": "k"}), overrides=(Override("LOGGING_CONFIG", "null", "why"),)
    )
    known = inputs(
        root,
        topology=topology(PeerKind.UNIX, server, "unix:/run/shop/g.sock"),
        settings=settings(STATIC_ROOT="/srv/shop/static"),
        boot=boot,
    )
    plan = make_plan(known)
    proxy = own(plan)
    root_of_proxy = project_root(
        proxy.source.sources,
        proxy.source.tree,
        proxy.needs,
        Authority.make(NONCE),
        plan.certificate_names,
        proxy.canaries,
    )
    around = Surroundings(known.project, known.options, boot, Installed("local", "x", "/p", "3.13.5"), NONCE)
    group = group_of(root_of_proxy, app(plan), plan.placement, around, hooked=True)
    assert [process.role for process in group.processes] == ["app", "proxy", "prober"]
    assert group.wired == ("prober",)
    first, second, _ = group.processes
    assert first.shared == second.shared == ("/run/shop",)
    assert "PATH" not in first.environment
    assert "SECRET" not in first.environment
    assert first.environment["WEB_CONCURRENCY"] == "9"
    assert first.environment["SEATRIAL_NONCE"] == NONCE
    assert first.environment["PYTHONPATH"] == "/opt/seatrial-stack/hook:/srv/shop:/srv/lib"
    assert json.loads(first.environment["SEATRIAL_OVERRIDES"]) == {"LOGGING_CONFIG": None}
    order = json.loads(next(file.content for file in first.files if file.target.endswith("launch.json")))
    assert order["argv"][0] == "gunicorn"
    assert order["manage"]["path"] == "/srv/shop/manage.py"
    assert order["files"] == [{"path": f"/srv/shop/static/seatrial-{NONCE}.css", "text": f"app {NONCE}"}]
    assert first.copies[0].names is not None
    assert set(first.copies[0].names) >= {"manage.py", "shop/settings.py"}
    assert (
        "SEATRIAL_NONCE"
        not in group_of(root_of_proxy, app(plan), plan.placement, around, hooked=False).processes[0].environment
    )
    alone = group_of(
        reference_root("127.0.0.1:8000", Authority.make(NONCE), ()), None, plan.fallback, around, hooked=True
    )
    assert [process.role for process in alone.processes] == ["proxy", "prober"]


def test_an_administrator_behind_an_access_rule_is_no_candidate(tmp_path: Path) -> None:
    conf = CONF.format("location /admin/ { deny all; proxy_pass http://127.0.0.1:8000; }", "127.0.0.1:8000")
    target = topology(PeerKind.LOOPBACK, gunicorn(), "127.0.0.1:8000")
    plan = make_plan(inputs(checkout(tmp_path, conf), topology=target, settings=settings()))
    assert [one.prefix for one in candidates_of(plan, own_proxy=True, doors=plan.doors)] == [""]


def test_only_a_prefix_is_proxied(tmp_path: Path) -> None:
    conf = "server { listen 80; root /srv/www; location /api/ { proxy_pass http://127.0.0.1:8000; } }"
    target = topology(PeerKind.LOOPBACK, gunicorn(), "127.0.0.1:8000")
    plan = make_plan(inputs(checkout(tmp_path, conf), topology=target, settings=settings()))
    assert [one.prefix for one in candidates_of(plan, own_proxy=True, doors=plan.doors)] == ["/api"]


def test_directories_lie_where_production_has_them(tmp_path: Path) -> None:
    root = checkout(tmp_path, CONF.format("location /static/ { alias /app/staticfiles/; }", "127.0.0.1:8000"))
    target = topology(PeerKind.LOOPBACK, gunicorn(), "127.0.0.1:8000", path_map={"/app": "backend"})
    known = inputs(
        root,
        topology=target,
        settings=settings(STATIC_ROOT="/app/backend/staticfiles"),
        boot=dataclasses.replace(boot_plan("/app", {}), directory="/app/backend"),
    )
    plan = make_plan(known)
    assert f"/app/staticfiles/seatrial-{NONCE}.css" in {canary.path for canary in own(plan).canaries}
    assert app(plan).canaries[0].path == f"/app/backend/staticfiles/seatrial-{NONCE}.css", (
        "the sandbox has its own place"
    )
    assert known.in_checkout("/app/x") == "backend/x"


COMPOSE = """
services:
  nginx:
    image: {image}
    volumes:
      - {volume}
  web:
    build: .
"""


@pytest.mark.parametrize(
    ("image", "volume", "stays"),
    [
        ("nginx:1.28", "./deploy/nginx/shop.conf:/etc/nginx/conf.d/shop.conf:ro", True),
        ("docker.io/library/nginx", "./deploy/nginx/shop.conf:/etc/nginx/conf.d/shop.conf", True),
        ("nginx:1.28", "./deploy/nginx/shop.conf:/etc/nginx/conf.d/default.conf:ro", False),
        ("nginx:1.28", "./deploy/nginx:/etc/nginx/conf.d:ro", False),
        ("jwilder/nginx-proxy", "./deploy/nginx/shop.conf:/etc/nginx/conf.d/shop.conf", False),
    ],
)
def test_the_official_images_own_site_stays_beside_single_files(
    tmp_path: Path, image: str, volume: str, *, stays: bool
) -> None:
    files = {"compose.yml": COMPOSE.format(image=image, volume=volume)}
    root = checkout(tmp_path, CONF.format("", "web:8000"), **files)
    target = topology(PeerKind.OTHER, gunicorn(at="0.0.0.0:8000", container="web"), "web:8000")
    proxy = own(make_plan(with_compose(inputs(root, topology=target, settings=settings()))))
    assert (DEFAULT_SITE in proxy.source.image) is stays
    assert (proxy.configuration.server_for("*", 80, "evil.test") is proxy.configuration.servers[0]) is True
    first = proxy.configuration.servers[0].names[0].text
    assert first == ("localhost" if stays else "shop.example"), "who answers for foreign names"
    assert [door.location is None for door in proxy.doors] == [stays]


@pytest.mark.parametrize(
    ("passing", "starts"),
    [
        ("set $up http://web:8000; proxy_pass $up;", False),
        ("resolver 127.0.0.11; set $up web; proxy_pass http://$up:8000;", False),
        ("set $up 127.0.0.1; proxy_pass http://$up:8000;", True),
        ("proxy_pass http://127.0.0.1:8000$request_uri;", True),
        ("proxy_pass http://127.0.0.1:8000;", True),
    ],
)
def test_a_host_that_is_looked_up_at_run_time_is_not_checked(tmp_path: Path, passing: str, *, starts: bool) -> None:
    root = checkout(tmp_path, f"server {{ listen 80; location / {{ {passing} }} }}")
    target = topology(PeerKind.OTHER, gunicorn(at="0.0.0.0:8000"), "web:8000")
    plan = make_plan(inputs(root, topology=target, settings=settings()))
    assert isinstance(plan.proxy, ProxyPlan) is starts
    if isinstance(plan.proxy, NoProxy):
        assert plan.proxy.why.startswith("not checked: ")
        assert "deploy/nginx/shop.conf:1" in plan.proxy.why

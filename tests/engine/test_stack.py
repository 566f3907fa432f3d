"""The stack on a real engine: every placement, with and without SECURE_PROXY_SSL_HEADER, and what goes wrong.

The table is that of the documentation: gunicorn believes X-Forwarded-Proto of a peer on loopback or a unix socket by
itself, so Django sees https there either way; of a peer in another container it does not, so Django sees https only
through SECURE_PROXY_SSL_HEADER, and without it redirects every page to itself.
"""

import contextlib
import dataclasses
import json
from collections.abc import Iterator, Mapping
from pathlib import Path

import pytest

from scanner.facts.app_servers import AppServer, Bind, ServerKind
from scanner.facts.boot_plan import BootPlan
from scanner.facts.live_stack import LiveStack, PlacementKind
from scanner.facts.topology import PeerKind
from scanner.model import Cause, Door, NoResponse, Reads, Request, Response, Silent
from scanner.sandbox.docker import DockerEngine
from scanner.sandbox.interface import Dependencies, Engine, Installed, InstallFailed
from scanner.sandbox.local import LocalEngine
from scanner.stack.inputs import Inputs
from scanner.stack.live import Session, session
from scanner.stack.plan import make_plan
from tests.stack.facts import PLACE, boot_plan, gunicorn, inputs, settings, topology

SETTINGS = """
import os
SECRET_KEY = os.environ["SECRET_KEY"]
ALLOWED_HOSTS = ["shop.example"]
ROOT_URLCONF = "shop.urls"
WSGI_APPLICATION = "shop.wsgi.application"
INSTALLED_APPS = ["django.contrib.staticfiles", "django.contrib.sessions"]
MIDDLEWARE = (
    "django.middleware.security.SecurityMiddleware",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
)
SECURE_SSL_REDIRECT = True
SESSION_COOKIE_SECURE = CSRF_COOKIE_SECURE = True
STATIC_URL = "/static/"
STATIC_ROOT = "/srv/shop/static"
if os.environ.get("HEADER"):
    SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https")
"""
FILES = {
    "manage.py": (
        "import os, sys\nfrom django.core.management import execute_from_command_line\n"
        "os.environ.setdefault('DJANGO_SETTINGS_MODULE', 'shop.settings')\nexecute_from_command_line(sys.argv)\n"
    ),
    "shop/__init__.py": "",
    "shop/settings.py": SETTINGS,
    "shop/urls.py": (
        "from django.http import HttpResponse\nfrom django.urls import path\n"
        "urlpatterns = [path('', lambda request: HttpResponse('home'))]\n"
    ),
    "shop/wsgi.py": "from django.core.wsgi import get_wsgi_application\napplication = get_wsgi_application()\n",
    "shop/asgi.py": "from django.core.asgi import get_asgi_application\napplication = get_asgi_application()\n",
}
CONF = """
server {{
    listen 80;
    listen 443 ssl;
    server_name shop.example;
    ssl_certificate /etc/ssl/shop/full.pem;
    ssl_certificate_key /etc/ssl/shop/key.pem;
    {more}
    location /static/ {{ alias /srv/shop/static/; }}
    location / {{
        proxy_set_header Host $host;
        proxy_set_header X-Forwarded-Proto $scheme;
        proxy_pass http://{upstream};
    }}
}}
"""
UPSTREAMS = {
    PeerKind.LOOPBACK: ("127.0.0.1:8000", "127.0.0.1:8000"),
    PeerKind.UNIX: ("unix:/run/shop/gunicorn.sock", "unix:/run/shop/gunicorn.sock"),
    PeerKind.OTHER: ("web:8000", "0.0.0.0:8000"),
}


@dataclasses.dataclass
class Bench:
    """An engine with an environment that has Django and the servers."""

    engine: Engine
    installed: Installed


def installed_or_skipped(engine: Engine, wanted: Dependencies) -> Installed:
    """The environment; a machine without that Python cannot run these tests on the local engine."""
    try:
        return engine.install(wanted, Silent())
    except InstallFailed as error:
        if error.message.startswith("needs Python"):
            pytest.skip(error.message)
        raise


@pytest.fixture(
    scope="module",
    params=[
        pytest.param("docker", marks=pytest.mark.docker),
        pytest.param("local", marks=pytest.mark.local),
    ],
)
def bench(request: pytest.FixtureRequest, ca_bundle: Path | None, index_url: str | None) -> Iterator[Bench]:
    engine: Engine = DockerEngine() if request.param == "docker" else LocalEngine()
    try:
        engine.check()
        wanted = Dependencies(
            "3.13", ("django==5.2.*", "gunicorn==23.*", "uvicorn"), index_url=index_url, ca_bundle=ca_bundle
        )
        yield Bench(engine, installed_or_skipped(engine, wanted))
    finally:
        engine.close()


def project(root: Path, upstream: str, more: str = "", **files: str) -> Path:
    conf = {"deploy/nginx/shop.conf": CONF.format(upstream=upstream, more=more)}
    for name, text in {**FILES, **conf, **files}.items():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text(text)
    return root


def facts(
    root: Path, peer: PeerKind, server: AppServer | None, upstream: str, environment: Mapping[str, str] | None = None
) -> Inputs:
    variables = {"SECRET_KEY": "fixture-" + "k3Vw81" * 9, **(environment or {})}
    plan: BootPlan = boot_plan("/srv/shop/app", variables)
    known = inputs(
        root,
        topology=topology(peer, server, upstream),
        settings=settings(STATIC_ROOT="/srv/shop/static"),
        boot=plan,
    )
    return dataclasses.replace(known, nonce="0a1b2c3d4e5f6071")


@contextlib.contextmanager
def started(bench: Bench, known: Inputs) -> Iterator[Session]:
    with contextlib.ExitStack() as cleanup:
        yield session(
            make_plan(known),
            known.project,
            known.options,
            bench.engine,
            Silent(),
            known.boot,
            bench.installed,
            cleanup,
        )


def get(live: LiveStack, scheme: str, path: str, host: str = "shop.example") -> Response:
    door = live.door(scheme)
    assert door is not None
    raw = f"GET {path} HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\r\n".encode()
    answer = live.sender.send("test", Request(door, raw, sni="shop.example")).answer
    assert isinstance(answer, Response), answer
    return answer


def echo(live: LiveStack, scheme: str = "https") -> dict[str, object]:
    answer = get(live, scheme, f"/__seatrial_{live.nonce}/echo")
    assert answer.status == 200, answer
    found = json.loads(answer.body)
    assert isinstance(found, dict)
    return found


@pytest.mark.parametrize("header", [True, False], ids=["header set", "header unset"])
@pytest.mark.parametrize("peer", list(UPSTREAMS), ids=lambda peer: peer.value)
def test_placements(bench: Bench, tmp_path: Path, peer: PeerKind, *, header: bool) -> None:
    upstream, listens = UPSTREAMS[peer]
    server = gunicorn("--bind", listens, at=listens, container="web" if peer is PeerKind.OTHER else None)
    environment = {"HEADER": "1"} if header else {}
    known = facts(project(tmp_path, upstream), peer, server, upstream, environment)
    with started(bench, known) as result:
        live = result.live
        assert (live.app_ready, live.proxy_ready, live.instrumented, live.own_proxy) == (True, True, True, True), live
        assert live.same_as_target
        assert result.test is not None
        assert (result.test.accepted, result.test.messages) == (True, ())
        assert get(live, "https", f"/static/seatrial-{live.nonce}.css").body == f"proxy {live.nonce}".encode()
        home = get(live, "https", "/")
        if peer is PeerKind.OTHER and not header:
            assert (home.status, home.value("Location")) == (301, "https://shop.example/"), "it redirects to itself"
            return
        assert (home.status, home.body) == (200, b"home")
        seen = echo(live)
        expected = {PeerKind.LOOPBACK: "127.0.0.1", PeerKind.UNIX: "", PeerKind.OTHER: "172.18.0.5"}[peer]
        assert (seen["secure"], seen["remote_addr"], seen["host"]) == (True, expected, "shop.example")
        assert get(live, "http", "/").status == 301


def test_the_prober_is_alone_with_its_address(bench: Bench, tmp_path: Path) -> None:
    more = "location = /who { return 200 $remote_addr; }"
    server = gunicorn("--bind", "127.0.0.1:8000")
    known = facts(project(tmp_path, "127.0.0.1:8000", more), PeerKind.LOOPBACK, server, "127.0.0.1:8000")
    with started(bench, known) as result:
        live = result.live
        assert get(live, "http", "/who").body == live.prober_address.encode()
        outside = Request(Door("http", "192.0.2.1", 80), b"", reads=Reads.CONNECT_ONLY)
        answer = live.sender.send("test", outside).answer
        assert isinstance(answer, NoResponse)
        assert answer.cause is not Cause.CONNECTED


def test_nginx_refuses(bench: Bench, tmp_path: Path) -> None:
    server = gunicorn("--bind", "127.0.0.1:8000")
    known = facts(project(tmp_path, "127.0.0.1:8000", "listn 81;"), PeerKind.LOOPBACK, server, "127.0.0.1:8000")
    with started(bench, known) as result:
        assert result.test is not None
        assert not result.test.accepted
        (message,) = result.test.messages
        assert (message.text, str(message.location)) == ('unknown directive "listn"', "deploy/nginx/shop.conf:8")
        assert result.live.placement is PlacementKind.NO_PROXY
        assert result.live.app_ready
        assert echo(result.live)["secure"] is True


def test_a_directive_that_is_not_here(bench: Bench, tmp_path: Path) -> None:
    server = gunicorn("--bind", "127.0.0.1:8000")
    more = "brotli on; brotli_types text/css; pagespeed on;"
    known = facts(project(tmp_path, "127.0.0.1:8000", more), PeerKind.LOOPBACK, server, "127.0.0.1:8000")
    with started(bench, known) as result:
        assert result.test is not None
        assert result.test.accepted
        assert len([stub for stub in result.test.stubs if stub.kind == "not-checked"]) == 3
        assert result.live.own_proxy
        assert get(result.live, "https", "/").body == b"home"


def test_an_application_that_does_not_start(bench: Bench, tmp_path: Path) -> None:
    broken = {"shop/wsgi.py": "import os\nraise RuntimeError('no ' + os.environ['SECRET_KEY'])\n"}
    server = gunicorn("--bind", "127.0.0.1:8000")
    root = project(tmp_path, "127.0.0.1:8000", **broken)
    with started(bench, facts(root, PeerKind.LOOPBACK, server, "127.0.0.1:8000")) as result:
        live = result.live
        assert (live.app_ready, live.proxy_ready, live.instrumented) == (False, True, False)
        assert live.app_error.startswith("RuntimeError: no <SECRET_KEY>, shop/wsgi.py:2")
        assert get(live, "https", f"/static/seatrial-{live.nonce}.css").status == 200, "the proxy is still judged"


def test_a_port_that_both_want(bench: Bench, tmp_path: Path) -> None:
    server = gunicorn("--bind", "0.0.0.0:8080", at="0.0.0.0:8080")
    root = project(tmp_path, "127.0.0.1:8080", "listen 8080;")
    with started(bench, facts(root, PeerKind.LOOPBACK, server, "127.0.0.1:8080")) as result:
        assert not (result.live.app_ready and result.live.own_proxy), "one of them cannot have it"
        told = f"{result.live.app_error} {result.test.our_cause if result.test else ''}"
        assert "8080" in told or "in use" in told, told


def test_a_socket_beside_manage_py(bench: Bench, tmp_path: Path) -> None:
    path = "unix:/srv/shop/app/shop.sock"
    server = gunicorn("--bind", path, at=path)
    with started(bench, facts(project(tmp_path, path), PeerKind.UNIX, server, path)) as result:
        assert echo(result.live)["remote_addr"] == ""


def test_socket_activation(bench: Bench, tmp_path: Path) -> None:
    path = "/run/shop/gunicorn.sock"
    server = dataclasses.replace(gunicorn(), binds=(Bind("", None, path, PLACE, fd=True),))
    with started(bench, facts(project(tmp_path, f"unix:{path}"), PeerKind.UNIX, server, f"unix:{path}")) as result:
        assert echo(result.live)["secure"] is True


def test_a_socket_under_var_run(bench: Bench, tmp_path: Path) -> None:
    path = "unix:/var/run/shop/gunicorn.sock"
    server = gunicorn("--bind", path, at=path)
    with started(bench, facts(project(tmp_path, path), PeerKind.UNIX, server, path)) as result:
        assert echo(result.live)["secure"] is True


def test_asgi(bench: Bench, tmp_path: Path) -> None:
    server = dataclasses.replace(
        gunicorn(),
        kind=ServerKind.UVICORN,
        argv=("uvicorn", "shop.asgi:application", "--host", "127.0.0.1", "--port", "8000", "--workers", "4"),
    )
    with started(
        bench, facts(project(tmp_path, "127.0.0.1:8000"), PeerKind.LOOPBACK, server, "127.0.0.1:8000")
    ) as result:
        seen = echo(result.live)
        assert (seen["asgi"], seen["secure"]) == (True, True)


def test_no_proxy_at_all(bench: Bench, tmp_path: Path) -> None:
    root = project(tmp_path, "x")
    (root / "deploy/nginx/shop.conf").unlink()
    server = dataclasses.replace(
        gunicorn("--bind", "0.0.0.0:$PORT"), platform=True, binds=(Bind("0.0.0.0", None, None, PLACE),)
    )
    known = facts(root, PeerKind.NONE, server, "")
    known = dataclasses.replace(known, topology=dataclasses.replace(known.topology, upstream=None))
    with started(bench, known) as result:
        live = result.live
        assert (live.app_ready, live.own_proxy, live.placement) == (True, False, PlacementKind.NO_PROXY)
        assert live.app_addresses == ("0.0.0.0:8000",)
        assert echo(live)["secure"] is True
        assert get(live, "http", "/").status == 301


def test_cookies_and_errors_of_the_probe(bench: Bench, tmp_path: Path) -> None:
    server = gunicorn("--bind", "127.0.0.1:8000")
    with started(
        bench, facts(project(tmp_path, "127.0.0.1:8000"), PeerKind.LOOPBACK, server, "127.0.0.1:8000")
    ) as result:
        live = result.live
        cookies = get(live, "https", f"/__seatrial_{live.nonce}/cookies").values("Set-Cookie")
        assert sorted(cookie.partition("=")[0] for cookie in cookies) == ["csrftoken", "sessionid"]
        assert all("Secure" in cookie for cookie in cookies)
        assert get(live, "https", f"/__seatrial_{live.nonce}/boom").status == 500
        assert get(live, "https", f"/any/prefix/__seatrial_{live.nonce}/page").status == 200
        assert get(live, "https", "/__seatrial_ffffffffffffffff/page").status == 404

"""What app servers do: binds, trust, user, workers."""

from collections.abc import Mapping

import pytest
from hypothesis import given
from hypothesis import strategies as st

from scanner.facts.app_servers import AppServer, AppServers, Bind, ServerKind, app_servers
from scanner.facts.artefact import Artefact
from scanner.facts.commands import plain_words, resolve
from scanner.facts.compose import compose
from scanner.facts.dockerfiles import dockerfiles
from scanner.facts.env_files import env_files
from scanner.facts.gunicorn_config import read_gunicorn_config
from scanner.facts.server_options import listen_stream, parse_bind
from scanner.facts.server_readers import read_server
from scanner.facts.units import units
from scanner.model import Location, Unknown
from scanner.project import Checkout, Project
from tests.facts.conftest import MakeProject

PLACE = Location("x")


def of(project: Project) -> AppServers:
    services = compose(project)
    images = dockerfiles(project, services)
    return app_servers(project, units(project, services, images), services, images, env_files(project, services))


def one(make: MakeProject, command: str, more: Mapping[str, str | bytes] | None = None, lines: str = "") -> AppServer:
    unit = f"[Service]\nUser=app\nWorkingDirectory=/srv/shop\n{lines}\nExecStart={command}\n"
    found = of(make({"deploy/shop.service": unit, **(more or {})}))
    assert found.main is not None
    return found.main


def texts(server: AppServer) -> list[str]:
    return [str(bind) for bind in server.binds]


@pytest.mark.parametrize(
    ("arguments", "binds"),
    [
        ("x", ["127.0.0.1:8000"]),
        ("--bind 0.0.0.0:9000 x", ["0.0.0.0:9000"]),
        ("-b :8000 -b unix:/run/a.sock x", ["0.0.0.0:8000", "unix:/run/a.sock"]),
        ("-b127.0.0.1:1 x", ["127.0.0.1:1"]),
        ("--bind=[::]:80 x", ["[::]:80"]),
        ("-b 0.0.0.0:8000,unix:/x x", ["0.0.0.0:8000", "unix:/x"]),
        ("-b localhost x", ["localhost:8000"]),
        ("-b 0.0.0.0:$NOWHERE x", ["0.0.0.0:$PORT"]),
    ],
)
def test_where_gunicorn_listens(make: MakeProject, arguments: str, binds: list[str]) -> None:
    assert texts(one(make, f"/venv/bin/gunicorn {arguments}")) == binds


def test_every_fact_of_gunicorn(make: MakeProject) -> None:
    server = one(
        make,
        "/venv/bin/gunicorn -w 3 --forwarded-allow-ips '10.0.0.0/8,::1' -u www --chdir /srv/other --reload "
        "-e DJANGO_SETTINGS_MODULE=shop.live shop.wsgi",
        lines="Environment=A=b TOKEN=fixture-1905\nEnvironmentFile=/etc/shop/env",
    )
    assert (server.kind, server.artefact, server.application) == (
        ServerKind.GUNICORN,
        "unit shop.service",
        "shop.wsgi:application",
    )
    assert (server.workers, server.user, server.drops_user, server.directory) == (3, "app", "www", "/srv/other")
    assert (server.trusted_peers, server.trusts_unix_peer, server.reload) == (("10.0.0.0/8", "::1"), True, True)
    assert (server.settings_module, server.environment_files) == ("shop.live", ("/etc/shop/env",))
    assert server.environment == {"A": "b", "TOKEN": None}
    assert server.argv[0] == "gunicorn"
    assert server.location.line == 6
    assert (server.container, server.platform) == (None, False)


@pytest.mark.parametrize(
    ("peers", "asked", "trusted"),
    [
        ("", "127.0.0.1", True),
        ("", "172.18.0.5", False),
        ("", "", True),
        ("--forwarded-allow-ips=*", "203.0.113.9", True),
        ("--forwarded-allow-ips=10.0.0.0/8", "10.1.2.3", True),
        ("--forwarded-allow-ips=10.0.0.0/8", "127.0.0.1", False),
        ("-k uvicorn.workers.UvicornWorker", "", False),
        ("-k uvicorn.workers.UvicornWorker --forwarded-allow-ips=*", "", True),
    ],
)
def test_whom_gunicorn_believes(make: MakeProject, peers: str, asked: str, *, trusted: bool) -> None:
    assert one(make, f"/v/gunicorn {peers} x").trusts(asked) is trusted


def test_the_precedence_of_gunicorns_sources(make: MakeProject) -> None:
    config = "bind = '0.0.0.0:1'\nworkers = 1\nforwarded_allow_ips = '*'\nuser = 'www'\nwsgi_app = 'shop.wsgi'\n"
    more = {"gunicorn.conf.py": config}
    server = one(make, "/v/gunicorn -w 3", more, "Environment='GUNICORN_CMD_ARGS=--bind=127.0.0.1:2 --workers 2'")
    assert (texts(server), server.workers, server.trusted_peers) == (["127.0.0.1:2"], 3, ("*",))
    assert (server.drops_user, server.application, server.config_file) == (
        "www",
        "shop.wsgi:application",
        "gunicorn.conf.py",
    )
    assert str(server.binds[0].location) == "deploy/shop.service:4"
    assert str(server.trust_location) == "gunicorn.conf.py:3"


def test_every_given_setting_with_its_place(make: MakeProject) -> None:
    config = "header_map = 'drop'\ntimeout = 40\nraw_env = ['KEY=secret']\nproxy_allow_ips = compute()\n"
    server = one(
        make,
        "/srv/venv/bin/gunicorn shop.wsgi -c gunicorn.conf.py --header-map dangerous --permit-obsolete-folding",
        {"gunicorn.conf.py": config},
    )
    assert {name: text for name, (text, _) in server.settings.items()} == {
        "header_map": "dangerous",
        "timeout": "40",
        "permit_obsolete_folding": "True",
        "config": "gunicorn.conf.py",
    }
    assert server.settings["timeout"][1].line == 2


@pytest.mark.parametrize(
    "option", ["-c deploy/g.py", "--config=/srv/shop/deploy/g.py", "-c file:deploy/g.py", "-c python:deploy.g"]
)
def test_a_named_configuration_file(make: MakeProject, option: str) -> None:
    server = one(make, f"/v/gunicorn {option} x", {"deploy/g.py": "bind = ['unix:/a', '0.0.0.0:1']\n"})
    assert texts(server) == ["unix:/a", "0.0.0.0:1"]
    assert server.binds[0].location == Location("deploy/g.py", 1)


def test_a_configuration_file_that_is_not_here(make: MakeProject) -> None:
    server = one(make, "/v/gunicorn -c /etc/gunicorn.py x")
    assert "not in the checkout" in server.notes[0]


@pytest.mark.parametrize("content", ["bind = (", b"bind = '\0'"])
def test_a_configuration_file_that_cannot_be_read(make: MakeProject, content: str | bytes) -> None:
    found = of(
        make({"a.service": "[Service]\nWorkingDirectory=/s\nExecStart=gunicorn x\n", "gunicorn.conf.py": content})
    )
    ((path, why),) = found.unreadable
    assert path == "gunicorn.conf.py"
    assert why
    assert texts(found.servers[0]) == ["127.0.0.1:8000"]


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("x = 'a' + 'b'", "ab"),
        ("x = 3", 3),
        ("x = ['a', 'b']", ("a", "b")),
        ("y = '1'\nx = f'0.0.0.0:{y}'", "0.0.0.0:1"),
        ("import os\nx = os.environ.get('PORT', '8000')", "80"),
        ("import os\nx = os.getenv('NOPE', 'd')", "d"),
        ("import os\nx = os.environ['PORT']", "80"),
        ("import os\nx = '0.0.0.0:' + str(int(os.getenv('PORT')))", "0.0.0.0:80"),
        ("import os\nx = os.getenv('NOPE') or 'd'", "d"),
        ("x: str = 'a'", "a"),
    ],
)
def test_what_a_configuration_file_says(text: str, value: object) -> None:
    assert read_gunicorn_config("g.py", text, {"PORT": "80"})["x"].value == value


@pytest.mark.parametrize(
    "text",
    [
        "import multiprocessing\nx = multiprocessing.cpu_count() * 2",
        "import os\nx = os.environ['NOPE']",
        "import os\nx = os.environ['SECRET']",
        "x = 1\nif y:\n    x = 2",
        "x = [a for a in b]",
        "x = dict(get='a')",
    ],
)
def test_what_only_running_it_would_tell(text: str) -> None:
    assert isinstance(read_gunicorn_config("g.py", text, {"SECRET": None})["x"].value, Unknown)


@pytest.mark.parametrize(
    ("files", "binds"),
    [
        ({"deploy/shop.socket": "[Socket]\nListenStream=/run/s.sock\n"}, ["unix:/run/s.sock"]),
        ({"deploy/shop.socket": "[Socket]\nListenStream=8000\n"}, ["[::]:8000"]),
        ({"deploy/shop.socket": "[Socket]\nListenStream=127.0.0.1:8000\n"}, ["127.0.0.1:8000"]),
        ({"other/shop.socket": "[Socket]\nListenStream=/run/o.sock\n"}, ["unix:/run/o.sock"]),
        ({"deploy/other.socket": "[Socket]\nListenStream=9\n"}, ["0.0.0.0:1"]),
    ],
)
def test_socket_activation(make: MakeProject, files: dict[str, str], binds: list[str]) -> None:
    server = one(make, "/v/gunicorn -b 0.0.0.0:1 x", files)
    assert texts(server) == binds
    assert server.binds[0].fd is (binds != ["0.0.0.0:1"])


@pytest.mark.parametrize(
    ("command", "kind", "binds", "peers"),
    [
        ("uvicorn x:app", "uvicorn", ["127.0.0.1:8000"], ("127.0.0.1", "::1")),
        ("uvicorn --host 0.0.0.0 --port 80 x:app", "uvicorn", ["0.0.0.0:80"], ("127.0.0.1", "::1")),
        ("uvicorn --uds /run/u.sock x:app", "uvicorn", ["unix:/run/u.sock"], ("127.0.0.1", "::1")),
        ("uvicorn --no-proxy-headers x:app", "uvicorn", ["127.0.0.1:8000"], ()),
        ("uvicorn --forwarded-allow-ips=* x:app", "uvicorn", ["127.0.0.1:8000"], ("*",)),
        ("daphne x:app", "daphne", ["127.0.0.1:8000"], ()),
        ("daphne -b 0.0.0.0 -p 80 --proxy-headers x:app", "daphne", ["0.0.0.0:80"], ("*",)),
        ("daphne -u /run/d.sock x:app", "daphne", ["unix:/run/d.sock"], ()),
        ("daphne -e tcp:port=80:interface=127.0.0.1 x:app", "daphne", ["127.0.0.1:80"], ()),
        ("hypercorn x:app", "hypercorn", ["127.0.0.1:8000"], ()),
        ("hypercorn -b unix:/run/h.sock -w 4 x:app", "hypercorn", ["unix:/run/h.sock"], ()),
        ("waitress-serve x:app", "waitress", ["0.0.0.0:8080"], ()),
        (
            "waitress-serve --listen=127.0.0.1:80 --trusted-proxy=10.0.0.1 x:app",
            "waitress",
            ["127.0.0.1:80"],
            ("10.0.0.1",),
        ),
        ("python manage.py runserver", "runserver", ["127.0.0.1:8000"], ()),
        ("python manage.py runserver 0:80", "runserver", ["0.0.0.0:80"], ()),
        ("python manage.py runserver 9000 --insecure", "runserver", ["127.0.0.1:9000"], ()),
        ("uwsgi --http :80 -w shop.wsgi", "uwsgi", ["0.0.0.0:80"], ()),
        ("uwsgi --socket /run/u.sock --module shop.wsgi", "uwsgi", ["unix:/run/u.sock"], ()),
        ("uwsgi --ini /srv/shop/uwsgi.ini", "uwsgi", ["127.0.0.1:3031"], ()),
    ],
)
def test_other_servers(make: MakeProject, command: str, kind: str, binds: list[str], peers: tuple[str, ...]) -> None:
    ini = "[uwsgi]\nbase = /srv\nsocket = 127.0.0.1:3031 ; local\nmodule = shop.wsgi\nuid = www\nprocesses = 4\n"
    server = one(make, f"/v/{command}", {"uwsgi.ini": ini})
    assert (server.kind.value, texts(server), server.trusted_peers) == (kind, binds, peers)


def test_a_uwsgi_file(make: MakeProject) -> None:
    ini = (
        "[uwsgi]\nchdir = /srv/shop\nsocket = %(chdir)/x.sock\nmodule = shop.wsgi\nuid = www\nworkers = 4\n"
        "env = DJANGO_SETTINGS_MODULE=shop.live\n"
    )
    server = one(make, "/v/uwsgi uwsgi.ini", {"uwsgi.ini": ini})
    assert texts(server) == ["unix:/srv/shop/x.sock"]
    assert (server.uwsgi_protocol, server.drops_user, server.workers) == (True, "www", 4)
    assert (server.settings_module, server.application, server.config_file) == (
        "shop.live",
        "shop.wsgi:application",
        "uwsgi.ini",
    )
    assert str(server.binds[0].location) == "uwsgi.ini:3"
    (alone,) = of(make({"deploy/shop.service": "[Unit]\n"})).servers
    assert alone.artefact == "uwsgi uwsgi.ini"


COMPOSE = """\
services:
  web:
    build: .
    user: "1000"
    env_file: app.env
    environment: {PORT: "9000"}
  other:
    image: x
    command: uvicorn --host 0.0.0.0 shop.asgi:application
"""
IMAGE = """\
FROM python
WORKDIR /app
COPY . .
ENV DJANGO_SETTINGS_MODULE=shop.live
USER app
ENTRYPOINT ["/app/start.sh"]
"""


def test_a_service_and_its_image(make: MakeProject) -> None:
    files = {
        "compose.yml": COMPOSE,
        "Dockerfile": IMAGE,
        "start.sh": "#!/bin/sh\nexec gunicorn shop.wsgi\n",
        "app.env": "A=b\n",
    }
    web, other = of(make(files)).servers
    assert (web.artefact, web.container, web.user, web.directory) == ("service web", "web", "1000", "/app")
    assert (texts(web), str(web.location), str(web.binds[0].location)) == (
        ["0.0.0.0:9000"],
        "start.sh:2",
        "compose.yml:6",
    )
    assert (web.settings_module, web.environment_files) == ("shop.live", ("app.env",))
    assert web.environment == {"DJANGO_SETTINGS_MODULE": "shop.live", "A": "b", "PORT": "9000"}
    assert (other.kind, other.container) == (ServerKind.UVICORN, "other")


@pytest.mark.parametrize(
    ("files", "artefact", "location"),
    [
        (
            {"Procfile": "release: x\nweb: gunicorn shop.wsgi\nworker: celery -A x worker\n"},
            "Procfile web",
            "Procfile:2",
        ),
        ({"fly.toml": "[processes]\napp = 'gunicorn shop.wsgi'\n"}, "fly.toml app", "fly.toml:2"),
        ({"render.yaml": "services:\n  - startCommand: gunicorn shop.wsgi\n"}, "render.yaml", "render.yaml:2"),
        ({"app.yaml": "runtime: python312\nentrypoint: gunicorn -b :$PORT shop.wsgi\n"}, "app.yaml", "app.yaml:2"),
        ({"railway.json": '{"deploy": {"startCommand": "gunicorn shop.wsgi"}}'}, "railway.json", "railway.json:1"),
    ],
)
def test_platforms(make: MakeProject, files: dict[str, str], artefact: str, location: str) -> None:
    (server,) = of(make({**files})).servers
    assert (server.artefact, str(server.location), server.platform) == (artefact, location, True)
    assert texts(server) == ["0.0.0.0:$PORT"]
    assert server.binds[0].wildcard


@pytest.mark.parametrize("content", ["services: [", "[processes"])
def test_a_platforms_file_that_cannot_be_read(make: MakeProject, content: str) -> None:
    name = "render.yaml" if "services" in content else "fly.toml"
    ((path, _),) = of(make({name: content})).unreadable
    assert path == name


def test_supervisor_in_a_container(make: MakeProject) -> None:
    files = {
        "Dockerfile": 'FROM python\nCOPY . /app\nCMD ["supervisord", "-c", "/app/supervisord.conf"]\n',
        "supervisord.conf": "[program:web]\ncommand=gunicorn -b 0.0.0.0:80 shop.wsgi\n",
    }
    assert of(make({**files})).servers[0].container == "image"


def test_production_comes_first(make: MakeProject) -> None:
    files = {
        "local/web.service": "[Service]\nExecStart=gunicorn -b :1 x\n",
        "deploy/dev-server.sh": "#!/bin/sh\ngunicorn -b :2 x\n",
        "deploy/web.service": "[Service]\nExecStart=gunicorn -b :3 x\n",
        "deploy/bad.service": "[Service]\nExecStart=python manage.py runserver\n",
    }
    found = of(make({**files}))
    assert [server.location.path for server in found.servers][:2] == ["deploy/web.service", "deploy/bad.service"]


def test_nothing_serves(make: MakeProject) -> None:
    assert of(make({"run.sh": "echo gunicorn\npip install gunicorn\n"})) == AppServers(())


@pytest.mark.parametrize(
    ("text", "host", "port", "path"),
    [
        ("0.0.0.0:80", "0.0.0.0", 80, None),
        ("tcp://1.2.3.4:5", "1.2.3.4", 5, None),
        ("unix:relative.sock", "", None, "relative.sock"),
        ("unix:///run/x", "", None, "/run/x"),
        ("/run/x", "", None, "/run/x"),
        ("LOCALHOST:1", "localhost", 1, None),
        ("$HOST:1", "$HOST", 1, None),
    ],
)
def test_addresses(text: str, host: str, port: int | None, path: str | None) -> None:
    assert parse_bind(text, PLACE) == Bind(host, port, path, PLACE)


def test_what_a_bind_is() -> None:
    assert Bind("127.0.0.5", 1, None, PLACE).loopback
    assert Bind("", None, "/x", PLACE).loopback
    assert not Bind("10.0.0.1", 1, None, PLACE).loopback
    assert Bind("::", 1, None, PLACE).wildcard
    assert not Bind("", None, "/x", PLACE).wildcard
    assert listen_stream("@abstract", PLACE).path == "@abstract"


@given(st.text(max_size=40))
def test_no_address_breaks_it(text: str) -> None:
    str(parse_bind(text, PLACE))
    str(listen_stream(text, PLACE))


WORDS = st.sampled_from(
    ["gunicorn", "-b", "--bind", ":80", "x", "-w", "3", "-c", "--config=", "-e", "A=b", "--env", "--"]
)


@given(
    kind=st.sampled_from(["gunicorn", "uvicorn", "daphne", "hypercorn", "waitress-serve", "uwsgi"]),
    words=st.lists(WORDS),
)
def test_no_command_line_breaks_a_reader(tmp_path_factory: pytest.TempPathFactory, kind: str, words: list[str]) -> None:
    checkout = Checkout(tmp_path_factory.getbasetemp(), (), frozenset(), is_git=False, commit=None, dirty=False)
    project = Project(checkout, ".", "x", None)
    command = resolve(plain_words([kind, *words], PLACE), lambda _: None)
    if command is not None:
        read_server(project, Artefact("x", (), PLACE, 0), command, [])

"""Compose files, merged, with ports, secrets, roles."""

import contextlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from scanner.facts.compose import Compose, ComposeProject, Service, ServiceRole, compose
from scanner.facts.interpolation import interpolate
from scanner.facts.secrets import ValueKind
from scanner.facts.yaml_nodes import Mapping, YamlProblem, parse_yaml
from scanner.model import Unknown
from tests.facts.conftest import MakeProject


def read(make: MakeProject, files: dict[str, str | bytes]) -> Compose:
    return compose(make(files))


def service(make: MakeProject, text: str, name: str = "web", more: dict[str, str | bytes] | None = None) -> Service:
    body = "".join(f"    {line}\n" for line in text.split("\n"))
    found = read(make, {"compose.yml": f"services:\n  {name}:\n{body}", **(more or {})})
    assert found.unreadable == ()
    chosen = found.projects[0].service(name)
    assert chosen is not None
    return chosen


@pytest.mark.parametrize(
    ("text", "ports"),
    [
        ('- "8000:8000"', [("0.0.0.0", "8000", 8000, True)]),
        ("- 8000", [("0.0.0.0", "", 8000, True)]),
        ("- 22:22", [("0.0.0.0", "22", 22, True)]),
        ('- "127.0.0.1:8000:80"', [("127.0.0.1", "8000", 80, False)]),
        ('- "127.0.0.1::80"', [("127.0.0.1", "", 80, False)]),
        ('- "[::1]:8000:80/udp"', [("::1", "8000", 80, False)]),
        ('- "10.0.0.5:80:80"', [("10.0.0.5", "80", 80, True)]),
        ('- "${PORT:-8080}:80"', [("0.0.0.0", "8080", 80, True)]),
        ('- "${BIND:-127.0.0.1}:80:80"', [("127.0.0.1", "80", 80, False)]),
        ('- "8000-8001:9000-9001"', [("0.0.0.0", "8000", 9000, True), ("0.0.0.0", "8001", 9001, True)]),
        ("- {target: 80, published: 8080, host_ip: 127.0.0.1}", [("127.0.0.1", "8080", 80, False)]),
        ('- target: 80\n  published: "8080"', [("0.0.0.0", "8080", 80, True)]),
    ],
)
def test_ports(make: MakeProject, text: str, ports: list[tuple[str, str, int, bool]]) -> None:
    found = service(make, "image: x\nports:\n" + "\n".join(f"  {line}" for line in text.split("\n")))
    assert [(port.host, port.published, port.target, port.public) for port in found.ports] == ports
    assert all(port.location.line >= 5 for port in found.ports)


def test_a_port_that_nobody_knows(make: MakeProject) -> None:
    (port,) = service(make, 'image: x\nports:\n  - "80:${TARGET}"').ports
    assert isinstance(port.target, Unknown)


@pytest.mark.parametrize(
    ("text", "kind", "value", "default_only"),
    [
        ("DB_PASSWORD: fixture-k3", ValueKind.SECRET, None, False),
        ("DB_PASSWORD: ${DB_PASSWORD}", ValueKind.REFERENCE, "${DB_PASSWORD}", False),
        ("DB_PASSWORD: ${DB_PASSWORD:?set it}", ValueKind.REFERENCE, "${DB_PASSWORD}", False),
        ("DB_PASSWORD: ${DB_PASSWORD:-fixture-k3}", ValueKind.SECRET, None, True),
        ("DB_PASSWORD: ab$$cd12", ValueKind.SECRET, None, False),
        ("DB_PASSWORD:", ValueKind.REFERENCE, None, False),
        ("DB_PASSWORD: ''", ValueKind.EMPTY, "", False),
        ("DB_PASSWORD_FILE: /run/secrets/db", ValueKind.PLAIN, "/run/secrets/db", False),
        ("URL: postgres://u:fixture-k3@db/x", ValueKind.SECRET, None, False),
        ("URL: postgres://u:${PW}@db/x", ValueKind.REFERENCE, "postgres://u:${PW}@db/x", False),
        ("URL: postgres://u:${PW:-fixture-k3}@db/x", ValueKind.SECRET, None, True),
        ("DEBUG: true", ValueKind.PLAIN, "true", False),
        ("PORT: ${PORT:-8000}", ValueKind.PLAIN, "8000", False),
        ("FROM_FILE: ${KNOWN}", ValueKind.PLAIN, "yes", False),
        ("HIDDEN: ${DB_URL}", ValueKind.REFERENCE, None, False),
        ("HIDDEN: x${API_TOKEN}", ValueKind.REFERENCE, None, False),
    ],
)
def test_variables(make: MakeProject, text: str, kind: ValueKind, value: str | None, *, default_only: bool) -> None:
    env = "KNOWN=yes\nDB_URL=postgres://u:fixture-k3@db/x\nAPI_TOKEN=fixture-k3\n"
    found = service(make, f"image: x\nenvironment:\n  {text}", more={".env": env})
    (one,) = found.variables
    assert (one.kind, one.default_only) == (kind, default_only)
    assert one.value == value or (value is None and "fixture" not in str(one.value))
    assert (one.location.line, one.location.column) == (5, 7)


def test_variables_as_a_list(make: MakeProject) -> None:
    found = service(make, "image: x\nenvironment:\n  - API_TOKEN=fixture-k3\n  - DEBUG=0\n  - PASSED_ON")
    assert [(one.key, one.kind, one.location.line) for one in found.variables] == [
        ("API_TOKEN", ValueKind.SECRET, 5),
        ("DEBUG", ValueKind.PLAIN, 6),
        ("PASSED_ON", ValueKind.REFERENCE, 7),
    ]


@pytest.mark.parametrize(
    ("text", "default"),
    [
        ("POSTGRES_USER: shop\n  POSTGRES_PASSWORD: shop", True),
        ("POSTGRES_DB: shop-db1\n  POSTGRES_PASSWORD: ${PW:-shop-db1}", True),
        ("POSTGRES_USER: shop\n  POSTGRES_PASSWORD: fixture-k3", False),
    ],
)
def test_a_password_that_is_the_name_is_known_to_everyone(make: MakeProject, text: str, *, default: bool) -> None:
    found = service(make, f"image: x\nenvironment:\n  {text}")
    assert [(one.kind, one.default_credential) for one in found.variables[1:]] == [(ValueKind.SECRET, default)]


def test_secrets_of_build_arguments_and_commands(make: MakeProject) -> None:
    text = (
        "build:\n  context: .\n  args:\n    NPM_TOKEN: fixture-k3\n"
        'command: ["x", "--password", "fixture-k4", "--token=${T:-fixture-k5}"]'
    )
    found = service(make, text)
    assert [(one.key, one.where, one.kind, one.default_only) for one in found.variables] == [
        ("NPM_TOKEN", "build.args", ValueKind.SECRET, False),
        ("password", "command", ValueKind.SECRET, False),
        ("token", "command", ValueKind.SECRET, True),
    ]
    assert found.command == ("x", "--password", "***", "--token=***")
    assert "fixture" not in repr(found)


def test_volumes(make: MakeProject) -> None:
    text = (
        "image: x\nvolumes:\n  - ./nginx:/etc/nginx:ro\n  - static:/srv/static\n  - .:/app\n"
        "  - /var/run/docker.sock:/d.sock\n  - {type: bind, source: ./a, target: /b, read_only: true}\n  - /anonymous"
    )
    found = service(make, text)
    assert [(one.source, one.target, one.read_only, one.bind) for one in found.volumes] == [
        ("nginx", "/etc/nginx", True, True),
        ("static", "/srv/static", False, False),
        (".", "/app", False, True),
        ("/var/run/docker.sock", "/d.sock", False, True),
        ("a", "/b", True, True),
        ("", "/anonymous", False, False),
    ]


def test_the_rest_of_a_service(make: MakeProject) -> None:
    text = (
        "build: {context: ./app, dockerfile: ../docker/web.Dockerfile, target: prod}\n"
        "command: gunicorn -b :8000 'shop.wsgi'\nentrypoint: [/start.sh]\nuser: ${UID:-1000}\n"
        "expose: ['8000', 9000/tcp]\n"
        "env_file:\n  - .env\n  - {path: ./x.env}\nnetworks:\n  back:\n    aliases: [app]\nnetwork_mode: host\n"
        "profiles: [ops]\nworking_dir: /srv\ncontainer_name: shop\ndepends_on:\n"
        "  db:\n    condition: service_healthy\nlabels:\n  - a.b=c"
    )
    found = service(make, text)
    assert (found.build_context, found.dockerfile, found.build_target) == ("app", "docker/web.Dockerfile", "prod")
    assert found.command == ("gunicorn", "-b", ":8000", "shop.wsgi")
    assert (found.entrypoint, found.user, found.expose) == (("/start.sh",), "1000", (8000, 9000))
    assert [path for path, _ in found.env_files] == [".env", "x.env"]
    assert (found.networks, found.network_mode, found.profiles) == (("back",), "host", ("ops",))
    assert (found.working_dir, found.depends_on, found.labels) == ("/srv", ("db",), (("a.b", "c"),))
    assert found.aliases == ("shop", "app")


BASE = """\
services:
  web: &web
    image: base
    command: old command
    environment: {A: base, B: base}
    ports: ["8000:8000"]
    volumes: ["./a:/data", "./b:/other"]
    networks: [front]
    x-gone: 1
networks: {front: {}, back: {internal: true}}
"""
OVER = """\
services:
  web:
    image: over
    command: [new]
    environment: ["B=over", "C=over"]
    ports: ["80:80"]
    volumes: ["./c:/data"]
    networks: {back: {}}
  db:
    image: postgres:17
"""
CALL = "docker compose -f compose.yml -f compose.prod.yml up -d\n"


def merged(make: MakeProject, over: str = OVER) -> ComposeProject:
    found = read(make, {"compose.yml": BASE, "compose.prod.yml": over, "deploy.sh": CALL})
    (project,) = found.projects
    assert project.files == ("compose.yml", "compose.prod.yml")
    return project


def test_merging(make: MakeProject) -> None:
    project = merged(make)
    web = project.service("web")
    assert web is not None
    assert (web.image, web.command) == ("over", ("new",))
    assert {one.key: (one.value, one.location.path) for one in web.variables} == {
        "A": ("base", "compose.yml"),
        "B": ("over", "compose.yml"),
        "C": ("over", "compose.prod.yml"),
    }
    assert [port.published for port in web.ports] == ["8000", "80"]
    assert [(one.source, one.target) for one in web.volumes] == [("b", "/other"), ("c", "/data")]
    assert set(web.networks) == {"front", "back"}
    assert project.internal_networks == {"back"}
    assert project.service("db") is not None


@pytest.mark.parametrize(
    ("tag", "published"), [('!override ["80:80"]', ["80"]), ("!reset []", []), ("!reset null", [])]
)
def test_reset_and_override(make: MakeProject, tag: str, published: list[str]) -> None:
    web = merged(make, f"services:\n  web:\n    ports: {tag}\n").service("web")
    assert web is not None
    assert [port.published for port in web.ports] == published


def test_extends_and_includes_and_anchors(make: MakeProject) -> None:
    project = read(
        make,
        {
            "compose.yml": (
                "x-common: &common\n  restart: always\n  environment: {A: common}\ninclude: [stores/db.yml]\n"
                "services:\n  web:\n    <<: *common\n    extends: {file: base/app.yml, service: app}\n"
                "    environment: {B: own}\n  again:\n    extends: web\n"
            ),
            "base/app.yml": (
                "services:\n  app:\n    image: python\n    env_file: app.env\n    environment: {A: base, B: base}\n"
            ),
            "stores/db.yml": "services:\n  db:\n    image: postgres\n    volumes: ['./data:/d']\n",
        },
    ).projects[0]
    web, again, db = project.service("web"), project.service("again"), project.service("db")
    assert web is not None
    assert again is not None
    assert db is not None
    assert {one.key: one.value for one in web.variables} == {"A": "base", "B": "own"}
    assert [path for path, _ in web.env_files] == ["base/app.env"]
    assert again.image == "python"
    assert db.volumes[0].source == "stores/data"


@pytest.mark.parametrize(
    ("text", "note"),
    [
        ("services:\n  a:\n    extends: a\n    image: x\n", "circle"),
        ("services:\n  a:\n    extends: {file: missing.yml, service: x}\n    image: x\n", "not in the checkout"),
        ("services:\n  a:\n    extends: nobody\n    image: x\n", "no such service"),
        ("include: [missing.yml]\nservices:\n  a:\n    image: x\n", "not in the checkout"),
    ],
)
def test_what_cannot_be_followed_is_noted(make: MakeProject, text: str, note: str) -> None:
    (project,) = read(make, {"compose.yml": text}).projects
    assert note in project.notes[0]
    assert project.service("a") is not None


ROLES = [
    ("image: postgres:17", "store", "postgresql"),
    ("image: ghcr.io/x/redis:8", "store", "redis"),
    ("image: nginx:1.29", "edge", None),
    ("image: traefik", "edge", None),
    ("image: dpage/pgadmin4", "admin-tool", None),
    ("image: mailpit", "admin-tool", None),
    ("image: x\ncommand: gunicorn shop.wsgi", "app", None),
    ("image: x\ncommand: celery -A shop worker", "worker", None),
    ("image: x\ncommand: celery -A shop flower", "admin-tool", None),
    ("image: x\ncommand: python manage.py migrate", "worker", None),
    ("build: .", "app", None),
    ("build: ./db", "store", "postgresql"),
    ("build: ./proxy", "edge", None),
    ("image: x", "other", None),
    ("image: ${PROXY}\nports: ['80:80']", "other", None),
]


@pytest.mark.parametrize(("text", "role", "store"), ROLES)
def test_roles(make: MakeProject, text: str, role: str, store: str | None) -> None:
    more: dict[str, str | bytes] = {
        "Dockerfile": 'FROM python\nCOPY . .\nCMD ["gunicorn", "shop.wsgi"]\n',
        "db/Dockerfile": "FROM postgres:17\nCOPY init.sql /\n",
        "proxy/Dockerfile": "FROM nginx:1\nCOPY x.conf /etc/nginx/conf.d/\n",
    }
    found = service(make, text, more=more)
    assert (found.role.value, found.store) == (role, store)


def test_a_proxy_whose_image_is_not_here(make: MakeProject) -> None:
    assert service(make, "build: ./gone\nports: ['80:8000']", name="proxy").role is ServiceRole.EDGE
    assert service(make, "build: ./gone", name="proxy").role is ServiceRole.OTHER


def test_of_several_proxies_the_published_one_is_the_edge(make: MakeProject) -> None:
    text = "services:\n  a:\n    image: traefik\n    ports: ['80:80']\n  b:\n    image: nginx\n"
    (project,) = read(make, {"compose.yml": text}).projects
    assert [one.role for one in project.services] == [ServiceRole.EDGE, ServiceRole.OTHER]


@pytest.mark.parametrize(
    ("text", "asked"),
    [
        ("image: postgres\nenvironment: {POSTGRES_PASSWORD: x}", True),
        ("image: postgres\nenvironment: {POSTGRES_PASSWORD_FILE: /run/secrets/x}", True),
        ("image: postgres\nenvironment: {POSTGRES_HOST_AUTH_METHOD: trust}", False),
        ("image: postgres\nenv_file: .env", None),
        ("image: mysql\nenvironment: {MYSQL_ALLOW_EMPTY_PASSWORD: 'yes'}", False),
        ("image: redis", False),
        ("image: redis\ncommand: redis-server --requirepass x", True),
        ("image: redis\ncommand: redis-server /etc/redis.conf", None),
        ("image: memcached", False),
        ("image: mongo", False),
        ("image: mongo\nenvironment: {MONGO_INITDB_ROOT_PASSWORD: x}", True),
        ("image: rabbitmq", None),
    ],
)
def test_whether_a_store_asks_for_a_password(make: MakeProject, text: str, *, asked: bool | None) -> None:
    assert service(make, text).password_set is asked


GUNICORN = "services:\n  web:\n    image: x\n    command: gunicorn x\n"


@pytest.mark.parametrize(
    ("files", "sets"),
    [
        ({"compose.yml": GUNICORN}, [("compose.yml",)]),
        ({"compose.yml": GUNICORN, "compose.override.yml": GUNICORN}, [("compose.yml",)]),
        (
            {"docker-compose.dev.yml": GUNICORN, "docker-compose.yml": GUNICORN},
            [("docker-compose.yml",), ("docker-compose.dev.yml",)],
        ),
        ({"compose.yml": GUNICORN, "compose.prod.yml": GUNICORN}, [("compose.prod.yml",), ("compose.yml",)]),
        (
            {"compose.yml": GUNICORN, "compose.prod.yml": "services:\n  web:\n    restart: always\n"},
            [("compose.yml", "compose.prod.yml")],
        ),
        (
            {"production.yml": GUNICORN, "local.yml": GUNICORN, "other.yml": GUNICORN},
            [("production.yml",), ("local.yml",)],
        ),
        (
            {"a/base.yml": "", "a/compose.yml": GUNICORN, "Makefile": "up:\n\tdocker-compose -f a/compose.yml up\n"},
            [("a/compose.yml",)],
        ),
        ({"compose.yml": "volumes: {}\n"}, []),
        ({"x.yml": "a: b\n"}, []),
    ],
)
def test_which_files_are_started_together(
    make: MakeProject, files: dict[str, str], sets: list[tuple[str, ...]]
) -> None:
    found = read(make, {**files})
    assert [one.files for one in found.projects] == sets
    assert found.main == (found.projects[0] if sets else None)


@pytest.mark.parametrize(
    ("content", "why"),
    [
        (b"services: [", "no YAML"),
        (b"services:\n\tweb: x", "no YAML"),
        (b"- a\n", "no mapping"),
        (b"a\0", "binary"),
        (b"a: " + b"[" * 200 + b"]" * 200, "nested too deeply"),
        (b"a: &a [*a]", "refers to nothing"),
        (b"services: {\x01: x}", "no YAML"),
    ],
)
def test_what_cannot_be_read_is_told(make: MakeProject, content: bytes, why: str) -> None:
    found = read(make, {"compose.yml": content})
    ((path, reason),) = found.unreadable
    assert path == "compose.yml"
    assert why in reason


def test_aliases_do_not_explode() -> None:
    lines = ["a0: &a0 [" + ",".join("x" * 10) + "]"]
    lines += [f"a{n}: &a{n} [" + ",".join([f"*a{n - 1}"] * 10) + "]" for n in range(1, 12)]
    with pytest.raises(YamlProblem, match="too many values"):
        parse_yaml("x", "\n".join(lines))


@pytest.mark.parametrize(
    ("text", "result", "missing"),
    [
        ("$A-${A}", "1-1", ()),
        ("${B:-x}${B-y}${E:-z}${E-z}", "xyz", ()),
        ("${A:+x}${B:+x}", "x", ()),
        ("${B:-${C:-deep}}", "deep", ()),
        ("$$A ${", "$A ${", ()),
        ("$B", "${B}", ("B",)),
        ("${A?e}${B:?e}", "1${B}", ("B",)),
        ("cost 5$", "cost 5$", ()),
        ("${A b}", "${A b}", ()),
    ],
)
def test_interpolation(text: str, result: str, missing: tuple[str, ...]) -> None:
    done = interpolate(text, {"A": "1", "E": ""})
    assert (done.text, done.missing) == (result, missing)


@given(st.text(alphabet=st.sampled_from(list("${}:-?+AB"))))
def test_no_expression_breaks_interpolation(text: str) -> None:
    interpolate(text, {"A": "1"})


YAMLISH = st.text(alphabet=st.sampled_from(list("ab:-[]{}&*!|>\"'#\n ,<?")), max_size=60)


@given(YAMLISH)
def test_no_text_breaks_the_yaml_reader(text: str) -> None:
    tree = None
    with contextlib.suppress(YamlProblem):
        tree = parse_yaml("x", text)
    assert tree is None or tree.location.line >= 1
    if isinstance(tree, Mapping):
        assert all(tree.get(key.text) is value for key, value in tree)

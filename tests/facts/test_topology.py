"""The deployment as a whole, and what could not be read of it."""

from collections.abc import Mapping

import pytest

from scanner.facts.app_servers import app_servers
from scanner.facts.compose import compose
from scanner.facts.dockerfiles import dockerfiles
from scanner.facts.env_files import env_files
from scanner.facts.nginx import nginx
from scanner.facts.nginx_files import nginx_files
from scanner.facts.repository import repository
from scanner.facts.topology import PeerKind, TlsEnd, Topology, topology
from scanner.facts.units import units
from scanner.facts.unreadable import UnreadableFiles, unreadable_files
from scanner.model import Options, Unavailable
from scanner.project import Project
from tests.facts.conftest import MakeProject


def joined(project: Project, options: Options) -> tuple[Topology, UnreadableFiles]:
    services = compose(project)
    images = dockerfiles(project, services)
    environment = env_files(project, services)
    started = units(project, services, images)
    servers = app_servers(project, started, services, images, environment)
    sources = nginx_files(project)
    try:
        proxy = nginx(project, sources, services, images)
    except Unavailable:
        proxy = None
    unreadable = unreadable_files(
        project, repository(project), environment, started, services, images, servers, sources
    )
    return topology(project, options, proxy, servers, services, images, sources), unreadable


def of(make: MakeProject, files: Mapping[str, str | bytes], options: Options | None = None) -> Topology:
    chosen = options or Options()
    return joined(make(files).with_options(chosen), chosen)[0]


def unit(bind: str) -> str:
    return f"[Service]\nUser=app\nWorkingDirectory=/srv/shop\nExecStart=/v/gunicorn -b {bind} shop.wsgi\n"


def site(passed: str, *, tls: bool = True, extra: str = "") -> str:
    listen = "listen 443 ssl;\n  ssl_certificate /c.pem;\n  ssl_certificate_key /k.pem;" if tls else "listen 80;"
    return (
        f"server {{\n  {listen}\n  server_name shop.example www.shop.example;\n  {extra}\n"
        f"  location /static/ {{ alias /srv/shop/static/; }}\n  location / {{ proxy_pass {passed}; }}\n}}\n"
    )


SERVICES = """\
services:
  proxy:
    image: nginx:1.29
    ports: ["80:80", "443:443"]
    volumes:
      - ./site.conf:/etc/nginx/conf.d/default.conf:ro
      - static:/var/www/static
  web:
    build: .
    container_name: shop-web
    volumes: ["static:/app/static"]
  db:
    image: postgres:17
"""
IMAGE = 'FROM python\nWORKDIR /app\nCOPY . .\nCMD ["gunicorn", "-b", "0.0.0.0:8000", "shop.wsgi"]\n'


def contained(passed: str, services: str = SERVICES) -> dict[str, str | bytes]:
    return {"compose.yml": services, "Dockerfile": IMAGE, "site.conf": site(passed)}


def hosted(bind: str, passed: str, **more: str) -> dict[str, str | bytes]:
    return {"deploy/shop.service": unit(bind), "deploy/site.conf": site(passed), **more}


UPSTREAM = "upstream app { server unix:/run/s.sock; }\n"

PEERS = [
    ("loopback", hosted("127.0.0.1:8000", "http://127.0.0.1:8000"), PeerKind.LOOPBACK, "127.0.0.1", "127.0.0.1:8000"),
    ("localhost", hosted("0.0.0.0:8000", "http://localhost:8000"), PeerKind.LOOPBACK, "127.0.0.1", "localhost:8000"),
    ("socket", hosted("unix:/run/s.sock", "http://unix:/run/s.sock"), PeerKind.UNIX, "", "unix:/run/s.sock"),
    ("service", contained("http://web:8000"), PeerKind.OTHER, "other", "web:8000"),
    ("container name", contained("http://shop-web:8000"), PeerKind.OTHER, "other", "shop-web:8000"),
    ("another host", hosted("10.0.0.5:8000", "http://10.0.0.5:8000"), PeerKind.OTHER, "other", "10.0.0.5:8000"),
    ("a variable", hosted("127.0.0.1:8000", "http://$app"), PeerKind.UNKNOWN, "", None),
    ("no proxy", {"deploy/shop.service": unit("0.0.0.0:80")}, PeerKind.NONE, "", None),
]


@pytest.mark.parametrize(
    ("files", "peer", "address", "upstream"), [row[1:] for row in PEERS], ids=[row[0] for row in PEERS]
)
def test_how_the_application_is_asked(
    make: MakeProject, files: dict[str, str | bytes], peer: PeerKind, address: str, upstream: str | None
) -> None:
    found = of(make, files)
    assert (found.peer, found.peer_address, found.upstream) == (peer, address, upstream)
    assert found.app is not None


def test_an_upstream_block(make: MakeProject) -> None:
    files = hosted("unix:/run/s.sock", "http://app")
    found = of(make, {**files, "deploy/site.conf": UPSTREAM + site("http://app")})
    assert (found.peer, found.upstream, str(found.upstream_location)) == (
        PeerKind.UNIX,
        "unix:/run/s.sock",
        "deploy/site.conf:9",
    )


def test_a_port_that_docker_publishes_is_asked_through_its_bridge(make: MakeProject) -> None:
    services = 'services:\n  web:\n    build: .\n    ports: ["127.0.0.1:8000:8000"]\n'
    found = of(make, {"compose.yml": services, "Dockerfile": IMAGE, "deploy/site.conf": site("http://127.0.0.1:8000")})
    assert (found.peer, found.app.container if found.app else None) == (PeerKind.OTHER, "web")
    host = services.replace("    ports:", "    network_mode: host\n    ports:")
    found = of(make, {"compose.yml": host})
    assert found.peer is PeerKind.LOOPBACK


def test_the_server_that_the_proxy_asks_is_the_application(make: MakeProject) -> None:
    files = hosted("127.0.0.1:9000", "http://127.0.0.1:9000")
    found = of(make, {**files, "deploy/another.service": unit("127.0.0.1:7000")})
    assert found.app is not None
    assert found.app.artefact == "unit shop.service"


def test_nothing_listens_where_the_proxy_asks(make: MakeProject) -> None:
    found = of(make, hosted("127.0.0.1:8000", "http://127.0.0.1:9999"))
    assert "no app server of the repository listens at 127.0.0.1:9999" in found.notes
    assert found.app is not None


@pytest.mark.parametrize(
    ("files", "edge", "ends"),
    [
        ({"deploy/site.conf": site("http://127.0.0.1:1")}, None, TlsEnd.PROXY),
        ({"deploy/site.conf": site("http://127.0.0.1:1")}, "tls", TlsEnd.BEFORE),
        ({"deploy/site.conf": site("http://127.0.0.1:1", tls=False)}, None, TlsEnd.NOWHERE),
        ({"deploy/site.conf": site("http://127.0.0.1:1", tls=False)}, "tls", TlsEnd.BEFORE),
        (
            {
                "deploy/site.conf": site(
                    "http://127.0.0.1:1",
                    tls=False,
                    extra="if ($http_x_forwarded_proto = http) { return 301 https://$host; }",
                )
            },
            None,
            TlsEnd.BEFORE,
        ),
        ({"Procfile": "web: gunicorn shop.wsgi\n"}, None, TlsEnd.BEFORE),
        ({"Procfile": "web: gunicorn shop.wsgi\n"}, "none", TlsEnd.NOWHERE),
        ({"deploy/x.service": unit("0.0.0.0:443 --certfile /c.pem --keyfile /k.pem")}, None, TlsEnd.APP),
        ({"deploy/x.service": unit("0.0.0.0:80")}, None, TlsEnd.NOWHERE),
    ],
)
def test_where_tls_ends(make: MakeProject, files: dict[str, str], edge: str | None, ends: TlsEnd) -> None:
    assert of(make, {**files}, Options(edge=edge)).tls_ends is ends


def test_a_platform(make: MakeProject) -> None:
    found = of(make, {"Procfile": "web: gunicorn shop.wsgi\n"})
    assert (found.platform, found.peer, found.project_directory) == ("Procfile", PeerKind.NONE, "/app")
    assert [hop.kind for hop in found.request_path.hops] == ["client", "cdn", "app-server", "django"]


def test_traefik_is_another_host(make: MakeProject) -> None:
    services = (
        "services:\n  edge:\n    image: traefik:3\n    ports: ['443:443']\n  web:\n    build: .\n    labels:\n"
        "      traefik.http.routers.web.rule: Host(`shop.example`) || Host(`www.shop.example`)\n"
    )
    found = of(make, {"compose.yml": services, "Dockerfile": IMAGE})
    assert (found.peer, found.tls_ends, found.upstream) == (PeerKind.OTHER, TlsEnd.BEFORE, "web:8000")
    assert found.site_names == ("shop.example", "www.shop.example")


def test_names_of_the_site(make: MakeProject) -> None:
    files = hosted("127.0.0.1:8000", "http://127.0.0.1:8000")
    assert of(make, files).site_names == ("shop.example", "www.shop.example")
    assert of(make, files, Options(host="Other.example")).site_names[0] == "other.example"


def test_paths_of_a_unit(make: MakeProject) -> None:
    found = of(make, hosted("127.0.0.1:8000", "http://127.0.0.1:8000"))
    assert (found.path_map, found.project_directory) == ({"/srv/shop": "."}, "/srv/shop")


def test_paths_and_volumes_of_a_container(make: MakeProject) -> None:
    found = of(make, contained("http://web:8000"))
    assert (found.path_map, found.project_directory) == ({"/app": "."}, "/app")
    assert found.volumes == {"static": ("/var/www/static", "/app/static")}


def test_the_longest_production_path_comes_first(make: MakeProject) -> None:
    image = "FROM python\nWORKDIR /app\nCOPY manage.py .\nCOPY shop /app/shop\nCMD gunicorn -b :8000 shop.wsgi\n"
    found = of(make, {**contained("http://web:8000"), "Dockerfile": image})
    assert list(found.path_map.items()) == [("/app/shop", "shop"), ("/app", ".")]


def test_without_a_unit_the_files_that_the_proxy_serves_tell_the_directory(make: MakeProject) -> None:
    assert of(make, {"deploy/site.conf": site("http://127.0.0.1:8000")}).project_directory == "/srv/shop"


def test_the_request_path(make: MakeProject) -> None:
    path = of(make, contained("http://web:8000")).request_path
    assert [(hop.id, hop.label, hop.path, hop.line) for hop in path.hops] == [
        ("client", "client", None, None),
        ("proxy", "nginx", "site.conf", 1),
        ("app-server", "Gunicorn", "Dockerfile", 4),
        ("django", "Django", "shop/settings.py", 1),
        ("store db", "PostgreSQL", "compose.yml", 12),
    ]
    assert [(link.source, link.target, link.label) for link in path.links] == [
        ("client", "proxy", "https 443"),
        ("proxy", "app-server", "web:8000"),
        ("app-server", "django", ""),
        ("django", "store db", ""),
    ]


def test_examples_are_no_deployment(make: MakeProject) -> None:
    found = of(make, {"Dockerfile": IMAGE, "docs/compose.yml": SERVICES})
    assert [hop.kind for hop in found.request_path.hops] == ["client", "app-server", "django"]


@pytest.mark.parametrize(
    "files",
    [
        {".env": b"\0"},
        {"x.service": b"\0"},
        {"compose.yml": "a: ["},
        {"Dockerfile": "RUN x"},
        {"render.yaml": "a: ["},
        {"deploy/nginx.conf": b"server {\0}"},
    ],
)
def test_what_could_not_be_read(make: MakeProject, files: dict[str, str | bytes]) -> None:
    _, found = joined(make(files), Options())
    assert [path for path, _ in found.files] == list(files)
    assert all(why for _, why in found.files)


def test_a_proxy_that_cannot_be_read_is_unknown_not_absent(make: MakeProject) -> None:
    found = of(make, {"deploy/nginx.conf": b"server {\0}", "deploy/shop.service": unit("0.0.0.0:80")})
    assert found.peer is PeerKind.UNKNOWN
    assert "is a binary file" in found.notes[0]


def test_an_example_that_cannot_be_read_is_not_judged_anyway(make: MakeProject) -> None:
    assert joined(make({"docs/compose.yml": "a: [", ".env.example": b"\0"}), Options())[1].files == ()

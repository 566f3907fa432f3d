"""Each clause of the rules about files that the proxy gives away, and about a refused configuration."""

from dataclasses import replace

import pytest

from scanner.facts.compose import Compose, ComposeProject, Service, ServiceRole, Volume
from scanner.facts.directory_listing import DirectoryListing, ListingSeen
from scanner.facts.path_traversal import PathTraversal, TraversalAttempt
from scanner.facts.proxy_test import Message, MessageClass, ProxyTest
from scanner.facts.repository import Repository
from scanner.facts.secret_paths import FileSeen, SecretPaths
from scanner.facts.settings import Settings
from scanner.facts.static_file import ServedBy, StaticFile
from scanner.facts.topology import PeerKind, TlsEnd, Topology
from scanner.model import Failed, Location
from tests import edgekit
from tests.edgekit import DJANGO, REDIRECT, gunicorn, https, nginx_of, settings, short
from tests.rulekit import HARDENED, judge_facts, make, settings_of

STATIC_AT = "high inferred server shop.example:443 location /static"


@pytest.mark.parametrize(
    ("place", "expected"),
    [
        pytest.param("location /static { alias /srv/static/; }", [STATIC_AT], id="no slash before, one behind"),
        pytest.param(
            "location ^~ /static { alias /srv/static/; }",
            ["high inferred server shop.example:443 location ^~ /static"],
            id="^~ too",
        ),
        pytest.param("location /static/ { alias /srv/static/; }", ["passed"], id="slash on both"),
        pytest.param("location /static { alias /srv/static; }", ["passed"], id="slash on neither"),
        pytest.param("location = /static { alias /srv/static/; }", ["passed"], id="exact"),
        pytest.param("location /static { root /srv/; }", ["skipped not-applicable"], id="root"),
        pytest.param(
            "location /static { alias /srv/static/; } location ~ ^/static\\.\\. { return 404; }",
            ["passed"],
            id="another location takes the request",
        ),
        pytest.param(
            "location ~ ^/static(.*)$ { alias /srv/static/$1; }",
            ["high inferred server shop.example:443 location ~ ^/static(.*)$"],
            id="a capture that may start with two dots",
        ),
        pytest.param("location ~ ^/static/(.*)$ { alias /srv/static/$1; }", ["passed"], id="a capture after a slash"),
        pytest.param(
            "location ~ /s(t)(.*)/raw$ { alias /srv/static/$2; }",
            ["high inferred server shop.example:443 location ~ /s(t)(.*)/raw$"],
            id="a capture between others",
        ),
        pytest.param(
            "location /a/ { alias /srv/a/; location /a/b { expires 1d; } }", ["passed"], id="inherited by a nested one"
        ),
        pytest.param("location ~ ^/static(/.*)$ { alias /srv/static$1; }", ["passed"], id="the slash in the capture"),
        pytest.param(
            "location /static { internal; alias /srv/static/; }", ["skipped not-applicable"], id="not reachable"
        ),
        pytest.param(
            "location /static { alias {{ static }}/; }", [STATIC_AT], id="a template's directory with a slash"
        ),
        pytest.param("location /static { alias {{ static }}; }", ["skipped unknown"], id="a template's directory"),
        pytest.param("location {{ url }} { alias /srv/static/; }", ["skipped unknown"], id="a template's path"),
        pytest.param("location /static/ { alias {{ static }}; }", ["passed"], id="a slash is enough"),
    ],
)
def test_alias_traversal(place: str, expected: list[str]) -> None:
    assert short(judge_facts("alias_traversal", nginx_of(REDIRECT + https(place + DJANGO))), "high") == expected


@pytest.mark.parametrize(
    ("canary", "expected"), [("/srv/x", STATIC_AT.replace("inferred", "proven")), (None, "passed")]
)
def test_alias_traversal_seen_live(canary: str | None, expected: str) -> None:
    nginx = nginx_of(https("location /static { alias /srv/static/; }" + DJANGO))
    attempt = TraversalAttempt(
        "alias",
        edgekit.place(nginx, "/static"),
        "/static",
        "/static../x",
        200 if canary else 404,
        canary,
        edgekit.exchange("GET https://shop.example/static../x", 200),
    )
    assert short(judge_facts("alias_traversal", nginx, PathTraversal((attempt,))), "high") == [expected]


LISTED = "inferred server shop.example:443 location"


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        pytest.param("location /media/ { alias /srv/m/; autoindex on; }", [f"high {LISTED} /media/"], id="media"),
        pytest.param("location /files/ { alias /srv/f/; autoindex on; }", [f"medium {LISTED} /files/"], id="others"),
        pytest.param("location /files/ { alias /srv/f/; }", ["passed"], id="off by default"),
        pytest.param("autoindex on; location /f/ { alias /srv/f/; autoindex off; }", ["passed"], id="off again"),
        pytest.param("autoindex on;", ["passed"], id="nothing is served"),
        pytest.param("location /f/ { internal; alias /srv/f/; autoindex on; }", ["passed"], id="internal"),
        pytest.param(
            "location /f/ { alias /srv/f/; autoindex on; allow 10.0.0.0/8; deny all; }", ["passed"], id="access list"
        ),
        pytest.param(
            "location /f/ { alias /srv/f/; autoindex on; auth_basic x; auth_basic_user_file y; }",
            ["passed"],
            id="password",
        ),
    ],
)
def test_directory_listing(body: str, expected: list[str]) -> None:
    outcome = judge_facts("directory_listing_enabled", nginx_of(REDIRECT + https(body + DJANGO)), HARDENED)
    assert short(outcome, "high") == expected


def test_directory_listing_seen_live() -> None:
    nginx = nginx_of(https("location /media/ { alias /srv/m/; autoindex on; }" + DJANGO))
    seen = ListingSeen(
        "/media/", 200, edgekit.place(nginx, "/media/"), edgekit.exchange("GET https://shop.example/media/", 200)
    )
    proven = judge_facts("directory_listing_enabled", nginx, HARDENED, DirectoryListing((seen,), ()))
    assert short(proven, "high") == ["high proven server shop.example:443 location /media/"]
    refuted = judge_facts("directory_listing_enabled", nginx, HARDENED, DirectoryListing((), ("/media/",)))
    assert short(refuted, "high") == ["passed"]


def on_one_host(directory: str = "/srv/shop") -> Topology:
    app = gunicorn().main
    fields = {"peer": PeerKind.LOOPBACK, "tls_ends": TlsEnd.PROXY, "peer_address": "127.0.0.1"}
    made = make(Topology, fields)
    return replace(made, app=app, path_map={directory: "."}, project_directory=directory)


TREE = Repository(True, frozenset({"manage.py", "shop/settings.py", "README.md"}), None, False, ())
WITH_ENV = replace(TREE, tracked=TREE.tracked | {".env"})
TRY = "root /srv/shop; location / { try_files $uri @app; } location @app { proxy_pass http://127.0.0.1:8000; }"
ROOT_AT = "inferred server shop.example:443 location /"


@pytest.mark.parametrize(
    ("body", "tree", "expected"),
    [
        pytest.param(TRY, TREE, [f"high {ROOT_AT}"], id="root at the project"),
        pytest.param(TRY, WITH_ENV, [f"critical {ROOT_AT}"], id="with an env file"),
        pytest.param(
            TRY + "location ~ /\\. { deny all; }", WITH_ENV, [f"high {ROOT_AT}"], id="the env file alone is denied"
        ),
        pytest.param("root /srv/shop;" + DJANGO, TREE, ["skipped not-applicable"], id="root that nobody uses"),
        pytest.param("location /static/ { alias /srv/shop/static/; }" + DJANGO, TREE, ["passed"], id="a part of it"),
        pytest.param("location /static/ { root /srv/shop; }" + DJANGO, TREE, ["passed"], id="root with the prefix"),
        pytest.param(
            "location /f/ { alias /srv/; }" + DJANGO, TREE, [f"high {ROOT_AT}f/"], id="an ancestor of the project"
        ),
        pytest.param("location ~* \\.(css|js)$ { root /srv/shop; }" + DJANGO, TREE, ["passed"], id="only style sheets"),
        pytest.param(
            "location /.well-known/acme-challenge/ { root /srv/shop; }" + DJANGO,
            TREE,
            ["skipped not-applicable"],
            id="certificate challenges",
        ),
        pytest.param(
            "root /srv/shop; location / { try_files /busy.html @a; } location @a { proxy_pass http://127.0.0.1:8000; }",
            TREE,
            ["passed"],
            id="try_files of one fixed page",
        ),
        pytest.param("location /x/ { alias {{ dir }}/; }" + DJANGO, TREE, ["skipped unknown"], id="template"),
    ],
)
def test_project_tree_served(body: str, tree: Repository, expected: list[str]) -> None:
    outcome = judge_facts(
        "project_tree_served", nginx_of(REDIRECT + https(body)), HARDENED, on_one_host(), tree, Compose(())
    )
    assert short(outcome, "critical") == expected


def test_project_tree_seen_live() -> None:
    nginx = nginx_of(https(TRY))
    where = edgekit.place(nginx, "/")
    seen = FileSeen(
        ".env", "/.env", where, 200, "/srv/shop/.env", edgekit.exchange("GET https://shop.example/.env", 200)
    )
    proven = judge_facts("project_tree_served", nginx, HARDENED, TREE, SecretPaths((seen,), 20))
    assert short(proven, "critical") == ["critical proven server shop.example:443 location /"]
    refuted = judge_facts("project_tree_served", nginx, HARDENED, on_one_host(), TREE, Compose(()), SecretPaths((), 21))
    assert short(refuted, "critical") == ["passed"]


PLACES = settings_of(
    {
        "base_dir": "/sandbox/shop",
        "set": {"STATIC_ROOT": "/sandbox/shop/staticfiles", "MEDIA_ROOT": "/srv/media", "MEDIA_URL": "/media/"},
    }
)
STATIC_WRONG = ["medium inferred server shop.example:443 location /static/"]


def with_settings(**changed: object) -> Settings:
    values = settings_of({"base_dir": "/sandbox/shop", "set": {"STATIC_ROOT": "/sandbox/shop/staticfiles", **changed}})
    return replace(values, values={**values.values})


@pytest.mark.parametrize(
    ("body", "values", "expected"),
    [
        pytest.param("location /static/ { alias /srv/shop/assets/; }", PLACES, STATIC_WRONG, id="another directory"),
        pytest.param("location /static/ { alias /srv/shop/staticfiles/; }", PLACES, ["passed"], id="the right one"),
        pytest.param(
            "location /static/ { alias /srv/shop/staticfiles/site/; }", PLACES, ["passed"], id="a part of the right one"
        ),
        pytest.param("location /static/ { root /srv/shop; }", PLACES, STATIC_WRONG, id="root adds the prefix"),
        pytest.param(
            "location /media/ { alias /srv/uploads/; }",
            PLACES,
            ["medium inferred server shop.example:443 location /media/"],
            id="media elsewhere",
        ),
        pytest.param("", PLACES, ["passed"], id="Django (WhiteNoise) is asked"),
        pytest.param(
            "location /static/ { alias /srv/shop/assets/; }",
            with_settings(STATIC_URL="https://cdn.example/"),
            ["passed"],
            id="a CDN",
        ),
        pytest.param(
            "location /static/ { alias /srv/shop/assets/; }",
            with_settings(STORAGES={"staticfiles": {"BACKEND": "storages.backends.s3.S3Storage"}}),
            ["passed"],
            id="object storage",
        ),
        pytest.param(
            "location /static/ { alias /srv/shop/assets/; }",
            settings_of(
                {
                    "base_dir": "/sandbox/shop",
                    "set": {"STATIC_ROOT": "/sandbox/shop/staticfiles"},
                    "middleware": ["whitenoise.middleware.WhiteNoiseMiddleware"],
                }
            ),
            ["low inferred server shop.example:443 location /static/"],
            id="WhiteNoise would have it",
        ),
    ],
)
def test_static_alias_mismatch(body: str, values: Settings, expected: list[str]) -> None:
    nginx = nginx_of(REDIRECT + https(body + DJANGO))
    outcome = judge_facts("static_alias_mismatch", values, nginx, gunicorn(), on_one_host(), Compose(()))
    assert short(outcome, "medium") == expected


def test_static_alias_where_the_mapping_is_unknown() -> None:
    nginx = nginx_of(https("location /static/ { alias /srv/shop/assets/; }" + DJANGO))
    assert short(judge_facts("static_alias_mismatch", PLACES, nginx, gunicorn()), "medium") == ["skipped unknown"]
    found = StaticFile(ServedBy.PROXY, 200, "text/css", (), None, None, True, None, False, ())
    assert short(judge_facts("static_alias_mismatch", PLACES, nginx, gunicorn(), found), "medium") == ["passed"]
    lost = replace(found, served_by=ServedBy.NOBODY, status=404)
    proven = judge_facts("static_alias_mismatch", PLACES, nginx, gunicorn(), lost)
    assert short(proven, "medium") == ["medium proven server shop.example:443 location /static/"]
    assumed = replace(lost, assumed_place=True)
    outcome = judge_facts("static_alias_mismatch", PLACES, nginx, gunicorn(), assumed)
    assert short(outcome, "medium") == ["skipped unknown"]


def service(name: str, role: ServiceRole, *volumes: tuple[str, str, bool], image: str | None = None) -> Service:
    place = Location("docker-compose.yml", 3)
    mounts = [Volume(source, target, False, bind, place) for source, target, bind in volumes]
    fields = {"name": name, "role": role, "location": place, "volumes": mounts, "image": image}
    return make(Service, {**fields, "build_context": None if image else "."})


@pytest.mark.parametrize(
    ("directory", "expected"),
    [
        pytest.param("/var/www/static/", ["passed"], id="where the shared volume is mounted"),
        pytest.param("/var/www/assets/", STATIC_WRONG, id="where nothing is mounted"),
    ],
)
def test_static_alias_in_containers(directory: str, expected: list[str]) -> None:
    web = service("web", ServiceRole.APP, ("static", "/app/staticfiles", False))
    proxy = service("nginx", ServiceRole.EDGE, ("static", "/var/www/static", False), image="nginx:1.28")
    compose = Compose((ComposeProject(("docker-compose.yml",), (web, proxy), frozenset()),))
    app = gunicorn("0.0.0.0:8000", container="web")
    topology = replace(on_one_host("/app"), app=app.main, peer=PeerKind.OTHER)
    body = f"location /static/ {{ alias {directory}; }}" + DJANGO.replace("127.0.0.1", "web")
    nginx = nginx_of(REDIRECT + https(body))
    values = with_settings(MEDIA_ROOT="")
    assert short(judge_facts("static_alias_mismatch", values, nginx, app, topology, compose), "medium") == expected


def said(kind: MessageClass, text: str, level: str = "emerg", line: int = 3) -> ProxyTest:
    place = Location("deploy/shop.conf", line)
    return ProxyTest(kind is not MessageClass.FINDING, (Message(level, text, place, kind),), "1.26.3")


@pytest.mark.parametrize(
    ("kind", "level", "text", "expected"),
    [
        (MessageClass.FINDING, "emerg", 'unexpected "}"', ["high proven deploy/shop.conf"]),
        (MessageClass.EVIDENCE, "warn", 'conflicting server name "a" on *:80, ignored',
         ["low proven deploy/shop.conf server name"]),
        (MessageClass.EVIDENCE, "warn", "the listen ... http2 directive is deprecated", ["passed"]),
        (MessageClass.NOT_CHECKED, "emerg", 'unknown directive "brotli"', ["passed"]),
        (MessageClass.OURS, "emerg", "host not found in upstream", ["passed"]),
        (MessageClass.HARMLESS, "warn", 'the "user" directive makes sense only', ["passed"]),
    ],
)  # fmt: skip
def test_proxy_config_rejected(kind: MessageClass, level: str, text: str, expected: list[str]) -> None:
    outcome = judge_facts("proxy_config_rejected", nginx_of(https(DJANGO)), said(kind, text, level))
    assert short(outcome, "high") == expected


def test_what_could_not_be_tested_is_said() -> None:
    ours = replace(said(MessageClass.OURS, "x"), our_cause="the sandbox has no such module")
    assert short(judge_facts("proxy_config_rejected", ours), "high") == ["skipped could-not-test"]
    unchecked = replace(said(MessageClass.NOT_CHECKED, 'unknown directive "brotli"'), accepted=False)
    assert short(judge_facts("proxy_config_rejected", unchecked), "high") == ["skipped could-not-test"]
    assert short(judge_facts("proxy_config_rejected", nginx_of(https(DJANGO))), "high") == ["skipped layer-missing"]


def test_a_broken_file_is_found_without_nginx() -> None:
    nginx = nginx_of("server { listen 80 server_name x; } }")
    broken = replace(nginx, problems=nginx.main.tree.problems)
    outcome = judge_facts("proxy_config_rejected", broken)
    assert isinstance(outcome, Failed)
    assert short(outcome, "high") == ["high inferred nginx.conf"]


def test_unreadable_settings_do_not_matter_for_listings() -> None:
    nginx = nginx_of(https("location /media/ { alias /srv/m/; autoindex on; }" + DJANGO))
    assert short(judge_facts("directory_listing_enabled", nginx), "high") == [f"high {LISTED} /media/"]
    other = settings(MEDIA_URL="/uploads/")
    assert short(judge_facts("directory_listing_enabled", nginx, other), "high") == [f"medium {LISTED} /media/"]

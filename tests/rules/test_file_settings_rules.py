"""Each clause of the rules about the directories that settings name: shared ones, served ones, those of caches."""

from collections.abc import Mapping
from typing import Any

import pytest

from scanner.facts.repository import Repository
from scanner.facts.serve_calls import ServeCall, ServeCalls
from scanner.facts.settings import Route, Settings, Urlconf
from scanner.facts.topology import PeerKind, TlsEnd, Topology
from scanner.model import Location
from tests.edgekit import DJANGO, gunicorn, https, nginx_of, short
from tests.rulekit import HARDENED, judge_facts, make, settings_of


def tracked(*paths: str) -> Repository:
    return Repository(is_git=True, tracked=frozenset(paths), commit=None, dirty=False, leaving_symlinks=())


def changed(more: Mapping[str, object] | None = None, **values: Any) -> Settings:
    return settings_of({"set": values, **(more or {})})


MEDIA = "high inferred settings.MEDIA_ROOT"
URLS = "medium inferred settings.MEDIA_URL"


def roots(static: str, media: str, **values: Any) -> Settings:
    return changed(STATIC_ROOT=static, MEDIA_ROOT=media, **values)


S3 = {"default": {"BACKEND": "storages.backends.s3.S3Storage"}, "staticfiles": {"BACKEND": "whitenoise.storage.X"}}


@pytest.mark.parametrize(
    ("facts", "expected"),
    [
        pytest.param([roots("/srv/shop/static", "/srv/shop/media")], ["passed"], id="separate, inside the project"),
        pytest.param([roots("/srv/shop/public", "/srv/shop/public/")], [MEDIA], id="the same"),
        pytest.param([roots("/srv/shop/static", "/srv/shop/static/up")], [MEDIA], id="media in static"),
        pytest.param([roots("/srv/shop/media/static", "/srv/shop/media")], [MEDIA], id="static in media"),
        pytest.param([roots("/srv/shop/static", "/srv/shop/static-up")], ["passed"], id="names that begin alike"),
        pytest.param([roots("/srv/shop/static", "/srv/shop")], [MEDIA], id="media is the project"),
        pytest.param([roots("/var/s", "/srv")], [MEDIA], id="media is above the project"),
        pytest.param(
            [roots("/srv/shop", "/var/m")], ["high inferred settings.STATIC_ROOT"], id="static is the project"
        ),
        pytest.param([roots("/srv/shop/s", "/srv/shop/up"), tracked("up/models.py")], [MEDIA], id="media holds code"),
        pytest.param(
            [roots("/srv/shop/s", "/srv/shop/up"), tracked("up/templates/a.html")],
            [MEDIA],
            id="media holds templates",
        ),
        pytest.param(
            [roots("/srv/shop/s", "/srv/shop/up"), tracked("up/a.jpg", "s/compress.py")], ["passed"], id="no code"
        ),
        pytest.param(
            [
                changed({"module_path": "web/shop/settings.py"}, STATIC_ROOT="/srv/shop/s", MEDIA_ROOT="/srv/shop/up"),
                tracked("web/manage.py", "web/up/urls.py"),
            ],
            [MEDIA],
            id="a project in a directory of the checkout",
        ),
        pytest.param([roots("/srv/a", "/srv/b", MEDIA_URL="/static/media/")], [URLS], id="an address in the other"),
        pytest.param([roots("/srv/a", "/srv/b", MEDIA_URL="/static/")], [URLS], id="one address"),
        pytest.param([roots("/srv/a", "/srv/b", MEDIA_URL="/static-media/")], ["passed"], id="addresses alike"),
        pytest.param(
            [roots("/srv/a", "/srv/b", MEDIA_URL="https://cdn.test/static/")], ["passed"], id="an address elsewhere"
        ),
        pytest.param([roots("/srv/a", "/srv/a/m", MEDIA_URL="/static/m/")], [MEDIA], id="both are one finding"),
        pytest.param([roots("/srv/a", "", MEDIA_URL="/")], ["passed"], id="no uploads"),
        pytest.param([roots("/srv/a", "/srv/a/m", STORAGES=S3)], ["passed"], id="uploads are kept elsewhere"),
        pytest.param(
            [changed({"unset": ["MEDIA_ROOT", "STATIC_ROOT"]}, MEDIA_ROOT="", STATIC_ROOT=None)],
            ["skipped not-applicable"],
            id="nothing is set",
        ),
        pytest.param(
            [changed({"injected": {"MEDIA_ROOT": "DATA"}}, STATIC_ROOT="/data", MEDIA_ROOT="/data")],
            ["skipped unknown"],
            id="invented",
        ),
        pytest.param(
            [changed(STATICFILES_DIRS=["/srv/shop/assets"]), tracked("assets/a.css", "assets/tool.py")],
            ["passed"],
            id="sources without code",
        ),
        pytest.param(
            [changed(STATICFILES_DIRS=["/srv/shop"])],
            ["high inferred settings.STATICFILES_DIRS ."],
            id="the project is a source",
        ),
        pytest.param(
            [changed(STATICFILES_DIRS=["/srv/shop/catalog"]), tracked("catalog/models.py")],
            ["high inferred settings.STATICFILES_DIRS catalog"],
            id="a package is a source",
        ),
        pytest.param(
            [changed(STATICFILES_DIRS=["/srv/shop/web"]), tracked("web/.env")],
            ["high inferred settings.STATICFILES_DIRS web"],
            id="an environment file becomes public",
        ),
        pytest.param(
            [changed(STATICFILES_DIRS=["/srv/shop/ui/node_modules"])],
            ["high inferred settings.STATICFILES_DIRS ui/node_modules"],
            id="node_modules",
        ),
        pytest.param([changed(STATICFILES_DIRS=["/srv/shop/node_modules/bootstrap"])], ["passed"], id="one package"),
    ],
)
def test_static_and_media_overlap(facts: list[object], expected: list[str]) -> None:
    assert short(judge_facts("static_and_media_overlap", *facts), "high") == expected


SERVE = "django.views.static.serve"


def urls(**fields: object) -> Urlconf:
    usual = {"pattern": "media/<path>", "view": SERVE, "document_root": "/srv/shop/media", "namespace": "", "name": ""}
    return Urlconf((make(Route, {**usual, **fields}),), ())


ROUTE = "inferred route media/<path>"
INSECURE = ServeCalls((ServeCall("^media/", Location("shop/urls.py", 3), insecure=True),))


@pytest.mark.parametrize(
    ("facts", "expected"),
    [
        pytest.param([HARDENED, urls()], f"medium {ROUTE}", id="uploads"),
        pytest.param([HARDENED, urls(show_indexes=True)], f"high {ROUTE}", id="with listings"),
        pytest.param([HARDENED, urls(document_root="/srv/shop")], f"high {ROUTE}", id="the project"),
        pytest.param([HARDENED, urls(document_root="/srv")], f"high {ROUTE}", id="above the project"),
        pytest.param(
            [HARDENED, urls(document_root="/srv/shop/media"), tracked("media/views.py")], f"high {ROUTE}", id="code"
        ),
        pytest.param([HARDENED, urls(document_root=None)], f"medium {ROUTE}", id="an unknown directory"),
        pytest.param([HARDENED, urls(login_required=True)], "passed", id="behind a login"),
        pytest.param([HARDENED, urls(view="shop.views.serve")], "passed", id="a view of their own"),
        pytest.param([changed(DEBUG=True), urls()], "skipped not-applicable", id="DEBUG is on"),
        pytest.param([HARDENED], "skipped layer-missing", id="no URL configuration"),
        pytest.param(
            [HARDENED, urls(view="django.contrib.staticfiles.views.serve")],
            "passed",
            id="staticfiles refuses by itself",
        ),
        pytest.param(
            [HARDENED, urls(view="django.contrib.staticfiles.views.serve"), INSECURE], f"medium {ROUTE}", id="insecure"
        ),
    ],
)
def test_files_served_by_django(facts: list[object], expected: str) -> None:
    assert short(judge_facts("files_served_by_django", *facts), "high") == [expected]


CACHE = "high inferred settings.CACHES.default"
FILES = "django.core.cache.backends.filebased.FileBasedCache"
HERE = make(
    Topology, {"peer": PeerKind.LOOPBACK, "tls_ends": TlsEnd.PROXY, "project_directory": "/opt/shop", "site_names": []}
)
SERVED = nginx_of(https("location /files/ { alias /opt/shop/files/; } " + DJANGO))


def cache(location: object, backend: str = FILES, **values: Any) -> Settings:
    return changed(CACHES={"default": {"BACKEND": backend, "LOCATION": location}}, **values)


@pytest.mark.parametrize(
    ("facts", "expected"),
    [
        pytest.param([cache("/srv/shop/media")], CACHE, id="the uploads' directory"),
        pytest.param([cache("/srv/shop/media/cache")], CACHE, id="in the uploads'"),
        pytest.param([cache("/srv/shop")], CACHE, id="around the uploads'"),
        pytest.param([cache("/srv/shop/static/c")], CACHE, id="among the static files"),
        pytest.param([cache("/srv/a/c", STATICFILES_DIRS=["/srv/a"])], CACHE, id="in a source of static files"),
        pytest.param([cache("/var/cache/shop")], "passed", id="a directory of its own"),
        pytest.param([cache("/srv/shop/files/c"), SERVED, HERE], CACHE, id="in a directory that the proxy serves"),
        pytest.param([cache("/srv/shop/other"), SERVED, HERE], "passed", id="beside a directory that the proxy serves"),
        pytest.param([cache("/srv/shop/files/c"), SERVED], "passed", id="where the project lies is not known"),
        pytest.param([cache("redis://x", "django.core.cache.backends.redis.RedisCache")], "skipped not-applicable"),
        pytest.param([cache("cache")], "skipped unknown", id="relative"),
        pytest.param(
            [changed({"injected": {"CACHES": "X"}}, CACHES=cache("/srv/shop/media").value("CACHES"))],
            "skipped unknown",
            id="invented",
        ),
    ],
)
def test_cache_directory_served(facts: list[object], expected: str) -> None:
    assert short(judge_facts("cache_directory_served", *facts), "high") == [expected]


APP = gunicorn().main
ON_HOST = make(
    Topology,
    {
        "peer": PeerKind.LOOPBACK,
        "tls_ends": TlsEnd.PROXY,
        "app": APP,
        "project_directory": "/srv/shop",
        "path_map": {"/srv/shop": "."},
        "site_names": [],
    },
)
HIDDEN = "inferred server shop.example:443 location"


@pytest.mark.parametrize(
    ("body", "files", "expected"),
    [
        pytest.param(
            "location /a/ { alias /srv/shop/pub/; }", ["pub/.env.live"], f"high {HIDDEN} /a/", id="environment"
        ),
        pytest.param("location /a/ { alias /srv/shop/pub/; }", ["pub/.htpasswd"], f"medium {HIDDEN} /a/", id="others"),
        pytest.param(
            "location /a/ { alias /srv/shop/pub/; }", ["pub/.vscode/x.json"], f"medium {HIDDEN} /a/", id="a directory"
        ),
        pytest.param("location /a/ { alias /srv/shop/pub/; }", ["pub/a.html", "b/.env"], "passed", id="nothing there"),
        pytest.param("location /a/ { alias /srv/shop/pub/; }", ["pub/.gitkeep"], "passed", id="an empty mark"),
        pytest.param(
            "location /a/ { alias /srv/shop/pub/; }", ["pub/.well-known/x.txt"], "passed", id="well-known addresses"
        ),
        pytest.param(
            "location /a/ { alias /srv/shop/pub/; } location ~ /\\. { deny all; }",
            ["pub/.env.live"],
            "passed",
            id="refused by a regular expression",
        ),
        pytest.param(
            "location ^~ /a/ { alias /srv/shop/pub/; } location ~ /\\. { deny all; }",
            ["pub/.env.live"],
            f"high {HIDDEN} ^~ /a/",
            id="^~ keeps it from being tried",
        ),
        pytest.param(
            "location /static/ { alias /srv/shop/static/; }", ["static/.env"], "skipped not-applicable", id="static"
        ),
        pytest.param("location /media/ { alias /srv/shop/media/; }", [], "skipped not-applicable", id="uploads"),
        pytest.param("location /a/ { root /srv; }", [".env"], "skipped unknown", id="another directory"),
        pytest.param("location /a/ { alias {{ x }}/; }", [], "skipped unknown", id="a template's"),
        pytest.param("location /a/ { alias /srv/shop/; }", [".env", "manage.py"], "passed", id="project-tree-served's"),
    ],
)
def test_dotfiles_served(body: str, files: list[str], expected: str) -> None:
    nginx = nginx_of(https(body + " " + DJANGO))
    outcome = judge_facts("dotfiles_served", nginx, HARDENED, ON_HOST, tracked(*files))
    assert short(outcome, "high") == [expected]

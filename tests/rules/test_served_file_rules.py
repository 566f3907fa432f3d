"""Each clause of the rules about uploads, request bodies, hidden files and directories that must not be shared."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from scanner.facts.media_canaries import MediaCanaries, MediaSeen
from scanner.facts.nginx import Nginx
from scanner.facts.python_modules import Modules
from scanner.facts.python_source import PythonSource
from scanner.facts.settings import Settings
from scanner.facts.static_file import ServedBy
from scanner.project import Checkout, Project
from tests import edgekit
from tests.edgekit import DJANGO, PASS, REDIRECT, https, nginx_of, settings, short
from tests.rulekit import HARDENED, judge_facts, make, settings_of

BODY = "medium inferred server shop.example:443"


def unlimited(name: str = "DATA_UPLOAD_MAX_MEMORY_SIZE", **more: object) -> Settings:
    return settings_of({"set": {name: None}, **more})


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        pytest.param(DJANGO, ["passed"], id="nginx's default of 1 MiB"),
        pytest.param(f"client_max_body_size 0; {DJANGO}", [f"{BODY} client_max_body_size"], id="none"),
        pytest.param(f"client_max_body_size 1025m; {DJANGO}", [f"{BODY} client_max_body_size"], id="over 1 GiB"),
        pytest.param(f"client_max_body_size 1G; {DJANGO}", ["passed"], id="1 GiB"),
        pytest.param(f"client_max_body_size 1k; {DJANGO}", ["passed"], id="small is no fault"),
        pytest.param(
            f"client_max_body_size 0; location / {{ client_max_body_size 5m; {PASS} }}",
            ["passed"],
            id="the inner counts",
        ),
        pytest.param(
            f"location /files/ {{ client_max_body_size 0; alias /srv/f/; }} {DJANGO}", ["passed"], id="not for Django"
        ),
        pytest.param(f"client_max_body_size {{{{ size }}}}; {DJANGO}", ["skipped unknown"], id="a template's"),
        pytest.param(f"include snippets/size.conf; {DJANGO}", ["skipped unknown"], id="an include that is not here"),
        pytest.param(
            f"include snippets/size.conf; location / {{ client_max_body_size 0; {PASS} }}",
            [f"{BODY} location / client_max_body_size"],
            id="known beside unknown",
        ),
    ],
)
def test_request_body_of_the_proxy(body: str, expected: list[str]) -> None:
    assert (
        short(judge_facts("request_body_unlimited", nginx_of(REDIRECT + https(body)), HARDENED), "medium") == expected
    )


@pytest.mark.parametrize(
    ("facts", "expected"),
    [
        pytest.param([unlimited()], "medium inferred settings.DATA_UPLOAD_MAX_MEMORY_SIZE", id="no proxy is known"),
        pytest.param(
            [unlimited(), nginx_of(https(DJANGO))],
            "low inferred settings.DATA_UPLOAD_MAX_MEMORY_SIZE",
            id="the proxy has a limit",
        ),
        pytest.param(
            [unlimited("DATA_UPLOAD_MAX_NUMBER_FIELDS")],
            "medium inferred settings.DATA_UPLOAD_MAX_NUMBER_FIELDS",
            id="number of fields",
        ),
        pytest.param(
            [unlimited("DATA_UPLOAD_MAX_NUMBER_FILES")],
            "medium inferred settings.DATA_UPLOAD_MAX_NUMBER_FILES",
            id="number of files",
        ),
        pytest.param([unlimited(unset=["DATA_UPLOAD_MAX_MEMORY_SIZE"])], "passed", id="Django's own"),
        pytest.param([unlimited(injected={"DATA_UPLOAD_MAX_MEMORY_SIZE": "LIMIT"})], "skipped unknown", id="invented"),
        pytest.param([settings(DATA_UPLOAD_MAX_MEMORY_SIZE=10**9)], "passed", id="a large limit"),
    ],
)
def test_request_body_of_django(facts: list[object], expected: str) -> None:
    assert short(judge_facts("request_body_unlimited", *facts), "medium") == [expected]


def test_neither_proxy_nor_settings() -> None:
    assert short(judge_facts("request_body_unlimited"), "medium") == ["skipped layer-missing"]


# Uploads that are run. HARDENED keeps them in /srv/shop/media below /media/.

PHP = "location ~ \\.php$ { fastcgi_pass unix:/run/php.sock; }"
RUNS = "critical inferred server shop.example:443 location ~ \\.php$"


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        pytest.param("root /srv/shop; location /media/ { }" + PHP, [RUNS], id="by its name"),
        pytest.param("location /media/ { alias /srv/shop/media/; } root /srv/shop;" + PHP, [RUNS], id="the same file"),
        pytest.param("root /srv/shop; location ^~ /media/ { }" + PHP, ["passed"], id="^~"),
        pytest.param(
            "location /media/ { alias /srv/shop/media/; } root /var/www;" + PHP, ["passed"], id="another directory"
        ),
        pytest.param("location /media/ { alias /srv/shop/media/; }" + PHP, ["skipped unknown"], id="no root is known"),
        pytest.param("root {{ root }}; location /media/ { }" + PHP, ["skipped unknown"], id="a template's directory"),
        pytest.param("root /srv/shop; location /media/ { }", ["passed"], id="no interpreter"),
        pytest.param(
            "root /srv/shop; location /media/ { } location ~ \\.php$ { internal; fastcgi_pass unix:/run/php.sock; }",
            ["passed"],
            id="not reachable",
        ),
        pytest.param(
            "root /srv/shop; location /media/ { } location ~ \\.php$ { proxy_pass http://127.0.0.1:8000; }",
            ["passed"],
            id="an application, not an interpreter",
        ),
        pytest.param(PHP, ["skipped not-applicable"], id="no uploads are sent"),
        pytest.param(
            "root /srv/shop; location /media/ { } location ~ \\.(cgi|py)$ { fastcgi_pass 127.0.0.1:9000; }",
            ["critical inferred server shop.example:443 location ~ \\.(cgi|py)$"],
            id="other endings, told once",
        ),
    ],
)
def test_uploads_executable(body: str, expected: list[str]) -> None:
    outcome = judge_facts("uploads_executable", nginx_of(REDIRECT + https(body + DJANGO)), HARDENED)
    assert short(outcome, "critical") == expected


def canary(nginx: Nginx, pattern: str, extension: str = "html", **fields: Any) -> MediaSeen:
    usual: Mapping[str, object] = {
        "extension": extension,
        "status": 200,
        "content_type": {"html": "text/html", "svg": "image/svg+xml"}.get(extension, "application/octet-stream"),
        "nosniff": False,
        "served_by": ServedBy.PROXY,
        "location": edgekit.place(nginx, pattern),
        "exchange": edgekit.exchange(f"GET https://shop.example/media/x.{extension}", 200),
    }
    return make(MediaSeen, {**usual, **fields})


@pytest.mark.parametrize(("executed", "expected"), [(True, RUNS.replace("inferred", "proven")), (False, "passed")])
def test_uploads_executable_seen_live(*, executed: bool, expected: str) -> None:
    nginx = nginx_of(https("location /media/ { alias /srv/shop/media/; }" + PHP + DJANGO))
    seen = canary(nginx, "\\.php$", "php", executed=executed, status=502 if executed else 404)
    outcome = judge_facts("uploads_executable", nginx, HARDENED, MediaCanaries((seen,), same_origin=True))
    assert short(outcome, "critical") == [expected]


# Uploads that are pages of the site.

MEDIA = "inferred server shop.example:443 location /media/"
NOSNIFF = "add_header X-Content-Type-Options nosniff;"
ATTACHED = "add_header Content-Disposition attachment;"
FIELDS = {
    "file": "FileField(upload_to='x')",
    "image": "ImageField(upload_to='x')",
    "checked": "FileField(upload_to='x', validators=[only_pdf])",
    "": "CharField(max_length=9)",
}


def code(tmp_path: Path, kind: str = "", owner: str = "models") -> PythonSource:
    (tmp_path / "models.py").write_text(f"class A(B):\n    f = {owner}.{FIELDS[kind]}\n")
    names = ("models.py",)
    checkout = Checkout(root=tmp_path, files=names, tracked=frozenset(names), is_git=True, commit=None, dirty=False)
    return PythonSource(Modules(Project(checkout, ".", "shop", None)))


def media(lines: str = "", rest: str = "", http: str = "") -> Nginx:
    return nginx_of(http + REDIRECT + https(f"location /media/ {{ alias /srv/shop/media/; {lines} }} {rest}{DJANGO}"))


@pytest.mark.parametrize(
    ("nginx", "expected"),
    [
        pytest.param(media(), [f"medium {MEDIA}"], id="nothing is known of the uploads"),
        pytest.param(media(NOSNIFF), [f"medium {MEDIA}"], id="nosniff alone"),
        pytest.param(media(ATTACHED), [f"low {MEDIA}"], id="an attachment without nosniff"),
        pytest.param(media(NOSNIFF + ATTACHED), ["passed"], id="both"),
        pytest.param(media(NOSNIFF + 'add_header Content-Security-Policy "sandbox";'), ["passed"], id="a sandbox"),
        pytest.param(
            media(NOSNIFF + "add_header Content-Security-Policy \"default-src 'none'\";"), ["passed"], id="no scripts"
        ),
        pytest.param(
            media(NOSNIFF + "add_header Content-Security-Policy \"default-src 'self'\";"),
            [f"medium {MEDIA}"],
            id="scripts of the site",
        ),
        pytest.param(
            media(NOSNIFF + 'add_header Content-Security-Policy "sandbox allow-scripts allow-same-origin";'),
            [f"medium {MEDIA}"],
            id="a sandbox that holds nothing",
        ),
        pytest.param(
            media(NOSNIFF + "types { } default_type application/octet-stream;"), ["passed"], id="no types at all"
        ),
        pytest.param(media(NOSNIFF + "types { image/jpeg jpg; }"), ["passed"], id="types of images only"),
        pytest.param(media(NOSNIFF + "types { text/html html; }"), [f"medium {MEDIA}"], id="types with pages"),
        pytest.param(
            media(NOSNIFF + "if ($uri ~ [.](html|svg)$) { add_header Content-Disposition attachment; }"),
            ["passed"],
            id="an if that attaches",
        ),
        pytest.param(media("include headers.conf;"), ["skipped unknown"], id="an include that is not here"),
        pytest.param(media("internal;"), ["skipped not-applicable"], id="internal"),
        pytest.param(
            media(NOSNIFF, "location ~ ^/media/.*[.](html|svg|xml|xhtml)$ { return 404; }"), ["passed"], id="refused"
        ),
        pytest.param(nginx_of(https(DJANGO)), ["skipped not-applicable"], id="no place of its own"),
        pytest.param(
            nginx_of(https("root /srv/www; location / { try_files $uri @app; } location @app { " + PASS + " }")),
            ["skipped not-applicable"],
            id="a general document root that is another",
        ),
        pytest.param(
            nginx_of(https("root /srv/shop; location / { try_files $uri @app; } location @app { " + PASS + " }")),
            ["medium inferred server shop.example:443 location /"],
            id="a general document root with the uploads in it",
        ),
    ],
)
def test_media_served_active(nginx: Nginx, expected: list[str]) -> None:
    assert short(judge_facts("media_served_active", nginx, HARDENED), "high") == expected


@pytest.mark.parametrize(
    ("kind", "owner", "severity"),
    [
        ("file", "models", "high"),
        ("checked", "models", "medium"),
        ("image", "models", "low"),
        ("", "models", "medium"),
        ("file", "forms", "medium"),
    ],
)
def test_how_bad_active_media_are(tmp_path: Path, kind: str, owner: str, severity: str) -> None:
    outcome = judge_facts("media_served_active", media(), HARDENED, code(tmp_path, kind, owner))
    assert short(outcome, "high") == [f"{severity} {MEDIA}"]


def test_a_form_that_takes_any_file_beside_pictures(tmp_path: Path) -> None:
    found = code(tmp_path, "image")
    (tmp_path / "models.py").write_text("class A(B):\n    f = models.ImageField()\n    g = forms.FileField()\n")
    assert short(judge_facts("media_served_active", media(), HARDENED, found), "high") == [f"medium {MEDIA}"]


def test_media_on_a_host_of_their_own(tmp_path: Path) -> None:
    files = https("location / { alias /srv/shop/media/; }", "listen 443 ssl; server_name files.example;")
    found = settings(MEDIA_URL="https://files.example/")
    outcome = judge_facts("media_served_active", nginx_of(https(DJANGO) + files), found, code(tmp_path, "file"))
    assert short(outcome, "high") == ["medium inferred server files.example:443 location /"]


@pytest.mark.parametrize("changed", [{"MEDIA_ROOT": ""}, {"MEDIA_URL": "https://cdn.test/"}, {"MEDIA_URL": "/"}])
def test_media_elsewhere(changed: dict[str, object]) -> None:
    assert short(judge_facts("media_served_active", media(), settings(**changed)), "high") == ["skipped not-applicable"]


@pytest.mark.parametrize(
    ("fields", "expected"),
    [
        ({}, "medium proven"),
        ({"nosniff": True}, "medium proven"),
        ({"nosniff": True, "disposition": "attachment"}, "passed"),
        ({"nosniff": True, "sandboxed": True}, "passed"),
        ({"nosniff": True, "content_type": "text/plain"}, "passed"),
        ({"disposition": "attachment"}, "low proven"),
        ({"status": 404, "served_by": ServedBy.NOBODY}, "medium inferred"),
    ],
)
def test_active_media_seen_live(fields: dict[str, Any], expected: str) -> None:
    nginx = media()
    seen = canary(nginx, "/media/", **fields)
    outcome = judge_facts("media_served_active", nginx, HARDENED, MediaCanaries((seen,), same_origin=True))
    assert short(outcome, "high")[0].startswith(expected)

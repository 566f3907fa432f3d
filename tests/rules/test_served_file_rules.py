"""Each clause of the rules about uploads, request bodies, hidden files and directories that must not be shared."""

from collections.abc import Mapping

import pytest

from scanner.facts.media_canaries import MediaCanaries, MediaSeen
from scanner.facts.nginx import Nginx
from scanner.facts.settings import Settings
from scanner.facts.static_file import ServedBy
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


def canary(nginx: Nginx, pattern: str, extension: str = "html", **fields: object) -> MediaSeen:
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

"""Each clause of the rules about https: when they fire, and when they must not."""

import pytest

from scanner.facts.app_servers import AppServers
from scanner.facts.compose import Compose, ComposeProject, Port, Service, ServiceRole
from scanner.facts.header_survey import HeaderSurvey, KindHeaders, MadeBy
from scanner.facts.nginx import Nginx
from scanner.facts.plain_http import PlainAnswer, PlainHttp, PlainKind
from scanner.facts.redirect_chain import Chain, End, Hop, RedirectChain
from scanner.facts.topology import PeerKind, TlsEnd, Topology
from scanner.model import Location
from tests import edgekit
from tests.edgekit import DJANGO, HEADERS, PASS, PLAIN, REDIRECT, TLS, gunicorn, https, nginx_of, settings, short
from tests.rulekit import DOORS, HARDENED, judge_facts, make

SITE = REDIRECT + https(DJANGO)
OPEN = f"server {{ {PLAIN} {DJANGO} }}" + https(DJANGO)


def topology(tls_ends: TlsEnd, platform: str | None = None) -> Topology:
    return make(Topology, {"peer": PeerKind.UNKNOWN, "tls_ends": tls_ends, "platform": platform})


def service(name: str, image: str, *ports: tuple[str, str, int]) -> Service:
    place = Location("docker-compose.yml", 3)
    return make(
        Service,
        {
            "name": name,
            "image": image,
            "role": ServiceRole.EDGE,
            "location": place,
            "ports": [Port(host, published, target, "tcp", place) for host, published, target in ports],
        },
    )


def compose(*services: Service) -> Compose:
    return Compose((ComposeProject(("docker-compose.yml",), services, frozenset()),))


PLAIN_HIGH = ["high inferred server shop.example:80"]
PLAIN_MEDIUM = ["medium inferred server shop.example:80"]
ACME = "location /.well-known/acme-challenge/ { root /var/www/acme; }"
EXEMPT = (
    "location = /healthz { proxy_pass http://127.0.0.1:8000; } location / { return 301 https://$host$request_uri; }"
)
STATIC_ONLY = "location /static/ { alias /srv/static/; } location / { return 301 https://$host$request_uri; }"


@pytest.mark.parametrize(
    ("conf", "expected"),
    [
        pytest.param(OPEN, PLAIN_HIGH, id="plain server hands requests to Django"),
        pytest.param(SITE, ["passed"], id="the proxy redirects everything (W008 is wrong)"),
        pytest.param(f"server {{ listen 80; {TLS} {DJANGO} }}", PLAIN_HIGH, id="one server on both ports"),
        pytest.param(
            f"server {{ listen 80; {TLS} if ($scheme = http) {{ return 301 https://$host$request_uri; }} {DJANGO} }}",
            ["passed"],
            id="an if on the scheme redirects",
        ),
        pytest.param(f"server {{ {PLAIN} {DJANGO} }}", PLAIN_MEDIUM, id="nothing speaks of TLS"),
        pytest.param(
            f"server {{ {PLAIN} {ACME} location / {{ return 308 https://$host$request_uri; }} }}" + https(DJANGO),
            ["passed"],
            id="certificate challenges are plain",
        ),
        pytest.param(f"server {{ {PLAIN} {STATIC_ONLY} }}" + https(DJANGO), PLAIN_MEDIUM, id="only files answer"),
        pytest.param(f"server {{ {PLAIN} return 444; }}" + https(DJANGO), ["passed"], id="refused"),
        pytest.param(
            f"server {{ listen 127.0.0.1:80; server_name shop.example; {DJANGO} }}" + https(DJANGO),
            ["passed"],
            id="loopback listener",
        ),
        pytest.param(
            f"server {{ listen 10.0.0.4:80; server_name shop.example; {DJANGO} }}" + https(DJANGO),
            ["passed"],
            id="private listener",
        ),
        pytest.param(
            f"server {{ {PLAIN} if ($http_x_forwarded_proto != https) {{ return 301 https://$host$request_uri; }} "
            f"{DJANGO} }}",
            ["passed"],
            id="it decides by the scheme that is told from in front",
        ),
        pytest.param(
            f"server {{ {PLAIN} location / {{ proxy_set_header X-Forwarded-Proto $http_x_forwarded_proto; {PASS} }} }}",
            ["passed"],
            id="without TLS it passes the scheme on that is told from in front",
        ),
        pytest.param(
            https(DJANGO) + "server { listen 80; server_name blog.example; location / { root /srv/blog; } }",
            ["passed"],
            id="another site's server",
        ),
        pytest.param(
            f"server {{ {PLAIN} location /x {{ internal; {PASS} }} location / {{ return 301 https://a.b; }} }}"
            + https(DJANGO),
            ["passed"],
            id="an internal location",
        ),
        pytest.param(
            f"server {{ listen ${{PORT}}; server_name shop.example; {DJANGO} }}", ["skipped unknown"], id="template"
        ),
    ],
)
def test_plain_http_served_from_files(conf: str, expected: list[str]) -> None:
    outcome = judge_facts("plain_http_served", nginx_of(conf), HARDENED, gunicorn())
    assert short(outcome, "high") == expected


def test_django_redirects_what_it_gets_over_plain_http() -> None:
    redirecting = settings(SECURE_SSL_REDIRECT=True)
    assert short(judge_facts("plain_http_served", nginx_of(OPEN), redirecting, gunicorn()), "high") == ["passed"]
    with_files = f"server {{ {PLAIN} location /static/ {{ alias /srv/static/; }} {DJANGO} }}" + https(DJANGO)
    outcome = judge_facts("plain_http_served", nginx_of(with_files), redirecting, gunicorn())
    assert short(outcome, "high") == PLAIN_MEDIUM


def test_an_exempt_path_may_be_plain() -> None:
    exempt = settings(SECURE_REDIRECT_EXEMPT=["^healthz$"])
    conf = f"server {{ {PLAIN} {EXEMPT} }}" + https(DJANGO)
    assert short(judge_facts("plain_http_served", nginx_of(conf), exempt, gunicorn()), "high") == ["passed"]
    assert short(judge_facts("plain_http_served", nginx_of(conf), HARDENED, gunicorn()), "high") == PLAIN_HIGH


def test_without_settings_nobody_knows_whether_django_redirects() -> None:
    assert short(judge_facts("plain_http_served", nginx_of(OPEN), gunicorn()), "high") == ["skipped unknown"]


@pytest.mark.parametrize(
    ("facts", "expected"),
    [
        pytest.param((), ["medium inferred settings.SECURE_SSL_REDIRECT"], id="only W008 speaks"),
        pytest.param((topology(TlsEnd.BEFORE, "Procfile"),), ["skipped not-applicable"], id="a platform's router"),
        pytest.param((topology(TlsEnd.APP),), ["skipped not-applicable"], id="the app server has TLS"),
        pytest.param(
            (compose(service("traefik", "traefik:v3", ("0.0.0.0", "443", 443))),), ["skipped unknown"], id="Traefik"
        ),
    ],
)
def test_plain_http_without_nginx(facts: tuple[object, ...], expected: list[str]) -> None:
    assert short(judge_facts("plain_http_served", HARDENED, *facts), "high") == expected
    redirecting = settings(SECURE_SSL_REDIRECT=True)
    assert "settings" not in short(judge_facts("plain_http_served", redirecting, *facts), "high")[0]


@pytest.mark.parametrize(
    ("facts", "expected"),
    [
        pytest.param((topology(TlsEnd.BEFORE),), ["skipped not-applicable"], id="edge: tls"),
        pytest.param((topology(TlsEnd.PROXY),), PLAIN_HIGH, id="a certificate is mounted"),
        pytest.param((compose(service("web", "nginx:1.28", ("0.0.0.0", "443", 443))),), PLAIN_HIGH, id="443 published"),
        pytest.param(
            (compose(service("web", "nginx:1.28", ("127.0.0.1", "8080", 80))),),
            ["skipped not-applicable"],
            id="published on loopback only",
        ),
    ],
)
def test_where_tls_ends_decides_the_severity(facts: tuple[object, ...], expected: list[str]) -> None:
    conf = nginx_of(f"server {{ {PLAIN} {DJANGO} }}")
    assert short(judge_facts("plain_http_served", conf, HARDENED, gunicorn(), *facts), "high") == expected


def answer(status: int | None, *, kind: PlainKind = PlainKind.PAGE, by_app: bool = True, to: str = "") -> PlainAnswer:
    return make(
        PlainAnswer,
        {
            "kind": kind,
            "name": "shop.example",
            "target": "/",
            "door": DOORS["http"],
            "status": status,
            "location": to or None,
            "by_app": by_app,
        },
    )


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        pytest.param([answer(200)], ["high proven server shop.example:80"], id="a page"),
        pytest.param([answer(404)], ["high proven server shop.example:80"], id="Django's own 404"),
        pytest.param(
            [answer(200, kind=PlainKind.STATIC, by_app=False), answer(301, to="https://shop.example/")],
            ["medium proven server shop.example:80"],
            id="a file only",
        ),
        pytest.param([answer(301, to="https://shop.example/")], ["passed"], id="redirected: refuted"),
        pytest.param([answer(404, by_app=False)], ["passed"], id="refused by the proxy"),
        pytest.param([answer(None)], ["passed"], id="closed"),
        pytest.param([answer(400, kind=PlainKind.NAME)], ["passed"], id="Django refuses the name"),
        pytest.param([answer(200, kind=PlainKind.ACME)], PLAIN_HIGH, id="nothing was asked but a challenge"),
    ],
)
def test_plain_http_seen_live(given: list[PlainAnswer], expected: list[str]) -> None:
    live = PlainHttp(doors=(DOORS["http"],), answers=tuple(given))
    assert short(judge_facts("plain_http_served", nginx_of(OPEN), HARDENED, gunicorn(), live), "high") == expected


LOOPING = settings(SECURE_SSL_REDIRECT=True)
AT = ["high inferred server shop.example:443 location /"]


@pytest.mark.parametrize(
    ("body", "changed", "servers", "expected"),
    [
        pytest.param(DJANGO, {}, gunicorn(), ["passed"], id="the header is sent"),
        pytest.param(f"location / {{ {PASS} }}", {}, gunicorn(), AT, id="the header is not sent"),
        pytest.param(
            f"location / {{ proxy_set_header X-Forwarded-Proto http; {PASS} }}", {}, gunicorn(), AT, id="another value"
        ),
        pytest.param(
            f'location / {{ proxy_set_header X-Forwarded-Proto ""; {PASS} }}', {}, gunicorn(), AT, id="taken away"
        ),
        pytest.param(
            DJANGO,
            {"SECURE_PROXY_SSL_HEADER": None},
            gunicorn(),
            ["passed"],
            id="Gunicorn on loopback makes the request https itself",
        ),
        pytest.param(
            DJANGO.replace("127.0.0.1:8000", "unix:/run/app.sock"),
            {"SECURE_PROXY_SSL_HEADER": None},
            gunicorn("unix:/run/app.sock"),
            ["passed"],
            id="Gunicorn on a unix socket, too",
        ),
        pytest.param(
            DJANGO.replace("127.0.0.1", "web"),
            {"SECURE_PROXY_SSL_HEADER": None},
            gunicorn("0.0.0.0:8000", container="web"),
            ["high inferred settings.SECURE_PROXY_SSL_HEADER"],
            id="Gunicorn does not trust another container",
        ),
        pytest.param(
            DJANGO.replace("127.0.0.1", "web"),
            {"SECURE_PROXY_SSL_HEADER": None},
            gunicorn("0.0.0.0:8000", container="web", trusted=("*",)),
            ["passed"],
            id="unless it trusts everybody",
        ),
        pytest.param(
            DJANGO.replace("127.0.0.1", "web"),
            {"SECURE_PROXY_SSL_HEADER": None},
            gunicorn("0.0.0.0:8000", container="web", trusted=("172.18.0.0/16",)),
            ["skipped unknown"],
            id="or may trust that network",
        ),
        pytest.param(DJANGO, {"SECURE_SSL_REDIRECT": False}, gunicorn(), ["passed"], id="Django does not redirect"),
        pytest.param(
            "location / { include uwsgi_params; uwsgi_pass 127.0.0.1:8000; }",
            {"SECURE_PROXY_SSL_HEADER": None},
            gunicorn(),
            ["passed"],
            id="uwsgi_params tell the scheme",
        ),
        pytest.param(
            f"location / {{ include snippets/proxy.conf; {PASS} }}", {}, gunicorn(), ["skipped unknown"], id="include"
        ),
    ],
)
def test_redirect_loop_from_files(
    body: str, changed: dict[str, object], servers: AppServers, expected: list[str]
) -> None:
    values = settings(**{"SECURE_SSL_REDIRECT": True, **changed})
    outcome = judge_facts("redirect_loop", nginx_of(REDIRECT + https(body)), values, servers)
    assert short(outcome, "high") == expected


def chain(end: End, status: int = 301) -> RedirectChain:
    url = "https://shop.example/"
    hop = Hop(url, status, url, edgekit.exchange(f"GET {url}", status, (("Location", url),)))
    return RedirectChain((Chain(url, (hop, hop), end),))


def test_redirect_loop_seen_live() -> None:
    blind = nginx_of(REDIRECT + https(f"location / {{ {PASS} }}"))
    proven = judge_facts("redirect_loop", blind, LOOPING, gunicorn(), chain(End.LOOP))
    assert short(proven, "high") == ["high proven server shop.example:443 location /"]
    assert short(judge_facts("redirect_loop", blind, LOOPING, gunicorn(), chain(End.ANSWER, 200)), "high") == ["passed"]
    other = judge_facts("redirect_loop", nginx_of(SITE), LOOPING, gunicorn(), chain(End.LOOP))
    assert short(other, "high") == ["high proven settings.SECURE_SSL_REDIRECT"]


YEAR = 'add_header Strict-Transport-Security "max-age=31536000; includeSubDomains" always;'
NO_HSTS = {"SECURE_HSTS_SECONDS": 0}
MISSING = ["medium inferred settings.SECURE_HSTS_SECONDS"]


@pytest.mark.parametrize(
    ("body", "changed", "expected"),
    [
        pytest.param(DJANGO, NO_HSTS, MISSING, id="nobody sends it"),
        pytest.param(YEAR + DJANGO, NO_HSTS, ["passed"], id="the edge sends it (W004 is wrong)"),
        pytest.param(YEAR.replace("31536000", "0") + DJANGO, NO_HSTS, MISSING, id="max-age=0 is none"),
        pytest.param(DJANGO, {}, ["passed"], id="Django sends it"),
        pytest.param(
            YEAR + DJANGO + f"location /a/ {{ add_header Cache-Control no-store; {HEADERS} {PASS} }}",
            NO_HSTS,
            ["passed"],
            id="lost by a location: that rule tells it",
        ),
        pytest.param(
            f"location / {{ {YEAR} {HEADERS} {PASS} }} location /a/ {{ {HEADERS} {PASS} }}",
            NO_HSTS,
            ["medium inferred server shop.example:443 location /a/"],
            id="one location has it, another has not",
        ),
        pytest.param(f"include snippets/headers.conf; {DJANGO}", NO_HSTS, ["skipped unknown"], id="include"),
        pytest.param(
            DJANGO, {"SECURE_PROXY_SSL_HEADER": None, "SECURE_SSL_REDIRECT": True}, ["passed"], id="settings right"
        ),
    ],
)
def test_hsts_missing_from_files(body: str, changed: dict[str, object], expected: list[str]) -> None:
    outcome = judge_facts("hsts_missing", nginx_of(REDIRECT + https(body)), settings(**changed), gunicorn())
    assert short(outcome, "medium") == expected


def test_hsts_where_tls_ends_elsewhere_is_low() -> None:
    without = settings(**NO_HSTS)
    low = ["low inferred settings.SECURE_HSTS_SECONDS"]
    assert short(judge_facts("hsts_missing", without), "medium") == low
    assert short(judge_facts("hsts_missing", nginx_of(f"server {{ {PLAIN} {DJANGO} }}"), without), "medium") == low
    assert short(judge_facts("hsts_missing", without, topology(TlsEnd.APP)), "medium") == MISSING


def survey(nginx: Nginx, *headers: str, kind: str = "page", status: int = 200, pattern: str = "/") -> HeaderSurvey:
    pairs = tuple((name, value) for name, _, value in (text.partition(": ") for text in headers))
    return HeaderSurvey(
        (
            KindHeaders(
                kind,
                DOORS["https"],
                "/",
                status,
                MadeBy.DJANGO,
                pairs,
                edgekit.place(nginx, pattern),
                html=True,
                exchange=edgekit.exchange("GET https://shop.example/", status, pairs),
            ),
        )
    )


def test_hsts_seen_live() -> None:
    nginx, without = nginx_of(SITE), settings(**NO_HSTS)
    proven = judge_facts("hsts_missing", nginx, without, gunicorn(), survey(nginx))
    assert short(proven, "medium") == ["medium proven settings.SECURE_HSTS_SECONDS"]
    seen = survey(nginx, "Strict-Transport-Security: max-age=31536000; includeSubDomains")
    assert short(judge_facts("hsts_missing", nginx, without, gunicorn(), seen), "medium") == ["passed"]


@pytest.mark.parametrize(
    ("seconds", "subdomains", "preload", "expected"),
    [
        (31536000, True, False, ["passed"]),
        (31536000, True, True, ["passed"]),
        (3600, True, False, ["low inferred settings.SECURE_HSTS_SECONDS"]),
        (3599, True, False, ["medium inferred settings.SECURE_HSTS_SECONDS"]),
        (31536000, False, False, ["low inferred settings.SECURE_HSTS_SECONDS"]),
        (31536000, False, True, ["medium inferred settings.SECURE_HSTS_SECONDS"]),
        (2592000, True, True, ["medium inferred settings.SECURE_HSTS_SECONDS"]),
        (0, False, False, ["passed"]),
    ],
)
def test_hsts_weak(seconds: int, subdomains: bool, preload: bool, expected: list[str]) -> None:
    values = settings(
        SECURE_HSTS_SECONDS=seconds, SECURE_HSTS_INCLUDE_SUBDOMAINS=subdomains, SECURE_HSTS_PRELOAD=preload
    )
    assert short(judge_facts("hsts_weak", values, nginx_of(SITE), gunicorn()), "medium") == expected
    assert short(judge_facts("hsts_weak", values), "medium") == expected


def test_the_first_policy_counts() -> None:
    both = nginx_of(REDIRECT + https(YEAR.replace("31536000", "60") + DJANGO))
    assert short(judge_facts("hsts_weak", HARDENED, both, gunicorn()), "medium") == ["passed"]
    edge_only = judge_facts("hsts_weak", settings(**NO_HSTS), both, gunicorn())
    assert short(edge_only, "medium") == ["medium inferred server shop.example:443"]
    seen = survey(both, "Strict-Transport-Security: max-age=60; includeSubDomains")
    proven = judge_facts("hsts_weak", settings(**NO_HSTS), both, gunicorn(), seen)
    assert short(proven, "medium") == ["medium proven server shop.example:443"]

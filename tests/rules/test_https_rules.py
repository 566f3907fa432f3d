"""Each clause of the rules about https: when they fire, and when they must not."""

import pytest

from scanner.facts.app_servers import AppServers
from scanner.facts.compose import Compose, ComposeProject, Port, Service, ServiceRole
from scanner.facts.plain_http import PlainAnswer, PlainHttp, PlainKind
from scanner.facts.redirect_chain import Chain, End, Hop, RedirectChain
from scanner.facts.topology import PeerKind, TlsEnd, Topology
from scanner.model import Location
from tests import edgekit
from tests.edgekit import DJANGO, PASS, PLAIN, REDIRECT, TLS, gunicorn, https, nginx_of, settings, short
from tests.rulekit import DOORS, HARDENED, judge_facts, make, settings_of

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


def test_a_redirect_that_a_placeholder_decides_is_not_judged() -> None:
    made_up = settings_of({"injected": {"SECURE_SSL_REDIRECT": "DJANGO_REDIRECT"}})
    assert short(judge_facts("plain_http_served", nginx_of(OPEN), made_up, gunicorn()), "high") == ["skipped unknown"]
    assert short(judge_facts("plain_http_served", made_up), "high") == ["skipped unknown"]


def test_a_second_configuration_without_tls_is_not_judged() -> None:
    first_day = nginx_of(f"server {{ {PLAIN} {DJANGO} }}")
    both = edgekit.with_alternative(nginx_of(SITE), first_day)
    assert short(judge_facts("plain_http_served", both, HARDENED, gunicorn()), "high") == ["passed"]
    sample = edgekit.with_alternative(nginx_of(SITE), nginx_of(OPEN, scope="example"))
    assert short(judge_facts("plain_http_served", sample, HARDENED, gunicorn()), "high") == ["passed"]
    other = edgekit.with_alternative(nginx_of(SITE), nginx_of(OPEN))
    assert short(judge_facts("plain_http_served", other, HARDENED, gunicorn()), "high") == PLAIN_HIGH


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

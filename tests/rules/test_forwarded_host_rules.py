"""Each clause of the rules about forwarded hosts, lists of hosts and hosts behind the proxy."""

import pytest

from scanner.facts.compose import Compose, ComposeProject, Port, Service, ServiceRole
from scanner.facts.forwarded_host_spoof import ForwardedAttempt, ForwardedHostSpoof
from scanner.facts.settings import Settings
from scanner.facts.settings_source import Assignment, Origin, SettingsSource
from scanner.model import Location
from tests.edgekit import DJANGO, HEADERS, PASS, PLAIN, REFUSE, gunicorn, https, nginx_of, place, settings, short
from tests.rulekit import HARDENED, judge_facts, make, settings_of

AT_443 = "server shop.example:443 location /"
FORWARDED = {"USE_X_FORWARDED_HOST": True}
EVERYONE = {**FORWARDED, "ALLOWED_HOSTS": ["*"]}


def sent(*lines: str) -> str:
    return https(f"location / {{ {HEADERS} {' '.join(lines)} {PASS} }}")


def services(**images: str) -> Compose:
    made = tuple(
        make(
            Service,
            {"name": name, "image": image, "role": ServiceRole.APP, "location": Location("docker-compose.yml", 3)},
        )
        for name, image in images.items()
    )
    return Compose((ComposeProject(("docker-compose.yml",), made, frozenset()),))


AT_SETTING = "inferred settings.USE_X_FORWARDED_HOST"
XFH = "proxy_set_header X-Forwarded-Host"


@pytest.mark.parametrize(
    ("conf", "changed", "expected"),
    [
        pytest.param(sent(), EVERYONE, [f"high {AT_SETTING}"], id="not set, every host"),
        pytest.param(sent(), FORWARDED, [f"medium {AT_SETTING}"], id="not set, strict hosts"),
        pytest.param(sent(), {}, ["passed"], id="nobody reads it"),
        pytest.param(sent(f"{XFH} $host;"), EVERYONE, ["passed"], id="set to host"),
        pytest.param(sent(f"{XFH} $server_name;"), EVERYONE, ["passed"], id="set to server_name"),
        pytest.param(sent(f"{XFH} shop.example;"), EVERYONE, ["passed"], id="constant"),
        pytest.param(sent(f'{XFH} "";'), EVERYONE, ["passed"], id="blanked"),
        pytest.param(sent(f"{XFH} $http_x_forwarded_host;"), EVERYONE, [f"high {AT_SETTING}"], id="passed on"),
        pytest.param(sent(f"{XFH} $http_host;"), EVERYONE, [f"high {AT_SETTING}"], id="the client's Host"),
        pytest.param(sent("include more.conf;"), EVERYONE, ["skipped unknown"], id="unknown include"),
        pytest.param(sent(f"{XFH} {{{{ host }}}};"), EVERYONE, ["skipped unknown"], id="template"),
        pytest.param(
            https(f"{XFH} $host; location / {{ {PASS} }} location /a/ {{ {HEADERS} {PASS} }}"),
            EVERYONE,
            ["high inferred server shop.example:443 location /a/"],
            id="an inner level lost it",
        ),
        pytest.param(
            sent(),
            {"USE_X_FORWARDED_PORT": True},
            ["low inferred settings.USE_X_FORWARDED_PORT"],
            id="the port alone",
        ),
        pytest.param(
            https("location / { uwsgi_pass unix:/run/a.sock; }"), EVERYONE, [f"high {AT_SETTING}"], id="uwsgi_pass"
        ),
    ],
)
def test_forwarded_host_spoofable(conf: str, changed: dict[str, object], expected: list[str]) -> None:
    outcome = judge_facts("forwarded_host_spoofable", nginx_of(conf), settings(**changed), gunicorn())
    assert short(outcome, "high") == expected


def forged(host: str | None, status: int = 200, header: str = "X-Forwarded-Host") -> ForwardedHostSpoof:
    """What the stack made of a forged header at the only location."""
    fields = {
        "door": "https",
        "location": place(nginx_of(sent()), "/"),
        "header": header,
        "status": status,
        "host": host,
        "absolute": host and f"https://{host}/x",
        "baseline_host": "shop.example",
        "baseline_absolute": "https://shop.example/x",
    }
    return ForwardedHostSpoof((make(ForwardedAttempt, fields),))


@pytest.mark.parametrize(
    ("known", "spoof", "expected"),
    [
        pytest.param(EVERYONE, forged("evil.test"), ["high proven settings.USE_X_FORWARDED_HOST"], id="believed"),
        pytest.param(FORWARDED, forged(None, 400), ["medium proven settings.USE_X_FORWARDED_HOST"], id="refused"),
        pytest.param(EVERYONE, forged("shop.example"), ["passed"], id="without effect"),
        pytest.param(EVERYONE, ForwardedHostSpoof(()), [f"high {AT_SETTING}"], id="not asked"),
        pytest.param({}, forged("shop.example"), ["passed"], id="nobody reads it"),
    ],
)
def test_forwarded_host_seen(known: dict[str, object], spoof: ForwardedHostSpoof, expected: list[str]) -> None:
    outcome = judge_facts("forwarded_host_spoofable", nginx_of(sent()), settings(**known), gunicorn(), spoof)
    assert short(outcome, "high") == expected


def test_forwarded_host_without_a_proxy_of_ours() -> None:
    assert short(judge_facts("forwarded_host_spoofable", settings(**EVERYONE)), "high") == ["skipped layer-missing"]
    assert short(judge_facts("forwarded_host_spoofable", HARDENED), "high") == ["passed"]


def test_a_front_end_whose_configuration_is_not_read() -> None:
    place = Location("docker-compose.yml", 3)
    port = Port("0.0.0.0", "443", 443, "tcp", place)
    front = make(
        Service,
        {"name": "front", "image": "traefik:v3", "role": ServiceRole.EDGE, "location": place, "ports": [port]},
    )
    compose = Compose((ComposeProject(("docker-compose.yml",), (front,), frozenset()),))
    outcome = judge_facts("forwarded_host_spoofable", settings(**EVERYONE), compose)
    assert short(outcome, "high") == ["skipped unknown"]


def hosts(*names: str, origins: tuple[str, ...] = ()) -> Settings:
    return settings(ALLOWED_HOSTS=list(names), CSRF_TRUSTED_ORIGINS=list(origins))


REFUSED = ["medium inferred server shop.example:443"]
TWO = "listen 443 ssl; server_name shop.example www.shop.example;"


@pytest.mark.parametrize(
    ("conf", "known", "expected"),
    [
        pytest.param(https(DJANGO, TWO), hosts("shop.example"), REFUSED, id="a served name that Django refuses"),
        pytest.param(https(DJANGO, TWO), hosts(".shop.example"), ["passed"], id="a dotted entry takes both"),
        pytest.param(https(DJANGO, TWO), hosts("*"), ["passed"], id="Django takes every name"),
        pytest.param(
            https(DJANGO, "listen 443 ssl; server_name _ ~^a\\d+$ {{ name }} *.b.example localhost;"),
            hosts("shop.example"),
            ["passed"],
            id="no concrete names",
        ),
        pytest.param(
            https(DJANGO) + https("location / { root /srv/docs; }", "listen 443 ssl; server_name docs.example;"),
            hosts("shop.example"),
            ["passed"],
            id="a server without Django",
        ),
        pytest.param(
            https(DJANGO) + https("return 301 https://shop.example$request_uri;", TWO.replace("shop.example ", "")),
            hosts("shop.example"),
            ["passed"],
            id="a server that only redirects",
        ),
        pytest.param(
            https(f"location / {{ proxy_set_header Host shop.example; {PASS} }}", TWO),
            hosts("shop.example"),
            ["passed"],
            id="Django gets another name",
        ),
        pytest.param(
            https(DJANGO, "listen 443 ssl; server_name example.com;"),
            hosts("shop.example"),
            ["passed"],
            id="a placeholder",
        ),
        pytest.param(
            REFUSE + https(DJANGO),
            hosts("shop.example", "old.example"),
            ["low inferred settings.ALLOWED_HOSTS old.example"],
            id="a name that no server has",
        ),
        pytest.param(
            REFUSE + https(DJANGO),
            hosts("shop.example", origins=("https://old.example",)),
            ["low inferred settings.CSRF_TRUSTED_ORIGINS old.example"],
            id="an origin that no server has",
        ),
        pytest.param(https(DJANGO), hosts("shop.example", "old.example"), ["passed"], id="the default server answers"),
        pytest.param(
            REFUSE + https(DJANGO),
            hosts("shop.example", "localhost", "127.0.0.1", "10.1.2.3", "testserver", ".b.example", "web", "a.local"),
            ["passed"],
            id="names for health checks and tests",
        ),
        pytest.param(
            REFUSE + https(DJANGO),
            hosts("shop.example", "shop.herokuapp.com"),
            ["passed"],
            id="another platform's name",
        ),
        pytest.param(
            https(DJANGO, TWO),
            settings_of({"set": {"ALLOWED_HOSTS": ["x.test"]}, "injected": {"ALLOWED_HOSTS": "HOSTS"}}),
            ["skipped unknown"],
            id="an injected list",
        ),
        pytest.param(https(DJANGO), hosts("localhost", "127.0.0.1"), ["skipped unknown"], id="local names only"),
        pytest.param(https("location / { root /srv/a; }"), hosts("a"), ["skipped not-applicable"], id="no Django"),
    ],
)
def test_host_lists_disagree(conf: str, known: Settings, expected: list[str]) -> None:
    assert short(judge_facts("host_lists_disagree", nginx_of(conf), known, gunicorn()), "medium") == expected


def test_a_fragment_leaves_room_for_other_servers() -> None:
    fragment = nginx_of(REFUSE + https(DJANGO), complete=False)
    known = hosts("shop.example", "old.example")
    assert short(judge_facts("host_lists_disagree", fragment, known, gunicorn()), "medium") == ["passed"]


def passing(target: str, more: str = "") -> str:
    return https(f"location / {{ proxy_pass {target}; {more} }}")


@pytest.mark.parametrize(
    ("conf", "expected"),
    [
        pytest.param(passing("http://8.8.4.4:8000"), [f"high inferred {AT_443}"], id="a public address"),
        pytest.param(passing("http://app.backend.example"), [f"high inferred {AT_443}"], id="a dotted name"),
        pytest.param(passing("https://app.backend.example"), [f"low inferred {AT_443}"], id="https without a check"),
        pytest.param(passing("https://app.backend.example", "proxy_ssl_verify on;"), ["passed"], id="checked"),
        pytest.param(passing("http://127.0.0.1:8000"), ["passed"], id="loopback"),
        pytest.param(passing("http://unix:/run/app.sock:/"), ["passed"], id="unix socket"),
        pytest.param(passing("http://10.0.0.8:8000"), ["passed"], id="private address"),
        pytest.param(passing("http://web:8000"), ["passed"], id="service name"),
        pytest.param(passing("http://web.shop.internal:8000"), ["passed"], id="a name of an inner network"),
        pytest.param(passing("http://app.web:8000"), ["passed"], id="a compose service with a dot"),
        pytest.param(passing("http://shop.example"), ["passed"], id="its own name"),
        pytest.param(passing("http://$arg_x"), ["passed"], id="a variable: another rule's"),
        pytest.param("upstream a { server 10.0.0.8; } " + passing("http://a"), ["passed"], id="upstream, private"),
        pytest.param(
            "upstream a { server 10.0.0.8; server 8.8.4.4:80; } " + passing("http://a"),
            ["high inferred upstream a 8.8.4.4:80"],
            id="upstream, public",
        ),
        pytest.param(passing("http://{{ backend }}:8000"), ["skipped unknown"], id="a template's host"),
        pytest.param(https("location / { root /srv/a; }"), ["skipped not-applicable"], id="nothing is handed on"),
        pytest.param(
            https("location / { internal; proxy_pass http://8.8.4.4; }"), ["skipped not-applicable"], id="internal"
        ),
    ],
)
def test_upstream_unprotected(conf: str, expected: list[str]) -> None:
    outcome = judge_facts("upstream_unprotected", nginx_of(conf), services(**{"app.web": "shop"}))
    assert short(outcome, "high") == expected


@pytest.mark.parametrize(
    ("known", "expected"),
    [
        pytest.param(settings(ALLOWED_HOSTS=[]), ["medium inferred settings.ALLOWED_HOSTS"], id="empty"),
        pytest.param(settings(ALLOWED_HOSTS=["a.example"]), ["passed"], id="filled"),
        pytest.param(settings(ALLOWED_HOSTS=[], DEBUG=True), ["skipped not-applicable"], id="empty with DEBUG"),
        pytest.param(
            settings_of({"set": {"ALLOWED_HOSTS": []}, "injected": {"ALLOWED_HOSTS": "HOSTS"}}),
            ["skipped unknown"],
            id="a required variable fills it",
        ),
    ],
)
def test_allowed_hosts_empty(known: Settings, expected: list[str]) -> None:
    assert short(judge_facts("allowed_hosts_empty", known), "medium") == expected


@pytest.mark.parametrize(
    ("assignment", "expected"),
    [
        pytest.param({"origin": Origin.LITERAL}, ["medium inferred settings.ALLOWED_HOSTS"], id="a literal"),
        pytest.param({"origin": Origin.ENV_DEFAULT, "variable": "HOSTS"}, ["skipped unknown"], id="a variable"),
        pytest.param({"origin": Origin.LITERAL, "guard": "PUBLIC"}, ["skipped unknown"], id="under a condition"),
        pytest.param({"origin": Origin.COMPUTED, "augmented": True}, ["skipped unknown"], id="something is added"),
    ],
)
def test_a_list_that_the_environment_may_fill(assignment: dict[str, object], expected: list[str]) -> None:
    place = Location("shop/settings.py", 3)
    one = make(Assignment, {"name": "ALLOWED_HOSTS", "location": place, **assignment})
    source = SettingsSource("shop.settings", ("shop/settings.py",), {"ALLOWED_HOSTS": (one,)}, {})
    assert short(judge_facts("allowed_hosts_empty", settings(ALLOWED_HOSTS=[]), source), "medium") == expected


def test_plain_listeners_count_too() -> None:
    conf = f"server {{ {PLAIN} server_name old.example; {DJANGO} }}"
    assert short(judge_facts("host_lists_disagree", nginx_of(conf), hosts("shop.example"), gunicorn()), "medium") == [
        "medium inferred server shop.example:80"
    ]

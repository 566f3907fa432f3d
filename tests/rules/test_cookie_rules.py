"""Each clause of the rules about cookies, origins and the accepted hosts: when they fire, and when they must not."""

import pytest

from scanner.facts.csrf_origins import CsrfAttempt, CsrfOrigins
from scanner.facts.header_survey import HeaderSurvey, KindHeaders, MadeBy
from scanner.facts.host_spoof import HostAttempt, HostOutcome, HostSpoof
from scanner.facts.set_cookies import CookiePurpose, CookieSeen, SetCookies
from scanner.facts.settings import Settings
from scanner.facts.settings_source import Assignment, Origin, SettingsSource
from scanner.facts.topology import PeerKind, TlsEnd, Topology
from scanner.model import Failed, Location
from tests.edgekit import HEADERS, PASS, TLS, https, nginx_of, short
from tests.rulekit import DOORS, HARDENED, exchange, judge_facts, make, settings_of

SESSIONS = "django.contrib.sessions.middleware.SessionMiddleware"
CSRF = "django.middleware.csrf.CsrfViewMiddleware"


def insecure(name: str = "SESSION_COOKIE_SECURE", value: object = False, **more: object) -> Settings:
    return settings_of({"set": {name: value}, **more})


def cookie(purpose: CookiePurpose, *, secure: bool, scheme: str = "https") -> CookieSeen:
    fields = {"name": "sid", "purpose": purpose, "secure": secure, "door": DOORS[scheme], "target": "/"}
    return make(CookieSeen, {**fields, "exchange": exchange(f"GET {scheme}://shop.example/ 200")})


def cookies(*, secure: bool, purpose: CookiePurpose = CookiePurpose.SESSION, edge: bool = False) -> SetCookies:
    return SetCookies((cookie(purpose, secure=secure),), assumed_edge=edge)


def survey(*values: str) -> HeaderSurvey:
    return HeaderSurvey(
        tuple(
            make(
                KindHeaders,
                {
                    "kind": "page",
                    "made_by": MadeBy.DJANGO,
                    "headers": [("strict-transport-security", value)] if value else [],
                    "exchange": exchange("GET https://shop.example/ 200"),
                },
            )
            for value in values
        )
    )


YEAR = "max-age=31536000; includeSubDomains"
FLAGS = nginx_of(https(f"location / {{ {HEADERS} proxy_cookie_flags ~ secure; {PASS} }}", TLS))
PATHS = nginx_of(https(f'location / {{ {HEADERS} proxy_cookie_path / "/; Secure"; {PASS} }}', TLS))
OTHER_PATHS = nginx_of(https(f"location / {{ {HEADERS} proxy_cookie_path /a /b; {PASS} }}", TLS))
SESSION = "inferred settings.SESSION_COOKIE_SECURE"
PROVEN = "high proven settings.SESSION_COOKIE_SECURE"
NO_SESSIONS = insecure(without_middleware=[SESSIONS], installed_apps=["shop"])


@pytest.mark.parametrize(
    ("facts", "expected"),
    [
        pytest.param([insecure()], [f"high {SESSION}"], id="false"),
        pytest.param([HARDENED], ["passed"], id="true"),
        pytest.param([insecure(value="True")], ["passed"], id="a text works as well"),
        pytest.param([insecure(value=1)], ["passed"], id="a number works as well"),
        pytest.param([insecure(value="")], [f"high {SESSION}"], id="an empty text is false"),
        pytest.param([NO_SESSIONS], ["skipped not-applicable"], id="no sessions"),
        pytest.param([insecure(without_middleware=[SESSIONS])], [f"high {SESSION}"], id="the app is installed"),
        pytest.param(
            [
                insecure(
                    without_middleware=[SESSIONS],
                    installed_apps=["shop"],
                    middleware=[{"path": "shop.Sessions", "bases": ["shop.Sessions", SESSIONS]}],
                )
            ],
            [f"high {SESSION}"],
            id="a subclass of the middleware",
        ),
        pytest.param([insecure(injected={"SESSION_COOKIE_SECURE": "HTTPS"})], ["skipped unknown"], id="invented"),
        pytest.param([insecure(samples={"SESSION_COOKIE_SECURE": "HTTPS"})], ["skipped unknown"], id="an example's"),
        pytest.param([insecure(), survey(YEAR, YEAR)], [f"medium {SESSION}"], id="a year of HSTS everywhere"),
        pytest.param([insecure(), survey(YEAR, "")], [f"high {SESSION}"], id="HSTS on some answers"),
        pytest.param([insecure(), survey("max-age=31536000")], [f"high {SESSION}"], id="HSTS without subdomains"),
        pytest.param([insecure(), survey("max-age=300; includeSubDomains")], [f"high {SESSION}"], id="short HSTS"),
        pytest.param([insecure(), cookies(secure=False)], [PROVEN], id="seen without the flag"),
        pytest.param([insecure(), cookies(secure=True)], ["passed"], id="seen with the flag: the edge adds it"),
        pytest.param([insecure(), FLAGS], ["skipped unknown"], id="the proxy may add it"),
        pytest.param([insecure(), PATHS], ["skipped unknown"], id="the proxy may add it by the path"),
        pytest.param([insecure(), OTHER_PATHS], [f"high {SESSION}"], id="the proxy changes the path only"),
        pytest.param([insecure(), FLAGS, cookies(secure=False)], [PROVEN], id="the proxy's flags do not help"),
        pytest.param([insecure(), cookies(secure=False, edge=True)], [f"high {SESSION}"], id="an assumed edge"),
        pytest.param([insecure(), SetCookies((), not_asked=("no view",))], [f"high {SESSION}"], id="no cookie seen"),
        pytest.param(
            [insecure(), cookies(secure=True, purpose=CookiePurpose.CSRF)], [f"high {SESSION}"], id="another cookie"
        ),
        pytest.param(
            [insecure(), SetCookies((cookie(CookiePurpose.SESSION, secure=False, scheme="http"),))],
            [f"high {SESSION}"],
            id="over http nothing is proven",
        ),
    ],
)
def test_session_cookie_insecure(facts: list[object], expected: list[str]) -> None:
    assert short(judge_facts("session_cookie_insecure", *facts), "high") == expected


def csrf(value: object = False, **more: object) -> Settings:
    return insecure("CSRF_COOKIE_SECURE", value, **more)


TOKEN = "inferred settings.CSRF_COOKIE_SECURE"


@pytest.mark.parametrize(
    ("facts", "expected"),
    [
        pytest.param([csrf()], [f"high {TOKEN}"], id="false"),
        pytest.param([csrf(value=1)], ["passed"], id="truthy"),
        pytest.param([csrf(without_middleware=[CSRF])], ["skipped not-applicable"], id="no middleware"),
        pytest.param(
            [settings_of({"set": {"CSRF_COOKIE_SECURE": False, "CSRF_USE_SESSIONS": True}})],
            ["skipped not-applicable"],
            id="the token is in the session",
        ),
        pytest.param(
            [csrf(), cookies(secure=False, purpose=CookiePurpose.CSRF)],
            ["high proven settings.CSRF_COOKIE_SECURE"],
            id="seen without the flag",
        ),
        pytest.param([csrf(), cookies(secure=True, purpose=CookiePurpose.CSRF)], ["passed"], id="the edge adds it"),
        pytest.param([csrf(), survey(YEAR)], [f"medium {TOKEN}"], id="a year of HSTS"),
    ],
)
def test_csrf_cookie_insecure(facts: list[object], expected: list[str]) -> None:
    assert short(judge_facts("csrf_cookie_insecure", *facts), "high") == expected


@pytest.mark.parametrize(
    ("fields", "fixed"),
    [
        ({"literal": "False"}, True),
        ({"literal": "False", "guard": "DEV"}, False),
        ({"origin": Origin.ENV_DEFAULT, "variable": "HTTPS"}, False),
        ({"literal": "False", "location": Location("shop/settings.py", 7, 5)}, False),
    ],
)
def test_a_flag_is_edited_only_where_that_is_certain(fields: dict[str, object], *, fixed: bool) -> None:
    usual = {"name": "SESSION_COOKIE_SECURE", "location": Location("shop/settings.py", 7), "origin": Origin.LITERAL}
    found = {"SESSION_COOKIE_SECURE": (make(Assignment, {**usual, **fields}),)}
    source = make(SettingsSource, {"module": "shop.settings", "assignments": found, "environment_reads": {}})
    outcome = judge_facts("session_cookie_insecure", insecure(), source)
    assert isinstance(outcome, Failed)
    assert (outcome.findings[0].fix is not None) is fixed


# Trusted origins. HARDENED answers for shop.example.


def origins(*entries: str, **more: object) -> Settings:
    return settings_of({"set": {"CSRF_TRUSTED_ORIGINS": list(entries)}, **more})


def topology(*names: str) -> Topology:
    return make(Topology, {"peer": PeerKind.UNIX, "tls_ends": TlsEnd.PROXY, "site_names": list(names)})


@pytest.mark.parametrize(
    ("entry", "severity"),
    [
        ("https://shop.example", None),
        ("https://*.shop.example", None),
        ("https://www.shop.example:8443", None),
        ("https://*", "high"),
        ("http://*", "high"),
        ("https://*.com", "high"),
        ("https://*.co.uk", "high"),
        ("https://*.herokuapp.com", "high"),
        ("https://*.ngrok-free.app", "high"),
        ("https://other.test", "medium"),
        ("https://*.other.test", "medium"),
        ("http://shop.example", "medium"),
        ("http://*.shop.example", "medium"),
        ("http://localhost:1337", "low"),
        ("http://127.0.0.1", "low"),
        ("https://[::1]:3000", "low"),
    ],
)
def test_csrf_trusted_origins_too_broad(entry: str, severity: str | None) -> None:
    outcome = judge_facts("csrf_trusted_origins_too_broad", origins(entry))
    wanted = f"{severity} inferred settings.CSRF_TRUSTED_ORIGINS {entry}"
    assert short(outcome, "high") == (["passed"] if severity is None else [wanted])


EVERY = "settings.CSRF_TRUSTED_ORIGINS https://*"


def posted(origin: str, status: int, *, token: bool = True) -> CsrfOrigins:
    attempt = CsrfAttempt(origin, None, token, status, False, exchange(f"POST https://shop.example/x {status}"))
    return CsrfOrigins((attempt,))


@pytest.mark.parametrize(
    ("facts", "expected"),
    [
        pytest.param([origins("https://other.test"), topology("other.test")], ["passed"], id="a name of the site"),
        pytest.param([origins("https://a.other.test"), topology("other.test")], ["passed"], id="beside a name"),
        pytest.param(
            [settings_of({"set": {"ALLOWED_HOSTS": ["*"], "CSRF_TRUSTED_ORIGINS": ["https://other.test"]}})],
            ["passed"],
            id="nothing tells which names are the site's",
        ),
        pytest.param(
            [origins("https://other.test", samples={"ALLOWED_HOSTS": "HOSTS"})],
            ["passed"],
            id="an example file has the names",
        ),
        pytest.param(
            [origins("http://other.test", injected={"ALLOWED_HOSTS": "HOSTS"})],
            ["medium inferred settings.CSRF_TRUSTED_ORIGINS http://other.test"],
            id="the names are unknown, the scheme is not",
        ),
        pytest.param(
            [
                settings_of(
                    {"set": {"ALLOWED_HOSTS": ["localhost", "10.0.0.4"], "CSRF_TRUSTED_ORIGINS": ["https://a.test"]}}
                )
            ],
            ["passed"],
            id="only addresses are known",
        ),
        pytest.param([origins(injected={"CSRF_TRUSTED_ORIGINS": "O"})], ["skipped unknown"], id="invented"),
        pytest.param(
            [origins("https://*", samples={"CSRF_TRUSTED_ORIGINS": "O"})], ["skipped unknown"], id="an example's"
        ),
        pytest.param([origins("https://*"), posted("https://evil.test", 200)], [f"high proven {EVERY}"], id="let in"),
        pytest.param(
            [origins("https://*"), posted("https://evil.test", 403)], [f"high inferred {EVERY}"], id="refused"
        ),
        pytest.param(
            [origins("https://*"), posted("https://evil.test", 200, token=False)],
            [f"high inferred {EVERY}"],
            id="another token",
        ),
        pytest.param(
            [origins("https://*"), posted("http://evil.test", 200)], [f"high inferred {EVERY}"], id="another scheme"
        ),
        pytest.param([origins("https://*", "https://*")], [f"high inferred {EVERY}"], id="twice"),
    ],
)
def test_csrf_trusted_origins_and_what_stands_beside(facts: list[object], expected: list[str]) -> None:
    assert short(judge_facts("csrf_trusted_origins_too_broad", *facts), "high") == expected


# ALLOWED_HOSTS


def hosts(*entries: str, **more: object) -> Settings:
    return settings_of({"set": {"ALLOWED_HOSTS": list(entries)}, **more})


def spoof(outcome: HostOutcome, *, echoed: str | None = None, host: str = "evil-1.test") -> HostSpoof:
    fields = {"variant": "a", "host": host, "outcome": outcome, "status": 200, "echoed_host": echoed}
    absolute = f"https://{echoed}/x" if echoed else None
    seen = exchange("GET https://evil-1.test/ 200")
    return HostSpoof("evil-1.test", (make(HostAttempt, {**fields, "echoed_absolute": absolute, "exchange": seen}),))


HIGH = ["high inferred settings.ALLOWED_HOSTS"]
MEDIUM = ["medium inferred settings.ALLOWED_HOSTS"]


@pytest.mark.parametrize(
    ("facts", "expected"),
    [
        pytest.param([hosts("*")], HIGH, id="everyone"),
        pytest.param([hosts("shop.example", "*")], HIGH, id="everyone beside a name"),
        pytest.param([hosts(".com")], MEDIUM, id="a public suffix"),
        pytest.param([hosts(".herokuapp.com")], MEDIUM, id="a platform's suffix"),
        pytest.param([hosts("*", ".herokuapp.com")], HIGH, id="both"),
        pytest.param([hosts(".example.com")], ["passed"], id="the own domain"),
        pytest.param([hosts("shop.herokuapp.com")], ["passed"], id="one host of a platform"),
        pytest.param([hosts("herokuapp.com")], ["passed"], id="without the dot"),
        pytest.param([hosts("127.0.0.1", "localhost")], ["passed"], id="addresses"),
        pytest.param([hosts()], ["passed"], id="empty"),
        pytest.param([hosts("*", injected={"ALLOWED_HOSTS": "HOSTS"})], ["skipped unknown"], id="invented"),
        pytest.param([hosts("*", samples={"ALLOWED_HOSTS": "HOSTS"})], ["skipped unknown"], id="an example's"),
        pytest.param([hosts("a.test", injected={"ALLOWED_HOSTS": "HOSTS"})], ["skipped unknown"], id="invented names"),
        pytest.param(
            [hosts("*"), spoof(HostOutcome.APP_ANSWERED, echoed="evil-1.test")],
            ["high proven settings.ALLOWED_HOSTS"],
            id="links carry the foreign name",
        ),
        pytest.param([hosts("*"), spoof(HostOutcome.APP_ANSWERED)], HIGH, id="an answer without the name"),
        pytest.param(
            [hosts("*"), spoof(HostOutcome.APP_ANSWERED, echoed="shop.example")], HIGH, id="the proxy's own name"
        ),
        pytest.param([hosts("*"), spoof(HostOutcome.CLOSED)], MEDIUM, id="the edge closes"),
        pytest.param([hosts("*"), spoof(HostOutcome.PROXY_PAGE)], MEDIUM, id="the edge's own page"),
        pytest.param([hosts("*"), spoof(HostOutcome.REDIRECTED)], HIGH, id="the edge redirects"),
        pytest.param([hosts("*"), spoof(HostOutcome.CLOSED, host="x")], HIGH, id="no foreign name was sent"),
    ],
)
def test_allowed_hosts_wildcard(facts: list[object], expected: list[str]) -> None:
    assert short(judge_facts("allowed_hosts_wildcard", *facts), "high") == expected

"""Each clause of the rules about booleans, middleware, passwords, databases, connections and tokens."""

from collections.abc import Mapping

import pytest

from scanner.facts.compose import Compose
from scanner.facts.header_survey import HeaderSurvey
from scanner.facts.plain_http import PlainHttp
from scanner.facts.served_settings import ServedModule, ServedSettings
from scanner.facts.setting_reads import SettingReads
from scanner.facts.settings import EmptyEnvBoot, Settings, Urlconf
from scanner.facts.settings_source import Assignment, Origin, SettingsSource
from scanner.model import Failed, Location
from tests.edgekit import short
from tests.rulekit import HARDENED, judge_facts, make, settings_of

PLACE = Location("shop/settings.py", 7)
SECURITY = "django.middleware.security.SecurityMiddleware"
SESSION = "django.contrib.sessions.middleware.SessionMiddleware"
UPDATE = "django.middleware.cache.UpdateCacheMiddleware"
WHITENOISE = "whitenoise.middleware.WhiteNoiseMiddleware"
HASHERS = "django.contrib.auth.hashers."
LENGTH = "django.contrib.auth.password_validation.MinimumLengthValidator"


def source(**named: Mapping[str, object]) -> SettingsSource:
    """Assignments by name; ``__`` in a name is a dot."""
    found = {}
    for key, fields in named.items():
        name = key.replace("__", ".")
        one = make(Assignment, {"name": name, "location": PLACE, "origin": Origin.LITERAL, **fields})
        found[name] = (one,)
    return make(SettingsSource, {"module": "shop.settings", "assignments": found, "environment_reads": {}})


def only(*entries: object, **more: object) -> Settings:
    """Hardened settings with exactly this middleware."""
    gone = [one.path for one in HARDENED.middleware]
    return settings_of({"without_middleware": gone, "middleware": list(entries), **more})


def read(*, unset: bool | None, **more: object) -> SettingsSource:
    """DEBUG from the variable D, and what it is without it."""
    return source(DEBUG={"origin": Origin.ENV_DEFAULT, "variable": "D", "when_unset": unset, **more})


SET = settings_of({"environment_names": ["D"]})
FORGOTTEN = ["high inferred settings.DEBUG"]


@pytest.mark.parametrize(
    ("facts", "expected"),
    [
        pytest.param([read(unset=True), SET], FORGOTTEN, id="on without the variable"),
        pytest.param([read(unset=False), SET], ["passed"], id="off without the variable"),
        pytest.param([read(unset=None), SET], ["passed"], id="it cannot be told"),
        pytest.param([read(unset=True), HARDENED], ["passed"], id="something else made it false"),
        pytest.param([read(unset=True, guard="X"), SET], ["passed"], id="under a condition"),
        pytest.param([read(unset=True)], FORGOTTEN, id="without a boot"),
        pytest.param(
            [read(unset=True), settings_of({"set": {"DEBUG": True}})], ["passed"], id="it is on: told as that"
        ),
        pytest.param(
            [read(unset=True), settings_of({"set": {"DEBUG": True}, "samples": {"DEBUG": "D"}})],
            FORGOTTEN,
            id="on in an example file only",
        ),
        pytest.param([source(), HARDENED, EmptyEnvBoot(booted=True, error="", debug=True)], FORGOTTEN, id="empty boot"),
        pytest.param(
            [source(DEBUG={}), HARDENED, EmptyEnvBoot(booted=True, error="", debug=True)], ["passed"], id="no variable"
        ),
        pytest.param(
            [source(), HARDENED, EmptyEnvBoot(booted=False, error="KeyError: 'D'")], ["passed"], id="it raises"
        ),
        pytest.param(
            [source(), HARDENED, EmptyEnvBoot(booted=True, error="", debug=False)], ["passed"], id="safe side"
        ),
    ],
)
def test_debug_on_by_default(facts: list[object], expected: list[str]) -> None:
    assert short(judge_facts("debug_on_by_default", *facts), "high") == expected


def boolean(name: str, cast: str | None, origin: Origin = Origin.ENV_DEFAULT) -> SettingsSource:
    return source(**{name: {"origin": origin, "variable": "V", "cast": cast}})


@pytest.mark.parametrize(
    ("facts", "expected"),
    [
        (
            [settings_of({"set": {"USE_X_FORWARDED_HOST": "False"}})],
            ["high inferred settings.USE_X_FORWARDED_HOST"],
        ),
        ([settings_of({"set": {"USE_X_FORWARDED_HOST": ""}})], ["passed"]),
        ([settings_of({"set": {"SECURE_SSL_REDIRECT": "True"}})], ["low inferred settings.SECURE_SSL_REDIRECT"]),
        ([settings_of({"set": {"DEBUG": "False"}})], ["passed"]),
        ([HARDENED, boolean("DEBUG", "bool")], ["medium inferred settings.DEBUG"]),
        ([HARDENED, boolean("SESSION_COOKIE_SECURE", "bool")], ["low inferred settings.SESSION_COOKIE_SECURE"]),
        ([HARDENED, boolean("DEBUG", "env-bool")], ["passed"]),
        ([HARDENED, boolean("DEBUG", "int")], ["passed"]),
        ([settings_of({"set": {"SHOP_OPEN": "False"}})], ["passed"]),
    ],
)
def test_boolean_setting_is_string(facts: list[object], expected: list[str]) -> None:
    assert short(judge_facts("boolean_setting_is_string", *facts), "high") == expected


def test_a_long_or_invented_text_is_not_shown() -> None:
    for settings in (
        settings_of({"set": {"USE_X_FORWARDED_HOST": "k" * 60}}),
        settings_of({"set": {"USE_X_FORWARDED_HOST": "kkk"}, "injected": {"USE_X_FORWARDED_HOST": "V"}}),
    ):
        outcome = judge_facts("boolean_setting_is_string", settings)
        assert isinstance(outcome, Failed)
        assert "kkk" not in outcome.findings[0].evidence[0].text


def page(headers: list[list[str]], kind: str = "page", made_by: str = "django") -> dict[str, object]:
    return {"kind": kind, "door": "https", "status": 200, "made_by": made_by, "headers": headers, "target": "/"}


ALL = [["Strict-Transport-Security", "max-age=1"], ["X-Content-Type-Options", "nosniff"], ["Referrer-Policy", "x"]]


def survey(*pages: dict[str, object]) -> HeaderSurvey:
    return make(HeaderSurvey, {"seen": list(pages)})


def plain(*answers: dict[str, object]) -> PlainHttp:
    return make(PlainHttp, {"doors": ["http"], "answers": [{"door": "http", "name": "x", **one} for one in answers]})


REDIRECT: dict[str, object] = {"kind": "page", "status": 301, "location": "https://shop.example/"}
SERVED: dict[str, object] = {"kind": "page", "status": 200, "by_app": True}


@pytest.mark.parametrize(
    ("facts", "expected"),
    [
        pytest.param([only()], ["medium inferred settings.MIDDLEWARE"], id="missing"),
        pytest.param([HARDENED], ["passed"], id="installed"),
        pytest.param([only({"path": "shop.S", "bases": ["shop.S", SECURITY]})], ["passed"], id="a subclass"),
        pytest.param([only(injected={"MIDDLEWARE": "M"})], ["skipped unknown"], id="invented"),
        pytest.param([only(), survey(page([]))], ["medium proven settings.MIDDLEWARE"], id="a page without headers"),
        pytest.param(
            [only(), survey(page(ALL)), plain(REDIRECT)], ["low inferred settings.MIDDLEWARE"], id="edge does"
        ),
        pytest.param(
            [only(), survey(page(ALL)), plain(SERVED)], ["medium inferred settings.MIDDLEWARE"], id="no redirect"
        ),
        pytest.param([only(), survey(page(ALL))], ["medium inferred settings.MIDDLEWARE"], id="redirect not asked"),
    ],
)
def test_security_middleware_missing(facts: list[object], expected: list[str]) -> None:
    assert short(judge_facts("security_middleware_missing", *facts), "medium") == expected


def late(name: str, severity: str = "medium", proof: str = "inferred") -> list[str]:
    return [f"{severity} {proof} settings.MIDDLEWARE {name}"]


STATIC: dict[str, object] = {"kind": "static", "status": 200, "by_app": True}


@pytest.mark.parametrize(
    ("facts", "expected"),
    [
        pytest.param([only(WHITENOISE, SECURITY)], late(WHITENOISE), id="WhiteNoise first"),
        pytest.param([only(SECURITY, WHITENOISE)], ["passed"], id="WhiteNoise second"),
        pytest.param([only(WHITENOISE)], ["passed"], id="missing: another rule"),
        pytest.param([only("corsheaders.middleware.CorsMiddleware", SECURITY)], ["passed"], id="adds headers"),
        pytest.param(
            [only("django_prometheus.middleware.PrometheusBeforeMiddleware", UPDATE, SECURITY)],
            ["passed"],
            id="measures",
        ),
        pytest.param([only({"path": "shop.Gate", "answers": True}, SECURITY)], late("shop.Gate"), id="a gate"),
        pytest.param([only({"path": "shop.Stamp", "answers": False}, SECURITY)], ["passed"], id="calls on always"),
        pytest.param([only({"path": "shop.Odd"}, SECURITY)], late("shop.Odd", "low"), id="unread"),
        pytest.param([only(SESSION, SECURITY)], late(SESSION, "low"), id="cannot answer by itself"),
        pytest.param([only(SESSION, WHITENOISE, SECURITY)], late(WHITENOISE), id="the one that answers is named"),
        pytest.param(
            [only(WHITENOISE, SECURITY), survey(page([], "static"))], late(WHITENOISE, proof="proven"), id="bare file"
        ),
        pytest.param([only(WHITENOISE, SECURITY), survey(page(ALL, "static"))], ["passed"], id="refuted"),
        pytest.param(
            [only(WHITENOISE, SECURITY), survey(page([], "static", "proxy"))], ["passed"], id="Nginx serves files"
        ),
        pytest.param(
            [only(WHITENOISE, SECURITY, set={"SECURE_SSL_REDIRECT": True}), survey(page(ALL, "static")), plain(STATIC)],
            late(WHITENOISE, proof="proven"),
            id="a file over plain HTTP",
        ),
        pytest.param([only(WHITENOISE, SECURITY, injected={"MIDDLEWARE": "M"})], ["skipped unknown"], id="invented"),
    ],
)
def test_security_middleware_late(facts: list[object], expected: list[str]) -> None:
    assert short(judge_facts("security_middleware_late", *facts), "medium") == expected


BELOW = ["high inferred settings.MIDDLEWARE"]


@pytest.mark.parametrize(
    ("settings", "expected"),
    [
        (only(SESSION, UPDATE), BELOW),
        (only(UPDATE, SESSION), ["passed"]),
        (only(UPDATE), ["passed"]),
        (only(SESSION, "django.middleware.cache.FetchFromCacheMiddleware"), ["passed"]),
        (only(SESSION, {"path": "shop.Cache", "bases": ["shop.Cache", UPDATE]}), BELOW),
        (only(SESSION, "django.middleware.cache.CacheMiddleware"), BELOW),
        (only(SESSION, UPDATE, injected={"MIDDLEWARE": "M"}), ["skipped unknown"]),
    ],
)
def test_cache_middleware_below_session(settings: Settings, expected: list[str]) -> None:
    assert short(judge_facts("cache_middleware_below_session", settings), "high") == expected


def hashed(path: str, *bases: str, work: object = None, usual: object = None, **more: object) -> Settings:
    one = {"path": path, "bases": [path, *bases] if bases else [], "work": work or {}, "default_work": usual or {}}
    second = {"path": f"{HASHERS}MD5PasswordHasher", "bases": [f"{HASHERS}MD5PasswordHasher"]}
    return settings_of({"set": {"PASSWORD_HASHERS": [path]}, "password_hashers": [one, second], **more})


BASE = f"{HASHERS}BasePasswordHasher"
PBKDF2 = f"{HASHERS}PBKDF2PasswordHasher"
ARGON2 = f"{HASHERS}Argon2PasswordHasher"
WEAK = ["high inferred settings.PASSWORD_HASHERS"]


@pytest.mark.parametrize(
    ("settings", "expected"),
    [
        pytest.param(hashed(f"{HASHERS}MD5PasswordHasher", BASE), WEAK, id="MD5"),
        pytest.param(hashed("shop.H", f"{HASHERS}UnsaltedSHA1PasswordHasher", BASE), WEAK, id="derived from SHA1"),
        pytest.param(hashed("shop.H", PBKDF2, BASE, work={"iterations": 9}, usual={"iterations": 10}), WEAK, id="less"),
        pytest.param(
            hashed("shop.H", PBKDF2, BASE, work={"iterations": 11}, usual={"iterations": 10}), ["passed"], id="more"
        ),
        pytest.param(
            hashed(
                "shop.H", ARGON2, BASE,
                work={"time_cost": 4, "memory_cost": 50}, usual={"time_cost": 2, "memory_cost": 100},
            ),
            ["passed"],
            id="as much work in another way",
        ),
        pytest.param(hashed("shop.Own", BASE), ["medium inferred settings.PASSWORD_HASHERS"], id="its own invention"),
        pytest.param(hashed("shop.Gone"), ["skipped unknown"], id="not importable"),
        pytest.param(hashed(PBKDF2, BASE), ["passed"], id="MD5 in the second place"),
        pytest.param(hashed("shop.Own", BASE, installed_apps=["shop"]), ["passed"], id="no users"),
        pytest.param(hashed("shop.Own", BASE, injected={"PASSWORD_HASHERS": "H"}), ["skipped unknown"], id="invented"),
        pytest.param(HARDENED, ["passed"], id="Django's own list"),
    ],
)  # fmt: skip
def test_password_hasher_weak(settings: Settings, expected: list[str]) -> None:
    assert short(judge_facts("password_hasher_weak", settings), "high") == expected


def validated(*lengths: int | None, **more: object) -> Settings:
    entries = [{"path": LENGTH, "bases": [LENGTH], "min_length": one} for one in lengths]
    return settings_of({"password_validators": entries, **more})


BACKEND = "django.contrib.auth.backends.ModelBackend"


@pytest.mark.parametrize(
    ("settings", "expected"),
    [
        (validated(), ["medium inferred settings.AUTH_PASSWORD_VALIDATORS"]),
        (validated(None), ["medium inferred settings.AUTH_PASSWORD_VALIDATORS"]),
        (validated(7), ["low inferred settings.AUTH_PASSWORD_VALIDATORS"]),
        (validated(8), ["passed"]),
        (validated(None, 12), ["passed"]),
        (validated(installed_apps=["shop"]), ["passed"]),
        (validated(authentication_backends=[{"path": "sso.B", "bases": ["sso.B"]}]), ["passed"]),
        (
            validated(authentication_backends=[{"path": "x.B", "bases": ["x.B", BACKEND]}]),
            ["medium inferred settings.AUTH_PASSWORD_VALIDATORS"],
        ),
        (settings_of({"password_validators": [{"path": "shop.Gone"}]}), ["skipped unknown"]),
        (validated(injected={"AUTH_PASSWORD_VALIDATORS": "V"}), ["skipped unknown"]),
    ],
)
def test_password_validators_missing(settings: Settings, expected: list[str]) -> None:
    assert short(judge_facts("password_validators_missing", settings), "medium") == expected


def urls(*views: str) -> Urlconf:
    return make(Urlconf, {"routes": [{"pattern": "x/", "view": view} for view in views]})


RESET = urls("django.contrib.auth.views.PasswordResetConfirmView")
MONTH = settings_of({"set": {"PASSWORD_RESET_TIMEOUT": 2592000}})


@pytest.mark.parametrize(
    ("facts", "expected"),
    [
        ([MONTH, RESET], ["low inferred settings.PASSWORD_RESET_TIMEOUT"]),
        ([MONTH, urls("shop.views.home")], ["passed"]),
        ([MONTH], ["skipped unknown"]),
        ([settings_of({"set": {"PASSWORD_RESET_TIMEOUT": 259200}}), RESET], ["passed"]),
        ([HARDENED, RESET], ["passed"]),
    ],
)
def test_password_reset_long_lived(facts: list[object], expected: list[str]) -> None:
    assert short(judge_facts("password_reset_long_lived", *facts), "low") == expected


def database(**more: object) -> dict[str, object]:
    return {"ENGINE": "django.db.backends.postgresql", "USER": "postgres", "HOST": "db", **more}


def databases(entry: dict[str, object], **more: object) -> Settings:
    return settings_of({"set": {"DATABASES": {"default": entry}}, **more})


def compose(*networks: str, ports: int = 0) -> Compose:
    service = {
        "name": "db", "role": "store", "networks": list(networks), "location": "compose.yml:3",
        "ports": [{"host": "0.0.0.0", "published": "1", "target": 1, "location": "compose.yml:4"}] * ports,
    }  # fmt: skip
    project = {"files": ["compose.yml"], "services": [service], "internal_networks": ["inside"]}
    return make(Compose, {"projects": [project]})


SUPERUSER = ["medium inferred settings.DATABASES.default"]


@pytest.mark.parametrize(
    ("facts", "expected"),
    [
        pytest.param([databases(database())], SUPERUSER, id="postgres"),
        pytest.param([databases(database(USER="shop"))], ["passed"], id="a role of its own"),
        pytest.param([databases(database(ENGINE="django.db.backends.sqlite3"))], ["passed"], id="SQLite"),
        pytest.param([databases(database(ENGINE="django.db.backends.mysql", USER="root"))], SUPERUSER, id="root"),
        pytest.param(
            [databases(database()), compose("inside")], ["low inferred settings.DATABASES.default"], id="inside"
        ),
        pytest.param([databases(database()), compose("inside", "edge")], SUPERUSER, id="on another network as well"),
        pytest.param([databases(database()), compose("inside", ports=1)], SUPERUSER, id="published"),
        pytest.param(
            [databases(database(), injected={"DATABASES.default.USER": "U"})], ["skipped unknown"], id="invented"
        ),
        pytest.param([databases(database(), samples={"DATABASES.default": "URL"})], ["skipped unknown"], id="example"),
        pytest.param(
            [databases(database(), injected={"DATABASES": "P", "DATABASES.default.PASSWORD": "P"})],
            SUPERUSER,
            id="only the password is invented",
        ),
    ],
)
def test_database_superuser(facts: list[object], expected: list[str]) -> None:
    assert short(judge_facts("database_superuser", *facts), "medium") == expected


def connected(**settings: object) -> Settings:
    return settings_of({"set": settings})


def at(host: str, **more: object) -> Settings:
    return connected(DATABASES={"default": database(USER="shop", HOST=host, **more)})


def mail(**more: object) -> Settings:
    smtp = {"EMAIL_BACKEND": "django.core.mail.backends.smtp.EmailBackend", "EMAIL_HOST": "mail.provider.example"}
    return connected(**{**smtp, **more})


def cached(location: object, **more: object) -> Settings:
    backend = more.pop("BACKEND", "django.core.cache.backends.redis.RedisCache")
    return connected(CACHES={"default": {"BACKEND": backend, "LOCATION": location, **more}})


OPEN = ["medium inferred settings.DATABASES.default"]
OPEN_BROKER = ["medium inferred settings.CELERY_BROKER_URL"]
OPEN_CACHE = ["medium inferred settings.CACHES.default"]
FAR = "db.provider.example"
MEMCACHED = "django.core.cache.backends.memcached.PyMemcacheCache"


@pytest.mark.parametrize(
    ("settings", "expected"),
    [
        (at(FAR), OPEN),
        (at("8.8.4.4"), OPEN),
        *((at(host), ["passed"]) for host in ("", "/run/pg", "127.0.0.1", "10.0.0.5", "db", "pg.internal")),
        (at(FAR, OPTIONS={"sslmode": "require"}), ["passed"]),
        (at(FAR, OPTIONS={"sslmode": "prefer"}), OPEN),
        (at(FAR, OPTIONS={"service": "shop"}), ["passed"]),
        (at(FAR, ENGINE="django.db.backends.mysql", OPTIONS={"ssl": {"ca": "/ca.pem"}}), ["passed"]),
        (at(FAR, ENGINE="django.db.backends.mysql"), OPEN),
        (cached("redis://cache.provider.example/1"), OPEN_CACHE),
        (cached("rediss://cache.provider.example/1"), ["passed"]),
        (cached("redis://cache/1"), ["passed"]),
        (cached(["redis://cache/1", "redis://far.provider.example/1"]), OPEN_CACHE),
        (cached("far.provider.example:11211", BACKEND=MEMCACHED), OPEN_CACHE),
        (cached("unix:/run/memcached.sock", BACKEND=MEMCACHED), ["passed"]),
        (cached("far.provider.example:11211", BACKEND=MEMCACHED, OPTIONS={"tls_context": "x"}), ["passed"]),
        (connected(CELERY_BROKER_URL="amqp://u:***@mq.provider.example//"), OPEN_BROKER),
        (connected(CELERY_BROKER_URL="amqps://u:***@mq.provider.example//"), ["passed"]),
        (connected(CELERY_BROKER_URL="amqp://mq.provider.example//", CELERY_BROKER_USE_SSL=True), ["passed"]),
        (
            connected(CHANNEL_LAYERS={"default": {"CONFIG": {"hosts": [["far.provider.example", 6379]]}}}),
            ["medium inferred settings.CHANNEL_LAYERS.default"],
        ),
        (connected(CHANNEL_LAYERS={"default": {"CONFIG": {"hosts": [{"address": "redis://redis"}]}}}), ["passed"]),
        (mail(EMAIL_HOST_USER="shop"), ["medium inferred settings.EMAIL_HOST"]),
        (mail(), ["low inferred settings.EMAIL_HOST"]),
        (mail(EMAIL_USE_TLS=True), ["passed"]),
        (mail(EMAIL_USE_SSL=True), ["passed"]),
        (mail(EMAIL_HOST="localhost"), ["passed"]),
        (mail(EMAIL_BACKEND="django.core.mail.backends.console.EmailBackend"), ["passed"]),
        (
            connected(MAILERS={"default": {
                "BACKEND": "django.core.mail.backends.smtp.EmailBackend",
                "OPTIONS": {"host": "mail.provider.example", "username": "shop"},
            }}),
            ["medium inferred settings.MAILERS.default"],
        ),
    ],
)  # fmt: skip
def test_backend_connection_unencrypted(settings: Settings, expected: list[str]) -> None:
    assert short(judge_facts("backend_connection_unencrypted", settings), "medium") == expected


def test_what_nobody_can_tell_of_a_connection() -> None:
    smtp = {"EMAIL_BACKEND": "django.core.mail.backends.smtp.EmailBackend", "EMAIL_HOST": "mail.provider.example"}
    for unknown in ("EMAIL_HOST", "EMAIL_USE_TLS"):
        settings = settings_of({"set": smtp, "injected": {unknown: "V"}})
        assert short(judge_facts("backend_connection_unencrypted", settings), "medium") == ["skipped unknown"]
    far = {"DATABASES": {"default": database(HOST=FAR)}}
    settings = settings_of({"set": far, "environment_names": ["PGSSLMODE"]})
    assert short(judge_facts("backend_connection_unencrypted", settings), "medium") == ["skipped unknown"]


def misspelt(
    name: str, *, read_by: frozenset[str] = frozenset(), complete: bool = True, **more: object
) -> list[object]:
    return [
        settings_of({"set": {name: True, **more}}),
        source(**{name: {"literal": "True"}}),
        SettingReads(read_by, complete),
    ]


@pytest.mark.parametrize(
    ("facts", "expected"),
    [
        (misspelt("SECURE_SSL_REDIRECTS"), ["medium inferred settings.SECURE_SSL_REDIRECTS"]),
        (misspelt("SESSION_COOKIES_SECURE"), ["medium inferred settings.SESSION_COOKIES_SECURE"]),
        (misspelt("SECURE_SSL_REDIRECTS", SECURE_SSL_REDIRECT=True), ["passed"]),
        (misspelt("SECURE_SSL_REDIRECTS", read_by=frozenset({"SECURE_SSL_REDIRECTS"})), ["passed"]),
        (misspelt("SECURE_SSL_REDIRECTS", complete=False), ["skipped unknown"]),
        (misspelt("SESSION_COOKIE_NAME"), ["passed"]),
        (misspelt("SHOP_REDIRECTS"), ["passed"]),
        (misspelt("secure_ssl_redirects"), ["passed"]),
        (misspelt("SECURE_BROWSER_XSS_FILTER"), ["low inferred settings.SECURE_BROWSER_XSS_FILTER"]),
        (misspelt("STATICFILES_STORAGE"), ["low inferred settings.STATICFILES_STORAGE"]),
    ],
)
def test_setting_without_effect(facts: list[object], expected: list[str]) -> None:
    assert short(judge_facts("setting_without_effect", *facts), "medium") == expected


def test_a_name_that_this_django_still_reads() -> None:
    older = settings_of({"set": {"STATICFILES_STORAGE": "x"}, "django_version": "4.2.27"})
    assert short(judge_facts("setting_without_effect", older, source(STATICFILES_STORAGE={})), "medium") == ["passed"]


def test_the_name_is_corrected() -> None:
    outcome = judge_facts("setting_without_effect", *misspelt("SECURE_SSL_REDIRECTS"))
    assert isinstance(outcome, Failed)
    fix = outcome.findings[0].fix
    assert fix is not None
    assert fix.lines == ("SECURE_SSL_REDIRECT = True",)


def served(module: str, *others: str, **more: object) -> ServedSettings:
    one = make(ServedModule, {"module": module, "artefact": "unit shop.service", "location": PLACE, **more})
    return ServedSettings((one,), others)


DEV = ["high inferred unit shop.service shop.settings.dev"]
OTHER = "shop/settings/production.py"


@pytest.mark.parametrize(
    ("facts", "expected"),
    [
        ([served("shop.settings.dev", OTHER)], DEV),
        ([served("shop.settings_local", OTHER)], ["high inferred unit shop.service shop.settings_local"]),
        ([served("shop.settings.devices", OTHER)], ["passed"]),
        ([served("shop.settings.production", OTHER)], ["passed"]),
        ([served("shop.settings.dev")], ["passed"]),
        ([served("shop.settings.dev", OTHER), settings_of({"module": "shop.settings.production"})], DEV),
        (
            [served("shop.settings.dev", OTHER), settings_of({"module": "shop.settings.dev"})],
            ["medium inferred unit shop.service shop.settings.dev"],
        ),
        ([served("shop.settings.dev", OTHER, by_default=True, may_be_overridden="/etc/shop/env")], ["skipped unknown"]),
        ([served("shop.settings.dev", OTHER, by_default=True)], DEV),
    ],
)
def test_dev_settings_in_production(facts: list[object], expected: list[str]) -> None:
    assert short(judge_facts("dev_settings_in_production", *facts), "high") == expected


def token(*, app: bool = True, injected: Mapping[str, str] | None = None, **fields: object) -> Settings:
    apps = ["shop", "rest_framework_simplejwt"] if app else ["shop"]
    jwt = {"setting": "SIMPLE_JWT", "algorithm": "HS256", "access_seconds": 300, **fields}
    return settings_of({"installed_apps": apps, "jwt": [jwt], "injected": injected or {}})


def weak(severity: str, key: str) -> list[str]:
    return [f"{severity} inferred settings.SIMPLE_JWT.{key}"]


@pytest.mark.parametrize(
    ("settings", "expected"),
    [
        (token(), ["passed"]),
        (token(algorithm="none"), weak("high", "ALGORITHM")),
        (token(verify=False), weak("high", "VERIFY")),
        (token(verify_expiration=False), weak("high", "VERIFY_EXPIRATION")),
        (token(access_seconds=86400), ["passed"]),
        (token(access_seconds=86401), weak("medium", "ACCESS_TOKEN_LIFETIME")),
        (token(access_seconds=None), ["passed"]),
        (token(key_is_secret_key=True), weak("low", "SIGNING_KEY")),
        (token(key_is_secret_key=True, algorithm="RS256"), ["passed"]),
        (token(app=False, algorithm="none"), ["passed"]),
        (token(access_seconds=900000, injected={"SIMPLE_JWT.ACCESS_TOKEN_LIFETIME": "L"}), ["skipped unknown"]),
        (
            token(access_seconds=900000, injected={"SIMPLE_JWT": "K", "SIMPLE_JWT.SIGNING_KEY": "K"}),
            weak("medium", "ACCESS_TOKEN_LIFETIME"),
        ),
    ],
)
def test_jwt_verification_weak(settings: Settings, expected: list[str]) -> None:
    assert short(judge_facts("jwt_verification_weak", settings), "high") == expected


def test_a_token_package_that_only_authenticates() -> None:
    one = "rest_framework_simplejwt.authentication.JWTAuthentication"
    settings = settings_of(
        {
            "installed_apps": ["shop"],
            "jwt": [{"setting": "SIMPLE_JWT", "algorithm": "none"}],
            "rest_framework": {"authentication": [{"path": one, "bases": [one]}]},
        }
    )
    assert short(judge_facts("jwt_verification_weak", settings), "high") == weak("high", "ALGORITHM")

"""Rules over nginx configurations in process, without a checkout, an engine or a network: for measuring."""

import functools
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Final

from scanner.engine import Facts, discover_providers, discover_rules, judge, needs_of
from scanner.facts.app_server_types import AppServer, AppServers, Bind, ServerKind
from scanner.facts.nginx import Nginx
from scanner.facts.settings import CheckMessages, MiddlewareClass, SecretShape, Settings, Value
from scanner.model import (
    Failed,
    Finding,
    Layer,
    LayerMissing,
    Location,
    Options,
    Outcome,
    Progress,
    ProviderSpec,
    Rule,
    Silent,
)
from scanner.nginx.effective import Configuration
from scanner.nginx.includes import load
from scanner.nginx.tree import parse
from scanner.project import Checkout, Project

MAIN: Final = "/etc/nginx/nginx.conf"
_MIDDLEWARE: Final = (
    "django.middleware.security.SecurityMiddleware",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
)
_VALUES: Final[Mapping[str, object]] = {
    "ADMINS": [],
    "ALLOWED_HOSTS": ["shop.example", "www.shop.example"],
    "CACHES": {"default": {"BACKEND": "django.core.cache.backends.locmem.LocMemCache"}},
    "CSRF_COOKIE_DOMAIN": None,
    "CSRF_COOKIE_HTTPONLY": False,
    "CSRF_COOKIE_NAME": "csrftoken",
    "CSRF_COOKIE_PATH": "/",
    "CSRF_COOKIE_SAMESITE": "Lax",
    "CSRF_COOKIE_SECURE": True,
    "CSRF_TRUSTED_ORIGINS": [],
    "CSRF_USE_SESSIONS": False,
    "DEBUG": False,
    "FORCE_SCRIPT_NAME": None,
    "LOGIN_URL": "/accounts/login/",
    "MEDIA_ROOT": "/srv/shop/media",
    "MEDIA_URL": "/media/",
    "MIDDLEWARE": list(_MIDDLEWARE),
    "SECRET_KEY": None,
    "SECRET_KEY_FALLBACKS": [],
    "SECURE_CONTENT_TYPE_NOSNIFF": True,
    "SECURE_CROSS_ORIGIN_OPENER_POLICY": "same-origin",
    "SECURE_HSTS_INCLUDE_SUBDOMAINS": False,
    "SECURE_HSTS_PRELOAD": False,
    "SECURE_HSTS_SECONDS": 0,
    "SECURE_PROXY_SSL_HEADER": ["HTTP_X_FORWARDED_PROTO", "https"],
    "SECURE_REDIRECT_EXEMPT": [],
    "SECURE_REFERRER_POLICY": "same-origin",
    "SECURE_SSL_HOST": None,
    "SECURE_SSL_REDIRECT": False,
    "SESSION_COOKIE_AGE": 1209600,
    "SESSION_COOKIE_DOMAIN": None,
    "SESSION_COOKIE_HTTPONLY": True,
    "SESSION_COOKIE_NAME": "sessionid",
    "SESSION_COOKIE_PATH": "/",
    "SESSION_COOKIE_SAMESITE": "Lax",
    "SESSION_COOKIE_SECURE": True,
    "SESSION_ENGINE": "django.contrib.sessions.backends.db",
    "SILENCED_SYSTEM_CHECKS": [],
    "STATIC_ROOT": "/srv/shop/static",
    "STATIC_URL": "/static/",
    "USE_X_FORWARDED_HOST": False,
    "USE_X_FORWARDED_PORT": False,
    "WSGI_APPLICATION": "shop.wsgi.application",
    "X_FRAME_OPTIONS": "DENY",
}
SETTINGS: Final = Settings(
    module="shop.settings",
    module_path="shop/settings.py",
    django_version="5.2.8",
    python_version="3.13.5",
    values={name: Value(type(value).__name__, value) for name, value in _VALUES.items()},  # type: ignore[arg-type] # plain data
    explicit=frozenset({"ALLOWED_HOSTS", "DEBUG", "SECRET_KEY", "MIDDLEWARE", "STATIC_ROOT", "MEDIA_ROOT"}),
    secrets={"SECRET_KEY": SecretShape(length=64, unique=40, insecure_prefix=False, known=False)},
    middleware=tuple(MiddlewareClass(path, (path,)) for path in _MIDDLEWARE),
    installed_apps=("django.contrib.admin", "django.contrib.auth", "django.contrib.sessions", "shop"),
    base_dir="/srv/shop/code",
)
"""A hardened site's settings; HSTS is left to the proxy."""
_PLACE: Final = Location("deploy/gunicorn.service", 1)
_GUNICORN: Final = AppServers(
    (
        AppServer(
            ServerKind.GUNICORN,
            "unit gunicorn.service",
            _PLACE,
            ("gunicorn", "shop.wsgi"),
            (Bind("127.0.0.1", 8000, None, _PLACE),),
            "shop.wsgi",
            ("127.0.0.1",),
            trusts_unix_peer=True,
        ),
    )
)


def changed(settings: Settings, values: Mapping[str, object]) -> Settings:
    """Settings with other values, which the project sets itself."""
    new = {name: Value(type(value).__name__, value) for name, value in values.items()}  # type: ignore[arg-type] # plain data
    return replace(settings, values={**settings.values, **new}, explicit=settings.explicit | set(values))


@functools.cache
def nginx_rules() -> tuple[Rule, ...]:
    """The rules that read nginx's configuration."""
    return tuple(one for one in discover_rules() if any(need.kind is Nginx for need in needs_of(one.check)))


def read(text: str, others: Mapping[str, str] | None = None) -> Nginx:
    """A whole ``nginx.conf`` and the files that it includes, by their paths on the server."""
    files = {path: parse(content, path) for path, content in (others or {}).items()}
    configuration = Configuration(load(MAIN, {MAIN: parse(text, "nginx.conf"), **files}), sealed=True)
    return Nginx(configuration, problems=configuration.tree.problems)


def judge_text(
    text: str, others: Mapping[str, str] | None = None, settings: Settings = SETTINGS
) -> list[tuple[str, int]]:
    """Rule and line of every finding of every nginx rule, for a site behind that configuration."""
    facts = Facts({}, {Nginx: read(text, others), Settings: settings, AppServers: _GUNICORN})
    return [(rule.id, finding.location.line) for rule in nginx_rules() for finding in _found(judge(rule, facts))]


def judge_folder(folder: Path, settings: Settings, rules: tuple[Rule, ...]) -> list[tuple[str, str, int]]:
    """Rule, path and line of every finding of these rules, from the files of a folder and those settings."""
    names = tuple(sorted(path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file()))
    checkout = Checkout(folder.resolve(), names, frozenset(names), is_git=True, commit=None, dirty=False)
    given: dict[type, object] = {
        Options: Options(),
        Progress: Silent(),
        Checkout: checkout,
        Project: Project(checkout=checkout, path=".", name="shop", manage="manage.py", settings_module="shop.settings"),
        Settings: settings,
        CheckMessages: CheckMessages(()),
    }
    every = _providers()
    files = {kind: spec for kind, spec in every.items() if spec.layer is Layer.FILES}
    for kind in every:
        if kind not in files:
            given.setdefault(kind, LayerMissing("not asked for"))
    facts = Facts(files, given)
    return [
        (rule.id, finding.location.path, finding.location.line)
        for rule in rules
        for finding in _found(judge(rule, facts))
    ]


@functools.cache
def _providers() -> Mapping[type, ProviderSpec]:
    return discover_providers()


def _found(outcome: Outcome) -> tuple[Finding, ...]:
    return outcome.findings if isinstance(outcome, Failed) else ()

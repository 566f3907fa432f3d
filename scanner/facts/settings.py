"""The effective settings, as the project's own interpreter loaded them. Made by ``scanner.boot``."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property

from scanner.facts.resolved_classes import (
    Cors,
    Jwt,
    PasswordHasher,
    PasswordValidator,
    ReportFilter,
    ResolvedClass,
    RestFramework,
    SessionSerializer,
)
from scanner.model import Placeholder

Json = None | bool | int | float | str | Sequence["Json"] | Mapping[str, "Json"]
"""A value after parsing. Class paths, callables and lazy texts are their text; sets are sorted lists."""


@dataclass(frozen=True)
class Value:
    """One effective setting."""

    type: str
    """The name of its Python type: ``bool``, ``str``, ``list``, ``tuple``, ``NoneType`` …"""
    value: Json
    """None where it is a secret: see ``Settings.secrets``."""
    redacted: bool = False


@dataclass(frozen=True)
class SecretShape:
    """What is told of a secret value; the value itself never leaves the sandbox."""

    length: int
    unique: int
    """Number of different characters."""
    insecure_prefix: bool
    """It starts with ``django-insecure-``."""
    known: bool
    """It is on the shipped list of publicly known keys."""
    injected: bool = False
    """It is, or holds, a value that the scanner put in."""


@dataclass(frozen=True)
class MiddlewareClass:
    """One entry of MIDDLEWARE, resolved."""

    path: str
    bases: tuple[str, ...]
    """Dotted names of its method resolution order, itself first; empty when it could not be imported."""
    header: str | None = None
    """The class attribute ``header`` (RemoteUserMiddleware)."""
    answers: bool | None = None
    """It can answer a request by itself, without calling on, as far as its source tells; None where it does not."""

    def is_a(self, dotted: str) -> bool:
        """Whether it is that class or derives from it."""
        return dotted == self.path or dotted in self.bases


@dataclass(frozen=True)
class Settings:
    """The settings that the production environment gives."""

    module: str
    module_path: str | None
    """The module's file, relative to the checkout, where it lies in it."""
    django_version: str
    python_version: str
    values: Mapping[str, Value]
    """Every upper-case setting, defaults of Django included."""
    explicit: frozenset[str]
    """Names that the project sets itself (``settings.is_overridden``)."""
    secrets: Mapping[str, SecretShape] = field(default_factory=dict)
    """By name: ``SECRET_KEY``, ``SECRET_KEY_FALLBACKS[0]``, ``DATABASES.default.PASSWORD`` …"""
    injected: Mapping[str, str] = field(default_factory=dict)
    """Setting -> the variable (or reason) through which the scanner, not the project, decided its value."""
    samples: Mapping[str, str] = field(default_factory=dict)
    """Setting -> the example file's variable that decided its value."""
    environment_names: frozenset[str] = frozenset()
    """Variables that were set, placeholders included."""
    placeholders: tuple[Placeholder, ...] = ()
    middleware: tuple[MiddlewareClass, ...] = ()
    installed_apps: tuple[str, ...] = ()
    base_dir: str | None = None
    """Where the project lay in the sandbox: paths in the values that start with it are the project's own."""
    settings_reason: str = ""
    """Why this module was chosen."""
    password_hashers: tuple[PasswordHasher, ...] = ()
    password_validators: tuple[PasswordValidator, ...] = ()
    authentication_backends: tuple[ResolvedClass, ...] = ()
    session_serializer: SessionSerializer | None = None
    report_filter: ReportFilter | None = None
    rest_framework: RestFramework | None = None
    """None where it is not in use."""
    cors: Cors | None = None
    """None where django-cors-headers is not in use."""
    jwt: tuple[Jwt, ...] = ()
    toolbar_for_all: bool = False
    """The debug toolbar's callback is true for every request."""

    def value(self, name: str) -> Json:
        """The effective value of a setting; None where there is no such setting."""
        entry = self.values.get(name)
        return entry.value if entry else None

    def is_set(self, name: str) -> bool:
        """Whether the project sets it itself."""
        return name in self.explicit

    def has_middleware(self, dotted: str) -> bool:
        """Whether an entry of MIDDLEWARE is that class, or derives from it."""
        return dotted in self._middleware_classes

    @cached_property
    def _middleware_classes(self) -> frozenset[str]:
        return frozenset(name for entry in self.middleware for name in (entry.path, *entry.bases))

    def has_app(self, name: str) -> bool:
        """Whether INSTALLED_APPS has it, by its name or the module of its AppConfig."""
        return name in self._app_names

    @cached_property
    def _app_names(self) -> frozenset[str]:
        """The entries, and of ``shop.apps.ShopConfig`` what stands before each ``.apps.``, too."""
        parts = [app.split(".apps.") for app in self.installed_apps]
        before = (".apps.".join(pieces[:count]) for pieces in parts for count in range(1, len(pieces)))
        return frozenset((*self.installed_apps, *before))

    def strings(self, name: str) -> tuple[str, ...]:
        """A setting that is a list of texts; other items are left out. Empty where it is no list."""
        value = self.value(name)
        if isinstance(value, str) or not isinstance(value, Sequence):
            return ()
        return tuple(item for item in value if isinstance(item, str))


@dataclass(frozen=True)
class EmptyEnvBoot:
    """What falls open when no variable is set."""

    booted: bool
    error: str
    """The exception's class and message where it did not boot; cleaned."""
    debug: bool | None = None
    allowed_hosts: tuple[str, ...] = ()
    secret_key: SecretShape | None = None
    same_secret_key: bool = False
    """Its SECRET_KEY is the one of the production boot (compared by digest, with a salt of the run)."""


@dataclass(frozen=True)
class CheckMessage:
    """One message of a registered system check."""

    id: str
    level: int
    """Django's: 10 DEBUG, 20 INFO, 30 WARNING, 40 ERROR, 50 CRITICAL."""
    text: str
    hint: str
    object: str
    """The object's label, or empty."""
    function: str
    """Dotted name of the check."""
    deploy: bool
    """Registered with ``deploy=True``."""
    tags: tuple[str, ...]
    silenced: bool = False
    crashed: bool = False
    """The check raised; ``text`` has the exception's class and message."""


@dataclass(frozen=True)
class CheckMessages:
    """What the registered checks said, run one by one."""

    messages: tuple[CheckMessage, ...]


@dataclass(frozen=True)
class Route:
    """One route of the URL configuration."""

    pattern: str
    """Static text with ``<name>`` for parameters, without a leading slash."""
    name: str
    namespace: str
    view: str
    """Dotted name."""
    csrf_exempt: bool = False
    login_required: bool = False
    """By LoginRequiredMixin or a decorator of ``django.contrib.auth``."""
    methods: tuple[str, ...] = ()
    """Of a view class, in lower case; empty for a function, which answers whatever it likes."""
    permissions: tuple[str, ...] | None = None
    """Dotted names of a REST framework view's permission classes; None for any other view."""
    own_permissions: bool = False
    """The view sets them itself: the default is not asked."""
    document_root: str | None = None
    """Of ``django.views.static.serve``."""
    show_indexes: bool = False


@dataclass(frozen=True)
class Urlconf:
    """The resolved URL configuration."""

    routes: tuple[Route, ...]
    admin_prefixes: tuple[str, ...]
    """Where an AdminSite is mounted, such as ``/admin/``."""
    login_paths: tuple[str, ...] = ()


@dataclass(frozen=True)
class Distributions:
    """What is installed beside the project: normalised name -> version."""

    versions: Mapping[str, str]

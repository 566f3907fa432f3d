"""Facts for rule tests: real files through the real collectors, settings and probe facts as YAML.

A case is a folder ``fixtures/rules/<rule_module>/{bad,good}*/``:

* every file in it is the scanned checkout, but for these:
* ``settings.yml``: what differs from a hardened project's effective settings (see ``settings_of``); without it, the
  rule runs as if the boot layer had not run;
* ``facts.yml``: facts by class name with their fields (``PlainHttp: {doors: [...]}``). A ``Door`` may be written as
  ``http`` or ``https``, an ``Exchange`` as the line of its request and the status of its answer
  (``GET http://shop.example/ 200``), a ``Location`` as ``path:line``. Facts that are not there are unavailable;
* ``expected.txt`` (bad only): the whole outcome.
"""

import dataclasses
import enum
import importlib
import pkgutil
import types
import typing
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

import yaml

import scanner.facts
from scanner.engine import Facts, discover_providers, discover_rules, judge
from scanner.facts.settings import (
    CheckMessages,
    MiddlewareClass,
    SecretShape,
    Settings,
    Value,
)
from scanner.model import (
    Door,
    Errored,
    Exchange,
    Failed,
    Layer,
    LayerMissing,
    Location,
    Options,
    Outcome,
    Passed,
    Progress,
    Request,
    Response,
    Rule,
    Silent,
    Skipped,
)
from scanner.project import Checkout, Project, find_projects

CASES = Path(__file__).parent.parent / "fixtures" / "rules"
NOT_SCANNED = frozenset({"settings.yml", "facts.yml", "expected.txt"})

_MIDDLEWARE = (
    "django.middleware.security.SecurityMiddleware",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
)
_HARDENED: Mapping[str, object] = {
    "ALLOWED_HOSTS": ["shop.example"],
    "CSRF_COOKIE_HTTPONLY": False,
    "CSRF_COOKIE_NAME": "csrftoken",
    "CSRF_COOKIE_SAMESITE": "Lax",
    "CSRF_COOKIE_SECURE": True,
    "CSRF_TRUSTED_ORIGINS": [],
    "CSRF_USE_SESSIONS": False,
    "DEBUG": False,
    "LOGIN_URL": "/accounts/login/",
    "MEDIA_ROOT": "/srv/shop/media",
    "MEDIA_URL": "/media/",
    "MIDDLEWARE": list(_MIDDLEWARE),
    "SECRET_KEY": None,
    "SECRET_KEY_FALLBACKS": [],
    "SECURE_CONTENT_TYPE_NOSNIFF": True,
    "SECURE_CROSS_ORIGIN_OPENER_POLICY": "same-origin",
    "SECURE_HSTS_INCLUDE_SUBDOMAINS": True,
    "SECURE_HSTS_PRELOAD": False,
    "SECURE_HSTS_SECONDS": 31536000,
    "SECURE_PROXY_SSL_HEADER": ["HTTP_X_FORWARDED_PROTO", "https"],
    "SECURE_REDIRECT_EXEMPT": [],
    "SECURE_REFERRER_POLICY": "same-origin",
    "SECURE_SSL_HOST": None,
    "SECURE_SSL_REDIRECT": False,
    "SESSION_COOKIE_HTTPONLY": True,
    "SESSION_COOKIE_NAME": "sessionid",
    "SESSION_COOKIE_SAMESITE": "Lax",
    "SESSION_COOKIE_SECURE": True,
    "SILENCED_SYSTEM_CHECKS": [],
    "STATIC_ROOT": "/srv/shop/static",
    "STATIC_URL": "/static/",
    "USE_X_FORWARDED_HOST": False,
    "USE_X_FORWARDED_PORT": False,
    "WSGI_APPLICATION": "shop.wsgi.application",
    "X_FRAME_OPTIONS": "DENY",
}

HARDENED = Settings(
    module="shop.settings",
    module_path="shop/settings.py",
    django_version="5.2.8",
    python_version="3.13.5",
    values={
        name: Value(type(value).__name__, value, redacted=name == "SECRET_KEY")  # type: ignore[arg-type]  # plain data
        for name, value in _HARDENED.items()
    },
    explicit=frozenset({"ALLOWED_HOSTS", "DEBUG", "SECRET_KEY", "MIDDLEWARE", "STATIC_ROOT"}),
    secrets={"SECRET_KEY": SecretShape(length=64, unique=40, insecure_prefix=False, known=False)},
    middleware=tuple(MiddlewareClass(path, (path,)) for path in _MIDDLEWARE),
    installed_apps=(
        "django.contrib.admin",
        "django.contrib.auth",
        "django.contrib.contenttypes",
        "django.contrib.sessions",
        "django.contrib.messages",
        "django.contrib.staticfiles",
        "shop",
    ),
    base_dir="/srv/shop",
)


def settings_of(document: Mapping[str, typing.Any]) -> Settings:
    """A hardened project's settings, changed.

    ``set``: name -> value; ``unset``: names that the project does not set; ``secrets``: name -> fields of SecretShape;
    ``without_middleware``: dotted paths; ``middleware``: further entries (a path, or path, bases, header);
    ``installed_apps``; every other key is a field of Settings.
    """
    rest: dict[str, typing.Any] = dict(document)
    changed = {name: Value(type(value).__name__, value) for name, value in rest.pop("set", {}).items()}
    unset = set(rest.pop("unset", []))
    gone = set(rest.pop("without_middleware", []))
    more = rest.pop("middleware", [])
    middleware = [one for one in HARDENED.middleware if one.path not in gone]
    for entry in more:
        one = {"path": entry} if isinstance(entry, str) else entry
        middleware.append(make(MiddlewareClass, {"bases": [one["path"]], **one}))
    secrets = {name: SecretShape(**fields) for name, fields in rest.pop("secrets", {}).items()}
    apps = rest.pop("installed_apps", None)
    hints = typing.get_type_hints(Settings)
    fields = {name: build(hints[name], value) for name, value in rest.items()}
    return replace(
        HARDENED,
        values={**HARDENED.values, **changed},
        explicit=(HARDENED.explicit | set(changed)) - unset,
        secrets={**HARDENED.secrets, **secrets},
        middleware=tuple(middleware),
        installed_apps=tuple(apps) if apps is not None else HARDENED.installed_apps,
        **typing.cast("dict[str, typing.Any]", fields),
    )


def _fact_classes() -> Mapping[str, type]:
    found: dict[str, type] = {}
    for info in pkgutil.iter_modules(scanner.facts.__path__):
        module = importlib.import_module(f"scanner.facts.{info.name}")
        found.update({name: one for name, one in vars(module).items() if isinstance(one, type)})
    return found


DOORS = {
    "http": Door("http", "198.51.100.10", 80),
    "https": Door("https", "198.51.100.10", 443),
}


def exchange(line: str) -> Exchange:
    """``GET http://shop.example/ 200`` as an Exchange."""
    label, _, status = line.rpartition(" ")
    scheme = "https" if "https://" in label else "http"
    answer = Response("HTTP/1.1", int(status), "", (), b"")
    return Exchange(1, "test", Request(DOORS[scheme], b"", label=label), answer)


def build(kind: object, value: object) -> object:
    """A value of plain data as an instance of that annotation."""
    origin = typing.get_origin(kind)
    if origin in {types.UnionType, typing.Union}:
        if value is None:
            return None
        return build(next(one for one in typing.get_args(kind) if one is not type(None)), value)
    if origin is tuple:
        arguments = typing.get_args(kind)
        items = typing.cast("list[object]", value)
        inner = arguments[:1] * len(items) if arguments[-1] is Ellipsis else arguments
        return tuple(build(one, item) for one, item in zip(inner, items, strict=True))
    if origin is frozenset:
        return frozenset(typing.cast("list[object]", value))
    if isinstance(kind, type):
        return _build_class(kind, value)
    return value


def _build_class(kind: type, value: object) -> object:
    if isinstance(value, str):
        if kind is Door:
            return DOORS[value]
        if kind is Exchange:
            return exchange(value)
        if kind is Location:
            path, _, line = value.rpartition(":")
            return Location(path, int(line))
    if issubclass(kind, enum.Enum):
        return kind(value)
    if dataclasses.is_dataclass(kind) and isinstance(value, Mapping):
        return make(kind, value)
    return value


T = typing.TypeVar("T")


def make(kind: type[T], fields: Mapping[str, typing.Any]) -> T:
    """A dataclass from plain data. Fields that are left out get their default, or the empty value of their type."""
    hints = typing.get_type_hints(kind)
    unknown = set(fields) - set(hints)
    if unknown:
        raise KeyError(f"{kind.__name__} has no field {sorted(unknown)}")
    values: dict[str, object] = {}
    for field in dataclasses.fields(typing.cast("type[typing.Any]", kind)):
        if field.name in fields:
            values[field.name] = build(hints[field.name], fields[field.name])
        elif field.default is dataclasses.MISSING and field.default_factory is dataclasses.MISSING:
            values[field.name] = _empty(hints[field.name])
    return kind(**values)


def _empty(hint: object) -> object:
    if typing.get_origin(hint) in {types.UnionType, typing.Union} and type(None) in typing.get_args(hint):
        return None
    if typing.get_origin(hint) is tuple:
        return ()
    if hint is Exchange:
        return exchange("GET https://shop.example/ 200")
    if hint is Door:
        return DOORS["https"]
    if isinstance(hint, type) and issubclass(hint, bool | int | str | float):
        return hint()
    raise TypeError(f"a value of type {hint} must be given")


def facts_of(folder: Path) -> Facts:
    """The facts of a case's folder."""
    given: dict[type, object] = {Options: Options(), Progress: Silent()}
    paths = sorted(path for path in folder.rglob("*") if path.is_file() and path.name not in NOT_SCANNED)
    names = tuple(path.relative_to(folder).as_posix() for path in paths)
    checkout = Checkout(root=folder, files=names, tracked=frozenset(names), is_git=True, commit=None, dirty=False)
    given[Checkout] = checkout
    given[Project] = _project(checkout)
    if (folder / "settings.yml").is_file():
        given[Settings] = settings_of(yaml.safe_load((folder / "settings.yml").read_text()) or {})
        given[CheckMessages] = CheckMessages(())
    if (folder / "facts.yml").is_file():
        classes = _fact_classes()
        for name, fields in yaml.safe_load((folder / "facts.yml").read_text()).items():
            given[classes[name]] = make(classes[name], fields or {})
    providers = {kind: spec for kind, spec in discover_providers().items() if spec.layer is Layer.FILES}
    for kind in discover_providers():
        if kind not in providers and kind not in given:
            given[kind] = LayerMissing("not in this case")
    return Facts(providers, given)


def _project(checkout: Checkout) -> Project:
    if any(path.rpartition("/")[2] == "manage.py" for path in checkout.files):
        return find_projects(checkout, ())[0]
    return Project(checkout=checkout, path=".", name="shop", manage=None, settings_module="shop.settings")


def rule_named(name: str) -> Rule:
    """The rule of that module name or id."""
    return next(one for one in discover_rules() if one.id == name.replace("_", "-"))


def judge_facts(name: str, *facts: object, missing: Mapping[type, Exception] | None = None) -> Outcome:
    """Run a rule over plain facts; every other fact is unavailable (a missing layer)."""
    given: dict[type, object] = {type(fact): fact for fact in facts}
    for need in discover_providers():
        given.setdefault(need, LayerMissing("not in this case"))
    given.update(missing or {})
    return judge(rule_named(name), Facts({}, given))


def told(rule: Rule, outcome: Outcome) -> str:
    """An outcome as the golden files have it."""
    match outcome:
        case Passed():
            return "passed\n"
        case Skipped(reason, kind):
            return f"skipped ({kind}): {reason}\n"
        case Errored(detail, findings):
            return f"errored: {detail}\n" + "".join(_line(rule, one) for one in findings)
        case Failed(findings):
            return "".join(_line(rule, one) for one in findings)


def _line(rule: Rule, finding: typing.Any) -> str:
    severity = finding.severity if finding.severity is not None else rule.severity
    place = f"{finding.location.path}:{finding.location.line}:{finding.location.column}"
    lines = [f"{place} {severity.word} {finding.proof} [{finding.symbol}] {finding.message}"]
    lines += [f"    {one.location}: {one.text}" if one.location else f"    {one.text}" for one in finding.evidence]
    return "\n".join(lines) + "\n"

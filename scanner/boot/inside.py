"""Runs in the scanned project's interpreter: loads its settings and says what came of it.

The request is one JSON object on standard input. The answer goes to what standard output was when the process started,
one JSON object a line: ``start`` first, ``end`` with the number and digest of the lines before it last. Before anything
of the project is imported, descriptor 1 is pointed at standard error, so that the project's own output is no part of
the answer. Secret values never leave this process: of each only its shape is told.

Only the standard library and the project's own Django are imported; the syntax is that of Python 3.8.
"""

from __future__ import annotations

import ast
import collections
import collections.abc
import datetime as dt
import decimal
import enum
import functools
import hashlib
import importlib
import inspect
import json
import math
import os
import pathlib
import platform
import re
import signal
import sys
import textwrap
import time
import uuid
from types import FrameType, MethodType, ModuleType
from typing import Any, Callable, Dict, List

Request = Dict[str, Any]
"""Written by the scanner itself: it is not checked here."""
VERSION = 1
LONGEST_TEXT = 4000
MOST_ITEMS = 1000
DEEPEST = 8
MOST_ROUTES = 5000
MOST_CHECK_MESSAGES = 2000
SHORTEST_MASKED = 6
URL_WITH_PASSWORD = re.compile(r"([a-zA-Z][a-zA-Z0-9+.-]{0,30}://[^\s/@:]{0,256}:)([^\s/@]{1,512})(@)")
WORKING_DIRECTORIES = frozenset({"PWD", "OLDPWD"})
"""The shell's own: no password in spite of the name."""
KEY_PARTS = re.compile(r"[^A-Za-z0-9]+|(?<=[a-z0-9])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])")
_quote = json.encoder.encode_basestring_ascii
_parse = json.loads
_write = os.write
_pid = os.getpid


def encode(value: Any) -> str:
    """The JSON text of plain values. It uses nothing that the project could have replaced in the json module."""
    if value is None:
        return "null"
    if value is True or value is False:
        return "true" if value else "false"
    if type(value) is int:
        return int.__repr__(value)
    if type(value) is float:
        return float.__repr__(value)
    if type(value) is str:
        return _quote(value)
    if type(value) is dict:
        return "{{{}}}".format(",".join(f"{_quote(key)}:{encode(item)}" for key, item in value.items()))
    return "[{}]".format(",".join([encode(item) for item in value]))


class Record:
    """The answer, line by line."""

    def __init__(self, descriptor: int, nonce: str, places: dict[str, str]) -> None:
        self._descriptor = descriptor
        self._nonce = nonce
        self._places = places
        self._owner = _pid()
        self._digest = hashlib.sha256()
        self._count = 0

    def send(self, name: str, **fields: object) -> None:
        """Write one line. A fork of this process writes nothing."""
        text = encode(dict({"type": name}, **fields))
        for here, plain in self._places.items():
            text = text.replace(here, plain)
        line = (text + "\n").encode("ascii")
        if _pid() != self._owner:
            os._exit(70)
        self._digest.update(line)
        self._count += 1
        while line:
            line = line[_write(self._descriptor, line) :]

    def end(self) -> None:
        """Write the last line."""
        self.send("end", nonce=self._nonce, count=self._count, digest=self._digest.hexdigest())


class Secrets:
    """Which values are secret, and what is told of them."""

    def __init__(self, request: Request) -> None:
        names = request["secret_names"]
        self._words = frozenset(names["words"])
        self._tails = tuple(names["tails"])
        self._pairs = frozenset(names["pairs"])
        self._endings = frozenset(names["endings"])
        self._known = frozenset(request["known_keys"])
        self._salt = bytes.fromhex(request["salt"])
        self._masks: dict[str, str] = {}
        for name, value in os.environ.items():
            if self.named(name) and name not in WORKING_DIRECTORIES:
                self.remember(value, name)
            for match in URL_WITH_PASSWORD.finditer(value):
                self.remember(match.group(2), name)

    def named(self, key: str) -> bool:
        """Whether a value under this key is a secret by its name."""
        parts = [part.upper() for part in KEY_PARTS.split(key) if part]
        if not parts or parts[-1] in self._endings:
            return False
        if any(part in self._words or part.endswith(self._tails) for part in parts):
            return True
        if parts[-1] == "PASS" and len(parts) > 1 and parts[-2] != "PROXY":
            return True
        return any(first in self._pairs and second == "KEY" for first, second in zip(parts, parts[1:]))

    def remember(self, value: str, name: str) -> None:
        """From now on this value is masked wherever it stands."""
        if len(value) >= SHORTEST_MASKED and not value.isdigit():
            self._masks.setdefault(value, f"[{name}]")

    def mask(self, text: str) -> str:
        """The text without any secret that is known so far, and without the passwords of URLs."""
        for value in sorted(self._masks, key=len, reverse=True):
            if value in text:
                text = text.replace(value, self._masks[value])
        return URL_WITH_PASSWORD.sub(r"\1***\3", text)

    def shape(self, value: str) -> dict[str, object]:
        """What is told of a secret."""
        raw = value.encode("utf-8", "surrogatepass")
        return {
            "length": len(value),
            "unique": len(set(value)),
            "insecure_prefix": value.startswith("django-insecure-"),
            "known": hashlib.sha256(raw).hexdigest() in self._known,
        }

    def digest(self, value: str) -> str:
        """A digest that means something only in this run."""
        return hashlib.sha256(self._salt + value.encode("utf-8", "surrogatepass")).hexdigest()


class Dump:
    """Settings as plain values, secrets taken out, with the invented variables that they show."""

    def __init__(self, secrets: Secrets, invented: dict[str, Any]) -> None:
        self._secrets = secrets
        self._invented = [(name, item) for name, item in invented.items() if item["marks"] or item["values"]]
        self.shapes: dict[str, object] = {}
        self.showing: dict[str, str] = {}

    def setting(self, name: str, value: object) -> dict[str, object]:
        """One setting: its type, its plain value, and whether something was taken out of it."""
        masked: list[str] = []
        plain = self._plain(value, name, masked, secret=self._secrets.named(name))
        return {"type": kind_of(value), "value": plain, "redacted": bool(masked)}

    def _show(self, path: str, value: object) -> None:
        """Note which invented variables this value holds."""
        text = value if isinstance(value, str) else repr(value)
        for name, item in self._invented:
            if any(mark in text for mark in item["marks"]) or text in item["values"]:
                for part in {path, re.split(r"[.\[]", path, maxsplit=1)[0]}:
                    self.showing.setdefault(part, name)

    def _text(self, value: str, path: str, masked: list[str], *, secret: bool) -> str | None:
        # A secret that crosses the cut would not be recognised: cut what is masked, with room to spare.
        text = value[: 2 * LONGEST_TEXT]
        self._show(path, text)
        if secret:
            self.shapes[path] = self._secrets.shape(value)
            if value:
                masked.append(path)
                return None
            return text
        match = URL_WITH_PASSWORD.search(text)
        if match:
            self.shapes[path] = self._secrets.shape(match.group(2))
        safe = self._secrets.mask(text)
        if safe != text:
            masked.append(path)
        return clean(safe[:LONGEST_TEXT])

    def _plain(self, value: Any, path: str, masked: list[str], depth: int = 0, *, secret: bool) -> object:
        if value is None or isinstance(value, bool):
            return None if value is None else bool(value)
        if isinstance(value, (int, float)) and not isinstance(value, enum.Enum):
            self._show(path, value)
            if secret and len(str(value)) > 3:
                return self._text(str(value), path, masked, secret=secret)
            plain = int(value) if isinstance(value, int) else float(value)
            return plain if math.isfinite(plain) and abs(plain) < 1 << 63 else str(plain)
        if isinstance(value, (bytes, bytearray)):
            return self._text(bytes(value).decode("utf-8", "replace"), path, masked, secret=secret)
        text = text_of(value)
        if text is not None:
            return self._text(text, path, masked, secret=secret)
        if depth >= DEEPEST:
            return "…"
        if isinstance(value, collections.abc.Mapping):
            entries: dict[str, object] = {}
            for key, item in list(value.items())[:MOST_ITEMS]:
                name = clean(text_of(key) if text_of(key) is not None else repr_of(key))
                under = secret or self._secrets.named(name)
                entries[name] = self._plain(item, f"{path}.{name}", masked, depth + 1, secret=under)
            return entries
        if isinstance(value, (list, tuple, set, frozenset, collections.deque)):
            items = [
                self._plain(item, f"{path}[{at}]", masked, depth + 1, secret=secret)
                for at, item in enumerate(list(value)[:MOST_ITEMS])
            ]
            return sorted(items, key=encode) if isinstance(value, (set, frozenset)) else items
        return repr_of(value)


def clean(text: object) -> str:
    """The text with lone surrogates replaced: JSON readers refuse them."""
    return str(text).encode("utf-8", "replace").decode("utf-8")


def kind_of(value: object) -> str:
    """The name of a value's type; ``lazy`` for Django's lazy texts."""
    if isinstance(value, str):
        return "str"
    return "lazy" if is_lazy(value) else type(value).__name__


def is_lazy(value: object) -> bool:
    """Whether it is one of Django's lazy texts."""
    return any(one.__name__ == "Promise" and one.__module__ == "django.utils.functional" for one in type(value).__mro__)


def text_of(value: Any) -> str | None:
    """The text of a value that is one, or that Django uses as one; None for anything else."""
    if isinstance(value, enum.Enum):
        return text_of(value.value)
    if isinstance(value, str) or is_lazy(value):
        try:
            return str(value)
        except Exception:  # noqa: BLE001 - a translation, before the applications are loaded
            return ""
    plain = (pathlib.PurePath, dt.timedelta, dt.date, dt.time, decimal.Decimal, uuid.UUID)
    if isinstance(value, plain):
        return str(value)
    if isinstance(value, re.Pattern):
        return text_of(value.pattern)
    return None


def repr_of(value: Any) -> str:
    """What a class, a callable or any other object is called. Never its own ``repr``, which may hold secrets."""
    if isinstance(value, functools.partial):
        return repr_of(value.func)
    if isinstance(value, ModuleType):
        return value.__name__
    if isinstance(value, MethodType):
        return f"{repr_of(type(value.__self__))}.{value.__name__}"
    if isinstance(value, type) or callable(value):
        name = getattr(value, "__qualname__", None) or type(value).__qualname__
        return "{}.{}".format(getattr(value, "__module__", None) or type(value).__module__, name)
    return f"<{type(value).__module__}.{type(value).__qualname__}>"


def collect_secrets(value: object, name: str, secrets: Secrets, depth: int = 0, *, secret: bool) -> None:
    """Remember every secret text in a setting, so that it is masked in all the others as well."""
    if isinstance(value, str):
        if secret:
            secrets.remember(str(value), name)
        for match in URL_WITH_PASSWORD.finditer(value):
            secrets.remember(match.group(2), name)
    elif depth < DEEPEST and isinstance(value, collections.abc.Mapping):
        for key, item in list(value.items())[:MOST_ITEMS]:
            under = isinstance(key, str) and secrets.named(key)
            collect_secrets(item, f"{name}.{key}", secrets, depth + 1, secret=secret or under)
    elif depth < DEEPEST and isinstance(value, (list, tuple, set, frozenset)):
        for item in list(value)[:MOST_ITEMS]:
            collect_secrets(item, name, secrets, depth + 1, secret=secret)


def load(request: Request) -> Any:
    """Load the settings as ``manage.py`` or the app server would. Returns Django's settings object."""
    if os.environ.get("DJANGO_CONFIGURATION"):
        importlib.import_module("configurations").setup()
    settings = importlib.import_module("django.conf").settings
    _ = settings.DEBUG
    for item in request["overrides"]:
        try:
            request.setdefault("loaded", {})[item["setting"]] = getattr(settings, item["setting"], None)
        except Exception:  # noqa: BLE001, S112 - Django refuses an empty SECRET_KEY: that is why it is replaced
            continue
    return settings


def override(settings: Any, request: Request) -> None:
    """Replace what would need a service or a library that is not here."""
    for item in request["overrides"]:
        setattr(settings, item["setting"], _parse(item["value"]))


def names_of(settings: Any) -> list[str]:
    """All upper-case names, Django's defaults included."""
    return sorted({name for name in dir(settings) if name.isupper() and not name.startswith("_")})


def read(settings: Any, name: str, request: Request) -> object:
    """One setting as Django sees it. An iterator is read and put back, since it can be read only once."""
    if name in request.get("loaded", {}):
        return request["loaded"][name]
    value = getattr(settings, name)
    if isinstance(value, collections.abc.Iterator):
        items = list(value)
        setattr(settings, name, iter(items))
        return OneShot(type(value).__name__, items)
    return value


class OneShot(List[object]):
    """What an iterator held."""

    def __init__(self, kind: str, items: list[object]) -> None:
        super().__init__(items)
        self.kind = kind


def send_settings(record: Record, settings: Any, request: Request, secrets: Secrets) -> None:
    """Write the ``settings`` line."""
    values: dict[str, object] = {}
    for name in names_of(settings):
        try:
            values[name] = read(settings, name, request)
        except Exception:  # noqa: BLE001 - Django raises for a setting that is required and missing
            values[name] = "" if name == "SECRET_KEY" else None
    for name, value in values.items():
        collect_secrets(value, name, secrets, secret=secrets.named(name))
    dump = Dump(secrets, request["invented"])
    plain: dict[str, dict[str, object]] = {}
    for name, value in values.items():
        plain[name] = dump.setting(name, value)
        if isinstance(value, OneShot):
            plain[name]["type"] = value.kind
    key = values.get("SECRET_KEY")
    module = sys.modules.get(os.environ.get("DJANGO_SETTINGS_MODULE", ""))
    record.send(
        "settings",
        module=os.environ.get("DJANGO_SETTINGS_MODULE", ""),
        file=str(getattr(module, "__file__", None) or ""),
        django=importlib.import_module("django").get_version(),
        python=platform.python_version(),
        values=plain,
        explicit=sorted(name for name in plain if settings.is_overridden(name)),
        secrets=dump.shapes,
        showing=dump.showing,
        key_digest=secrets.digest(key) if isinstance(key, str) and key else "",
        middleware=[middleware_of(path) for path in texts(values.get("MIDDLEWARE"))],
        installed_apps=texts(values.get("INSTALLED_APPS")),
        environment=sorted(os.environ),
    )


def texts(value: object) -> list[str]:
    """The texts of a list; empty for anything else."""
    return [str(item) for item in value if isinstance(item, str)] if isinstance(value, (list, tuple)) else []


def middleware_of(path: str) -> dict[str, object]:
    """A middleware's class with its ancestors, where it can be imported."""
    found = imported(path)
    entry = dict(class_of(path, found), header=None, answers=answers_by_itself(found))
    if isinstance(found, type):
        header = getattr(found, "header", None)
        entry["header"] = header if isinstance(header, str) else None
    return entry


def imported(path: str) -> Any:
    """What a dotted path leads to; None where it cannot be imported."""
    module, _, name = path.rpartition(".")
    try:
        return getattr(importlib.import_module(module), name)
    except Exception:  # noqa: BLE001 - whatever the project raises: it is said by empty lists
        return None


def class_of(path: str, found: object) -> dict[str, object]:
    """A class with its ancestors."""
    mro = found.__mro__ if isinstance(found, type) else ()
    return {"path": path, "bases": [f"{one.__module__}.{one.__qualname__}" for one in mro if one is not object]}


def answers_by_itself(found: Any) -> bool | None:
    """Whether a middleware has a way to return a response without calling on; None where its source does not tell."""
    if found is None:
        return None
    methods = [getattr(found, name, None) for name in ("process_request", "process_view", "__call__")]
    ours = [one for one in methods if inspect.isfunction(one)] if isinstance(found, type) else [found]
    try:
        sources = [(one.__name__, ast.parse(textwrap.dedent(inspect.getsource(one)))) for one in ours]
    except (OSError, TypeError, AttributeError, SyntaxError, ValueError, RecursionError):
        return None
    if not isinstance(found, type):
        nested = [one for _, tree in sources for one in ast.walk(tree.body[0]) if isinstance(one, ast.FunctionDef)][1:]
        inner = [one for one in nested if comes_from(one, {"get_response"}, set())]  # the rest handles exceptions
        return any(returns_own(one, {"get_response"}) for one in inner) if inner else None
    called = {"get_response", "process_request", "process_response", "process_view", "__call__", "__acall__"}
    for name, tree in sources:
        if returns_own(tree.body[0], called if name == "__call__" else set()):
            return True
    return False if sources else None


def returns_own(function: ast.AST, called: set[str]) -> bool:
    """Whether a function returns anything but None and what one of ``called`` gave it, or what it put in its place."""
    assigned = [pair for node in ast.walk(function) for pair in assignments(node)]
    given: set[str] = set()
    for _ in range(2):  # what is made from a response may stand before it in the walk
        given.update(name for name, value in assigned if comes_from(value, called, given))
    for name in sorted(given):
        lines = {comes_from(value, called, given): line_of(value) for one, value in assigned[::-1] if one == name}
        if lines.get(False, math.inf) < lines[True]:
            given.discard(name)
    returned = [node.value for node in ast.walk(function) if isinstance(node, ast.Return) and node.value is not None]
    return any(not comes_from(one, called, given) for one in returned if not is_none(one))


def line_of(value: ast.AST) -> int:
    """The line of an expression."""
    return int(getattr(value, "lineno", 0))


def assignments(node: ast.AST) -> list[tuple[str, ast.AST]]:
    """The names that a statement assigns, with what they get, unless it is None."""
    targets = node.targets if isinstance(node, ast.Assign) else [node.target] if isinstance(node, ast.AnnAssign) else []
    value = node.value if isinstance(node, (ast.Assign, ast.AnnAssign)) else None
    if value is None or is_none(value):
        return []
    return [(one.id, value) for one in targets if isinstance(one, ast.Name)]


def is_none(value: ast.AST) -> bool:
    """Whether an expression is ``None``."""
    return isinstance(value, ast.Constant) and value.value is None


def comes_from(value: ast.AST, called: set[str], given: set[str]) -> bool:
    """Whether an expression holds a call of one of these, or a name that stands for what one gave."""
    for node in ast.walk(value):
        if isinstance(node, ast.Name) and (node.id in given or node.id in called):
            return True
        if isinstance(node, ast.Attribute) and node.attr in called:
            return True
    return False


WORK_FACTORS = ("iterations", "rounds", "work_factor", "block_size", "time_cost", "memory_cost", "parallelism")
LOADERS = frozenset({"pickle", "_pickle", "cPickle", "dill", "cloudpickle", "marshal", "shelve", "jsonpickle"})


def send_effective(record: Record, settings: Any) -> None:
    """Write the ``effective`` line: what the dotted paths lead to, and what packages make of their settings."""
    apps = set(texts(list(settings.INSTALLED_APPS)) + texts(list(settings.MIDDLEWARE)))

    def in_use(app: str, setting: str) -> bool:
        return any(one == app or one.startswith(app + ".") for one in apps) or hasattr(settings, setting)

    parts: dict[str, Callable[[], object]] = {
        "password_hashers": lambda: [hasher_of(path) for path in texts(settings.PASSWORD_HASHERS)],
        "password_validators": lambda: validators_of(settings),
        "authentication_backends": lambda: [
            class_of(path, imported(path)) for path in texts(settings.AUTHENTICATION_BACKENDS)
        ],
        "session_serializer": lambda: serializer_of(settings.SESSION_SERIALIZER),
        "report_filter": lambda: report_filter_of(settings.DEFAULT_EXCEPTION_REPORTER_FILTER),
        "rest_framework": lambda: rest_framework_of() if in_use("rest_framework", "REST_FRAMEWORK") else None,
        "cors": lambda: cors_of() if in_use("corsheaders", "CORS_ALLOWED_ORIGINS") else None,
        "jwt": lambda: jwt_of(settings, in_use),
        "toolbar_for_all": lambda: shown_to_all(getattr(settings, "DEBUG_TOOLBAR_CONFIG", {})),
    }
    empty: dict[str, object] = {
        "toolbar_for_all": False,
        "session_serializer": None,
        "report_filter": None,
        "rest_framework": None,
        "cors": None,
    }
    found: dict[str, object] = {}
    problems: dict[str, str] = {}
    for name, part in parts.items():
        try:
            found[name] = part()
        except Exception as error:  # noqa: BLE001 - a package that is not there, or settings that it refuses
            found[name] = empty.get(name, [])
            problems[name] = type(error).__name__
    record.send("effective", problems=problems, **found)


def shown_to_all(config: Any) -> bool:
    """Whether the callback that decides who sees the debug toolbar says yes without looking at anything."""
    found = config.get("SHOW_TOOLBAR_CALLBACK") if isinstance(config, dict) else None
    found = imported(found) if isinstance(found, str) else found
    code = getattr(inspect.unwrap(found), "__code__", None) if callable(found) else None
    if code is None or code.co_names or code.co_freevars:
        return False
    return any(one is True for one in code.co_consts) and not any(one is False for one in code.co_consts)


def hasher_of(path: str) -> dict[str, object]:
    """A password hasher with its work factor, beside that of the class of Django's own that it comes from."""
    found = imported(path)
    entry = class_of(path, found)
    mro = found.__mro__ if isinstance(found, type) else ()
    base = next((one for one in mro if one.__module__ == "django.contrib.auth.hashers"), None)
    entry["work"] = work_of(found)
    entry["default_work"] = work_of(base)
    return entry


def work_of(found: Any) -> dict[str, int]:
    """The numbers that decide how long a hash takes."""
    values = {name: getattr(found, name, None) for name in WORK_FACTORS} if found is not None else {}
    return {
        name: value
        for name, value in values.items()
        if isinstance(value, int) and not isinstance(value, bool) and abs(value) < 1 << 62
    }


def validators_of(settings: Any) -> list[dict[str, object]]:
    """The password validators, each made with its options."""
    entries = []
    for one in settings.AUTH_PASSWORD_VALIDATORS:
        found = imported(str(one["NAME"]))
        entry = class_of(str(one["NAME"]), found)
        least = getattr(found(**one.get("OPTIONS", {})), "min_length", None) if found is not None else None
        entry["min_length"] = least if isinstance(least, int) and abs(least) < 1 << 31 else None
        entries.append(entry)
    return entries


def serializer_of(path: object) -> dict[str, object]:
    """The session serializer, and which dangerous modules its ``loads`` names."""
    found = imported(str(path))
    loads = inspect.unwrap(found.loads) if hasattr(found, "loads") else None
    code = getattr(loads, "__code__", None)
    scope = getattr(loads, "__globals__", {})
    names = set()
    for name in code.co_names if code is not None else ():
        value = scope.get(name)
        origin = value.__name__ if isinstance(value, ModuleType) else getattr(value, "__module__", None) or name
        names.update({name, str(origin).partition(".")[0]} & LOADERS)
    return dict(class_of(str(path), found), loads_with=sorted(names), readable=code is not None)


def report_filter_of(path: object) -> dict[str, object]:
    """The filter of error reports, and whether it hides anything."""
    found = imported(str(path))
    entry = dict(class_of(str(path), found), active=None, cleanses=None)
    try:
        made = found()
        entry["active"] = bool(made.is_active(None))
        entry["cleanses"] = made.cleanse_setting("PASSWORD", "open sesame") != "open sesame"
    except Exception:  # noqa: BLE001 - then it is not known
        return entry
    return entry


def rest_framework_of() -> dict[str, object]:
    """The defaults that views of Django REST framework really get."""
    known = importlib.import_module("rest_framework.settings").api_settings

    def classes(name: str) -> list[dict[str, object]]:
        return [class_of(repr_of(one), one) for one in getattr(known, name) or ()]

    return {
        "permissions": classes("DEFAULT_PERMISSION_CLASSES"),
        "authentication": classes("DEFAULT_AUTHENTICATION_CLASSES"),
        "throttles": classes("DEFAULT_THROTTLE_CLASSES"),
        "renderers": classes("DEFAULT_RENDERER_CLASSES"),
    }


def cors_of() -> dict[str, object]:
    """What django-cors-headers goes by."""
    conf = importlib.import_module("corsheaders.conf").conf

    def words(name: str) -> list[str]:
        return [clean(text_of(one) or "")[:LONGEST_TEXT] for one in list(getattr(conf, name, ()) or ())[:MOST_ITEMS]]

    return {
        "allow_all": bool(conf.CORS_ALLOW_ALL_ORIGINS),
        "credentials": bool(conf.CORS_ALLOW_CREDENTIALS),
        "origins": words("CORS_ALLOWED_ORIGINS"),
        "regexes": words("CORS_ALLOWED_ORIGIN_REGEXES"),
        "urls": clean(text_of(conf.CORS_URLS_REGEX) or "")[:LONGEST_TEXT],
    }


def jwt_of(settings: Any, in_use: Any) -> list[dict[str, object]]:
    """How the installed packages for JSON web tokens sign and check them."""
    packages = (
        ("SIMPLE_JWT", "rest_framework_simplejwt", "rest_framework_simplejwt.settings", "api_settings"),
        ("NINJA_JWT", "ninja_jwt", "ninja_jwt.settings", "api_settings"),
        ("JWT_AUTH", "rest_framework_jwt", "rest_framework_jwt.settings", "api_settings"),
        ("GRAPHQL_JWT", "graphql_jwt", "graphql_jwt.settings", "jwt_settings"),
    )
    entries = []
    for setting, app, module, name in packages:
        if not in_use(app, setting):
            continue
        try:
            known = getattr(importlib.import_module(module), name)
        except ImportError:
            continue
        entries.append(dict(jwt_entry(known, settings), setting=setting))
    return entries


def jwt_entry(known: Any, settings: Any) -> dict[str, object]:
    """The values of one of them, under the names that it uses."""

    def one(*names: str) -> Any:
        for name in names:
            try:
                return getattr(known, name)
            except AttributeError:
                continue
        return None

    lifetime = one("ACCESS_TOKEN_LIFETIME", "JWT_EXPIRATION_DELTA")
    key = one("SIGNING_KEY", "JWT_SECRET_KEY")
    return {
        "algorithm": str(one("ALGORITHM", "JWT_ALGORITHM")),
        "verify": one("JWT_VERIFY") is not False,
        "verify_expiration": one("JWT_VERIFY_EXPIRATION") is not False,
        "access_seconds": int(lifetime.total_seconds()) if isinstance(lifetime, dt.timedelta) else None,
        "key_is_secret_key": isinstance(key, str) and bool(key) and key == settings.SECRET_KEY,
    }


class TooLong(BaseException):
    """A check took longer than it may. No Exception, so that the project's own ``except`` does not swallow it."""


def _ring(_number: int, _frame: object) -> None:
    raise TooLong


def send_checks(record: Record, request: Request, secrets: Secrets) -> None:
    """Run every registered check, deployment ones included, one by one, and write the ``checks`` line."""
    checks = importlib.import_module("django.core.checks")
    registry = importlib.import_module("django.core.checks.registry").registry
    plain = list(registry.registered_checks)
    deploy = list(registry.deployment_checks)
    waiting = [(check, False) for check in plain] + [(check, True) for check in deploy]
    waiting.sort(key=lambda pair: ("security" not in tags_of(pair[0]), repr_of(pair[0])))
    ends = time.monotonic() + request["check_seconds"]
    messages: list[dict[str, object]] = []
    signal.signal(signal.SIGALRM, _ring)
    for check, is_deploy in waiting:
        if checks.Tags.database in tags_of(check):
            continue
        about = {"function": repr_of(check), "deploy": is_deploy, "tags": sorted(tags_of(check))}
        try:
            signal.setitimer(signal.ITIMER_REAL, max(0.05, min(request["one_check_seconds"], ends - time.monotonic())))
            found = list(check(app_configs=None, databases=None) or [])
            signal.setitimer(signal.ITIMER_REAL, 0)
            messages.extend(dict(message_of(one, secrets), **about) for one in found)
        except (Exception, TooLong, SystemExit) as error:  # noqa: BLE001 - what a check raises is its result
            signal.setitimer(signal.ITIMER_REAL, 0)
            text = "it did not end in time" if isinstance(error, TooLong) else secrets.mask(describe(error))
            messages.append(
                dict({"id": "", "level": 40, "text": text, "hint": "", "object": "", "silenced": False}, **about)
            )
            messages[-1]["crashed"] = True
    for one in messages:
        one.setdefault("crashed", False)
    record.send("checks", messages=messages[:MOST_CHECK_MESSAGES], omitted=max(0, len(messages) - MOST_CHECK_MESSAGES))


def tags_of(check: object) -> set[str]:
    """The tags of a registered check, as texts."""
    return {str(getattr(tag, "value", tag)) for tag in getattr(check, "tags", ())}


def message_of(message: Any, secrets: Secrets) -> dict[str, object]:
    """One message of a check."""
    target = message.obj
    label = getattr(getattr(target, "_meta", None), "label", None)
    if not isinstance(label, str):
        label = target if isinstance(target, str) else ("" if target is None else repr_of(target))
    return {
        "id": clean(message.id or ""),
        "level": int(message.level),
        "text": clean(secrets.mask(str(message.msg))[:LONGEST_TEXT]),
        "hint": clean(secrets.mask(str(message.hint or ""))[:LONGEST_TEXT]),
        "object": clean(secrets.mask(label)[:200]),
        "silenced": bool(message.is_silenced()),
    }


def describe(error: BaseException) -> str:
    """An exception's class and text, on one line."""
    try:
        text = str(error)
    except Exception:  # noqa: BLE001 - the project's own class may break in __str__
        text = ""
    return clean((f"{type(error).__name__}: {text}").replace("\n", " ")[:LONGEST_TEXT])


def send_urls(record: Record, settings: Any) -> None:
    """Write the ``urls`` line: all routes, where admin sites are mounted, login paths."""
    urls = importlib.import_module("django.urls")
    routes: list[dict[str, object]] = []
    admins: list[str] = []
    walk(urls.get_resolver().url_patterns, "", "", routes, admins)
    logins = [
        "/" + str(route["pattern"]) for route in routes if route["name"] == "login" or "LoginView" in str(route["view"])
    ]
    try:
        target = urls.reverse(str(settings.LOGIN_URL))
    except Exception:  # noqa: BLE001 - it is a path, or leads nowhere
        target = str(settings.LOGIN_URL)
    if target.startswith("/"):
        logins.append(target)
    plain = [path for path in dict.fromkeys(logins) if "<" not in path]
    record.send("urls", routes=routes[:MOST_ROUTES], admin=sorted(set(admins)), login=plain)


def walk(
    patterns: Any, prefix: str, namespace: str, routes: list[dict[str, object]], admins: list[str], depth: int = 0
) -> None:
    """Add the routes below a resolver."""
    for one in patterns:
        if len(routes) >= MOST_ROUTES or depth > 20:
            return
        path = prefix + static_text(one.pattern)
        if hasattr(one, "url_patterns"):
            inner = ":".join(part for part in (namespace, one.namespace) if part)
            if one.app_name == "admin":
                admins.append("/" + path)
            walk(one.url_patterns, path, inner, routes, admins, depth + 1)
        else:
            routes.append(
                dict(
                    access_of(one.callback, one.default_args),
                    pattern=clean(path),
                    name=clean(one.name or ""),
                    namespace=clean(namespace),
                    view=view_of(one.callback),
                )
            )


def view_of(callback: Any) -> str:
    """The dotted name of a view; its class where it was made from one."""
    callback = inspect.unwrap(callback) if callable(callback) else callback
    return repr_of(getattr(callback, "view_class", None) or getattr(callback, "cls", None) or callback)


def access_of(callback: Any, arguments: Any) -> dict[str, object]:
    """Who may call a view, and how, as far as its class and its decorators tell."""
    cls = getattr(callback, "view_class", None) or getattr(callback, "cls", None)
    mro = [f"{base.__module__}.{base.__qualname__}" for base in getattr(cls, "__mro__", ())]
    entry: dict[str, object] = {
        "csrf_exempt": bool(getattr(callback, "csrf_exempt", False)),
        "login_required": "django.contrib.auth.mixins.AccessMixin" in mro or behind_login(callback),
        "methods": methods_of(callback, cls),
        "permissions": None,
        "own_permissions": False,
        "document_root": None,
        "show_indexes": False,
    }
    if "rest_framework.views.APIView" in mro:
        entry.update(permissions_of(callback, cls))
    root = arguments.get("document_root") if isinstance(arguments, dict) else None
    if root is not None:
        entry["document_root"] = clean(text_of(root) or "")
        entry["show_indexes"] = bool(arguments.get("show_indexes"))
    return entry


def methods_of(callback: Any, cls: Any) -> list[str]:
    """The HTTP methods that a view class answers, in lower case."""
    actions = getattr(callback, "actions", None)
    if isinstance(actions, dict):
        return sorted(str(name) for name in actions)
    names = getattr(cls, "http_method_names", None) or ()
    return sorted(str(name) for name in names if hasattr(cls, str(name)))


def behind_login(callback: Any) -> bool:
    """Whether one of the functions around a view is a decorator of ``django.contrib.auth``."""
    seen = 0
    while callable(callback) and seen < 50:
        code = getattr(callback, "__code__", None)
        if code is not None and code.co_filename.replace(os.sep, "/").endswith("django/contrib/auth/decorators.py"):
            return True
        callback, seen = getattr(callback, "__wrapped__", None), seen + 1
    return False


def permissions_of(callback: Any, cls: Any) -> dict[str, object]:
    """The permission classes of a view of Django REST framework, and whether they are its own."""
    base = importlib.import_module("rest_framework.views").APIView
    given = getattr(callback, "initkwargs", None) or {}
    own = given.get("permission_classes", cls.permission_classes)
    changed = own is not base.permission_classes or cls.get_permissions is not base.get_permissions
    checked = getattr(cls, "check_permissions", None) is not base.check_permissions
    return {"permissions": [repr_of(one) for one in own or ()], "own_permissions": bool(changed or checked)}


def static_text(pattern: Any) -> str:
    """A URL pattern with ``<name>`` for every parameter."""
    route = getattr(pattern, "_route", None)
    if route is not None:
        return re.sub(r"<(?:[^<>:]+:)?([^<>]+)>", r"<\1>", str(route))
    text = str(pattern)
    if not hasattr(pattern, "_regex"):
        return text
    done: list[str] = []
    groups: list[int] = []
    at = 0
    while at < len(text):
        char = text[at]
        if char == "\\" and at + 1 < len(text):
            if not groups and text[at + 1] not in "AZbBdDsSwW":
                done.append(text[at + 1])
            at += 1
        elif char == "(":
            named = re.match(r"\(\?P<(\w+)>", text[at:])
            if not groups:
                done.append("<%s>" % (named.group(1) if named else "value") if text[at : at + 3] != "(?:" else "")
            groups.append(at)
        elif char == ")" and groups:
            groups.pop()
        elif not groups and char not in "^$?*+":
            done.append(char)
        at += 1
    return "".join(done)


def distributions() -> dict[str, str]:
    """What is installed: name to version."""
    metadata = importlib.import_module("importlib.metadata")
    found = {}
    for one in metadata.distributions():
        name = one.metadata["Name"]
        if name:
            found[clean(re.sub(r"[-_.]+", "-", name).lower())] = clean(one.version or "")
    return found


def fault(stage: str, error: BaseException, secrets: Secrets) -> dict[str, object]:
    """What is told of an exception: its chain, and the files and lines through which it came."""
    frames: list[dict[str, object]] = []
    chain: list[BaseException] = []
    seen: set[int] = set()
    current: BaseException | None = error
    while current is not None and id(current) not in seen and len(chain) < 10:
        seen.add(id(current))
        trace = current.__traceback__
        inner: list[dict[str, object]] = []
        while trace is not None:
            inner.append(
                {
                    "file": clean(trace.tb_frame.f_code.co_filename),
                    "line": int(trace.tb_lineno or 0),
                    "function": clean(trace.tb_frame.f_code.co_name),
                }
            )
            remember_frame(trace.tb_frame, secrets)
            trace = trace.tb_next
        if isinstance(current, SyntaxError) and current.filename:
            inner.append({"file": clean(current.filename), "line": int(current.lineno or 0), "function": "<module>"})
        frames = inner[-60:] + frames if chain else inner[-60:]
        chain.append(current)
        current = current.__cause__ or (None if current.__suppress_context__ else current.__context__)
    return {
        "stage": stage,
        "kind": f"{type(error).__module__}.{type(error).__qualname__}",
        "text": secrets.mask(describe(error)),
        "causes": [secrets.mask(describe(one)) for one in chain[1:]],
        "missing": clean(getattr(error, "name", None) or "") if isinstance(error, ImportError) else "",
        "frames": frames[-120:],
    }


def remember_frame(frame: object, secrets: Secrets) -> None:
    """Secrets that stand in the variables of a frame may be in the exception's text."""
    if not isinstance(frame, FrameType):
        return
    for scope in (frame.f_globals, frame.f_locals):
        for name, value in list(scope.items()):
            # Not isinstance: Django's lazy settings pretend to be what they would become, and load for it.
            if type(name) is str and issubclass(type(value), str) and secrets.named(name):
                secrets.remember(value, name)


def make_directories(request: Request) -> None:
    """Make what a start script of the project would have made."""
    for path in request["directories"]:
        try:
            pathlib.Path(path).mkdir(parents=True, exist_ok=True)
        except OSError:
            continue  # the settings then say what is missing


def places_of(request: Request) -> dict[str, str]:
    """What to call the directories of this process where no sandbox gave them their names.

    Each pair holds a name in hexadecimal, which nothing on the way changes, and the same name as it is here.
    """
    found: dict[str, str] = {}
    for kept, here in request["places"]:
        plain = bytes.fromhex(kept).decode("utf-8")
        if here.endswith(plain):
            found[_quote(here[: -len(plain)])[1:-1]] = ""
        else:
            found[_quote(here)[1:-1]] = _quote(plain)[1:-1]
    found.pop("", None)
    return found


def send_what_loaded(record: Record, settings: Any, request: Request, secrets: Secrets) -> None:
    """The settings, where they loaded and the applications did not: they are what they are all the same."""
    try:
        send_settings(record, settings, request, secrets)
        send_effective(record, settings)
    except (Exception, SystemExit) as error:  # noqa: BLE001 - the project's classes may raise anything
        record.send("fault", **fault("dump", error, secrets))


def work(record: Record, request: Request) -> None:
    """The whole job. Returns when everything that can be told was told."""
    secrets = Secrets(request)
    make_directories(request)
    os.chdir(request["directory"])
    sys.path[0:0] = request["python_path"]
    sys.argv[:] = ["manage.py", "check"]
    os.environ["DJANGO_SETTINGS_MODULE"] = request["settings"]
    stage = "settings"
    settings: Any = None
    try:
        settings = load(request)
        full = request["mode"] == "full"
        if full:
            record.send("distributions", versions=distributions())
        if not full:
            send_settings(record, settings, request, secrets)
            return
        stage = "setup"
        override(settings, request)
        importlib.import_module("django").setup()
        stage = "dump"
        send_settings(record, settings, request, secrets)
        send_effective(record, settings)
    except (Exception, SystemExit) as error:  # noqa: BLE001 - whatever the project raises is the answer
        record.send("fault", **fault(stage, error, secrets))
        if stage == "setup":
            send_what_loaded(record, settings, request, secrets)
        return
    try:
        send_checks(record, request, secrets)
    except (Exception, SystemExit) as error:  # noqa: BLE001 - the same
        record.send("fault", **fault("checks", error, secrets))
    try:
        send_urls(record, settings)
    except (Exception, SystemExit) as error:  # noqa: BLE001 - the same
        record.send("fault", **fault("urls", error, secrets))


def main() -> None:
    """Answer one request."""
    answer = os.dup(1)
    os.dup2(2, 1)
    request = _parse(sys.stdin.buffer.read().decode("utf-8"))
    leave = os._exit
    record = Record(answer, request["nonce"], places_of(request))
    record.send("start", nonce=request["nonce"], version=VERSION, python=platform.python_version())
    work(record, request)
    record.end()
    leave(0)


if __name__ == "__main__":
    main()

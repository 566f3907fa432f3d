"""How settings read the environment: ``os.environ``, ``os.getenv``, django-environ, environs, decouple, own helpers."""

import ast
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace

from scanner.facts.secrets import ValueKind, examine, is_secret_key
from scanner.model import Location

_READER_LIBRARIES = frozenset({"environ", "environs", "decouple", "prettyconf", "starlette.config", "dj_config_url"})
_BOOLEANS = frozenset({"bool", "boolean", "strtobool", "str2bool", "str_to_bool", "to_bool", "as_bool", "parse_bool"})
_TRUE_TEXTS = frozenset({"true", "1", "yes", "on", "t", "y", "false", "0", "no", "off", "f", "n"})
_TYPED = frozenset(
    {
        *(
            "str",
            "bool",
            "int",
            "float",
            "list",
            "json",
            "dict",
            "tuple",
            "url",
            "path",
            "db",
            "db_url",
            "cache",
            "bytes",
        ),
        *("cache_url", "email", "email_url", "search_url", "channels", "channels_url", "dj_db_url", "dj_cache_url"),
        *(
            "dj_email_url",
            "enum",
            "decimal",
            "date",
            "datetime",
            "timedelta",
            "log_level",
            "uuid",
            "unicode",
            "get_value",
        ),
    }
)
MISSING = ast.Constant(value=...)
"""Stands for "no default" (a default of None is a default)."""


@dataclass(frozen=True)
class Read:
    """One expression that reads one variable."""

    variable: str
    required: bool
    """Without the variable the reader raises, or gives None."""
    raises: bool
    cast: str | None = None
    default: ast.expr | None = None


@dataclass(frozen=True)
class EnvironmentRead:
    """One variable that the settings read, and what for."""

    variable: str
    location: Location
    required: bool
    """It has no default."""
    raises: bool
    """Without it the read itself fails."""
    cast: str | None = None
    """``bool``, ``env-bool``, ``int``, ``list``, ``json``, ``db`` …"""
    setting: str | None = None
    """The setting that gets it, nested keys with dots."""
    compared: tuple[str, ...] = ()
    """Texts with which it is compared."""
    default: str | None = None
    """The default, where it is a text, a number or a boolean and no secret."""
    guard: str | None = None
    """Source text of the condition under which it is read at all."""


@dataclass
class Names:
    """What the names of one module mean, as far as readers go."""

    readers: frozenset[str] = frozenset({"env", "environ", "config"})
    """Names that hold a reader object or function of a library."""
    helpers: Mapping[str, ast.FunctionDef] | None = None
    """Functions of the closure that read the environment variable that their first argument names."""
    schemes: Mapping[str, ast.expr] | None = None
    """django-environ's ``Env(DEBUG=(bool, False))``: variable -> its pair."""
    os_names: frozenset[str] = frozenset({"os"})


def dotted(node: ast.AST) -> str:
    """``os.environ.get`` for a chain of names, else empty."""
    parts: list[str] = []
    while isinstance(node, ast.Attribute):
        parts.append(node.attr)
        node = node.value
    if isinstance(node, ast.Name):
        return ".".join([node.id, *reversed(parts)])
    return ""


def text_of(node: ast.AST | None) -> str | None:
    """The text of a string constant."""
    return node.value if isinstance(node, ast.Constant) and isinstance(node.value, str) else None


def keyword(call: ast.Call, *names: str) -> ast.expr | None:
    """The first keyword argument of one of these names."""
    return next((one.value for one in call.keywords if one.arg in names), None)


def is_reading_helper(function: ast.FunctionDef) -> bool:
    """Whether a function reads the variable that its first parameter names."""
    arguments = function.args.args
    if not arguments:
        return False
    first = arguments[0].arg
    for node in ast.walk(function):
        if isinstance(node, ast.Subscript) and dotted(node.value).endswith("environ") and _uses(node.slice, first):
            return True
        if isinstance(node, ast.Call) and node.args and _uses(node.args[0], first):
            name = dotted(node.func)
            if name.endswith(("environ.get", "getenv", "environ.pop", "environ.setdefault")) or name in {
                "env",
                "config",
                "env.str",
                "env.get_value",
            }:
                return True
    return False


def _uses(node: ast.AST, name: str) -> bool:
    return any(isinstance(one, ast.Name) and one.id == name for one in ast.walk(node))


def read_of(node: ast.AST, names: Names) -> Read | None:
    """The environment read that an expression itself is; None where it is something else."""
    if isinstance(node, ast.Subscript):
        variable = text_of(node.slice)
        base = dotted(node.value)
        if variable and (base in {"os.environ", "environ"} or base in names.readers):
            return Read(variable, required=True, raises=True)
        return None
    if not isinstance(node, ast.Call):
        return None
    return _plain_call(node, names) or _library_call(node, names) or _helper_call(node, names)


def _plain_call(node: ast.Call, names: Names) -> Read | None:
    name = dotted(node.func)
    known = ("os.environ.get", "environ.get", "os.getenv", "getenv", "os.environ.pop", "os.environ.setdefault")
    variable = text_of(node.args[0]) if node.args else text_of(keyword(node, "key"))
    if name in known and variable:
        default = node.args[1] if len(node.args) > 1 else keyword(node, "default")
        return Read(variable, required=default is None, raises=False, default=default)
    if name.endswith(".config") and "database_url" in name:
        default = keyword(node, "default")
        chosen = text_of(node.args[0]) if node.args else text_of(keyword(node, "env"))
        return Read(chosen or "DATABASE_URL", required=default is None, raises=False, cast="db", default=default)
    del names
    return None


def _library_call(node: ast.Call, names: Names) -> Read | None:
    """``env("X", default=…)``, ``env.bool("X")``, ``config("X", cast=bool)``."""
    whole = dotted(node.func)
    base, _, method = whole.rpartition(".")
    if whole in names.readers:
        cast = None
    elif base in names.readers and (method in _TYPED or method in {"get", "__call__"}):
        cast = method
    else:
        return None
    variable = text_of(node.args[0]) if node.args else text_of(keyword(node, "var", "name", "option"))
    implied = {"db": "DATABASE_URL", "db_url": "DATABASE_URL", "cache": "CACHE_URL", "cache_url": "CACHE_URL"}
    implied |= {"email_url": "EMAIL_URL", "email": "EMAIL_URL", "search_url": "SEARCH_URL"}
    if not variable and cast in implied and not node.args:
        variable = implied[cast]
    if not variable:
        return None
    default, kind = _default_and_cast(node, cast, names.schemes or {}, variable)
    if method == "get" and base in names.readers and default is None:
        return Read(variable, required=True, raises=False)
    return Read(variable, required=default is None, raises=default is None, cast=kind, default=default)


def _default_and_cast(
    node: ast.Call, method: str | None, schemes: Mapping[str, ast.expr], variable: str
) -> tuple[ast.expr | None, str | None]:
    """The default of a library's reader and how it converts."""
    default = keyword(node, "default")
    cast = method
    positional = _looks_like_cast(node.args[1:2]) and method is None
    if default is None:
        place = 2 if positional else 1
        default = node.args[place] if len(node.args) > place else None
    given = keyword(node, "cast", "subcast") or (node.args[1] if positional else None)
    if given is not None and method != "list":
        cast = _cast_name(given)
    scheme = schemes.get(variable)
    if isinstance(scheme, ast.Tuple) and len(scheme.elts) == 2:
        cast, default = cast or _cast_name(scheme.elts[0]), default or scheme.elts[1]
    elif scheme is not None:
        cast = cast or _cast_name(scheme)
    return default, "env-bool" if cast in _BOOLEANS else cast


def _looks_like_cast(nodes: list[ast.expr]) -> bool:
    return bool(nodes) and isinstance(nodes[0], ast.Name) and nodes[0].id in {"bool", "int", "str", "list", "float"}


def _cast_name(node: ast.expr) -> str:
    if isinstance(node, ast.Call):
        name = dotted(node.func)
        return "list" if name.endswith("Csv") else name
    if isinstance(node, ast.List | ast.Tuple):
        return "list"
    return dotted(node) or "callable"


def _helper_call(node: ast.Call, names: Names) -> Read | None:
    """A call of the project's own function around the environment."""
    name = dotted(node.func)
    helper = (names.helpers or {}).get(name.rpartition(".")[2])
    variable = text_of(node.args[0]) if node.args else None
    if helper is None or not variable:
        return None
    default = keyword(node, "default", "default_value", "fallback") or (node.args[1] if len(node.args) > 1 else None)
    own = helper.args.defaults
    required = default is None and not own
    cast = "env-bool" if any(word in helper.name.lower() for word in ("bool", "flag", "switch")) else None
    if cast is None and "list" in helper.name.lower():
        cast = "list"
    if cast is None and helper.name.lower().endswith("int"):
        cast = "int"
    return Read(variable, required=required, raises=required, cast=cast, default=default)


def wrapped(node: ast.expr, names: Names) -> Read | None:
    """The read under the usual conversions: ``bool(…)``, ``int(…)``, ``….split(",")``, ``… == "True"``, ``… or x``."""
    direct = read_of(node, names)
    if direct:
        return direct
    match node:
        case ast.Call(func=ast.Name(id="bool" | "int" | "float" | "str" | "Path" as name), args=[inner, *_]):
            found = wrapped(inner, names)
            if not found or name in {"str", "Path"}:
                return replace(found, required=False) if found and name == "str" and not found.raises else found
            return replace(found, cast=found.cast if found.cast in {"env-bool", "int"} and name == "bool" else name)
        case ast.Call(func=func, args=[inner, *_]) if dotted(func).rpartition(".")[2] in _BOOLEANS:
            found = wrapped(inner, names)
            return replace(found, cast="env-bool") if found else None
        case ast.Call(func=func, args=[inner, *_]) if dotted(func) in {"json.loads", "ast.literal_eval"}:
            found = wrapped(inner, names)
            return replace(found, cast="json") if found else None
        case ast.Call(func=ast.Attribute(value=inner, attr=attr)):
            found = wrapped(inner, names)
            return replace(found, cast="list") if found and attr == "split" else found
        case ast.Compare(left=left, comparators=[right]):
            return _compared(left, right, names)
        case ast.BoolOp(op=ast.Or(), values=[first, *rest]):
            found = wrapped(first, names)
            return replace(found, required=False, default=found.default or rest[-1]) if found else None
        case (
            ast.ListComp(generators=[ast.comprehension(iter=inner), *_])
            | ast.GeneratorExp(generators=[ast.comprehension(iter=inner), *_])
        ):
            found = wrapped(inner, names)
            return replace(found, cast="list") if found else None
        case _:
            return None


def _compared(left: ast.expr, right: ast.expr, names: Names) -> Read | None:
    found = wrapped(left, names)
    if not found:
        return None
    texts = {text.lower() for text in compared_texts(right)}
    numbers = isinstance(right, ast.Constant) and right.value in {0, 1}
    return replace(found, cast="env-bool") if texts & _TRUE_TEXTS or numbers else replace(found, cast="compare")


def compared_texts(node: ast.expr) -> tuple[str, ...]:
    """The text constants of a comparison's right side."""
    return tuple(one.value for one in ast.walk(node) if isinstance(one, ast.Constant) and isinstance(one.value, str))


def reads_in(node: ast.AST, names: Names) -> Iterator[tuple[ast.expr, Read]]:
    """Every read anywhere below a node."""
    for one in ast.walk(node):
        if isinstance(one, ast.Subscript | ast.Call) and not isinstance(getattr(one, "ctx", None), ast.Store):
            found = read_of(one, names)
            if found:
                yield one, found


def harmless_text(key: str, node: ast.expr | None) -> str | None:
    """A default's or literal's source text, where it is no secret under that key."""
    if node is None:
        return None
    for one in ast.walk(node):
        if isinstance(one, ast.Constant) and isinstance(one.value, str | bytes):
            text = one.value if isinstance(one.value, str) else one.value.decode("utf-8", "replace")
            if is_secret_key(key) or examine(key, text).kind is ValueKind.SECRET:
                return None
    source = ast.unparse(node)
    return source if len(source) <= 200 else None


def is_reader_import(module: str) -> bool:
    """Whether a module is a library whose objects read the environment."""
    return module in _READER_LIBRARIES

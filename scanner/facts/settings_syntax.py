"""What a statement of a settings module assigns, compares and converts."""

import ast
import re
from collections.abc import Iterator

from scanner.facts.environment_readers import Names, Read, compared_texts, text_of, wrapped
from scanner.facts.secrets import Seen, ValueKind, examine, is_secret_key

_DOTTED_PATH = re.compile(r"[a-z_][a-z0-9_]*(?:\.[a-z_][a-z0-9_]*)*\.[A-Za-z_]\w*")
_URL_PATH = re.compile(r"(?:/[a-z0-9_{}<>:-]+)+/?")
_RATE = re.compile(r"\d+/[a-z0-9/,.]+")
_IDENTIFIER = re.compile(r"[a-z]+(?:_[a-z]+)+|[A-Z]+(?:_[A-Z]+)+")
_NO_SECRETS = (_DOTTED_PATH, _URL_PATH, _RATE, _IDENTIFIER)
_LONGEST_PATH = 200


def is_ellipsis(node: ast.expr) -> bool:
    """Whether it is ``...``."""
    return isinstance(node, ast.Constant) and node.value is ...


def pydantic_cast(annotation: str) -> str | None:
    """How a field of that annotation reads its text."""
    low = annotation.lower()
    for word, cast in (("bool", "env-bool"), ("int", "int"), ("float", "float"), ("list", "json"), ("dict", "json")):
        if word in low:
            return cast
    return "url" if "url" in low or "dsn" in low else None


def is_literal(value: ast.expr) -> bool:
    """Whether an expression is made of constants alone."""
    try:
        ast.literal_eval(value)
    except (ValueError, TypeError, SyntaxError, MemoryError, RecursionError):
        return False
    return True


def target_name(target: ast.expr) -> str:
    """``DATABASES.default.PASSWORD`` for a chain of text subscripts on a name; empty for anything else."""
    parts: list[str] = []
    while isinstance(target, ast.Subscript):
        key = text_of(target.slice)
        if key is None:
            return ""
        parts.append(key)
        target = target.value
    if not isinstance(target, ast.Name):
        return ""
    return ".".join([target.id, *reversed(parts)])


def seen_under(name: str, text: str) -> Seen:
    """What a text under a setting's name looks like. The path of a class or a page, a rate or a name is no secret."""
    if len(text) <= _LONGEST_PATH and any(one.fullmatch(text) for one in _NO_SECRETS):
        return Seen(ValueKind.PLAIN, len(text), None)
    return examine(name, text)


def parts(name: str, value: ast.expr) -> Iterator[tuple[str, ast.expr]]:
    """The items of a literal dict by their nested names; of a list, where its name is secret-shaped."""
    match value:
        case ast.Dict(keys=keys, values=values):
            for key, item in zip(keys, values, strict=True):
                word = text_of(key)
                if word is not None:
                    yield f"{name}.{word}", item
        case ast.Call(func=ast.Name(id="dict"), keywords=keywords):
            for one in keywords:
                if one.arg:
                    yield f"{name}.{one.arg}", one.value
        case ast.List(elts=items) | ast.Tuple(elts=items) if is_secret_key(name):
            for at, item in enumerate(items):
                yield f"{name}[{at}]", item


def setting_of(node: ast.stmt) -> str | None:
    """The setting that a statement assigns."""
    match node:
        case ast.Assign(targets=[target, *_]) | ast.AnnAssign(target=target) | ast.AugAssign(target=target):
            return target_name(target) or None
        case _:
            return None


def comparisons(node: ast.AST) -> dict[str, tuple[str, ...]]:
    """By the dump of a compared expression (and what it is made from): the texts that it is compared with."""
    found: dict[str, tuple[str, ...]] = {}
    for one in ast.walk(node):
        if isinstance(one, ast.Compare):
            words = tuple(text for right in one.comparators for text in compared_texts(right))
            for inner in ast.walk(one.left):
                if isinstance(inner, ast.Call | ast.Subscript):
                    found[ast.dump(inner)] = words
    return found


def conversion(node: ast.AST, expression: ast.expr, names: Names) -> Read | None:
    """The outermost usual conversion that holds an expression."""
    for one in _around(node, expression):
        found = wrapped(one, names) if isinstance(one, ast.expr) else None
        if found:
            return found
    return None


def _around(node: ast.AST, expression: ast.expr) -> list[ast.AST]:
    """What holds an expression, from ``node`` inwards."""
    parents = {id(child): one for one in ast.walk(node) for child in ast.iter_child_nodes(one)}
    found: list[ast.AST] = []
    parent = parents.get(id(expression))
    while parent is not None:
        found.append(parent)
        parent = parents.get(id(parent)) if parent is not node else None
    return found[::-1]

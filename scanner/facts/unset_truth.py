"""What an expression over the environment comes to while its variables are not set."""

import ast
from dataclasses import dataclass

from scanner.facts.environment_readers import Names, read_of, reads_in

_TRUE = frozenset({"true", "1", "yes", "on", "t", "y"})
_BOOLEAN_CASTS = frozenset({"bool", "strtobool", "str2bool", "str_to_bool", "to_bool"})
_KEPT = frozenset({"lower", "upper", "strip", "casefold", "title"})


@dataclass(frozen=True)
class _Known:
    """A value; a missing object where nobody can tell."""

    value: object


def truth_when_unset(node: ast.expr, names: Names) -> bool | None:
    """Whether the expression is true then; None where it reads no variable, raises, or cannot be told."""
    if next(reads_in(node, names), None) is None:
        return None
    found = _value(node, names, 0)
    return None if found is None else bool(found.value)


def _value(node: ast.expr, names: Names, depth: int) -> _Known | None:
    if depth > 20:
        return None
    read = read_of(node, names)
    if read is not None:
        if read.raises:
            return None
        if read.default is None:
            return _Known(None)
        default = _value(read.default, names, depth + 1)
        text = default.value if default else None
        return _Known(text.strip().lower() in _TRUE) if read.cast == "env-bool" and isinstance(text, str) else default
    match node:
        case ast.UnaryOp(op=ast.Not(), operand=inner):
            found = _value(inner, names, depth + 1)
            return None if found is None else _Known(not found.value)
        case ast.BoolOp(op=op, values=values):
            return _either([_value(one, names, depth + 1) for one in values], wants=isinstance(op, ast.Or))
        case ast.Compare(left=left, ops=[op], comparators=[right]):
            return _compared(_value(left, names, depth + 1), op, _value(right, names, depth + 1))
        case ast.Call():
            return _called(node, names, depth)
        case _:
            return _literal(node)


def _literal(node: ast.expr) -> _Known | None:
    try:
        return _Known(ast.literal_eval(node))
    except (ValueError, TypeError, SyntaxError, MemoryError, RecursionError):
        return None


def _either(values: list[_Known | None], *, wants: bool) -> _Known | None:
    """``or`` (``wants`` is true) and ``and``: the first value that decides, where all before it are known."""
    for one in values:
        if one is None or bool(one.value) is wants:
            return one
    return values[-1]


def _compared(left: _Known | None, operator: ast.cmpop, right: _Known | None) -> _Known | None:
    if left is None or right is None:
        return None
    match operator:
        case ast.Eq() | ast.Is():
            return _Known(left.value == right.value)
        case ast.NotEq() | ast.IsNot():
            return _Known(left.value != right.value)
        case ast.In() | ast.NotIn() if isinstance(right.value, list | tuple | set):
            return _Known((left.value in list(right.value)) is isinstance(operator, ast.In))
        case _:
            return None


def _called(node: ast.Call, names: Names, depth: int) -> _Known | None:
    """``bool(…)``, ``int(…)``, ``strtobool(…)`` and ``….lower()`` of something known."""
    match node:
        case ast.Call(func=ast.Name(id=name) | ast.Attribute(attr=name), args=[inner], keywords=[]):
            found = _value(inner, names, depth + 1)
            if found is None:
                return None
            if name == "bool":
                return _Known(bool(found.value))
            if name in _BOOLEAN_CASTS and isinstance(found.value, str):
                return _Known(found.value.strip().lower() in _TRUE)
            if name == "int" and isinstance(found.value, str) and found.value.strip().isdecimal():
                return _Known(int(found.value))
            return found if name in {"int", "str"} and isinstance(found.value, int | str) else None
        case ast.Call(func=ast.Attribute(value=inner, attr=name), args=[], keywords=[]) if name in _KEPT:
            found = _value(inner, names, depth + 1)
            if found is None or not isinstance(found.value, str):
                return None  # None has no such method: it raises
            return _Known(getattr(found.value, name)())
        case _:
            return None

"""``gunicorn.conf.py`` read as a syntax tree: only literals and plain reads of the environment are known."""

import ast
from collections.abc import Mapping
from dataclasses import dataclass

from scanner.model import Location, Unknown

_MAX_DEPTH = 30
Known = str | int | bool | tuple[str, ...] | None


@dataclass(frozen=True)
class ConfigValue:
    """A setting's value and where it is set."""

    value: Known | Unknown
    location: Location


class _Undecided(Exception):
    """The value cannot be told without running the file."""


@dataclass
class _Reader:
    path: str
    environment: Mapping[str, str | None]
    names: dict[str, Known | Unknown]

    def value(self, node: ast.expr, depth: int = 0) -> Known:
        if depth > _MAX_DEPTH:
            raise _Undecided
        match node:
            case ast.Constant(value=str() | int() | bool() | None as plain):
                return plain
            case ast.Name(id=name):
                known = self.names.get(name, Unknown("a name"))
                if isinstance(known, Unknown):
                    raise _Undecided
                return known
            case ast.List(elts=elements) | ast.Tuple(elts=elements):
                return tuple(str(self.value(one, depth + 1)) for one in elements)
            case ast.Subscript(value=ast.Attribute(attr="environ"), slice=ast.Constant(value=str() as name)):
                return self._variable(name)
            case ast.Call():
                return self._call(node, depth)
            case _:
                return self._combined(node, depth)

    def _combined(self, node: ast.expr, depth: int) -> Known:
        match node:
            case ast.JoinedStr(values=parts):
                return "".join(str(self.value(part, depth + 1)) for part in parts)
            case ast.FormattedValue(value=inner, conversion=-1, format_spec=None):
                return self.value(inner, depth + 1)
            case ast.BinOp(left=left, op=ast.Add(), right=right):
                return self._added(self.value(left, depth + 1), self.value(right, depth + 1))
            case ast.BoolOp(op=ast.Or(), values=values):
                found: Known = None
                for one in values:
                    found = self.value(one, depth + 1)
                    if found:
                        break
                return found
            case _:
                raise _Undecided

    @staticmethod
    def _added(left: Known, right: Known) -> Known:
        if isinstance(left, str) and isinstance(right, str):
            return left + right
        if isinstance(left, int) and isinstance(right, int):
            return left + right
        if isinstance(left, tuple) and isinstance(right, tuple):
            return left + right
        raise _Undecided

    def _variable(self, name: str, default: ast.expr | None = None, depth: int = 0) -> Known:
        if name in self.environment:
            known = self.environment[name]
            if known is None:
                raise _Undecided
            return known
        if default is None:
            raise _Undecided
        return self.value(default, depth + 1)

    def _call(self, node: ast.Call, depth: int) -> Known:
        match node:
            case ast.Call(
                func=ast.Attribute(attr="getenv" | "get"), args=[ast.Constant(value=str() as name), *rest]
            ) if _reads_environment(node.func):
                default = rest[0] if rest else next((one.value for one in node.keywords if one.arg == "default"), None)
                if default is None and name not in self.environment:
                    return None
                return self._variable(name, default, depth)
            case ast.Call(func=ast.Name(id="str"), args=[inner]):
                return str(self.value(inner, depth + 1))
            case ast.Call(func=ast.Name(id="int"), args=[inner]):
                try:
                    return int(str(self.value(inner, depth + 1)))
                except ValueError:
                    raise _Undecided from None
            case _:
                raise _Undecided


def _reads_environment(function: ast.expr) -> bool:
    match function:
        case ast.Attribute(attr="getenv", value=ast.Name(id="os")):
            return True
        case ast.Attribute(attr="get", value=ast.Attribute(attr="environ") | ast.Name(id="environ")):
            return True
        case _:
            return False


def read_gunicorn_config(path: str, text: str, environment: Mapping[str, str | None]) -> dict[str, ConfigValue]:
    """The settings that the file's module level assigns; Unknown where only running it would tell.

    ``environment``: variables that are set, None for those whose value is not known. Raises SyntaxError, ValueError or
    RecursionError for what is no Python.
    """
    tree = ast.parse(text)
    reader = _Reader(path, environment, {})
    found: dict[str, ConfigValue] = {}
    for statement in tree.body:
        match statement:
            case ast.Assign(targets=targets, value=value):
                names = [target.id for target in targets if isinstance(target, ast.Name)]
            case ast.AnnAssign(target=ast.Name(id=name), value=ast.expr() as value):
                names = [name]
            case ast.If() | ast.Try() | ast.With() | ast.For() | ast.While():
                _forget(reader, found, statement)
                continue
            case _:
                continue
        place = Location(path, statement.lineno, statement.col_offset + 1)
        known: Known | Unknown
        try:
            known = reader.value(value)
        except _Undecided:
            known = Unknown(f"{', '.join(names)} is computed", place)
        for name in names:
            reader.names[name] = known
            found[name] = ConfigValue(known, place)
    return found


def _forget(reader: _Reader, found: dict[str, ConfigValue], statement: ast.stmt) -> None:
    """What a branch may assign is unknown after it."""
    for inner in ast.walk(statement):
        if isinstance(inner, ast.Assign):
            for target in inner.targets:
                if isinstance(target, ast.Name):
                    place = Location(reader.path, inner.lineno, inner.col_offset + 1)
                    undecided = Unknown(f"{target.id} is set under a condition", place)
                    reader.names[target.id] = undecided
                    found[target.id] = ConfigValue(undecided, place)

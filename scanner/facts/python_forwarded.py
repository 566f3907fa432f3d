"""Where Python code reads a header that proxies write, and which item of its list it takes."""

import ast
import enum
import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from scanner.facts.python_syntax import Parents, argument, dotted_name, last_name, nodes, parents_of, place_of, text_in
from scanner.model import Location

_HEADER: Final = re.compile(
    r"(?i)(HTTP_)?(X[-_]FORWARDED[-_]\w+|X[-_]REAL[-_]IP|FORWARDED|(X[-_]|TRUE[-_]|X[-_]CLUSTER[-_])?CLIENT[-_]IP"
    r"|CF[-_]CONNECTING[-_]IP|FASTLY[-_]CLIENT[-_]IP)"
)
_OWNERS: Final = frozenset({"META", "headers", "environ", "meta", "environment"})
_SAME_TEXT: Final = frozenset({"strip", "lower", "upper", "replace", "lstrip", "rstrip", "removeprefix"})
_SAME_LIST: Final = frozenset({"list", "tuple", "map", "filter", "iter"})
_FARTHEST: Final = 30


class ItemTaken(enum.StrEnum):
    """Which item of a header's list the code takes."""

    FIRST = "first"
    """The leftmost: the client's own word where a proxy appends."""
    LAST = "last"
    COUNTED = "counted"
    """By another index, a slice or in a loop."""
    WHOLE = "whole"
    """The header as it is."""


_RANK: Final = {one: number for number, one in enumerate(ItemTaken)}


@dataclass(frozen=True)
class ForwardedRead:
    """One read of such a header."""

    header: str
    """On the wire: ``X-Forwarded-For``."""
    item: ItemTaken
    location: Location
    function: str
    """The function that reads it; empty at a module's top level."""
    reader: str = ""
    """``django-ipware`` where a package reads it for the code; empty for the code itself."""


def forwarded_reads(tree: ast.Module, path: str) -> Iterator[ForwardedRead]:
    """All reads in a module."""
    parents = parents_of(tree)
    for node in ast.walk(tree):
        if not isinstance(node, ast.Subscript | ast.Call):
            continue
        header = _header_read(node)
        if header:
            item = _text_taken(node, parents, _FARTHEST)
            yield ForwardedRead(wire(header), item, place_of(node, path), _function(node, parents))
    yield from _ipware(tree, path, parents)


def wire(name: str) -> str:
    """``HTTP_X_FORWARDED_FOR`` and ``x-forwarded-for`` as ``X-Forwarded-For``; ``IP`` stays in capitals."""
    words = re.split("[-_]", re.sub("(?i)^HTTP_", "", name))
    return "-".join("IP" if word.upper() == "IP" else word.capitalize() for word in words)


def _header_read(node: ast.Subscript | ast.Call) -> str | None:
    match node:
        case ast.Subscript(value=owner, slice=key, ctx=ast.Load()):
            pass
        case ast.Call(func=ast.Attribute(value=owner, attr="get"), args=[key, *_]):
            pass
        case _:
            return None
    name = text_in(key)
    if name is None or last_name(owner) not in _OWNERS or not _HEADER.fullmatch(name):
        return None
    return name


def _function(node: ast.AST, parents: Parents) -> str:
    scope = _scope(node, parents)
    return scope.name if isinstance(scope, ast.FunctionDef | ast.AsyncFunctionDef) else ""


def _scope(node: ast.AST, parents: Parents) -> ast.AST:
    current = node
    while current in parents:
        current = parents[current]
        if isinstance(current, ast.FunctionDef | ast.AsyncFunctionDef | ast.Module):
            break
    return current


def _text_taken(node: ast.AST, parents: Parents, left: int) -> ItemTaken:
    """What becomes of a text that holds the header."""
    parent = parents.get(node)
    if left <= 0 or parent is None:
        return ItemTaken.WHOLE
    match parent:
        case ast.Attribute(attr=attr) if attr in {"split", "rsplit", "partition", "rpartition"}:
            return _list_taken(parents.get(parent, parent), parents, left - 1)
        case ast.Attribute(attr=attr) if attr in _SAME_TEXT:
            return _text_taken(parents.get(parent, parent), parents, left - 1)
        case ast.BoolOp() | ast.IfExp() | ast.Await():
            return ItemTaken.WHOLE if _is_test(parent, node) else _text_taken(parent, parents, left - 1)
        case ast.Call(func=ast.Name(id="str")):
            return _text_taken(parent, parents, left - 1)
        case ast.Call(func=function, args=[pattern, second, *_]) if last_name(function) == "split" and second is node:
            return _list_taken(parent, parents, left - 1) if pattern is not node else ItemTaken.WHOLE
        case ast.NamedExpr(target=ast.Name(id=name)) | ast.AnnAssign(target=ast.Name(id=name)):
            return _uses(name, parent, parents, left, is_list=False)
        case ast.Assign(targets=[ast.Name(id=name)]):
            return _uses(name, parent, parents, left, is_list=False)
        case _:
            return ItemTaken.WHOLE


def _list_taken(node: ast.AST, parents: Parents, left: int) -> ItemTaken:
    """What becomes of the list that a header's text was split into."""
    parent = parents.get(node)
    if left <= 0 or parent is None:
        return ItemTaken.WHOLE
    match parent:
        case ast.Subscript(slice=index) if index is not node:
            return _indexed(index)
        case ast.Attribute(attr="pop"):
            call = parents.get(parent)
            first = isinstance(call, ast.Call) and bool(call.args)
            return _indexed(call.args[0]) if first and isinstance(call, ast.Call) else ItemTaken.LAST
        case ast.comprehension(target=_):
            made = parents.get(parent)
            return (
                _list_taken(made, parents, left - 1)
                if isinstance(made, ast.ListComp | ast.GeneratorExp)
                else (ItemTaken.COUNTED)
            )
        case ast.Call(func=ast.Name(id="next")):
            return ItemTaken.FIRST
        case ast.Call(func=ast.Name(id=name)) if name in _SAME_LIST:
            return _list_taken(parent, parents, left - 1)
        case ast.Assign(targets=[ast.Name(id=name)]) | ast.AnnAssign(target=ast.Name(id=name)):
            return _uses(name, parent, parents, left, is_list=True)
        case ast.Assign(targets=[ast.Tuple() | ast.List()]):
            return ItemTaken.FIRST
        case ast.BoolOp() | ast.IfExp() if not _is_test(parent, node):
            return _list_taken(parent, parents, left - 1)
        case _:
            return ItemTaken.COUNTED


def _is_test(parent: ast.AST, node: ast.AST) -> bool:
    return isinstance(parent, ast.IfExp) and parent.test is node


def _indexed(index: ast.AST) -> ItemTaken:
    match index:
        case ast.Constant(value=0):
            return ItemTaken.FIRST
        case ast.UnaryOp(op=ast.USub(), operand=ast.Constant(value=1)):
            return ItemTaken.LAST
        case _:
            return ItemTaken.COUNTED


def _uses(name: str, assigned: ast.AST, parents: Parents, left: int, *, is_list: bool) -> ItemTaken:
    """How a variable of the same function is used after it was assigned; the first item outweighs the others."""
    taken = _list_taken if is_list else _text_taken
    line = getattr(assigned, "lineno", 0)
    found = [
        taken(use, parents, left // 2)
        for use in nodes(_scope(assigned, parents), ast.Name)
        if use.id == name and isinstance(use.ctx, ast.Load) and use.lineno >= line
    ]
    split: list[ItemTaken] = [one for one in found if one is not ItemTaken.WHOLE]
    return min(split or [ItemTaken.COUNTED if is_list else ItemTaken.WHOLE], key=_RANK.__getitem__)


def _ipware(tree: ast.Module, path: str, parents: Parents) -> Iterator[ForwardedRead]:
    """https://github.com/un33k/django-ipware: the leftmost public address, unless proxies are counted or named."""
    imported = any(
        (isinstance(one, ast.ImportFrom) and (one.module or "").startswith("ipware"))
        or (isinstance(one, ast.Import) and any(alias.name.startswith("ipware") for alias in one.names))
        for one in ast.walk(tree)
    )
    if not imported:
        return
    for call in nodes(tree, ast.Call):
        if last_name(call.func) not in {"get_client_ip", "get_ip", "get_real_ip", "get_trusted_ip"}:
            continue
        if dotted_name(call.func).startswith("self."):
            continue
        bounded = (
            any(
                argument(call, -1, name) is not None for name in ("proxy_count", "proxy_trusted_ips", "trusted_proxies")
            )
            or last_name(call.func) == "get_trusted_ip"
        )
        order = text_in(argument(call, -1, "proxy_order"))
        item = ItemTaken.COUNTED if bounded or order == "right-most" else ItemTaken.FIRST
        yield ForwardedRead(
            "X-Forwarded-For", item, place_of(call, path), _function(call, parents), reader="django-ipware"
        )

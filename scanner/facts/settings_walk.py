"""The assignments of a settings module in the order in which they run, through star imports and includes."""

import ast
from dataclasses import dataclass, field, replace
from pathlib import PurePosixPath

from scanner.facts.environment_readers import (
    EnvironmentRead,
    Names,
    Read,
    dotted,
    harmless_text,
    is_reader_import,
    is_reading_helper,
    keyword,
    reads_in,
    text_of,
    wrapped,
)
from scanner.facts.python_modules import Modules, Unparsed
from scanner.facts.settings_origin import Assignment, Origin
from scanner.facts.settings_syntax import (
    comparisons,
    conversion,
    is_ellipsis,
    is_literal,
    parts,
    pydantic_cast,
    seen_under,
    setting_of,
    target_name,
)
from scanner.facts.unset_truth import truth_when_unset
from scanner.model import Location

MOST_FILES = 60
_MUTATORS = frozenset({"append", "extend", "insert", "update", "remove", "setdefault", "pop", "add"})
_DEEPEST = 4
_PLAIN = (ast.Assign, ast.AnnAssign, ast.AugAssign, ast.Expr, ast.ClassDef)


@dataclass(frozen=True)
class _Known:
    """What a name held when it was last assigned, as far as the source tells."""

    origin: Origin
    read: Read | None
    value: ast.expr | None


@dataclass
class Walk:
    """The walk over one settings module. Ask ``module`` once, then read the lists."""

    modules: Modules
    configuration: str | None = None
    """The class of django-configurations that is production's."""
    files: list[str] = field(default_factory=list)
    assignments: dict[str, list[Assignment]] = field(default_factory=dict)
    reads: list[EnvironmentRead] = field(default_factory=list)
    unreadable: list[str] = field(default_factory=list)
    _known: dict[str, _Known] = field(default_factory=dict)
    _helpers: dict[str, ast.FunctionDef] = field(default_factory=dict)
    _readers: set[str] = field(default_factory=lambda: {"env", "config"})
    _schemes: dict[str, ast.expr] = field(default_factory=dict)
    _entered: set[str] = field(default_factory=set)
    _seen_reads: set[tuple[str, int, int]] = field(default_factory=set)

    @property
    def names(self) -> Names:
        """What is known of readers by now."""
        return Names(frozenset(self._readers), self._helpers, self._schemes)

    def module(self, path: str) -> None:
        """Walk one file, and before each of its lines what that line includes."""
        if path in self._entered or len(self._entered) >= MOST_FILES:
            return
        self._entered.add(path)
        tree = self.modules.tree(path)
        if isinstance(tree, Unparsed):
            self.unreadable.append(f"{tree.path}: {tree.why}")
            return
        package = str(PurePosixPath(path).parent / "__init__.py")
        if package != path and self.modules.project.exists(package):
            self._side(package)
        for node in ast.walk(tree):
            if isinstance(node, ast.FunctionDef) and is_reading_helper(node):
                self._helpers.setdefault(node.name, node)
        self._body(tree.body, path, None)
        self.files.append(path)

    def _side(self, path: str) -> None:
        """A module that is imported, but whose names are not all taken: only its environment reads count."""
        if path in self._entered or len(self._entered) >= MOST_FILES:
            return
        self._entered.add(path)
        tree = self.modules.tree(path)
        if isinstance(tree, Unparsed):
            self.unreadable.append(f"{tree.path}: {tree.why}")
            return
        for node in ast.walk(tree):
            if isinstance(node, ast.FunctionDef) and is_reading_helper(node):
                self._helpers.setdefault(node.name, node)
        for statement in tree.body:
            if isinstance(statement, ast.Import | ast.ImportFrom):
                self._import(statement, path, None)
            elif not isinstance(statement, ast.FunctionDef | ast.AsyncFunctionDef):
                self._note_readers(statement)
                self._note_reads(statement, path, None, None if isinstance(statement, _PLAIN) else "a branch")
                if isinstance(statement, ast.ClassDef):
                    self._pydantic(statement, path)

    def _body(self, body: list[ast.stmt], path: str, guard: str | None) -> None:
        for node in body:
            match node:
                case ast.Import() | ast.ImportFrom():
                    self._import(node, path, guard)
                case ast.If(test=test, body=inner, orelse=other):
                    self._note_reads(test, path, None, guard)
                    said = ast.unparse(test)[:200]
                    self._body(inner, path, said if guard is None else f"{guard} and {said}")
                    self._body(other, path, f"not ({said})" if guard is None else f"{guard} and not ({said})")
                case ast.Try(body=inner, handlers=handlers, orelse=other, finalbody=final):
                    self._body(inner, path, guard)
                    for handler in handlers:
                        self._body(handler.body, path, "except" if guard is None else f"{guard}, except")
                    self._body([*other, *final], path, guard)
                case ast.With(body=inner) | ast.For(body=inner) | ast.While(body=inner):
                    self._body(inner, path, guard)
                case ast.ClassDef():
                    self._class(node, path, guard)
                case ast.FunctionDef() | ast.AsyncFunctionDef():
                    pass
                case _:
                    self._statement(node, path, guard)

    def _class(self, node: ast.ClassDef, path: str, guard: str | None) -> None:
        """A class of django-configurations is a settings module of its own; pydantic's reads its fields."""
        self._pydantic(node, path)
        if self.configuration and self._chain(node.name, path) and guard is None:
            self._body(node.body, path, None)
        else:
            for one in node.body:
                self._note_reads(one, path, None, guard)

    def _chain(self, name: str, path: str) -> bool:
        """Whether the chosen configuration is that class or derives from it, in this file."""
        tree = self.modules.tree(path)
        bases = {
            one.name: [dotted(base).rpartition(".")[2] for base in one.bases]
            for one in (tree.body if isinstance(tree, ast.Module) else ())
            if isinstance(one, ast.ClassDef)
        }
        pending, seen = [self.configuration or ""], set()
        while pending:
            current = pending.pop()
            if current not in seen:
                seen.add(current)
                pending.extend(bases.get(current, []))
        return name in seen or (self.configuration not in bases and name != self.configuration)

    def _pydantic(self, node: ast.ClassDef, path: str) -> None:
        if not any(dotted(base).rpartition(".")[2].endswith("Settings") for base in node.bases):
            return
        prefix = ""
        for one in ast.walk(node):
            if isinstance(one, ast.Call | ast.ClassDef):
                found = keyword(one, "env_prefix") if isinstance(one, ast.Call) else None
                prefix = text_of(found) or prefix
            if isinstance(one, ast.Assign) and any(dotted(t) == "env_prefix" for t in one.targets):
                prefix = text_of(one.value) or prefix
        for one in node.body:
            if isinstance(one, ast.AnnAssign) and isinstance(one.target, ast.Name):
                kind = ast.unparse(one.annotation)
                variable = f"{prefix}{one.target.id}".upper()
                required = one.value is None or (
                    isinstance(one.value, ast.Call)
                    and (one.value.args[:1] == [] or is_ellipsis(one.value.args[0]))
                    and keyword(one.value, "default", "default_factory") is None
                )
                place = Location(path, one.lineno, one.col_offset + 1)
                self.reads.append(EnvironmentRead(variable, place, required, required, cast=pydantic_cast(kind)))

    def _import(self, node: ast.Import | ast.ImportFrom, path: str, guard: str | None) -> None:
        if isinstance(node, ast.Import):
            self._imported([self.modules.find(alias.name) for alias in node.names])
            return
        name = node.module or ""
        names = [alias.name for alias in node.names]
        if is_reader_import(name):
            self._readers.update(alias.asname or alias.name for alias in node.names if alias.name in {"config", "env"})
        target = self._target(node.level, name, path)
        if "*" in names:
            self._star(target, guard)
            return
        upper = frozenset(one for one in names if one.isupper())
        if target and upper and target not in self._entered:
            self._taken(target, upper)
        self._imported([target, *(self._target(node.level, f"{name}.{one}".lstrip("."), path) for one in names)])

    def _imported(self, paths: list[str | None]) -> None:
        for path in paths:
            if path:
                self._side(path)

    def _star(self, target: str | None, guard: str | None) -> None:
        if target is None:
            return
        before = {key: len(items) for key, items in self.assignments.items()}
        self.module(target)
        if guard is not None:
            self._guard_new(before, guard)

    def _target(self, level: int, name: str, path: str) -> str | None:
        return self.modules.relative(path, level, name) if level else self.modules.find(name)

    def _guard_new(self, before: dict[str, int], guard: str) -> None:
        for key, items in self.assignments.items():
            start = before.get(key, 0)
            items[start:] = [
                replace(one, guard=guard if one.guard is None else f"{guard} and {one.guard}") for one in items[start:]
            ]

    def _taken(self, path: str, names: frozenset[str]) -> None:
        """``from .secret import SECRET_KEY``: the assignments of these names in that module."""
        tree = self.modules.tree(path)
        if isinstance(tree, Unparsed):
            return
        for node in tree.body:
            if isinstance(node, ast.Assign | ast.AnnAssign):
                targets = node.targets if isinstance(node, ast.Assign) else [node.target]
                if any(isinstance(one, ast.Name) and one.id in names for one in targets):
                    self._statement(node, path, None)

    def _statement(self, node: ast.stmt, path: str, guard: str | None) -> None:
        self._note_readers(node)
        match node:
            case ast.Assign(targets=targets, value=value):
                for target in targets:
                    self._assign(target, value, path, guard, augmented=False)
            case ast.AnnAssign(target=target, value=value) if value is not None:
                self._assign(target, value, path, guard, augmented=False)
            case ast.AugAssign(target=target, value=value):
                self._assign(target, value, path, guard, augmented=True)
            case ast.Expr(value=ast.Call(func=ast.Attribute(value=owner, attr=attr)) as call) if attr in _MUTATORS:
                name = target_name(owner)
                if name and name.split(".")[0].isupper():
                    for argument in call.args:
                        self._record(name, argument, call, path, guard, augmented=True)
            case ast.Expr(value=ast.Call() as call) if dotted(call.func).rpartition(".")[2] == "include":
                self._include(call, path, guard)
        self._note_reads(node, path, setting_of(node), guard)

    def _include(self, call: ast.Call, path: str, guard: str | None) -> None:
        """django-split-settings: ``include("base.py", optional("local.py"))``."""
        directory = PurePosixPath(path).parent
        for argument in call.args:
            inner = argument.args[0] if isinstance(argument, ast.Call) and argument.args else argument
            pattern = text_of(inner)
            if not pattern:
                continue
            for found in self.modules.project.glob(str(directory / pattern)):
                self._star(found, guard)

    def _note_readers(self, node: ast.stmt) -> None:
        if not isinstance(node, ast.Assign) or not isinstance(node.value, ast.Call):
            return
        made = dotted(node.value.func).rpartition(".")[2]
        if made in {"Env", "FileAwareEnv", "AutoConfig", "Config", "FernetEnv"}:
            self._readers.update(one.id for one in node.targets if isinstance(one, ast.Name))
            self._schemes.update({one.arg: one.value for one in node.value.keywords if one.arg})

    def _note_reads(self, node: ast.AST, path: str, setting: str | None, guard: str | None) -> None:
        compared = comparisons(node)
        asked = {
            read.variable
            for one in ast.walk(node)
            if isinstance(one, ast.IfExp)
            for _, read in reads_in(one.test, self.names)
            if not read.raises
        }
        for expression, read in reads_in(node, self.names):
            key = (path, expression.lineno, expression.col_offset)
            if key in self._seen_reads:
                continue
            self._seen_reads.add(key)
            around = conversion(node, expression, self.names) or read
            default = around.default or read.default
            self.reads.append(
                EnvironmentRead(
                    read.variable,
                    Location(path, expression.lineno, expression.col_offset + 1),
                    required=read.required and around.default is None and read.variable not in asked,
                    raises=read.raises,
                    cast=around.cast or read.cast,
                    setting=setting or None,
                    compared=compared.get(ast.dump(expression), ()),
                    default=harmless_text(f"{setting or ''}", default) and harmless_text(read.variable, default),
                    guard=guard,
                )
            )

    def _assign(self, target: ast.expr, value: ast.expr, path: str, guard: str | None, *, augmented: bool) -> None:
        if isinstance(target, ast.Tuple | ast.List):
            elements = value.elts if isinstance(value, ast.Tuple | ast.List) else [value] * len(target.elts)
            for one, part in zip(target.elts, elements, strict=False):
                self._assign(one, part, path, guard, augmented=augmented)
            return
        name = target_name(target)
        if not name:
            return
        if isinstance(target, ast.Name) and not augmented:
            origin, read, _ = self._origin(value)
            self._known[target.id] = _Known(origin, read, value)
        if name.split(".")[0].isupper():
            self._record(name, value, target, path, guard, augmented=augmented)

    def _record(
        self, name: str, value: ast.expr, place: ast.expr, path: str, guard: str | None, *, augmented: bool
    ) -> None:
        origin, read, source = self._origin(value)
        text = source if isinstance(source, ast.Constant) else None
        counted = read.default if read and read.default is not None else text
        literal = harmless_text(name, source) if origin is Origin.LITERAL else None
        words = text_of(counted) if counted is not None else None
        self.assignments.setdefault(name, []).append(
            Assignment(
                name=name,
                location=Location(path, place.lineno, place.col_offset + 1),
                origin=origin,
                variable=read.variable if read else None,
                cast=read.cast if read else None,
                default=harmless_text(name, read.default) and harmless_text(read.variable, read.default)
                if read
                else None,
                literal=literal,
                literal_length=len(words) if words is not None else None,
                text=seen_under(name, words) if words is not None else None,
                guard=guard,
                when_unset=truth_when_unset(value, self.names),
                augmented=augmented,
            )
        )
        for inner, part in parts(name, value):
            if inner.count(".") <= _DEEPEST:
                self._record(inner, part, part, path, guard, augmented=augmented)

    def _origin(self, value: ast.expr) -> tuple[Origin, Read | None, ast.expr]:
        """Where a value comes from, the read in it, and the literal in it."""
        if isinstance(value, ast.Name) and value.id in self._known:
            known = self._known[value.id]
            return known.origin, known.read, known.value if known.value is not None else value
        read = wrapped(value, self.names)
        if read:
            return (Origin.ENV_REQUIRED if read.required else Origin.ENV_DEFAULT), read, value
        if is_literal(value):
            return Origin.LITERAL, None, value
        inside = next(reads_in(value, self.names), None)
        if inside:
            return Origin.COMPUTED, inside[1], value
        through = next(
            (
                self._known[one.id].read
                for one in ast.walk(value)
                if isinstance(one, ast.Name) and one.id in self._known and self._known[one.id].read
            ),
            None,
        )
        return Origin.COMPUTED, through, value

"""The house as CONTRIBUTING.md draws it: who imports whom, what stands alone, and that every rule has its fixtures."""

import ast
import graphlib
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
PACKAGE = ROOT / "scanner"
RULES = PACKAGE / "rules"
FIXTURES = ROOT / "fixtures" / "rules"

# Which rooms of the house a room may import from. `scanner` itself (its version) is free to all.
ALLOWED: dict[str, set[str]] = {
    "model": set(),
    "project": {"model"},
    "nginx": {"model"},
    "sandbox": {"model"},
    "facts": {"model", "project", "nginx", "settings_file"},
    "boot": {"model", "project", "sandbox", "nginx", "facts"},
    "stack": {"model", "project", "sandbox", "nginx", "facts"},
    "probes": {"model", "facts", "nginx"},
    "rules": {"model", "facts", "probes", "nginx"},
    "engine": {"model"},
    "policy": {"model"},
    "reports": {"model"},
    "github": {"model", "reports"},
    "pins": {"model"},
    "settings_file": {"model"},
    "certificates": {"model"},
    "config": {"model", "settings_file", "project", "certificates"},
    "suppressions": {"model", "facts", "judging", "settings_file", "config", "policy"},
    "harden": {"model", "facts"},
    "layers": {"model", "project", "sandbox", "facts", "engine", "config"},
    "judging": {"model", "project", "sandbox", "facts", "engine", "layers", "policy", "pins"},
    "compare": {"model", "project", "engine", "judging", "layers", "policy"},
    "scan": {
        *("model", "project", "nginx", "sandbox", "facts", "boot", "stack", "probes", "rules"),
        *("engine", "policy", "config", "suppressions", "pins", "layers", "judging", "compare"),
    },
    "configure": {"model", "project", "config", "github", "baseline"},
    "merge": {"model", "policy"},
    "distrust": {"model", "policy"},
    "publish": {"model", "distrust", "github", "reports"},
    "flags": {"config"},
    "runner_secrets": set(),
    "init": {"model", "config", "configure", "delivery", "scan", "baseline", "flags", "runner_secrets"},
    "results": {
        "model",
        "config",
        "flags",
        "runner_secrets",
        "delivery",
        "engine",
        "github",
        "merge",
        "publish",
        "reports",
        "scan",
    },
    "spinner": {"model"},
    "baseline": {"model"},
    "delivery": {"model", "config", "reports", "github"},
    "cli": {
        "model",
        "project",
        "engine",
        "scan",
        "config",
        "configure",
        "flags",
        "reports",
        "github",
        "spinner",
        "delivery",
        "baseline",
        "results",
        "runner_secrets",
        "init",
    },
    "__main__": {"cli"},
}
# They run in the scanned project's interpreter, or where nothing of ours is installed.
STAND_ALONE = ("boot/inside.py", "stack/launch.py", "stack/wire.py", "stack/hook")
OLDEST = (3, 8)
DUMPING_GROUNDS = {"utils", "util", "helpers", "helper", "misc", "common"}


def sources() -> list[Path]:
    return sorted(PACKAGE.rglob("*.py"))


def room(path: Path) -> str:
    """The first name under the package: `facts` for scanner/facts/units.py, `cli` for scanner/cli.py."""
    return path.relative_to(PACKAGE).parts[0].removesuffix(".py")


def module(path: Path) -> str:
    parts = path.relative_to(ROOT).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


def stands_alone(path: Path) -> bool:
    inside = path.relative_to(PACKAGE).as_posix()
    return any(inside == name or inside.startswith(f"{name}/") for name in STAND_ALONE)


def _modules(node: ast.Import | ast.ImportFrom, path: Path) -> Iterator[str]:
    if isinstance(node, ast.Import):
        yield from (alias.name for alias in node.names)
        return
    base = node.module or ""
    if node.level:
        package = module(path).split(".") if path.name == "__init__.py" else module(path).split(".")[:-1]
        base = ".".join([*package[: len(package) - node.level + 1], *([base] if base else [])])
    # `from scanner.facts import units` may name a module as well as a name in one.
    yield from (f"{base}.{alias.name}" for alias in node.names)


def ours(path: Path, *, at_import: bool = False) -> Iterator[tuple[int, str]]:
    """Line and dotted name of each import of our own package; those at import time only, or all."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    nodes = list(_top_level(tree.body)) if at_import else list(ast.walk(tree))
    for node in nodes:
        if isinstance(node, ast.Import | ast.ImportFrom):
            for name in _modules(node, path):
                if name == "scanner" or name.startswith("scanner."):
                    yield node.lineno, name


def _top_level(body: list[ast.stmt]) -> Iterator[ast.AST]:
    """Statements that run when the module is imported."""
    for node in body:
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            continue
        if isinstance(node, ast.If) and ast.unparse(node.test).endswith("TYPE_CHECKING"):
            continue
        yield node
        for field in ("body", "orelse", "finalbody"):
            yield from _top_level(getattr(node, field, []))
        for handler in getattr(node, "handlers", []):
            yield from _top_level(handler.body)


def imported_room(name: str) -> str | None:
    """The room that a dotted name leads to; None for the package itself (`from scanner import __version__`)."""
    parts = name.split(".")
    if len(parts) == 1 or parts[1] == "__version__":
        return None
    return parts[1]


def rule_modules() -> list[Path]:
    return [
        path for path in sorted(RULES.glob("*/*.py")) if path.name != "__init__.py" and not path.name.startswith("_")
    ]


@pytest.mark.parametrize("path", sources(), ids=lambda path: path.relative_to(PACKAGE).as_posix())
def test_imports_flow_one_way(path: Path) -> None:
    here = room(path)
    if here == "__init__":
        assert list(ours(path)) == []
        return
    assert here in ALLOWED, (
        f"{here} is a new room: say in tests/test_architecture.py and CONTRIBUTING.md what it may import"
    )
    allowed = ALLOWED[here] | {here}
    wrong = [f"line {line}: {name}" for line, name in ours(path) if (imported_room(name) or here) not in allowed]
    assert wrong == [], f"{here} may import {sorted(ALLOWED[here])} only"


@pytest.mark.parametrize(
    "path", [path for path in sources() if stands_alone(path)], ids=lambda path: path.relative_to(PACKAGE).as_posix()
)
def test_what_runs_elsewhere_stands_alone(path: Path) -> None:
    assert list(ours(path)) == []
    ast.parse(path.read_text(encoding="utf-8"), feature_version=OLDEST)
    nodes = ast.walk(ast.parse(path.read_text(encoding="utf-8")))
    assert [node.lineno for node in nodes if isinstance(node, ast.ImportFrom) and node.level > 0] == []


def test_no_circle_of_imports() -> None:
    known = {module(path) for path in sources()}
    graph = {
        module(path): {
            target for _, name in ours(path, at_import=True) if (target := _nearest(name, known)) != module(path)
        }
        for path in sources()
    }
    # A package re-exports what its modules define, so a module's import of its own package is no circle by itself.
    for name, targets in graph.items():
        targets.difference_update({target for target in targets if name.startswith(f"{target}.")})
    try:
        graphlib.TopologicalSorter(graph).prepare()
    except graphlib.CycleError as error:
        pytest.fail(" -> ".join(error.args[1]))


def _nearest(name: str, known: set[str]) -> str:
    while name not in known:
        name = name.rpartition(".")[0]
    return name


def test_no_dumping_ground() -> None:
    assert [path.as_posix() for path in sources() if path.stem.strip("_") in DUMPING_GROUNDS] == []


@pytest.mark.parametrize("path", rule_modules(), ids=lambda path: path.stem)
def test_every_rule_has_a_bad_and_a_good_case(path: Path) -> None:
    folders = {folder.name for folder in (FIXTURES / path.stem).glob("*") if folder.is_dir()}
    assert any(name.startswith("bad") for name in folders), f"fixtures/rules/{path.stem}/bad is missing"
    assert any(name.startswith("good") for name in folders), f"fixtures/rules/{path.stem}/good is missing"


@pytest.mark.parametrize("path", rule_modules(), ids=lambda path: path.stem)
def test_every_rule_is_its_own_documentation(path: Path) -> None:
    doc = ast.get_docstring(ast.parse(path.read_text(encoding="utf-8"))) or ""
    title = doc.partition("\n")[0]
    assert re.fullmatch(r"\S.*\.", title), "the first line is the rule's title, a sentence"
    assert re.findall(r"^## (.+)$", doc, re.MULTILINE) == ["Why is this bad", "Bad", "Good", "References"]


def test_every_folder_of_fixtures_belongs_to_a_rule() -> None:
    modules = {path.stem for path in rule_modules()}
    folders = {folder.name for folder in FIXTURES.glob("*") if folder.is_dir()}
    assert sorted(folders - modules) == []


def test_rule_names_are_unique() -> None:
    names = [path.stem for path in rule_modules()]
    assert sorted(names) == sorted(set(names)), "the module's name is the rule's id, whatever its topic"


class TestTheTestItself:
    """The readers above find what they are there to find."""

    @pytest.mark.parametrize(
        ("source", "name"),
        [
            ("import scanner.facts.units", "scanner.facts.units"),
            ("from scanner.facts import units", "scanner.facts.units"),
            ("from scanner import cli", "scanner.cli"),
            ("from . import units", "scanner.rules.units"),
            ("from ..facts import units", "scanner.facts.units"),
            ("def f():\n    from scanner import cli", "scanner.cli"),
        ],
    )
    def test_finds_imports(self, source: str, name: str) -> None:
        [node] = [node for node in ast.walk(ast.parse(source)) if isinstance(node, ast.Import | ast.ImportFrom)]
        assert list(_modules(node, RULES / "module.py")) == [name]

    def test_leaves_lazy_imports_out_of_circles(self) -> None:
        tree = ast.parse("def f():\n    import a\ntry:\n    import b\nexcept ImportError:\n    import c\n")
        found = [node for node in _top_level(tree.body) if isinstance(node, ast.Import)]
        assert [node.names[0].name for node in found] == ["b", "c"]

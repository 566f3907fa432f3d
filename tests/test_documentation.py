"""Documentation equals the code (regenerate with ``python docs/generate.py``), and every example in it is tried."""

import datetime as dt
import importlib.util
import re
import shlex
import sys
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType

import click
import pytest
import yaml

from scanner.cli import cli
from scanner.config import FILE_ONLY_KEYS, build
from scanner.engine import discover_rules
from scanner.facts.suppressions import RuleBook, read_suppressions
from scanner.model import SeatrialError
from scanner.nginx.tree import parse
from scanner.project import Project, read_checkout

ROOT = Path(__file__).parent.parent
DOCUMENTS = [ROOT / "README.md", ROOT / "SECURITY.md", ROOT / "CONTRIBUTING.md", *sorted((ROOT / "docs").glob("*.md"))]
GUIDES = sorted((ROOT / "docs").glob("*.md"))
FENCE = re.compile(r"^```(\w*)\n(.*?)^```$", re.DOTALL | re.MULTILINE)
OTHERS = {"docker", "gh", "git", "make", "pip", "python", "sudo"}
"""Programs of commands that are not ours."""


def generator() -> ModuleType:
    spec = importlib.util.spec_from_file_location("generate_documentation", ROOT / "docs" / "generate.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    return module


def blocks(language: str) -> Iterator[tuple[str, str]]:
    """The fenced blocks of that language in README and guides, each with the document's name."""
    for path in [ROOT / "README.md", *GUIDES]:
        for kind, text in FENCE.findall(path.read_text()):
            if kind == language:
                yield path.name, text


def commands() -> Iterator[tuple[str, list[str]]]:
    """The shell commands of README and guides, as words."""
    for name, text in blocks("sh"):
        for line in text.replace("\\\n", " ").splitlines():
            words = shlex.split(line, comments=True)
            if words:
                yield name, words


def ours(words: list[str]) -> list[str] | None:
    """The arguments of ``seatrial`` in a command, also where it is the entry point of an image."""
    if words[0].endswith("seatrial"):
        return words[1:]
    if words[:2] == ["docker", "run"]:
        image = next(index for index, word in enumerate(words) if "seatrial" in word.rpartition("/")[2])
        return words[image + 1 :]
    return None


def try_command(arguments: list[str]) -> None:
    """Raises click.ClickException for arguments that the command line does not take."""
    context = click.Context(cli, info_name="seatrial")
    name, command, rest = cli.resolve_command(context, list(arguments))
    assert command is not None
    command.make_context(name, rest, parent=context)


@pytest.mark.parametrize("path", [ROOT / "README.md", *GUIDES], ids=lambda path: path.name)
def test_document_equals_the_code(path: Path) -> None:
    assert generator().documents()[path] == path.read_text()


def test_every_rule_has_its_page() -> None:
    made = generator().pages()
    assert {path: path.read_text() for path in (ROOT / "docs" / "rules").glob("*.md")} == made


@pytest.mark.parametrize("path", DOCUMENTS, ids=lambda path: path.name)
def test_links_lead_somewhere(path: Path) -> None:
    text = path.read_text()
    for target, _, anchor in re.findall(r"\]\((?!https?:)([^)#]*)(#([^)]+))?\)", text):
        found = path.parent / target if target else path
        assert found.exists(), target
        if anchor:
            headings = re.findall(r"^#+ (.+)$", found.read_text(), re.MULTILINE)
            assert anchor in {re.sub(r"[^\w -]", "", one.lower()).replace(" ", "-") for one in headings}, anchor


def test_keys_of_the_file_are_known() -> None:
    told = re.findall(r"^\| `([a-z-]+)` \|", (ROOT / "README.md").read_text(), re.MULTILINE)
    assert set(FILE_ONLY_KEYS) <= set(told)


def test_every_guide_is_linked_from_the_readme() -> None:
    text = (ROOT / "README.md").read_text()
    assert [path.name for path in GUIDES if f"](docs/{path.name})" not in text] == []


def test_every_example_file_is_shown_or_named() -> None:
    texts = "".join(path.read_text() for path in [ROOT / "README.md", *GUIDES])
    for path in (ROOT / "examples").iterdir():
        assert f"generated: example {path.stem} " in texts or f"examples/{path.name}" in texts, path.name


@pytest.mark.parametrize(("name", "words"), list(commands()), ids=lambda value: "".join(value)[:60])
def test_commands_are_taken(name: str, words: list[str]) -> None:
    arguments = ours(words)
    if arguments is None:
        assert words[0] in OTHERS, f"{name}: {words[0]}"
    else:
        try_command(arguments)


def test_a_wrong_command_would_be_found() -> None:
    with pytest.raises(click.ClickException):
        try_command(["scan", "--fail-onn", "high"])
    with pytest.raises(click.ClickException):
        try_command(["scam"])


@pytest.mark.parametrize(("name", "text"), list(blocks("yaml")), ids=lambda value: value[:40])
def test_yaml_is_what_it_claims_to_be(name: str, text: str, tmp_path: Path) -> None:
    document = yaml.safe_load(text)
    examples = {path.read_text() for path in (ROOT / "examples").iterdir()}
    if text in examples:
        return
    assert "jobs" not in document, f"{name}: workflows are shown from examples/, which are linted"
    build(tmp_path, {}, {}, text)


def test_a_wrong_key_would_be_found(tmp_path: Path) -> None:
    with pytest.raises(SeatrialError):
        build(tmp_path, {}, {}, "fail-onn: high\n")


@pytest.mark.parametrize(("name", "text"), list(blocks("nginx")), ids=lambda value: value[:40])
def test_nginx_is_nginx(name: str, text: str) -> None:
    assert parse(text, name).problems == ()


@pytest.mark.parametrize(
    ("name", "text"), [*blocks("nginx"), *blocks("python"), *blocks("yaml")], ids=lambda value: value[:40]
)
def test_suppressions_are_taken(name: str, text: str, tmp_path: Path) -> None:
    if "seatrial: ignore" not in text and "ignore:" not in text:
        return
    path = tmp_path / (".seatrial.yml" if "ignore:\n" in text else "site.conf")
    path.write_text(text)
    book = RuleBook(dt.date(2026, 12, 1), frozenset(rule.id for rule in discover_rules()))
    project = Project(checkout=read_checkout(tmp_path), path=".", name="shop", manage=None)
    entries = read_suppressions(project, book).entries
    assert entries, name
    assert [one.problem(book) for one in entries] == [None] * len(entries)

"""Writes what documentation takes from the code: the generated parts of README.md and guides, and a page for each rule.

``python docs/generate.py`` writes; a test compares.
"""

import re
from collections.abc import Iterable
from pathlib import Path

import click
import yaml

from scanner.cli import cli
from scanner.config import OPTIONS
from scanner.engine import discover_rules
from scanner.model import Rule

ROOT = Path(__file__).parent.parent
BLOCK = re.compile(r"(<!-- generated: ([a-z -]+) -->\n)(.*?)(<!-- end -->)", re.DOTALL)


def fenced(language: str, text: str) -> str:
    """A fenced block."""
    return f"```{language}\n{text.rstrip()}\n```\n"


def table(heads: tuple[str, ...], rows: Iterable[tuple[str, ...]]) -> str:
    """A Markdown table."""
    lines = [f"| {' | '.join(heads)} |", f"|{'|'.join('---' for _ in heads)}|"]
    lines += [f"| {' | '.join(cell.replace('|', chr(92) + '|') for cell in row)} |" for row in rows]
    return "\n".join(lines) + "\n"


def help_text() -> str:
    """What ``seatrial scan --help`` prints, at 110 columns."""
    names = ["-h", "--help"]
    context = click.Context(
        cli, info_name="seatrial", terminal_width=110, max_content_width=110, help_option_names=names
    )
    scan = cli.get_command(context, "scan")
    if scan is None:
        raise LookupError("there is no command scan")
    return scan.get_help(click.Context(scan, info_name="scan", parent=context, terminal_width=110))


def part(name: str) -> str:
    """The content of one generated part of a document. Raises LookupError for an unknown name."""
    action = yaml.safe_load((ROOT / "action.yml").read_text())
    options = {option.name for option in OPTIONS}
    match name:
        case "help":
            return fenced("text", help_text())
        case "rules":
            rows = [
                (f"[`{rule.id}`](docs/rules/{rule.id}.md)", rule.severity.word, rule.topic, rule.title)
                for rule in discover_rules()
            ]
            return table(("rule", "severity", "topic", "finds"), rows)
        case "inputs":
            inputs = [(f"`{key}`", told["description"]) for key, told in action["inputs"].items() if key not in options]
            return table(("input", "meaning"), inputs)
        case "outputs":
            return table(
                ("output", "meaning"), [(f"`{key}`", told["description"]) for key, told in action["outputs"].items()]
            )
        case _:
            kind, _, example = name.partition(" ")
            if kind != "example":
                raise LookupError(f"nothing makes the part {name!r}")
            return fenced("yaml", (ROOT / "examples" / f"{example}.yml").read_text())


def written(text: str) -> str:
    """A document with its generated parts made anew."""
    return BLOCK.sub(lambda match: f"{match[1]}{part(match[2])}{match[4]}", text)


def documents() -> dict[Path, str]:
    """README.md and the guides, by their files, as they should be."""
    files = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]
    return {path: written(path.read_text()) for path in files}


def page(rule: Rule) -> str:
    """The page of one rule."""
    title, _, rest = rule.doc.strip().partition("\n")
    head = f"# {rule.id}\n\n{title}\n\nSeverity: {rule.severity.word} · topic: {rule.topic} · since {rule.since}\n"
    return f"{head}{rest.rstrip()}\n"


def pages() -> dict[Path, str]:
    """All pages of rules, by their files."""
    return {ROOT / "docs" / "rules" / f"{rule.id}.md": page(rule) for rule in discover_rules()}


def main() -> None:
    """Write everything; remove pages of rules that are gone."""
    for path, text in documents().items():
        path.write_text(text)
    made = pages()
    folder = ROOT / "docs" / "rules"
    folder.mkdir(exist_ok=True)
    for old in set(folder.glob("*.md")) - set(made):
        old.unlink()
    for path, text in made.items():
        path.write_text(text)


if __name__ == "__main__":
    main()

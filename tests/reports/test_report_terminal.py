import ast
import re
from pathlib import Path

import pytest

from scanner.model import Severity, View
from scanner.reports import renderers
from scanner.reports.terminal import render
from tests.reports.samples import SAMPLES, Compare, blocked, many

REPORTS = Path(__file__).parents[2] / "scanner" / "reports"


@pytest.mark.parametrize("sample", SAMPLES)
def test_golden(sample: str, golden: Compare) -> None:
    golden(sample, "terminal.txt", render(SAMPLES[sample]()))


def test_colour_adds_nothing_but_colour() -> None:
    coloured = render(blocked(), View(color=True))
    assert "\x1b[" in coloured
    assert re.sub(r"\x1b\[[0-9;]*m", "", coloured) == render(blocked())


@pytest.mark.parametrize("sample", SAMPLES)
def test_no_control_character_of_the_project_reaches_the_terminal(sample: str) -> None:
    text = render(SAMPLES[sample]())
    assert not [character for character in text if ord(character) < 32 and character != "\n"]


def test_paths_are_never_wrapped() -> None:
    text = render(blocked(), View(width=40))
    assert "config/settings/production.py:12:1" in text
    assert max(len(line) for line in text.splitlines() if "nginx passes" in line) <= 40


def test_quiet_shows_what_blocks_and_the_gate() -> None:
    text = render(blocked(), View(quiet=True))
    assert "BLOCKS" in text
    assert "REPORTS" not in text
    assert "Layers" not in text
    assert text.splitlines()[-1].endswith("→ exit 1")


def test_report_level_hides_but_decides_nothing() -> None:
    text = render(blocked(), View(report_level=Severity.CRITICAL))
    assert "security-header-dropped" not in text
    assert "forwarded-proto-spoofable" in text, "what blocks is always shown"
    assert text.splitlines()[-1] == render(blocked()).splitlines()[-1]


def test_verbose_names_known_and_waived_findings() -> None:
    assert "csrf-cookie-insecure" not in render(blocked())
    text = render(blocked(), View(verbose=True))
    assert "KNOWN" in text
    assert "until 2026-11-28: the CDN strips it" in text


def test_every_renderer_is_found_by_walking() -> None:
    names = set(renderers())
    assert {"terminal", "json", "junit"} <= names


@pytest.mark.parametrize("name", renderers())
@pytest.mark.parametrize("sample", [*SAMPLES, "many"])
def test_every_renderer_renders_every_sample_and_ends_with_one_newline(name: str, sample: str) -> None:
    text = renderers()[name](many() if sample == "many" else SAMPLES[sample]())
    assert text == "" or (text.endswith("\n") and not text.endswith("\n\n"))
    text.encode()


def test_reports_compare_no_severities() -> None:
    compared = []
    for path in sorted(REPORTS.rglob("*.py")):
        if path.name == "level.py":
            continue
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            ordered = isinstance(node, ast.Compare) and any(
                isinstance(op, ast.Lt | ast.LtE | ast.Gt | ast.GtE) for op in node.ops
            )
            extreme = isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id in {"max", "min"}
            if isinstance(node, ast.expr) and (ordered or extreme) and "severity" in ast.unparse(node).lower():
                compared.append(f"{path.name}:{node.lineno}")
    assert compared == []

"""The safe fixes of a whole project, applied together: the next scan finds none of what they mend, and nothing new."""

import shutil
from pathlib import Path
from typing import Any

import pytest

from tests.engine.scans import PROJECTS, Scan, run, scan

Key = tuple[str, str, str]
FOLLOWS = {"security-header-missing-on-files"}
"""What the pages send after a fix, files lack as before: only now there is something to compare them with."""


def found(report: Scan) -> dict[Key, dict[str, Any]]:
    return {
        (result["rule"], one["path"], one["symbol"]): one
        for result in report.project["results"]
        for one in result["findings"]
    }


def apply(root: Path, fixes: list[dict[str, Any]]) -> None:
    """All of them, from the last line to the first, each once: two findings may be mended by the same edit."""
    unique = {(fix["path"], fix["start_line"], fix["end_line"], tuple(fix["lines"])) for fix in fixes}
    for path, start, end, lines in sorted(unique, key=lambda each: (each[0], -each[1], -each[2])):
        file = root / path
        text = file.read_text().split("\n")
        text[start - 1 : end] = lines
        file.write_text("\n".join(text))


@pytest.mark.local
@pytest.mark.parametrize(("project", "least"), [("article-bad", 5), ("compose-bad", 5)])
def test_applied_together(project: str, least: int, tmp_path: Path) -> None:
    before = found(scan(project, "local"))
    mended = {key: one["fix"] for key, one in before.items() if one["fix"] is not None and one["fix"]["safe"]}
    assert len(mended) >= least
    root = Path(shutil.copytree(PROJECTS / project, tmp_path / project, ignore=shutil.ignore_patterns("expected.yml")))
    apply(root, list(mended.values()))
    after = run(root, "--engine", "local")
    assert {name: layer["status"] for name, layer in after.layers.items()} == dict.fromkeys(
        ("files", "boot", "stack"), "ran"
    ), after.layers
    left = set(found(after))
    assert set(mended) & left == set()
    assert {key for key in left - set(before) if key[0] not in FOLLOWS} == set()

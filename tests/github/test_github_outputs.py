import re
from pathlib import Path

import yaml

from scanner.github import Posted, append_summary, write_outputs
from scanner.github.outputs import COUNTS, PATHS, failed_outputs, outputs
from tests.reports.samples import SAMPLES, blocked, incomplete


def read(path: Path) -> dict[str, str]:
    """What the runner reads from the file."""
    found = re.findall(r"([a-z-]+)<<(\S+)\n(.*?)\n\2\n", path.read_text(encoding="utf-8"), re.DOTALL)
    return {name: value for name, _, value in found}


def test_outputs_of_a_blocked_scan(tmp_path: Path) -> None:
    made = outputs(blocked(), {"directory": "/out", "json": "/out/result.json"}, Posted("created", 12, "https://x/12"))
    assert made["outcome"] == "blocked"
    assert made["exit-code"] == "1"
    assert made["blocks"] == "2"
    assert made["layers-run"] == "files,boot,stack"
    assert made["json-path"] == "/out/result.json"
    assert made["html-path"] == ""
    assert (made["comment-id"], made["comment-url"]) == ("12", "https://x/12")
    assert write_outputs(made, {"GITHUB_OUTPUT": str(tmp_path / "new" / "output")}) is None
    assert read(tmp_path / "new" / "output") == made


def test_outcomes() -> None:
    assert outputs(SAMPLES["clean"](), {})["outcome"] == "passed"
    assert outputs(SAMPLES["broken-only"](), {})["outcome"] == "incomplete"
    assert outputs(incomplete(), {})["layers-run"] == "files,boot"
    assert failed_outputs(2) == {"outcome": "error", "exit-code": "2"}


def test_a_value_cannot_begin_another_output(tmp_path: Path) -> None:
    path = tmp_path / "output"
    write_outputs({"directory": "x\nblocks=0\nEOF"}, {"GITHUB_OUTPUT": str(path)})
    write_outputs({"blocks": "2"}, {"GITHUB_OUTPUT": str(path)})
    assert read(path) == {"directory": "x\nblocks=0\nEOF", "blocks": "2"}


def test_summaries_are_appended(tmp_path: Path) -> None:
    path = tmp_path / "summary"
    path.write_text("before\n", encoding="utf-8")
    assert append_summary("# ours", {"GITHUB_STEP_SUMMARY": str(path)}) is None
    assert path.read_text(encoding="utf-8") == "before\n# ours\n"
    assert append_summary("x" * (1024 * 1024 + 1), {"GITHUB_STEP_SUMMARY": str(path)}) == "the summary is too large"


def test_without_files_there_is_nothing_to_do() -> None:
    assert write_outputs({"a": "b"}, {}) is None
    assert append_summary("x", {}) is None


def test_what_cannot_be_written_is_said(tmp_path: Path) -> None:
    said = write_outputs({"a": "b"}, {"GITHUB_OUTPUT": str(tmp_path)})
    assert said is not None
    assert "cannot be written" in said


def test_names_are_those_of_the_action() -> None:
    action = yaml.safe_load((Path(__file__).parents[2] / "action.yml").read_text(encoding="utf-8"))
    made = outputs(blocked(), {})
    assert set(action["outputs"]) == set(made)
    assert set(COUNTS) | {f"{name}-path" for name in PATHS} < set(made)

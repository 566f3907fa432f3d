"""The legs of a matrix: one report, one comment, one gate."""

import io
import json
from dataclasses import replace
from pathlib import Path

import pytest

from scanner.cli import main
from scanner.engine import discover_rules
from scanner.merge import cured, merge
from scanner.model import Gate, Layer, LayerStatus, Report, SeatrialError, Severity
from scanner.reports.json import load, render
from tests.reports.samples import BASE, DEBUG, LAYERS, PASSED, SAMPLES, blocked, layer, project, report, result


def leg(name: str, *, blocks: bool = False, incomplete: bool = False) -> Report:
    found = (result("debug-enabled", "settings", Severity.CRITICAL, DEBUG),) if blocks else ()
    layers = (*LAYERS[:2], layer(Layer.STACK, "it did not start", 1.0, LayerStatus.FAILED)) if incomplete else LAYERS
    code = 1 if blocks else 3 if incomplete else 0
    return report(project((*PASSED, *found), layers, name=name, path=name), exit_code=code)


@pytest.mark.parametrize(
    ("legs", "expected", "code"),
    [
        ([leg("a"), leg("b")], 2, 0),
        ([leg("a"), leg("b")], None, 0),
        ([leg("a", blocks=True), leg("b")], 2, 1),
        ([leg("a"), leg("b", incomplete=True)], 2, 3),
        ([leg("a", blocks=True), leg("b", incomplete=True)], 2, 1),
        ([leg("a")], 2, 3),
        ([leg("a", blocks=True)], 4, 1),
        ([leg("a"), leg("b"), leg("c"), leg("d")], 4, 0),
    ],
)
def test_one_gate(legs: list[Report], expected: int | None, code: int) -> None:
    merged = merge(legs, expected=expected)
    assert merged.exit_code == code
    assert [each.name for each in merged.projects] == [each.projects[0].name for each in legs]
    assert merged.summary.passed == 3 * len(legs)
    assert any("missing" in notice for notice in merged.notices) == (expected is not None and expected > len(legs))


@pytest.mark.parametrize("sample", SAMPLES)
def test_of_one_result_it_is_the_same(sample: str) -> None:
    text = render(SAMPLES[sample]())
    assert render(merge([load(text)])) == text


def test_two_results_of_one_project_must_agree() -> None:
    assert len(merge([leg("a"), leg("a"), leg("b")]).projects) == 2
    with pytest.raises(SeatrialError, match="two results tell of the project a") as caught:
        merge([leg("a"), leg("a", blocks=True)])
    assert caught.value.exit_code == 2


def test_results_of_different_commits_do_not_go_together() -> None:
    other = replace(leg("b"), target=replace(leg("b").target, commit="c" * 40))
    with pytest.raises(SeatrialError, match="different commits"):
        merge([leg("a"), other])


def test_no_result_at_all_is_incomplete() -> None:
    with pytest.raises(SeatrialError) as caught:
        merge([], expected=2)
    assert caught.value.exit_code == 3


def test_the_strictest_gate_is_told() -> None:
    one, other = replace(leg("a"), gate=Gate("high", "new")), replace(leg("b"), gate=Gate("medium", "all"))
    assert merge([one, other]).gate == Gate("medium", "all")
    assert merge([replace(one, gate=Gate("never", "new")), one]).gate == Gate("high", "new")
    assert merge([one, leg("b")]).target.base == BASE


def test_the_command_writes_one_report(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for name, each in (("a", leg("a")), ("b", leg("b", blocks=True))):
        (tmp_path / f"{name}.json").write_text(render(each), encoding="utf-8")
    target = tmp_path / "all.json"
    code = main(["merge", str(tmp_path / "a.json"), str(tmp_path / "b.json"), "--json", str(target), "--expect", "2"])
    assert code == 1
    assert [each["name"] for each in json.loads(target.read_text(encoding="utf-8"))["projects"]] == ["a", "b"]
    assert "exit 1" in capsys.readouterr().out
    assert main(["merge", str(tmp_path / "a.json"), "--quiet", "--expect", "2"]) == 3


@pytest.mark.parametrize(("text", "code"), [("{}", 2), ("", 2), (None, 2)], ids=["no result", "empty", "no such file"])
def test_what_is_no_result_is_a_usage_error(tmp_path: Path, text: str | None, code: int) -> None:
    path = tmp_path / "x.json"
    if text is not None:
        path.write_text(text, encoding="utf-8")
    assert main(["merge", str(path)]) == code


def job(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, **inputs: str) -> Path:
    """The runner's variables for a job that merges."""
    out = tmp_path / "out"
    out.mkdir()
    for name, value in {
        "GITHUB_ACTIONS": "true",
        "GITHUB_REPOSITORY": "acme/shop",
        "GITHUB_RUN_ID": "9",
        "GITHUB_WORKSPACE": str(tmp_path / "workspace"),
        "GITHUB_OUTPUT": str(out / "output"),
        "GITHUB_STEP_SUMMARY": str(out / "summary"),
        "SEATRIAL_OUT": str(out),
        **inputs,
    }.items():
        monkeypatch.setenv(name, value)
    return out


def test_in_a_job_the_results_are_named_by_a_glob(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("a", "b"):
        folder = tmp_path / "workspace" / "results" / name
        folder.mkdir(parents=True)
        (folder / "result.json").write_text(render(leg(name, blocks=name == "b")), encoding="utf-8")
    out = job(tmp_path, monkeypatch, INPUT_RESULTS="results/*/result.json", INPUT_EXPECT="3", INPUT_FAIL_ON="low")
    output = io.StringIO()
    monkeypatch.setattr("sys.stdout", output)
    assert main(["merge"]) == 1
    assert "debug-enabled" in output.getvalue()
    assert "::error" not in output.getvalue(), "the legs have annotated these lines"
    merged = json.loads((out / "result.json").read_text(encoding="utf-8"))
    assert [each["name"] for each in merged["projects"]] == ["a", "b"]
    assert merged["run"]["url"].endswith("/actions/runs/9/attempts/1")
    assert "1 of 3 results is missing" in (out / "summary").read_text(encoding="utf-8")


@pytest.mark.parametrize("pattern", ["", "/etc/*.json", "../*.json", "a/../../x.json"])
def test_no_result_from_outside_of_the_workspace(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, pattern: str) -> None:
    (tmp_path / "workspace").mkdir()
    job(tmp_path, monkeypatch, INPUT_RESULTS=pattern)
    assert main(["merge"]) == 2


def test_a_link_out_of_the_workspace_is_no_result(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "workspace").mkdir()
    (tmp_path / "secret.json").write_text(render(blocked()), encoding="utf-8")
    (tmp_path / "workspace" / "x.json").symlink_to("../secret.json")
    job(tmp_path, monkeypatch, INPUT_RESULTS="*.json")
    assert main(["merge"]) == 2


def test_what_to_type_is_told_again() -> None:
    again = cured(load(render(blocked())), discover_rules())
    cures = {each.rule: each.cure for one in again.projects for each in one.results}
    assert cures["forwarded-proto-spoofable"].strip()
    assert load(render(again)) == load(render(blocked()))

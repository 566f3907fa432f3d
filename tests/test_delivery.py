"""What is printed, what is written where, and what stays when writing fails."""

import io
import json
import os
from pathlib import Path

import pytest

from scanner.config import build
from scanner.delivery import Surroundings, deliver, surroundings
from scanner.github import target_file, warn_of_tokens
from scanner.model import Report, Run, SeatrialError, Target
from scanner.reports import renderers
from scanner.runner_secrets import taken
from tests.judges.runner import commands
from tests.reports.samples import SAMPLES, blocked, hostile

ACTIONS = {"GITHUB_ACTIONS": "true", "GITHUB_REPOSITORY": "acme/shop"}


def delivered(
    report: Report, options: dict[str, object], environment: dict[str, str], path: Path = Path()
) -> tuple[int, str]:
    output = io.StringIO()
    around = Surroundings(Target(), Run(), environment)
    code = deliver(build(path, options, {}, None), report, around, output)
    return code, output.getvalue()


@pytest.mark.parametrize("name", renderers())
def test_in_actions_the_projects_words_are_no_commands(name: str) -> None:
    _, printed = delivered(hostile(), {"format": name}, ACTIONS)
    allowed = commands(renderers()["annotations"](hostile())) if name in {"annotations", "terminal"} else []
    assert commands(printed) == allowed


def test_in_our_container_a_report_on_standard_output_is_fenced_too(tmp_path: Path) -> None:
    _, printed = delivered(hostile(), {"summary": "-"}, ACTIONS | {"SEATRIAL_OUT": str(tmp_path)})
    assert commands(printed) == []
    _, plain = delivered(hostile(), {"json": "-"}, {})
    assert json.loads(plain)["version"] == 1


def test_reports_are_written_whole_and_may_be_several(tmp_path: Path) -> None:
    names = ("json", "junit", "sarif", "html", "codequality")
    targets = {name: str(tmp_path / "new" / f"{name}.out") for name in names}
    code, _ = delivered(blocked(), dict(targets), {})
    assert code == 1
    for name, target in targets.items():
        assert Path(target).read_text(encoding="utf-8") == renderers()[name](blocked())
    assert {each.name for each in (tmp_path / "new").iterdir()} == {f"{name}.out" for name in targets}


def test_in_our_container_reports_go_where_the_script_takes_them(tmp_path: Path) -> None:
    environment = ACTIONS | {
        "SEATRIAL_OUT": str(tmp_path),
        "GITHUB_OUTPUT": str(tmp_path / "github" / "output"),
        "GITHUB_STEP_SUMMARY": str(tmp_path / "github" / "summary"),
    }
    delivered(blocked(), {"junit": "reports/x.xml"}, environment)
    assert (tmp_path / "workspace" / "reports" / "x.xml").is_file()
    names = {each.name for each in tmp_path.iterdir() if each.is_file()}
    assert names == {
        *("result.json", "junit.xml", "results.sarif", "summary.md", "comment.md", "codequality.json", "report.html")
    }
    assert "exit-code<<" in (tmp_path / "github" / "output").read_text(encoding="utf-8")
    assert "2 new problems" in (tmp_path / "github" / "summary").read_text(encoding="utf-8")


def test_what_cannot_be_written_does_not_hide_the_verdict(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "file").write_text("", encoding="utf-8")
    code, printed = delivered(blocked(), {"json": str(tmp_path / "file" / "x.json")}, {})
    assert code == 1
    assert "exit 1" in printed
    assert "could not be written" in capsys.readouterr().err
    assert delivered(SAMPLES["clean"](), {"json": str(tmp_path / "file" / "x.json")}, {})[0] == 3


@pytest.mark.parametrize("name", ["terminal", "junit", "sarif", "summary", "comment", "json", "annotations"])
@pytest.mark.parametrize("sample", ["clean", "blocked", "broken-only", "nothing-ran"])
def test_no_format_changes_the_exit_code(name: str, sample: str) -> None:
    report = SAMPLES[sample]()
    for level in ("info", "critical"):
        code, _ = delivered(report, {"format": name, "report-level": level, "quiet": True}, {})
        assert code == report.exit_code


def test_the_report_level_hides_from_people_and_not_from_programs() -> None:
    for name, hidden in (("summary", True), ("html", True), ("annotations", True), ("json", False), ("junit", False)):
        _, printed = delivered(blocked(), {"format": name, "report-level": "high"}, {})
        assert ("loses" not in printed) is hidden, name


def test_a_directory_of_the_workspace_is_told_from_its_root(tmp_path: Path) -> None:
    (tmp_path / "services" / "shop").mkdir(parents=True)
    environment = ACTIONS | {"GITHUB_WORKSPACE": str(tmp_path)}
    _, printed = delivered(blocked(), {}, environment, tmp_path / "services" / "shop")
    assert commands(printed)[0].properties["file"] == "services/shop/config/settings/production.py"
    _, printed = delivered(blocked(), {}, environment, tmp_path)
    assert commands(printed)[0].properties["file"] == "config/settings/production.py"


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can give files away")
def test_as_root_what_is_written_belongs_to_the_owner_of_the_checkout(tmp_path: Path) -> None:
    checkout = tmp_path / "shop"
    (checkout / "kept").mkdir(parents=True)
    os.chown(checkout, 12345, 12346)
    outside = tmp_path / "outside.json"
    delivered(blocked(), {"json": str(checkout / "new" / "deep" / "x.json"), "sarif": str(outside)}, {}, checkout)
    for path in (checkout / "new", checkout / "new" / "deep", checkout / "new" / "deep" / "x.json"):
        assert (path.stat().st_uid, path.stat().st_gid) == (12345, 12346), path
    assert (checkout / "kept").stat().st_uid == 0
    assert outside.stat().st_uid == 0, "not below the checkout"


@pytest.mark.parametrize(
    ("name", "target"),
    [
        ("reports/x.json", "../outside"),
        ("reports/x.json", ".git"),
        ("x.json", "../outside/x.json"),
        ("../x.json", None),
    ],
)
def test_in_a_job_no_link_of_the_checkout_is_followed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str, target: str | None
) -> None:
    workspace = tmp_path / "workspace"
    (workspace / ".git").mkdir(parents=True)
    (tmp_path / "outside").mkdir()
    if target is not None:
        (workspace / name.split("/", maxsplit=1)[0]).symlink_to(target)
    monkeypatch.chdir(workspace)
    with pytest.raises(SeatrialError, match="leads out of the checkout"):
        target_file(name, ACTIONS | {"GITHUB_WORKSPACE": str(workspace)})
    assert target_file("fine/x.json", ACTIONS | {"GITHUB_WORKSPACE": str(workspace)}) == Path("fine/x.json")
    assert target_file(name, {}) == Path(name), "on a machine of one's own, links are one's own"


def test_no_process_inherits_a_token() -> None:
    environment = {
        "ACTIONS_RUNTIME_TOKEN": "a",
        "ACTIONS_ID_TOKEN_REQUEST_URL": "b",
        "INPUT_TOKEN": "c",
        "GITHUB_TOKEN": "d",
        "INPUT_FAIL_ON": "high",
        "PATH": "/bin",
    }
    kept = taken(environment)
    assert environment == {"INPUT_FAIL_ON": "high", "PATH": "/bin"}
    assert kept == {"INPUT_TOKEN": "c", "GITHUB_TOKEN": "d", "INPUT_FAIL_ON": "high", "PATH": "/bin"}
    assert "::notice" in warn_of_tokens(["ACTIONS_RUNTIME_TOKEN", "ACTIONS_RUNTIME_URL"])
    assert warn_of_tokens(["ACTIONS_RUNNER_DEBUG"]) == ""


def test_what_the_environment_tells() -> None:
    assert surroundings({}).in_actions is False
    around = surroundings(ACTIONS | {"GITHUB_RUN_ID": "5"})
    assert around.in_actions
    assert around.target.repository == "https://github.com/acme/shop"
    assert around.run.url == "https://github.com/acme/shop/actions/runs/5/attempts/1"

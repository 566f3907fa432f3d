import subprocess
from pathlib import Path

import pytest

from scanner.cli import main
from scanner.github import check_checkout
from scanner.github.event import Event
from scanner.github.privileged import PRIVILEGED, refuse_untrusted
from scanner.model import SeatrialError

OWN, OTHER = "a" * 40, "b" * 40


@pytest.mark.parametrize("name", sorted(PRIVILEGED))
@pytest.mark.parametrize(("commit", "dirty"), [(OTHER, False), (None, False), (OWN, True)])
def test_a_strangers_code_is_refused_beside_a_write_token(name: str, commit: str | None, dirty: bool) -> None:
    with pytest.raises(SeatrialError, match="holds a write token") as caught:
        refuse_untrusted(Event(name, commit=OWN), commit, dirty=dirty, allowed=False)
    assert caught.value.exit_code == 2
    assert "pull_request" in caught.value.hint


@pytest.mark.parametrize("name", sorted(PRIVILEGED))
def test_the_repositorys_own_code_is_scanned(name: str) -> None:
    assert refuse_untrusted(Event(name, commit=OWN), OWN, dirty=False, allowed=False) is None


@pytest.mark.parametrize("name", ["pull_request", "push", "schedule", "workflow_dispatch", "merge_group", ""])
def test_other_events_are_not_asked(name: str) -> None:
    assert refuse_untrusted(Event(name, commit=OWN), OTHER, dirty=True, allowed=False) is None
    assert check_checkout({"GITHUB_EVENT_NAME": name}, lambda: pytest.fail("the checkout was read")) == ""


def test_it_can_be_allowed_and_is_then_said() -> None:
    environment = {
        "GITHUB_EVENT_NAME": "pull_request_target",
        "GITHUB_SHA": OWN,
        "INPUT_ALLOW_UNTRUSTED_PRIVILEGED": "true",
    }
    said = check_checkout(environment, lambda: (OTHER, False))
    assert said.startswith("::warning title=Seatrial::allow-untrusted-privileged is set")


def test_the_command_ends_before_anything_of_the_project_runs(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """The checkout of a pull request's head in a job of `pull_request_target`."""
    subprocess.run(["git", "init", "--quiet", tmp_path], check=True)
    (tmp_path / "manage.py").write_text("raise SystemExit('ran')", encoding="utf-8")
    who = ["-c", "user.name=Dev", "-c", "user.email=dev@shop.example", "-c", "commit.gpgsign=false"]
    subprocess.run(["git", "-C", tmp_path, "add", "."], check=True)
    subprocess.run(["git", "-C", tmp_path, *who, "commit", "--quiet", "--message", "x"], check=True)
    output = tmp_path.parent / "output"
    for name, value in {
        "GITHUB_ACTIONS": "true",
        "GITHUB_EVENT_NAME": "pull_request_target",
        "GITHUB_SHA": OWN,
        "GITHUB_OUTPUT": str(output),
    }.items():
        monkeypatch.setenv(name, value)
    assert main(["scan", str(tmp_path)]) == 2
    assert "holds a write token" in capsys.readouterr().err
    assert "error" in output.read_text(encoding="utf-8")

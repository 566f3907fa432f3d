"""Whole jobs against the fake GitHub, one after the other: the gate depends on none of what happens there.

What reaches the reader goes down a ladder: the comment, else the summary of the job, else the annotations in its log.
"""

import io
import json
import threading
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

import scanner.github.api
from scanner.config import build
from scanner.delivery import deliver, surroundings
from scanner.merge import merge
from scanner.model import Evidence, Location, Report, Severity, Verdict
from scanner.reports import comment
from tests.github.server import TOKEN, Failure, FakeGitHub, Recorded
from tests.judges.runner import commands
from tests.reports.samples import COMPARED, HEAD, blocked, clean_report, project, report, result, scoped

MARKER = "<!-- seatrial:v1 key=all -->"


def big(findings: int, evidence: str = "") -> Report:
    found = tuple(
        scoped(
            f"`location /{number}/` is served from the project's own directory.",
            Location("deploy/nginx/shop.conf", number + 1),
            f"location /{number}/",
            Severity.HIGH,
            Verdict.BLOCKS,
            evidence=(Evidence(evidence),) if evidence else (),
        )
        for number in range(findings)
    )
    return report(
        project((result("alias-traversal", "files", Severity.HIGH, *found),), comparison=COMPARED), exit_code=1
    )


def matrix() -> Report:
    return merge([report(replace(blocked().projects[0], name=name, path=name), exit_code=1) for name in "abcd"])


class Job:
    """A job on a pull request (or another event), with the runner's files."""

    def __init__(self, github: FakeGitHub, root: Path) -> None:
        self.github = github
        self.root = root
        self.runs = 0
        self.head = github.head
        self.event = "pull_request"
        self.address = github.address
        self.log = ""

    def run(self, model: Report, **inputs: str) -> int:
        """One run for the head; the exit code of the command."""
        self.runs += 1
        folder = self.root / str(self.runs)
        folder.mkdir()
        environment = {
            "GITHUB_ACTIONS": "true",
            "GITHUB_REPOSITORY": "acme/shop",
            "GITHUB_API_URL": self.address,
            "GITHUB_RUN_ID": str(self.runs),
            "GITHUB_EVENT_NAME": self.event,
            "GITHUB_EVENT_PATH": str(folder / "event.json"),
            "GITHUB_OUTPUT": str(folder / "output"),
            "GITHUB_STEP_SUMMARY": str(folder / "summary"),
            "INPUT_TOKEN": TOKEN,
            **inputs,
        }
        (folder / "event.json").write_text(json.dumps(self._payload()), encoding="utf-8")
        around = surroundings(environment)
        told = replace(model, run=replace(model.run, url=around.run.url), target=replace(model.target, head=self.head))
        output = io.StringIO()
        code = deliver(build(Path(), {}, {}, None), told, around, output)
        self.log = output.getvalue()
        return code

    def _payload(self) -> object:
        side = {"sha": self.head, "repo": {"id": 1}}
        match self.event:
            case "pull_request":
                return {"number": 7, "pull_request": {"number": 7, "head": side, "base": side | {"sha": "b" * 40}}}
            case "merge_group":
                return {"merge_group": {"head_sha": self.head, "base_sha": "b" * 40}}
            case _:
                return {"after": self.head}

    @property
    def summary(self) -> str:
        return (self.root / str(self.runs) / "summary").read_text(encoding="utf-8")

    @property
    def outputs(self) -> dict[str, str]:
        lines = (self.root / str(self.runs) / "output").read_text(encoding="utf-8").splitlines()
        return {line.split("<<")[0]: lines[index + 1] for index, line in enumerate(lines) if "<<seatrial-" in line}

    @property
    def notices(self) -> list[str]:
        return [each.data for each in commands(self.log) if each.name == "notice" and "file" not in each.properties]

    @property
    def comment(self) -> str:
        (only,) = [each.body for each in self.github.comments if each.author == self.github.login]
        return only


@pytest.fixture
def job(github: FakeGitHub, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Job:
    monkeypatch.setattr(scanner.github.api, "PAUSES", (0.0, 0.0, 0.0))
    return Job(github, tmp_path)


def test_first_run_second_run_and_the_verdict_flips(job: Job) -> None:
    assert job.run(blocked()) == 1
    assert job.outputs["comment-url"] == job.github.url(job.github.comments[0])
    assert job.run(blocked()) == 1
    job.head = job.github.head = "c" * 40
    assert job.run(clean_report()) == 0
    assert "nothing blocks this merge" in job.comment
    assert job.run(blocked()) == 1
    assert "2 new problems block this merge" in job.comment
    assert job.github.writes[0] == "POST"
    assert set(job.github.writes[1:]) == {"PATCH"}


def test_a_stale_commit_says_nothing(job: Job) -> None:
    assert job.run(blocked()) == 1
    before = job.comment
    job.github.head = "c" * 40
    assert job.run(clean_report()) == 0
    assert job.comment == before
    assert "newer commit" in job.notices[0]
    assert "nothing blocks" in job.summary


def test_the_comment_was_deleted(job: Job) -> None:
    assert job.run(blocked()) == 1
    job.github.comments.clear()
    assert job.run(blocked()) == 1
    assert "2 new problems" in job.comment


def test_a_foreign_comment_with_our_marker(job: Job) -> None:
    forged = f"{MARKER}\n<!-- seatrial:state head={HEAD} base=- run=999999 attempt=9 verdict=passed -->\nall is well"
    job.github.add("mallory", forged)
    assert job.run(blocked()) == 1
    assert "2 new problems" in job.comment
    assert job.github.comments[0].body == forged


@pytest.mark.parametrize("model", [big(120, "y" * 600), big(300)], ids=["70,000 characters", "300 findings"])
def test_a_long_report(job: Job, model: Report) -> None:
    assert job.run(model) == 1
    assert comment.units(job.comment) <= comment.BUDGET
    assert f"{model.summary.blocks} new problems block this merge" in job.comment
    assert "shortened, the full report is in the run" in job.comment or comment.units(job.comment) < 60_000
    assert f"location /{model.summary.blocks - 1}/" in job.summary, "the summary has them all"
    errors = [each for each in commands(job.log) if each.name == "error"]
    assert len(errors) == 10, "more than ten the runner drops"


def test_a_matrix_of_four_projects_is_one_comment(job: Job) -> None:
    assert job.run(matrix()) == 1
    assert "8 new problems block this merge" in job.comment
    assert all(f"| `{name}` |" in job.comment for name in "abcd")


@pytest.mark.parametrize("event", ["merge_group", "push", "schedule", "workflow_dispatch"])
def test_without_a_pull_request_the_summary_tells(job: Job, event: str) -> None:
    job.event = event
    assert job.run(blocked()) == 1
    assert job.github.requests == []
    assert job.notices == [], "nothing is missing"
    assert "problems block" in job.summary
    assert job.outputs["comment-id"] == ""


FAULTS: dict[str, Callable[[Job], None]] = {
    "fork": lambda job: job.github.failures.append(Failure("POST", 403, "Resource not accessible by integration")),
    "read": lambda job: job.github.failures.append(Failure("GET", 404, "Not Found")),
    "502": lambda job: job.github.failures.append(Failure("GET", 502, "Bad gateway")),
    "500 on write": lambda job: job.github.failures.append(Failure("POST", 500, "Oops")),
    "closed": lambda job: job.github.failures.append(Failure("GET", 0)),
    "limit": lambda job: job.github.failures.append(Failure("GET", 429, "slow down", {"Retry-After": "3600"})),
    "secondary limit": lambda job: job.github.failures.append(Failure("POST", 403, "abuse", {"Retry-After": "3600"})),
    "too long": lambda job: job.github.failures.append(Failure("POST", 422, "body is too long")),
    "no token": lambda job: None,
    "down": lambda job: setattr(job, "address", "http://127.0.0.1:9"),
}


@pytest.mark.parametrize("fault", FAULTS)
@pytest.mark.parametrize(("model", "code"), [(blocked(), 1), (clean_report(), 0)], ids=["blocked", "clean"])
def test_the_gate_stands_whatever_github_does(job: Job, fault: str, model: Report, code: int) -> None:
    FAULTS[fault](job)
    inputs = {"INPUT_POST_COMMENT": "always"} | ({"INPUT_TOKEN": ""} if fault == "no token" else {})
    assert job.run(model, **inputs) == code
    assert job.outputs["exit-code"] == str(code)
    assert job.outputs["comment-id"] == ""
    assert job.github.comments == []
    assert len(job.notices) == 1, "one notice, once"
    assert job.notices[0].startswith("No comment: ")
    assert TOKEN not in job.log
    assert ("2 new problems" if code else "nothing blocks") in job.summary


def test_the_last_rung_is_the_log(job: Job, tmp_path: Path) -> None:
    job.address = "http://127.0.0.1:9"
    (tmp_path / "file").write_text("", encoding="utf-8")
    assert (
        job.run(blocked(), GITHUB_STEP_SUMMARY=str(tmp_path / "file" / "x"), GITHUB_OUTPUT=str(tmp_path / "file")) == 1
    )
    found = commands(job.log)
    assert [each.properties["title"] for each in found if each.name == "error"] == [
        "debug-enabled (critical)",
        "forwarded-proto-spoofable (high)",
    ]
    assert any("No summary" in notice for notice in job.notices)


def test_an_answer_that_never_comes(job: Job, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(scanner.github.api, "TIMEOUT", (0.2, 0.05))
    waiting = threading.Event()

    def late(_: Recorded) -> None:
        waiting.wait(1)

    job.github.before = late
    assert job.run(blocked()) == 1
    waiting.set()
    assert "cannot be reached" in job.notices[0]

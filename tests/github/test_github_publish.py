"""The second stage for forks: an artifact that is a trap, a result that lies, and a pull request that GitHub names."""

import io
import json
import random
import struct
import zipfile
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from scanner.cli import main
from scanner.distrust import LABEL, Origin, distrusted
from scanner.engine import discover_rules
from scanner.github.artifact import MAX_RESULT, unpacked
from scanner.github.event import Event, WorkflowRun, read_event
from scanner.model import (
    Failed,
    Passed,
    Report,
    SeatrialError,
    Severity,
    Verdict,
)
from scanner.publish import Published, Wanted, publish
from scanner.reports import comment
from scanner.reports.json import load, render
from tests.github.server import TOKEN, Artifact, Failure, FakeGitHub
from tests.reports.samples import HEAD, SAMPLES, blocked, clean_report, hostile

RULES = discover_rules()
DOCS = "https://github.com/seatrial/seatrial/blob/main/docs/rules/"
RUN = WorkflowRun(55, 1, "pull_request", "failure", HEAD, "topic", "mallory", ())
FORK = ((7, HEAD),)


def zipped(text: str | bytes, name: str = "result.json") -> bytes:
    made = io.BytesIO()
    with zipfile.ZipFile(made, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr(name, text)
    return made.getvalue()


def event(github: FakeGitHub, run: WorkflowRun | None = RUN, name: str = "workflow_run") -> Event:
    return Event(name, "acme/shop", "https://github.com", github.address, 90, 1, "a" * 40, finished=run)


def stage(github: FakeGitHub, text: str | bytes, **changed: Any) -> Published:
    github.artifacts = [Artifact(3, "seatrial-result", zipped(text))]
    github.pulls = list(FORK)
    return again(github, **changed)


def again(github: FakeGitHub, run: WorkflowRun | None = RUN, **changed: Any) -> Published:
    wanted = replace(Wanted(TOKEN), **changed)
    return publish(event(github, run), wanted, RULES, DOCS, sleep=lambda _: None)


def test_a_comment_for_a_fork(github: FakeGitHub) -> None:
    done = stage(github, render(replace(blocked(), target=replace(blocked().target, head=HEAD))))
    assert [each.action for each in done.posted] == ["created"]
    body = github.comments[0].body
    assert "problems block this merge" in body
    assert LABEL.split(":")[0] in body
    assert "/actions/runs/55/attempts/1" in body
    assert "```diff" not in body, "a fix would be the attacker's words under our name"
    assert github.downloads == [""], "the storage never sees the token"


def test_the_second_run_edits_it(github: FakeGitHub) -> None:
    stage(github, render(blocked()))
    github.artifacts[0].content = zipped(render(clean_report()))
    done = again(github, replace(RUN, id=56, conclusion="success"))
    assert [each.action for each in done.posted] == ["edited"]
    assert "nothing blocks this merge" in github.comments[0].body
    assert "produced by the pull request's own code" in github.comments[0].body, "also where all is well"


def test_a_result_that_says_all_is_well_of_a_job_that_failed(github: FakeGitHub) -> None:
    stage(github, render(clean_report()), policy="always")
    assert "failed although the result says that nothing blocks" in github.comments[0].body


def test_the_result_does_not_choose_the_pull_request(github: FakeGitHub) -> None:
    told = replace(blocked(), target=replace(blocked().target, pull_request=1, repository="https://github.com/evil/x"))
    stage(github, render(told))
    assert {each.path for each in github.requests if each.method == "POST"} == {"/repos/acme/shop/issues/7/comments"}
    assert "evil" not in github.comments[0].body


def test_no_open_pull_request_with_that_commit(github: FakeGitHub) -> None:
    github.artifacts = [Artifact(3, "seatrial-result", zipped(render(blocked())))]
    github.pulls = [(7, "c" * 40)]
    done = again(github)
    assert "no open pull request" in (done.notice or "")
    assert github.writes == []


def test_the_event_names_the_pull_request_of_the_same_repository(github: FakeGitHub) -> None:
    github.artifacts = [Artifact(3, "seatrial-result", zipped(render(blocked())))]
    done = again(github, replace(RUN, pulls=(7,)))
    assert [each.action for each in done.posted] == ["created"]


def test_a_newer_commit_came_meanwhile(github: FakeGitHub) -> None:
    github.head = "c" * 40
    done = stage(github, render(blocked()))
    assert "newer commit" in (done.posted[0].notice or "")
    assert github.writes == []


def test_a_result_at_hand_is_not_fetched(github: FakeGitHub) -> None:
    github.pulls = list(FORK)
    assert again(github, text=render(blocked())).posted[0].action == "created"
    assert github.downloads == []


@pytest.mark.parametrize("name", ["pull_request_target", "pull_request", "push", ""])
def test_only_on_workflow_run(github: FakeGitHub, name: str) -> None:
    with pytest.raises(SeatrialError, match="workflow_run only"):
        publish(event(github, name=name), Wanted(TOKEN), RULES, DOCS)
    assert github.requests == []


def test_only_for_runs_of_pull_request(github: FakeGitHub) -> None:
    with pytest.raises(SeatrialError, match="this one was of pull_request_target"):
        again(github, replace(RUN, event="pull_request_target"))
    assert "ended as cancelled" in (again(github, replace(RUN, conclusion="cancelled")).notice or "")
    assert github.requests == []


def test_another_commit_than_the_runs_is_refused(github: FakeGitHub) -> None:
    told = replace(blocked(), target=replace(blocked().target, head="d" * 40))
    with pytest.raises(SeatrialError, match="another commit"):
        stage(github, render(told))
    assert github.writes == []


@pytest.mark.parametrize(
    ("artifacts", "says"),
    [
        ([], "no artifact"),
        ([Artifact(1, "seatrial-result", b""), Artifact(2, "seatrial-result", b"")], "2 artifacts"),
        ([Artifact(1, "seatrial-result", b"x", size=5 * 1024 * 1024)], "too large"),
        ([Artifact(1, "other", b"x")], "no artifact"),
        ([Artifact(1, "seatrial-result", b"no zip")], "cannot be unpacked"),
    ],
)
def test_an_artifact_that_is_no_result_is_refused(github: FakeGitHub, artifacts: list[Artifact], says: str) -> None:
    github.artifacts, github.pulls = artifacts, list(FORK)
    with pytest.raises(SeatrialError, match=says) as caught:
        again(github)
    assert caught.value.exit_code == 2
    assert github.writes == []


def test_a_download_larger_than_the_listing_said_is_cut_off(github: FakeGitHub) -> None:
    github.artifacts = [Artifact(1, "seatrial-result", b"x" * (5 * 1024 * 1024), size=10)]
    with pytest.raises(SeatrialError, match="too large"):
        again(github)


def test_github_is_down(github: FakeGitHub) -> None:
    github.failures = [Failure("GET", 502, "Bad gateway")]
    with pytest.raises(SeatrialError, match="502") as caught:
        stage(github, render(blocked()))
    assert caught.value.exit_code == 3


def test_a_token_that_cannot_write_is_a_notice(github: FakeGitHub) -> None:
    github.failures = [Failure("POST", 403, "Resource not accessible by integration")]
    done = stage(github, render(blocked()))
    assert "pull-requests: write" in (done.posted[0].notice or "")
    assert done.report is not None, "the summary can still show it"


def several() -> bytes:
    made = io.BytesIO()
    with zipfile.ZipFile(made, "w") as archive:
        archive.writestr("a.json", "{}")
        archive.writestr("b.json", "{}")
    return made.getvalue()


def encrypted() -> bytes:
    made = bytearray(zipped("{}"))
    for mark, offset in ((b"PK\x03\x04", 6), (b"PK\x01\x02", 8)):
        place = made.index(mark) + offset
        made[place : place + 2] = struct.pack("<H", 1)
    return bytes(made)


def lying() -> bytes:
    """The directory says ten bytes, the content is a bomb."""
    made = bytearray(zipped(b"0" * (MAX_RESULT * 20)))
    for mark, offset in ((b"PK\x03\x04", 22), (b"PK\x01\x02", 24)):
        place = made.index(mark) + offset
        made[place : place + 4] = struct.pack("<I", 10)
    return bytes(made)


@pytest.mark.parametrize(
    "archive",
    [
        zipped("{}", "../result.json"),
        zipped("{}", "/etc/result.json"),
        zipped("{}", "a/result.json"),
        zipped("{}", "a\\result.json"),
        zipped("{}", "result.html"),
        zipped("{}", "result.json/"),
        several(),
        encrypted(),
        lying(),
        zipped(b" " * (MAX_RESULT + 1)),
        zipped(b" " * (MAX_RESULT - 1)),
        zipped("{}")[:-10],
        b"",
    ],
    ids=lambda archive: f"{len(archive)} bytes",
)
def test_every_other_archive_is_refused(archive: bytes) -> None:
    with pytest.raises(SeatrialError) as caught:
        unpacked(archive)
    assert caught.value.exit_code == 2


def test_the_one_file_is_read() -> None:
    assert unpacked(zipped('{"a": 1}')) == '{"a": 1}'


def spoilt(change: Callable[[Any], None]) -> str:
    document = json.loads(render(blocked()))
    change(document)
    return json.dumps(document)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "[]",
        "{}",
        "[" * 100_000,
        spoilt(lambda one: one.update(version=2)),
        spoilt(lambda one: one.update(gate={"fail_on": "<script>", "scope": "new"})),
        spoilt(lambda one: one.update(projects=one["projects"] * 51)),
        spoilt(lambda one: one["projects"][0]["results"][0].update(outcome="won")),
        spoilt(lambda one: one["projects"][0].pop("comparison")),
    ],
    ids=range(9),
)
def test_what_is_no_result_is_refused(github: FakeGitHub, text: str) -> None:
    with pytest.raises(SeatrialError) as caught:
        stage(github, text)
    assert caught.value.exit_code == 2
    assert github.writes == []


ORIGIN = Origin("https://github.com/acme/shop", HEAD, "https://github.com/acme/shop/actions/runs/55", DOCS, failed=True)


def shown(report: Report) -> Report:
    return distrusted(report, {rule.id: rule for rule in RULES}, ORIGIN)


def test_rules_titles_and_severities_are_ours() -> None:
    document = json.loads(render(blocked()))
    for result in document["projects"][0]["results"]:
        result.update(title="click here", severity="critical", topic="</details>")
        for finding in result["findings"]:
            finding["severity"] = "critical"
    told = shown(load(json.dumps(document)))
    by_id = {rule.id: rule for rule in RULES}
    for result in told.projects[0].results:
        rule = by_id[result.rule]
        assert (result.title, result.severity, result.topic) == (rule.title, rule.severity, rule.topic)
        assert all(one.severity <= rule.severity for one in result.findings)
    assert told.rules_url == DOCS
    assert any("that this version does not have" in notice for notice in told.notices)


def test_counts_and_exit_code_are_computed_anew() -> None:
    told = shown(replace(blocked(), summary=replace(blocked().summary, blocks=0, passed=10**6), exit_code=0))
    assert (told.summary.blocks, told.exit_code) == (2, 1)
    assert told.summary.passed < 10


def test_a_rule_with_findings_has_not_passed() -> None:
    project = blocked().projects[0]
    lying = tuple(replace(one, outcome=Passed()) if one.findings else one for one in project.results)
    told = shown(replace(blocked(), projects=(replace(project, results=lying),)))
    assert all(isinstance(one.outcome, Failed) for one in told.projects[0].results if one.findings)


def test_notices_fixes_and_the_commit_are_not_the_results() -> None:
    told = shown(replace(blocked(), notices=("Please visit https://evil.example",), version="9.9"))
    assert "evil" not in "".join(told.notices)
    assert all(
        one.finding.fix is None for project in told.projects for result in project.results for one in result.findings
    )
    assert (told.target.head, told.target.commit, told.target.base) == (HEAD, None, None)


@pytest.mark.parametrize("sample", SAMPLES)
def test_a_hostile_result_makes_a_comment_like_any_other(github: FakeGitHub, sample: str) -> None:
    """Judged by the same renderer, whose tests know every trick of `hostile`: here, that nothing gets past it."""
    done = stage(github, render(SAMPLES[sample]()), policy="always")
    assert done.posted[0].action == "created"
    body = github.comments[0].body
    assert body.startswith("<!-- seatrial:v1 key=all -->\n<!-- seatrial:state head=9f3c1ab")
    lines = body.split("\n")
    assert [line for line in lines if line.lstrip().startswith("<!--")] == lines[:2], "no other marker"
    assert not [line for line in lines if line.lstrip().startswith(("<script", "::", "##[", "<img"))]
    assert comment.units(body) <= comment.BUDGET


def test_a_waiver_or_severity_cannot_be_made_up() -> None:
    told = shown(hostile())
    assert {one.severity for result in told.projects[0].results for one in result.findings} <= set(Severity)
    assert {one.verdict for result in told.projects[0].results for one in result.findings} <= set(Verdict)


ODD: tuple[object, ...] = (
    None,
    True,
    0,
    -1,
    2**60,
    1.5,
    "",
    "x",
    "`" * 50,
    "<!-- -->\n```",
    "\ud800",
    [],
    {},
    [None],
    "a" * 5000,
)


def places(node: Any, path: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    """The way to every value of a document."""
    items = node.items() if isinstance(node, dict) else enumerate(node) if isinstance(node, list) else ()
    return [path, *(each for key, value in items for each in places(value, (*path, key)))]


@pytest.mark.parametrize("seed", range(4))
def test_a_spoilt_result_is_refused_or_shown_in_bounds(seed: int) -> None:
    chance = random.Random(seed)
    text, shapes = render(hostile()), 0
    ways = [way for way in places(json.loads(text)) if way]
    for _ in range(25):
        document = json.loads(text)
        *way, last = chance.choice(ways)
        node = document
        for key in way:
            node = node[key]
        node[last] = chance.choice(ODD)
        try:
            told = shown(load(json.dumps(document), limit=MAX_RESULT))
        except SeatrialError:
            shapes += 1
            continue
        lines = comment.render(told).split("\n")
        assert [line for line in lines if line.lstrip().startswith("<!--")] == lines[:2]
    assert shapes, "some of them are no result"


def job(github: FakeGitHub, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, **run: object) -> Path:
    """The runner's variables for a job of workflow_run; the folder with what the command leaves."""
    told = {"id": 55, "event": "pull_request", "conclusion": "failure", "head_sha": HEAD, "head_branch": "topic"}
    document = {"workflow_run": told | {"head_repository": {"owner": {"login": "mallory"}}} | run}
    (tmp_path / "event.json").write_text(json.dumps(document), encoding="utf-8")
    for name, value in {
        "GITHUB_ACTIONS": "true",
        "GITHUB_EVENT_NAME": "workflow_run",
        "GITHUB_EVENT_PATH": str(tmp_path / "event.json"),
        "GITHUB_REPOSITORY": "acme/shop",
        "GITHUB_API_URL": github.address,
        "GITHUB_OUTPUT": str(tmp_path / "output"),
        "GITHUB_STEP_SUMMARY": str(tmp_path / "summary"),
        "INPUT_TOKEN": TOKEN,
    }.items():
        monkeypatch.setenv(name, value)
    return tmp_path


def test_the_command_says_nothing_that_a_gate_could_use(
    github: FakeGitHub, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    out = job(github, tmp_path, monkeypatch)
    github.artifacts, github.pulls = [Artifact(3, "seatrial-result", zipped(render(hostile())))], list(FORK)
    assert main(["publish"]) == 0, "a result that blocks is no failure of this job"
    assert len(github.comments) == 1
    outputs = (out / "output").read_text(encoding="utf-8")
    assert [line.split("<<")[0] for line in outputs.splitlines() if "<<" in line] == [
        *("exit-code", "comment-id", "comment-url")
    ]
    assert "produced by the pull request's own code" in (out / "summary").read_text(encoding="utf-8")
    assert capsys.readouterr().out == ""


def test_the_command_ends_with_2_when_it_refuses(
    github: FakeGitHub, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    out = job(github, tmp_path, monkeypatch, event="pull_request_target")
    assert main(["publish"]) == 2
    assert "publish is for runs of pull_request" in capsys.readouterr().err
    assert "error" in (out / "output").read_text(encoding="utf-8")
    assert not (out / "summary").exists()
    assert github.requests == []


def test_the_event_of_a_finished_run(tmp_path: Any) -> None:
    path = tmp_path / "event.json"
    run = {
        "id": 55,
        "run_attempt": 2,
        "event": "pull_request",
        "conclusion": "success",
        "head_sha": HEAD,
        "head_branch": "topic\n",
        "head_repository": {"owner": {"login": "mallory"}},
        "pull_requests": [{"number": 7}, {"number": "8"}, None],
    }
    path.write_text(json.dumps({"workflow_run": run}), encoding="utf-8")
    found = read_event({"GITHUB_EVENT_NAME": "workflow_run", "GITHUB_EVENT_PATH": str(path)}).finished
    assert found == WorkflowRun(55, 2, "pull_request", "success", HEAD, "topic\n", "mallory", (7,))
    path.write_text(json.dumps({"workflow_run": {"id": "x", "pull_requests": 3}}), encoding="utf-8")
    assert read_event({"GITHUB_EVENT_PATH": str(path)}).finished is None

"""The second stage for pull requests from forks: a comment from a result that is not trusted.

It runs on ``workflow_run``, with a token that may write comments and without the pull request's code. Everything but
the findings' texts comes from GitHub or from us: which pull request, which commit, which rules, which links.
"""

import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, replace
from urllib.parse import quote

from scanner.distrust import Origin, distrusted
from scanner.github import Event, Posted, post_comment
from scanner.github.api import Api, ApiFailed, patiently
from scanner.github.artifact import MAX_RESULT, fetch_result
from scanner.github.event import WorkflowRun
from scanner.model import Report, Rule, SeatrialError
from scanner.reports.json import load

__all__ = ["ARTIFACT", "MAX_RESULT", "Published", "Wanted", "publish"]

ENDED = frozenset({"success", "failure"})
ARTIFACT = "seatrial-result"


@dataclass(frozen=True)
class Wanted:
    """What the user says about it."""

    token: str = field(repr=False)
    text: str | None = None
    """The result; None: it is in the run's artifact."""
    artifact: str = ARTIFACT
    policy: str = "auto"
    key: str = "all"


@dataclass(frozen=True)
class Published:
    """What became of it: the report that was shown, and each comment, or why there is nothing to do."""

    report: Report | None = None
    posted: tuple[Posted, ...] = ()
    notice: str | None = None


def publish(
    event: Event,
    wanted: Wanted,
    rules: Iterable[Rule],
    rules_url: str,
    *,
    sleep: Callable[[float], None] = time.sleep,
) -> Published:
    """Render the result of the finished run, and bring the comments of its pull requests up to date.

    Raises SeatrialError with exit code 2 for what is refused, with 3 when GitHub cannot be asked.
    """
    run = _finished(event)
    if run.conclusion not in ENDED:
        return Published(notice=f"Nothing to publish: the scan ended as {run.conclusion or 'unknown'}.")
    if not wanted.token:
        raise SeatrialError("publish needs a token", "permissions: actions: read, pull-requests: write")
    api, repository = Api(event.api, wanted.token), event.repository
    if repository is None or run.head is None:
        raise SeatrialError("the event names no repository or commit")
    head = run.head
    try:
        text = wanted.text
        if text is None:
            text = patiently(lambda: fetch_result(api, repository, run.id, wanted.artifact), sleep)
        numbers = run.pulls or patiently(lambda: _pulls(api, repository, run, head), sleep)
    except ApiFailed as failure:
        raise SeatrialError(failure.message, "the job needs permissions: actions: read", exit_code=3) from None
    origin = Origin(
        repository=f"{event.server}/{repository}",
        head=head,
        run_url=f"{event.server}/{repository}/actions/runs/{run.id}/attempts/{run.attempt}",
        rules_url=rules_url,
        failed=run.conclusion == "failure",
    )
    report = distrusted(load(text, limit=MAX_RESULT), {rule.id: rule for rule in rules}, origin)
    if not numbers:
        return Published(report, notice="Nothing to publish: no open pull request has this commit as its head.")
    told = [replace(event, pull_request=number, head=head) for number in numbers]
    return Published(report, tuple(_post(report, one, wanted, sleep) for one in told))


def _finished(event: Event) -> WorkflowRun:
    run = event.finished
    if event.name != "workflow_run" or run is None:
        raise SeatrialError(
            f"publish runs on workflow_run only, and this is {event.name or 'no event'}",
            "see the two-stage example of the documentation",
        )
    if run.event != "pull_request":
        raise SeatrialError(f"publish is for runs of pull_request, and this one was of {run.event or 'nothing'}")
    return run


def _post(report: Report, event: Event, wanted: Wanted, sleep: Callable[[float], None]) -> Posted:
    told = replace(report, target=replace(report.target, pull_request=event.pull_request))
    return post_comment(told, event, wanted.token, wanted.policy, wanted.key, sleep=sleep)


def _pulls(api: Api, repository: str, run: WorkflowRun, head: str) -> tuple[int, ...]:
    """The open pull requests whose head is this commit: GitHub says which, never the result."""
    if not run.owner or not run.branch:
        return ()
    side = quote(f"{run.owner}:{run.branch}", safe="")
    listed = api.get(f"/repos/{repository}/pulls?state=open&head={side}&per_page=100").value
    found = []
    for one in listed if isinstance(listed, list) else ():
        number, sha = _number(one), _head(one)
        if number is not None and sha == head:
            found.append(number)
    return tuple(found)


def _number(pull: object) -> int | None:
    number = pull.get("number") if isinstance(pull, Mapping) else None
    return number if isinstance(number, int) and not isinstance(number, bool) else None


def _head(pull: object) -> object:
    head = pull.get("head") if isinstance(pull, Mapping) else None
    return head.get("sha") if isinstance(head, Mapping) else None

"""What the runner tells: the event's file and the default variables. All of it is checked; its texts are untrusted."""

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from scanner.model import Run, Target

MAX_EVENT = 8 * 1024 * 1024
"""Bytes; GitHub's own payloads are capped at 25 MB, those of pull requests have some ten thousand."""
SERVER = "https://github.com"
API = "https://api.github.com"

_SHA = re.compile(r"[0-9a-f]{40}|[0-9a-f]{64}")
_REPOSITORY = re.compile(r"[A-Za-z0-9](?:[A-Za-z0-9-]{0,38})/[A-Za-z0-9._-]{1,100}")
_OWNER = re.compile(r"[A-Za-z0-9](?:[A-Za-z0-9-]{0,38})(?:\[bot\])?")
_ADDRESS = re.compile(r"https?://[A-Za-z0-9.-]+(?::\d{1,5})?(?:/[A-Za-z0-9._/-]*)?")


@dataclass(frozen=True)
class WorkflowRun:
    """The run whose end started this one (``workflow_run``)."""

    id: int
    attempt: int
    event: str
    conclusion: str
    head: str | None
    branch: str
    """Name of the head's branch in the repository of its owner; untrusted."""
    owner: str
    """Login of the owner of the head's repository."""
    pulls: tuple[int, ...]
    """Numbers of its pull requests; GitHub leaves it empty for forks."""


@dataclass(frozen=True)
class Event:
    """What started this run. Every field is of its type or None, whatever the event's file holds."""

    name: str = ""
    """``pull_request``, ``push`` …"""
    repository: str | None = None
    """``owner/name``"""
    server: str = SERVER
    api: str = API
    run: int = 0
    attempt: int = 0
    commit: str | None = None
    """``GITHUB_SHA``: on ``pull_request`` GitHub's merge commit."""
    pull_request: int | None = None
    head: str | None = None
    base: str | None = None
    from_fork: bool = False
    finished: WorkflowRun | None = None
    problem: str | None = None
    """Why the event's file could not be read."""

    @property
    def run_url(self) -> str | None:
        """The address of this run and attempt."""
        if self.repository is None or not self.run:
            return None
        return f"{self.server}/{self.repository}/actions/runs/{self.run}/attempts/{max(self.attempt, 1)}"


def read_event(environment: Mapping[str, str]) -> Event:
    """The event of this run from the runner's variables; an empty one outside of GitHub Actions."""
    document, problem = _document(environment.get("GITHUB_EVENT_PATH", ""))
    pull = _object(document, "pull_request")
    queue = _object(document, "merge_group")
    head, base = _object(pull, "head"), _object(pull, "base")
    repository = environment.get("GITHUB_REPOSITORY", "")
    head_repository, base_repository = _object(head, "repo"), _object(base, "repo")
    number = pull.get("number", document.get("number") if pull else None)
    return Event(
        name=environment.get("GITHUB_EVENT_NAME", ""),
        repository=repository if _REPOSITORY.fullmatch(repository) else None,
        server=_address(environment.get("GITHUB_SERVER_URL", ""), SERVER),
        api=_address(environment.get("GITHUB_API_URL", ""), API),
        run=_number(environment.get("GITHUB_RUN_ID", "")),
        attempt=_number(environment.get("GITHUB_RUN_ATTEMPT", "")),
        commit=_sha(environment.get("GITHUB_SHA")),
        pull_request=_positive(number),
        head=_sha(head.get("sha")),
        base=_sha(base.get("sha")) or _sha(queue.get("base_sha")),
        from_fork=bool(pull) and head_repository.get("id") != base_repository.get("id"),
        finished=_finished(_object(document, "workflow_run")),
        problem=problem,
    )


def surroundings(event: Event) -> tuple[Target, Run]:
    """Target and run as far as the event tells them; the scan adds the commit, the times, and the base it compared."""
    repository = f"{event.server}/{event.repository}" if event.repository else None
    target = Target(commit=event.commit, repository=repository, head=event.head, pull_request=event.pull_request)
    return target, Run(url=event.run_url)


def _document(name: str) -> tuple[dict[str, object], str | None]:
    if not name:
        return {}, None
    try:
        path = Path(name)
        if path.stat().st_size > MAX_EVENT:
            return {}, "the event's file is too large"
        document = json.loads(path.read_bytes())
    except (OSError, ValueError, RecursionError) as error:
        return {}, f"the event's file cannot be read: {type(error).__name__}"
    return (document, None) if isinstance(document, dict) else ({}, "the event's file holds no object")


def _object(document: Mapping[str, object], key: str) -> dict[str, object]:
    value = document.get(key)
    return value if isinstance(value, dict) else {}


def _finished(run: Mapping[str, object]) -> WorkflowRun | None:
    number = _positive(run.get("id"))
    if number is None:
        return None
    owner = _text(_object(_object(run, "head_repository"), "owner").get("login"))
    pulls = run.get("pull_requests")
    numbers = (_positive(_object({"x": one}, "x").get("number")) for one in pulls) if isinstance(pulls, list) else ()
    return WorkflowRun(
        id=number,
        attempt=_positive(run.get("run_attempt")) or 1,
        event=_text(run.get("event")),
        conclusion=_text(run.get("conclusion")),
        head=_sha(run.get("head_sha")),
        branch=_text(run.get("head_branch")),
        owner=owner if _OWNER.fullmatch(owner) else "",
        pulls=tuple(one for one in numbers if one is not None),
    )


def _text(value: object) -> str:
    return value if isinstance(value, str) else ""


def _positive(value: object) -> int | None:
    return value if isinstance(value, int) and not isinstance(value, bool) and value > 0 else None


def _sha(value: object) -> str | None:
    return value if isinstance(value, str) and _SHA.fullmatch(value) else None


def _number(text: str) -> int:
    return int(text) if text.isascii() and text.isdigit() and len(text) <= 18 else 0


def _address(text: str, default: str) -> str:
    return text.rstrip("/") if _ADDRESS.fullmatch(text) else default

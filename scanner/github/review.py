"""One review with suggestions, for those who asked for it. Nothing of it changes the verdict."""

import time
from collections.abc import Callable, Iterator
from pathlib import Path

from scanner.github.api import Api, ApiFailed
from scanner.github.event import Event
from scanner.github.sticky import MAX_PAGES, WORKFLOW_LOGIN
from scanner.model import Report
from scanner.reports.suggestions import Lines, Suggestion, fingerprints, suggestions

PAUSES = (1.0, 4.0)
"""Seconds before the second and the third try."""
MAX_FILE = 1024 * 1024
"""Bytes of a file in which a suggestion is made."""


def post_suggestions(
    report: Report,
    event: Event,
    token: str,
    lines: Lines,
    *,
    sleep: Callable[[float], None] = time.sleep,
) -> str | None:
    """Post the fixes of what is new as one review, leaving out those that are there already.

    ``lines`` gives a scanned file's lines. Never raises for anything that GitHub or the network does; returns why
    nothing was posted where that was a failure, else None.
    """
    if event.pull_request is None or event.repository is None:
        return None
    if not token:
        return "No suggestions: there is no token."
    review = _Review(Api(event.api, token), event, event.repository, event.pull_request)
    for pause in (*PAUSES, None):
        try:
            return review.post(report, lines)
        except ApiFailed as failure:
            if not failure.again or pause is None:
                return f"No suggestions: {failure.message}."
            sleep(failure.pause if failure.pause is not None and failure.pause <= max(PAUSES) else pause)
    raise AssertionError  # pragma: no cover - the last pause is None and returns


def lines_below(root: Path) -> Lines:
    """Reads the lines of scanned files; a link, a large file or one that is no UTF-8 has none."""

    def lines(path: str) -> list[str] | None:
        file = root / path
        try:
            if file.is_symlink() or not file.resolve().is_relative_to(root.resolve()):
                return None
            if file.stat().st_size > MAX_FILE:
                return None
            return [line.removesuffix("\r") for line in file.read_bytes().decode("utf-8").split("\n")]
        except (OSError, UnicodeDecodeError):
            return None

    return lines


class _Review:
    """The reviews of one pull request."""

    def __init__(self, api: Api, event: Event, repository: str, number: int) -> None:
        self._api = api
        self._event = event
        self._pull = f"/repos/{repository}/pulls/{number}"

    def post(self, report: Report, lines: Lines) -> str | None:
        """Read what is there, then write at most once. Raises ApiFailed."""
        pull = self._api.get(self._pull).value
        head = (
            pull.get("head", {}).get("sha") if isinstance(pull, dict) and isinstance(pull.get("head"), dict) else None
        )
        if not isinstance(head, str) or head != self._event.head:
            return "No suggestions: the pull request has a newer commit."
        found = suggestions(report, self._patches(), lines, self._there())
        if not found:
            return None
        words = "Seatrial can mend this:" if len(found) == 1 else f"Seatrial can mend {len(found)} findings:"
        comments = [_comment(each) for each in found]
        review = {"commit_id": head, "event": "COMMENT", "body": words, "comments": comments}
        self._api.post(f"{self._pull}/reviews", review)
        return None

    def _patches(self) -> dict[str, str]:
        """The diff by path. GitHub gives none of binary and very large files."""
        found = {}
        for value in self._pages(f"{self._pull}/files?per_page=100"):
            path, patch = value.get("filename"), value.get("patch")
            if isinstance(path, str) and isinstance(patch, str):
                found[path] = patch
        return found

    def _there(self) -> set[str]:
        """The findings for which a suggestion of our own stands on the pull request."""
        login = self._login()
        found: set[str] = set()
        for value in self._pages(f"{self._pull}/comments?per_page=100"):
            author, body = _object(value.get("user")).get("login"), value.get("body")
            if author == login and isinstance(body, str):
                found |= fingerprints(body)
        return found

    def _login(self) -> str:
        try:
            login = _object(self._api.get("/user").value).get("login")
        except ApiFailed as failure:
            if failure.again or failure.status not in {401, 403, 404}:
                raise
            return WORKFLOW_LOGIN
        return login if isinstance(login, str) else WORKFLOW_LOGIN

    def _pages(self, path: str) -> Iterator[dict[str, object]]:
        following: str | None = path
        for _ in range(MAX_PAGES):
            if following is None:
                return
            answer = self._api.get(following)
            for value in answer.value if isinstance(answer.value, list) else ():
                if isinstance(value, dict):
                    yield value
            following = answer.following


def _object(value: object) -> dict[str, object]:
    return value if isinstance(value, dict) else {}


def _comment(suggestion: Suggestion) -> dict[str, object]:
    made: dict[str, object] = {"path": suggestion.path, "line": suggestion.end, "side": "RIGHT"}
    if suggestion.start != suggestion.end:
        made |= {"start_line": suggestion.start, "start_side": "RIGHT"}
    return made | {"body": suggestion.body}

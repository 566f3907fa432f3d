"""One comment on the pull request, edited in place.

It is ours when its author is the token's own login and its first line is our marker: a marker alone can be written by
anyone who may comment, and the bot's account is shared by all actions of a repository. The login comes from
``GET /user``, which GitHub refuses to the tokens of a workflow (403): those write as ``github-actions[bot]``. With the
token of another GitHub App the login is known only from the answer to the first comment; older ones are removed then.
"""

import re
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from scanner.github.api import Answer, Api, ApiFailed, patiently
from scanner.github.event import Event
from scanner.model import Report
from scanner.reports import comment

POLICIES = ("auto", "always", "changes", "never")
WORKFLOW_LOGIN = "github-actions[bot]"
BETWEEN_WRITES = 1.0
MAX_PAGES = 30

_STATE = re.compile(r"<!-- seatrial:state .*\brun=(\d{1,20}) attempt=(\d{1,6}) .*-->")
_PERMISSION = (
    "give the job `permissions: pull-requests: write`; on pull requests from forks the token can only read: "
    "see the two-stage example of the documentation"
)


@dataclass(frozen=True)
class Posted:
    """What became of the comment: its id and address when there is one, and why there is none otherwise."""

    action: str
    """``created``, ``edited``, ``unchanged``, or ``none``."""
    id: int | None = None
    url: str | None = None
    notice: str | None = None


@dataclass(frozen=True)
class _Comment:
    id: int
    url: str
    author: str
    body: str


def post_comment(
    report: Report,
    event: Event,
    token: str,
    policy: str = "auto",
    key: str = "all",
    *,
    sleep: Callable[[float], None] = time.sleep,
) -> Posted:
    """Create or edit the comment for this report.

    ``policy`` says when a comment is created: ``auto`` when there is something to say, ``always``, ``changes`` only
    when something blocks, or ``never``; one that exists is always brought up to date. Never raises for anything that
    GitHub or the network does, and says in ``Posted.notice`` why nothing was posted.
    """
    if policy == "never":
        return Posted("none")
    if event.pull_request is None or event.repository is None:
        return Posted("none")
    if not token:
        return Posted("none", notice="No comment: there is no token.")
    sticky = _Sticky(Api(event.api, token), event, event.repository, event.pull_request, key, sleep)
    wanted = policy == "always" or (comment.worth_a_comment(report) if policy == "auto" else report.summary.blocks > 0)
    return _patiently(lambda: sticky.bring(comment.render(report, key), create=wanted), sleep)


def _patiently(work: Callable[[], Posted], sleep: Callable[[float], None]) -> Posted:
    """The work, begun anew after a failure that may pass: it reads first, so that nothing is written twice."""
    try:
        return patiently(work, sleep)
    except ApiFailed as failure:
        hint = f" ({_PERMISSION})" if failure.status in {401, 403, 404} and not failure.again else ""
        return Posted("none", notice=f"No comment: {failure.message}{hint}.")


class _Sticky:
    """The comment with one marker on one pull request."""

    def __init__(
        self, api: Api, event: Event, repository: str, number: int, key: str, sleep: Callable[[float], None]
    ) -> None:
        self._api = api
        self._event = event
        self._repository = f"/repos/{repository}"
        self._number = number
        self._marker = comment.marker(key)
        self._sleep = sleep
        self._written = False

    def bring(self, body: str, *, create: bool) -> Posted:
        """Bring the comment to this body. Raises ApiFailed."""
        late = self._late()
        if late is not None:
            return Posted("none", notice=late)
        login = self._login()
        marked = [each for each in self._comments() if _first_line(each.body) == self._marker]
        ours = sorted((each for each in marked if each.author == login), key=lambda each: each.id)
        if not ours:
            return self._create(body, marked) if create else Posted("none")
        oldest, *later = ours
        done = self._edit(oldest, body)
        for each in later:
            self._remove(each)
        return done

    def _late(self) -> str | None:
        """Why this run must not speak any more, or None."""
        pull = _object(self._api.get(f"{self._repository}/pulls/{self._number}").value)
        if pull.get("state") != "open":
            return "No comment: the pull request is closed."
        head = _object(pull.get("head")).get("sha")
        if self._event.head is not None and head != self._event.head:
            return "No comment: the pull request has a newer commit, whose own run will comment."
        return None

    def _login(self) -> str:
        try:
            login = _object(self._api.get("/user").value).get("login")
        except ApiFailed as failure:
            if failure.again or failure.status not in {401, 403, 404}:
                raise
            return WORKFLOW_LOGIN
        return login if isinstance(login, str) else WORKFLOW_LOGIN

    def _comments(self) -> Iterator[_Comment]:
        path: str | None = f"{self._repository}/issues/{self._number}/comments?per_page=100"
        for _ in range(MAX_PAGES):
            if path is None:
                return
            answer = self._api.get(path)
            for value in answer.value if isinstance(answer.value, list) else ():
                read = _read(value)
                if read is not None:
                    yield read
            path = answer.following

    def _create(self, body: str, marked: list[_Comment]) -> Posted:
        path = f"{self._repository}/issues/{self._number}/comments"
        made = _read(self._write(lambda: self._api.post(path, {"body": body})).value)
        if made is None:
            return Posted("created")
        # Our login was not the one that we took it for: what this author wrote before is superseded.
        for each in marked:
            if each.author == made.author and each.id != made.id:
                self._remove(each)
        return Posted("created", made.id, made.url)

    def _edit(self, existing: _Comment, body: str) -> Posted:
        if _run(existing.body) > _run(body):
            return Posted("none", existing.id, existing.url, "No comment: a later run has commented already.")
        if _stateless(existing.body) == _stateless(body):
            return Posted("unchanged", existing.id, existing.url)
        try:
            self._write(lambda: self._api.patch(self._comment_path(existing.id), {"body": body}))
        except ApiFailed as failure:
            if failure.status in {404, 410}:
                # Somebody deleted it between our two requests.
                raise ApiFailed(failure.message, status=failure.status, again=True) from None
            raise
        return Posted("edited", existing.id, existing.url)

    def _remove(self, superseded: _Comment) -> None:
        self._write(lambda: self._api.delete(self._comment_path(superseded.id)))

    def _comment_path(self, number: int) -> str:
        return f"{self._repository}/issues/comments/{number}"

    def _write(self, request: Callable[[], Answer]) -> Answer:
        if self._written:
            self._sleep(BETWEEN_WRITES)
        self._written = True
        return request()


def _object(value: object) -> dict[str, object]:
    return value if isinstance(value, dict) else {}


def _read(value: object) -> _Comment | None:
    fields = _object(value)
    number, url, body = fields.get("id"), fields.get("html_url"), fields.get("body")
    author = _object(fields.get("user")).get("login")
    if isinstance(number, int) and isinstance(body, str) and isinstance(author, str):
        return _Comment(number, url if isinstance(url, str) else "", author, body.replace("\r\n", "\n"))
    return None


def _first_line(body: str) -> str:
    return body.split("\n", 1)[0].rstrip()


def _run(body: str) -> tuple[int, int]:
    """Run and attempt of the state line, which is the second; (0, 0) without one."""
    lines = body.split("\n", 2)
    found = _STATE.fullmatch(lines[1].rstrip()) if len(lines) > 1 else None
    return (int(found.group(1)), int(found.group(2))) if found else (0, 0)


def _stateless(body: str) -> str:
    lines = body.rstrip().split("\n")
    return "\n".join([*lines[:1], *lines[2:]])

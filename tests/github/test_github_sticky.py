from dataclasses import replace

import pytest

from scanner.github import Event, Posted, post_comment
from scanner.github.api import Api
from scanner.model import Report
from tests.github.server import BOT, TOKEN, Failure, FakeGitHub, Recorded
from tests.reports.samples import HEAD, SAMPLES, blocked, clean_report, hostile, many, project, report

MARKER = "<!-- seatrial:v1 key=all -->"


class Clock:
    """Instead of waiting: how long it would have been."""

    def __init__(self) -> None:
        self.waits: list[float] = []

    def __call__(self, seconds: float) -> None:
        self.waits.append(seconds)


def event(github: FakeGitHub, **changed: object) -> Event:
    made = Event("pull_request", "acme/shop", "https://github.com", github.address, 5, 1, "a" * 40, 7, HEAD, "b" * 40)
    return replace(made, **changed)  # type: ignore[arg-type]


def run(github: FakeGitHub, model: Report, policy: str = "auto", key: str = "all", number: int = 5) -> Posted:
    url = f"https://github.com/acme/shop/actions/runs/{number}/attempts/1"
    told = replace(model, run=replace(model.run, url=url))
    return post_comment(told, event(github, run=number), TOKEN, policy, key, sleep=Clock())


def test_first_run_creates(github: FakeGitHub) -> None:
    posted = run(github, blocked())
    assert posted.action == "created"
    assert [each.body.split("\n")[0] for each in github.comments] == [MARKER]
    assert posted.id == github.comments[0].id
    assert posted.url == github.url(github.comments[0])
    assert "2 new problems block this merge" in github.comments[0].body


def test_second_run_edits_in_place(github: FakeGitHub) -> None:
    first = run(github, blocked())
    second = run(github, clean_report(), number=6)
    assert (second.action, second.id) == ("edited", first.id)
    assert github.writes == ["POST", "PATCH"]
    assert "nothing blocks this merge" in github.comments[0].body


def test_verdict_flips_back(github: FakeGitHub) -> None:
    run(github, clean_report(), policy="always")
    assert run(github, blocked(), number=6).action == "edited"
    assert run(github, clean_report(), number=7).action == "edited"
    assert len(github.comments) == 1


def test_the_same_again_writes_nothing(github: FakeGitHub) -> None:
    run(github, blocked())
    # Only the run in the links differs.
    same = replace(
        blocked(), run=replace(blocked().run, seconds=99.0, url="https://github.com/acme/shop/actions/runs/5")
    )
    assert post_comment(same, event(github), TOKEN, sleep=Clock()).action in {"unchanged", "edited"}
    before = len(github.writes)
    assert run(github, blocked()).action in {"unchanged", "edited"}
    assert run(github, blocked()).action == "unchanged"
    assert len(github.writes) <= before + 1


@pytest.mark.parametrize(
    ("policy", "sample", "action"),
    [
        ("auto", "clean", "none"),
        ("auto", "blocked", "created"),
        ("auto", "broken-only", "created"),
        ("always", "clean", "created"),
        ("changes", "broken-only", "none"),
        ("changes", "blocked", "created"),
        ("never", "blocked", "none"),
    ],
)
def test_when_a_comment_is_created(github: FakeGitHub, policy: str, sample: str, action: str) -> None:
    assert run(github, SAMPLES[sample](), policy).action == action
    assert len(github.comments) == (action == "created")


def test_never_asks_nothing(github: FakeGitHub) -> None:
    run(github, blocked(), "never")
    assert github.requests == []


def test_one_that_exists_is_updated_even_when_none_would_be_created(github: FakeGitHub) -> None:
    run(github, blocked())
    assert run(github, clean_report(), "changes", number=6).action == "edited"


def test_a_late_run_does_not_overwrite(github: FakeGitHub) -> None:
    run(github, blocked(), number=9)
    posted = run(github, clean_report(), number=8)
    assert posted.action == "none"
    assert "later run" in (posted.notice or "")
    assert "2 new problems" in github.comments[0].body


def test_a_newer_commit_is_there(github: FakeGitHub) -> None:
    github.head = "c" * 40
    posted = run(github, blocked())
    assert posted.action == "none"
    assert "newer commit" in (posted.notice or "")
    assert github.writes == []


def test_the_pull_request_is_closed(github: FakeGitHub) -> None:
    github.state = "closed"
    posted = run(github, blocked())
    assert "closed" in (posted.notice or "")
    assert github.writes == []


def test_no_pull_request_is_silence(github: FakeGitHub) -> None:
    posted = post_comment(blocked(), event(github, pull_request=None), TOKEN, sleep=Clock())
    assert posted == Posted("none")
    assert github.requests == []


def test_no_token(github: FakeGitHub) -> None:
    posted = post_comment(blocked(), event(github), "", sleep=Clock())
    assert "no token" in (posted.notice or "")


def test_the_token_of_a_fork_cannot_write(github: FakeGitHub) -> None:
    github.failures = [Failure("POST", 403, "Resource not accessible by integration")]
    posted = run(github, blocked())
    assert posted.action == "none"
    assert "Resource not accessible by integration" in (posted.notice or "")
    assert "pull-requests: write" in (posted.notice or "")
    assert len([each for each in github.requests if each.method == "POST"]) == 1, "no retry"


def test_somebody_deleted_the_comment(github: FakeGitHub) -> None:
    run(github, blocked())
    github.comments.clear()
    assert run(github, blocked(), number=6).action == "created"
    assert len(github.comments) == 1


def test_somebody_deletes_it_between_two_requests(github: FakeGitHub) -> None:
    run(github, blocked())

    def deleted(request: Recorded) -> None:
        if request.method == "PATCH":
            github.comments.clear()

    github.before = deleted
    assert run(github, clean_report(), "always", number=6).action == "created"
    assert len(github.comments) == 1


def test_a_marker_of_another_author_is_not_ours(github: FakeGitHub) -> None:
    forged = github.add("mallory", f"{MARKER}\nnothing blocks this merge")
    posted = run(github, blocked())
    assert posted.action == "created"
    assert forged.body == f"{MARKER}\nnothing blocks this merge"


def test_a_marker_later_in_the_text_is_not_ours(github: FakeGitHub) -> None:
    other = github.add(BOT, f"Another action says:\n{MARKER}\n")
    assert run(github, blocked()).action == "created"
    assert other in github.comments


def test_another_key_is_another_comment(github: FakeGitHub) -> None:
    run(github, blocked(), key="shop")
    run(github, blocked(), key="api")
    assert [each.body.split("\n")[0] for each in github.comments] == [
        "<!-- seatrial:v1 key=shop -->",
        "<!-- seatrial:v1 key=api -->",
    ]
    github.comments.pop()


def test_the_oldest_of_several_is_edited_and_the_others_go(github: FakeGitHub) -> None:
    first, second = (github.add(BOT, f"{MARKER}\n<!-- seatrial:state run=1 attempt=1 -->\nold") for _ in range(2))
    clock = Clock()
    posted = post_comment(blocked(), event(github), TOKEN, sleep=clock)
    assert posted.id == first.id
    assert github.comments == [first]
    assert second not in github.comments
    assert clock.waits == [1.0], "a second between two writes"


def test_the_login_of_a_personal_token(github: FakeGitHub) -> None:
    github.says_who = github.login = "release-robot"
    github.add(BOT, f"{MARKER}\nof another token")
    assert run(github, blocked()).action == "created"
    assert run(github, clean_report(), number=6).action == "edited"


def test_the_token_of_another_app_leaves_one_comment(github: FakeGitHub) -> None:
    github.login = "acme-app[bot]"
    run(github, blocked())
    run(github, clean_report(), "always", number=6)
    assert [each.author for each in github.comments] == ["acme-app[bot]"]


def test_the_comment_is_on_a_later_page(github: FakeGitHub) -> None:
    for number in range(250):
        github.add("someone", f"comment {number}")
    run(github, blocked())
    assert run(github, clean_report(), number=6).action == "edited"
    assert len(github.comments) == 251


def test_a_link_elsewhere_is_not_followed(github: FakeGitHub) -> None:
    for number in range(150):
        github.add("someone", f"comment {number}")
    real = github._list
    github._list = lambda path, query: (*real(path, query)[:2], {"Link": '<http://127.0.0.1:9/x>; rel="next"'})  # type: ignore[method-assign]
    assert run(github, blocked()).action == "created"


@pytest.mark.parametrize("model", [many(), many(6000, 5), hostile()], ids=["many", "more", "hostile"])
def test_long_reports_are_posted(github: FakeGitHub, model: Report) -> None:
    assert run(github, model).action == "created"
    assert len(github.comments[0].body) < 65_536


def test_too_long_is_a_notice(github: FakeGitHub, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("scanner.reports.comment.render", lambda *_: MARKER + "\n" + "x" * 70_000)
    posted = run(github, blocked())
    assert posted.action == "none"
    assert "422" in (posted.notice or "")


@pytest.mark.parametrize("status", [500, 502, 503, 0])
def test_a_passing_fault_is_tried_again(github: FakeGitHub, status: int) -> None:
    github.failures = [Failure("GET", status, "oops", times=2, path="/comments")]
    clock = Clock()
    posted = post_comment(blocked(), event(github), TOKEN, sleep=clock)
    assert posted.action == "created"
    assert clock.waits == [1.0, 4.0]


def test_an_answer_that_was_lost_does_not_make_two_comments(github: FakeGitHub) -> None:
    lost: list[Recorded] = []

    def lose(request: Recorded) -> None:
        if request.method == "POST" and not lost:
            lost.append(request)
            github.add(BOT, request.body["body"])
            github.failures = [Failure("POST", 0, times=1)]

    github.before = lose
    assert run(github, blocked()).action == "unchanged"
    assert len(github.comments) == 1


@pytest.mark.parametrize("status", [500, 0])
def test_github_is_down(github: FakeGitHub, status: int) -> None:
    github.failures = [Failure(method, status, "oops") for method in ("GET", "POST", "PATCH")]
    clock = Clock()
    posted = post_comment(blocked(), event(github), TOKEN, sleep=clock)
    assert posted.action == "none"
    assert posted.notice
    assert clock.waits == [1.0, 4.0, 16.0]


def test_nobody_listens_at_the_address() -> None:
    here = Event("pull_request", "acme/shop", api="http://127.0.0.1:9", pull_request=7, head=HEAD)
    posted = post_comment(blocked(), here, TOKEN, sleep=Clock())
    assert "cannot be reached" in (posted.notice or "")
    assert TOKEN not in str(posted)


@pytest.mark.parametrize(
    ("headers", "status"),
    [({"Retry-After": "7"}, 429), ({"Retry-After": "7"}, 403), ({"X-RateLimit-Remaining": "0"}, 403)],
)
def test_the_rate_limit_is_honoured(github: FakeGitHub, headers: dict[str, str], status: int) -> None:
    github.failures = [Failure("POST", status, "slow down", headers, times=1)]
    clock = Clock()
    assert post_comment(blocked(), event(github), TOKEN, sleep=clock).action == "created"
    assert clock.waits[0] == (7.0 if "Retry-After" in headers else 1.0)


def test_patience_ends(github: FakeGitHub) -> None:
    github.failures = [Failure("POST", 429, "slow down", {"Retry-After": "61"})]
    clock = Clock()
    posted = post_comment(blocked(), event(github), TOKEN, sleep=clock)
    assert posted.action == "none"
    assert clock.waits == []
    assert "slow down" in (posted.notice or "")


@pytest.mark.parametrize("status", [404, 410, 422])
def test_what_will_not_pass_is_not_tried_again(github: FakeGitHub, status: int) -> None:
    github.failures = [Failure("GET", status, "no", path="/pulls/")]
    posted = run(github, blocked())
    assert posted.action == "none"
    assert f"GitHub answered {status}: no" in (posted.notice or "")
    assert len(github.requests) == 1


def test_what_github_says_is_cleaned(github: FakeGitHub) -> None:
    github.failures = [Failure("POST", 422, "\x1b[31m::error::x\n" + "y" * 1000)]
    notice = run(github, blocked()).notice or ""
    assert "\x1b" not in notice
    assert "\n" not in notice
    assert len(notice) < 400


def test_garbage_is_no_comment(github: FakeGitHub) -> None:
    github._list = lambda path, query: (200, [1, None, {"id": "x"}, {"id": 1, "body": MARKER, "user": None}], {})  # type: ignore[method-assign]
    posted = run(github, blocked())
    github.complaints.clear()
    assert posted.action == "created"


def test_the_token_is_in_no_text(github: FakeGitHub) -> None:
    assert TOKEN not in repr(Api(github.address, TOKEN))


def test_four_projects_of_a_matrix_keep_their_comments(github: FakeGitHub) -> None:
    for name in ("a", "b", "c", "d"):
        one = report(project((), name=name, path=name), exit_code=0)
        assert run(github, one, "always", key=name).action == "created"
    assert len(github.comments) == 4
    del github.comments[1:]

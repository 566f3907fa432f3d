"""Review suggestions: only new and safe ones, only on lines of the diff, each once."""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import cmarkgfm
import pytest
from cmarkgfm.cmark import Options

from scanner.github.actions import finish
from scanner.github.event import Event
from scanner.github.review import lines_below, post_suggestions
from scanner.model import Fix, Location, Report, Severity, Verdict
from scanner.reports.suggestions import LONGEST, MOST, hunks, suggestions
from tests.github.server import TOKEN, Failure, FakeGitHub
from tests.judges import openapi
from tests.reports.samples import HEAD, blocked, hostile, project, report, result, scoped

SETTINGS = "config/settings/production.py"
FILE = [f"line {number}" for number in range(1, 41)]
FILE[11] = 'DEBUG = os.environ.get("DJANGO_DEBUG", "1") == "1"'
PATCH = (
    "@@ -9,5 +9,6 @@ import os\n line 9\n-gone\n+line 10\n line 11\n"
    f"+{FILE[11]}\n line 13\n"
    "@@ -30,2 +31,2 @@\n line 31\n+line 32\n\\ No newline at end of file"
)


class Reviewed(FakeGitHub):
    """A GitHub with a diff and reviews, which refuses a review with a line outside of the diff, as GitHub does."""

    def __init__(self) -> None:
        super().__init__()
        self.patches: dict[str, str | None] = {SETTINGS: PATCH}
        self.reviews: list[dict[str, Any]] = []
        self.review_comments: list[tuple[str, str]] = []

    def answer(self, method: str, path: str, query: dict[str, list[str]], body: Any) -> tuple[int, Any, dict[str, str]]:
        pull = f"/repos/{self.repository}/pulls/{self.number}"
        if (method, path) == ("GET", f"{pull}/files"):
            files = []
            for name, patch in self.patches.items():
                one = openapi.item("GET", path, 200, filename=name)
                files.append(one if patch is None else one | {"patch": patch})
            return 200, files, {}
        if (method, path) == ("GET", f"{pull}/comments"):
            user = openapi.answer("GET", "/user", 200)
            return 200, [self._review_comment(path, user, *each) for each in self.review_comments], {}
        if (method, path) == ("POST", f"{pull}/reviews"):
            return self._review(path, body)
        return super().answer(method, path, query, body)

    def _review_comment(self, path: str, user: Any, author: str, body: str) -> Any:
        keys = openapi.DESCRIPTION["components"]["schemas"]["simple-user"]["required"]
        writer = {key: user.get(key, "x") for key in keys} | {"login": author}
        return openapi.item("GET", path, 200, body=body, user=writer)

    def _review(self, path: str, body: Any) -> tuple[int, Any, dict[str, str]]:
        for comment in body["comments"]:
            there = [set(hunk) for hunk in hunks(self.patches.get(comment["path"]) or "")]
            wanted = set(range(comment.get("start_line", comment["line"]), comment["line"] + 1))
            if not any(wanted <= hunk for hunk in there):
                return 422, {"message": "Unprocessable Entity"}, {}
        self.reviews.append(body)
        self.review_comments += [(self.login, each["body"]) for each in body["comments"]]
        return 200, openapi.answer("POST", path, 200), {}


@pytest.fixture
def reviewed() -> Iterator[Reviewed]:
    server = Reviewed()
    with server.running():
        yield server
    assert server.complaints == []


def lines(path: str) -> Sequence[str] | None:
    return FILE if path == SETTINGS else None


def fixed(*fixes: Fix, verdict: Verdict = Verdict.BLOCKS) -> Report:
    found = tuple(
        scoped("`DEBUG` is true.", Location(fix.path, 1), f"s{index}", Severity.HIGH, verdict, fix=fix, number=index)
        for index, fix in enumerate(fixes)
    )
    return report(project((result("debug-enabled", "settings", Severity.HIGH, *found),)), exit_code=1)


def made(*fixes: Fix, patch: str = PATCH, scanned: Sequence[str] = FILE) -> list[tuple[int, int, str]]:
    found = suggestions(fixed(*fixes), {SETTINGS: patch}, {SETTINGS: scanned}.get)
    return [(each.start, each.end, each.body.split("suggestion\n", 1)[1].split("\n```")[0]) for each in found]


def test_a_line_of_the_diff_is_replaced() -> None:
    assert made(Fix(SETTINGS, 12, 12, ("DEBUG = False",))) == [(12, 12, "DEBUG = False")]


def test_what_is_inserted_replaces_its_neighbour_by_both() -> None:
    assert made(Fix(SETTINGS, 13, 12, ("new",))) == [(13, 13, "new\nline 13")]


def test_what_is_appended_stands_behind_the_last_line() -> None:
    assert made(Fix(SETTINGS, 2, 1, ("new",)), patch="@@ -1 +1 @@\n+only", scanned=["only"]) == [(1, 1, "only\nnew")]


def test_what_is_removed_leaves_an_empty_fence() -> None:
    [one] = suggestions(fixed(Fix(SETTINGS, 9, 10, ())), {SETTINGS: PATCH}, lines)
    assert "```suggestion\n```\n" in one.body


@pytest.mark.parametrize(
    "fix",
    [
        Fix(SETTINGS, 20, 20, ("x",)),
        Fix(SETTINGS, 13, 14, ("x",)),
        Fix(SETTINGS, 13, 31, ("x",)),
        Fix(SETTINGS, 12, 12, ("x",), safe=False),
        Fix("other.py", 12, 12, ("x",)),
        Fix(SETTINGS, 12, 12, ("x",) * (LONGEST + 1)),
        Fix(SETTINGS, 99, 99, ("x",)),
    ],
    ids=["outside", "half outside", "across hunks", "unsafe", "not in the diff", "long", "beyond the file"],
)
def test_no_suggestion(fix: Fix) -> None:
    assert made(fix) == []


@pytest.mark.parametrize("verdict", [Verdict.KNOWN, Verdict.WAIVED])
def test_only_for_what_is_new(verdict: Verdict) -> None:
    model = fixed(Fix(SETTINGS, 12, 12, ("x",)), verdict=verdict)
    assert suggestions(model, {SETTINGS: PATCH}, lines) == ()


def test_lines_that_the_merge_moved_are_found_by_their_text() -> None:
    merged = ["from the base"] * 3 + FILE
    assert made(Fix(SETTINGS, 15, 15, ("DEBUG = False",)), scanned=merged) == [(12, 12, "DEBUG = False")]


def test_of_several_equal_lines_none_is_guessed() -> None:
    patch = "@@ -1,3 +1,3 @@\n same\n+x\n same"
    assert made(Fix(SETTINGS, 9, 9, ("y",)), patch=patch, scanned=["same"] * 9) == []
    assert made(Fix(SETTINGS, 3, 3, ("y",)), patch=patch, scanned=["same", "x", "same"]) == [(3, 3, "y")]


def test_at_most_ten_and_none_over_another() -> None:
    patch = "@@ -0,0 +1,40 @@\n" + "\n".join(f"+{line}" for line in FILE)
    many = [Fix(SETTINGS, number, number, (f"new {number}",)) for number in range(1, 30)]
    assert len(made(*many, patch=patch)) == MOST
    assert len(made(Fix(SETTINGS, 1, 3, ("a",)), Fix(SETTINGS, 3, 4, ("b",)), patch=patch)) == 1


def test_a_fence_is_longer_than_those_in_the_fix() -> None:
    [one] = suggestions(fixed(Fix(SETTINGS, 12, 12, ("````", ""))), {SETTINGS: PATCH}, lines)
    assert "`````suggestion\n````\n\n`````\n" in one.body


def test_hostile_texts_stay_in_their_places() -> None:
    patch = "@@ -0,0 +1,40 @@\n" + "\n".join(f"+{line}" for line in FILE)
    model = hostile()
    fixes = [each.finding.fix for one in model.projects for rule in one.results for each in rule.findings]
    patches = {fix.path: patch for fix in fixes if fix is not None}
    found = suggestions(model, patches, lambda _: FILE)
    assert found
    for one in found:
        html = str(cmarkgfm.github_flavored_markdown_to_html(one.body, Options.CMARK_OPT_UNSAFE))
        outside = re.sub(r"<(code|pre)[ >].*?</\1>", "", html, flags=re.DOTALL)
        assert outside.count("<!--") == 1
        assert html.rstrip().endswith(f"<!-- seatrial:suggestion {one.fingerprint} -->")
        assert not re.search(r"@\w|#\d|<(?!p>|/p>|strong>|/strong>|!--|a href=|/a>)", outside)


def event(github: FakeGitHub, **changed: object) -> Event:
    made = Event("pull_request", "acme/shop", "https://github.com", github.address, 5, 1, "a" * 40, 7, HEAD, "b" * 40)
    return replace(made, **changed)  # type: ignore[arg-type]


FIX = Fix(SETTINGS, 12, 12, ("DEBUG = False",))


def post(github: Reviewed, model: Report | None = None, **changed: object) -> str | None:
    model = model if model is not None else fixed(FIX)
    return post_suggestions(model, event(github, **changed), TOKEN, lines, sleep=lambda _: None)


def test_one_review_that_neither_approves_nor_blocks(reviewed: Reviewed) -> None:
    assert post(reviewed, fixed(FIX, Fix(SETTINGS, 9, 10, ("x",)))) is None
    [review] = reviewed.reviews
    assert (review["event"], review["commit_id"]) == ("COMMENT", HEAD)
    places = [(each.get("start_line"), each["line"], each["side"]) for each in review["comments"]]
    assert places == [(None, 12, "RIGHT"), (9, 10, "RIGHT")]


def test_the_second_run_repeats_nothing(reviewed: Reviewed) -> None:
    post(reviewed)
    assert post(reviewed) is None
    assert len(reviewed.reviews) == 1
    post(reviewed, fixed(FIX, Fix(SETTINGS, 9, 9, ("x",))))
    assert [len(each["comments"]) for each in reviewed.reviews] == [1, 1]


def test_the_marker_of_another_does_not_count(reviewed: Reviewed) -> None:
    post(reviewed)
    reviewed.review_comments = [("mallory", body) for _, body in reviewed.review_comments]
    post(reviewed)
    assert len(reviewed.reviews) == 2


def test_a_newer_commit_stops_it(reviewed: Reviewed) -> None:
    reviewed.head = "c" * 40
    assert post(reviewed) == "No suggestions: the pull request has a newer commit."
    assert reviewed.writes == []


@pytest.mark.parametrize(("status", "tries"), [(422, 1), (403, 1), (500, 3)])
def test_a_refusal_is_a_notice(reviewed: Reviewed, status: int, tries: int) -> None:
    reviewed.failures.append(Failure("POST", status, "no"))
    assert post(reviewed) == f"No suggestions: GitHub answered {status}: no."
    assert len([each for each in reviewed.requests if each.method == "POST"]) == tries


def test_a_failure_that_passes_is_overcome(reviewed: Reviewed) -> None:
    reviewed.failures.append(Failure("POST", 502, "no", times=1))
    assert post(reviewed) is None
    assert len(reviewed.reviews) == 1


def test_no_pull_request_no_token_no_diff(reviewed: Reviewed) -> None:
    assert post(reviewed, pull_request=None) is None
    assert post_suggestions(fixed(FIX), event(reviewed), "", lines) == "No suggestions: there is no token."
    reviewed.patches = {SETTINGS: None}
    assert post(reviewed) is None
    assert reviewed.writes == []


def test_only_when_it_is_asked_for(reviewed: Reviewed, tmp_path: Path) -> None:
    file = tmp_path / SETTINGS
    file.parent.mkdir(parents=True)
    file.write_text("\n".join(FILE))
    payload = tmp_path / "event.json"
    payload.write_text(f'{{"pull_request": {{"number": 7, "head": {{"sha": "{HEAD}"}}, "base": {{}}}}}}')
    environment: Mapping[str, str] = {
        "GITHUB_ACTIONS": "true",
        "GITHUB_EVENT_NAME": "pull_request",
        "GITHUB_EVENT_PATH": str(payload),
        "GITHUB_REPOSITORY": "acme/shop",
        "GITHUB_API_URL": reviewed.address,
        "GITHUB_WORKSPACE": str(tmp_path),
        "INPUT_TOKEN": TOKEN,
        "INPUT_POST_COMMENT": "never",
    }
    finish(fixed(FIX), environment, ())
    assert reviewed.reviews == []
    assert finish(fixed(FIX), {**environment, "INPUT_SUGGESTIONS": "true"}, ()) == ""
    assert len(reviewed.reviews) == 1


def test_files_are_read_only_below_the_checkout(tmp_path: Path) -> None:
    root = tmp_path / "checkout"
    root.mkdir()
    (tmp_path / "outside").write_text("a\nb")
    (root / "link").symlink_to(tmp_path / "outside")
    (root / "binary").write_bytes(b"\xff\xfe")
    (root / "dos").write_bytes(b"a\r\nb\r\n")
    read = lines_below(root)
    assert [read(each) for each in ("link", "../outside", "binary", "missing")] == [None] * 4
    assert read("dos") == ["a", "b", ""]


def test_the_samples_fix_is_suggested() -> None:
    patch = "@@ -12 +12 @@\n-x\n+" + FILE[11]
    [one] = suggestions(blocked(), {SETTINGS: patch}, lines)
    assert one.body.splitlines()[0].startswith("**🔴 critical · proven · [`debug-enabled`](https://")

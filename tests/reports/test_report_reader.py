"""What a reader who has never seen Seatrial must be able to answer from the comment alone.

What blocks, and how many? Where is it? Why is it believed, and what do the words mean? What is to be typed? How is
it run again, and how waived? Asked of the comment on a whole fixture project.
"""

import re
from dataclasses import replace
from functools import cache
from pathlib import Path

import pytest

from scanner.config import build
from scanner.model import Evidence, Location, Proof, Report, Run, Scoped, Severity, Silent, Target, Verdict
from scanner.reports import comment, html
from scanner.reports.reading import Item, items
from scanner.scan import scan
from tests.reports.samples import blocked, project, report, result, scoped

PROJECTS = Path(__file__).parents[2] / "fixtures" / "projects"
TITLE = re.compile(
    r"\*\*(?P<number>\d+) · \S+ (?P<severity>\w+) · (?P<proof>proven|inferred) · \[`(?P<rule>[a-z-]+)`\]\(https://"
)


@cache
def scanned(name: str) -> Report:
    """The project as a pull request on GitHub, from its files alone."""
    config = build(PROJECTS / name, {"layers": "files", "engine": "none"}, {}, None, verbose=False)
    sha = "9f3c1ab27de04c5b8e6f0a1d2c3b4a5968778695"
    found = scan(config, Silent(), Target(), Run())
    target = Target(sha, None, repository="https://github.com/acme/shop", head=sha, pull_request=7)
    return replace(found, target=target)


@pytest.fixture(params=["compose-bad", "article-bad"])
def model(request: pytest.FixtureRequest) -> Report:
    return scanned(request.param)


def blocking(model: Report) -> tuple[Item, ...]:
    return items(model, Verdict.BLOCKS)


def parts(text: str) -> list[str]:
    """The comment cut at the titles of its findings; the first piece is what stands before them."""
    cuts = [found.start() for found in TITLE.finditer(text)]
    return [text[start:end] for start, end in zip([0, *cuts], [*cuts, len(text)], strict=True)]


def test_what_blocks_and_how_many(model: Report) -> None:
    text = comment.render(model)
    count = len(blocking(model))
    assert count > 5
    assert f"{count} problems block this merge" in text.splitlines()[2]
    named = {
        (found["rule"], found["severity"]) for found in TITLE.finditer(text.partition("below the gate</summary>")[0])
    }
    assert {(item.result.rule, item.scoped.severity.word) for item in blocking(model)} == named


def test_where(model: Report) -> None:
    text = comment.render(model)
    for item in blocking(model):
        place = item.finding.location
        assert f"[`{place.path}:{place.line}`](https://github.com/acme/shop/blob/" in text


def test_why_it_is_believed(model: Report) -> None:
    text = comment.render(model)
    for word in ("*Proven*: seen from outside", "*Inferred*: concluded from its files"):
        assert word in text
    for item in blocking(model):
        assert any(piece.text.splitlines()[0][:60] in text for piece in item.finding.evidence), item.result.rule


def test_what_to_type(model: Report) -> None:
    text = comment.render(model)
    for item in blocking(model):
        cure = item.finding.fix.lines if item.finding.fix else item.result.cure.splitlines()
        assert cure, f"{item.result.rule} says what is wrong and not what would be right"
        assert all(line in text for line in cure), item.result.rule


def test_how_to_run_it_again_and_to_waive(model: Report) -> None:
    text = comment.render(model)
    assert "pip install seatrial\nseatrial scan ." in text
    assert "# seatrial: ignore[RULE] until=YYYY-MM-DD reason=" in text


def test_the_evidence_of_one_finding_stands_below_it(model: Report) -> None:
    told = [part for part in parts(comment.render(model)) if "\n- " in part or "```" in part]
    assert len(told) > len(blocking(model))


def test_what_was_seen_live_is_among_the_first_pieces() -> None:
    pieces = [Evidence(f"location /{number}/", Location("site.conf", number)) for number in range(1, 9)]
    live = Evidence("GET http://shop.example/ -> 200")
    found = scoped(
        "The site answers over plain HTTP.",
        Location("site.conf", 1),
        "server",
        Severity.HIGH,
        Verdict.BLOCKS,
        evidence=(*pieces, live),
        proof=Proof.PROVEN,
    )
    text = comment.render(report(project((result("plain-http-served", "https", Severity.HIGH, found),)), exit_code=1))
    shown = [line for line in text.splitlines() if line.startswith("- ")][:3]
    assert "location /1/" in shown[0]
    assert shown[2] == "- `GET http://shop.example/ -> 200`"
    assert "and 6 more pieces of evidence" in text


def test_without_a_fix_the_rule_tells_how_it_should_look() -> None:
    model = blocked()
    [one] = model.projects
    results = tuple(
        replace(each, cure="listen 443 ssl;", findings=tuple(_unfixed(found) for found in each.findings))
        for each in one.results
    )
    changed = replace(model, projects=(replace(one, results=results),))
    assert "For example (names and paths are not yours):\n\n```\nlisten 443 ssl;\n```" in comment.render(changed)
    assert "<pre><code>listen 443 ssl;</code></pre>" in html.render(changed)


def _unfixed(found: Scoped) -> Scoped:
    return replace(found, finding=replace(found.finding, fix=None))

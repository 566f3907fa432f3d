import re
from collections.abc import Callable
from dataclasses import replace

import cmarkgfm
import pytest
from cmarkgfm.cmark import Options

from scanner.model import Evidence, Gate, Location, Report, Scoped, Severity, Verdict
from scanner.reports import comment, summary
from scanner.reports.comment import BUDGET, comment_key, marker, render, units, worth_a_comment
from tests.reports.samples import (
    BASE,
    COMPARED,
    HEAD,
    SAMPLES,
    Compare,
    blocked,
    clean_report,
    hostile,
    incomplete,
    many,
    project,
    report,
    result,
    scoped,
)

TAGS = {
    *("h2", "h3", "p", "strong", "code", "a", "blockquote", "ul", "li", "table", "thead", "tbody", "tr", "th", "td"),
    *("pre", "details", "summary", "sub", "em"),
}

SYNTAX = (
    r'flowchart LR|  n\d+(\(\[""\]\)|\[""\]|\[\(""\)\])|  n\d+ -->(\|""\|)? n\d+'
    r"|  classDef .*|  class [n\d,]+ (blocks|unseen)"
)


def html(markdown: str) -> str:
    return str(cmarkgfm.github_flavored_markdown_to_html(markdown, Options.CMARK_OPT_UNSAFE))


def big(findings: int, size: int = 1) -> Report:
    """A report with that many blocking findings of that much evidence."""
    found = tuple(
        scoped(
            f"`location /{number}/` " + "is wrong " * size,
            Location(f"deploy/{'d' * 80}/site.conf", number + 1),
            f"location /{number}/",
            Severity.HIGH,
            Verdict.BLOCKS,
            evidence=tuple(Evidence("y" * 600) for _ in range(size)),
        )
        for number in range(findings)
    )
    one = project((result("alias-traversal", "files", Severity.HIGH, *found),), comparison=COMPARED)
    return report(one, exit_code=1)


@pytest.mark.parametrize("sample", SAMPLES)
def test_golden_comment(sample: str, golden: Compare) -> None:
    golden(sample, "comment.md", render(SAMPLES[sample](), "shop"))


@pytest.mark.parametrize("sample", SAMPLES)
def test_golden_summary(sample: str, golden: Compare) -> None:
    golden(sample, "summary.md", summary.render(SAMPLES[sample]()))


@pytest.mark.parametrize("renderer", [render, summary.render])
@pytest.mark.parametrize("sample", [*SAMPLES, "many"])
def test_only_our_own_tags_and_links(sample: str, renderer: Callable[[Report], str]) -> None:
    made = html(renderer(many() if sample == "many" else SAMPLES[sample]()))
    made = re.sub(r"\A(<!-- seatrial:[^>]*-->\n){2}", "", made)
    assert "<!--" not in made
    assert set(re.findall(r"</?([a-zA-Z0-9]+)", made)) <= TAGS
    assert not re.search(r"<(?!a |th |td |pre |details |/)[a-z0-9]+ ", made), "no attribute but ours"
    addresses = set(re.findall(r'href="([^"]*)"', made))
    assert all(each.startswith("https://github.com/acme/") for each in addresses)
    assert not re.search(r'(lang="(?!mermaid"|diff"|sh"))|(align="(?!left"|right"))', made)


@pytest.mark.parametrize("sample", SAMPLES)
def test_nobody_is_mentioned(sample: str) -> None:
    outside = re.sub(r"<(code|pre)[ >].*?</\1>", "", html(render(SAMPLES[sample]())), flags=re.DOTALL)
    outside = re.sub(r"<!--.*?-->|<[^>]*>", "", outside)
    assert not re.search(r"@\w|#\d|://|www\.", outside)


def test_the_marker_is_the_first_line_and_stands_there_only_once() -> None:
    text = render(hostile(), "shop")
    assert text.splitlines()[0] == "<!-- seatrial:v1 key=shop -->"
    assert [line for line in text.splitlines() if line.startswith("<!-- seatrial:v1")] == [marker("shop")]
    state = f"<!-- seatrial:state head={HEAD} base={BASE} run=1234567890 attempt=1 verdict=blocked -->"
    assert text.splitlines()[1] == state


@pytest.mark.parametrize(
    ("key", "encoded"),
    [
        ("shop", "shop"),
        ("a/b,c", "a/b,c"),
        ("a--b", "a-%2Db"),
        ("----", "-%2D-%2D"),
        ("---", "-%2D-"),
        ("x --> y", "x%20-%2D%3E%20y"),
        ("é", "%C3%A9"),
        ("", "all"),
    ],
)
def test_keys_cannot_end_the_comment(key: str, encoded: str) -> None:
    assert comment_key(key) == encoded
    assert "--" not in comment_key(key)


def test_state_of_a_second_attempt() -> None:
    model = blocked()
    url = "https://github.com/acme/shop/actions/runs/77/attempts/3"
    assert "run=77 attempt=3" in render(replace(model, run=replace(model.run, url=url)))
    assert "run=0 attempt=0" in render(replace(model, run=replace(model.run, url=None)))


def test_a_passing_scan_is_two_lines() -> None:
    lines = render(clean_report()).splitlines()
    assert lines[2] == "### ✅ Seatrial: nothing blocks this merge"
    assert len(lines) == 4
    assert "4 rules, 3 passed, 1 do not apply" in lines[3]
    assert "files, boot and stack ran" in lines[3]


def test_headlines() -> None:
    assert "## 🛑 Seatrial: 2 new problems block this merge" in render(blocked())
    assert "## 🛑 Seatrial: 1 new problem blocks this merge" in render(incomplete())
    assert "🚧 **The scan is incomplete:** the stack did not start, 1 rule broke" in render(incomplete())
    assert "## 🚧 Seatrial: the scan is incomplete: 1 rule broke" in render(SAMPLES["broken-only"]())


def test_the_numbers_of_the_diagram_are_those_of_the_findings() -> None:
    text = render(blocked())
    assert "nginx (🟠 2, 🟡 3) → Gunicorn → Django (🔴 1) → PostgreSQL, Redis" in text
    assert "🔴 1 debug-enabled" in text
    assert "**1 · 🔴 critical · proven · [`debug-enabled`]" in text


def test_no_diagram_off_github_com() -> None:
    model = blocked()
    elsewhere = replace(model, target=replace(model.target, repository="https://git.acme.example/acme/shop"))
    assert "```mermaid" in render(model)
    assert "```mermaid" not in render(elsewhere)
    assert "**Request path:**" in render(elsewhere)
    assert "https://git.acme.example/acme/shop/blob/" in render(elsewhere)


def test_labels_of_the_diagram_hold_only_what_is_allowed() -> None:
    found = re.search(r"```mermaid\n(.*?)\n```", render(hostile()), re.DOTALL)
    assert found
    for line in found.group(1).splitlines():
        labels = re.findall(r'"([^"]*)"', line)
        for label in labels:
            for part in label.split("<br/>"):
                assert re.fullmatch(r"(?:[A-Za-z0-9 ./:_\-,()=*@+~]|#\d+;|[^\x00-\u2100])*", part), part
                assert "fa:" not in part
        assert re.fullmatch(SYNTAX, re.sub(r'"[^"]*"', '""', line)), line


def test_several_projects_are_folded_and_counted_by_row() -> None:
    rules = (result("debug-enabled", "settings", Severity.HIGH),)
    first = blocked().projects[0]
    text = render(report(first, project(rules, name="api", path="api"), exit_code=1))
    assert "| `shop` | **1** | **1** | 1 |" in text
    assert "| `api` | · | · | · |" in text
    assert "<details open><summary>10 rules" in text
    assert "<details><summary>1 rule," in text


def test_shrinking_is_by_whole_levels() -> None:
    assert comment.FULL.evidence
    full = render(big(5, size=3))
    assert "y" * 500 in full
    assert "shortened" not in full
    many_projects = [replace(big(50).projects[0], name=f"shop{each}", path=f"shop{each}") for each in range(3)]
    short = render(report(*many_projects, exit_code=1))
    assert units(short) <= BUDGET
    assert "shortened, the full report is in the run" in short
    assert "y" * 500 not in short
    assert "location /4/" in short
    assert re.search(r"and \d+ more: see the full report", short)


def test_seventy_thousand_characters_become_counts(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(comment, "BUDGET", 3000)
    text = render(big(300, size=3))
    assert units(text) <= 3000
    assert text.startswith(marker("all"))
    assert "300 new problems block this merge" in text
    assert "| 🆕 **New in this pull request** | · | **300** |" in text


@pytest.mark.parametrize("findings", [0, 1, 5, 6, 45, 46, 300, 2000])
def test_it_always_fits(findings: int) -> None:
    assert units(render(big(findings, size=6))) <= BUDGET
    assert len(summary.render(big(findings, size=6)).encode()) <= summary.BUDGET


def test_units_are_those_of_utf_16() -> None:
    assert units("a🔴") == 3


def test_the_body_does_not_change_when_nothing_changed() -> None:
    model = blocked()
    later = replace(model, run=replace(model.run, seconds=99.0))
    assert render(model) == render(later)


def test_nonces_do_not_change_the_body() -> None:
    def with_nonce(nonce: str) -> str:
        evidence = (Evidence(f"GET https://evil-{nonce}.test/__seatrial_{nonce}/echo -> 200 {HEAD}"),)
        found = scoped("x", Location("x", 1), "x", Severity.HIGH, Verdict.BLOCKS, evidence=evidence)
        return render(report(project((result("debug-enabled", "settings", Severity.HIGH, found),)), exit_code=1))

    assert with_nonce("fff27cc3d0db001b") == with_nonce("0123456789abcdef")
    assert HEAD in with_nonce("fff27cc3d0db001b")


def test_the_gate_is_not_computed_again() -> None:
    model = blocked()
    other = render(replace(model, gate=Gate("low", "new")))
    changed = [
        (ours, theirs)
        for ours, theirs in zip(render(model).splitlines(), other.splitlines(), strict=True)
        if ours != theirs
    ]
    assert len(changed) == 1
    assert "gate:" in changed[0][0]


def test_worth_a_comment() -> None:
    assert not worth_a_comment(clean_report())
    assert worth_a_comment(blocked())
    assert worth_a_comment(SAMPLES["broken-only"]())


def test_summary_holds_every_finding_and_every_reason() -> None:
    text = summary.render(blocked())
    assert text.count("security-header-dropped") >= 2
    assert "unknown: STATIC_ROOT at config/settings/base.py:8" in text
    assert "seatrial:v1" not in text
    lots = summary.render(big(100, size=2))
    assert all(f"location /{number}/" in lots for number in range(100))


def test_the_foot_says_where_a_waiver_stands_and_where_the_whole_report_is() -> None:
    model = blocked()
    foot = render(model).splitlines()[-1]
    assert "on the line above it (or, not in a Dockerfile, behind it)" in foot
    assert "[full report](https://github.com/acme/shop/actions/runs/1234567890)" in foot
    alone = render(replace(model, run=replace(model.run, url=None))).splitlines()[-1]
    assert "full report: the same scan with `--html FILE`" in alone


def test_the_legend_says_whose_answers_these_are() -> None:
    assert "the requests below went to that copy, not to your servers" in render(blocked())


def test_the_request_path_counts_stores_and_what_has_no_stop() -> None:
    def at(hop: str | None, severity: Severity = Severity.HIGH) -> Scoped:
        return scoped("x", Location("docker-compose.yml", 1), str(hop), severity, Verdict.BLOCKS, hop=hop)

    found = (at("db"), at(None), at(None, Severity.MEDIUM), at(None, Severity.LOW))
    one = project((result("datastore-exposed", "exposure", Severity.HIGH, *found),))
    text = render(report(one, exit_code=1))
    path = next(line for line in text.splitlines() if line.startswith("**Request path:**"))
    assert "PostgreSQL (🟠 2), Redis; elsewhere (🟠 1, 🟡 3)" in path


def test_what_blocks_beyond_the_first_is_linked_once() -> None:
    text = render(big(7))
    folded = text.partition("Evidence and cure of 6 to 7")[2].partition("</details>")[0]
    assert "**6** · `alias-traversal` · `deploy/" in folded
    assert "](https" not in folded.partition("- `")[0]
    assert text.count("**6") == 2


def test_what_does_not_apply_is_left_to_the_full_report() -> None:
    text = render(blocked())
    assert "1 do not apply" in text
    assert "Does not apply:" not in text
    assert "Not checked: `static-alias-mismatch`" in text
    assert "Does not apply: `ssh-password-login`" in summary.render(blocked())

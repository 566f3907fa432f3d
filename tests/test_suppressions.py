"""Suppressions: what counts, what a pull request adds, what matches nothing; and what leaves the baseline."""

import datetime as dt
from pathlib import Path
from typing import Any

import pytest

from scanner.baseline import dump, prune
from scanner.config import Comparison
from scanner.facts.suppressions import RuleBook, SuppressionEntry, Suppressions, UnusedSuppressions, inline
from scanner.judging import Judged
from scanner.model import (
    Errored,
    Failed,
    Finding,
    Layer,
    LayerReport,
    LayerStatus,
    Location,
    Outcome,
    Passed,
    ReasonKind,
    RequestPath,
    Rule,
    ScopeClass,
    SeatrialError,
    Severity,
    Skipped,
    Unavailable,
)
from scanner.project import Base, Checkout, Project
from scanner.settings_file import Ignore, read_ignores
from scanner.suppressions import in_force, unused
from tests.reports.samples import blocked, project, report, result

GOOD = '# seatrial: ignore[hsts-missing] until=2027-01-31 reason="TLS ends at the CDN"'
BOOK = RuleBook(dt.date(2026, 11, 22), frozenset({"hsts-missing", "debug-enabled"}))
PATH = "deploy/a.conf"


def test_covers_its_line_and_the_next() -> None:
    (one,) = inline("a.conf", f"x\n{GOOD}\nlisten 80;\n")
    assert (one.rule, one.lines, one.reason, one.until) == ("hsts-missing", (2, 3), "TLS ends at the CDN", "2027-01-31")


def test_at_the_end_of_a_line_it_covers_that_line() -> None:
    (one,) = inline("a.conf", f"listen 80; {GOOD}\nlisten 81;\n")
    assert one.lines == (1,)


def test_several_rules_and_any_order() -> None:
    found = inline("a", 'x = 1  # seatrial: ignore[a-b, c-d] reason="why not" until=2027-01-31\n')
    assert [(one.rule, one.reason, one.until) for one in found] == [
        ("a-b", "why not", "2027-01-31"),
        ("c-d", "why not", "2027-01-31"),
    ]


def test_strings_of_python_suppress_nothing() -> None:
    text = f'"""\n{GOOD}\n"""\nX = 1  {GOOD}\n'
    assert [one.location.line for one in inline("a.py", text)] == [4]
    assert len(inline("broken.py", f'"""\n{GOOD}\n')) == 1, "what is no Python is read line by line"


@pytest.mark.parametrize(
    ("line", "problem"),
    [
        (GOOD, None),
        ("# seatrial: ignore[hsts-missing]", "no reason"),
        ('# seatrial: ignore[hsts-missing] reason="no date"', "no end"),
        ("# seatrial: ignore[hsts-missing] until=2027-01-31", "no reason"),
        ('# seatrial: ignore[hsts-missing] until=2027-01-31 reason=""', "no reason"),
        ('# seatrial: ignore[hsts-missing] until=2027-13-31 reason="no such month"', "no date"),
        ('# seatrial: ignore[hsts-missing] until=2027-11-24 reason="a year and two days"', "more than a year"),
        ('# seatrial: ignore[hsts-mising] until=2027-01-31 reason="x"', "did you mean `hsts-missing`"),
        ('# seatrial: ignore[] until=2027-01-31 reason="no rule"', "no rule"),
    ],
)
def test_what_is_wrong_is_told_and_suppresses_nothing(line: str, problem: str | None) -> None:
    (one,) = inline("a", line)
    found = one.problem(BOOK)
    assert found == problem or (problem is not None and problem in (found or ""))
    assert bool(in_force(Suppressions((one,)), (), BOOK, None).holding) == (problem is None)


def test_the_last_day_still_counts() -> None:
    for day, holds in (("2026-11-21", False), ("2026-11-22", True)):
        (one,) = inline("a", GOOD.replace("2027-01-31", day))
        assert one.expired(BOOK) is not holds
        assert bool(in_force(Suppressions((one,)), (), BOOK, None).holding) is holds


class FakeBase(Base):
    """A base commit that holds these files."""

    files: dict[str, str]

    def read_text(self, path: str) -> str | None:
        return self.files.get(path)


def base(text: str | None = None) -> Comparison:
    made = FakeBase(Path(), "b" * 40)
    object.__setattr__(made, "files", {} if text is None else {PATH: text})
    return Comparison(made)


IGNORE = Ignore("debug-enabled", "shop/settings.py", None, "staging", "2027-01-31", 2)


def entries(*lines: str) -> Suppressions:
    return Suppressions(tuple(one for line in lines for one in inline(PATH, line)))


def test_on_a_pull_request_comments_count_that_the_base_has() -> None:
    held = in_force(entries(GOOD), (), BOOK, base(f"moved\n\n{GOOD}\n"))
    assert [one.rule for one in held.holding] == ["hsts-missing"]
    assert held.pending == ()


@pytest.mark.parametrize(
    "change", [("2027-01-31", "2027-02-28"), ("TLS ends", "No TLS"), ("hsts-missing", "debug-enabled")]
)
def test_another_rule_reason_or_date_is_a_new_one(change: tuple[str, str]) -> None:
    held = in_force(entries(GOOD.replace(*change)), (), BOOK, base(GOOD))
    assert held.holding == ()
    assert [(one.path, one.line) for one in held.pending] == [(PATH, 1)]


def test_without_the_base_none_counts() -> None:
    held = in_force(entries(GOOD), (), BOOK, Comparison(None))
    assert (held.holding, len(held.pending)) == ((), 1)


def test_the_list_of_the_configuration_counts_as_the_base_has_it() -> None:
    text = "ignore:\n  - {rule: debug-enabled, path: shop/settings.py, reason: staging, until: 2027-01-31}\n"
    (listed,) = read_ignores(text, ".seatrial.yml")
    added = Suppressions(
        (SuppressionEntry("hsts-missing", PATH, (), None, "x", "2027-01-31", Location(".seatrial.yml", 9), "config"),)
    )
    held = in_force(added, (listed,), BOOK, base())
    assert [(one.rule, one.kind) for one in held.holding] == [("debug-enabled", "config")]
    assert [(one.rule, one.line) for one in held.pending] == [("hsts-missing", 9)]


@pytest.mark.parametrize("text", ["ignore: 3", "- x", "ignore: [{rule: x, what: y}]", "a: [", "x" * 300_000, ""])
def test_a_broken_configuration_of_the_head_lists_nothing(text: str) -> None:
    assert read_ignores(text, ".seatrial.yml") == ()


def judged(outcome: Outcome, *found: SuppressionEntry, stack: LayerStatus = LayerStatus.RAN) -> Judged:
    checkout = Checkout(Path(), (), frozenset(), is_git=True, commit=None, dirty=False)
    layers = tuple(LayerReport(name, stack if name is Layer.STACK else LayerStatus.RAN, "", 0.0) for name in Layer)
    rule = Rule("hsts-missing", Severity.HIGH, "0.1", "Title.", "headers", lambda: ())
    return Judged(
        project=Project(checkout, ".", "shop", None),
        layers=layers,
        outcomes=((rule, outcome),),
        scope_of=lambda _: (ScopeClass.PROD, ""),
        settings=None,
        request_path=RequestPath(),
        unreadable=False,
        exchanges=(),
        suppressions=Suppressions(found),
    )


def a_finding(line: int) -> Finding:
    return Finding("x", Location(PATH, line), "server")


@pytest.mark.parametrize(
    ("outcome", "gone"),
    [
        (Passed(), True),
        (Failed((a_finding(2),)), False),
        (Failed((a_finding(9),)), True),
        (Skipped("no layer", ReasonKind.LAYER_MISSING), False),
        (Errored("broke"), False),
    ],
)
def test_unused_is_what_matches_nothing_although_its_rule_looked(outcome: Any, gone: bool) -> None:
    (one,) = inline(PATH, GOOD)
    mine = judged(outcome, one)
    assert unused(mine, [mine], BOOK) == UnusedSuppressions((one,) if gone else ())


def test_another_project_may_use_it() -> None:
    (one,) = inline(PATH, GOOD)
    mine, other = judged(Passed(), one), judged(Failed((a_finding(2),)))
    assert unused(mine, [mine, other], BOOK) == UnusedSuppressions(())


def test_nobody_knows_when_a_layer_did_not_run() -> None:
    (one,) = inline(PATH, GOOD)
    mine = judged(Passed(), one, stack=LayerStatus.FAILED)
    assert isinstance(unused(mine, [mine], BOOK), Unavailable)


def test_an_expired_or_invalid_one_is_not_unused_as_well() -> None:
    found = inline(PATH, GOOD.replace("2027", "2020")) + inline(PATH, "# seatrial: ignore[hsts-missing]")
    mine = judged(Passed(), *found)
    assert unused(mine, [mine], BOOK) == UnusedSuppressions(())


def test_pruning_takes_out_what_is_gone_and_adds_nothing() -> None:
    text = dump(blocked())
    gone = report(project((result("debug-enabled", "settings", Severity.CRITICAL),)), exit_code=0)
    pruned, count = prune(text, "b.json", gone)
    assert '"findings": [\n\n]' in pruned
    assert count == text.count("fingerprint")
    assert prune(pruned, "b.json", blocked()) == (pruned, 0)
    assert prune(text, "b.json", blocked()) == (text, 0)


def test_pruning_keeps_what_nobody_looked_at() -> None:
    skipped = Skipped("no stack", ReasonKind.LAYER_MISSING)
    seen = report(project((result("debug-enabled", "settings", Severity.CRITICAL, outcome=skipped),)), exit_code=0)
    pruned, _ = prune(dump(blocked()), "b.json", seen)
    assert pruned.count("debug-enabled") == 2
    with pytest.raises(SeatrialError, match="no baseline"):
        prune("{}", "b.json", seen)

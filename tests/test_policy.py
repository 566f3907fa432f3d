"""Verdicts: what blocks, what is capped, waived or known, and what makes a scan incomplete."""

import datetime as dt
from typing import Any

import pytest

from scanner.model import (
    Errored,
    Failed,
    Finding,
    Layer,
    LayerReport,
    LayerStatus,
    Location,
    Passed,
    Rule,
    ScopeClass,
    Severity,
    Summary,
    Verdict,
)
from scanner.policy import Policy, Suppression, cap, exit_code, normalised, stamp

TODAY = dt.date(2026, 11, 22)
POLICY = Policy(fail_on=Severity.HIGH, today=TODAY)


def a_rule(name: str = "debug-enabled", severity: Severity = Severity.HIGH) -> Rule:
    return Rule(name, severity, "0.1", "Title.", "settings", lambda: ())


def a_finding(line: int = 3, message: str = "`DEBUG` is true.", symbol: str = "settings.DEBUG") -> Finding:
    return Finding(message, Location("shop/settings.py", line), symbol)


def stamped(*findings: Any, rule: Any = None, policy: Any = POLICY, scope: Any = ScopeClass.PROD) -> Any:
    (result,) = stamp(".", [(rule or a_rule(), Failed(findings))], policy, lambda path: (scope, "because"))
    return result


@pytest.mark.parametrize(
    ("severity", "scope", "capped"),
    [
        (Severity.CRITICAL, ScopeClass.PROD, Severity.CRITICAL),
        (Severity.CRITICAL, ScopeClass.UNKNOWN, Severity.HIGH),
        (Severity.HIGH, ScopeClass.UNKNOWN, Severity.MEDIUM),
        (Severity.MEDIUM, ScopeClass.UNKNOWN, Severity.MEDIUM),
        (Severity.CRITICAL, ScopeClass.DEV, Severity.INFO),
        (Severity.CRITICAL, ScopeClass.EXAMPLE, Severity.LOW),
        (Severity.INFO, ScopeClass.EXAMPLE, Severity.INFO),
    ],
)
def test_scope_caps_severity(severity: Any, scope: Any, capped: Any) -> None:
    assert cap(severity, scope) is capped


@pytest.mark.parametrize(
    ("severity", "fail_on", "scope", "verdict"),
    [
        (Severity.HIGH, Severity.HIGH, ScopeClass.PROD, Verdict.BLOCKS),
        (Severity.MEDIUM, Severity.HIGH, ScopeClass.PROD, Verdict.REPORTED),
        (Severity.MEDIUM, Severity.MEDIUM, ScopeClass.PROD, Verdict.BLOCKS),
        (Severity.CRITICAL, None, ScopeClass.PROD, Verdict.REPORTED),
        (Severity.CRITICAL, Severity.HIGH, ScopeClass.UNKNOWN, Verdict.BLOCKS),
        (Severity.HIGH, Severity.HIGH, ScopeClass.UNKNOWN, Verdict.REPORTED),
        (Severity.CRITICAL, Severity.LOW, ScopeClass.DEV, Verdict.REPORTED),
    ],
)
def test_gate(severity: Any, fail_on: Any, scope: Any, verdict: Any) -> None:
    result = stamped(a_finding(), rule=a_rule(severity=severity), policy=Policy(fail_on, TODAY), scope=scope)
    assert result.findings[0].verdict is verdict


def test_examples_are_judged_only_for_real_secrets() -> None:
    assert stamped(a_finding(), scope=ScopeClass.EXAMPLE).outcome == Passed()
    (kept,) = stamped(a_finding(), rule=a_rule("env-file-committed"), scope=ScopeClass.EXAMPLE).findings
    assert kept.severity is Severity.LOW
    assert kept.verdict is Verdict.REPORTED


def test_a_fingerprint_outlives_moved_lines_but_not_another_symbol() -> None:
    (before,) = stamped(a_finding(3)).findings
    (moved,) = stamped(a_finding(30)).findings
    (other,) = stamped(a_finding(3, symbol="settings.OTHER")).findings
    assert before.fingerprint == moved.fingerprint != other.fingerprint


def test_twins_have_fingerprints_of_their_own() -> None:
    twins = stamped(a_finding(3), a_finding(9)).findings
    assert len({one.fingerprint for one in twins}) == 2


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("see `a.py:12`", "see `a.py:99`"),
        ("key 0123456789abcdef", "key fedcba9876543210"),
        ("after 30 seconds", "after 31 seconds"),
    ],
)
def test_what_changes_between_runs_is_no_part_of_a_fingerprint(one: Any, other: Any) -> None:
    assert normalised(one) == normalised(other)


def a_suppression(**changes: Any) -> Suppression:
    fields = {
        "rule": "debug-enabled",
        "path": "shop/settings.py",
        "lines": (3, 4),
        "symbol": None,
        "reason": "staging",
        "until": TODAY,
        "location": Location("shop/settings.py", 3),
        "kind": "inline",
    }
    return Suppression(**{**fields, **changes})


@pytest.mark.parametrize(
    ("changes", "verdict"),
    [
        ({}, Verdict.WAIVED),
        ({"rule": "other"}, Verdict.BLOCKS),
        ({"lines": (7, 8)}, Verdict.BLOCKS),
        ({"path": "other.py"}, Verdict.BLOCKS),
        ({"lines": (), "symbol": "settings.DEBUG"}, Verdict.WAIVED),
        ({"lines": (), "symbol": "settings.OTHER"}, Verdict.BLOCKS),
    ],
)
def test_suppressions_waive_what_they_name(changes: Any, verdict: Any) -> None:
    policy = Policy(Severity.HIGH, TODAY, suppressions=(a_suppression(**changes),))
    (one,) = stamped(a_finding(), policy=policy).findings
    assert one.verdict is verdict
    assert (one.waiver is not None) == (verdict is Verdict.WAIVED)


def test_the_baseline_knows_as_many_as_it_holds() -> None:
    (one,) = stamped(a_finding()).findings
    policy = Policy(Severity.HIGH, TODAY, baseline={one.fingerprint: 1})
    verdicts = [each.verdict for each in stamped(a_finding(3), a_finding(9), policy=policy).findings]
    assert sorted(verdicts) == [Verdict.BLOCKS, Verdict.KNOWN]


@pytest.mark.parametrize(
    ("before", "fail_on", "severity", "verdict"),
    [
        (Severity.HIGH, Severity.HIGH, Severity.HIGH, Verdict.KNOWN),
        (Severity.CRITICAL, Severity.HIGH, Severity.HIGH, Verdict.KNOWN),
        (Severity.MEDIUM, Severity.HIGH, Severity.HIGH, Verdict.BLOCKS),
        (Severity.LOW, Severity.HIGH, Severity.MEDIUM, Verdict.KNOWN),
        (Severity.LOW, None, Severity.HIGH, Verdict.KNOWN),
    ],
)
def test_the_base_knows_what_was_there_unless_it_got_worse(
    before: Any, fail_on: Any, severity: Any, verdict: Any
) -> None:
    (one,) = stamped(a_finding()).findings
    policy = Policy(fail_on, TODAY, on_base={one.fingerprint: before})
    (again,) = stamped(a_finding(9), rule=a_rule(severity=severity), policy=policy).findings
    assert again.verdict is verdict
    assert again.known_from == ("base" if verdict is Verdict.KNOWN else None)


def test_three_of_a_kind_where_the_base_has_two_are_one_new() -> None:
    two = stamped(a_finding(3), a_finding(9)).findings
    policy = Policy(Severity.HIGH, TODAY, on_base={one.fingerprint: one.severity for one in two})
    three = stamped(a_finding(3), a_finding(9), a_finding(20), policy=policy).findings
    assert [(one.finding.location.line, one.verdict) for one in three if one.verdict is Verdict.BLOCKS] == [
        (20, Verdict.BLOCKS)
    ]


def test_more_than_two_hundred_are_counted_not_listed() -> None:
    result = stamped(*(a_finding(line) for line in range(1, 251)))
    assert (len(result.findings), result.omitted) == (200, 50)


def a_layer(status: LayerStatus, *, asked: bool = True, allowed: bool = False) -> LayerReport:
    return LayerReport(Layer.STACK, status, "", 0.0, asked_for=asked, allowed_to_miss=allowed)


@pytest.mark.parametrize(
    ("summary", "layer", "unreadable", "code"),
    [
        (Summary(), a_layer(LayerStatus.RAN), False, 0),
        (Summary(blocks=1), a_layer(LayerStatus.FAILED), True, 1),
        (Summary(), a_layer(LayerStatus.FAILED), False, 3),
        (Summary(), a_layer(LayerStatus.NOT_RUN), False, 3),
        (Summary(), a_layer(LayerStatus.NOT_RUN, asked=False), False, 0),
        (Summary(), a_layer(LayerStatus.NOT_RUN, allowed=True), False, 0),
        (Summary(errored=1), a_layer(LayerStatus.RAN), False, 3),
        (Summary(reported=4), a_layer(LayerStatus.RAN), True, 3),
    ],
)
def test_exit_code(summary: Any, layer: Any, unreadable: Any, code: Any) -> None:
    assert exit_code(summary, [layer], unreadable=unreadable) == code


def test_errored_rules_keep_their_findings() -> None:
    (result,) = stamp(".", [(a_rule(), Errored("broke", (a_finding(),)))], POLICY, lambda path: (ScopeClass.PROD, ""))
    assert result.outcome == Errored("broke", (a_finding(),))
    assert result.findings[0].verdict is Verdict.BLOCKS

import re
from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st
from junitparser import Error, Failure, JUnitXml, Skipped

from scanner.model import Evidence, Failed, Location, ReasonKind, Severity, Verdict
from scanner.model import Skipped as SkippedRule
from scanner.reports import junit
from scanner.reports.junit import render
from tests.reports.samples import SAMPLES, Compare, blocked, clean_report, many, project, report, result, scoped


def judged(text: str) -> JUnitXml:
    """What somebody else's parser reads."""
    return JUnitXml.fromstring(text.encode())


@pytest.mark.parametrize("sample", SAMPLES)
def test_golden(sample: str, golden: Compare) -> None:
    golden(sample, "junit.xml", render(SAMPLES[sample]()))


@pytest.mark.parametrize("sample", [*SAMPLES, "many"])
def test_junitparser_counts_what_the_model_holds(sample: str) -> None:
    model = many() if sample == "many" else SAMPLES[sample]()
    cases = [case for suite in judged(render(model)) for case in suite]
    kinds = Counter(type(each) for case in cases for each in case.result)
    waived = model.summary.waived
    missing = sum(layer.status.value != "ran" for each in model.projects for layer in each.layers)
    assert kinds[Failure] == model.summary.blocks
    assert kinds[Skipped] + kinds[Error] == model.summary.skipped + waived + model.summary.errored + missing
    findings = sum(len(rule.findings) for each in model.projects for rule in each.results)
    others = sum(not isinstance(rule.outcome, Failed) for each in model.projects for rule in each.results)
    assert len(cases) == findings + others + sum(len(each.layers) for each in model.projects)


@pytest.mark.parametrize("sample", [*SAMPLES, "many"])
def test_suites_count_what_they_hold(sample: str) -> None:
    model = many() if sample == "many" else SAMPLES[sample]()
    for suite in judged(render(model)):
        kinds = Counter(type(each) for case in suite for each in case.result)
        assert (suite.tests, suite.failures, suite.errors, suite.skipped) == (
            len(list(suite)),
            kinds[Failure],
            kinds[Error],
            kinds[Skipped],
        )


@pytest.mark.parametrize("sample", [*SAMPLES, "many"])
def test_names_are_unique_and_one_result_a_case(sample: str) -> None:
    text = render(many() if sample == "many" else SAMPLES[sample]())
    cases = [case for suite in judged(text) for case in suite]
    assert len({(case.classname, case.name) for case in cases}) == len(cases)
    assert all(len(case.result) <= 1 for case in cases)
    assert all(case._elem.get("file") for case in cases)


def test_what_jenkins_and_others_refuse_is_not_there() -> None:
    text = render(many())
    assert "disabled=" not in text
    times = re.findall(r'time="([^"]*)"', text)
    assert times
    assert all(re.fullmatch(r"\d+\.\d{3}", time) and float(time) > 0 for time in times)
    assert re.search(r'timestamp="2026-11-22T16:00:00"', text), "no zone"


def test_below_the_gate_is_passed_with_output() -> None:
    cases = {case.name: case for suite in judged(render(blocked())) for case in suite}
    reported = cases["security-header-dropped: server shop.example:443 location /static/"]
    assert reported.result == []
    assert "loses Strict-Transport-Security" in reported.system_out
    waived = cases["server-version-disclosed: http"]
    assert waived.result[0].message == "waived until 2026-11-28: the CDN strips it"
    assert cases["ssh-password-login"].result[0].message.startswith("does not apply: ")
    assert cases["static-alias-mismatch"].result[0].message.startswith("not checked: ")


def test_a_blocking_finding_has_its_place_and_its_evidence() -> None:
    cases = {case.name: case for suite in judged(render(blocked())) for case in suite}
    case = cases["debug-enabled: settings.DEBUG"]
    assert (case._elem.get("file"), case._elem.get("line")) == ("config/settings/production.py", "12")
    assert case.result[0].type == "critical"
    assert "GET https://shop.example/seatrial-404" in case.result[0].text
    assert "`" not in case.result[0].message
    assert case.classname == "shop.settings"


def test_passed_rules_are_written() -> None:
    assert sum(len(list(suite)) for suite in judged(render(clean_report()))) == 7


def test_no_project_is_an_error() -> None:
    case = next(iter(next(iter(judged(render(report(exit_code=3)))))))
    assert isinstance(case.result[0], Error)


def test_projects_of_one_name_are_told_apart() -> None:
    rules = (result("redirect-loop", "https", Severity.HIGH),)
    text = render(report(project(rules, path="a/b.c"), project(rules, path="d"), exit_code=0))
    assert {suite.name for suite in judged(text)} == {"seatrial: shop (a/b.c)", "seatrial: shop (d)"}
    assert 'classname="shop (a/b_c).https"' in text


def test_evidence_is_cut_above_the_limit(monkeypatch: pytest.MonkeyPatch) -> None:
    evidence = tuple(Evidence(f"piece {number}") for number in range(5))
    found = scoped("x", Location("x", 1), "x", Severity.HIGH, Verdict.BLOCKS, evidence=evidence)
    model = report(project((result("debug-enabled", "settings", Severity.HIGH, found),)), exit_code=1)
    whole = render(model)
    assert "piece 4" in whole
    monkeypatch.setattr(junit, "MAX_BYTES", len(whole.encode()) - 1)
    assert "piece 2" in render(model)
    assert "piece 3" not in render(model)
    monkeypatch.setattr(junit, "MAX_BYTES", 100)
    assert "piece 0" not in render(model)


@given(st.text(st.characters(exclude_categories=()), max_size=60))
def test_any_text_is_well_formed_xml(text: str) -> None:
    found = scoped(text, Location(text or "x", 1), text, Severity.HIGH, Verdict.BLOCKS)
    skipped = result("redirect-loop", "https", Severity.HIGH, outcome=SkippedRule(text, ReasonKind.UNKNOWN))
    rules = (result("debug-enabled", "settings", Severity.HIGH, found), skipped)
    assert judged(render(report(project(rules, name=text), exit_code=1)))


def test_every_code_point_is_well_formed_xml() -> None:
    points = [*range(0x3000), *range(0xD7F0, 0xE010), *range(0xFDC0, 0x10010), *range(0x1FFF0, 0x20002)]
    text = "".join(map(chr, points))
    found = scoped(text, Location("x", 1), "symbol", Severity.HIGH, Verdict.BLOCKS)
    rules = (result("debug-enabled", "settings", Severity.HIGH, found),)
    assert judged(render(report(project(rules), exit_code=1)))

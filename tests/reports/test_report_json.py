import json
from dataclasses import replace
from pathlib import Path

import jsonschema
import pytest

from scanner.model import Errored, Failed, Report, RuleResult, SeatrialError
from scanner.reports.json import load, render
from tests.reports.samples import SAMPLES, Compare, blocked, many

SCHEMA = json.loads((Path(__file__).parents[2] / "schema" / "result-v1.json").read_text(encoding="utf-8"))


@pytest.mark.parametrize("sample", SAMPLES)
def test_golden(sample: str, golden: Compare) -> None:
    golden(sample, "report.json", render(SAMPLES[sample]()))


@pytest.mark.parametrize("sample", [*SAMPLES, "many"])
def test_schema_accepts_it(sample: str) -> None:
    report = many() if sample == "many" else SAMPLES[sample]()
    jsonschema.Draft202012Validator.check_schema(SCHEMA)
    jsonschema.Draft202012Validator(SCHEMA).validate(json.loads(render(report)))


@pytest.mark.parametrize("sample", [*SAMPLES, "many"])
def test_what_was_written_is_read_again(sample: str) -> None:
    report = many() if sample == "many" else SAMPLES[sample]()
    again = load(render(report))
    assert render(again) == render(report)
    assert _ordered(again) == _ordered(report)


def _ordered(report: Report) -> Report:
    """The report in the order of the document; what a rule found stands in its scoped findings."""
    projects = []
    for each in report.projects:
        results = tuple(sorted(map(_result, each.results), key=lambda one: one.rule))
        projects.append(replace(each, results=results))
    return replace(report, projects=tuple(projects))


def _result(result: RuleResult) -> RuleResult:
    findings = tuple(sorted(result.findings, key=lambda one: (one.fingerprint, str(one))))
    plain = tuple(each.finding for each in findings)
    match result.outcome:
        case Failed():
            return replace(result, findings=findings, outcome=Failed(plain))
        case Errored(detail):
            return replace(result, findings=findings, outcome=Errored(detail, plain))
        case _:
            return result


def _spoilt(*keys: str | int, **changed: object) -> str:
    """The document of `blocked` in which the object at these keys is changed."""
    document = json.loads(render(blocked()))
    place = document
    for key in keys:
        place = place[key]
    place.update(changed)
    return json.dumps(document)


FIRST = ("projects", 0, "results", 0)


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("", "is not JSON"),
        ("[]", "is not an object"),
        ("[" * 100_000, "nested too deeply"),
        ('{"version": NaN}', "is not JSON"),
        ('{"version": ' + "9" * 5000 + "}", "is not JSON"),
        ("{}", "version is missing"),
        (_spoilt(version=2), "version is not 1"),
        (_spoilt(version=True), "version is not a whole number"),
        (_spoilt(projects={}), "projects is not a list"),
        (_spoilt(projects=[[]]), "projects[0] is not an object"),
        (_spoilt(projects=[{}] * 10_001), "more than 10000"),
        (_spoilt(exit_code=-1), "exit_code is not a whole number"),
        (_spoilt("run", seconds="1"), "seconds is not a number"),
        (_spoilt("target", dirty=1), "neither true nor false"),
        (_spoilt(notices=["x", 1]), "notices[1] is not a text"),
        (
            _spoilt(*FIRST, outcome="won"),
            "an outcome is none of",
        ),
        (
            _spoilt(*FIRST, severity="worst"),
            "a severity is none of",
        ),
        (
            _spoilt("projects", 0, "layers", 0, name="net"),
            "none of files, boot, stack",
        ),
    ],
)
def test_what_is_no_result_is_refused_with_the_place(text: str, says: str) -> None:
    with pytest.raises(SeatrialError, match="not a result of Seatrial") as caught:
        load(text)
    assert says in caught.value.message
    assert caught.value.hint
    assert caught.value.exit_code == 2


def test_size_is_limited() -> None:
    with pytest.raises(SeatrialError, match="larger than 100 bytes"):
        load(render(blocked()), limit=100)


def test_unknown_keys_are_ignored() -> None:
    assert load(_spoilt(later="x")) == load(render(blocked()))


def test_texts_are_cleaned_and_cut() -> None:
    project = load(_spoilt("projects", 0, name="\x1b[31m\u202e", settings="x" * 100_000)).projects[0]
    assert project.name == r"\x1b[31m\u202e"
    assert len(project.settings) == 4096

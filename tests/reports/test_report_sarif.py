import json
from pathlib import Path
from typing import Any

import jsonschema
import pytest

from scanner.model import Severity
from scanner.reports import codequality
from scanner.reports.sarif import render
from tests.reports.samples import HEAD, SAMPLES, Compare, blocked, hostile, incomplete, many, project, report, result

SCHEMA = json.loads((Path(__file__).parents[1] / "judges" / "sarif-2.1.0.json").read_text(encoding="utf-8"))
CODE_QUALITY = {
    "type": "array",
    "items": {
        "type": "object",
        "required": ["description", "check_name", "fingerprint", "severity", "location"],
        "properties": {
            "description": {"type": "string", "minLength": 1, "maxLength": 500},
            "severity": {"enum": ["info", "minor", "major", "critical", "blocker"]},
            "location": {
                "type": "object",
                "required": ["path", "lines"],
                "properties": {"lines": {"type": "object", "required": ["begin"]}},
            },
        },
    },
}
"""After GitLab's documentation of the format."""


def run_of(text: str) -> Any:
    (run,) = json.loads(text)["runs"]
    return run


@pytest.mark.parametrize("sample", SAMPLES)
def test_golden(sample: str, golden: Compare) -> None:
    golden(sample, "results.sarif", render(SAMPLES[sample]()))
    golden(sample, "codequality.json", codequality.render(SAMPLES[sample]()))


@pytest.mark.parametrize("sample", [*SAMPLES, "many"])
def test_the_schema_accepts_it(sample: str) -> None:
    document = json.loads(render(many() if sample == "many" else SAMPLES[sample]()))
    validator = jsonschema.validators.validator_for(SCHEMA)(SCHEMA)
    assert [each.message for each in validator.iter_errors(document)] == []


def test_the_schema_would_refuse_a_wrong_one() -> None:
    document = json.loads(render(blocked()))
    document["runs"][0]["results"][0]["level"] = "fatal"
    assert not jsonschema.validators.validator_for(SCHEMA)(SCHEMA).is_valid(document)


def test_a_result() -> None:
    run = run_of(render(blocked()))
    first = run["results"][0]
    assert first["ruleId"] == run["tool"]["driver"]["rules"][first["ruleIndex"]]["id"] == "debug-enabled"
    assert first["level"] == "error"
    place = first["locations"][0]["physicalLocation"]
    assert place["artifactLocation"] == {"uri": "config/settings/production.py", "uriBaseId": "SRCROOT"}
    assert place["region"] == {"startLine": 12, "startColumn": 1}
    assert first["relatedLocations"][0]["message"]["text"] == "Environment= has no DJANGO_DEBUG."
    assert "GET https://shop.example/seatrial-404" in first["message"]["text"]
    assert first["partialFingerprints"]["primaryLocationLineHash"].endswith(":1")
    assert first["fixes"][0]["artifactChanges"][0]["replacements"][0]["deletedRegion"] == {
        "startLine": 12,
        "startColumn": 1,
        "endLine": 13,
        "endColumn": 1,
    }
    assert run["versionControlProvenance"][0]["revisionId"] == HEAD
    assert run["automationDetails"]["id"] == "seatrial/./"


def test_states_of_results() -> None:
    run = run_of(render(blocked()))
    by_rule = {each["ruleId"]: each for each in run["results"]}
    assert by_rule["csrf-cookie-insecure"]["baselineState"] == "unchanged"
    assert by_rule["debug-enabled"]["baselineState"] == "new"
    waived = by_rule["server-version-disclosed"]["suppressions"]
    assert waived == [
        {"kind": "inSource", "status": "accepted", "justification": "the CDN strips it (until 2026-11-28)"}
    ]
    assert by_rule["debug-enabled"]["suppressions"] == []


def test_what_did_not_run_is_told() -> None:
    invocation = run_of(render(incomplete()))["invocations"][0]
    assert [each["descriptor"]["id"] for each in invocation["toolExecutionNotifications"]] == [
        "rule-broke",
        "layer-not-run",
    ]
    assert invocation["executionSuccessful"] is True
    assert run_of(render(SAMPLES["broken-only"]()))["invocations"][0]["executionSuccessful"] is False


def test_no_snippet_and_no_foreign_address() -> None:
    text = render(hostile())
    assert "snippet" not in text
    assert "contextRegion" not in text
    for each in run_of(text)["results"]:
        uri = each["locations"][0]["physicalLocation"]["artifactLocation"]["uri"]
        assert not any(character in uri for character in ' <>"\\`{}|^#?')
        assert ":" not in uri


def test_limits_of_github() -> None:
    rules = (result("debug-enabled", "settings", Severity.HIGH),)
    lots = report(*(project(rules, name=f"p{each}", path=f"p{each}") for each in range(25)), exit_code=0)
    runs = json.loads(render(lots))["runs"]
    assert len(runs) == 20
    assert len({each["automationDetails"]["id"] for each in runs}) == 20
    huge = run_of(render(many(12_000, 1)))
    assert len(huge["results"]) == 5000
    assert "results are left out" in huge["invocations"][0]["toolExecutionNotifications"][-1]["message"]["text"]


@pytest.mark.parametrize("sample", [*SAMPLES, "many"])
def test_code_quality_is_what_gitlab_reads(sample: str) -> None:
    model = many() if sample == "many" else SAMPLES[sample]()
    found = json.loads(codequality.render(model))
    jsonschema.validate(found, CODE_QUALITY)
    assert len(found) == model.summary.blocks + model.summary.reported + model.summary.known


def test_both_formats_tell_the_same_places() -> None:
    theirs = {
        (each["check_name"], each["location"]["path"], each["location"]["lines"]["begin"])
        for each in json.loads(codequality.render(blocked()))
    }
    ours = {
        (
            each["ruleId"],
            each["locations"][0]["physicalLocation"]["artifactLocation"]["uri"],
            each["locations"][0]["physicalLocation"]["region"]["startLine"],
        )
        for each in run_of(render(blocked()))["results"]
        if not each["suppressions"]
    }
    assert theirs == ours

"""SARIF 2.1.0, as GitHub's code scanning takes it in.

One run a project. No snippet is ever part of it: a line of settings may hold a secret. GitHub matches alerts by
``primaryLocationLineHash`` alone, which is our fingerprint.
"""

import json
import re
from collections.abc import Mapping
from urllib.parse import quote

from scanner.model import (
    Evidence,
    Fix,
    LayerStatus,
    Location,
    ProjectReport,
    Report,
    RuleResult,
    Severity,
    Verdict,
    Waiver,
)
from scanner.reports.reading import Item, broken, items, plain

NAME = "sarif"

SCHEMA = "https://json.schemastore.org/sarif-2.1.0.json"
HOME = "https://github.com/seatrial/seatrial"
MAX_RUNS = 20
MAX_RELATED = 20
MAX_RESULTS = 5000
"""Results of a run that GitHub keeps."""

Json = dict[str, object]

_LEVELS = {
    Severity.CRITICAL: "error",
    Severity.HIGH: "error",
    Severity.MEDIUM: "warning",
    Severity.LOW: "note",
    Severity.INFO: "note",
}
_SCORES = {
    Severity.CRITICAL: "9.5",
    Severity.HIGH: "8.0",
    Severity.MEDIUM: "5.5",
    Severity.LOW: "2.5",
    Severity.INFO: "0.5",
}
_COMMIT = re.compile(r"[0-9a-f]{40,64}")
_NOTIFICATIONS = {
    "rule-broke": ("RuleBroke", "A rule broke, so that its question was not answered."),
    "layer-not-run": ("LayerNotRun", "A layer did not run, so that its rules were not checked."),
    "results-cut": ("ResultsLeftOut", "GitHub keeps a limited number of results; the others stand in the full report."),
}


def render(report: Report) -> str:
    """The log. Beyond 20 projects, which is GitHub's limit of runs, the first 20 are kept."""
    runs = [_run(report, project) for project in sorted(report.projects, key=lambda each: each.path)[:MAX_RUNS]]
    document = {"$schema": SCHEMA, "version": "2.1.0", "runs": runs}
    return json.dumps(document, indent=2, ensure_ascii=False) + "\n"


def _run(report: Report, project: ProjectReport) -> Json:
    found = items(project)
    kept = found[:MAX_RESULTS]
    rules = sorted(project.results, key=lambda each: each.rule)
    index = {each.rule: number for number, each in enumerate(rules)}
    run: Json = {
        "tool": {"driver": _driver(report, rules)},
        "automationDetails": {"id": f"seatrial/{_encoded(project.path)}/"},
        "columnKind": "unicodeCodePoints",
        "originalUriBaseIds": {"SRCROOT": {"description": {"text": "The root of the checkout."}}},
        "invocations": [_invocation(report, project, len(found) - len(kept))],
        "results": [_result(report, item, index) for item in kept],
        "properties": {"project": project.name, "settings": project.settings, "engine": project.engine},
    }
    commit, repository = report.target.commit, report.target.repository
    if repository is not None and repository.startswith("https://") and commit and _COMMIT.fullmatch(commit):
        provenance = {"repositoryUri": repository, "revisionId": commit, "mappedTo": {"uriBaseId": "SRCROOT"}}
        run["versionControlProvenance"] = [provenance]
    return run


def _driver(report: Report, rules: list[RuleResult]) -> Json:
    notifications = [
        {
            "id": name,
            "name": title,
            "shortDescription": {"text": words},
            "fullDescription": {"text": words},
            "help": {"text": words},
        }
        for name, (title, words) in _NOTIFICATIONS.items()
    ]
    return {
        "name": "Seatrial",
        "semanticVersion": report.version,
        "informationUri": HOME,
        "rules": [_rule(report, each) for each in rules],
        "notifications": notifications,
    }


def _rule(report: Report, result: RuleResult) -> Json:
    title = plain(result.title).rstrip(".") + "."
    rule: Json = {
        "id": result.rule,
        "name": "".join(word.capitalize() for word in result.rule.split("-")),
        "shortDescription": {"text": title},
        "fullDescription": {"text": title},
        "help": {"text": f"{title} What to do: seatrial explain {result.rule}"},
        "defaultConfiguration": {"level": _LEVELS[result.severity]},
        "properties": {
            "security-severity": _SCORES[result.severity],
            "precision": "high",
            "tags": ["security", "django", result.topic],
        },
    }
    if report.rules_url.startswith("https://"):
        rule["helpUri"] = f"{report.rules_url}{result.rule}.md"
    return rule


def _result(report: Report, item: Item, index: Mapping[str, int]) -> Json:
    scoped, finding = item.scoped, item.finding
    words = plain(finding.message).rstrip(".") + "."
    told = [" ".join(piece.text.split()) for piece in finding.evidence if piece.location is None]
    placed = [piece for piece in finding.evidence if piece.location is not None][:MAX_RELATED]
    result: Json = {
        "ruleId": item.result.rule,
        "ruleIndex": index[item.result.rule],
        "kind": "fail",
        "level": _LEVELS[scoped.severity],
        "message": {"text": "\n".join([words, *(f"{each.rstrip('.')}." for each in told)])},
        "locations": [{"physicalLocation": _place(finding.location)}],
        "partialFingerprints": {
            "primaryLocationLineHash": f"{scoped.fingerprint.removeprefix('v1:')}:1",
            "seatrial/v1": scoped.fingerprint,
        },
        "properties": {
            "proof": finding.proof.value,
            "verdict": scoped.verdict.value,
            "symbol": finding.symbol,
            "severity": scoped.severity.word,
            "security-severity": _SCORES[scoped.severity],
        },
    }
    if placed:
        result["relatedLocations"] = [_related(number, piece) for number, piece in enumerate(placed, start=1)]
    if finding.fix is not None and finding.fix.safe:
        result["fixes"] = [_fix(finding.fix)]
    # On all results or on none, as the standard wants it: a run without waivers has no list at all.
    if report.summary.waived:
        result["suppressions"] = [_suppression(scoped.waiver)] if scoped.verdict is Verdict.WAIVED else []
    if report.gate.scope == "new" and report.target.base is not None:
        result["baselineState"] = "unchanged" if scoped.verdict is Verdict.KNOWN else "new"
    return result


def _place(location: Location) -> Json:
    region: Json = {"startLine": location.line, "startColumn": location.column}
    if location.end_line is not None and location.end_line > location.line:
        region = {"startLine": location.line, "endLine": location.end_line}
    return {"artifactLocation": {"uri": _encoded(location.path), "uriBaseId": "SRCROOT"}, "region": region}


def _related(number: int, piece: Evidence) -> Json:
    place = piece.location or Location(".")
    words = " ".join(piece.text.split()) or str(place)
    return {"id": number, "physicalLocation": _place(place), "message": {"text": words.rstrip(".") + "."}}


def _fix(fix: Fix) -> Json:
    text = "".join(f"{line}\n" for line in fix.lines)
    region: Json = {"startLine": fix.start_line, "startColumn": 1, "endLine": fix.end_line + 1, "endColumn": 1}
    change = {
        "artifactLocation": {"uri": _encoded(fix.path), "uriBaseId": "SRCROOT"},
        "replacements": [{"deletedRegion": region, "insertedContent": {"text": text}}],
    }
    return {"description": {"text": "What Seatrial proposes."}, "artifactChanges": [change]}


def _suppression(waiver: Waiver | None) -> Json:
    if waiver is None:
        return {"kind": "external", "status": "accepted"}
    kind = "inSource" if waiver.kind == "inline" else "external"
    return {"kind": kind, "status": "accepted", "justification": f"{waiver.reason} (until {waiver.until})"}


def _invocation(report: Report, project: ProjectReport, dropped: int) -> Json:
    notes = [_note("rule-broke", "error", f"{result.rule} broke: {detail}") for result, detail in broken(project)]
    for layer in project.layers:
        if layer.status is not LayerStatus.RAN and layer.asked_for:
            level = "note" if layer.allowed_to_miss else "error"
            notes.append(_note("layer-not-run", level, f"The layer {layer.name.value} did not run: {layer.detail}"))
    if dropped:
        notes.append(_note("results-cut", "note", f"{dropped} results are left out."))
    return {
        "executionSuccessful": report.exit_code in {0, 1},
        "exitCode": report.exit_code,
        "toolExecutionNotifications": notes,
    }


def _note(name: str, level: str, words: str) -> Json:
    index = list(_NOTIFICATIONS).index(name)
    text = " ".join(words.split()).rstrip(".") + "."
    return {"descriptor": {"id": name, "index": index}, "level": level, "message": {"text": text}}


def _encoded(path: str) -> str:
    """A path as a relative URI reference: percent-encoded, and never taken for a scheme or an absolute one."""
    return quote(path.lstrip("/") or ".", safe="/~")

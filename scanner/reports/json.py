"""The result as JSON: the one document that other programs, ``merge`` and ``publish`` read.

Its form is ``schema/result-v1.json``. Two spaces, no ASCII escapes, keys in the order of the schema.
"""

import json

from scanner.model import (
    Comparison,
    Errored,
    Evidence,
    Failed,
    Fix,
    FixedFinding,
    LayerReport,
    Outcome,
    Passed,
    PendingSuppression,
    ProjectReport,
    Report,
    RequestPath,
    RuleResult,
    Scoped,
    Skipped,
    Waiver,
)
from scanner.reports.parse import parse
from scanner.reports.reading import Item, order

NAME = "json"
VERSION = 1

Json = dict[str, object]


def render(report: Report) -> str:
    """The document of ``schema/result-v1.json``, with a final newline."""
    return json.dumps(document(report), indent=2, ensure_ascii=False, allow_nan=False) + "\n"


def load(text: str, *, limit: int = 32 * 1024 * 1024) -> Report:
    """The report of a document that ``render`` wrote.

    The text is not trusted: at most ``limit`` bytes of UTF-8, every value is checked for its type, every text is
    cleaned and cut, unknown keys are ignored, and the counts are recomputed from the findings. Raises SeatrialError.
    """
    return parse(text, limit)


def document(report: Report) -> Json:
    """The report as plain values, ready for ``json.dumps``."""
    summary, target, gate, run = report.summary, report.target, report.gate, report.run
    return {
        "version": VERSION,
        "tool": {"name": "seatrial", "version": report.version},
        "run": {"started": run.started, "seconds": float(run.seconds), "url": run.url},
        "target": {
            "commit": target.commit,
            "base": target.base,
            "dirty": target.dirty,
            "repository": target.repository,
            "head": target.head,
            "pull_request": target.pull_request,
        },
        "gate": {"fail_on": gate.fail_on, "scope": gate.scope},
        "links": {"rules": report.rules_url},
        "notices": list(report.notices),
        "pending_suppressions": [_pending(pending) for pending in report.pending],
        "projects": [_project(project) for project in sorted(report.projects, key=lambda each: each.path)],
        "summary": {
            "blocks": summary.blocks,
            "reported": summary.reported,
            "known": summary.known,
            "waived": summary.waived,
            "passed": summary.passed,
            "skipped": summary.skipped,
            "errored": summary.errored,
        },
        "exit_code": report.exit_code,
    }


def _pending(pending: PendingSuppression) -> Json:
    return {
        "rule": pending.rule,
        "path": pending.path,
        "line": pending.line,
        "reason": pending.reason,
        "until": pending.until,
    }


def _project(project: ProjectReport) -> Json:
    return {
        "name": project.name,
        "path": project.path,
        "settings": project.settings,
        "settings_reason": project.settings_reason,
        "engine": project.engine,
        "layers": [_layer(layer) for layer in project.layers],
        "placeholders": [{"name": each.name, "value": each.value, "why": each.why} for each in project.placeholders],
        "request_path": _request_path(project.request_path),
        "comparison": _comparison(project.comparison),
        "fixed": [_fixed(each) for each in project.fixed],
        "results": [_result(project, result) for result in sorted(project.results, key=lambda each: each.rule)],
    }


def _comparison(comparison: Comparison) -> Json:
    return {
        "status": comparison.status.value,
        "base": comparison.base,
        "layers": [layer.value for layer in comparison.layers],
        "detail": comparison.detail,
    }


def _fixed(fixed: FixedFinding) -> Json:
    return {
        "rule": fixed.rule,
        "severity": fixed.severity.word,
        "path": fixed.path,
        "line": fixed.line,
        "symbol": fixed.symbol,
        "fingerprint": fixed.fingerprint,
    }


def _layer(layer: LayerReport) -> Json:
    return {
        "name": layer.name.value,
        "status": layer.status.value,
        "detail": layer.detail,
        "seconds": float(layer.seconds),
        "asked_for": layer.asked_for,
        "allowed_to_miss": layer.allowed_to_miss,
        "notes": list(layer.notes),
    }


def _request_path(path: RequestPath) -> Json:
    return {
        "hops": [
            {
                "id": hop.id,
                "kind": hop.kind,
                "label": hop.label,
                "path": hop.path,
                "line": hop.line,
                "started": hop.started,
            }
            for hop in path.hops
        ],
        "links": [{"from": link.source, "to": link.target, "label": link.label} for link in path.links],
    }


def _result(project: ProjectReport, result: RuleResult) -> Json:
    word, reason, kind = _outcome(result.outcome)
    ordered = sorted((Item(project, result, scoped) for scoped in result.findings), key=order)
    return {
        "rule": result.rule,
        "title": result.title,
        "severity": result.severity.word,
        "topic": result.topic,
        "outcome": word,
        "reason": reason,
        "reason_kind": kind,
        "omitted": result.omitted,
        "findings": [_finding(item.scoped) for item in ordered],
    }


def _outcome(outcome: Outcome) -> tuple[str, str | None, str | None]:
    match outcome:
        case Passed():
            return "passed", None, None
        case Failed():
            return "failed", None, None
        case Skipped(reason, kind):
            return "skipped", reason, kind.value
        case Errored(detail):
            return "errored", detail, None


def _finding(scoped: Scoped) -> Json:
    finding, place = scoped.finding, scoped.finding.location
    return {
        "fingerprint": scoped.fingerprint,
        "message": finding.message,
        "severity": scoped.severity.word,
        "proof": finding.proof.value,
        "verdict": scoped.verdict.value,
        "path": place.path,
        "line": place.line,
        "column": place.column,
        "end_line": place.end_line,
        "symbol": finding.symbol,
        "scope": {"class": scoped.scope.value, "reason": scoped.scope_reason},
        "hop": scoped.hop,
        "known_from": scoped.known_from,
        "waiver": _waiver(scoped.waiver),
        "evidence": [_evidence(piece) for piece in finding.evidence],
        "fix": _fix(finding.fix),
    }


def _evidence(piece: Evidence) -> Json:
    place = piece.location
    return {
        "text": piece.text,
        "path": place.path if place else None,
        "line": place.line if place else None,
        "column": place.column if place else None,
    }


def _waiver(waiver: Waiver | None) -> Json | None:
    if waiver is None:
        return None
    return {
        "reason": waiver.reason,
        "until": waiver.until,
        "path": waiver.location.path,
        "line": waiver.location.line,
        "kind": waiver.kind,
    }


def _fix(fix: Fix | None) -> Json | None:
    if fix is None:
        return None
    return {
        "path": fix.path,
        "start_line": fix.start_line,
        "end_line": fix.end_line,
        "lines": list(fix.lines),
        "safe": fix.safe,
    }

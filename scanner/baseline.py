"""The baseline: findings that are known and do not block.

One finding a line, sorted by rule, path and symbol, so that versions merge without conflicts.
"""

import json
from collections.abc import Mapping, Sequence

from scanner.model import Errored, Report, SeatrialError, Skipped, Verdict

MAX_BYTES = 16 * 1024 * 1024


def dump(report: Report) -> str:
    """The text of the baseline file: every finding of the report that is not waived."""
    entries = sorted(
        (result.rule, one.finding.location.path, one.finding.symbol, one.fingerprint)
        for project in report.projects
        for result in project.results
        for one in result.findings
        if one.finding.verdict is not Verdict.WAIVED
    )
    keys = ("rule", "path", "symbol", "fingerprint")
    lines = [json.dumps(dict(zip(keys, entry, strict=True)), ensure_ascii=False) for entry in entries]
    return _document(lines)


def prune(text: str, name: str, report: Report) -> tuple[str, int]:
    """The baseline without the findings that are gone, and how many those are. Raises SeatrialError.

    One whose rule was skipped, broke, or found more than a report lists is kept: nobody saw that it is gone.
    """
    known = {one.fingerprint for project in report.projects for result in project.results for one in result.findings}
    unseen = {
        result.rule
        for project in report.projects
        for result in project.results
        if result.omitted or isinstance(result.outcome, Errored | Skipped)
    }
    kept, gone = [], 0
    for entry in _entries(text, name):
        if entry["fingerprint"] in known or entry.get("rule") in unseen:
            kept.append(json.dumps(entry, ensure_ascii=False))
        else:
            gone += 1
    return _document(kept), gone


def _document(lines: Sequence[str]) -> str:
    return '{"version": 1, "findings": [\n' + ",\n".join(lines) + "\n]}\n"


def load(text: str, name: str) -> Mapping[str, int]:
    """Fingerprint -> how many of it are known. Raises SeatrialError for what is no baseline file."""
    known: dict[str, int] = {}
    for entry in _entries(text, name):
        mark = str(entry["fingerprint"])
        known[mark] = known.get(mark, 0) + 1
    return known


def _entries(text: str, name: str) -> list[dict[str, object]]:
    """The findings of a baseline file, each with its fingerprint."""
    hint = "write it anew with: seatrial baseline"
    if len(text) > MAX_BYTES:
        raise SeatrialError(f"{name} is larger than {MAX_BYTES // 1024 // 1024} MiB", hint)
    try:
        document = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise SeatrialError(f"{name} is no JSON: {error}", hint) from error
    if not isinstance(document, dict) or document.get("version") != 1:
        raise SeatrialError(f"{name} is no baseline of version 1", hint)
    findings = document.get("findings")
    if not isinstance(findings, list):
        raise SeatrialError(f"{name} has no list of findings", hint)
    for finding in findings:
        if not isinstance(finding, dict) or not isinstance(finding.get("fingerprint"), str):
            raise SeatrialError(f"{name}: a finding has no fingerprint", hint)
    return findings

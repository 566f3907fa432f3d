"""The baseline: findings that are known and do not block.

One finding a line, sorted by rule, path and symbol, so that versions merge without conflicts.
"""

import json
from collections.abc import Mapping

from scanner.model import Report, SeatrialError, Verdict

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
    return '{"version": 1, "findings": [\n' + ",\n".join(lines) + "\n]}\n"


def load(text: str, name: str) -> Mapping[str, int]:
    """Fingerprint -> how many of it are known. Raises SeatrialError for what is no baseline file."""
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
    known: dict[str, int] = {}
    for finding in findings:
        mark = finding.get("fingerprint") if isinstance(finding, dict) else None
        if not isinstance(mark, str):
            raise SeatrialError(f"{name}: a finding has no fingerprint", hint)
        known[mark] = known.get(mark, 0) + 1
    return known

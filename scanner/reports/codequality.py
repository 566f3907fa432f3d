"""GitLab's code quality report: one issue a finding that is not waived, an empty list when there is none."""

import json

from scanner.model import Report, Severity, Verdict
from scanner.reports.reading import Item, items, plain

NAME = "codequality"

MAX_DESCRIPTION = 500
_SEVERITIES = {
    Severity.CRITICAL: "blocker",
    Severity.HIGH: "critical",
    Severity.MEDIUM: "major",
    Severity.LOW: "minor",
    Severity.INFO: "info",
}


def render(report: Report) -> str:
    """The list of issues. GitLab drops all but one of equal fingerprints: ours tell all findings apart."""
    found = items(report, Verdict.BLOCKS, Verdict.REPORTED, Verdict.KNOWN)
    return json.dumps([_issue(item) for item in found], indent=2, ensure_ascii=False) + "\n"


def _issue(item: Item) -> dict[str, object]:
    finding = item.finding
    words = plain(finding.message)
    return {
        "description": words if len(words) <= MAX_DESCRIPTION else words[: MAX_DESCRIPTION - 1] + "…",
        "check_name": item.result.rule,
        "fingerprint": item.scoped.fingerprint,
        "severity": _SEVERITIES[item.scoped.severity],
        "location": {"path": finding.location.path, "lines": {"begin": finding.location.line}},
    }

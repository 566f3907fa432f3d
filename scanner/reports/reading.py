"""How every report reads the model: which findings, in which order, and in which words.

Severities are mapped and sorted here, never compared: the verdicts are policy's.
"""

from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from scanner.model import (
    ComparisonStatus,
    Errored,
    Failed,
    Finding,
    Hop,
    Layer,
    LayerReport,
    LayerStatus,
    Passed,
    ProjectReport,
    Proof,
    ReasonKind,
    Report,
    RuleResult,
    ScopeClass,
    Scoped,
    Severity,
    Skipped,
    Verdict,
)

VERDICTS = (Verdict.BLOCKS, Verdict.REPORTED, Verdict.KNOWN, Verdict.WAIVED)
SEVERITIES = (Severity.CRITICAL, Severity.HIGH, Severity.MEDIUM, Severity.LOW, Severity.INFO)
ICONS = {
    Severity.CRITICAL: "🔴",
    Severity.HIGH: "🟠",
    Severity.MEDIUM: "🟡",
    Severity.LOW: "🔵",
    Severity.INFO: "⚪",
}
MAX_STORES = 6
"""Stores named in the text line of a request path; the others are counted."""

_MISSING = {
    Layer.FILES: "the files were not read",
    Layer.BOOT: "the settings did not load",
    Layer.STACK: "the stack did not start",
}


@dataclass(frozen=True)
class Item:
    """A finding with the rule and the project that it belongs to."""

    project: ProjectReport
    result: RuleResult
    scoped: Scoped

    @property
    def finding(self) -> Finding:
        """What the rule said."""
        return self.scoped.finding

    @property
    def place(self) -> str:
        """``path:line`` of the primary place."""
        return str(self.finding.location)


@dataclass(frozen=True)
class Headline:
    """The outcome in one line: ``blocked``, ``incomplete`` or ``passed``, its icon, and the sentence."""

    word: str
    icon: str
    text: str


def order(item: Item) -> tuple[object, ...]:
    """The sort key of findings: verdict, severity downwards, proven first, rule, place, symbol."""
    place = item.finding.location
    return (
        VERDICTS.index(item.scoped.verdict),
        SEVERITIES.index(item.scoped.severity),
        item.finding.proof is not Proof.PROVEN,
        item.result.rule,
        place.path,
        place.line,
        place.column,
        item.finding.symbol,
    )


def items(report: Report | ProjectReport, *verdicts: Verdict) -> tuple[Item, ...]:
    """The findings of a report or of one project, in order; with verdicts given, only those that have one of them."""
    projects = report.projects if isinstance(report, Report) else (report,)
    wanted = verdicts or VERDICTS
    found = (
        Item(project, result, scoped)
        for project in projects
        for result in project.results
        for scoped in result.findings
        if scoped.verdict in wanted
    )
    return tuple(sorted(found, key=order))


def broken(project: ProjectReport) -> Iterator[tuple[RuleResult, str]]:
    """The rules that ended errored, each with what broke."""
    for result in project.results:
        if isinstance(result.outcome, Errored):
            yield result, result.outcome.detail


def skipped(project: ProjectReport) -> dict[tuple[ReasonKind, str], list[str]]:
    """The rules that were skipped, grouped by kind and text of the reason; most rules first."""
    groups: dict[tuple[ReasonKind, str], list[str]] = {}
    for result in project.results:
        match result.outcome:
            case Skipped(reason, kind):
                groups.setdefault((kind, reason), []).append(result.rule)
            case Passed() | Failed() | Errored():
                pass
    return dict(sorted(groups.items(), key=lambda group: (-len(group[1]), group[0])))


def missing(layer: LayerReport) -> bool:
    """Whether the layer was asked for and did not run, and nobody allowed that."""
    return layer.asked_for and not layer.allowed_to_miss and layer.status is not LayerStatus.RAN


def outcomes(projects: Iterable[ProjectReport]) -> Counter[str]:
    """How many rules ended ``passed``, ``failed``, ``skipped``, ``not-applicable`` and ``errored``."""
    return Counter(outcome_word(result) for project in projects for result in project.results)


def outcome_word(result: RuleResult) -> str:
    """The word of a rule's outcome; a rule whose question does not arise is ``not-applicable``."""
    match result.outcome:
        case Passed():
            return "passed"
        case Failed():
            return "failed"
        case Skipped(_, ReasonKind.NOT_APPLICABLE):
            return "not-applicable"
        case Skipped():
            return "skipped"
        case Errored():
            return "errored"


def headline(report: Report) -> Headline:
    """The verdict and the number that decides it."""
    count = report.summary.blocks
    if count:
        noun = "problem" if count == 1 else "problems"
        adjective = "new " if compared(report) else ""
        target = "this merge" if report.target.pull_request is not None else "the gate"
        verb = "blocks" if count == 1 else "block"
        return Headline("blocked", "🛑", f"{count} {adjective}{noun} {verb} {target}")
    if report.exit_code == 3:
        return Headline("incomplete", "🚧", "the scan is incomplete: " + incompleteness(report))
    target = "this merge" if report.target.pull_request is not None else "here"
    return Headline("passed", "✅", f"nothing blocks {target}")


def compared(report: Report) -> bool:
    """Whether what blocks is known to be new: every project in which something would block was compared."""
    found = {project.comparison.status for project in report.projects} - {ComparisonStatus.NOT_NEEDED}
    return report.gate.scope == "new" and found == {ComparisonStatus.COMPARED}


def incompleteness(report: Report) -> str:
    """Why a scan is incomplete, or an empty text when it is complete. Constants and numbers only."""
    if not report.projects:
        return "no project was scanned"
    parts = [
        words
        for name, words in _MISSING.items()
        if any(missing(layer) for project in report.projects for layer in project.layers if layer.name is name)
    ]
    errors = report.summary.errored
    if errors:
        parts.append(f"{errors} {'rule' if errors == 1 else 'rules'} broke")
    if parts or report.exit_code != 3:
        return ", ".join(parts)
    return "something could not be read"


def plain(message: str) -> str:
    """A message without the backticks that mark the project's words, on one line."""
    return " ".join(message.replace("`", "").split())


def scope_note(scoped: Scoped) -> str:
    """The scope of a place that is not production, as ``dev: settings/dev.py``; empty for production."""
    if scoped.scope is ScopeClass.PROD:
        return ""
    return f"{scoped.scope.value}: {scoped.scope_reason}" if scoped.scope_reason else scoped.scope.value


def stations(project: ProjectReport) -> tuple[tuple[Hop, ...], tuple[Hop, ...]]:
    """The hops of the request path: those that a request passes, and the stores behind them."""
    hops = project.request_path.hops
    return tuple(hop for hop in hops if hop.kind != "store"), tuple(hop for hop in hops if hop.kind == "store")

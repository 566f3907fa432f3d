"""A result that may have been written by the author of the scanned code, reduced to what may be shown.

Texts were cleaned when it was read, and every renderer escapes them. Here goes what would make the reader believe more
than is known: names, severities and links are ours, counts are counted anew, fixes and notices are left out.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace

from scanner import __version__
from scanner.model import (
    Errored,
    Failed,
    Gate,
    Outcome,
    Passed,
    ProjectReport,
    Report,
    Rule,
    RuleResult,
    Run,
    Scoped,
    SeatrialError,
    Skipped,
    Target,
)
from scanner.policy import exit_code, summarise

LABEL = (
    "This result was produced by the pull request's own code. What decides about the merge is the status of its job."
)
MAX_PROJECTS = 50
MAX_OMITTED = 10_000
INCOMPLETE = 3


@dataclass(frozen=True)
class Origin:
    """What GitHub itself says of the run that made the result."""

    repository: str
    """Web address of the repository that receives the comment."""
    head: str
    """The commit whose run it was."""
    run_url: str
    rules_url: str
    failed: bool
    """Its job failed."""


def distrusted(report: Report, rules: Mapping[str, Rule], origin: Origin) -> Report:
    """The report as it may be shown.

    Raises SeatrialError when it tells of another commit than the run's, or of absurdly many projects.
    """
    if report.target.head is not None and report.target.head != origin.head:
        raise SeatrialError("the result tells of another commit than the run that uploaded it")
    if len(report.projects) > MAX_PROJECTS:
        raise SeatrialError(f"the result tells of more than {MAX_PROJECTS} projects")
    projects = tuple(_project(project, rules) for project in report.projects)
    named = {result.rule for project in report.projects for result in project.results}
    unknown = len(named - rules.keys())
    summary = summarise(projects)
    layers = [layer for project in projects for layer in project.layers]
    code = exit_code(summary, layers, unreadable=report.exit_code == INCOMPLETE)
    notices = [LABEL]
    if unknown:
        notices.append(f"It names {unknown} {'rule' if unknown == 1 else 'rules'} that this version does not have.")
    if origin.failed and code == 0:
        notices.append("The job that made it failed although the result says that nothing blocks.")
    return Report(
        version=__version__,
        target=Target(repository=origin.repository, head=origin.head),
        gate=_gate(report.gate),
        projects=projects,
        summary=summary,
        exit_code=code,
        run=Run(url=origin.run_url),
        pending=tuple(one for one in report.pending if one.rule in rules),
        notices=tuple(notices),
        rules_url=origin.rules_url,
    )


def _gate(gate: Gate) -> Gate:
    words = {"critical", "high", "medium", "low", "never"}
    if gate.fail_on not in words or gate.scope not in {"new", "all"}:
        raise SeatrialError("this is not a result of Seatrial: its gate is none that there is")
    return gate


def _project(project: ProjectReport, rules: Mapping[str, Rule]) -> ProjectReport:
    results: dict[str, RuleResult] = {}
    for result in project.results:
        rule = rules.get(result.rule)
        if rule is not None:
            results.setdefault(rule.id, _result(result, rule))
    return replace(
        project,
        results=tuple(results.values()),
        fixed=tuple(one for one in project.fixed if one.rule in rules),
        # The base that it was compared with is a commit that only the result names.
        comparison=replace(project.comparison, base=None),
    )


def _result(result: RuleResult, rule: Rule) -> RuleResult:
    found = tuple(_scoped(one, rule) for one in result.findings)
    return RuleResult(
        rule=rule.id,
        title=rule.title,
        cure=rule.cure,
        topic=rule.topic,
        severity=rule.severity,
        outcome=_outcome(result.outcome, found),
        findings=found,
        omitted=min(result.omitted, MAX_OMITTED),
    )


def _scoped(one: Scoped, rule: Rule) -> Scoped:
    severity = min(one.severity, rule.severity)
    return replace(one, severity=severity, finding=replace(one.finding, severity=severity, fix=None))


def _outcome(outcome: Outcome, found: tuple[Scoped, ...]) -> Outcome:
    """What the findings make of it: a rule with findings has not passed, whatever the result says."""
    findings = tuple(one.finding for one in found)
    match outcome:
        case Errored(detail):
            return Errored(detail, findings)
        case Skipped() if not findings:
            return outcome
        case Passed() | Failed() | Skipped():
            return Failed(findings) if findings else Passed()

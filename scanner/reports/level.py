"""What ``--report-level`` hides from view. The one place where a report compares severities: it decides nothing."""

from dataclasses import replace

from scanner.model import ProjectReport, Report, RuleResult, Scoped, Severity, Verdict

DISPLAYS = frozenset({"terminal", "annotations", "summary", "comment", "html"})
"""The reports that a person reads; those that programs read hold every finding."""


def displayed(report: Report, level: Severity) -> Report:
    """The report without the findings below ``level`` that do not block; counts, verdicts and exit code stay."""
    if level is Severity.INFO:
        return report
    return replace(report, projects=tuple(_project(project, level) for project in report.projects))


def _project(project: ProjectReport, level: Severity) -> ProjectReport:
    return replace(project, results=tuple(_result(result, level) for result in project.results))


def _result(result: RuleResult, level: Severity) -> RuleResult:
    return replace(result, findings=tuple(scoped for scoped in result.findings if _shown(scoped, level)))


def _shown(scoped: Scoped, level: Severity) -> bool:
    return scoped.verdict in {Verdict.BLOCKS, Verdict.WAIVED} or scoped.severity >= level

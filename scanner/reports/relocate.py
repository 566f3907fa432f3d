"""A report of a directory, told from the repository's root: annotations and links are of no use elsewhere."""

from dataclasses import replace
from pathlib import PurePosixPath

from scanner.model import (
    Errored,
    Evidence,
    Failed,
    Finding,
    Fix,
    Location,
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


def relocated(report: Report, prefix: str) -> Report:
    """The report with ``prefix`` (``services/shop``) before every path; the same report for an empty one or ``.``."""
    if prefix in {"", "."}:
        return report
    move = _Move(PurePosixPath(prefix))
    return replace(
        report,
        projects=tuple(move.project(each) for each in report.projects),
        pending=tuple(move.pending(each) for each in report.pending),
    )


class _Move:
    """Puts one prefix before the paths of each part of a report."""

    def __init__(self, prefix: PurePosixPath) -> None:
        self._prefix = prefix

    def path(self, path: str) -> str:
        return str(self._prefix / path)

    def location(self, location: Location) -> Location:
        return replace(location, path=self.path(location.path))

    def evidence(self, piece: Evidence) -> Evidence:
        return piece if piece.location is None else replace(piece, location=self.location(piece.location))

    def fix(self, fix: Fix | None) -> Fix | None:
        return None if fix is None else replace(fix, path=self.path(fix.path))

    def finding(self, finding: Finding) -> Finding:
        return replace(
            finding,
            location=self.location(finding.location),
            evidence=tuple(self.evidence(piece) for piece in finding.evidence),
            fix=self.fix(finding.fix),
        )

    def waiver(self, waiver: Waiver | None) -> Waiver | None:
        return None if waiver is None else replace(waiver, location=self.location(waiver.location))

    def scoped(self, scoped: Scoped) -> Scoped:
        return replace(scoped, finding=self.finding(scoped.finding), waiver=self.waiver(scoped.waiver))

    def outcome(self, outcome: Outcome) -> Outcome:
        match outcome:
            case Failed(findings):
                return Failed(tuple(self.finding(each) for each in findings))
            case Errored(detail, findings):
                return Errored(detail, tuple(self.finding(each) for each in findings))
            case Passed() | Skipped():
                return outcome

    def result(self, result: RuleResult) -> RuleResult:
        found = tuple(self.scoped(each) for each in result.findings)
        return replace(result, outcome=self.outcome(result.outcome), findings=found)

    def request_path(self, path: RequestPath) -> RequestPath:
        hops = (each if each.path is None else replace(each, path=self.path(each.path)) for each in path.hops)
        return replace(path, hops=tuple(hops))

    def project(self, project: ProjectReport) -> ProjectReport:
        return replace(
            project,
            path=self.path(project.path),
            results=tuple(self.result(each) for each in project.results),
            request_path=self.request_path(project.request_path),
            fixed=tuple(replace(each, path=self.path(each.path)) for each in project.fixed),
        )

    def pending(self, pending: PendingSuppression) -> PendingSuppression:
        return replace(pending, path=self.path(pending.path))

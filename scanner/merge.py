"""One report from the results of several runs, such as the legs of a matrix over the projects of a repository.

Each run has stamped its own verdicts; here they are only put together, and the gate is computed from them once.
"""

from collections.abc import Iterable, Sequence
from dataclasses import replace

from scanner.model import Gate, ProjectReport, Report, Rule, SeatrialError, Severity, Target
from scanner.policy import summarise

INCOMPLETE = 3


def merge(reports: Sequence[Report], *, expected: int | None = None) -> Report:
    """The report of all projects. Something blocks: 1; else a run was incomplete or is missing: 3; else 0.

    ``expected`` is how many results there must be. Raises SeatrialError when the results are of different commits, or
    disagree about a project, or when there is none.
    """
    if not reports:
        raise SeatrialError("there is no result to merge", "give the files that `seatrial scan --json FILE` wrote", 3)
    missing = max(0, (expected or 0) - len(reports))
    if len(reports) == 1 and not missing:
        return reports[0]
    projects = _projects(reports)
    summary = summarise(projects)
    incomplete = missing or any(one.exit_code == INCOMPLETE for one in reports)
    notices = [notice for one in reports for notice in one.notices]
    if missing:
        notices.insert(0, f"{missing} of {expected} results {'is' if missing == 1 else 'are'} missing.")
    first = reports[0]
    return replace(
        first,
        target=_target(reports),
        gate=_gate(reports),
        projects=projects,
        summary=summary,
        exit_code=1 if summary.blocks else (INCOMPLETE if incomplete else 0),
        run=replace(
            first.run,
            started=min((one.run.started for one in reports if one.run.started), default=""),
            seconds=max(one.run.seconds for one in reports),
        ),
        pending=tuple(dict.fromkeys(each for one in reports for each in one.pending)),
        notices=tuple(dict.fromkeys(notices)),
        exchanges=(),
    )


def cured(report: Report, rules: Iterable[Rule]) -> Report:
    """The report with what each rule's documentation says to type, which the JSON of a result leaves out."""
    cures = {rule.id: rule.cure for rule in rules}
    return replace(
        report,
        projects=tuple(
            replace(one, results=tuple(replace(each, cure=cures.get(each.rule, "")) for each in one.results))
            for one in report.projects
        ),
    )


def _projects(reports: Iterable[Report]) -> tuple[ProjectReport, ...]:
    by_path: dict[str, ProjectReport] = {}
    for one in reports:
        for project in one.projects:
            known = by_path.setdefault(project.path, project)
            if known != project:
                raise SeatrialError(
                    f"two results tell of the project {project.path}, and not the same",
                    "give each project to one run only",
                )
    return tuple(by_path[path] for path in sorted(by_path))


def _target(reports: Sequence[Report]) -> Target:
    commits = {one.target.commit for one in reports}
    if len(commits) > 1:
        raise SeatrialError("the results are of different commits", "merge the results of one run of the workflow")
    first = reports[0].target
    bases = {one.target.base for one in reports}
    return replace(first, dirty=any(one.target.dirty for one in reports), base=first.base if len(bases) == 1 else None)


def _gate(reports: Sequence[Report]) -> Gate:
    """The gate as it is told: the strictest of them, because each run has applied its own."""
    words = {one.gate.fail_on for one in reports}
    strict = [severity.word for severity in Severity if severity.word in words]
    scopes = {one.gate.scope for one in reports}
    return Gate(strict[0] if strict else "never", "new" if scopes == {"new"} else "all")

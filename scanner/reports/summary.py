"""The summary of a job: everything that the comment says, with every finding, reason and note.

GitHub drops a summary of more than 1 MiB whole, so it is rendered at several depths, and the first that fits is taken.
"""

from scanner.model import Report, Severity
from scanner.reports.level import displayed
from scanner.reports.markdown import Markdown, environment
from scanner.reports.parts import findings, head, ran
from scanner.reports.parts.findings import Depth, Numbered, numbered

NAME = "summary"

BUDGET = 900 * 1024
"""Bytes of UTF-8."""
DEPTHS = (
    Depth(expanded=None, evidence=20, listed=None, rows=None),
    Depth(expanded=None, evidence=1, listed=None, rows=None),
    Depth(expanded=None, evidence=1, listed=None, rows=0),
    Depth(expanded=20, evidence=1, listed=1000, rows=0, diagrams=False),
    Depth(expanded=0, evidence=0, listed=0, rows=0, diagrams=False),
)


def render(report: Report, level: Severity = Severity.INFO) -> str:
    """The summary's Markdown, at most 900 KiB."""
    shown, text = displayed(report, level), ""
    for depth in DEPTHS:
        text = _document(shown, depth)
        if len(text.encode()) <= BUDGET:
            break
    return text


def _document(report: Report, depth: Depth) -> str:
    new = numbered(report)
    return (
        environment()
        .get_template("summary.md.j2")
        .render(
            headline=head.headline_text(report),
            identity=head.identity(report),
            head=[each for each in (head.incomplete_too(report), *head.warnings(report)) if each is not None],
            counts=head.counts(report),
            projects=[_project(report, index, new, depth) for index in range(len(report.projects))],
            footer=head.footer(report, shortened=depth is not DEPTHS[0], sticky=False),
        )
    )


def _project(report: Report, index: int, new: tuple[Numbered, ...], depth: Depth) -> list[Markdown]:
    project = report.projects[index]
    mine = [each for each in new if each.item.project is project]
    blocks = [
        *findings.request_path(report, project, mine, depth),
        *findings.findings(report, mine, depth),
        *ran.errored(report, project),
        *findings.settled(report, project, depth),
        *ran.ran(project, depth),
        *ran.reproduce(project),
    ]
    return blocks if len(report.projects) == 1 else ran.folded(project, blocks, is_open=True)

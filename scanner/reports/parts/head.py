"""The head and the foot of a Markdown report: the verdict, what was scanned, the counts."""

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence

from scanner.model import LayerStatus, PendingSuppression, ProjectReport, Report, Severity, Verdict
from scanner.reports.markdown import Markdown, code, constant, joined, message, text
from scanner.reports.parts.links import MAX_LINE, MAX_MESSAGE, commit, cut, cut_message, place, rule, run_address
from scanner.reports.reading import SEVERITIES, Item, compared, headline, incompleteness, items, outcomes

MAX_PENDING = 5
"""Pending suppressions that are named; the others are counted."""
_WAIVER = '`# seatrial: ignore[RULE] until=YYYY-MM-DD reason="…"`'


def headline_text(report: Report) -> Markdown:
    """The icon and the sentence that says whether the merge is blocked."""
    head = headline(report)
    return constant(f"{head.icon} Seatrial: {head.text}")


def incomplete_too(report: Report) -> Markdown | None:
    """That a scan which blocks is incomplete as well."""
    why = incompleteness(report)
    if not why or headline(report).word != "blocked":
        return None
    return constant(f"🚧 **The scan is incomplete:** {why}")


def identity(report: Report) -> Markdown:
    """Project, settings, commit, base and gate, on one line."""
    parts = []
    if len(report.projects) == 1:
        project = report.projects[0]
        parts.append(joined((constant("**"), code(project.name), constant("**"))))
        if project.settings:
            parts.append(code(project.settings))
    else:
        parts.append(constant(f"{len(report.projects)} projects"))
    commits = [commit(report, sha) for sha in (report.target.head or report.target.commit, report.target.base) if sha]
    if commits:
        parts.append(joined(commits, " against base "))
    if report.target.dirty:
        parts.append(constant("uncommitted changes"))
    parts.append(gate(report))
    return joined(parts, " · ")


def gate(report: Report) -> Markdown:
    """What blocks, as ``gate: **new** findings of **high** or worse``."""
    scope = constant("**new** findings" if report.gate.scope == "new" else "**all** findings")
    match report.gate.fail_on:
        case "never":
            return constant("gate: nothing blocks")
        case "critical":
            return joined((constant("gate: "), scope, constant(" that are **critical**")))
        case word:
            return joined((constant("gate: "), scope, constant(" of **"), text(word), constant("** or worse")))


def warnings(report: Report) -> Iterator[Markdown]:
    """What the reader must know first: notices, and suppressions that the pull request adds."""
    for notice in report.notices:
        yield joined((constant("> [!NOTE]\n> "), message(cut_message(notice, MAX_MESSAGE))))
    if report.pending:
        count = len(report.pending)
        noun = "1 suppression. It takes" if count == 1 else f"{count} suppressions. They take"
        lines = [constant(f"> [!WARNING]\n> This pull request adds {noun} effect after the merge:")]
        lines += [joined((constant("> - "), _pending(report, each))) for each in report.pending[:MAX_PENDING]]
        if count > MAX_PENDING:
            lines.append(constant(f"> - and {count - MAX_PENDING} more"))
        yield joined(lines, "\n")


def _pending(report: Report, each: PendingSuppression) -> Markdown:
    return joined(
        (
            rule(report, each.rule),
            constant(" in "),
            place(report, each.path, each.line),
            constant(", until "),
            code(cut(each.until, 20)),
            constant(", reason "),
            code(cut(each.reason, MAX_LINE)),
        )
    )


def counts(report: Report) -> Markdown | None:
    """The table of counts by severity, one row a state, or one row a project; None when there is no finding."""
    fixed = [each.severity for project in report.projects for each in project.fixed]
    if not items(report) and not fixed:
        return None
    found = [*(item.scoped.severity for item in items(report)), *fixed]
    columns = [each for each in SEVERITIES if each is not Severity.INFO or each in found]
    head = "| | " + " | ".join(each.word.capitalize() for each in columns) + " |"
    rule_line = "|:--|" + "--:|" * len(columns)
    rows = [constant(head), constant(rule_line)]
    if len(report.projects) > 1:
        new = {each.path: items(each, Verdict.BLOCKS, Verdict.REPORTED) for each in report.projects}
        rows += [_row(code(cut(each.name, MAX_LINE), table=True), new[each.path], columns) for each in report.projects]
    else:
        rows += _states(report, columns)
    return joined(rows, "\n")


def _states(report: Report, columns: Sequence[Severity]) -> Iterator[Markdown]:
    if compared(report):
        first = constant("🆕 **New in this pull request**")
    elif report.target.pull_request is not None:
        first = constant("**In this pull request's code**")
    else:
        first = constant("**Found**")
    yield _row(first, items(report, Verdict.BLOCKS, Verdict.REPORTED), columns)
    known, waived = items(report, Verdict.KNOWN), items(report, Verdict.WAIVED)
    if known:
        yield _row(constant(f"↩️ Already {known_words(known)} (does not block)"), known, columns)
    fixed = [each.severity for project in report.projects for each in project.fixed]
    if fixed:
        cells = [str(fixed.count(each) or "·") for each in columns]
        yield constant(f"| ✅ Fixed | {' | '.join(cells)} |")
    if waived:
        yield _row(constant("🔕 Waived"), waived, columns)


def known_words(known: Iterable[Item]) -> str:
    """Where known findings are known from: the base, the baseline, or both."""
    return "on the base" if all(item.scoped.known_from == "base" for item in known) else "known"


def _row(label: Markdown, found: Sequence[Item], columns: Sequence[Severity]) -> Markdown:
    cells = []
    for severity in columns:
        number = _count(found, severity)
        bold = any(item.scoped.verdict is Verdict.BLOCKS and item.scoped.severity is severity for item in found)
        cells.append(f"**{number}**" if bold else str(number or "·"))
    return joined((constant("| "), label, constant(f" | {' | '.join(cells)} |")))


def _count(found: Iterable[Item], severity: Severity) -> int:
    return sum(item.scoped.severity is severity for item in found)


def footer(report: Report, *, shortened: bool, sticky: bool) -> Markdown:
    """Links, and how to waive a finding."""
    parts = []
    if report.run.url is not None and report.run.url.startswith("https://"):
        parts.append(constant(f"[full report]({run_address(report.run.url)})"))
    elif sticky:
        parts.append(constant("full report: the same scan with `--html FILE`"))
    if shortened:
        parts.append(constant("shortened, the full report is in the run"))
    parts.append(constant(f"waive a finding: {_WAIVER} on the line above it (or, not in a Dockerfile, behind it)"))
    if sticky:
        parts.append(constant("updated on each push"))
    return joined((constant("<sub>"), joined(parts, " · "), constant("</sub>")))


def outcome_words(projects: Sequence[ProjectReport]) -> str:
    """``93 rules, 80 passed, 10 failed, 3 skipped``; what is zero is left out."""
    found = outcomes(projects)
    words = [f"{found.total()} {'rule' if found.total() == 1 else 'rules'}"]
    for key, label in (
        ("passed", "passed"),
        ("failed", "failed"),
        ("skipped", "skipped"),
        ("not-applicable", "do not apply"),
        ("errored", "broke"),
    ):
        if found[key]:
            words.append(f"{found[key]} {label}")
    return ", ".join(words)


def layers_ran(projects: Sequence[ProjectReport]) -> str:
    """``files, boot and stack ran``: the layers that ran in every project."""
    ran_in = Counter(
        layer.name.value for project in projects for layer in project.layers if layer.status is LayerStatus.RAN
    )
    names = [name for name in ("files", "boot", "stack") if ran_in[name] == len(projects)]
    if not names:
        return "no layer ran"
    return (f"{', '.join(names[:-1])} and {names[-1]}" if len(names) > 1 else names[0]) + " ran"

"""The report that a person reads in a terminal or in the log of a job.

The words carry the meaning alone; colour only helps. Paths are never wrapped, so that they can be clicked and copied.
"""

import io
from collections import Counter
from collections.abc import Iterator

from rich.cells import cell_len
from rich.console import Console
from rich.text import Text

from scanner.model import (
    ComparisonStatus,
    Evidence,
    Fix,
    LayerReport,
    LayerStatus,
    PendingSuppression,
    ProjectReport,
    ReasonKind,
    Report,
    Verdict,
    View,
)
from scanner.reports.level import displayed
from scanner.reports.reading import (
    MAX_STORES,
    SEVERITIES,
    Item,
    broken,
    headline,
    incompleteness,
    items,
    missing,
    outcomes,
    plain,
    scope_note,
    skipped,
    stations,
)

NAME = "terminal"

INDENT = 8
RULE_COLUMN = 27
MAX_GROUPS = 6
"""Groups of skipped rules that are printed without ``-v``."""
MAX_LINE = 400
"""Code points of a name or reason on one line."""

_LABELS = {Verdict.BLOCKS: "BLOCKS", Verdict.REPORTED: "REPORTS", Verdict.KNOWN: "KNOWN", Verdict.WAIVED: "WAIVED"}
_STYLES = {Verdict.BLOCKS: "bold red", Verdict.REPORTED: "yellow", Verdict.KNOWN: "dim", Verdict.WAIVED: "dim"}
_KINDS = {
    ReasonKind.NOT_APPLICABLE: "does not apply",
    ReasonKind.COULD_NOT_TEST: "could not be tested",
    ReasonKind.UNKNOWN: "unknown",
    ReasonKind.DISABLED: "switched off",
    ReasonKind.LAYER_MISSING: "layer did not run",
}


def render(report: Report, view: View | None = None) -> str:
    """The report for a terminal of ``view.width`` columns; without a view, 100 columns and no colour."""
    view = view or View()
    shown = displayed(report, view.report_level)
    console = Console(
        file=io.StringIO(),
        width=max(view.width, 40),
        force_terminal=view.color,
        color_system="standard" if view.color else None,
        no_color=not view.color,
        highlight=False,
        markup=False,
        emoji=False,
        legacy_windows=False,
        _environ={},
    )
    with console.capture() as capture:
        _write(console, shown, view)
    return "\n".join(line.rstrip() for line in capture.get().split("\n")).rstrip("\n") + "\n"


def _write(console: Console, report: Report, view: View) -> None:
    for notice in () if view.quiet else report.notices:
        _line(console, "Note", plain(notice))
    for pending in () if view.quiet else report.pending:
        _line(console, "Pending", _pending(pending))
    for project in report.projects:
        _project(console, report, project, view)
    if not report.projects:
        console.print("No Django project was scanned.", style="bold red", soft_wrap=True)
    why = incompleteness(report)
    if why:
        _line(console, "Missing", why, style="bold red")
    console.print(_gate(report), soft_wrap=True)


def _project(console: Console, report: Report, project: ProjectReport, view: View) -> None:
    if not view.quiet:
        parts = [project.name, project.settings or "no settings module", f"{project.engine} engine"]
        console.print(Text(" · ".join(map(_one_line, parts)), style="bold"), soft_wrap=True)
        console.print()
    wanted = (Verdict.BLOCKS,) if view.quiet else (Verdict.BLOCKS, Verdict.REPORTED)
    for item in items(project, *wanted):
        _finding(console, report, item)
    for item in items(project, Verdict.KNOWN, Verdict.WAIVED) if view.verbose and not view.quiet else ():
        console.print(_head(item), soft_wrap=True)
    for result, detail in broken(project):
        console.print(Text.assemble(("BROKE   ", "bold red"), (result.rule, "bold")), soft_wrap=True)
        _block(console, detail)
        console.print()
    for layer in project.layers:
        if missing(layer):
            console.print(Text.assemble(("MISSING ", "bold red"), f"layer {layer.name.value}"), soft_wrap=True)
            _block(console, layer.detail)
            console.print()
    if not view.quiet:
        _figures(console, project, view)


def _head(item: Item) -> Text:
    scoped, place = item.scoped, item.finding.location
    head = Text()
    head.append(f"{_LABELS[scoped.verdict]:<7} ", style=_STYLES[scoped.verdict])
    head.append(f"{scoped.severity.word:<9} ", style=_STYLES[scoped.verdict])
    head.append(f"{item.result.rule:<{RULE_COLUMN}}", style="bold")
    head.append(f" {_one_line(place.path)}:{place.line}:{place.column}")
    note = scope_note(scoped)
    if note:
        head.append(f" ({_one_line(note)})", style="dim")
    head.append(f"  {item.finding.proof.value}", style="dim")
    if scoped.waiver is not None:
        head.append(f"  until {_one_line(scoped.waiver.until)}: {_one_line(scoped.waiver.reason)}", style="dim")
    if scoped.known_from is not None:
        head.append(f"  on the {_one_line(scoped.known_from)}", style="dim")
    return head


def _finding(console: Console, report: Report, item: Item) -> None:
    console.print(_head(item), soft_wrap=True)
    _wrapped(console, plain(item.finding.message))
    for piece in item.finding.evidence:
        _block(console, _evidence(piece))
    if item.finding.fix is not None:
        _fix(console, item.finding.fix)
    if report.rules_url:
        console.print(Text(f"{' ' * INDENT}{report.rules_url}{item.result.rule}.md", style="dim"), soft_wrap=True)
    console.print()


def _evidence(piece: Evidence) -> str:
    return piece.text if piece.location is None else f"{piece.location}: {piece.text}"


def _fix(console: Console, fix: Fix) -> None:
    where = f"{fix.path}:{fix.start_line}"
    if fix.end_line < fix.start_line:
        what = f"fix: before {where} insert"
    elif not fix.lines:
        what = f"fix: remove {where}" + (f"-{fix.end_line}" if fix.end_line > fix.start_line else "")
    else:
        what = f"fix: {where}" + (f"-{fix.end_line}" if fix.end_line > fix.start_line else "") + " becomes"
    console.print(Text(" " * INDENT + _one_line(what), style="green"), soft_wrap=True)
    for line in fix.lines:
        console.print(Text(f"{' ' * INDENT}+ {line.expandtabs(4)}", style="green"), soft_wrap=True)


def _figures(console: Console, project: ProjectReport, view: View) -> None:
    path = _path(project)
    if path:
        _line(console, "Path", path)
    _line(console, "Layers", " · ".join(_layer(layer) for layer in project.layers) or "none")
    for layer in project.layers if view.verbose else ():
        for note in (layer.detail, *layer.notes):
            _line(console, "", f"{layer.name.value}: {_one_line(note)}")
    base = _base(project)
    if base:
        _line(console, "Base", base)
    for each in project.placeholders:
        _line(console, "Stand-in", _one_line(f"{each.name}={each.value} ({each.why})"))
    counts = outcomes((project,))
    words = [f"{counts[word]} {word}" for word in ("passed", "failed", "skipped", "errored")]
    if counts["not-applicable"]:
        words.insert(3, f"{counts['not-applicable']} do not apply")
    _line(console, "Rules", f"{counts.total()}: {', '.join(words)}")
    _skipped(console, project, view)
    console.print()


def _skipped(console: Console, project: ProjectReport, view: View) -> None:
    groups = list(skipped(project).items())
    for (kind, reason), rules in groups if view.verbose else groups[:MAX_GROUPS]:
        named = f" [{', '.join(rules)}]" if view.verbose else ""
        why = _one_line(reason)
        said = why if why.startswith(f"{_KINDS[kind]}: ") else f"{_KINDS[kind]}: {why}"
        _line(console, "Skipped", f"{len(rules)} {said}{named}")
    if not view.verbose and len(groups) > MAX_GROUPS:
        rest = sum(len(rules) for _, rules in groups[MAX_GROUPS:])
        _line(console, "Skipped", f"{rest} for other reasons: see -v")


def _path(project: ProjectReport) -> str:
    """``client → nginx (high 1) → Django``: each station with the findings that are pinned to it."""
    pinned: dict[str, Counter[str]] = {}
    for item in items(project, Verdict.BLOCKS, Verdict.REPORTED):
        if item.scoped.hop is not None:
            pinned.setdefault(item.scoped.hop, Counter())[item.scoped.severity.word] += 1
    way, stores = stations(project)
    words = []
    for hop in way:
        counts = pinned.get(hop.id, Counter())
        faults = ", ".join(f"{each.word} {counts[each.word]}" for each in SEVERITIES if counts[each.word])
        words.append(_one_line(hop.label) + (f" ({faults})" if faults else ""))
    if stores:
        named = ", ".join(_one_line(hop.label) for hop in stores[:MAX_STORES])
        words.append(named + (f" and {len(stores) - MAX_STORES} more" if len(stores) > MAX_STORES else ""))
    return " → ".join(words)


def _layer(layer: LayerReport) -> str:
    match layer.status:
        case LayerStatus.RAN:
            return f"{layer.name.value} ran ({layer.seconds:.1f} s)"
        case LayerStatus.FAILED:
            return f"{layer.name.value} FAILED"
        case LayerStatus.NOT_RUN:
            return f"{layer.name.value} not run" + ("" if layer.asked_for else " (not asked for)")


def _base(project: ProjectReport) -> str:
    """What became of the comparison with the base; empty where there was none."""
    comparison = project.comparison
    commit = (comparison.base or "")[:7]
    why = f": {comparison.detail}" if comparison.detail else ""
    match comparison.status:
        case ComparisonStatus.COMPARED:
            known = sum(each.scoped.known_from == "base" for each in items(project, Verdict.KNOWN))
            layers = ", ".join(layer.value for layer in comparison.layers)
            return f"compared with {commit} ({layers}): {known} known, {len(project.fixed)} fixed{why}"
        case ComparisonStatus.FAILED:
            return f"not compared with {commit} as a whole{why}"
        case ComparisonStatus.NOT_NEEDED:
            return f"{commit} was not scanned: nothing would block" if commit else ""
        case ComparisonStatus.NONE:
            return comparison.detail


def _pending(pending: PendingSuppression) -> str:
    where = f"{pending.path}:{pending.line}"
    return _one_line(f"{pending.rule} at {where} until {pending.until}: in force after the merge ({pending.reason})")


def _gate(report: Report) -> Text:
    counts = report.summary
    found = f"{counts.blocks} block, {counts.reported} reported, {counts.known} known, {counts.waived} waived"
    rule = f"fail on {report.gate.fail_on}, {report.gate.scope} findings"
    style = {"blocked": "bold red", "incomplete": "bold red", "passed": "bold green"}[headline(report).word]
    return Text.assemble(("Gate     ", "bold"), f"{found} ({rule}) ", (f"→ exit {report.exit_code}", style))


def _line(console: Console, name: str, text: str, style: str = "") -> None:
    console.print(Text.assemble((f"{name:<8} ", "bold"), (_one_line(text), style)), soft_wrap=True)


def _one_line(text: str) -> str:
    line = " ".join(text.split())
    return line if len(line) <= MAX_LINE else line[: MAX_LINE - 1] + "…"


def _wrapped(console: Console, text: str) -> None:
    for line in _folded(text, console.width - INDENT):
        console.print(" " * INDENT + line, soft_wrap=True)


def _folded(text: str, width: int) -> Iterator[str]:
    """The words of a text in lines of at most ``width`` columns; a longer word stays whole."""
    line = ""
    for word in text.split():
        if line and cell_len(line) + 1 + cell_len(word) > width:
            yield line
            line = word
        else:
            line = f"{line} {word}" if line else word
    yield line


def _block(console: Console, text: str) -> None:
    for line in text.split("\n"):
        console.print(Text.assemble(" " * INDENT, ("│ ", "dim"), line.expandtabs(4)), soft_wrap=True)

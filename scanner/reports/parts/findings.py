"""The findings of one project in Markdown: the new ones whole, those that are known or waived in a table."""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from scanner.model import Evidence, Finding, Fix, FixedFinding, ProjectReport, Proof, Report, Severity, Verdict
from scanner.reports import mermaid
from scanner.reports.markdown import Markdown, code, constant, fence, joined, message
from scanner.reports.parts.head import known_words
from scanner.reports.parts.links import MAX_EVIDENCE, MAX_LINE, MAX_MESSAGE, cut, cut_message, place, rule
from scanner.reports.reading import ICONS, Item, items, scope_note

OPEN_FIX = 4
"""Lines of a fix that is shown unfolded."""
# What the probes ask for is new in every run: shown, it would change a comment in which nothing else changed.
_NONCE = re.compile(r"(?<![0-9a-f])[0-9a-f]{16}(?![0-9a-f])")
LONG_FIX = 30
"""Lines above which a fix is left to the full report."""
MOST_FOLDED = 15
"""Blocking findings beyond the first ones whose evidence is told, folded."""
LEGEND = (
    "*Proven*: seen from outside on this project's own stack, started in a sandbox: the requests below went to that "
    "copy, not to your servers. "
    "*Inferred*: concluded from its files and its booted settings."
)
_SLIGHT = frozenset({Severity.LOW, Severity.INFO})
_LIVE = re.compile(r"[A-Z]{3,10} https?://")


@dataclass(frozen=True)
class Depth:
    """How much of the findings a document holds; None means all."""

    expanded: int | None
    """New findings with their evidence and fix."""
    evidence: int
    """Pieces of evidence of each."""
    listed: int | None
    """Further findings, one line each."""
    rows: int | None
    """Rows of the table of known and waived findings, and of rules not checked."""
    diagrams: bool = True


@dataclass(frozen=True)
class Numbered:
    """A new finding with the number that it has in the whole document."""

    number: int
    item: Item


def numbered(report: Report) -> tuple[Numbered, ...]:
    """The findings that are new, blocking ones first, with their numbers from 1."""
    new = items(report, Verdict.BLOCKS, Verdict.REPORTED)
    return tuple(Numbered(number, item) for number, item in enumerate(new, start=1))


def request_path(report: Report, project: ProjectReport, new: Sequence[Numbered], depth: Depth) -> Iterator[Markdown]:
    """The line of text, and the diagram where it helps and GitHub renders it."""
    pins: dict[str, list[mermaid.Pin]] = {}
    for each in new:
        hop, scoped = each.item.scoped.hop or mermaid.NOWHERE, each.item.scoped
        # What is low is worth no word of its own.
        if each.item.project is project and (hop or scoped.severity not in _SLIGHT):
            blocks = scoped.verdict is Verdict.BLOCKS
            pins.setdefault(hop, []).append(mermaid.Pin(each.number, scoped.severity, each.item.result.rule, blocks))
    line = mermaid.line(project, pins)
    if line is not None:
        yield joined((constant("**Request path:** "), line))
    repository = report.target.repository or ""
    drawn = mermaid.diagram(project, pins) if depth.diagrams and repository.startswith("https://github.com/") else None
    if drawn is not None:
        yield drawn


def findings(report: Report, new: Sequence[Numbered], depth: Depth) -> Iterator[Markdown]:
    """The new findings of one project: the first ones whole, the others one line each."""
    blocking = [each for each in new if each.item.scoped.verdict is Verdict.BLOCKS]
    below = [each for each in new if each.item.scoped.verdict is not Verdict.BLOCKS]
    whole = [*blocking, *(below if depth.expanded is None else ())][: depth.expanded]
    if blocking:
        yield constant("### What blocks")
        yield constant(LEGEND)
    for each in whole:
        yield from _expanded(report, each, depth)
    if len(blocking) > len(whole):
        others = [each for each in blocking if each not in whole]
        yield from _listed(report, others, depth)
        yield from _folded(report, others, depth)
    rest = [each for each in below if each not in whole]
    if rest:
        noun = "finding" if len(rest) == 1 else "findings"
        yield constant(f"<details><summary>{len(rest)} {noun} below the gate</summary>")
        yield from _listed(report, rest, depth)
        yield constant("</details>")


def _expanded(report: Report, each: Numbered, depth: Depth) -> Iterator[Markdown]:
    yield _title(report, each)
    yield message(cut_message(each.item.finding.message, MAX_MESSAGE))
    yield from _proof_and_cure(report, each, depth)


def _proof_and_cure(report: Report, each: Numbered, depth: Depth) -> Iterator[Markdown]:
    finding = each.item.finding
    yield from _evidence(report, _telling(finding, depth.evidence))
    rest = len(finding.evidence) - depth.evidence
    if depth.evidence and rest > 0:
        yield constant(f"and {rest} more {'piece' if rest == 1 else 'pieces'} of evidence in the full report")
    if not depth.evidence:
        return
    if finding.fix is not None:
        yield from _fix(report, finding.fix)
    elif each.item.result.cure and each.item.result.cure.count("\n") < LONG_FIX:
        yield constant("For example (names and paths are not yours):")
        yield fence(each.item.result.cure)


def _telling(finding: Finding, count: int) -> Sequence[Evidence]:
    """So many pieces of evidence, in their order; of what is proven the first place, and then what was seen live."""
    pieces = finding.evidence
    if len(pieces) <= count or finding.proof is not Proof.PROVEN:
        return pieces[:count]
    live = [piece for piece in pieces if _LIVE.match(piece.text)]
    chosen = [*pieces[:1], *live[: count - 1]]
    chosen += [piece for piece in pieces if piece not in chosen]
    kept = chosen[:count]
    return [piece for piece in pieces if piece in kept]


def _folded(report: Report, others: Sequence[Numbered], depth: Depth) -> Iterator[Markdown]:
    """Evidence and cure of what blocks beyond the first ones, which are listed above."""
    told = others[:MOST_FOLDED] if depth.evidence else []
    if not told:
        return
    numbers = f"{told[0].number} to {told[-1].number}" if len(told) > 1 else str(told[0].number)
    yield constant(f"<details><summary>Evidence and cure of {numbers}</summary>")
    for each in told:
        # Named, not told again: the line above has its links.
        yield joined(
            (
                constant(f"**{each.number}** · "),
                code(each.item.result.rule),
                constant(" · "),
                code(cut(each.item.place, MAX_LINE)),
            )
        )
        yield from _proof_and_cure(report, each, depth)
    yield constant("</details>")


def _title(report: Report, each: Numbered) -> Markdown:
    scoped, finding = each.item.scoped, each.item.finding
    parts = [
        constant(f"{each.number} · {ICONS[scoped.severity]} {scoped.severity.word} · {finding.proof.value}"),
        rule(report, each.item.result.rule),
    ]
    title = joined((constant("**"), joined(parts, " · "), constant("** · ")))
    made = joined((title, place(report, finding.location.path, finding.location.line)))
    note = scope_note(scoped)
    return joined((made, constant(" · "), code(cut(note, MAX_LINE)))) if note else made


def _evidence(report: Report, pieces: Sequence[Evidence]) -> Iterator[Markdown]:
    bullets = []
    for piece in pieces:
        words = code(cut(_NONCE.sub("…", piece.text), MAX_EVIDENCE))
        if piece.location is not None:
            words = joined((place(report, piece.location.path, piece.location.line), constant(": "), words))
        bullets.append(joined((constant("- "), words)))
    if bullets:
        yield joined(bullets, "\n")


def _fix(report: Report, fix: Fix) -> Iterator[Markdown]:
    lines = len(fix.lines)
    if lines > LONG_FIX:
        yield constant(f"Fix: {lines} lines, see the full report")
        return
    where = place(report, fix.path, fix.start_line)
    if fix.end_line < fix.start_line:
        lead = joined((constant("Fix: insert before "), where))
    elif lines:
        others = fix.end_line - fix.start_line
        lead = joined((constant("Fix: "), where, constant(f" and {others} more become" if others else " becomes")))
    else:
        lead = joined((constant("Fix: remove "), where))
    body = [fence("\n".join(f"+{line}" for line in fix.lines), "diff")] if lines else []
    if lines <= OPEN_FIX:
        yield joined((lead, constant(":" if body else "")))
        yield from body
        return
    yield constant(f"<details><summary>Fix ({lines} lines)</summary>")
    yield joined((lead, constant(":")))
    yield from body
    yield constant("</details>")


def _listed(report: Report, rest: Sequence[Numbered], depth: Depth) -> Iterator[Markdown]:
    shown = rest[: depth.listed]
    lines = []
    for each in shown:
        words = message(cut_message(each.item.finding.message, MAX_LINE))
        lines.append(joined((constant("- "), _title(report, each), constant(" · "), words)))
    if len(rest) > len(shown):
        lines.append(constant(f"- and {len(rest) - len(shown)} more: see the full report"))
    yield joined(lines, "\n")


def settled(report: Report, project: ProjectReport, depth: Depth) -> Iterator[Markdown]:
    """The known, the fixed and the waived findings, folded."""
    known, waived = items(project, Verdict.KNOWN), items(project, Verdict.WAIVED)
    if not known and not waived and not project.fixed:
        return
    titles = [f"↩️ {len(known)} already {known_words(known)}"] if known else []
    titles += [f"✅ {len(project.fixed)} fixed"] if project.fixed else []
    titles += [f"🔕 {len(waived)} waived"] if waived else []
    yield constant(f"<details><summary>{' · '.join(titles)}</summary>")
    found: tuple[Item | FixedFinding, ...] = (*known, *project.fixed, *waived)
    shown = found[: depth.rows]
    if shown:
        rows = [_fixed(report, each) if isinstance(each, FixedFinding) else _settled(report, each) for each in shown]
        yield joined([constant("| Rule | Severity | Where | State |\n|:--|:--|:--|:--|"), *rows], "\n")
    if len(found) > len(shown):
        yield constant(f"and {len(found) - len(shown)} more: see the full report" if shown else "see the full report")
    yield constant("</details>")


def _fixed(report: Report, fixed: FixedFinding) -> Markdown:
    cells = (
        rule(report, fixed.rule, table=True),
        constant(f"{ICONS[fixed.severity]} {fixed.severity.word}"),
        # The place is the base's: in the commit that the other links lead to, it may be gone.
        code(cut(f"{fixed.path}:{fixed.line}", MAX_LINE), table=True),
        constant("✅ fixed"),
    )
    return joined((constant("| "), joined(cells, " | "), constant(" |")))


def _settled(report: Report, item: Item) -> Markdown:
    scoped, spot = item.scoped, item.finding.location
    if scoped.waiver is not None:
        until, reason = code(cut(scoped.waiver.until, 20), table=True), cut(scoped.waiver.reason, MAX_LINE)
        state = joined((constant("🔕 until "), until, constant(": "), code(reason, table=True)))
    else:
        state = constant("in the baseline" if scoped.known_from == "baseline" else "on the base")
    cells = (
        rule(report, item.result.rule, table=True),
        constant(f"{ICONS[scoped.severity]} {scoped.severity.word}"),
        place(report, spot.path, spot.line, table=True),
        state,
    )
    return joined((constant("| "), joined(cells, " | "), constant(" |")))

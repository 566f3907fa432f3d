"""Review suggestions: fixes of findings as GitHub shows them beside the lines of a pull request, with a button.

GitHub refuses a whole review when one of its lines is outside the diff. So a suggestion is made only where every line
that it replaces is in the diff with the very text that was scanned: that also leads from GitHub's merge commit, which
is what was scanned, to the head commit, where the lines may stand elsewhere.
"""

import re
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass

from scanner.model import Fix, Report, Verdict
from scanner.reports.markdown import Markdown, constant, joined, message
from scanner.reports.parts.links import MAX_MESSAGE, cut_message, rule
from scanner.reports.reading import ICONS, Item, items

MOST = 10
"""Suggestions of one review: more of them bury the review of a person."""
LONGEST = 30
"""Lines that a suggestion removes or adds."""

_HUNK = re.compile(r"@@ -\d+(?:,\d+)? \+(\d+)(?:,\d+)? @@")
_MARKER = re.compile(r"<!-- seatrial:suggestion (v1:[0-9a-f]{1,64}) -->")

Hunks = Sequence[Mapping[int, str]]
"""Of one file: the lines of each hunk on the head's side, by their numbers."""
Lines = Callable[[str], Sequence[str] | None]
"""The lines of a scanned file by its path; None for one that cannot be read."""


@dataclass(frozen=True)
class Suggestion:
    """A comment on the lines ``start`` to ``end`` (both included) of ``path`` in the head commit."""

    path: str
    start: int
    end: int
    body: str
    fingerprint: str


def hunks(patch: str) -> Hunks:
    """The hunks of a file's ``patch`` as ``GET /pulls/{n}/files`` gives it: its added and context lines."""
    found: list[dict[int, str]] = []
    number = 0
    for line in patch.split("\n"):
        start = _HUNK.match(line)
        if start:
            found.append({})
            number = int(start.group(1))
        elif found and line[:1] in {"+", " "}:
            found[-1][number] = line[1:].removesuffix("\r")
            number += 1
    return found


def fingerprints(body: str) -> frozenset[str]:
    """The findings for which this review comment is a suggestion of ours."""
    return frozenset(_MARKER.findall(body))


def suggestions(
    report: Report, patches: Mapping[str, str], lines: Lines, there: Collection[str] = ()
) -> tuple[Suggestion, ...]:
    """The suggestions for what is new, in the order of the report, at most ten.

    ``patches`` are the pull request's, by path; ``there`` are the fingerprints that have a suggestion already.
    """
    made: list[Suggestion] = []
    for item in items(report, Verdict.BLOCKS, Verdict.REPORTED):
        fix = item.finding.fix
        if fix is None or not fix.safe or item.scoped.fingerprint in there or fix.path not in patches:
            continue
        one = _suggestion(report, item, fix, patches[fix.path], lines)
        if one is not None and not any(_overlap(one, other) for other in made):
            made.append(one)
        if len(made) == MOST:
            break
    return tuple(made)


def _overlap(one: Suggestion, other: Suggestion) -> bool:
    return one.path == other.path and one.start <= other.end and other.start <= one.end


def _suggestion(report: Report, item: Item, fix: Fix, patch: str, lines: Lines) -> Suggestion | None:
    scanned = lines(fix.path)
    if scanned is None:
        return None
    first, last, wanted = _replaced(fix, scanned)
    old = tuple(scanned[first - 1 : last])
    if not old or len(old) > LONGEST or len(wanted) > LONGEST:
        return None
    starts = list(_places(hunks(patch), old))
    # Of several equal places only the one with the scanned number is sure to be meant.
    start = first if first in starts else starts[0] if len(starts) == 1 else None
    if start is None:
        return None
    body = _body(report, item, wanted)
    return Suggestion(fix.path, start, start + len(old) - 1, body, item.scoped.fingerprint)


def _replaced(fix: Fix, scanned: Sequence[str]) -> tuple[int, int, tuple[str, ...]]:
    """First and last line, and what they become: what is only inserted replaces its neighbour by both."""
    if fix.end_line >= fix.start_line:
        return fix.start_line, fix.end_line, fix.lines
    if fix.start_line <= len(scanned):
        return fix.start_line, fix.start_line, (*fix.lines, scanned[fix.start_line - 1])
    return len(scanned), len(scanned), (*scanned[-1:], *fix.lines)


def _places(found: Hunks, old: tuple[str, ...]) -> Iterator[int]:
    """The numbers at which these lines stand together in one hunk."""
    for hunk in found:
        for start in hunk:
            if all(hunk.get(start + index) == line for index, line in enumerate(old)):
                yield start


def _body(report: Report, item: Item, wanted: tuple[str, ...]) -> str:
    severity = item.scoped.severity
    head = joined(
        (
            constant(f"**{ICONS[severity]} {severity.word} · {item.finding.proof.value} · "),
            rule(report, item.result.rule),
            constant("**"),
        )
    )
    parts = (
        head,
        message(cut_message(item.finding.message, MAX_MESSAGE)),
        _fence(wanted),
        constant(f"<!-- seatrial:suggestion {item.scoped.fingerprint} -->"),
    )
    return joined(parts, "\n\n")


def _fence(wanted: tuple[str, ...]) -> Markdown:
    """GitHub replaces the lines by exactly what stands in the fence, blank lines too; an empty one removes them."""
    runs = [len(run) for line in wanted for run in re.findall("`+", line)]
    ticks = "`" * max(3, *(run + 1 for run in runs), 3)
    return constant("\n".join((f"{ticks}suggestion", *wanted, ticks)))

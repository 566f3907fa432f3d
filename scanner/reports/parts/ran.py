"""What ran, what broke, what was not checked, and how to run it again."""

import shlex
from collections.abc import Iterator, Sequence

from scanner.model import ComparisonStatus, LayerReport, LayerStatus, Placeholder, ProjectReport, ReasonKind, Report
from scanner.reports.markdown import Markdown, code, constant, fence, joined
from scanner.reports.parts.findings import Depth
from scanner.reports.parts.head import outcome_words
from scanner.reports.parts.links import MAX_EVIDENCE, MAX_LINE, cut, rule
from scanner.reports.reading import broken, missing, skipped


def errored(report: Report, project: ProjectReport) -> Iterator[Markdown]:
    """The rules that broke and the layers that did not run, open: silence would look like a pass."""
    lines = [
        joined((constant(f"- layer `{layer.name.value}`: "), code(cut(layer.detail, MAX_EVIDENCE))))
        for layer in project.layers
        if missing(layer)
    ]
    lines += [
        joined((constant("- "), rule(report, result.rule), constant(": "), code(cut(detail, MAX_EVIDENCE))))
        for result, detail in broken(project)
    ]
    if lines:
        yield constant("### 🚧 What could not be checked")
        yield joined(lines, "\n")


def ran(project: ProjectReport, depth: Depth) -> Iterator[Markdown]:
    """The layers, the rules that were not checked with the reasons, and the stand-ins, folded."""
    yield constant(f"<details><summary>What ran: {outcome_words((project,))}</summary>")
    rows = [constant("| Layer | Status | What it saw |\n|:--|:--|:--|"), *(_layer(layer) for layer in project.layers)]
    yield joined(rows, "\n")
    if depth.rows is None:
        notes = [code(cut(note, MAX_EVIDENCE)) for layer in project.layers for note in layer.notes]
        if notes:
            yield joined((joined((constant("- "), note)) for note in notes), "\n")
    if project.placeholders:
        yield joined(
            (
                joined(
                    (
                        constant("- stand-in "),
                        code(cut(f"{each.name}={each.value}", MAX_LINE)),
                        constant(": "),
                        code(cut(each.why, MAX_LINE)),
                    )
                )
                for each in project.placeholders[:50]
            ),
            "\n",
        )
    yield from _base(project)
    groups = list(skipped(project).items())
    if depth.rows is not None:
        # What does not apply is counted above; nobody has to do anything about it.
        groups = [each for each in groups if each[0][0] is not ReasonKind.NOT_APPLICABLE]
    shown = groups[: depth.rows]
    if shown:
        yield joined((_not_checked(kind, reason, rules, depth) for (kind, reason), rules in shown), "\n")
    rest = sum(len(rules) for _, rules in groups[len(shown) :])
    if rest:
        yield constant(f"{rest} more rules were not checked: see the full report")
    yield constant("</details>")


def _layer(layer: LayerReport) -> Markdown:
    status = {
        LayerStatus.RAN: "✅ ran",
        LayerStatus.FAILED: "🚧 failed",
        LayerStatus.NOT_RUN: "🚧 did not run" if missing(layer) else "not run",
    }[layer.status]
    detail = code(cut(layer.detail, MAX_EVIDENCE), table=True) if layer.detail.strip() else constant("")
    return joined((constant(f"| {layer.name.value} | {status} | "), detail, constant(" |")))


def _base(project: ProjectReport) -> Iterator[Markdown]:
    """What became of the comparison with the base."""
    comparison = project.comparison
    if comparison.status is ComparisonStatus.COMPARED:
        names = ", ".join(layer.value for layer in comparison.layers)
        lead = constant(f"Compared with the base ({names})")
    elif comparison.status is ComparisonStatus.FAILED:
        lead = constant("Not compared with the base as a whole")
    elif comparison.status is ComparisonStatus.NOT_NEEDED and comparison.base is not None:
        lead = constant("The base was not scanned: nothing would block")
    else:
        return
    yield joined((lead, constant(": "), code(cut(comparison.detail, MAX_EVIDENCE)))) if comparison.detail else lead


def _not_checked(kind: ReasonKind, reason: str, rules: Sequence[str], depth: Depth) -> Markdown:
    word = "Does not apply" if kind is ReasonKind.NOT_APPLICABLE else "Not checked"
    named = rules if depth.rows is None else rules[:10]
    names = joined((code(name) for name in named), ", ")
    more = constant(f" and {len(rules) - len(named)} more" if len(rules) > len(named) else "")
    return joined((constant(f"- {word}: "), names, more, constant(": "), code(cut(reason, MAX_LINE))))


def _placeholder(each: Placeholder) -> Markdown:
    value = code(cut(f"{each.name}={each.value}", MAX_LINE))
    return joined((constant("- stand-in "), value, constant(": "), code(cut(each.why, MAX_LINE))))


def reproduce(project: ProjectReport) -> Iterator[Markdown]:
    """One command, folded."""
    words = ["seatrial", "scan", "."]
    if project.path not in {"", "."}:
        words += ["--project", project.path]
    if project.settings:
        words += ["--settings", project.settings]
    yield constant("<details><summary>Reproduce on your machine</summary>")
    command = shlex.join(cut(" ".join(word.split()), MAX_LINE) for word in words)
    yield fence(f"pip install seatrial\n{command}", "sh")
    yield constant("</details>")


def folded(project: ProjectReport, blocks: Sequence[Markdown], *, is_open: bool) -> list[Markdown]:
    """One project of several: its blocks below its name, open where something blocks or broke."""
    must_see = is_open or any(broken(project)) or any(missing(layer) for layer in project.layers)
    opening = constant(f"<details{' open' if must_see else ''}><summary>{outcome_words((project,))}</summary>")
    return [joined((constant("## "), code(cut(project.name, MAX_LINE)))), opening, *blocks, constant("</details>")]

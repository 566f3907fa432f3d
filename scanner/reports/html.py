"""One HTML file that needs nothing else: no script, no font, no image, nothing that is fetched.

It folds by ``<details>``, filters by radio buttons and CSS, follows the reader's light or dark theme, and prints.
Jinja2 escapes every value; none is marked as safe but the style sheet, which is a file of this package.
"""

import re
from collections.abc import Callable
from dataclasses import dataclass
from importlib import resources

from jinja2 import Environment, FunctionLoader, StrictUndefined

from scanner.model import LayerReport, LayerStatus, ProjectReport, Report, Verdict
from scanner.reports.markdown import address
from scanner.reports.reading import (
    ICONS,
    SEVERITIES,
    Item,
    broken,
    headline,
    incompleteness,
    items,
    missing,
    outcome_word,
    outcomes,
    scope_note,
    skipped,
    stations,
)

NAME = "html"

MAX_BYTES = 10 * 1024 * 1024
"""Above this, only the first piece of evidence of each finding is kept, which a banner says."""

_COMMIT = re.compile(r"[0-9a-f]{7,64}")
_SECTIONS = (
    (Verdict.BLOCKS, "What blocks"),
    (Verdict.REPORTED, "Below the gate"),
    (Verdict.KNOWN, "Already known"),
    (Verdict.WAIVED, "Waived"),
)


@dataclass(frozen=True)
class Part:
    """A part of a message: the project's words are code."""

    text: str
    is_code: bool


def render(report: Report) -> str:
    """The document, at most about 10 MB."""
    whole = _document(report, None)
    return whole if len(whole.encode()) <= MAX_BYTES else _document(report, 1)


def parts(message: str) -> list[Part]:
    """A message taken apart at its backticks; one with an odd number of them is code as a whole."""
    found = message.split("`")
    if len(found) % 2 == 0:
        return [Part(message, is_code=True)]
    return [Part(text, is_code=bool(index % 2)) for index, text in enumerate(found) if text]


def _document(report: Report, evidence: int | None) -> str:
    environment = Environment(
        loader=FunctionLoader(_source),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
    environment.filters |= {"parts": parts, "note": scope_note}
    return environment.get_template("report.html.j2").render(
        report=report,
        head=headline(report),
        why=incompleteness(report),
        views=[_view(index, project) for index, project in enumerate(report.projects, start=1)],
        severities=SEVERITIES,
        icons=ICONS,
        evidence=evidence,
        place_url=_place_url(report),
        rule_url=_rule_url(report),
        run_url=_https(report.run.url),
    )


@dataclass(frozen=True)
class _View:
    """A project as the template walks through it."""

    number: int
    project: ProjectReport
    sections: tuple[tuple[Verdict, str, tuple[Item, ...]], ...]
    broken: tuple[tuple[str, str], ...]
    missing: tuple[LayerReport, ...]
    way: tuple[tuple[str, str, bool, int, bool], ...]
    """Label, place, started, findings of each station, and whether it is a store: those come last, side by side."""
    counts: tuple[tuple[str, int], ...]
    skipped: tuple[tuple[str, str, str], ...]
    """Kind, reason, rules."""
    rules: tuple[tuple[str, str, str, int], ...]
    """Rule, title, outcome, number of findings."""
    layers: tuple[tuple[LayerReport, str], ...]


def _view(number: int, project: ProjectReport) -> _View:
    new = items(project, Verdict.BLOCKS, Verdict.REPORTED)
    way, stores = stations(project)
    return _View(
        number=number,
        project=project,
        sections=tuple((verdict, title, items(project, verdict)) for verdict, title in _SECTIONS),
        broken=tuple((result.rule, detail) for result, detail in broken(project)),
        missing=tuple(layer for layer in project.layers if missing(layer)),
        way=tuple(
            (
                hop.label,
                "" if hop.path is None else f"{hop.path}:{hop.line}" if hop.line else hop.path,
                hop.started,
                sum(item.scoped.hop == hop.id for item in new),
                hop.kind == "store",
            )
            for hop in (*way, *stores)
        ),
        counts=tuple(outcomes((project,)).items()),
        skipped=tuple((kind.value, reason, ", ".join(rules)) for (kind, reason), rules in skipped(project).items()),
        rules=tuple(
            (each.rule, each.title, outcome_word(each), len(each.findings) + each.omitted) for each in project.results
        ),
        layers=tuple((layer, _status(layer)) for layer in project.layers),
    )


def _status(layer: LayerReport) -> str:
    match layer.status:
        case LayerStatus.RAN:
            return f"✅ ran in {layer.seconds:.1f} s"
        case LayerStatus.FAILED:
            return "🚧 failed"
        case LayerStatus.NOT_RUN:
            return "🚧 did not run" if missing(layer) else "not run"


def _https(url: str | None) -> str:
    return address(url).rstrip("/") if url is not None and url.startswith("https://") else ""


def _place_url(report: Report) -> Callable[[str, int], str]:
    """Addresses of lines in the scanned commit; empty where the repository or the commit is not known."""
    base, sha = _https(report.target.repository), report.target.head or report.target.commit
    known = bool(base) and sha is not None and _COMMIT.fullmatch(sha) is not None

    def url(path: str, line: int) -> str:
        return f"{address(base, 'blob', sha or '', path)}#L{line}" if known else ""

    return url


def _rule_url(report: Report) -> Callable[[str], str]:
    base = _https(report.rules_url)

    def url(rule: str) -> str:
        return address(base, f"{rule}.md") if base else ""

    return url


def _source(name: str) -> str:
    return resources.files("scanner.reports").joinpath("templates", name).read_text(encoding="utf-8")

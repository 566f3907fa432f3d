"""JUnit XML, as continuous integration systems read it.

A finding that blocks is a failure; one below the gate is a passed test with its text as output, because JUnit has no
warning and ``skipped`` would read as "not checked". Pairs of ``classname`` and ``name`` are unique, and no line number
stands in a name: consumers compare runs by them.
"""

from collections.abc import Iterator
from xml.etree import ElementTree as ET

from junit_xml import TestCase, TestSuite

from scanner.model import (
    Errored,
    Failed,
    LayerReport,
    LayerStatus,
    Passed,
    ProjectReport,
    ReasonKind,
    Report,
    RuleResult,
    Scoped,
    Skipped,
    Verdict,
    clean,
)
from scanner.reports.reading import Item, missing, order, plain, scope_note

NAME = "junit"

MAX_BYTES = 20 * 1024 * 1024
"""Above this, evidence is cut: GitLab refuses files of 30 MB."""
SMALLEST = 0.001
"""Seconds of a test that takes none: the library leaves out a time of 0, which a consumer turns into NaN."""


def render(report: Report) -> str:
    """The document, one suite a project."""
    whole = _document(report, None)
    if len(whole.encode()) <= MAX_BYTES:
        return whole
    shorter = _document(report, 3)
    return shorter if len(shorter.encode()) <= MAX_BYTES else _document(report, 0)


def _document(report: Report, pieces: int | None) -> str:
    root = ET.Element("testsuites")
    names = _names(report)
    for project in report.projects:
        root.append(_Suite(report, project, names[project.path], pieces).element())
    if not report.projects:
        root.append(_nothing(report))
    for element in root.iter():
        element.attrib.pop("disabled", None)
        if "time" in element.attrib:
            element.set("time", f"{float(element.attrib['time']):.3f}")
    ET.indent(root)
    return '<?xml version="1.0" encoding="utf-8"?>\n' + ET.tostring(root, encoding="unicode") + "\n"


def _names(report: Report) -> dict[str, str]:
    """A name for each project's path: its own, or with the path where several have the same."""
    taken = [project.name for project in report.projects]
    return {
        project.path: project.name if taken.count(project.name) == 1 else f"{project.name} ({project.path})"
        for project in report.projects
    }


def _nothing(report: Report) -> ET.Element:
    case = TestCase("projects", classname="seatrial", elapsed_sec=SMALLEST)
    case.add_error_info(message="no Django project was scanned", error_type="errored")
    suite = TestSuite("seatrial", [case], timestamp=report.run.started.removesuffix("Z") or None)
    element: ET.Element = suite.build_xml_doc()
    return element


class _Suite:
    """The suite of one project."""

    def __init__(self, report: Report, project: ProjectReport, name: str, pieces: int | None) -> None:
        self._report = report
        self._project = project
        self._pieces = pieces
        self._name = clean(name).replace("\n", " ")
        self._taken: set[tuple[str, str]] = set()

    def element(self) -> ET.Element:
        cases = [*(self._layer(layer) for layer in self._project.layers), *self._rules()]
        suite = TestSuite(
            f"seatrial: {self._name}",
            cases,
            timestamp=self._report.run.started.removesuffix("Z") or None,
            properties=self._properties(),
        )
        element: ET.Element = suite.build_xml_doc()
        return element

    def _properties(self) -> dict[str, str]:
        target, gate = self._report.target, self._report.gate
        values = {
            "seatrial.version": self._report.version,
            "seatrial.settings": self._project.settings,
            "seatrial.commit": target.commit or "",
            "seatrial.base": target.base or "",
            "seatrial.gate": f"{gate.fail_on}, {gate.scope}",
            "seatrial.engine": self._project.engine,
        }
        values |= {f"seatrial.placeholder.{each.name}": each.value for each in self._project.placeholders}
        return {clean(key): clean(value) for key, value in values.items() if value}

    def _case(self, topic: str, name: str, place: tuple[str, int] | None = None, seconds: float = 0.0) -> TestCase:
        """A test whose pair of class and name is new: the second of the same name is told apart by its place."""
        classname = f"{self._name.replace('.', '_')}.{topic}"
        name = clean(name).replace("\n", " ")
        if (classname, name) in self._taken and place is not None:
            name = f"{name} [{clean(place[0])}:{place[1]}]"
        unique, count = name, 1
        while (classname, unique) in self._taken:
            count += 1
            unique = f"{name} ({count})"
        self._taken.add((classname, unique))
        return TestCase(
            unique,
            classname=classname,
            elapsed_sec=max(round(seconds, 3), SMALLEST),
            file=clean(place[0]) if place else self._manage_py(),
            line=place[1] if place else 1,
            allow_multiple_subelements=True,
        )

    def _manage_py(self) -> str:
        """A file for what has none: a consumer takes the class's name for a path otherwise."""
        return "manage.py" if self._project.path in {"", "."} else f"{clean(self._project.path)}/manage.py"

    def _layer(self, layer: LayerReport) -> TestCase:
        case = self._case("layers", f"layer: {layer.name.value}", seconds=layer.seconds)
        detail = clean(layer.detail)
        if missing(layer):
            case.add_error_info(
                message=f"the layer {layer.name.value} did not run: {_line(detail)}",
                output=detail,
                error_type="errored",
            )
        elif layer.status is not LayerStatus.RAN:
            case.add_skipped_info(message=f"not run: {_line(detail)}")
        else:
            case.stdout = detail
        return case

    def _rules(self) -> Iterator[TestCase]:
        for result in sorted(self._project.results, key=lambda each: each.rule):
            yield from self._rule(result)

    def _rule(self, result: RuleResult) -> Iterator[TestCase]:
        match result.outcome:
            case Passed():
                yield self._case(result.topic, result.rule)
            case Skipped(reason, kind):
                case = self._case(result.topic, result.rule)
                word = "does not apply" if kind is ReasonKind.NOT_APPLICABLE else "not checked"
                case.add_skipped_info(message=f"{word}: {_line(clean(reason))}")
                yield case
            case Failed():
                yield from self._findings(result)
            case Errored(detail):
                case = self._case(result.topic, result.rule)
                text = clean(detail)
                case.add_error_info(message=f"the rule broke: {_line(text)}", output=text, error_type="errored")
                yield case
                yield from self._findings(result)

    def _findings(self, result: RuleResult) -> Iterator[TestCase]:
        for item in sorted((Item(self._project, result, scoped) for scoped in result.findings), key=order):
            yield self._finding(item)
        if result.omitted or (isinstance(result.outcome, Failed) and not result.findings):
            case = self._case(result.topic, f"{result.rule}: further findings")
            case.stdout = f"{result.omitted} further findings are counted and not listed"
            yield case

    def _finding(self, item: Item) -> TestCase:
        scoped, place = item.scoped, item.finding.location
        case = self._case(item.result.topic, f"{item.result.rule}: {item.finding.symbol}", (place.path, place.line))
        message, text = clean(plain(item.finding.message)), self._text(item)
        match scoped.verdict:
            case Verdict.BLOCKS:
                case.add_failure_info(message=message, output=text, failure_type=scoped.severity.word)
            case Verdict.REPORTED | Verdict.KNOWN:
                case.stdout = f"{message}\n{text}"
            case Verdict.WAIVED:
                case.add_skipped_info(message=_waived(scoped), output=f"{message}\n{text}")
        return case

    def _text(self, item: Item) -> str:
        scoped, finding = item.scoped, item.finding
        lines = [
            f"{finding.location}:{finding.location.column}",
            f"{scoped.verdict.value}, {scoped.severity.word}, {finding.proof.value}, {finding.symbol}",
        ]
        note = scope_note(scoped)
        if note:
            lines.append(f"scope {note}")
        lines += [
            piece.text if piece.location is None else f"{piece.location}: {piece.text}"
            for piece in finding.evidence[: self._pieces]
        ]
        if finding.fix is not None:
            lines.append(f"fix: {finding.fix.path}:{finding.fix.start_line}")
            lines += [f"+ {line}" for line in finding.fix.lines]
        if self._report.rules_url:
            lines.append(f"{self._report.rules_url}{item.result.rule}.md")
        return clean("\n".join(lines))


def _waived(scoped: Scoped) -> str:
    if scoped.waiver is None:
        return "waived"
    return _line(clean(f"waived until {scoped.waiver.until}: {scoped.waiver.reason}"))


def _line(text: str) -> str:
    return " ".join(text.split())

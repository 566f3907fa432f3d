"""Workflow commands: the annotations that GitHub shows at the lines of a pull request.

The runner keeps 10 a kind and step, so at most 10 are written: nine, and how many more there are. Everything that is
printed beside them goes through ``fenced``, so that no text of the scanned project is taken for a command.
"""

from collections.abc import Iterator
from dataclasses import dataclass

from scanner.model import LayerStatus, Report, Severity, Verdict, clean
from scanner.reports.level import displayed
from scanner.reports.reading import Item, broken, items, missing, plain

NAME = "annotations"

LIMIT = 10
"""Annotations of one kind that the runner keeps of a step."""
MAX_MESSAGE = 1000
"""Code points of one message; the runner cuts at 4,096."""


@dataclass(frozen=True)
class Annotation:
    """One workflow command: ``error``, ``warning`` or ``notice``, its title and message, and where it belongs."""

    kind: str
    title: str
    message: str
    path: str | None = None
    line: int = 0
    column: int = 0
    end_line: int | None = None

    def __str__(self) -> str:
        """The command, without a line end."""
        properties = []
        if self.path is not None:
            properties += [f"file={escape_property(self.path)}", f"line={self.line}"]
            # The runner drops the columns of a range of lines.
            if self.end_line is not None and self.end_line != self.line:
                properties.append(f"endLine={self.end_line}")
            else:
                properties.append(f"col={self.column}")
        properties.append(f"title={escape_property(self.title)}")
        message = self.message if len(self.message) <= MAX_MESSAGE else self.message[: MAX_MESSAGE - 1] + "…"
        return f"::{self.kind} {','.join(properties)}::{escape_data(message)}"


def render(report: Report, level: Severity = Severity.INFO) -> str:
    """The commands, one a line; an empty text when there is nothing to annotate."""
    return "".join(f"{line}\n" for line in _lines(displayed(report, level)))


def escape_data(text: str) -> str:
    """A message as the runner reads it back, on one line, without the old form of a command (``##[name]``)."""
    return _disarmed(text).replace("%", "%25").replace("\r", "%0D").replace("\n", "%0A")


def escape_property(text: str) -> str:
    """A property's value as the runner reads it back."""
    return escape_data(text).replace(":", "%3A").replace(",", "%2C")


def fenced(text: str, token: str) -> str:
    """A text between ``stop-commands``, so that the runner takes none of its lines for a command.

    ``token`` must be fresh, and made after the last process of the scanned project ended.
    """
    body = text if text.endswith("\n") or not text else text + "\n"
    return f"::stop-commands::{token}\n{_disarmed(body)}::{token}::\n"


def _disarmed(text: str) -> str:
    return text.replace("##[", "## [")


def _lines(report: Report) -> Iterator[str]:
    made = list(_annotations(report))
    for kind in ("error", "warning", "notice"):
        mine = [each for each in made if each.kind == kind]
        if len(mine) <= LIMIT:
            yield from map(str, mine)
            continue
        yield from map(str, mine[: LIMIT - 1])
        rest = len(mine) - (LIMIT - 1)
        yield str(Annotation(kind, "Seatrial", f"{rest} more: see the summary of this job"))


def _annotations(report: Report) -> Iterator[Annotation]:
    for item in items(report, Verdict.BLOCKS):
        yield _finding("error", item)
    for project in report.projects:
        for layer in project.layers:
            detail = clean(layer.detail)
            if missing(layer):
                title = f"Layer {layer.name.value} did not run"
                yield Annotation("error", title, f"{project.name}: {detail}")
            elif layer.asked_for and layer.status is not LayerStatus.RAN:
                yield Annotation("notice", f"Layer {layer.name.value} did not run", f"{project.name}: {detail}")
        for result, detail in broken(project):
            yield Annotation("error", f"{result.rule} broke", f"{project.name}: {clean(detail)}")
    if not report.projects:
        yield Annotation("error", "Seatrial", "No Django project was scanned")
    for item in items(report, Verdict.REPORTED):
        yield _finding("warning", item)
    for each in report.pending:
        message = f"{each.rule} is suppressed until {each.until}, in force after the merge: {each.reason}"
        yield Annotation("notice", "Suppression", message, each.path, each.line, 1)


def _finding(kind: str, item: Item) -> Annotation:
    place = item.finding.location
    return Annotation(
        kind,
        f"{item.result.rule} ({item.scoped.severity.word})",
        plain(item.finding.message),
        place.path,
        place.line,
        place.column,
        place.end_line,
    )

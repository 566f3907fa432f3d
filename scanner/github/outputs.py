"""What a step leaves for the next ones: its outputs, and its part of the job's summary."""

import uuid
from collections.abc import Mapping
from pathlib import Path

from scanner.github.sticky import Posted
from scanner.model import ComparisonStatus, LayerStatus, Report
from scanner.reports.reading import headline

COUNTS = ("blocks", "reported", "known", "waived", "passed", "skipped", "errored")
PATHS = ("json", "junit", "sarif", "summary", "comment", "codequality", "html")
MAX_SUMMARY = 1024 * 1024
"""Bytes that GitHub takes of one step; a larger summary is dropped whole."""


def outputs(report: Report, paths: Mapping[str, str], posted: Posted | None = None) -> dict[str, str]:
    """The outputs of the action: counts, paths, and where the comment is. ``paths`` are by the name of the report."""
    found = {"outcome": headline(report).word, "exit-code": str(report.exit_code)}
    found |= {name: str(getattr(report.summary, name)) for name in COUNTS}
    found["comparison"] = _comparison(report)
    found["layers-run"] = ",".join(_layers(report))
    found["directory"] = paths.get("directory", "")
    found |= {f"{name}-path": paths.get(name, "") for name in PATHS}
    found["comment-id"] = str(posted.id) if posted and posted.id is not None else ""
    found["comment-url"] = posted.url or "" if posted else ""
    return found


def failed_outputs(exit_code: int) -> dict[str, str]:
    """The outputs of a run that has no report."""
    return {"outcome": "error", "exit-code": str(exit_code)}


def write_outputs(values: Mapping[str, str], environment: Mapping[str, str]) -> str | None:
    """Append the outputs to the runner's file. Returns why that failed, or None; nothing to do without such a file."""
    name = environment.get("GITHUB_OUTPUT", "")
    if not name:
        return None
    # A delimiter that nobody can know beforehand: a value can then neither end itself nor begin another output.
    end = f"seatrial-{uuid.uuid4()}"
    text = "".join(f"{key}<<{end}\n{value}\n{end}\n" for key, value in values.items())
    return _append(name, text)


def append_summary(markdown: str, environment: Mapping[str, str]) -> str | None:
    """Append to the step's summary. Returns why that failed, or None; nothing to do without such a file."""
    name = environment.get("GITHUB_STEP_SUMMARY", "")
    if not name:
        return None
    if len(markdown.encode()) > MAX_SUMMARY:
        return "the summary is too large"
    return _append(name, markdown if markdown.endswith("\n") else markdown + "\n")


def _append(name: str, text: str) -> str | None:
    path = Path(name)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with path.open("a", encoding="utf-8", newline="\n") as stream:
            stream.write(text)
    except OSError as error:
        return f"{path.name} cannot be written: {error.strerror or type(error).__name__}"
    return None


def _comparison(report: Report) -> str:
    """The worst that became of a project's comparison with the base."""
    worst = (ComparisonStatus.FAILED, ComparisonStatus.NONE, ComparisonStatus.COMPARED)
    found = {project.comparison.status for project in report.projects}
    return next((one.value for one in worst if one in found), ComparisonStatus.NOT_NEEDED.value)


def _layers(report: Report) -> list[str]:
    """The layers that ran in every project, in their order."""
    layers = [layer for project in report.projects for layer in project.layers]
    lacking = {layer.name for layer in layers if layer.status is not LayerStatus.RAN}
    names = dict.fromkeys(layer.name for layer in layers)
    return [name.value for name in names if name not in lacking]

"""Where reports go: standard output, files, and what GitHub's runner reads."""

import contextlib
import os
import shutil
import tempfile
import uuid
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TextIO

import click

from scanner.config import Config
from scanner.github import OUT, below_workspace, finish, read_event, target_file
from scanner.github import surroundings as told
from scanner.model import Report, Run, Target, View
from scanner.reports import renderers, terminal
from scanner.reports.annotations import fenced
from scanner.reports.level import DISPLAYS, displayed
from scanner.reports.relocate import relocated


@dataclass(frozen=True)
class Surroundings:
    """What the environment tells of where the scan runs."""

    target: Target
    run: Run
    environment: Mapping[str, str]

    @property
    def in_actions(self) -> bool:
        """Under GitHub's runner."""
        return self.environment.get("GITHUB_ACTIONS") == "true"


def deliver(config: Config, report: Report, around: Surroundings, output: TextIO, *, annotate: bool = True) -> int:
    """Write every report that was asked for. Returns the exit code: the report's, or 3 when one cannot be written.

    ``annotate`` is false where the runs that made the results have annotated the same lines already.
    """
    code = report.exit_code
    if around.in_actions:
        report = relocated(report, below_workspace(config.path, around.environment))
    for name, target in config.reports.items():
        text = renderers()[name](displayed(report, config.report_level) if name in DISPLAYS else report)
        if target == "-":
            output.write(_guarded(text, around) if OUT in around.environment else text)
            continue
        try:
            write_whole(target_file(target, around.environment), text, owner_of=_home(config, around))
        except OSError as error:
            click.echo(f"seatrial: {target} could not be written: {error.strerror or error}", err=True)
            click.echo(f"  hint: the verdict stands: exit code {code}", err=True)
            code = code or 3
    if "-" not in config.reports.values():
        _show(config, report, around, output, annotate=annotate)
    if around.in_actions:
        output.write(finish(report, around.environment, config.projects, config.report_level))
    output.flush()
    return code


def _show(config: Config, report: Report, around: Surroundings, output: TextIO, *, annotate: bool) -> None:
    shown = displayed(report, config.report_level)
    if config.format == "terminal":
        output.write(_guarded(terminal.render(report, _view(config, output)), around))
        if around.in_actions and annotate:
            output.write(renderers()["annotations"](shown))
        return
    text = renderers()[config.format](shown if config.format in DISPLAYS else report)
    output.write(text if config.format == "annotations" else _guarded(text, around))


def _guarded(text: str, around: Surroundings) -> str:
    """The text as it may stand in a log. The runner takes commands from any line: here it does not listen."""
    return fenced(text, uuid.uuid4().hex) if around.in_actions else text


def _view(config: Config, output: TextIO) -> View:
    environment = os.environ
    color = output.isatty() and environment.get("TERM") != "dumb" and not environment.get("NO_COLOR")
    return View(
        width=shutil.get_terminal_size((100, 24)).columns if output.isatty() else 100,
        color=bool(color or environment.get("FORCE_COLOR")),
        verbose=config.verbose,
        quiet=config.quiet,
        report_level=config.report_level,
    )


def _home(config: Config, around: Surroundings) -> Path:
    """The directory whose owner owns what we write: the workspace of a job, else what is scanned."""
    workspace = around.environment.get("GITHUB_WORKSPACE", "")
    return Path(workspace) if around.in_actions and workspace and OUT not in around.environment else config.path


def write_whole(path: Path, text: str, owner_of: Path | None = None) -> None:
    """Write beside the target and rename, so that no half file is ever seen. Raises OSError.

    Where we are root (in a container), the file and new directories get the owner of ``owner_of``, if they lie below
    it: a checkout with files of root cannot be cleaned up by the runner.
    """
    made = [each for each in path.parents if not each.exists()]
    path.parent.mkdir(parents=True, exist_ok=True)
    handle, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    try:
        with os.fdopen(handle, "w", encoding="utf-8", newline="\n") as stream:
            stream.write(text if text.endswith("\n") else text + "\n")
        # A private temporary file becomes a report that others may read, as the process's own mask has it.
        mask = os.umask(0)
        os.umask(mask)
        os.chmod(name, 0o666 & ~mask)  # noqa: PTH101 - a name from mkstemp
        os.replace(name, path)  # noqa: PTH105 - the same
        if owner_of is not None and os.geteuid() == 0:
            _give(owner_of, [path, *made])
    except BaseException:
        with contextlib.suppress(OSError):
            os.unlink(name)  # noqa: PTH108 - the same
        raise


def _give(home: Path, written: Iterable[Path]) -> None:
    root = home.resolve()
    owner = root.stat()
    for each in written:
        # No link is followed: its target may be anybody's.
        if owner.st_uid != 0 and (each.parent.resolve() / each.name).is_relative_to(root):
            os.chown(each, owner.st_uid, owner.st_gid, follow_symlinks=False)


def surroundings(environment: Mapping[str, str]) -> Surroundings:
    """Target and run as far as the environment tells them."""
    target, run = told(read_event(environment)) if environment.get("GITHUB_ACTIONS") == "true" else (Target(), Run())
    return Surroundings(target, run, environment)

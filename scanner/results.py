"""The commands that begin with results instead of a checkout: ``merge`` and ``publish``."""

import os
import sys
from collections.abc import Iterator, Mapping
from dataclasses import replace
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING

import click

from scanner.config import REPORTS, build, read_inputs
from scanner.flags import given_options, with_options
from scanner.model import SeatrialError
from scanner.runner_secrets import taken

if TYPE_CHECKING:
    from scanner.publish import Published

MAX_RESULTS = 500
MAX_BYTES = 32 * 1024 * 1024
SHOWING = frozenset({*REPORTS, "format", "quiet", "report-level"}) - {"har"}
"""The options that say how a report is shown."""


@click.command()
@click.argument("results", nargs=-1, metavar="RESULT.json...")
@click.option("--expect", type=click.IntRange(min=1), help="How many results there must be; fewer is incomplete.")
@with_options(SHOWING)
def merge(results: tuple[str, ...], expect: int | None, **given: object) -> int:
    """Make one report, one comment and one gate of the RESULTs of several runs.

    Exit codes: 1 something blocks; else 3 a run was incomplete or a result is missing; else 0.
    """
    from scanner.delivery import deliver, surroundings  # noqa: PLC0415 - heavy: imported where it is used
    from scanner.engine import discover_rules  # noqa: PLC0415 - the same
    from scanner.github import action_input, check_inputs  # noqa: PLC0415 - the same
    from scanner.merge import cured  # noqa: PLC0415 - the same
    from scanner.merge import merge as merged  # noqa: PLC0415 - the same
    from scanner.reports.json import load  # noqa: PLC0415 - the same

    environment = taken(os.environ)
    around = surroundings(environment)
    inputs: Mapping[str, object] = {}
    paths = list(map(Path, results))
    if around.in_actions:
        check_inputs(environment)
        inputs = {name: value for name, value in read_inputs(environment).items() if name in SHOWING}
        expect = expect or _number(action_input(environment, "expect"))
        paths = paths or list(_globbed(action_input(environment, "results"), environment))
    config = build(Path(), given_options(given), inputs, None)
    report = merged([load(_read(path, MAX_BYTES), limit=MAX_BYTES) for path in paths], expected=expect)
    report = cured(report, discover_rules())
    if around.run.url is not None:
        report = replace(report, run=replace(report.run, url=around.run.url))
    return deliver(config, report, around, sys.stdout, annotate=False)


def _number(text: str) -> int | None:
    if text and not (text.isascii() and text.isdigit() and 0 < int(text) <= MAX_RESULTS):
        raise SeatrialError(f"expect cannot be {text!r}", f"a number from 1 to {MAX_RESULTS}")
    return int(text) if text else None


def _globbed(pattern: str, environment: Mapping[str, str]) -> Iterator[Path]:
    """The result files that the input ``results`` names, none outside of the workspace. Raises SeatrialError."""
    path = PurePosixPath(pattern)
    if not path.parts or path.is_absolute() or ".." in path.parts:
        raise SeatrialError("results must be a glob below the workspace", "for example: results/*/result.json")
    root = Path(environment.get("GITHUB_WORKSPACE") or ".").resolve()
    found = sorted(one for one in root.glob(pattern) if one.is_file())
    if len(found) > MAX_RESULTS:
        raise SeatrialError(f"results names more than {MAX_RESULTS} files")
    for one in found:
        if not one.resolve().is_relative_to(root):
            raise SeatrialError(f"results: {one.relative_to(root)} leads out of the workspace")
        yield one


def _read(path: Path, limit: int) -> str:
    try:
        with path.open("rb") as stream:
            content = stream.read(limit + 1)
    except OSError as error:
        raise SeatrialError(f"{path} cannot be read: {error.strerror or type(error).__name__}") from error
    return content.decode("utf-8", "replace")


@click.command()
@click.argument("result", required=False, metavar="[RESULT.json]")
def publish(result: str | None) -> int:
    """Comment on a pull request from a fork, from a result that is not trusted.

    For jobs of the event workflow_run: the result is the artifact of the finished run, or RESULT. Exit codes: 0 also
    when there is nothing to do; 2 refused; 3 GitHub could not be asked.
    """
    from scanner.engine import discover_rules  # noqa: PLC0415 - heavy: imported where it is used
    from scanner.github import action_input, check_inputs, read_event  # noqa: PLC0415 - the same
    from scanner.publish import ARTIFACT, MAX_RESULT, Wanted  # noqa: PLC0415 - the same
    from scanner.publish import publish as published  # noqa: PLC0415 - the same
    from scanner.scan import RULES_URL  # noqa: PLC0415 - the same

    environment = taken(os.environ)
    check_inputs(environment)
    wanted = Wanted(
        token=action_input(environment, "token"),
        text=_read(Path(result), MAX_RESULT) if result else None,
        artifact=action_input(environment, "artifact") or ARTIFACT,
        policy=action_input(environment, "post-comment") or "auto",
        key=action_input(environment, "comment-key") or "all",
    )
    done = published(read_event(environment), wanted, discover_rules(), RULES_URL)
    _tell(done, environment)
    return 0


def _tell(done: "Published", environment: Mapping[str, str]) -> None:
    """Summary, outputs and notices. No output tells a verdict: nothing may be decided by this result."""
    from scanner.github import append_summary, write_outputs  # noqa: PLC0415 - heavy: imported where it is used
    from scanner.reports import summary  # noqa: PLC0415 - the same
    from scanner.reports.annotations import Annotation  # noqa: PLC0415 - the same

    notices = [done.notice, *(one.notice for one in done.posted)]
    if done.report is not None:
        failed = append_summary(summary.render(done.report), environment)
        notices.append(f"No summary: {failed}." if failed else None)
    first = next((one for one in done.posted if one.id is not None), None)
    values = {
        "exit-code": "0",
        "comment-id": str(first.id) if first else "",
        "comment-url": (first.url or "") if first else "",
    }
    failed = write_outputs(values, environment)
    notices.append(f"No outputs: {failed}." if failed else None)
    sys.stdout.write("".join(f"{Annotation('notice', 'Seatrial', one)}\n" for one in notices if one))
    sys.stdout.flush()

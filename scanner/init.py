"""The command ``init``: a workflow, a configuration, a first scan, and a baseline for what is there already."""

import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import click

from scanner import __version__
from scanner.config import CONFIG_FILE, Config
from scanner.flags import given_options, with_options
from scanner.model import Report, Silent
from scanner.runner_secrets import taken

if TYPE_CHECKING:
    from scanner.delivery import Surroundings

WORKFLOW_FILE = ".github/workflows/seatrial.yml"
BASELINE_FILE = "seatrial-baseline.json"
WORKFLOW = f"""\
# With a comment on the pull request, edited in place, and the reports kept as an artifact.
name: Deployment security
on:
  pull_request:
permissions: {{}}
concurrency:
  group: seatrial-${{{{ github.ref }}}}
  cancel-in-progress: true
jobs:
  seatrial:
    name: Seatrial
    runs-on: ubuntu-latest
    timeout-minutes: 15
    permissions:
      contents: read # check out the project
      pull-requests: write # write the comment
    steps:
      - uses: actions/checkout@08c6903cd8c0fde910a37f88322edcfb5dd907a8 # v5.0.0
        with:
          fetch-depth: 2 # the base commit, to tell what is new
          persist-credentials: false
      - uses: seatrial/seatrial@v{__version__} # the tag of a release never moves
        id: seatrial
        with:
          fail-on: high
      - uses: actions/upload-artifact@ea165f8d65b6e75b540449e92b4886f43607fa02 # v4.6.2
        if: ${{{{ !cancelled() && steps.seatrial.outputs.directory != '' }}}}
        with:
          name: seatrial
          path: ${{{{ steps.seatrial.outputs.directory }}}}
          retention-days: 7
"""
CONFIGURATION = """\
# What Seatrial scans, and what blocks. Each key is an option of `seatrial scan`.
# On a pull request the file counts as the base branch has it.
fail-on: high
"""


@click.command()
@click.argument("path", default=".", metavar="[PATH]")
@click.option("--baseline/--no-baseline", default=None, help="Accept what is there already, or do not, without asking.")
@click.option("--no-scan", is_flag=True, help="Write the files only.")
@with_options(frozenset({"settings", "project", "engine", "layers"}))
def init(path: str, baseline: bool | None, no_scan: bool, **given: object) -> int:  # noqa: FBT001 - click calls it by name
    """Write a workflow and .seatrial.yml to the checkout at PATH, scan it, and offer a baseline.

    What is there already is left alone.
    """
    from scanner.configure import configure  # noqa: PLC0415 - heavy: imported where it is used
    from scanner.delivery import surroundings  # noqa: PLC0415 - the same
    from scanner.scan import scan  # noqa: PLC0415 - the same

    root = Path(path)
    config = configure(root, given_options(given), {})
    ours = _new(root / CONFIG_FILE, CONFIGURATION)
    _new(root / WORKFLOW_FILE, WORKFLOW)
    if no_scan:
        return 0
    around = surroundings(taken(os.environ))
    report = scan(config, Silent(), around.target, around.run)
    _show(config, report, around)
    if not report.summary.blocks or (root / BASELINE_FILE).exists():
        return 0
    if baseline is None:
        baseline = sys.stdin.isatty() and click.confirm("Accept these for now, so that only new findings block?")
    if baseline:
        _accept(root, report, ours=ours)
    else:
        click.echo(f"To accept them for now: seatrial baseline {path}")
    return 0


def _new(path: Path, text: str) -> bool:
    """Write a file that is not there yet; whether it was."""
    from scanner.delivery import write_whole  # noqa: PLC0415 - heavy: imported where it is used

    if path.exists() or path.is_symlink():
        click.echo(f"{path} is there already: left alone")
        return False
    write_whole(path, text)
    click.echo(f"{path} written")
    return True


def _show(config: Config, report: Report, around: "Surroundings") -> None:
    from scanner.delivery import deliver  # noqa: PLC0415 - heavy: imported where it is used

    deliver(config, report, around, sys.stdout)


def _accept(root: Path, report: Report, *, ours: bool) -> None:
    from scanner.baseline import dump  # noqa: PLC0415 - only here
    from scanner.delivery import write_whole  # noqa: PLC0415 - heavy: imported where it is used

    write_whole(root / BASELINE_FILE, dump(report))
    line = f"baseline: {BASELINE_FILE}\n"
    if ours:
        write_whole(root / CONFIG_FILE, CONFIGURATION + line)
    click.echo(f"{BASELINE_FILE} written" + ("" if ours else f"; add to {CONFIG_FILE}: {line.strip()}"))

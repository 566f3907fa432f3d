"""The command line: it parses, calls, writes, and returns an exit code.

Heavy modules are imported where they are used: ``seatrial --version`` must answer at once.
"""

import os
import signal
import sys
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from types import FrameType
from typing import TextIO

import click

from scanner import __version__
from scanner.config import CONFIG_FILE, Config
from scanner.configure import configure
from scanner.flags import given_options, with_options
from scanner.init import init
from scanner.model import Progress, SeatrialError
from scanner.results import merge, publish
from scanner.runner_secrets import RUNNERS_OWN, taken

USAGE_ERROR = 2
INCOMPLETE = 3
MARK = '"fingerprint"'
"""Once in each line of a baseline file."""


class Cancelled(BaseException):
    """A signal asked us to end. Not an Exception: nothing on the way may take it for a fault of its own."""

    def __init__(self, number: int) -> None:
        super().__init__(number)
        self.number = number


class Plain:
    """Progress in plain lines on standard error, as a CI log shows them best."""

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream

    def step(self, text: str) -> None:
        """Print the line."""
        print(f"seatrial: {text}", file=self._stream, flush=True)


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line. Returns the exit code; ends by the signal when one cancelled it."""
    try:
        result = cli.main(args=list(arguments) if arguments is not None else None, standalone_mode=False)
    except click.exceptions.Exit as end:
        return end.exit_code
    except click.ClickException as error:
        error.show()
        return USAGE_ERROR
    except SeatrialError as error:
        _complain(error)
        if os.environ.get("GITHUB_ACTIONS") == "true":
            from scanner.github import give_up  # noqa: PLC0415 - heavy: imported where it is used

            give_up(error.exit_code, os.environ)
        return error.exit_code
    except (click.Abort, KeyboardInterrupt):
        return _end_by(signal.SIGINT)
    except Cancelled as cancelled:
        return _end_by(cancelled.number)
    except BrokenPipeError:
        # Whoever read our output has gone. Python would complain once more while it closes standard output.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return INCOMPLETE
    except Exception as error:  # noqa: BLE001 - not swallowed: a fault of ours must not look like "blocked"
        return _our_fault(error)
    return result if isinstance(result, int) else 0


def _our_fault(error: Exception) -> int:
    from scanner.engine import describe  # noqa: PLC0415 - only here

    click.echo(f"seatrial: a fault of Seatrial itself: {describe(error)}", err=True)
    click.echo("  hint: please report it; SEATRIAL_DEBUG=1 shows where it happened", err=True)
    if os.environ.get("SEATRIAL_DEBUG") == "1":
        import traceback  # noqa: PLC0415 - only here

        traceback.print_exc()
    return INCOMPLETE


def _complain(error: SeatrialError) -> None:
    click.echo(f"seatrial: {error.message}", err=True)
    if error.hint:
        click.echo(f"  hint: {error.hint}", err=True)


def _end_by(number: int) -> int:
    """End as the signal would have ended us: a shell then sees 128 + its number."""
    click.echo(f"seatrial: cancelled ({signal.Signals(number).name}); everything is cleaned up", err=True)
    sys.stdout.flush()
    signal.signal(number, signal.SIG_DFL)
    os.kill(os.getpid(), number)
    return 128 + number


def _listen_for_signals() -> None:
    def cancel(number: int, _frame: FrameType | None) -> None:
        # A second signal must not interrupt the cleaning up.
        for one in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            signal.signal(one, signal.SIG_IGN)
        raise Cancelled(number)

    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, cancel)


@click.group(context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 110})
@click.version_option(__version__, prog_name="seatrial", message="%(prog)s %(version)s")
def cli() -> None:
    """Boots, probes and proves the deployment security of Django projects."""


@cli.command()
@click.argument("path", default=".", metavar="[PATH]")
@with_options()
@click.option("-v", "--verbose", is_flag=True, help="Show known and waived findings line by line, and every note.")
def scan(path: str, verbose: bool, **given: object) -> int:  # noqa: FBT001 - click calls it by name
    """Scan the checkout at PATH: files, booted settings, live stack.

    Exit codes: 0 nothing blocks, 1 something blocks, 2 usage or configuration error, 3 the scan is incomplete and
    nothing blocks.
    """
    _listen_for_signals()
    runners_own = sorted(name for name in os.environ if name.startswith(RUNNERS_OWN))
    environment = taken(os.environ)
    from scanner.delivery import deliver, surroundings  # noqa: PLC0415 - heavy: imported where it is used
    from scanner.scan import scan as run_scan  # noqa: PLC0415 - the same

    around = surroundings(environment)
    config = configure(Path(path), given_options(given), environment, verbose=verbose)
    _check_targets(config, environment)
    if around.in_actions:
        from scanner.github import check_checkout, check_inputs, warn_of_tokens  # noqa: PLC0415 - heavy, too

        check_inputs(environment)
        sys.stdout.write(warn_of_tokens(runners_own))
        sys.stdout.write(check_checkout(environment, lambda: _commit(config.path)))
    report = run_scan(config, _progress(config), around.target, around.run)
    return deliver(config, report, around, sys.stdout)


def _commit(path: Path) -> tuple[str | None, bool]:
    """The checkout's commit, and whether files differ from it."""
    from scanner.project import read_checkout  # noqa: PLC0415 - only for jobs with a write token

    checkout = read_checkout(path)
    return checkout.commit, checkout.dirty


def _check_targets(config: Config, environment: Mapping[str, str]) -> None:
    """Refuse before the scan what could not be written after it."""
    from scanner.github import target_file  # noqa: PLC0415 - heavy: imported where it is used
    from scanner.reports import renderers  # noqa: PLC0415 - heavy: imported where it is used

    known = {"terminal", *renderers()}
    for name in (*config.reports, config.format):
        if name not in known:
            raise SeatrialError(f"there is no report {name!r}", f"one of: {', '.join(sorted(known))}")
    for target in config.reports.values():
        if target != "-":
            target_file(target, environment)
    if [*config.reports.values()].count("-") > 1:
        raise SeatrialError("only one report can go to standard output", "give the others a file")


def _progress(config: Config) -> Progress:
    if config.quiet:
        from scanner.model import Silent  # noqa: PLC0415 - heavy: imported where it is used

        return Silent()
    if sys.stderr.isatty() and os.environ.get("TERM") != "dumb" and "CI" not in os.environ:
        from scanner.spinner import Spinner  # noqa: PLC0415 - rich is heavy: imported where it is used

        return Spinner()
    return Plain(sys.stderr)


@cli.command()
@click.argument("path", default=".", metavar="[PATH]")
@click.option("--output", default="seatrial-baseline.json", metavar="FILE", help="Where it is written, below PATH.")
@click.option("--prune", is_flag=True, help="Only take out what is gone; add nothing.")
@with_options()
def baseline(path: str, output: str, prune: bool, **given: object) -> int:  # noqa: FBT001 - click calls it by name
    """Write the present findings to the baseline file, so that only what comes later blocks."""
    from scanner import baseline as files  # noqa: PLC0415 - only here
    from scanner.delivery import surroundings, write_whole  # noqa: PLC0415 - heavy: imported where it is used
    from scanner.scan import scan as run_scan  # noqa: PLC0415 - the same

    _listen_for_signals()
    around = surroundings(taken(os.environ))
    config = replace(configure(Path(path), given_options(given), around.environment), known=None)
    report = run_scan(config, _progress(config), around.target, around.run)
    missing = [
        layer.name for one in report.projects for layer in one.layers if layer.asked_for and layer.status != "ran"
    ]
    target = Path(path, output)
    if prune:
        if missing:
            raise SeatrialError(
                f"the scan is incomplete ({', '.join(missing)}): what it did not see is not gone", exit_code=INCOMPLETE
            )
        text, gone = files.prune(_text(target), output, report)
        write_whole(target, text, owner_of=Path(path))
        click.echo(f"{output}: {gone} gone, {text.count(MARK)} left")
        return 0
    text = files.dump(report)
    write_whole(target, text, owner_of=Path(path))
    count = text.count(MARK)
    click.echo(f"{output}: {count} findings. Use it with --baseline {output}, or baseline: {output} in {CONFIG_FILE}")
    if missing:
        click.echo(f"seatrial: the scan is incomplete ({', '.join(missing)}): the baseline is, too", err=True)
    return INCOMPLETE if missing else 0


def _text(path: Path) -> str:
    try:
        return path.read_text("utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise SeatrialError(f"{path} cannot be read: {error}") from error


@cli.command()
@click.option("--json", "as_json", is_flag=True, help="As JSON.")
def rules(as_json: bool) -> int:  # noqa: FBT001 - click calls it by name
    """List all rules."""
    from scanner.engine import discover_rules  # noqa: PLC0415 - heavy: imported where it is used

    found = discover_rules()
    if as_json:
        import json  # noqa: PLC0415 - only here

        keys = [
            {"rule": one.id, "topic": one.topic, "severity": one.severity.word, "since": one.since, "title": one.title}
            for one in found
        ]
        click.echo(json.dumps(keys, indent=2))
        return 0
    width = max(len(one.id) for one in found)
    for one in found:
        click.echo(f"{one.id:<{width}}  {one.severity.word:<8}  {one.topic:<12}  {one.title}")
    return 0


@cli.command()
@click.argument("rule")
def explain(rule: str) -> int:
    """Show the documentation of RULE."""
    import difflib  # noqa: PLC0415 - only here

    from scanner.engine import discover_rules  # noqa: PLC0415 - heavy: imported where it is used

    by_id = {one.id: one for one in discover_rules()}
    found = by_id.get(rule)
    if found is None:
        near = difflib.get_close_matches(rule, by_id, 1)
        raise SeatrialError(f"there is no rule {rule!r}", f"did you mean {near[0]}?" if near else "see: seatrial rules")
    click.echo(f"{found.id}: {found.severity.word}, {found.topic}, since {found.since}\n\n{found.doc.strip()}")
    return 0


cli.add_command(init)
cli.add_command(merge)
cli.add_command(publish)

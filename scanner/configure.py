"""From what the user, the runner and the checkout say to one Config.

On a pull request what the change itself says about the gate does not count: settings, suppressions and the baseline are
read as the base commit has them.
"""

import tempfile
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from scanner.config import CONFIG_FILE, Comparison, Config, build, read_inputs
from scanner.model import SeatrialError

if TYPE_CHECKING:
    from scanner.github import Event
    from scanner.project import Base


def configure(
    path: Path, options: Mapping[str, object], environment: Mapping[str, str], *, verbose: bool = False
) -> Config:
    """Everything that a scan of ``path`` is told, by options, action inputs and the files of the checkout.

    Raises SeatrialError (exit code 2) with a hint.
    """
    in_actions = environment.get("GITHUB_ACTIONS") == "true"
    inputs = read_inputs(environment) if in_actions else {}
    reference = options.get("base") or inputs.get("base")
    text = _settings_text(path)
    event = _event(environment) if in_actions else None
    if event is None and not reference:
        return _with_baseline(build(path, options, inputs, text, verbose=verbose))
    from scanner.project import find_base  # noqa: PLC0415 - heavy: imported where it is used

    base = find_base(
        path, str(reference) if reference else None, event.base if event else None, event.head if event else None
    )
    if base is None and event is not None and not reference:
        base = _fetched(path, event, environment)
    if reference and base is None:
        raise SeatrialError(f"base: there is no commit {reference!r} in this clone", "fetch it first")
    old = base.read_text(CONFIG_FILE) if base else None
    config = build(path, options, inputs, old, verbose=verbose)
    compared = replace(config, comparison=Comparison(base), notices=_comparison_notices(base, changed=old != text))
    return _with_baseline(compared)


def _event(environment: Mapping[str, str]) -> "Event | None":
    """The event of a job whose commit is to be merged into a base: a pull request, or a group of a merge queue."""
    from scanner.github import read_event  # noqa: PLC0415 - heavy: imported where it is used

    event = read_event(environment)
    queued = event.name == "merge_group" and event.base is not None
    return event if event.pull_request is not None or queued else None


def _fetched(path: Path, event: "Event", environment: Mapping[str, str]) -> "Base | None":
    """The base commit, fetched where the clone lacks it; None where that cannot be done.

    Only in our own container: there the checkout is a copy, and nothing that others see is changed.
    """
    from scanner.github import OUT, action_input  # noqa: PLC0415 - heavy: imported where it is used
    from scanner.project import GitFailed, Remote, fetch_commit, find_base, missing_parent  # noqa: PLC0415 - the same

    token = action_input(environment, "token")
    # A merge commit of a pull request names what it would change; a merge queue names its base itself.
    commit = (
        missing_parent(path) if event.pull_request is not None and event.head != event.commit else None
    ) or event.base
    if OUT not in environment or not token or event.repository is None or commit is None:
        return None
    store = Path(tempfile.mkdtemp(prefix="seatrial-objects-"), "base.git")
    try:
        fetch_commit(path, commit, Remote(f"{event.server}/{event.repository}", token), store, environment)
    except (GitFailed, OSError):
        return None
    return find_base(path, commit, None, None)


def _with_baseline(config: Config) -> Config:
    """The configuration with what its baseline file knows: on a pull request, as the base has that file."""
    if config.baseline is None:
        return config
    from scanner.baseline import load  # noqa: PLC0415 - only with a baseline

    if config.comparison is not None:
        base = config.comparison.base
        text = base.read_text(config.baseline) if base else None
        if text is None:
            notice = f"The baseline {config.baseline} is not on the base commit: it does not count before the merge."
            return replace(config, notices=(*config.notices, notice))
    else:
        try:
            text = (config.path / config.baseline).read_text("utf-8")
        except (OSError, UnicodeDecodeError) as error:
            raise SeatrialError(f"baseline: {config.baseline} cannot be read: {error}") from error
    return replace(config, known=load(text, config.baseline))


def _comparison_notices(base: "Base | None", *, changed: bool) -> tuple[str, ...]:
    if base is None:
        notice = (
            "The base commit is not in this clone (set fetch-depth: 2): all findings count as new, and "
            f"{CONFIG_FILE}, suppressions and the baseline do not count."
        )
        return (notice,)
    if changed:
        return (f"This pull request changes {CONFIG_FILE}; the change is in force after the merge.",)
    return ()


def _settings_text(path: Path) -> str | None:
    file = path / CONFIG_FILE
    if not file.is_file() or file.is_symlink():
        return None
    try:
        return file.read_text("utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise SeatrialError(f"{CONFIG_FILE} cannot be read: {error}") from error

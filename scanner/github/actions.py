"""Everything that a scan leaves in a job of GitHub Actions: report files, summary, comment, outputs, notices."""

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path, PurePosixPath

from scanner.github.event import Event, read_event
from scanner.github.outputs import append_summary, failed_outputs, outputs, write_outputs
from scanner.github.privileged import ALLOWED_BY, PRIVILEGED, refuse_untrusted
from scanner.github.review import lines_below, post_suggestions
from scanner.github.sticky import POLICIES, Posted, post_comment
from scanner.model import Report, SeatrialError, Severity
from scanner.reports import renderers
from scanner.reports.annotations import Annotation
from scanner.reports.level import DISPLAYS, displayed

FILES = {
    "json": "result.json",
    "junit": "junit.xml",
    "sarif": "results.sarif",
    "summary": "summary.md",
    "comment": "comment.md",
    "codequality": "codequality.json",
    "html": "report.html",
}
"""Names of the files in the output directory, by the name of the report."""
OUT = "SEATRIAL_OUT"
"""The variable with which ``action.sh`` says where it takes reports from: a container has no checkout to write to."""
SUGGESTIONS = "suggestions"
"""The input that asks for review suggestions."""
WORKSPACE = "workspace"
"""Below the output directory: what ``action.sh`` copies into the checkout."""


def action_input(environment: Mapping[str, str], name: str) -> str:
    """An input that is no option of the command; empty when it is not given."""
    names = (f"INPUT_{name.upper().replace('-', '_')}", f"INPUT_{name.upper()}")
    return next((value for each in names if (value := environment.get(each, "").strip())), "")


def check_inputs(environment: Mapping[str, str]) -> None:
    """Refuse before the scan what could not be done after it. Raises SeatrialError."""
    policy = action_input(environment, "post-comment")
    if policy and policy not in POLICIES:
        raise SeatrialError(f"post-comment cannot be {policy!r}", f"one of: {', '.join(POLICIES)}")
    for switch in (ALLOWED_BY, SUGGESTIONS):
        if action_input(environment, switch) not in {"", "true", "false"}:
            raise SeatrialError(f"{switch} must be true or false")


def check_checkout(environment: Mapping[str, str], read: Callable[[], tuple[str | None, bool]]) -> str:
    """Refuse to run a stranger's code beside a write token. Raises SeatrialError.

    ``read`` tells the checkout's commit and whether files differ from it; it is asked only in a privileged job. Returns
    a workflow command to print, or an empty text.
    """
    event = read_event(environment)
    if event.name not in PRIVILEGED:
        return ""
    commit, dirty = read()
    allowed = action_input(environment, ALLOWED_BY) == "true"
    warning = refuse_untrusted(event, commit, dirty=dirty, allowed=allowed)
    return f"{Annotation('warning', 'Seatrial', warning)}\n" if warning else ""


def target_file(name: str, environment: Mapping[str, str]) -> Path:
    """Where a report goes that the user wants at ``name`` of the workspace. Raises SeatrialError for a path outside."""
    out = environment.get(OUT, "")
    if not out:
        return _inside(Path(name), environment)
    path = PurePosixPath(name)
    if path.is_absolute() or ".." in path.parts or not path.parts:
        raise SeatrialError(f"{name!r} is not a path below the workspace", "give a relative path without ..")
    return Path(out, WORKSPACE, *path.parts)


def _inside(path: Path, environment: Mapping[str, str]) -> Path:
    """The same path; in a job, one that a link of the checkout leads out of it, or below .git, is refused."""
    workspace = environment.get("GITHUB_WORKSPACE", "")
    if environment.get("GITHUB_ACTIONS") != "true" or not workspace or path.is_absolute():
        return path
    root, here = Path(workspace).resolve(), path.resolve()
    if Path.cwd().resolve() == root and (not here.is_relative_to(root) or here.is_relative_to(root / ".git")):
        raise SeatrialError(f"{str(path)!r} leads out of the checkout", "give a path below the workspace")
    return path


def warn_of_tokens(names: Sequence[str]) -> str:
    """A notice that the runner gave us tokens of its own; empty where it did not."""
    if not any(name.endswith("_TOKEN") for name in names):
        return ""
    text = (
        "The runner put tokens of its own into this container. They are taken out, and nothing that is scanned sees "
        "them; the composite action keeps them out altogether."
    )
    return f"{Annotation('notice', 'Seatrial', text)}\n"


def below_workspace(path: Path, environment: Mapping[str, str]) -> str:
    """The scanned directory as seen from the workspace; empty for the workspace itself and for a path outside."""
    workspace = environment.get("GITHUB_WORKSPACE", "")
    if not workspace:
        return ""
    root, here = Path(workspace).resolve(), path.resolve()
    return here.relative_to(root).as_posix() if here != root and here.is_relative_to(root) else ""


def finish(
    report: Report,
    environment: Mapping[str, str],
    projects: Sequence[str],
    level: Severity = Severity.INFO,
) -> str:
    """Write files, summary and outputs, and bring the comment up to date.

    ``projects`` are those that the user named; ``level`` is the least severity that people are shown. Returns workflow
    commands to print, one notice for each thing that could not be done; none of them changes the exit code.
    """
    notices: list[str] = []
    shown = displayed(report, level)
    rendered = {
        name: render(shown if name in DISPLAYS else report) for name, render in renderers().items() if name in FILES
    }
    paths = _write(rendered, environment.get(OUT, ""), notices)
    failed = append_summary(rendered["summary"], environment)
    if failed:
        notices.append(f"No summary: {failed}.")
    event = read_event(environment)
    if event.problem:
        notices.append(f"No comment: {event.problem}.")
    posted = _comment(shown, event, environment, projects)
    if posted.notice:
        notices.append(posted.notice)
    failed = _suggest(report, event, environment)
    if failed:
        notices.append(failed)
    failed = write_outputs(outputs(report, paths, posted), environment)
    if failed:
        notices.append(f"No outputs: {failed}.")
    return "".join(f"{Annotation('notice', 'Seatrial', notice)}\n" for notice in notices)


def give_up(exit_code: int, environment: Mapping[str, str]) -> None:
    """The outputs of a run that ends without a report."""
    write_outputs(failed_outputs(exit_code), environment)


def _write(rendered: Mapping[str, str], directory: str, notices: list[str]) -> dict[str, str]:
    if not directory:
        return {}
    paths = {"directory": directory}
    for name, text in rendered.items():
        path = Path(directory, FILES[name])
        try:
            path.write_text(text, encoding="utf-8", newline="\n")
        except OSError as error:
            notices.append(f"{path.name} cannot be written: {error.strerror or type(error).__name__}.")
            continue
        paths[name] = str(path)
    return paths


def _comment(report: Report, event: Event, environment: Mapping[str, str], projects: Sequence[str]) -> Posted:
    policy = action_input(environment, "post-comment") or "auto"
    key = action_input(environment, "comment-key") or ",".join(sorted(projects)) or "all"
    token = action_input(environment, "token")
    return post_comment(report, event, token, policy, key)


def _suggest(report: Report, event: Event, environment: Mapping[str, str]) -> str | None:
    workspace = environment.get("GITHUB_WORKSPACE", "")
    if action_input(environment, SUGGESTIONS) != "true" or not workspace:
        return None
    return post_suggestions(report, event, action_input(environment, "token"), lines_below(Path(workspace)))

"""Events whose jobs hold a write token and secrets, while the checkout may be a stranger's.

Seatrial runs the code that it scans. So in such a job it scans only the repository's own code: the checkout must be
exactly the commit that GitHub itself chose for the event, ``GITHUB_SHA``.
"""

from scanner.github.event import Event
from scanner.model import SeatrialError

PRIVILEGED = frozenset(
    {
        "discussion",
        "discussion_comment",
        "issue_comment",
        "issues",
        "pull_request_target",
        "repository_dispatch",
        "workflow_run",
    }
)
ALLOWED_BY = "allow-untrusted-privileged"


def refuse_untrusted(event: Event, commit: str | None, *, dirty: bool, allowed: bool) -> str | None:
    """Raise SeatrialError when a privileged job has another checkout than the event's own commit.

    ``commit`` is the checkout's, None without a repository; ``dirty`` means that files differ from it. With ``allowed``
    nothing is refused, and the returned text warns of what was allowed.
    """
    if event.name not in PRIVILEGED or (commit is not None and commit == event.commit and not dirty):
        return None
    if allowed:
        return f"{ALLOWED_BY} is set: code that may be a stranger's runs in a job of {event.name} with a write token."
    raise SeatrialError(
        f"this job of {event.name} holds a write token, and the checkout is not the code of GITHUB_SHA, "
        "which Seatrial would run",
        "use the event pull_request, whose jobs hold no secrets",
    )

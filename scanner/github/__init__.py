"""The only speaker of GitHub: the event, the sticky comment, the outputs and the summary of a step.

Nothing here changes the exit code. What cannot be done (no permission, no pull request, GitHub is down) ends in one
notice, and the job's summary holds the report in any case.
"""

from scanner.github.actions import (
    OUT,
    action_input,
    below_workspace,
    check_checkout,
    check_inputs,
    finish,
    give_up,
    target_file,
    warn_of_tokens,
)
from scanner.github.event import Event, read_event, surroundings
from scanner.github.outputs import append_summary, write_outputs
from scanner.github.sticky import Posted, post_comment

__all__ = [
    "OUT",
    "Event",
    "Posted",
    "action_input",
    "append_summary",
    "below_workspace",
    "check_checkout",
    "check_inputs",
    "finish",
    "give_up",
    "post_comment",
    "read_event",
    "surroundings",
    "target_file",
    "warn_of_tokens",
    "write_outputs",
]

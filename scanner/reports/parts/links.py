"""Links to commits, places, rules and runs, and the cutting of long texts: what all parts need."""

import re

from scanner.model import Report
from scanner.reports.markdown import Markdown, address, code, link

MAX_MESSAGE = 600
"""Code points of a message that is shown whole."""
MAX_EVIDENCE = 600
"""Code points of a piece of evidence."""
MAX_LINE = 200
"""Code points of what stands on one line with other things."""

COMMIT = re.compile(r"[0-9a-f]{7,64}")


def commit(report: Report, sha: str) -> Markdown:
    """A commit by its first seven digits, as a link where the repository is known."""
    base = report.target.repository
    if not COMMIT.fullmatch(sha):
        return code(sha[:40])
    if base is None or not base.startswith("https://"):
        return code(sha[:7])
    return link(sha[:7], address(base, "commit", sha))


def place(report: Report, path: str, line: int, *, table: bool = False) -> Markdown:
    """``path:line``, as a link to the scanned commit's version of the file where that is known."""
    label = cut(f"{path}:{line}", MAX_LINE)
    base, sha = report.target.repository, report.target.head or report.target.commit
    if base is None or not base.startswith("https://") or sha is None or not COMMIT.fullmatch(sha):
        return code(label, table=table)
    return link(label, f"{address(base, 'blob', sha, path)}#L{line}", table=table)


def rule(report: Report, name: str, *, table: bool = False) -> Markdown:
    """A rule's name, as a link to its documentation where there is one."""
    if not report.rules_url.startswith("https://"):
        return code(name, table=table)
    return link(name, address(report.rules_url, f"{name}.md"), table=table)


def run_address(url: str) -> str:
    """The address of the run, fit for the inside of a link."""
    return address(url).rstrip("/")


def cut(words: str, limit: int) -> str:
    """At most ``limit`` code points, with a visible mark where the text was longer."""
    return words if len(words) <= limit else words[: limit - 1] + "…"


def cut_message(sentence: str, limit: int) -> str:
    """A message of at most about ``limit`` code points, with its backticks in pairs."""
    if len(sentence) <= limit:
        return sentence
    cut = sentence[: limit - 1]
    return cut + ("`…" if cut.count("`") % 2 else "…")

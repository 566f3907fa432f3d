"""The comment on a pull request: what blocks, where, why it is believed, and what to type.

GitHub takes 65,536 characters; the document is rendered whole at three depths, and the first that fits is taken:
full, short (findings without evidence), counts.
"""

import re

from scanner.model import Report, Verdict
from scanner.reports.markdown import Markdown, constant, environment, joined
from scanner.reports.parts import findings, head, ran
from scanner.reports.parts.findings import Depth, Numbered, numbered
from scanner.reports.parts.links import run_address
from scanner.reports.reading import headline, incompleteness, items

NAME = "comment"

BUDGET = 60_000
"""UTF-16 code units; GitHub's own limit is 65,536, above which nothing is posted."""
FULL = Depth(expanded=5, evidence=3, listed=40, rows=20)
SHORT = Depth(expanded=5, evidence=0, listed=20, rows=0, diagrams=False)
COUNTS = Depth(expanded=0, evidence=0, listed=0, rows=0, diagrams=False)

_RUN = re.compile(r"/actions/runs/(\d{1,20})(?:/attempts/(\d{1,6}))?/?$")
_KEY = re.compile(r"[A-Za-z0-9._/,-]")


def render(report: Report, key: str = "all") -> str:
    """The comment's body; ``key`` tells several comments of one pull request apart."""
    text = ""
    for depth in (FULL, SHORT, COUNTS):
        text = _document(report, key, depth)
        if units(text) <= BUDGET:
            break
    return text


def marker(key: str) -> str:
    """The first line of our comments, by which they are found again."""
    return f"<!-- seatrial:v1 key={comment_key(key)} -->"


def comment_key(key: str) -> str:
    """A key as it stands in the marker: percent-encoded where it could end the comment's syntax."""
    safe = "".join(each if _KEY.match(each) else "".join(f"%{byte:02X}" for byte in each.encode()) for each in key)
    return safe.replace("--", "-%2D").replace("--", "-%2D") or "all"


def state(report: Report) -> str:
    """The second line: which commit and run the comment tells of."""
    target = report.target
    found = _RUN.search(report.run.url or "")
    run, attempt = (found.group(1), found.group(2) or "1") if found else ("0", "0")
    head, base = (_digits(sha) for sha in (target.head or target.commit, target.base))
    verdict = headline(report).word
    return f"<!-- seatrial:state head={head} base={base} run={run} attempt={attempt} verdict={verdict} -->"


def worth_a_comment(report: Report) -> bool:
    """Whether there is anything to say that a reader must not miss."""
    news = items(report, Verdict.BLOCKS, Verdict.REPORTED)
    return bool(news or report.pending or incompleteness(report))


def units(text: str) -> int:
    """The length of a text as GitHub counts it."""
    return len(text.encode("utf-16-le", "surrogatepass")) // 2


def _digits(sha: str | None) -> str:
    return sha if sha is not None and re.fullmatch(r"[0-9a-f]{40,64}", sha) else "-"


def _document(report: Report, key: str, depth: Depth) -> str:
    new = numbered(report)
    template = environment().get_template("comment.md.j2")
    return template.render(
        marker=constant(marker(key)),
        state=constant(state(report)),
        headline=head.headline_text(report),
        quiet=_passing(report) if not (items(report) or report.notices or worth_a_comment(report)) else None,
        identity=head.identity(report),
        head=[each for each in (head.incomplete_too(report), *head.warnings(report)) if each is not None],
        counts=head.counts(report),
        projects=[_project(report, index, new, depth) for index in range(len(report.projects))],
        footer=head.footer(report, shortened=depth is not FULL, sticky=True),
    )


def _passing(report: Report) -> Markdown:
    layers = constant(head.layers_ran(report.projects))
    parts = [head.identity(report), constant(head.outcome_words(report.projects)), layers]
    if report.run.url is not None and report.run.url.startswith("https://"):
        parts.append(constant(f"[full report]({run_address(report.run.url)})"))
    return joined(parts, " · ")


def _project(report: Report, index: int, new: tuple[Numbered, ...], depth: Depth) -> list[Markdown]:
    project = report.projects[index]
    mine = [each for each in new if each.item.project is project]
    blocks = [
        *findings.request_path(report, project, mine, depth),
        *(findings.findings(report, mine, depth) if depth is not COUNTS else ()),
        *(ran.errored(report, project) if depth is not COUNTS else ()),
        *(findings.settled(report, project, depth) if depth is not COUNTS else ()),
        *(ran.ran(project, depth) if depth is not COUNTS else ()),
        *ran.reproduce(project),
    ]
    if len(report.projects) == 1:
        return blocks
    return ran.folded(project, blocks, is_open=any(each.item.scoped.verdict is Verdict.BLOCKS for each in mine))

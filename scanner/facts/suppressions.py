"""Suppressions: comments beside the place, and the ``ignore:`` list of ``.seatrial.yml``.

``# seatrial: ignore[rule-id] until=2027-01-31 reason="TLS ends at the CDN"`` at the end of the line, or on the line
above it. A reason is mandatory; ``until`` is at most one year ahead.
"""

import datetime as dt
import difflib
import io
import re
import tokenize
from collections.abc import Iterator
from dataclasses import dataclass

from scanner.model import Location, clean, provider, quoted
from scanner.project import Project, Unreadable
from scanner.settings_file import Ignore, read_ignores

CONFIG_FILE = ".seatrial.yml"
MAX_AHEAD = dt.timedelta(days=366)
MAX_BYTES = 1024 * 1024
"""Largest file in which comments are looked for."""

_COMMENT = re.compile(r"#\s*seatrial:\s*ignore\b(?P<rest>.*)")
_RULES = re.compile(r"\s*\[(?P<rules>[^\]]*)\]")
_UNTIL = re.compile(r"\suntil=(?P<until>\S+)")
_REASON = re.compile(r"\sreason=\"(?P<reason>[^\"]+)\"")
# Files in which `#` begins no comment, or which nobody writes by hand. A document that explains the syntax uses none.
_OTHERS = re.compile(
    r"\.(?:html?|[cm]?js|[jt]sx?|vue|css|scss|less|md|rst|adoc|svg|json|ipynb|map|po|mo|lock|csv|xml|png|jpe?g|gif|webp"
    r"|ico|woff2?|ttf|eot|otf|pdf|zip|gz|xz|bz2|tar|whl|so|mp4|sqlite3|db|pyc)$",
    re.IGNORECASE,
)


@dataclass(frozen=True)
class RuleBook:
    """What a suppression is measured against."""

    today: dt.date
    rules: frozenset[str]
    """The ids of all rules."""
    owner: str = "."
    """Directory of the project that answers for files outside of all projects."""


@dataclass(frozen=True)
class SuppressionEntry:
    """One rule of one suppression, as it is written."""

    rule: str
    path: str | None
    """The file; of an inline one always given."""
    lines: tuple[int, ...]
    """Of an inline one: the lines that it covers. Empty: the whole file or symbol."""
    symbol: str | None
    reason: str
    until: str
    location: Location
    kind: str
    """``inline`` or ``config``."""
    own: bool = True
    """This project answers for it; another one that sees the same file does not."""

    @property
    def day(self) -> dt.date | None:
        """The last day on which it holds; None for what is no date."""
        try:
            return dt.date.fromisoformat(self.until)
        except ValueError:
            return None

    def problem(self, book: RuleBook) -> str | None:
        """Why it counts for nothing, or None. That it has expired is no such problem."""
        if not self.rule:
            return "it names no rule"
        if self.rule not in book.rules:
            near = difflib.get_close_matches(self.rule, sorted(book.rules), 1)
            return "there is no such rule" + (f" (did you mean {quoted(near[0])}?)" if near else "")
        if not self.reason.strip():
            return "it gives no reason"
        if self.kind == "config" and not (self.path or self.symbol):
            return "it names neither a path nor a symbol"
        if not self.until:
            return "it has no end: `until` is missing"
        if self.day is None:
            return f"{quoted(self.until)} is no date like `2027-01-31`"
        return "it holds for more than a year" if self.day > book.today + MAX_AHEAD else None

    def expired(self, book: RuleBook) -> bool:
        """Whether its last day is over."""
        return self.day is not None and self.day < book.today


@dataclass(frozen=True)
class Suppressions:
    """All suppressions in the files that concern a project, as the checkout has them."""

    entries: tuple[SuppressionEntry, ...]


@dataclass(frozen=True)
class UnusedSuppressions:
    """Suppressions that match no finding although their rules looked; known when all rules have been judged."""

    entries: tuple[SuppressionEntry, ...]


@provider()
def read_suppressions(project: Project, book: RuleBook) -> Suppressions:
    """Every suppression comment in the project's files, and the list of the configuration."""
    found = [*_configured(project), *(one for path in project.files for one in _inline(project, path))]
    return Suppressions(tuple(_answered(one, project, book) for one in found))


def _answered(one: SuppressionEntry, project: Project, book: RuleBook) -> SuppressionEntry:
    inside = project.path == "." or one.location.path.startswith(f"{project.path}/")
    if inside or project.path == book.owner:
        return one
    return SuppressionEntry(**{**vars(one), "own": False})


def _configured(project: Project) -> Iterator[SuppressionEntry]:
    if not project.exists(CONFIG_FILE):
        return
    try:
        text = project.read_text(CONFIG_FILE, MAX_BYTES)
    except Unreadable:
        return
    for one in read_ignores(text, CONFIG_FILE):
        yield configured(one)


def configured(ignore: Ignore) -> SuppressionEntry:
    """An entry of the configuration's list."""
    return SuppressionEntry(
        rule=clean(ignore.rule),
        path=ignore.path,
        lines=(),
        symbol=ignore.symbol,
        reason=clean(ignore.reason),
        until=clean(ignore.until),
        location=Location(CONFIG_FILE, ignore.line),
        kind="config",
    )


def _inline(project: Project, path: str) -> list[SuppressionEntry]:
    if _OTHERS.search(path):
        return []
    try:
        # Bytes first: nearly no file has one, and reading them is what costs.
        if b"seatrial:" not in project.read_bytes(path, MAX_BYTES):
            return []
        return inline(path, project.read_text(path, MAX_BYTES))
    except Unreadable:
        return []


def inline(path: str, text: str) -> list[SuppressionEntry]:
    """The suppression comments of one file, well-formed or not."""
    comments = _comment_lines(text) if path.endswith(".py") else None
    found = []
    for number, line in enumerate(text.splitlines(), start=1):
        match = _COMMENT.search(line) if "seatrial:" in line else None
        if match is None or (comments is not None and number not in comments):
            continue
        rest = match["rest"]
        rules, until, reason = _RULES.match(rest), _UNTIL.search(rest), _REASON.search(rest)
        # Alone on its line it speaks of the next one, too.
        lines = (number,) if line[: match.start()].strip() else (number, number + 1)
        found += [
            SuppressionEntry(
                rule=clean(rule.strip()),
                path=path,
                lines=lines,
                symbol=None,
                reason=clean(reason["reason"]) if reason else "",
                until=clean(until["until"]) if until else "",
                location=Location(path, number, match.start() + 1),
                kind="inline",
            )
            for rule in (rules["rules"] if rules else "").split(",")
        ]
    return found


def _comment_lines(text: str) -> frozenset[int] | None:
    """The lines of Python that have a comment of ours; None where the text is no Python.

    A string that explains or tests the syntax suppresses nothing.
    """
    try:
        return frozenset(
            token.start[0]
            for token in tokenize.generate_tokens(io.StringIO(text).readline)
            if token.type == tokenize.COMMENT and "seatrial:" in token.string
        )
    except (tokenize.TokenError, SyntaxError, ValueError):
        return None

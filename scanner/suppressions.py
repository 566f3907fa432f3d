"""Suppressions: comments beside the place, and the ``ignore:`` list of ``.seatrial.yml``.

``# seatrial: ignore[rule-id] until=2027-01-31 reason="TLS ends at the CDN"`` on the line, or on the line above it.
A reason is mandatory; ``until`` is at most one year ahead. One that has expired or is malformed suppresses nothing.
"""

import datetime as dt
import re
from collections.abc import Iterable
from dataclasses import dataclass

from scanner.config import CONFIG_FILE, Comparison
from scanner.model import Errored, Failed, Location, Outcome, PendingSuppression, Rule, clean
from scanner.policy import Suppression
from scanner.project import Project, Unreadable
from scanner.settings_file import Ignore

_COMMENT = re.compile(
    r"#\s*seatrial:\s*ignore\[(?P<rules>[a-z0-9, -]+)\]"
    r"(?=(?:.*?\suntil=(?P<until>\d{4}-\d{2}-\d{2}))?)"
    r"(?=(?:.*?\sreason=\"(?P<reason>[^\"]+)\")?)"
)
MAX_AHEAD = dt.timedelta(days=366)


@dataclass(frozen=True)
class Suppressions:
    """The suppressions that hold today, and those that a pull request adds: they hold after the merge."""

    holding: tuple[Suppression, ...]
    pending: tuple[PendingSuppression, ...] = ()


def in_force(
    project: Project,
    ignores: Iterable[Ignore],
    outcomes: Iterable[tuple[Rule, Outcome]],
    comparison: Comparison | None,
) -> Suppressions:
    """Those of the configuration, and the comments in the files that have findings.

    With a comparison (a pull request), a comment counts only if the base's version of that file holds one with the
    same rule, reason and date; without a base commit, none counts.
    """
    today = dt.datetime.now(tz=dt.UTC).date()
    paths = sorted(
        {
            finding.location.path
            for _, outcome in outcomes
            if isinstance(outcome, Failed | Errored)
            for finding in outcome.findings
        }
    )
    found = [one for ignore in ignores if (one := _configured(ignore)) is not None]
    pending: list[Suppression] = []
    for path in paths:
        try:
            here = inline(path, project.read_text(path))
        except Unreadable:
            continue
        old = _on_base(path, comparison)
        found += [one for one in here if old is None or _identity(one) in old]
        pending += [one for one in here if old is not None and _identity(one) not in old]
    return Suppressions(
        holding=tuple(one for one in found if today <= one.until <= today + MAX_AHEAD),
        pending=tuple(
            PendingSuppression(one.rule, one.location.path, one.location.line, clean(one.reason), one.until.isoformat())
            for one in pending
        ),
    )


def _identity(one: Suppression) -> tuple[str, str, dt.date]:
    return (one.rule, one.reason, one.until)


def _on_base(path: str, comparison: Comparison | None) -> frozenset[tuple[str, str, dt.date]] | None:
    """What the base's version of a file suppresses; None where nothing is compared."""
    if comparison is None:
        return None
    text = comparison.base.read_text(path) if comparison.base else None
    return frozenset(_identity(one) for one in inline(path, text)) if text is not None else frozenset()


def _configured(ignore: Ignore) -> Suppression | None:
    until = _date(ignore.until)
    if until is None or not ignore.reason or not ignore.rule or not (ignore.path or ignore.symbol):
        return None
    return Suppression(
        rule=ignore.rule,
        path=ignore.path,
        lines=(),
        symbol=ignore.symbol,
        reason=ignore.reason,
        until=until,
        location=Location(CONFIG_FILE, ignore.line),
        kind="config",
    )


def inline(path: str, text: str) -> list[Suppression]:
    """The well-formed suppression comments of one file."""
    found = []
    for number, line in enumerate(text.splitlines(), start=1):
        match = _COMMENT.search(line) if "seatrial:" in line else None
        until = _date(match["until"]) if match else None
        if match is None or until is None or not match["reason"]:
            continue
        found += [
            Suppression(
                rule=rule.strip(),
                path=path,
                lines=(number, number + 1),
                symbol=None,
                reason=match["reason"],
                until=until,
                location=Location(path, number, match.start() + 1),
                kind="inline",
            )
            for rule in match["rules"].split(",")
        ]
    return found


def _date(text: str | None) -> dt.date | None:
    try:
        return dt.date.fromisoformat(text or "")
    except ValueError:
        return None

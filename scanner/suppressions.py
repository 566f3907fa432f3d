"""Which suppressions hold in this run, which a pull request adds, and which match nothing."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

from scanner.config import Comparison
from scanner.facts.suppressions import RuleBook, SuppressionEntry, Suppressions, UnusedSuppressions, configured, inline
from scanner.judging import Judged
from scanner.model import (
    Errored,
    Failed,
    Finding,
    LayerStatus,
    Outcome,
    PendingSuppression,
    Skipped,
    Unavailable,
)
from scanner.policy import Suppression
from scanner.settings_file import Ignore

__all__ = ["Held", "in_force", "unused"]


@dataclass(frozen=True)
class Held:
    """The suppressions that hold today, and those that a pull request adds: they hold after the merge."""

    holding: tuple[Suppression, ...]
    pending: tuple[PendingSuppression, ...] = ()


def in_force(found: Suppressions, ignores: Iterable[Ignore], book: RuleBook, comparison: Comparison | None) -> Held:
    """The comments of the files, and ``ignores``, the list of the configuration that counts.

    With a comparison (a pull request), a comment counts only if the base's version of that file holds one with the
    same rule, reason and date; without a base commit, none counts.
    """
    good = [one for one in found.entries if one.problem(book) is None and not one.expired(book)]
    if comparison is None:
        return Held(tuple(filter(None, map(_suppression, good))))
    listed = {_identity(one) for one in map(configured, ignores)}
    on_base = _on_base(comparison)
    holding = [one for one in map(configured, ignores) if one.problem(book) is None and not one.expired(book)]
    pending: list[SuppressionEntry] = []
    for one in good:
        if one.kind == "config":
            counts = _identity(one) in listed
        else:
            counts = _identity(one) in on_base(one.location.path)
            holding += [one] if counts else []
        pending += [] if counts or not one.own else [one]
    return Held(tuple(filter(None, map(_suppression, holding))), tuple(_pending(one) for one in pending))


_Identity = tuple[str, str | None, str | None, str, str]


def _identity(one: SuppressionEntry) -> _Identity:
    # An inline one is told by its file, which is asked for; a file that moved takes its comments with it.
    path = one.path if one.kind == "config" else None
    return (one.rule, path, one.symbol, one.reason, one.until)


def _on_base(comparison: Comparison) -> Callable[[str], frozenset[_Identity]]:
    """What the base's version of a file suppresses; each file is read once."""
    known: dict[str, frozenset[_Identity]] = {}

    def asked(path: str) -> frozenset[_Identity]:
        if path not in known:
            text = comparison.base.read_text(path) if comparison.base else None
            known[path] = frozenset(_identity(one) for one in inline(path, text or ""))
        return known[path]

    return asked


def _suppression(one: SuppressionEntry) -> Suppression | None:
    if one.day is None:
        return None
    return Suppression(
        rule=one.rule,
        path=one.path,
        lines=one.lines,
        symbol=one.symbol,
        reason=one.reason,
        until=one.day,
        location=one.location,
        kind=one.kind,
    )


def _pending(one: SuppressionEntry) -> PendingSuppression:
    place = one.location
    return PendingSuppression(one.rule, place.path, place.line, one.reason, one.until)


def unused(mine: Judged, everyone: Sequence[Judged], book: RuleBook) -> UnusedSuppressions | Unavailable:
    """The suppressions for which ``mine`` answers and that match nothing in any project.

    One whose rule did not look everywhere may match what was not seen: it is not among them.
    """
    if any(layer.status is not LayerStatus.RAN for each in everyone for layer in each.layers):
        return Unavailable("a layer did not run, and what it would have shown may match")
    found = []
    for one in mine.suppressions.entries:
        suppression = _suppression(one)
        if not one.own or suppression is None or one.problem(book) is not None or one.expired(book):
            continue
        outcomes = [outcome for each in everyone for rule, outcome in each.outcomes if rule.id == one.rule]
        looked = outcomes and not any(isinstance(outcome, Skipped | Errored) for outcome in outcomes)
        if looked and not any(suppression.covers(one.rule, each) for each in _findings(outcomes)):
            found.append(one)
    return UnusedSuppressions(tuple(found))


def _findings(outcomes: Iterable[Outcome]) -> list[Finding]:
    return [finding for outcome in outcomes if isinstance(outcome, Failed) for finding in outcome.findings]

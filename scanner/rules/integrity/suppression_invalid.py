"""A suppression counts for nothing, because something is wrong with it.

## Why is this bad
Whoever wrote it believes that a finding is accepted. It is not: a suppression names a rule that exists, gives a reason,
and ends within a year.

## Bad
    # seatrial: ignore[hsts-mising]

## Good
    # seatrial: ignore[hsts-missing] until=2027-01-31 reason="TLS ends at the CDN"

## References
- https://github.com/seatrial/seatrial#suppressions
"""

from collections.abc import Iterator

from scanner.facts.suppressions import RuleBook, Suppressions
from scanner.model import Finding, Severity, quoted, rule


@rule(severity=Severity.MEDIUM)
def check(suppressions: Suppressions, book: RuleBook) -> Iterator[Finding]:
    for one in suppressions.entries:
        problem = one.problem(book) if one.own else None
        if problem is not None:
            named = f"The suppression of {quoted(one.rule)}" if one.rule else "A suppression"
            yield Finding(
                message=f"{named} counts for nothing: {problem}.",
                location=one.location,
                symbol=f"suppression of {one.rule}",
            )

"""A suppression has expired.

## Why is this bad
What it covered was accepted for a time, and that time is over. The finding counts again; the comment makes readers
believe that it is still accepted.

## Bad
    # seatrial: ignore[hsts-missing] until=2025-01-31 reason="TLS ends at the CDN"

## Good
    # seatrial: ignore[hsts-missing] until=2027-01-31 reason="TLS ends at the CDN, moves in spring"

## References
- https://github.com/seatrial/seatrial#suppressions
"""

from collections.abc import Iterator

from scanner.facts.suppressions import RuleBook, Suppressions
from scanner.model import Evidence, Finding, Severity, quoted, rule


@rule(severity=Severity.MEDIUM)
def check(suppressions: Suppressions, book: RuleBook) -> Iterator[Finding]:
    for one in suppressions.entries:
        if one.own and one.problem(book) is None and one.expired(book):
            yield Finding(
                message=f"The suppression of {quoted(one.rule)} has expired: what it covers counts again.",
                location=one.location,
                symbol=f"suppression of {one.rule}",
                evidence=(Evidence(f"until={one.until}, reason: {one.reason}", one.location),),
            )

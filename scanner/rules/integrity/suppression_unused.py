"""A suppression matches nothing.

## Why is this bad
The fault is gone, or the comment stands at another line. One that stays behind accepts the same fault when it comes
back.

## Bad
    # seatrial: ignore[service-runs-as-root] until=2027-01-31 reason="moves in spring"
    User=shop

## Good
    User=shop

## References
- https://github.com/seatrial/seatrial#suppressions
"""

from collections.abc import Iterator

from scanner.facts.suppressions import UnusedSuppressions
from scanner.model import Evidence, Finding, Severity, quoted, rule


@rule(severity=Severity.LOW)
def check(unused: UnusedSuppressions) -> Iterator[Finding]:
    for one in unused.entries:
        yield Finding(
            message=f"Nothing matches the suppression of {quoted(one.rule)}.",
            location=one.location,
            symbol=f"suppression of {one.rule}",
            evidence=(Evidence(f"reason: {one.reason}", one.location),),
        )

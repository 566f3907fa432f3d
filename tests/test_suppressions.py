"""Suppression comments: only well-formed ones with a reason and a date count."""

from typing import Any

import pytest

from scanner.suppressions import inline

GOOD = '# seatrial: ignore[hsts-missing] until=2027-01-31 reason="TLS ends at the CDN"'


def test_covers_its_line_and_the_next() -> None:
    (one,) = inline("a.conf", f"x\n{GOOD}\nlisten 80;\n")
    assert (one.rule, one.lines, one.reason, one.until.isoformat()) == (
        "hsts-missing",
        (2, 3),
        "TLS ends at the CDN",
        "2027-01-31",
    )


def test_several_rules_and_any_order() -> None:
    found = inline("a", 'x = 1  # seatrial: ignore[a-b, c-d] reason="why not" until=2027-01-31\n')
    assert [one.rule for one in found] == ["a-b", "c-d"]


@pytest.mark.parametrize(
    "line",
    [
        "# seatrial: ignore[hsts-missing]",
        '# seatrial: ignore[hsts-missing] reason="no date"',
        "# seatrial: ignore[hsts-missing] until=2027-01-31",
        '# seatrial: ignore[hsts-missing] until=2027-13-31 reason="no such month"',
        '# seatrial: ignore[] until=2027-01-31 reason="no rule"',
    ],
)
def test_the_malformed_suppress_nothing(line: Any) -> None:
    assert inline("a", line) == []

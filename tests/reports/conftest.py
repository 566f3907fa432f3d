"""The samples, and the golden files that show what becomes of them."""

import sys
from collections.abc import Callable
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parents[2]))

GOLDEN = Path(__file__).parents[2] / "fixtures" / "reports"


@pytest.fixture
def golden(update: bool) -> Callable[[str, str, str], None]:
    """Compare a text with `fixtures/reports/SAMPLE/NAME`, or write it with `pytest --update`."""

    def compare(sample: str, name: str, text: str) -> None:
        path = GOLDEN / sample / name
        if update:
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text, encoding="utf-8", newline="\n")
        assert text == path.read_text(encoding="utf-8")

    return compare

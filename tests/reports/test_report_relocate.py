import dataclasses
import json
from collections.abc import Iterator
from pathlib import PurePosixPath
from typing import Any

import pytest

from scanner.reports.json import render
from scanner.reports.relocate import relocated
from tests.reports.samples import SAMPLES, blocked


def paths(value: Any) -> Iterator[str]:
    """Every `path` in a document."""
    if isinstance(value, dict):
        for key, each in value.items():
            if key == "path" and each is not None:
                yield each
            yield from paths(each)
    elif isinstance(value, list):
        for each in value:
            yield from paths(each)


@pytest.mark.parametrize("sample", SAMPLES)
def test_every_path_of_the_document_moves(sample: str) -> None:
    before = list(paths(json.loads(render(SAMPLES[sample]()))))
    after = list(paths(json.loads(render(relocated(SAMPLES[sample](), "services/shop")))))
    assert after == [str(PurePosixPath("services/shop") / each) for each in before]


@pytest.mark.parametrize("prefix", ["", "."])
def test_the_root_changes_nothing(prefix: str) -> None:
    assert relocated(blocked(), prefix) == blocked()


def test_everything_else_stays() -> None:
    moved = relocated(blocked(), "a/b")
    before = blocked()
    assert moved.summary == before.summary
    for ours, theirs in zip(moved.projects[0].results, before.projects[0].results, strict=True):
        assert [each.fingerprint for each in ours.findings] == [each.fingerprint for each in theirs.findings]

        assert dataclasses.replace(ours, findings=(), outcome=theirs.outcome) == dataclasses.replace(
            theirs, findings=()
        )

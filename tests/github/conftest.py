"""The fake GitHub, and what must hold after every test with it."""

import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parents[2]))

from tests.github.server import TOKEN, FakeGitHub


@pytest.fixture
def github() -> Iterator[FakeGitHub]:
    server = FakeGitHub()
    with server.running():
        yield server
    assert server.complaints == []
    assert all(TOKEN not in str(each.body) for each in server.requests)
    assert all(each.authorization == f"Bearer {TOKEN}" for each in server.requests)
    ours = [
        each for each in server.comments if each.author == server.login and each.body.startswith("<!-- seatrial:v1")
    ]
    assert len(ours) <= 1

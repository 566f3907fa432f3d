"""Which installed environments the local engine keeps."""

import os
from pathlib import Path

from scanner.sandbox.uv import DAY, KEPT, LONG, forget_unused

NOW = 2_000_000_000.0


def environment(root: Path, name: str, idle: float) -> Path:
    """An environment that was used ``idle`` seconds ago."""
    path = root / name
    path.mkdir()
    (path / "complete").touch()
    os.utime(path / "complete", (NOW - idle, NOW - idle))
    return path


def test_what_was_used_in_the_last_day_stays(tmp_path: Path) -> None:
    made = [environment(tmp_path, f"e{number}", DAY - 60) for number in range(KEPT + 5)]
    assert forget_unused(tmp_path, NOW) == 0
    assert all(path.exists() for path in made)


def test_what_nobody_used_for_weeks_goes(tmp_path: Path) -> None:
    old = environment(tmp_path, "old", LONG + 60)
    young = environment(tmp_path, "young", LONG - 60)
    assert forget_unused(tmp_path, NOW) == 1
    assert not old.exists()
    assert young.exists()


def test_of_many_the_last_used_stay(tmp_path: Path) -> None:
    made = [environment(tmp_path, f"e{number}", 2 * DAY + number) for number in range(KEPT + 3)]
    assert forget_unused(tmp_path, NOW) == 3
    assert [path.exists() for path in made] == [True] * KEPT + [False] * 3


def test_what_a_killed_installation_left_goes(tmp_path: Path) -> None:
    left = tmp_path / "new-killed"
    left.mkdir()
    os.utime(left, (NOW - LONG - 1, NOW - LONG - 1))
    assert forget_unused(tmp_path, NOW) == 1
    assert not left.exists()

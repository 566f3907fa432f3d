"""Bad input: one clear message with a hint, the right exit code, and nothing left behind."""

import os
import shutil
import signal
import subprocess
import sys
import time
import uuid
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.engine.scans import ABOVE_LOW, PROJECTS, expected, rows, run

SCAN = [sys.executable, "-m", "scanner", "scan"]
ENGINES = [pytest.param(name, marks=getattr(pytest.mark, name)) for name in ("docker", "local")]
HOSTILE = sorted(path.name for path in (PROJECTS / "bad-input").iterdir() if path.is_dir() and path.name != "no-django")
SAYS = {
    "binary-conf": "deploy/nginx.conf",
    "broken-nginx": "deploy/nginx/shop.conf",
    "broken-settings": "shop/settings.py",
    "exits": "shop/settings.py",
    "exits-hard": "gave no answer",
    "fakes-record": "gave no answer",
    "forks": "shop.settings",
    "hangs": "did not load within",
    "missing-dependency": "could not be installed",
    "symlink-out": "deploy/nginx.conf",
}


@dataclass(frozen=True)
class Job:
    """One scan whose traces can be told from those of others."""

    name: str
    temporary: Path

    @property
    def environment(self) -> dict[str, str]:
        return {"SEATRIAL_JOB": self.name, "TMPDIR": str(self.temporary)}

    def traces(self) -> list[str]:
        found = [str(path) for path in self.temporary.iterdir()]
        for kind in (["ps", "-aq"], ["network", "ls", "-q"], ["volume", "ls", "-q"]):
            found += _docker(*kind, "--filter", f"label=seatrial.job={self.name}")
        return found + [pid for pid in _processes() if str(self.temporary) in pid]


def _docker(*arguments: str) -> list[str]:
    if shutil.which("docker") is None:
        return []
    return subprocess.run(["docker", *arguments], capture_output=True, text=True, check=False).stdout.split()


def _processes() -> Iterator[str]:
    for path in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            yield path.read_bytes().decode("utf-8", "replace")
        except OSError:
            continue


@pytest.fixture
def job(tmp_path: Path) -> Iterator[Job]:
    """A job of its own, that must leave nothing."""
    temporary = tmp_path / "temporary"
    temporary.mkdir()
    one = Job(uuid.uuid4().hex, temporary)
    yield one
    # The kernel ends the processes of a namespace a moment after its first one.
    deadline = time.monotonic() + 3
    while one.traces() and time.monotonic() < deadline:
        time.sleep(0.1)
    assert one.traces() == []


@pytest.mark.parametrize("engine", ENGINES)
@pytest.mark.parametrize("name", HOSTILE)
def test_hostile_projects(name: str, engine: str, job: Job) -> None:
    project = f"bad-input/{name}"
    found = run(PROJECTS / project, "--engine", engine, environment=job.environment)
    table = expected(project)
    assert found.code == table["exit"], found.stdout + found.stderr
    failed = [layer for layer, told in found.layers.items() if told["status"] != "ran"]
    assert set(table["failed"]) <= set(failed)
    assert found.findings(*ABOVE_LOW) == rows(project, engine)
    if name in SAYS:
        told = " ".join(layer["detail"] for layer in found.layers.values())
        assert SAYS[name] in told, told
    assert "Traceback" not in found.stdout + found.stderr


@pytest.mark.parametrize(
    ("path", "words"),
    [
        ("bad-input/no-django", "no Django project"),
        ("nowhere", "no such directory"),
        ("README.md", "directory"),
    ],
)
def test_nothing_to_scan(path: str, words: str) -> None:
    found = run(PROJECTS / path, "--engine", "none")
    assert found.code == 2
    assert words in found.stderr
    assert "hint:" in found.stderr


@pytest.mark.parametrize("engine", ENGINES)
@pytest.mark.parametrize(("number", "after"), [(signal.SIGINT, 4.0), (signal.SIGTERM, 1.5)])
def test_cancelled(engine: str, number: signal.Signals, after: float, job: Job, tmp_path: Path) -> None:
    target = tmp_path / "result.json"
    process = subprocess.Popen(
        [*SCAN, str(PROJECTS / "article-good"), "--engine", engine, "--json", str(target)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        env={**os.environ, **job.environment},
    )
    time.sleep(after)
    process.send_signal(number)
    begun = time.monotonic()
    _, errors = process.communicate(timeout=30)
    assert time.monotonic() - begun < 10
    assert process.returncode == -number, errors
    assert b"cancelled" in errors
    assert not target.exists()

"""The image without our action: a copy of how GitHub's runner starts a container of ``uses: docker://…``.

The runner binds the workspace, its home, its file commands and the engine's socket, hands over its own tokens, spells
inputs with hyphens, and lets everything be written as root.
"""

import json
import os
import shutil
import subprocess
import threading
import uuid
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.engine.scans import PROJECTS

pytestmark = [
    pytest.mark.docker,
    pytest.mark.skipif(os.geteuid() != 0, reason="files of another owner can be made by root only"),
]
CANARY = "canary-71c3f0"
OWNER = (10123, 10124)
HEAD = "9f3c1ab27de04c5b8e6f0a1d2c3b4a5968778695"


@dataclass
class Runner:
    """A runner's directories."""

    root: Path
    image: str
    name: str
    bundle: Path | None
    index: str | None

    @property
    def workspace(self) -> Path:
        return self.root / "workspace"

    def run(self, **inputs: str) -> subprocess.CompletedProcess[str]:
        """`docker run` with the words of the runner's DockerCommandManager and ContainerActionHandler."""
        given = {f"INPUT_{key.upper().replace('_', '-')}": value for key, value in inputs.items()}
        if (self.workspace / "ca.pem").exists():
            given["INPUT_CA-BUNDLE"] = "ca.pem"
        if self.index is not None:
            given["INPUT_INDEX-URL"] = self.index
        environment = {
            "HOME": "/github/home",
            "GITHUB_ACTIONS": "true",
            "GITHUB_WORKSPACE": "/github/workspace",
            "GITHUB_EVENT_NAME": "pull_request",
            "GITHUB_EVENT_PATH": "/github/workflow/event.json",
            "GITHUB_REPOSITORY": "acme/shop",
            "GITHUB_OUTPUT": "/github/file_commands/output",
            "GITHUB_STEP_SUMMARY": "/github/file_commands/summary",
            "GITHUB_ENV": "/github/file_commands/env",
            "GITHUB_RUN_ID": "1",
            "RUNNER_OS": "Linux",
            "CI": "true",
            "ACTIONS_RUNTIME_TOKEN": CANARY,
            "ACTIONS_RUNTIME_URL": f"https://{CANARY}.example/",
            "ACTIONS_CACHE_URL": f"https://{CANARY}.example/",
            "ACTIONS_ID_TOKEN_REQUEST_TOKEN": CANARY,
            "INPUT_POST-COMMENT": "never",
            "INPUT_TOKEN": CANARY,
            # Not the runner's: a label by which this test knows its own containers.
            "SEATRIAL_JOB": self.name,
            **given,
        }
        binds = {
            "/var/run/docker.sock": "/var/run/docker.sock",
            self.root / "home": "/github/home",
            self.root / "workflow": "/github/workflow",
            self.root / "commands": "/github/file_commands",
            self.workspace: "/github/workspace",
        }
        words = ["docker", "run", "--name", self.name, "--label", "replica", "--workdir", "/github/workspace", "--rm"]
        words += [word for key in environment for word in ("-e", key)]
        words += [word for source, target in binds.items() for word in ("-v", f"{source}:{target}")]
        return subprocess.run(
            [*words, self.image],
            env={"PATH": os.environ["PATH"], **environment},
            capture_output=True,
            text=True,
            timeout=570,
            check=False,
        )

    def strangers(self) -> list[str]:
        """Files of the workspace that do not belong to its owner."""
        return [
            str(path.relative_to(self.workspace))
            for path in self.workspace.rglob("*")
            if (path.lstat().st_uid, path.lstat().st_gid) != OWNER
        ]


@pytest.fixture
def runner(tmp_path: Path, scanner_image: str, ca_bundle: Path | None, index_url: str | None) -> Iterator[Runner]:
    for name in ("workspace", "home", "workflow", "commands"):
        (tmp_path / name).mkdir()
    side = {"sha": HEAD, "repo": {"id": 1}}
    pull = {"number": 7, "head": side, "base": side | {"repo": {"id": 2}}}
    (tmp_path / "workflow" / "event.json").write_text(json.dumps({"number": 7, "pull_request": pull}), encoding="utf-8")
    for name in ("output", "summary", "env"):
        (tmp_path / "commands" / name).touch()
    made = Runner(tmp_path, scanner_image, f"replica-{uuid.uuid4().hex[:8]}", ca_bundle, index_url)
    yield made
    assert subprocess.run(["docker", "inspect", made.name], capture_output=True, check=False).returncode != 0
    assert things(made.name) == set(), "nothing is left behind"


def things(
    job: str, kinds: Iterable[tuple[str, ...]] = (("ps", "--all"), ("network", "ls"), ("volume", "ls"))
) -> set[str]:
    """The containers, networks and volumes of one job."""
    found: set[str] = set()
    for kind in kinds:
        words = ["docker", *kind, "--quiet", "--filter", f"label=seatrial.job={job}"]
        found |= set(subprocess.run(words, capture_output=True, text=True, check=True).stdout.split())
    return found


@contextmanager
def inspected(job: str) -> Iterator[dict[str, str]]:
    """What the engine says, while the job runs, of each container that it starts."""
    seen: dict[str, str] = {}
    over = threading.Event()

    def look() -> None:
        while not over.wait(0.5):
            for each in things(job, [("ps", "--all")]) - seen.keys():
                done = subprocess.run(["docker", "inspect", each], capture_output=True, text=True, check=False)
                if done.returncode == 0:
                    seen[each] = done.stdout

    thread = threading.Thread(target=look, daemon=True)
    thread.start()
    try:
        yield seen
    finally:
        over.set()
        thread.join(30)


def checkout(runner: Runner, project: str) -> None:
    shutil.copytree(PROJECTS / project, runner.workspace, dirs_exist_ok=True)
    (runner.workspace / "expected.yml").unlink()
    if runner.bundle is not None:
        shutil.copy(runner.bundle, runner.workspace / "ca.pem")
    who = ["-c", "user.name=Dev", "-c", "user.email=dev@shop.example", "-c", "safe.directory=*"]
    for words in (["init", "--quiet"], ["add", "--all", "--force", "."], ["commit", "--quiet", "--message", "x"]):
        subprocess.run(["git", *who, *words], cwd=runner.workspace, check=True, capture_output=True)
    for path in (runner.workspace, *runner.workspace.rglob("*")):
        os.chown(path, *OWNER, follow_symlinks=False)


def test_the_same_result_and_files_of_the_checkouts_owner(runner: Runner) -> None:
    checkout(runner, "article-bad")
    with inspected(runner.name) as containers:
        done = runner.run(json="reports/result.json", junit="reports/deep/junit.xml")
    log = done.stdout + done.stderr
    assert done.returncode == 1, log[-4000:]
    result = json.loads((runner.workspace / "reports" / "result.json").read_text(encoding="utf-8"))
    (project,) = result["projects"]
    assert [layer["status"] for layer in project["layers"]] == ["ran", "ran", "ran"], log[-4000:]
    found = {one["rule"] for one in project["results"] if one["findings"]}
    assert found >= {"debug-enabled", "secret-key-in-source", "forwarded-proto-spoofable"}
    assert runner.strangers() == []
    assert "The runner put tokens of its own" in log
    assert CANARY not in log + json.dumps(result)
    commands = runner.root / "commands"
    assert "outcome<<" in (commands / "output").read_text(encoding="utf-8")
    assert "Seatrial:" in (commands / "summary").read_text(encoding="utf-8")
    assert (commands / "env").read_text(encoding="utf-8") == ""
    assert list((runner.root / "home").iterdir()) == []
    assert len(containers) >= 2, "boot and stack were seen"
    assert CANARY not in "".join(containers.values())
    assert "/github/workspace" not in "".join(containers.values()), "nothing is bound"


def test_an_empty_checkout_is_no_clean_result(runner: Runner) -> None:
    done = runner.run(layers="files")
    assert done.returncode == 3
    assert "holds no file" in done.stderr


def test_a_planted_link_is_refused_before_the_scan(runner: Runner) -> None:
    checkout(runner, "article-good")
    (runner.workspace / "reports").symlink_to("/github/file_commands")
    done = runner.run(layers="files", json="reports/env")
    assert done.returncode == 2
    assert "leads out of the checkout" in done.stderr
    assert (runner.root / "commands" / "env").read_text(encoding="utf-8") == ""

"""The whole action on a pull request, with somebody else's runner: nektos/act, in place of GitHub's."""

import ipaddress
import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from tests.github.server import TOKEN, FakeGitHub

ROOT = Path(__file__).parents[2]
BIN = Path(sys.executable).parent
PROJECTS = ROOT / "fixtures" / "projects"
WORKFLOW = """
name: Deployment security
on: pull_request
jobs:
  seatrial:
    runs-on: ubuntu-latest
    steps:
      - uses: actions/checkout@08c6903cd8c0fde910a37f88322edcfb5dd907a8
      - uses: ./.seatrial
        id: seatrial
        with:
          image: IMAGE
          junit: reports/seatrial.xml
          INPUTS
      - if: always()
        env:
          RESULT: ${{ steps.seatrial.outputs.json-path }}
          OUTPUTS: ${{ toJSON(steps.seatrial.outputs) }}
        run: |
          cp "$RESULT" "$KEEP/result.json"
          cp reports/seatrial.xml "$KEEP/"
          printf '%s' "$OUTPUTS" >"$KEEP/outputs.json"
"""

pytestmark = pytest.mark.docker


@dataclass
class PullRequest:
    """A repository with one pull request, and a runner for it."""

    root: Path
    github: FakeGitHub
    image: str
    bundle: Path | None = None
    inputs: dict[str, str] = field(default_factory=dict)
    runs: int = 0
    base: str = "0" * 40

    @property
    def repository(self) -> Path:
        return self.root / "repository"

    def kept(self, name: str) -> str:
        return (self.root / "keep" / name).read_text(encoding="utf-8")

    def push(self, project: str) -> str:
        """A commit that holds this fixture project and nothing else. Returns its digits."""
        for each in self.repository.iterdir():
            if each.name != ".git":
                shutil.rmtree(each) if each.is_dir() else each.unlink()
        shutil.copytree(PROJECTS / project, self.repository, dirs_exist_ok=True)
        (self.repository / "expected.yml").unlink()
        self._action()
        if self.bundle is not None:
            shutil.copy(self.bundle, self.repository / ".seatrial" / "ca.pem")
        workflows = self.repository / ".github" / "workflows"
        workflows.mkdir(parents=True)
        lines = "\n          ".join(f"{name}: {value}" for name, value in self.inputs.items())
        text = WORKFLOW.replace("IMAGE", self.image).replace("INPUTS", lines)
        (workflows / "ci.yml").write_text(text, encoding="utf-8")
        self._git("add", "--all", "--force")
        self._git("commit", "--quiet", "--allow-empty", "--message", project)
        self.github.head = self._git("rev-parse", "HEAD").strip()
        return self.github.head

    def _action(self) -> None:
        """A copy of the action in which the script sees the variables that GitHub's runner would have set."""
        folder = self.repository / ".seatrial"
        folder.mkdir()
        shutil.copy(ROOT / "action.yml", folder)
        told = f"export GITHUB_API_URL={self.github.address} GITHUB_REPOSITORY={self.github.repository}"
        told += f' GITHUB_RUN_ID="$RUN_ID" RUNNER_NAME=act-{os.getpid()}\n'
        shebang, rest = (ROOT / "action.sh").read_text(encoding="utf-8").split("\n", 1)
        (folder / "action.sh").write_text(f"{shebang}\n{told}{rest}", encoding="utf-8")
        (folder / "action.sh").chmod(0o755)

    def _git(self, *arguments: str) -> str:
        who = ["-c", "user.name=Dev", "-c", "user.email=dev@shop.example", "-c", "commit.gpgsign=false"]
        done = subprocess.run(
            ["git", *who, *arguments], cwd=self.repository, capture_output=True, text=True, check=True
        )
        return done.stdout

    def run(self) -> subprocess.CompletedProcess[str]:
        """One run of the workflow for the head of the pull request."""
        self.runs += 1
        side = {"ref": "topic", "repo": {"id": 1}}
        pull = {"number": 7, "head": side | {"sha": self.github.head}, "base": side | {"ref": "main", "sha": self.base}}
        (self.root / "event.json").write_text(json.dumps({"number": 7, "pull_request": pull}), encoding="utf-8")
        environment = {
            "PATH": f"{BIN}{os.pathsep}{os.environ['PATH']}",
            "HOME": str(self.root),
            "KEEP": str(self.root / "keep"),
            "RUN_ID": str(self.runs),
        }
        if "DOCKER_HOST" in os.environ:
            environment["DOCKER_HOST"] = os.environ["DOCKER_HOST"]
        done = subprocess.run(
            [
                *("act", "pull_request", "--platform", "ubuntu-latest=-self-hosted"),
                *("--pull=false", "--action-offline-mode", "--eventpath", str(self.root / "event.json")),
                *("--secret", f"GITHUB_TOKEN={TOKEN}", "--env", f"RUN_ID={self.runs}"),
                *("--env", f"KEEP={self.root / 'keep'}"),
            ],
            cwd=self.repository,
            env=environment,
            capture_output=True,
            text=True,
            timeout=500,
            check=False,
        )
        (self.root / f"log-{self.runs}.txt").write_text(done.stdout + done.stderr, encoding="utf-8")
        return done


def bridge() -> str:
    """The address of this machine on the engine's bridge, where containers reach the fake GitHub."""
    told = subprocess.run(
        ["docker", "network", "inspect", "bridge", "--format", "{{json .IPAM.Config}}"],
        capture_output=True,
        text=True,
        check=True,
    ).stdout
    (first, *_) = json.loads(told)
    # An engine with an old store of networks names the subnet alone: the bridge has its first address.
    return str(first.get("Gateway") or next(ipaddress.ip_network(first["Subnet"]).hosts()))


@pytest.fixture
def pull_request(
    tmp_path: Path, scanner_image: str, index_url: str | None, ca_bundle: Path | None
) -> Iterator[PullRequest]:
    for name in ("repository", "keep"):
        (tmp_path / name).mkdir()
    subprocess.run(["git", "init", "--quiet", tmp_path / "repository"], check=True)
    github = FakeGitHub(bridge())
    with github.running():
        inputs = {"ca-bundle": ".seatrial/ca.pem"} if ca_bundle else {}
        inputs |= {"index-url": index_url} if index_url else {}
        yield PullRequest(tmp_path, github, scanner_image, ca_bundle, inputs)
    assert github.complaints == []
    left = subprocess.run(
        ["docker", "ps", "--all", "--quiet", "--filter", f"label=seatrial.job=1-1-seatrial-act-{os.getpid()}"],
        capture_output=True,
        text=True,
        check=True,
    )
    assert left.stdout == ""


def test_a_pull_request_is_blocked_and_then_mended(pull_request: PullRequest) -> None:
    pull_request.base = pull_request.push("article-good")
    pull_request.push("article-bad")
    done = pull_request.run()
    log = done.stdout + done.stderr
    assert done.returncode != 0, log[-6000:]

    result = json.loads(pull_request.kept("result.json"))
    assert result["exit_code"] == 1, log[-6000:]
    assert [layer["status"] for layer in result["projects"][0]["layers"]] == ["ran", "ran", "ran"], log[-6000:]
    assert re.search(r"::error file=shop/settings\.py,line=10,col=1,title=debug-enabled \(critical\)::", log)
    outputs = json.loads(pull_request.kept("outputs.json"))
    assert outputs["outcome"] == "blocked"
    assert outputs["blocks"] == str(result["summary"]["blocks"])
    assert outputs["layers-run"] == "files,boot,stack"
    assert outputs["comparison"] == "compared", result["projects"][0]["comparison"]
    assert re.search(r"Summary - ## 🛑 Seatrial: \d+ new problems block this merge", log)
    assert "<testsuite " in pull_request.kept("seatrial.xml")
    assert len(pull_request.github.comments) == 1, (log[-6000:], pull_request.github.requests)
    (comment,) = pull_request.github.comments
    assert outputs["comment-id"] == str(comment.id)
    assert comment.body.startswith("<!-- seatrial:v1 key=all -->\n")
    assert "debug-enabled" in comment.body
    assert TOKEN not in log + comment.body

    head = pull_request.push("article-good")
    mended = pull_request.run()
    assert mended.returncode == 0, (mended.stdout + mended.stderr)[-6000:]
    assert pull_request.github.comments == [comment], "edited in place"
    assert "nothing blocks this merge" in comment.body
    assert f"head={head} " in comment.body
    assert pull_request.github.writes == ["POST", "PATCH"]
    assert json.loads(pull_request.kept("outputs.json"))["outcome"] == "passed"

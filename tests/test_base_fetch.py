"""A clone of one commit gets its base from the server, whatever the clone's own configuration says."""

import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from scanner.configure import configure
from scanner.project import GitFailed, Remote, base_tree, fetch_commit, find_base, missing_parent

TOKEN = "ghs_0123456789abcdefghijABCDEFGHIJ012345"


def git(root: Path, *arguments: str) -> str:
    who = ["-c", "user.name=Dev", "-c", "user.email=dev@shop.example", "-c", "init.defaultBranch=main"]
    done = subprocess.run(["git", *who, *arguments], cwd=root, capture_output=True, text=True, check=True)
    return done.stdout.strip()


class Server:
    """A server of the repositories below ``root``, in a process of its own."""

    def __init__(self, root: Path, log: Path) -> None:
        self._log = log
        log.touch()
        script = Path(__file__).parent / "git_server.py"
        self._process = subprocess.Popen(
            [sys.executable, str(script), str(root), TOKEN, str(log)], stdout=subprocess.PIPE, text=True
        )
        assert self._process.stdout is not None
        self.address = f"http://127.0.0.1:{int(self._process.stdout.readline())}"

    @property
    def seen(self) -> list[str]:
        """The ``Authorization`` headers that arrived, in order."""
        return self._log.read_text(encoding="utf-8").splitlines()

    def close(self) -> None:
        self._process.kill()
        self._process.communicate()


@pytest.fixture
def server(tmp_path: Path) -> Iterator[Server]:
    made = Server(tmp_path / "server", tmp_path / "seen.log")
    yield made
    made.close()


@pytest.fixture
def clone(tmp_path: Path) -> Path:
    """What actions/checkout leaves by default: the merge commit of a pull request, and nothing else."""
    origin = tmp_path / "server" / "acme" / "shop"
    origin.mkdir(parents=True)
    git(origin, "init", "--quiet")
    git(origin, "config", "uploadpack.allowAnySHA1InWant", "true")
    (origin / ".seatrial.yml").write_text("fail-on: low\n", encoding="utf-8")
    git(origin, "add", ".")
    git(origin, "commit", "--quiet", "--message", "base")
    git(origin, "checkout", "--quiet", "-b", "topic")
    (origin / "new.py").write_text("X = 1\n", encoding="utf-8")
    git(origin, "add", ".")
    git(origin, "commit", "--quiet", "--message", "head")
    git(origin, "checkout", "--quiet", "main")
    git(origin, "merge", "--quiet", "--no-ff", "--message", "merge", "topic")
    shallow = tmp_path / "shop"
    git(tmp_path, "clone", "--quiet", "--depth", "1", f"file://{origin}", str(shallow))
    return shallow


def test_the_parent_that_a_shallow_clone_hides(clone: Path) -> None:
    origin = clone.parent / "server" / "acme" / "shop"
    assert find_base(clone, "HEAD^1", None, None) is None
    assert missing_parent(clone) == git(origin, "rev-parse", "HEAD^1")
    assert missing_parent(clone.parent) is None, "no repository"


def test_the_base_is_fetched_and_can_be_read(clone: Path, server: Server, tmp_path: Path) -> None:
    commit = missing_parent(clone) or ""
    fetch_commit(clone, commit, Remote(f"{server.address}/acme/shop", TOKEN), tmp_path / "store.git", {})
    base = find_base(clone, commit, None, None)
    assert base is not None
    assert base.commit == commit
    assert base.read_text(".seatrial.yml") == "fail-on: low\n"
    with base_tree(base) as tree:
        assert tree.checkout.files == (".seatrial.yml",)
    assert TOKEN not in "".join(path.read_text("latin-1") for path in clone.rglob("*") if path.is_file())
    assert TOKEN not in "".join(
        path.read_text("latin-1") for path in (tmp_path / "store.git").rglob("*") if path.is_file()
    )


def test_the_clones_configuration_cannot_send_the_token_elsewhere(clone: Path, server: Server, tmp_path: Path) -> None:
    other = Server(tmp_path / "server", tmp_path / "other.log")
    git(clone, "config", f"url.{other.address}/.insteadOf", f"{server.address}/")
    git(clone, "config", "http.proxy", other.address)
    commit = missing_parent(clone) or ""
    fetch_commit(clone, commit, Remote(f"{server.address}/acme/shop", TOKEN), tmp_path / "store.git", {})
    other.close()
    assert other.seen == []
    assert server.seen


@pytest.mark.parametrize(
    ("commit", "address"), [("0" * 40, ""), ("--upload-pack=x", ""), ("", "ext::sh -c x"), ("", "file:///etc")]
)
def test_what_cannot_be_fetched_fails_without_the_token(
    clone: Path, server: Server, tmp_path: Path, commit: str, address: str
) -> None:
    wanted = commit or missing_parent(clone) or ""
    remote = Remote(address or f"{server.address}/acme/shop", TOKEN)
    with pytest.raises(GitFailed) as caught:
        fetch_commit(clone, wanted, remote, tmp_path / "store.git", {})
    assert TOKEN not in str(caught.value) + repr(remote)


def test_only_in_our_own_container(clone: Path, server: Server, tmp_path: Path) -> None:
    origin = tmp_path / "server" / "acme" / "shop"
    head, base = git(origin, "rev-parse", "topic"), git(origin, "rev-parse", "HEAD^1")
    pull = {"number": 7, "head": {"sha": head}, "base": {"sha": base}}
    (tmp_path / "event.json").write_text(json.dumps({"number": 7, "pull_request": pull}), encoding="utf-8")
    environment = {
        "GITHUB_ACTIONS": "true",
        "GITHUB_EVENT_NAME": "pull_request",
        "GITHUB_EVENT_PATH": str(tmp_path / "event.json"),
        "GITHUB_REPOSITORY": "acme/shop",
        "GITHUB_SERVER_URL": server.address,
        "GITHUB_SHA": git(clone, "rev-parse", "HEAD"),
        "INPUT_TOKEN": TOKEN,
    }
    config = configure(clone, {}, environment)
    assert config.comparison is not None
    assert config.comparison.base is None
    assert server.seen == [], "a checkout of others is not changed"
    config = configure(clone, {}, environment | {"SEATRIAL_OUT": str(tmp_path)})
    assert config.notices == ()
    assert config.comparison is not None
    assert config.comparison.base is not None
    assert config.comparison.base.commit == base

"""New versus base on real engines: what boot and stack show is the same on both sides, so it is known."""

import shutil
import subprocess
from pathlib import Path

import pytest

from tests.engine.scans import PROJECTS, run

WORKER = "[Service]\nUser=root\nExecStart=/srv/shop/venv/bin/celery -A shop worker\n"


def git(root: Path, *arguments: str) -> None:
    who = ["-c", "user.name=Dev", "-c", "user.email=dev@shop.example"]
    subprocess.run(["git", *who, *arguments], cwd=root, capture_output=True, check=True)


def commit(root: Path) -> None:
    git(root, "add", "--all", "--force", ".")
    git(root, "commit", "--quiet", "--message", "x")


@pytest.mark.parametrize(
    "engine", [pytest.param("docker", marks=pytest.mark.docker), pytest.param("local", marks=pytest.mark.local)]
)
def test_only_what_the_change_brings_blocks(tmp_path: Path, engine: str) -> None:
    root = tmp_path / "shop"
    shutil.copytree(PROJECTS / "article-bad", root)
    (root / "expected.yml").unlink()
    git(root.parent, "init", "--quiet", str(root))
    commit(root)
    for name in ("shop/settings.py", "deploy/nginx/shop.conf", "deploy/systemd/shop.service"):
        text = (root / name).read_text(encoding="utf-8")
        (root / name).write_text(f"# a line\n# and another\n{text}", encoding="utf-8")
    (root / "deploy" / "systemd" / "worker.service").write_text(WORKER, encoding="utf-8")
    commit(root)

    done = run(root, "--engine", engine, "--base", "HEAD^", timeout=580)

    assert done.code == 1, done.stdout + done.stderr
    assert [layer["status"] for layer in done.project["layers"]] == ["ran", "ran", "ran"], done.stderr
    found = [
        (finding["verdict"], result["rule"], finding["path"])
        for result in done.project["results"]
        for finding in result["findings"]
    ]
    new = {(rule, path) for verdict, rule, path in found if verdict != "known"}
    assert {rule for rule, _ in new} >= {"service-runs-as-root"}
    assert {path for _, path in new} == {"deploy/systemd/worker.service"}
    known = {rule for verdict, rule, _ in found if verdict == "known"}
    assert known >= {"debug-enabled", "secret-key-in-source", "forwarded-proto-spoofable"}, done.stdout
    assert done.project["comparison"]["status"] == "compared"
    assert done.project["fixed"] == []

"""The scanner's own image: small, quick, without a writable disk, a user or a directory of its own."""

import json
import re
import subprocess
import time
from pathlib import Path

import pytest

import scanner

ROOT = Path(__file__).parent.parent
BASE = "python:3.13-slim-trixie"
OWN_BYTES = 300 * 1000 * 1000
"""What the image may add to its base, unpacked: with the official base of 125 MB it stays below 450 MB."""

TOOLS = """
git --version
nginx -v 2>&1
bwrap --version
docker --version
docker compose version
docker buildx version
/opt/seatrial/bin/uv --version
"""
COMMIT = """
git init -q /tmp/x
cd /tmp/x
echo a >a
git add a
git ls-files
git -c user.name=x -c user.email=x commit -qm x
git cat-file -t HEAD
"""


def docker(*argv: str) -> str:
    return subprocess.run(["docker", *argv], capture_output=True, text=True, timeout=120, check=True).stdout


@pytest.mark.docker
class TestImage:
    def test_says_its_version_quickly(self, scanner_image: str) -> None:
        seconds = []
        for _ in range(3):
            start = time.monotonic()
            said = docker("run", "--rm", "--network", "none", scanner_image, "--version")
            seconds.append(time.monotonic() - start)
            assert said.split() == ["seatrial", scanner.__version__]
        assert min(seconds) < 2, f"0.8 s on an idle machine, {seconds} here"

    def test_runs_on_a_read_only_disk_without_capabilities(self, scanner_image: str) -> None:
        said = docker(
            "run",
            "--rm",
            "--network",
            "none",
            "--read-only",
            "--tmpfs",
            "/tmp",
            "--cap-drop",
            "ALL",
            scanner_image,
            "--help",
        )
        assert "scan" in said

    def test_needs_no_root_without_an_engine(self, scanner_image: str) -> None:
        where = f"{ROOT / 'fixtures' / 'projects' / 'compose-bad'}:/src:ro"
        options = ("--read-only", "--tmpfs", "/tmp", "--cap-drop", "ALL", "--user", "65534:65534", "--volume", where)
        scan = ("scan", "/src", "--engine", "none", "--layers", "files", "--json", "-")
        done = subprocess.run(
            ["docker", "run", "--rm", "--network", "none", *options, scanner_image, *scan],
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
        )
        assert done.returncode == 1, done.stderr
        assert json.loads(done.stdout)["summary"]["blocks"] > 0

    def test_has_its_tools(self, scanner_image: str) -> None:
        said = docker("run", "--rm", "--entrypoint", "/bin/sh", scanner_image, "-ec", TOOLS)
        wanted = (
            "git version|nginx version|bubblewrap|Docker version|Docker Compose version|github.com/docker/buildx|uv"
        )
        for name in wanted.split("|"):
            assert re.search(rf"^{name}\W", said, re.MULTILINE), name

    def test_git_lists_files_without_perl(self, scanner_image: str) -> None:
        said = docker("run", "--rm", "--network", "none", "--entrypoint", "/bin/sh", scanner_image, "-ec", COMMIT)
        assert said.split() == ["a", "commit"]

    def test_brings_its_templates_and_data(self, scanner_image: str) -> None:
        site = "/opt/seatrial/lib/python3*/site-packages/scanner"
        said = docker(
            "run",
            "--rm",
            "--entrypoint",
            "/bin/sh",
            scanner_image,
            "-c",
            f"cd {site} && find . -type f ! -name '*.pyc'",
        )
        tracked = subprocess.run(
            ["git", "ls-files", "scanner"], cwd=ROOT, capture_output=True, text=True, check=True
        ).stdout
        wanted = {line.removeprefix("scanner/") for line in tracked.splitlines() if (ROOT / line).exists()}
        assert wanted - {line.removeprefix("./") for line in said.splitlines()} == set()

    def test_sets_nothing_that_a_ci_system_sets(self, scanner_image: str) -> None:
        [image] = json.loads(docker("image", "inspect", scanner_image))
        config = image["Config"]
        assert config["Entrypoint"] == ["/usr/bin/tini", "-g", "--", "/opt/seatrial/bin/seatrial"]
        assert config["Cmd"] == ["scan"]
        assert not config.get("User")
        assert not config.get("WorkingDir")
        assert not config.get("Volumes")
        assert not config.get("ExposedPorts")
        assert not config.get("Healthcheck")

    def test_is_small(self, scanner_image: str) -> None:
        sizes = [json.loads(docker("image", "inspect", name))[0]["Size"] for name in (scanner_image, BASE)]
        assert sizes[0] - sizes[1] < OWN_BYTES

    def test_keeps_no_secret_of_its_build(self, scanner_image: str) -> None:
        script = "ls -A /run/secrets 2>/dev/null; env; ls /build /src 2>/dev/null"
        said = docker("run", "--rm", "--entrypoint", "/bin/sh", scanner_image, "-c", f"{script}; true")
        assert "CERT" not in said
        assert "INDEX" not in said
        assert "/src" not in said

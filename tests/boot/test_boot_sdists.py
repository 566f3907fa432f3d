"""Real projects that the package index ships whole boot with no option at all. They are fetched anew, never kept."""

import subprocess
import sys
import tarfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from scanner.engine import Facts, discover_providers
from scanner.facts.settings import Settings
from scanner.model import Options, Progress, Silent
from scanner.project import Checkout, Project, find_projects, read_checkout
from scanner.sandbox.interface import Engine
from tests.sandbox.leftovers import AnyEngine, make

PROJECTS = [
    (
        "django-silk",
        "5.6.0",
        "bb741fb8af45eba663e8ed832207d16ecd731496313311f6dfae5fe776bed38e",
        "project/project/settings.py",
    ),
    (
        "postorius",
        "1.3.13",
        "602def5c4852900d49e8ad95196a2334e13c31e49d9c0859324879e7c5131a22",
        "example_project/settings.py",
    ),
    (
        "hyperkitty",
        "1.3.12",
        "deb582937ec5bc9ea9c1d5d86bfb76a4da429b60e1fea6fd6964e7c667cf161d",
        "example_project/settings.py",
    ),
]
_NO_INDEX = ("No matching distribution", "Could not find a version", "Max retries", "timed out", "Temporary failure")


@pytest.fixture(scope="module")
def engine() -> Iterator[AnyEngine]:
    made = make("docker")
    yield made
    made.close()


def fetch(name: str, version: str, digest: str, folder: Path, index_url: str | None, ca_bundle: Path | None) -> Path:
    """The unpacked source distribution. Skips where no index answers; fails where it is another file."""
    (folder / "wanted.txt").write_text(f"{name}=={version} --hash=sha256:{digest}\n")
    command = [sys.executable, "-m", "pip", "download", "--quiet", "--no-deps", "--no-binary", name]
    command += ["--require-hashes", "-r", str(folder / "wanted.txt"), "-d", str(folder)]
    command += ["--index-url", index_url] if index_url else []
    command += ["--cert", str(ca_bundle)] if ca_bundle else []
    done = subprocess.run(command, capture_output=True, text=True, timeout=300, check=False)
    if done.returncode and any(sign in done.stderr for sign in _NO_INDEX):
        pytest.skip(f"no package index has {name} {version} here: {done.stderr.strip().splitlines()[-1][:200]}")
    assert done.returncode == 0, done.stderr[-2000:]
    [archive] = folder.glob("*.tar.gz")
    with tarfile.open(archive) as packed:
        packed.extractall(folder / "whole", filter="data")
    [root] = (folder / "whole").iterdir()
    return root


@pytest.mark.docker
@pytest.mark.parametrize(("name", "version", "digest", "path"), PROJECTS)
def test_a_real_project_boots(
    tmp_path: Path, engine: AnyEngine, ca_bundle: Path | None, index_url: str | None,
    name: str, version: str, digest: str, path: str,
) -> None:  # fmt: skip
    root = fetch(name, version, digest, tmp_path, index_url, ca_bundle)
    [project] = find_projects(read_checkout(root))
    options = Options(ca_bundle=ca_bundle, index_url=index_url)
    given = {Project: project, Checkout: project.checkout, Options: options, Progress: Silent(), Engine: engine}
    facts = Facts(discover_providers(("scanner.facts", "scanner.boot")), given)
    settings = facts.get(Settings)
    assert settings.module_path == path
    assert settings.has_app("django.contrib.auth")
    assert isinstance(settings.value("DEBUG"), bool)
    assert settings.secrets["SECRET_KEY"].length > 10

"""What a release writes, and what it refuses to start from."""

import importlib.util
import shutil
import subprocess
import sys
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
import yaml

ROOT = Path(__file__).parent.parent
SCRIPT = ROOT / ".github" / "release" / "stamp.py"
DIGEST = "sha256:" + "a" * 64
IMAGE = f"ghcr.io/seatrial/seatrial:1.2.3@{DIGEST}"


@pytest.fixture(scope="module")
def stamp() -> ModuleType:
    spec = importlib.util.spec_from_file_location("release_stamp", SCRIPT)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    return module


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """The parts of the repository that a release touches, ready for 1.2.3."""
    shutil.copy(ROOT / "action.yml", tmp_path)
    shutil.copytree(ROOT / "examples", tmp_path / "examples")
    (tmp_path / "scanner").mkdir()
    (tmp_path / "scanner" / "__init__.py").write_text('__version__ = "1.2.3"\n')
    changes = (
        "# Changelog\n\n## [Unreleased]\n\n## [1.2.3] - 2026-12-01\n\n### Added\n\n- A thing.\n\n## [1.2.2]\n\n- Old.\n"
    )
    (tmp_path / "CHANGELOG.md").write_text(changes)
    return tmp_path


def test_ready(stamp: ModuleType, root: Path) -> None:
    stamp.check(root, "1.2.3")
    assert stamp.notes(root, "1.2.3") == "### Added\n\n- A thing.\n"


@pytest.mark.parametrize(
    ("version", "file", "text", "why"),
    [
        ("v1.2.3", "", "", "no version"),
        ("1.2", "", "", "no version"),
        ("1.2.3; id", "", "", "no version"),
        ("1.2.4", "", "", "has version 1.2.3"),
        ("1.2.3", "CHANGELOG.md", "## [1.2.3]\n\n## [1.2.2]\n\n- Old.\n", "says nothing"),
        ("1.2.3", "CHANGELOG.md", "## [11.2.3]\n\n- Other.\n", "says nothing"),
        ("1.2.3", "action.yml", f'SEATRIAL_IMAGE: "{IMAGE}"\n', "names an image already"),
    ],
)
def test_not_ready(stamp: ModuleType, root: Path, version: str, file: str, text: str, why: str) -> None:
    if file:
        (root / file).write_text(text)
    with pytest.raises(stamp.CannotRelease, match=why):
        stamp.check(root, version)


def test_the_image_is_named_by_its_digest(stamp: ModuleType, root: Path) -> None:
    before: Any = yaml.safe_load((root / "action.yml").read_text())
    stamp.image(root, IMAGE)
    after: Any = yaml.safe_load((root / "action.yml").read_text())
    assert after["runs"]["steps"][0]["env"].pop("SEATRIAL_IMAGE") == IMAGE
    assert before["runs"]["steps"][0]["env"].pop("SEATRIAL_IMAGE") == ""
    assert after == before
    with pytest.raises(stamp.CannotRelease):
        stamp.image(root, IMAGE)


@pytest.mark.parametrize("reference", ["ghcr.io/a/b:1.2.3", f"b@{DIGEST}", f'x/y:1@{DIGEST}"', f"ghcr.io/a/b@{DIGEST}"])
def test_only_an_image_with_a_digest(stamp: ModuleType, root: Path, reference: str) -> None:
    with pytest.raises(stamp.CannotRelease):
        stamp.image(root, reference)


def test_examples_are_pinned_to_the_commit(stamp: ModuleType, root: Path) -> None:
    changed = stamp.pins(root, "1.2.3", "b" * 40)
    assert changed
    for file in changed:
        assert f"seatrial/seatrial@{'b' * 40} # v1.2.3" in file.read_text()
    assert not [file for file in (root / "examples").glob("*.yml") if "seatrial/seatrial@0000" in file.read_text()]
    stamp.pins(root, "1.2.4", "c" * 40)
    assert "# v1.2.3" not in changed[0].read_text()


def test_a_wrong_call_says_how() -> None:
    done = subprocess.run([sys.executable, SCRIPT, "publish"], capture_output=True, text=True, check=False)
    assert done.returncode == 2
    assert "stamp.py check 0.1.0" in done.stderr


def test_the_workflow_stamps_before_it_tags() -> None:
    workflow: Any = yaml.safe_load((ROOT / ".github" / "workflows" / "release.yml").read_text())
    steps = workflow["jobs"]["release"]["steps"]
    scripts = [step.get("run", "") + step.get("uses", "") for step in steps]
    order = [
        next(index for index, text in enumerate(scripts) if words in text)
        for words in ("imagetools create", "attest-build-provenance", "stamp.py image", "gh release create", "--force")
    ]
    assert order == sorted(order)
    assert "cache" not in (ROOT / ".github" / "workflows" / "release.yml").read_text().replace("--no-cache", "")

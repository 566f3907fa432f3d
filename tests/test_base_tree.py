"""The base commit's files in a directory of ours: whatever the repository says about links, hooks and attributes."""

import os
import subprocess
from pathlib import Path

import pytest

from scanner.model import SeatrialError
from scanner.project import Base, base_tree


def git(root: Path, *arguments: str, text: str | None = None) -> str:
    who = ["-c", "user.name=Dev", "-c", "user.email=dev@shop.example"]
    done = subprocess.run(["git", *who, *arguments], cwd=root, capture_output=True, text=True, check=True, input=text)
    return done.stdout.strip()


@pytest.fixture
def repository(tmp_path: Path) -> Path:
    root = tmp_path / "shop"
    root.mkdir()
    git(root, "init", "--quiet")
    return root


def committed(root: Path) -> Base:
    git(root, "add", "--all", "--force", ".")
    git(root, "commit", "--quiet", "--allow-empty", "--message", "x")
    return Base(root, git(root, "rev-parse", "HEAD"))


def test_files_are_those_of_the_commit(repository: Path) -> None:
    (repository / "deploy").mkdir()
    (repository / "deploy" / "run.sh").write_text("#!/bin/sh\n", encoding="utf-8")
    (repository / "deploy" / "run.sh").chmod(0o755)
    (repository / "naïve name.py").write_bytes(b"\xff\x00")
    (repository / "empty").touch()
    base = committed(repository)
    (repository / "empty").write_text("changed since\n", encoding="utf-8")
    (repository / "untracked").touch()
    with base_tree(base) as tree:
        checkout = tree.checkout
        assert checkout.files == ("deploy/run.sh", "empty", "naïve name.py")
        assert checkout.tracked == frozenset(checkout.files)
        assert (checkout.is_git, checkout.dirty, checkout.commit) == (True, False, base.commit)
        assert checkout.root.name == "shop"
        assert (checkout.root / "naïve name.py").read_bytes() == b"\xff\x00"
        assert os.access(checkout.root / "deploy" / "run.sh", os.X_OK)
        assert (checkout.root / "empty").read_bytes() == b""
        root = checkout.root
    assert not root.parent.exists()


def test_links_stay_inside(repository: Path) -> None:
    (repository / "a").mkdir()
    (repository / "a" / "file").touch()
    for name, target in (("in", "a/file"), ("out", "../../etc/passwd"), ("absolute", "/etc/passwd"), ("up", "a/../..")):
        (repository / name).symlink_to(target)
    with base_tree(committed(repository)) as tree:
        assert tree.checkout.files == ("a/file", "in")
        assert set(tree.checkout.leaving_symlinks) == {"out", "absolute", "up"}
        assert sorted(path.name for path in tree.checkout.root.iterdir()) == ["a", "in"]


def test_attributes_and_filters_have_no_say(repository: Path, tmp_path: Path) -> None:
    (repository / "settings.py").write_text("DEBUG = True\n", encoding="utf-8")
    (repository / ".gitattributes").write_text("settings.py export-ignore filter=evil\n", encoding="utf-8")
    base = committed(repository)
    mark = tmp_path / "ran"
    git(repository, "config", "filter.evil.smudge", f"touch {mark}; cat")
    git(repository, "config", "core.hooksPath", str(tmp_path))
    with base_tree(base) as tree:
        assert (tree.checkout.root / "settings.py").read_text(encoding="utf-8") == "DEBUG = True\n"
    assert not mark.exists()


def test_names_that_lead_out_are_left_alone(repository: Path) -> None:
    blob = git(repository, "hash-object", "-w", "--stdin", text="x\n")
    inner = git(repository, "mktree", text=f"100644 blob {blob}\tkept\n")
    tree = git(
        repository, "mktree", text=f"100644 blob {blob}\tgood\n040000 tree {inner}\t..\n040000 tree {inner}\t.git\n"
    )
    commit = git(repository, "commit-tree", "-m", "x", tree)
    git(repository, "update-ref", "HEAD", commit)
    with base_tree(Base(repository, commit)) as made:
        assert made.checkout.files == ("good",)
        assert sorted(path.name for path in made.checkout.root.parent.iterdir()) == ["shop"]


def test_a_subdirectory_is_scanned_alone(repository: Path) -> None:
    (repository / "services" / "shop").mkdir(parents=True)
    (repository / "services" / "shop" / "manage.py").touch()
    (repository / "other.py").touch()
    commit = committed(repository).commit
    with base_tree(Base(repository / "services" / "shop", commit)) as tree:
        assert tree.checkout.files == ("manage.py",)


def test_renamed_files_are_known(repository: Path) -> None:
    (repository / "old.conf").write_text("server { listen 80; }\n" * 5, encoding="utf-8")
    base = committed(repository)
    (repository / "old.conf").rename(repository / "new.conf")
    committed(repository)
    with base_tree(base) as tree:
        assert tree.renamed == {"old.conf": "new.conf"}


def test_a_commit_whose_objects_are_missing_is_an_error(repository: Path) -> None:
    (repository / "a").write_text("something\n", encoding="utf-8")
    base = committed(repository)
    name = git(repository, "rev-parse", "HEAD:a")
    (repository / ".git" / "objects" / name[:2] / name[2:]).unlink()
    with pytest.raises(SeatrialError, match="cannot be read") as caught, base_tree(base):
        pass
    assert caught.value.exit_code == 3


def test_an_empty_commit_is_an_error(repository: Path) -> None:
    with pytest.raises(SeatrialError, match="holds no file"), base_tree(committed(repository)):
        pass

"""Which commit a run is compared with, and whose settings, baseline and suppressions then count."""

import json
import subprocess
from pathlib import Path

import pytest

from scanner.config import Config
from scanner.configure import configure
from scanner.model import SeatrialError, Severity


def git(root: Path, *arguments: str) -> str:
    who = ["-c", "user.name=Dev", "-c", "user.email=dev@shop.example", "-c", "init.defaultBranch=main"]
    done = subprocess.run(["git", *who, *arguments], cwd=root, capture_output=True, text=True, check=True)
    return done.stdout.strip()


def commit(root: Path, settings: str) -> str:
    (root / ".seatrial.yml").write_text(settings, encoding="utf-8")
    git(root, "add", ".")
    git(root, "commit", "--quiet", "--allow-empty", "--message", "x")
    return git(root, "rev-parse", "HEAD")


@pytest.fixture
def shop(tmp_path: Path) -> Path:
    root = tmp_path / "shop"
    root.mkdir()
    git(root, "init", "--quiet")
    return root


def job(shop: Path, name: str, payload: object) -> dict[str, str]:
    path = shop.parent / "event.json"
    path.write_text(json.dumps(payload), encoding="utf-8")
    return {"GITHUB_ACTIONS": "true", "GITHUB_EVENT_NAME": name, "GITHUB_EVENT_PATH": str(path)}


def pull(head: str, base: str) -> object:
    return {"number": 7, "pull_request": {"number": 7, "head": {"sha": head}, "base": {"sha": base}}}


def base_of(config: Config) -> str | None:
    return config.comparison.base.commit if config.comparison and config.comparison.base else None


def test_without_a_base_all_findings_count(shop: Path) -> None:
    commit(shop, "fail-on: low\n")
    config = configure(shop, {}, {})
    assert (config.comparison, config.counts_new, config.fail_on) == (None, False, Severity.LOW)
    config = configure(shop, {}, job(shop, "push", {"after": "a" * 40, "before": "b" * 40}))
    assert (config.comparison, config.counts_new) == (None, False)


def test_a_merge_commit_is_compared_with_its_first_parent(shop: Path) -> None:
    commit(shop, "fail-on: high\n")
    git(shop, "checkout", "--quiet", "-b", "topic")
    head = commit(shop, "fail-on: never\n")
    git(shop, "checkout", "--quiet", "main")
    base = git(shop, "rev-parse", "HEAD")
    git(shop, "merge", "--quiet", "--no-ff", "--message", "merge", "topic")
    config = configure(shop, {}, job(shop, "pull_request", pull(head, base)))
    assert (base_of(config), config.counts_new) == (base, True)
    assert config.fail_on is Severity.HIGH, "as the base says"
    assert "changes .seatrial.yml" in config.notices[0]


def test_the_head_itself_is_compared_with_the_merge_base(shop: Path) -> None:
    fork = commit(shop, "{}\n")
    git(shop, "checkout", "--quiet", "-b", "topic")
    head = commit(shop, "fail-on: never\n")
    git(shop, "checkout", "--quiet", "main")
    base = commit(shop, "fail-on: low\n")
    git(shop, "checkout", "--quiet", "topic")
    assert base_of(configure(shop, {}, job(shop, "pull_request", pull(head, base)))) == fork


def test_a_group_of_a_merge_queue_is_compared_with_its_base(shop: Path) -> None:
    base = commit(shop, "fail-on: high\n")
    head = commit(shop, "fail-on: never\n")
    config = configure(shop, {}, job(shop, "merge_group", {"merge_group": {"head_sha": head, "base_sha": base}}))
    assert (base_of(config), config.counts_new, config.fail_on) == (base, True, Severity.HIGH)


def test_a_base_that_is_not_here_compares_with_nothing(shop: Path) -> None:
    head = commit(shop, "fail-on: never\n")
    config = configure(shop, {}, job(shop, "pull_request", pull(head, "c" * 40)))
    assert (base_of(config), config.counts_new, config.fail_on) == (None, True, Severity.HIGH)
    assert "fetch-depth: 2" in config.notices[0]


def test_the_user_names_the_base_and_the_scope(shop: Path) -> None:
    first = commit(shop, "fail-on: low\n")
    commit(shop, "fail-on: never\n")
    config = configure(shop, {"base": "HEAD^"}, {})
    assert (base_of(config), config.counts_new, config.fail_on) == (first, True, Severity.LOW)
    assert configure(shop, {"base": "HEAD^", "scope": "all"}, {}).counts_new is False
    assert configure(shop, {"scope": "new"}, {}).counts_new is True
    with pytest.raises(SeatrialError, match="no commit"):
        configure(shop, {"base": "--upload-pack=x"}, {})

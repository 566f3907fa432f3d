"""New versus base: what is known, new and fixed, when the base is scanned at all, and when it cannot be."""

import importlib
import subprocess
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path

import pytest

from scanner.compare import layers_of
from scanner.config import Comparison, Config
from scanner.engine import discover_providers, discover_rules
from scanner.model import ComparisonStatus, Layer, Report, Run, Target, Verdict
from scanner.project import find_base
from scanner.scan import scan

MANAGE = """import os
from django.core.management import execute_from_command_line
os.environ.setdefault("DJANGO_SETTINGS_MODULE", "shop.settings")
"""


def unit(user: str, name: str = "shop") -> str:
    return (
        f"[Service]\nUser={user}\nExecStart=/srv/{name}/venv/bin/gunicorn --bind unix:/run/{name}/x.sock {name}.wsgi\n"
    )


class Steps:
    """Progress that is kept."""

    def __init__(self) -> None:
        self.steps: list[str] = []

    def step(self, text: str) -> None:
        self.steps.append(text)


@dataclass
class Repository:
    root: Path
    steps: Steps

    def git(self, *arguments: str) -> str:
        who = ["-c", "user.name=Dev", "-c", "user.email=dev@shop.example", "-c", "init.defaultBranch=main"]
        done = subprocess.run(["git", *who, *arguments], cwd=self.root, capture_output=True, text=True, check=True)
        return done.stdout.strip()

    def commit(self, files: Mapping[str, str | bytes | None]) -> str:
        for name, content in files.items():
            path = self.root / name
            path.parent.mkdir(parents=True, exist_ok=True)
            if content is None:
                path.unlink()
            elif isinstance(content, str):
                path.write_text(content, encoding="utf-8")
            else:
                path.write_bytes(content)
        self.git("add", "--all", ".")
        self.git("commit", "--quiet", "--allow-empty", "--message", "x")
        return self.git("rev-parse", "HEAD")

    def scan(self, base: str | None, **changed: object) -> Report:
        config = Config(path=self.root, layers=(Layer.FILES,))
        if base is not None:
            config = replace(config, comparison=Comparison(find_base(self.root, base, None, None)))
        return scan(replace(config, **changed), self.steps, Target(), Run())  # type: ignore[arg-type]


@pytest.fixture
def shop(tmp_path: Path) -> Repository:
    made = Repository(tmp_path / "shop", Steps())
    made.root.mkdir()
    made.git("init", "--quiet")
    return made


def start(user: str = "root") -> dict[str, str | bytes | None]:
    return {"manage.py": MANAGE, "shop/settings.py": "DEBUG = False\n", "deploy/shop.service": unit(user)}


def verdicts(report: Report) -> dict[str, Verdict]:
    """Path -> verdict of the findings about a unit's user."""
    return {
        one.finding.location.path: one.verdict
        for project in report.projects
        for result in project.results
        if result.rule == "service-runs-as-root"
        for one in result.findings
    }


def test_what_the_base_has_is_known_and_what_is_new_blocks(shop: Repository) -> None:
    base = shop.commit(start())
    shop.commit({"deploy/worker.service": unit("root", "worker").replace("gunicorn", "celery"), "shop/x.py": "\n"})
    report = shop.scan(base)
    assert verdicts(report) == {"deploy/shop.service": Verdict.KNOWN, "deploy/worker.service": Verdict.BLOCKS}
    assert report.exit_code == 1
    (project,) = report.projects
    assert project.comparison.status is ComparisonStatus.COMPARED
    assert (project.comparison.base, project.comparison.layers) == (base, (Layer.FILES,))
    (known,) = [one for result in project.results for one in result.findings if one.verdict is Verdict.KNOWN]
    assert known.known_from == "base"
    assert (report.gate.scope, report.target.base) == ("new", base)


def test_old_findings_do_not_block(shop: Repository) -> None:
    base = shop.commit(start())
    shop.commit({"deploy/shop.service": "# moved down\n\n" + unit("root")})
    report = shop.scan(base)
    assert (report.exit_code, report.summary.blocks, report.summary.known) == (0, 0, 1)
    assert shop.scan(base, scope="all").exit_code == 1
    assert shop.scan(None).exit_code == 1


def test_what_the_head_mended_is_told(shop: Repository) -> None:
    base = shop.commit({**start(), "deploy/old.service": unit("root", "old")})
    shop.commit({"deploy/old.service": unit("old", "old"), "deploy/new.service": unit("root", "new")})
    (project,) = shop.scan(base).projects
    assert [(each.rule, each.path, each.line) for each in project.fixed] == [
        ("service-runs-as-root", "deploy/old.service", 2)
    ]


def test_the_base_is_not_scanned_when_nothing_would_block(shop: Repository) -> None:
    base = shop.commit(start())
    shop.commit({"deploy/shop.service": unit("shop")})
    report = shop.scan(base)
    assert report.projects[0].comparison.status is ComparisonStatus.NOT_NEEDED
    assert not any("base" in step for step in shop.steps.steps)
    shop.commit({"deploy/shop.service": unit("root")})
    shop.scan(base)
    assert sum("comparing with the base" in step for step in shop.steps.steps) == 1


def test_a_moved_file_keeps_its_findings(shop: Repository) -> None:
    base = shop.commit(start())
    shop.commit({"deploy/shop.service": None, "ops/systemd/shop.service": unit("root")})
    assert verdicts(shop.scan(base)) == {"ops/systemd/shop.service": Verdict.KNOWN}


def test_only_projects_that_would_block_are_compared(shop: Repository) -> None:
    other = {"b/manage.py": MANAGE.replace("shop", "b"), "b/b/settings.py": "DEBUG = False\n"}
    base = shop.commit({"a/manage.py": MANAGE.replace("shop", "a"), "a/a/settings.py": "DEBUG = False\n", **other})
    shop.commit({"a/deploy/a.service": unit("root", "a")})
    first, second = shop.scan(base).projects
    assert (first.comparison.status, second.comparison.status) == (
        ComparisonStatus.COMPARED,
        ComparisonStatus.NOT_NEEDED,
    )


def test_a_project_that_the_base_lacks_is_new(shop: Repository) -> None:
    base = shop.commit({"readme.txt": "nothing yet\n"})
    shop.commit(start())
    report = shop.scan(base)
    assert report.exit_code == 1
    assert report.projects[0].comparison.status is ComparisonStatus.COMPARED
    assert "not on the base" in report.projects[0].comparison.detail
    assert report.notices == ()


def test_without_the_base_commit_everything_is_new(shop: Repository) -> None:
    shop.commit(start())
    report = shop.scan("0" * 40)
    assert (report.exit_code, report.projects[0].comparison.status) == (1, ComparisonStatus.NONE)
    assert "fetch-depth: 2" in report.projects[0].comparison.detail
    asked = shop.scan(None, scope="new")
    assert asked.exit_code == 1
    assert "no base commit is known" in asked.notices[-1]


def test_a_base_that_cannot_be_read_blocks_and_says_so(shop: Repository, monkeypatch: pytest.MonkeyPatch) -> None:
    base = shop.commit(start())
    shop.commit({})
    monkeypatch.setattr(importlib.import_module("scanner.project.base_tree"), "MAX_BYTES", 10)
    report = shop.scan(base)
    assert (report.exit_code, report.projects[0].comparison.status) == (1, ComparisonStatus.FAILED)
    assert "too large" in report.notices[-1]
    assert "baseline" in report.notices[-1]


def test_a_layer_that_failed_on_the_base_makes_nothing_known(shop: Repository) -> None:
    base = shop.commit({**start(), "deploy/broken.service": b"\0" * 100})
    shop.commit({"deploy/broken.service": None})
    report = shop.scan(base)
    (project,) = report.projects
    assert verdicts(report) == {"deploy/shop.service": Verdict.BLOCKS}
    assert project.comparison.status is ComparisonStatus.FAILED
    assert "deploy/broken.service" in project.comparison.detail
    assert project.fixed == ()


def test_nothing_stays_in_the_temporary_folder(
    shop: Repository, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    temporary = tmp_path / "temporary"
    temporary.mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(temporary))
    base = shop.commit(start())
    before = sorted(path for path in shop.root.rglob("*") if path.is_file())
    assert shop.scan(base).projects[0].comparison.status is ComparisonStatus.COMPARED
    assert list(temporary.iterdir()) == []
    assert sorted(path for path in shop.root.rglob("*") if path.is_file()) == before
    assert shop.git("worktree", "list").count("\n") == 0


def test_a_suppression_of_the_head_does_not_make_its_finding_fixed(shop: Repository) -> None:
    base = shop.commit(start())
    waived = unit("root").replace(
        "User", '# seatrial: ignore[service-runs-as-root] until=2027-01-31 reason="later"\nUser'
    )
    shop.commit({"deploy/shop.service": waived})
    report = shop.scan(base)
    assert verdicts(report) == {"deploy/shop.service": Verdict.KNOWN}
    assert report.projects[0].fixed == ()


def test_the_layers_of_a_rule_are_those_of_its_facts() -> None:
    providers, rules = discover_providers(), {rule.id: rule for rule in discover_rules()}
    assert layers_of(rules["service-runs-as-root"], providers) == {Layer.FILES}
    assert layers_of(rules["debug-enabled"], providers) >= {Layer.BOOT, Layer.STACK}

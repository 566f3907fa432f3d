"""The command: exit codes, refusals, files, baseline, and what a pull request may not decide about itself."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

MANAGE = """import os
from django.core.management import execute_from_command_line
os.environ.setdefault("DJANGO_SETTINGS_MODULE", "shop.settings")
"""
UNIT = "[Service]\nUser=root\nExecStart=/srv/shop/venv/bin/gunicorn --bind unix:/run/shop/x.sock shop.wsgi\n"
WAIVED = UNIT.replace(
    "User=root", '# seatrial: ignore[service-runs-as-root] until=2027-06-30 reason="moves in spring"\nUser=root'
)
FILES = ("--layers", "files")


def seatrial(
    path: Path, *arguments: str, environment: dict[str, str] | None = None
) -> subprocess.CompletedProcess[str]:
    kept = {key: value for key, value in os.environ.items() if not key.startswith(("GITHUB_", "INPUT_"))}
    return subprocess.run(
        [sys.executable, "-m", "scanner", *arguments],
        cwd=path,
        env={**kept, **(environment or {})},
        capture_output=True,
        text=True,
        check=False,
    )


@pytest.fixture
def shop(tmp_path: Path) -> Path:
    root = tmp_path / "shop"
    (root / "shop").mkdir(parents=True)
    (root / "deploy").mkdir()
    (root / "manage.py").write_text(MANAGE)
    (root / "shop" / "settings.py").write_text("DEBUG = False\n")
    (root / "deploy" / "shop.service").write_text(UNIT)
    return root


def git(root: Path, *arguments: str) -> str:
    who = ["-c", "user.name=Test", "-c", "user.email=test@example.com", "-c", "init.defaultBranch=main"]
    done = subprocess.run(["git", *who, *arguments], cwd=root, capture_output=True, text=True, check=True)
    return done.stdout.strip()


def verdicts(result: str) -> list[str]:
    report = json.loads(result)
    return [
        finding["verdict"]
        for project in report["projects"]
        for one in project["results"]
        for finding in one["findings"]
    ]


def test_blocks_and_writes_the_reports(shop: Path) -> None:
    done = seatrial(shop, "scan", *FILES, "--json", "out/result.json", "--junit", "out/junit.xml")
    assert done.returncode == 1, done.stderr
    assert "service-runs-as-root" in done.stdout
    assert "blocks" in verdicts((shop / "out" / "result.json").read_text())
    assert "<testsuite" in (shop / "out" / "junit.xml").read_text()


def test_the_format_never_changes_the_exit_code(shop: Path) -> None:
    for form in ("terminal", "json", "junit", "sarif"):
        assert seatrial(shop, "scan", *FILES, "--format", form).returncode == 1
    assert seatrial(shop, "scan", *FILES, "--report-level", "critical").returncode == 1
    assert seatrial(shop, "scan", *FILES, "--fail-on", "never").returncode == 0


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--fail-on", "hihg"], "hihg"),
        (["--layers", "botte"], "no layer"),
        (["--format", "pdf"], "no report"),
        (["--json", "-", "--junit", "-"], "standard output"),
        (["--keep-stack"], "not in this version"),
        (["--baseline", "none.json"], "cannot be read"),
        (["--base", "nowhere"], "no commit"),
        (["--env", "A"], "KEY=VALUE"),
        (["--ca-bundle", "none.pem"], "no file"),
        (["--nonsense"], "no such option"),
    ],
)
def test_usage_errors(shop: Path, arguments: list[str], words: str) -> None:
    done = seatrial(shop, "scan", *FILES, *arguments)
    assert done.returncode == 2
    assert words.lower() in done.stderr.lower()
    assert "Traceback" not in done.stderr


def test_no_engine_is_incomplete_unless_allowed(shop: Path) -> None:
    (shop / "deploy" / "shop.service").write_text(UNIT.replace("root", "shop"))
    assert seatrial(shop, "scan", *FILES).returncode == 0
    assert seatrial(shop, "scan", "--engine", "none").returncode == 0
    done = seatrial(shop, "scan", "--engine", "docker", environment={"DOCKER_HOST": "unix:///nowhere.sock"})
    assert done.returncode == 3
    assert "Docker" in done.stdout


def test_an_unwritable_report_keeps_the_verdict(shop: Path) -> None:
    (shop / "file").write_text("")
    done = seatrial(shop, "scan", *FILES, "--json", "file/result.json")
    assert done.returncode == 1
    assert "could not be written" in done.stderr
    assert "verdict stands" in done.stderr


def test_a_suppression_with_reason_and_date_waives(shop: Path) -> None:
    (shop / "deploy" / "shop.service").write_text(WAIVED)
    done = seatrial(shop, "scan", *FILES, "--json", "result.json")
    assert done.returncode == 0
    assert "waived" in verdicts((shop / "result.json").read_text())


def test_the_baseline_knows_what_was_there(shop: Path) -> None:
    assert seatrial(shop, "baseline", *FILES).returncode == 0
    done = seatrial(shop, "scan", *FILES, "--baseline", "seatrial-baseline.json", "--json", "result.json")
    assert done.returncode == 0
    assert set(verdicts((shop / "result.json").read_text())) == {"known"}
    (shop / "deploy" / "worker.service").write_text(UNIT.replace("gunicorn", "celery"))
    assert seatrial(shop, "scan", *FILES, "--baseline", "seatrial-baseline.json").returncode == 1


def pull_request(shop: Path, merge: str) -> dict[str, str]:
    event = shop.parent / "event.json"
    head = {"sha": git(shop, "rev-parse", f"{merge}^2"), "repo": {"id": 1}}
    base = {"sha": git(shop, "rev-parse", f"{merge}^1"), "repo": {"id": 1}}
    event.write_text(json.dumps({"number": 7, "pull_request": {"number": 7, "head": head, "base": base}}))
    return {
        "GITHUB_ACTIONS": "true",
        "GITHUB_EVENT_NAME": "pull_request",
        "GITHUB_EVENT_PATH": str(event),
        "GITHUB_REPOSITORY": "acme/shop",
        "GITHUB_SHA": git(shop, "rev-parse", merge),
        "INPUT_POST_COMMENT": "never",
    }


def merged(shop: Path, change: dict[str, str]) -> dict[str, str]:
    """A merge commit as GitHub makes it for a pull request with this change; the event's environment."""
    git(shop, "init", "-q")
    git(shop, "add", ".")
    git(shop, "commit", "-qm", "base")
    git(shop, "checkout", "-qb", "change")
    for name, text in change.items():
        (shop / name).write_text(text)
    git(shop, "add", ".")
    git(shop, "commit", "-qm", "change", "--allow-empty")
    git(shop, "checkout", "-q", "main")
    git(shop, "merge", "-q", "--no-ff", "-m", "merge", "change")
    return pull_request(shop, "HEAD")


def test_a_pull_request_cannot_suppress_its_own_findings(shop: Path) -> None:
    (shop / "deploy" / "shop.service").write_text(UNIT.replace("root", "shop"))
    environment = merged(shop, {"deploy/shop.service": WAIVED, ".seatrial.yml": "fail-on: never\n"})
    target = shop.parent / "result.json"
    done = seatrial(shop, "scan", *FILES, "--json", str(target), environment=environment)
    assert done.returncode == 1, done.stdout
    assert json.loads(target.read_text())["pending_suppressions"][0]["rule"] == "service-runs-as-root"
    assert "changes .seatrial.yml" in done.stdout


def test_a_suppression_of_the_base_counts(shop: Path) -> None:
    (shop / "deploy" / "shop.service").write_text(WAIVED)
    environment = merged(shop, {"shop/settings.py": "DEBUG = False\nX = 1\n"})
    assert seatrial(shop, "scan", *FILES, environment=environment).returncode == 0


def test_the_configuration_of_the_base_counts(shop: Path) -> None:
    (shop / ".seatrial.yml").write_text("fail-on: never\n")
    environment = merged(shop, {".seatrial.yml": "fail-on: low\n"})
    assert seatrial(shop, "scan", *FILES, environment=environment).returncode == 0


def test_without_the_base_nothing_of_the_kind_counts(shop: Path) -> None:
    (shop / "deploy" / "shop.service").write_text(WAIVED)
    environment = merged(shop, {"shop/settings.py": "DEBUG = False\n\n"})
    shallow = shop.parent / "shallow"
    git(shop.parent, "clone", "-q", "--depth", "1", f"file://{shop}", str(shallow))
    done = seatrial(shallow, "scan", *FILES, environment=environment)
    assert done.returncode == 1
    assert "fetch-depth: 2" in done.stdout


def test_explain_and_rules() -> None:
    assert "debug-enabled" in seatrial(Path.cwd(), "rules").stdout
    assert json.loads(seatrial(Path.cwd(), "rules", "--json").stdout)
    assert "## Why is this bad" in seatrial(Path.cwd(), "explain", "debug-enabled").stdout
    done = seatrial(Path.cwd(), "explain", "debug-enable")
    assert done.returncode == 2
    assert "did you mean debug-enabled?" in done.stderr

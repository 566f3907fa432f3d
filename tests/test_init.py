"""``seatrial init``: what it writes, what it leaves alone, and that the next scan is green."""

import re
from pathlib import Path

import pytest
import yaml

from scanner.cli import main
from scanner.init import WORKFLOW

EXAMPLES = Path(__file__).parent.parent / "examples"
MANAGE = """import os
from django.core.management import execute_from_command_line
os.environ.setdefault("DJANGO_SETTINGS_MODULE", "shop.settings")
"""
UNIT = "[Service]\nUser=root\nExecStart=/srv/shop/venv/bin/gunicorn --bind unix:/run/shop/x.sock shop.wsgi\n"
FILES = ("--layers", "files")


@pytest.fixture
def shop(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    (tmp_path / "shop").mkdir()
    (tmp_path / "deploy").mkdir()
    (tmp_path / "manage.py").write_text(MANAGE, encoding="utf-8")
    (tmp_path / "shop" / "settings.py").write_text("DEBUG = False\n", encoding="utf-8")
    (tmp_path / "deploy" / "shop.service").write_text(UNIT, encoding="utf-8")
    for name in ("GITHUB_ACTIONS", "CI"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_after_init_with_a_baseline_the_scan_is_green(shop: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["scan", *FILES, "--quiet"]) == 1
    assert main(["init", "--baseline", *FILES]) == 0
    assert "service-runs-as-root" in capsys.readouterr().out
    assert (shop / ".seatrial.yml").read_text(encoding="utf-8").endswith("baseline: seatrial-baseline.json\n")
    assert main(["scan", *FILES, "--quiet"]) == 0


def test_without_a_terminal_nothing_is_accepted(shop: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["init", *FILES]) == 0
    assert "seatrial baseline ." in capsys.readouterr().out
    assert not (shop / "seatrial-baseline.json").exists()
    assert main(["scan", *FILES, "--quiet"]) == 1


def test_what_is_there_is_left_alone(shop: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (shop / ".seatrial.yml").write_text("fail-on: critical\n", encoding="utf-8")
    workflow = shop / ".github" / "workflows" / "seatrial.yml"
    workflow.parent.mkdir(parents=True)
    workflow.write_text("mine\n", encoding="utf-8")
    assert main(["init", "--no-scan"]) == 0
    assert capsys.readouterr().out.count("left alone") == 2
    assert workflow.read_text(encoding="utf-8") == "mine\n"
    assert (shop / ".seatrial.yml").read_text(encoding="utf-8") == "fail-on: critical\n"


def test_the_workflow_is_the_example_but_for_the_release() -> None:
    def bare(text: str) -> str:
        return re.sub(r"uses: seatrial/seatrial@.*", "", text)

    assert bare(WORKFLOW) == bare((EXAMPLES / "comment.yml").read_text(encoding="utf-8"))
    steps = yaml.safe_load(WORKFLOW)["jobs"]["seatrial"]["steps"]
    assert re.fullmatch(r"seatrial/seatrial@v\d+\.\d+\.\d+", steps[1]["uses"])

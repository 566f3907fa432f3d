"""Settings that can tell a scan from the served site."""

import pytest

from scanner.facts.settings_choice import settings_choice
from scanner.facts.settings_source import SettingsSource, settings_source
from scanner.model import Options
from tests.edgekit import short
from tests.facts.conftest import MakeProject
from tests.rulekit import judge_facts


def source_of(make: MakeProject, text: str) -> SettingsSource:
    project = make({"shop/settings.py": "import os, sys, socket, getpass\n" + text})
    return settings_source(project, settings_choice(project, Options(settings="shop.settings")))


def branch(condition: str, there: str = "DEBUG = False", before: str = "DEBUG = True") -> str:
    return f"{before}\nif {condition}:\n    {there}\n"


@pytest.mark.parametrize(
    "condition",
    [
        "os.environ.get('CI')",
        "os.getenv('GITHUB_ACTIONS') == 'true'",
        "os.environ['GITLAB_CI']",
        "'CI' in os.environ",
        "os.environ.get('CI') is not None",
        "os.environ.get('CI', '') != ''",
        "os.environ.get('SEATRIAL_RUN')",
        "'check' in sys.argv",
        "'--deploy' in sys.argv",
        "sys.argv[1] == 'check'",
        "sys.argv[1:2] == ['check']",
        "sys.argv[1] in ('check', 'makemigrations')",
        "socket.gethostname().startswith('x') or os.environ.get('CI')",
        "getpass.getuser() == 'runner'",
        "bool(os.environ.get('CI'))",
    ],
)
def test_a_condition_that_detects_a_scan(make: MakeProject, condition: str) -> None:
    text = branch(condition)
    expected = ["passed"] if " or " in condition else ["medium inferred settings.DEBUG"]
    assert short(judge_facts("settings_detect_scan", source_of(make, text)), "medium") == expected


@pytest.mark.parametrize(
    "text",
    [
        pytest.param(branch("'test' in sys.argv"), id="test"),
        pytest.param(
            branch("'runserver' in sys.argv", "SESSION_COOKIE_SECURE = False", "SESSION_COOKIE_SECURE = True"),
            id="runserver",
        ),
        pytest.param(branch("os.environ.get('SHOP_ENV') == 'production'"), id="the project's own environment name"),
        pytest.param(branch("socket.gethostname() == 'web1'"), id="the production host's name"),
        pytest.param(branch("os.environ.get('CI')", "DEBUG = True", "DEBUG = False"), id="less safe under a scan"),
        pytest.param(branch("os.environ.get('CI')", "CACHES = {}", "CACHES = {'a': 1}"), id="nothing about security"),
        pytest.param(branch("os.environ.get('CI')", "DEBUG = False", "DEBUG = os.environ['D']"), id="unknown value"),
        pytest.param(branch("os.environ.get('CI')") + "DEBUG = False\n", id="overridden for all"),
        pytest.param(branch("os.environ.get('CI') and " * 200 + "0"), id="too long"),
    ],
)
def test_what_is_no_detection(make: MakeProject, text: str) -> None:
    assert short(judge_facts("settings_detect_scan", source_of(make, text)), "medium") == ["passed"]


@pytest.mark.parametrize(
    ("text", "symbols"),
    [
        ("if not os.environ.get('CI'):\n    DEBUG = True\nelse:\n    DEBUG = False\n", ["DEBUG"]),
        ("IN_CI = os.environ.get('CI')\nDEBUG = True\nif IN_CI:\n    DEBUG = False\n", ["DEBUG"]),
        ("ALLOWED_HOSTS = ['*']\nif os.environ.get('CI'):\n    ALLOWED_HOSTS = ['a.example']\n", ["ALLOWED_HOSTS"]),
        ("if 'check' in sys.argv:\n    SECURE_HSTS_SECONDS = 3600\n", ["SECURE_HSTS_SECONDS"]),
        ("X_FRAME_OPTIONS = 'ALLOWALL'\nif os.environ.get('CI'):\n    X_FRAME_OPTIONS = 'DENY'\n", ["X_FRAME_OPTIONS"]),
        ("if os.environ.get('CI'):\n    SESSION_COOKIE_HTTPONLY = True\n", []),
    ],
)
def test_both_sides(make: MakeProject, text: str, symbols: list[str]) -> None:
    outcome = judge_facts("settings_detect_scan", source_of(make, text))
    assert short(outcome, "medium") == ([f"medium inferred settings.{name}" for name in symbols] or ["passed"])

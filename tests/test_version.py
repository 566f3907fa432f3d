"""`seatrial --version` is told at once, in the words in which the whole command line tells it."""

import subprocess
import sys

from click.testing import CliRunner

import scanner
from scanner.cli import cli


def told(*flags: str) -> subprocess.CompletedProcess[str]:
    words = [sys.executable, *flags, "-m", "scanner", "--version"]
    return subprocess.run(words, capture_output=True, text=True, check=True)


def test_the_same_words() -> None:
    assert told().stdout == CliRunner().invoke(cli, ["--version"]).output == f"seatrial {scanner.__version__}\n"


def test_nothing_else_is_loaded() -> None:
    loaded = {line.rpartition("|")[2].strip() for line in told("-X", "importtime").stderr.splitlines()}
    assert "scanner" in loaded
    assert not loaded & {"click", "dataclasses", "scanner.cli", "scanner.model"}

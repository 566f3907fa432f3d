"""Whole scans of fixture projects through the command, once per project and engine, for all tests of a run."""

import functools
import json
import os
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

PROJECTS = Path(__file__).parent.parent.parent / "fixtures" / "projects"
ABOVE_LOW = ("medium", "high", "critical")


@dataclass(frozen=True)
class Scan:
    """What one run of ``seatrial scan`` left."""

    code: int
    report: dict[str, Any]
    """Empty where there is none."""
    stdout: str
    stderr: str

    @property
    def project(self) -> dict[str, Any]:
        (one,) = self.report["projects"]
        return dict(one)

    @property
    def layers(self) -> dict[str, dict[str, Any]]:
        return {layer["name"]: layer for layer in self.project["layers"]}

    def outcome(self, rule: str) -> str:
        return str(next(result["outcome"] for result in self.project["results"] if result["rule"] == rule))

    def findings(self, *severities: str) -> set[tuple[str, str, str, str, str]]:
        return {
            (result["rule"], finding["path"], finding["symbol"], finding["severity"], finding["proof"])
            for result in self.project["results"]
            for finding in result["findings"]
            if finding["severity"] in severities
        }


def _package_options() -> list[str]:
    """What this machine needs to reach its package index; see .ci/engine."""
    bundle = os.environ.get("SEATRIAL_TEST_CA_BUNDLE") or os.environ.get("SSL_CERT_FILE", "")
    index = os.environ.get("SEATRIAL_TEST_INDEX_URL", "")
    options = ["--ca-bundle", bundle] if bundle and Path(bundle).is_file() else []
    return options + (["--index-url", index] if index else [])


def run(path: Path, *options: str, timeout: float = 300, environment: dict[str, str] | None = None) -> Scan:
    """Scan a path with these options; ``environment`` is added to ours."""
    with tempfile.TemporaryDirectory() as folder:
        target = Path(folder, "result.json")
        done = subprocess.run(
            [sys.executable, "-m", "scanner", "scan", str(path), "--json", str(target), *_package_options(), *options],
            capture_output=True,
            text=True,
            timeout=timeout,
            check=False,
            env={**os.environ, **(environment or {})},
        )
        report = json.loads(target.read_text()) if target.is_file() else {}
    return Scan(done.returncode, report, done.stdout, done.stderr)


@functools.cache
def scan(project: str, engine: str) -> Scan:
    """The scan of a fixture project on an engine, made once a run."""
    return run(PROJECTS / project, "--engine", engine)


def expected(project: str) -> dict[str, Any]:
    """The project's table."""
    document = yaml.safe_load((PROJECTS / project / "expected.yml").read_text())
    return dict(document)


def rows(project: str, engine: str, key: str = "findings") -> set[tuple[str, str, str, str, str]]:
    """The rows of the table, with the proof that this engine gives."""
    return {
        (row["rule"], row["path"], row["symbol"], row["severity"], _proof(row["proof"], engine))
        for row in expected(project).get(key, [])
    }


def _proof(proof: Any, engine: str) -> str:
    return str(proof if isinstance(proof, str) else proof[engine])

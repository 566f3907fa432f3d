"""Every finding above low on real nginx configurations, with what a reader said of it.

``python benchmarks/real_nginx.py FOLDER`` scans each checkout ``FOLDER/OWNER+NAME`` of a repository of
``real-nginx.txt`` and writes ``real-nginx.md``: one line a finding of a rule that reads nginx's configuration. What
the last column of that file says of a finding stays as long as the finding does; a new one is ``not read yet``, and
then the exit code is 1. ``--fetch`` brings missing checkouts from GitHub first. ``--all`` takes every folder in FOLDER
and prints the table instead of writing it.
"""

import argparse
import json
import re
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from scanner.engine import discover_rules, needs_of
from scanner.facts.nginx import Nginx
from scanner.model import Severity

HERE: Final = Path(__file__).resolve().parent
LIST: Final = HERE / "real-nginx.txt"
TABLE: Final = HERE / "real-nginx.md"
UNREAD: Final = "not read yet"
ROW: Final = re.compile(r"\| (?P<key>\S+ `[^`]+` \S+) \|.*\| (?P<judgement>[^|]+) \|$", re.MULTILINE)


@dataclass(frozen=True)
class Row:
    """One finding."""

    repository: str
    place: str
    """``path:line`` in the checkout."""
    rule: str
    severity: str
    proof: str
    message: str

    @property
    def key(self) -> str:
        """What stays the same from run to run."""
        return f"{self.repository} `{self.place}` {self.rule}"


@dataclass(frozen=True)
class Scanned:
    """One checkout."""

    repository: str
    commit: str
    layers: str
    rows: tuple[Row, ...]
    errored: tuple[str, ...]
    passed: int


def nginx_rules() -> frozenset[str]:
    """The ids of the rules that read nginx's configuration."""
    rules = discover_rules()
    return frozenset(one.id for one in rules if any(need.kind is Nginx for need in needs_of(one.check)))


def fetch(folder: Path, repository: str, commit: str) -> None:
    """Bring one commit of a public repository, without its history. Raises CalledProcessError when git cannot."""
    folder.mkdir(parents=True)
    for argv in (
        ("init", "-q"),
        ("fetch", "-q", "--depth", "1", f"https://github.com/{repository}", commit),
        ("checkout", "-q", "FETCH_HEAD"),
    ):
        subprocess.run(("git", *argv), cwd=folder, check=True)


def scan(folder: Path, repository: str, commit: str, engine: str, rules: frozenset[str]) -> Scanned:
    """Scan one checkout; without an engine, its files only."""
    layers = "files" if engine == "none" else "files,boot"
    with tempfile.TemporaryDirectory() as name:
        out = Path(name) / "result.json"
        argv = [sys.executable, "-m", "scanner", "scan", str(folder), "--engine", engine, "--layers", layers]
        argv += ["--json", str(out), "--quiet", "--timeout", "240", "--on-missing-layer", "warn"]
        done = subprocess.run(argv, cwd=HERE.parent, capture_output=True, text=True, timeout=900, check=False)
        if not out.exists():
            return Scanned(repository, commit, "none", (), (" ".join(done.stderr.split())[-300:],), 0)
        return read(json.loads(out.read_text()), repository, commit, rules)


def read(result: dict[str, Any], repository: str, commit: str, rules: frozenset[str]) -> Scanned:
    """The findings above low of these rules in a JSON result."""
    rows: list[Row] = []
    errored: list[str] = []
    passed = 0
    ran: set[str] = set()
    for project in result["projects"]:
        ran |= {layer["name"] for layer in project["layers"] if layer["status"] == "ran"}
        for outcome in project["results"]:
            if outcome["rule"] not in rules:
                continue
            passed += outcome["outcome"] == "passed"
            if outcome["outcome"] == "errored":
                errored.append(f"{outcome['rule']}: {outcome['reason']}")
            rows.extend(_rows(repository, outcome))
    unique = tuple(dict.fromkeys(sorted(rows, key=lambda row: (row.place, row.rule))))
    return Scanned(repository, commit, " and ".join(sorted(ran, reverse=True)), unique, tuple(errored), passed)


def _rows(repository: str, outcome: dict[str, Any]) -> Iterator[Row]:
    for finding in outcome["findings"]:
        if Severity[finding["severity"].upper()] > Severity.LOW:
            place = f"{finding['path']}:{finding['line']}"
            message = " ".join(finding["message"].split()).replace("|", "\\|")
            yield Row(repository, place, outcome["rule"], finding["severity"], finding["proof"], message)


def judgements(text: str) -> dict[str, str]:
    """What an earlier table says of each finding."""
    return {found["key"]: found["judgement"].strip() for found in ROW.finditer(text)}


def table(scanned: list[Scanned], known: dict[str, str]) -> str:
    """The document."""
    rows = [row for one in scanned for row in one.rows]
    said = [known.get(row.key, UNREAD) for row in rows]
    right = sum(text.startswith("right") for text in said)
    head = (
        f"{len(scanned)} public Django repositories, each scanned with `benchmarks/real_nginx.py`; every finding above "
        "low of a rule that reads nginx's configuration, read against the files. "
        f"{len(rows)} findings: {right} right, {len(rows) - right} not."
    )
    lines = [
        "# Real nginx configurations",
        "",
        head,
        "",
        "| finding | severity | message | judgement |",
        "|---|---|---|---|",
    ]
    lines += [f"| {row.key} | {row.severity} | {row.message} | {text} |" for row, text in zip(rows, said, strict=True)]
    lines += ["", "| repository | commit | layers | findings | passed | errored |", "|---|---|---|---|---|---|"]
    lines += [
        f"| {one.repository} | {one.commit[:12]} | {one.layers} | {len(one.rows)} | {one.passed} | "
        f"{'; '.join(one.errored) or 'none'} |"
        for one in scanned
    ]
    return "\n".join(lines) + "\n"


def targets(chosen: argparse.Namespace) -> Iterator[tuple[Path, str, str]]:
    """Folder, repository and commit of each checkout."""
    folder: Path = chosen.folder
    if chosen.all:
        yield from ((path, path.name, "") for path in sorted(folder.iterdir()) if path.is_dir())
        return
    for line in LIST.read_text().splitlines():
        if line.startswith("#"):
            continue
        repository, commit = line.split()
        path = folder / repository.replace("/", "+")
        if chosen.only and chosen.only not in repository:
            continue
        if not path.is_dir() and chosen.fetch:
            fetch(path, repository, commit)
        yield path, repository, commit


def main() -> int:
    """Scan, compare with what is known, write."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--engine", default="none", help="what boots the settings: local, docker or none")
    parser.add_argument("--jobs", type=int, default=2, help="scans side by side")
    parser.add_argument("--fetch", action="store_true")
    parser.add_argument("--all", action="store_true")
    parser.add_argument("--only", default="", help="part of a repository's name; prints the table")
    chosen = parser.parse_args()
    rules = nginx_rules()
    known = judgements(TABLE.read_text()) if TABLE.exists() else {}
    scanned: list[Scanned] = []
    text = ""
    with ThreadPoolExecutor(chosen.jobs) as pool:
        asked = [pool.submit(scan, *target, chosen.engine, rules) for target in targets(chosen)]
        for one in asked:
            scanned.append(one.result())
            print(scanned[-1].repository, file=sys.stderr)
            text = table(scanned, known)
            if not chosen.all and not chosen.only:
                TABLE.write_text(text)  # each time: it may take an hour
    if chosen.all or chosen.only:
        print(text)
        return 0
    return 1 if UNREAD in text or any(one.errored for one in scanned) else 0


if __name__ == "__main__":
    sys.exit(main())

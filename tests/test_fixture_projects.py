"""The fixture projects are what their README and their tables say, before any of them is scanned."""

import ast
import re
import subprocess
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import pytest
import yaml

from scanner.model import Layer, Proof, Severity

ROOT = Path(__file__).parent.parent
PROJECTS = ROOT / "fixtures" / "projects"
RULES = ROOT / "scanner" / "rules"

WHOLE = (
    "article-bad",
    "article-good",
    "compose-bad",
    "compose-good",
    "compose-loop",
    "no-proxy",
    "planted",
    "planted-good",
)
BAD_INPUT = (
    "binary-conf",
    "broken-nginx",
    "broken-settings",
    "exits",
    "exits-hard",
    "fakes-record",
    "floods",
    "forks",
    "hangs",
    "missing-dependency",
    "no-django",
    "symlink-out",
)
ALL = (*WHOLE, *(f"bad-input/{name}" for name in BAD_INPUT))
DJANGO = tuple(name for name in ALL if name != "bad-input/no-django")

# What the projects must show together: a rule that no project breaks is never seen end to end.
PLANTED = {
    "alias-traversal",
    "allowed-hosts-wildcard",
    "api-open-by-default",
    "app-port-exposed",
    "backend-connection-unencrypted",
    "boolean-setting-is-string",
    "cache-middleware-below-session",
    "container-port-published",
    "container-runs-as-root",
    "csrf-cookie-insecure",
    "csrf-trusted-origins-too-broad",
    "database-superuser",
    "datastore-exposed",
    "debug-app-installed",
    "debug-enabled",
    "debug-logging-in-production",
    "deploy-check-message",
    "directory-listing-enabled",
    "env-file-committed",
    "env-file-in-tree",
    "error-reports-unredacted",
    "forwarded-proto-spoofable",
    "framing-allowed",
    "host-header-not-forwarded",
    "hsts-missing",
    "hsts-weak",
    "jwt-verification-weak",
    "nosniff-missing",
    "password-hasher-weak",
    "password-reset-long-lived",
    "password-validators-missing",
    "plain-http-served",
    "project-tree-served",
    "proxy-config-rejected",
    "redirect-loop",
    "referrer-policy-unsafe",
    "secret-in-compose",
    "secret-in-settings",
    "secret-in-unit",
    "secret-key-in-source",
    "secret-key-weak",
    "secure-proxy-header-missing",
    "security-header-dropped",
    "security-header-not-always",
    "security-middleware-late",
    "service-runs-as-root",
    "session-cookie-insecure",
    "static-alias-mismatch",
    "unknown-host-served",
}


@dataclass(frozen=True)
class Row:
    """One expected finding; the proof by engine."""

    rule: str
    path: str
    symbol: str
    severity: Severity
    proof: Mapping[str, Proof]


@dataclass(frozen=True)
class Table:
    """One expected.yml."""

    exit_code: int
    findings: tuple[Row, ...]
    low: tuple[Row, ...]
    failed: tuple[Layer, ...]


def read_row(found: object) -> Row:
    assert isinstance(found, dict)
    assert set(found) == {"rule", "path", "symbol", "severity", "proof"}, found
    match found:
        case {"rule": str(rule), "path": str(path), "symbol": str(symbol), "severity": str(severity), "proof": proof}:
            pass
        case _:
            pytest.fail(f"a field is no text: {found}")
    match proof:
        case str():
            by_engine = dict.fromkeys(("docker", "local"), Proof(proof))
        case {"docker": str(docker), "local": str(local)}:
            assert docker != local, f"one word is enough: {found}"
            by_engine = {"docker": Proof(docker), "local": Proof(local)}
        case _:
            pytest.fail(f"no proof: {found}")
    return Row(rule, path, symbol, Severity.of(severity), by_engine)


def read_table(project: str) -> Table:
    document = yaml.safe_load((PROJECTS / project / "expected.yml").read_text(encoding="utf-8"))
    assert isinstance(document, dict)
    assert set(document) <= {"exit", "findings", "low", "failed"}
    assert {"exit", "findings"} <= set(document)
    return Table(
        document["exit"],
        tuple(read_row(row) for row in document["findings"]),
        tuple(read_row(row) for row in document.get("low", [])),
        tuple(Layer(word) for word in document.get("failed", [])),
    )


def rows() -> Iterator[Row]:
    for project in ALL:
        table = read_table(project)
        yield from (*table.findings, *table.low)


def folders(parent: Path) -> set[str]:
    return {path.name for path in parent.iterdir() if path.is_dir()}


def test_every_folder_is_listed_here_and_in_the_readme() -> None:
    assert folders(PROJECTS) == {*WHOLE, "bad-input"}
    assert folders(PROJECTS / "bad-input") == set(BAD_INPUT)
    readme = (PROJECTS / "README.md").read_text(encoding="utf-8")
    cells = "".join(line.split("|")[1] for line in readme.splitlines() if line.startswith("| `"))
    assert {*WHOLE, *BAD_INPUT} <= set(re.findall(r"`([^`]+)`", cells))


@pytest.mark.parametrize("project", ALL)
def test_table_agrees_with_itself_and_with_the_gate(project: str) -> None:
    table = read_table(project)
    keys = [(row.rule, row.path, row.symbol) for row in (*table.findings, *table.low)]
    assert len(keys) == len(set(keys)), "a row is there twice"
    assert all(row.severity > Severity.LOW for row in table.findings)
    assert all(row.severity <= Severity.LOW for row in table.low)
    if any(row.severity >= Severity.HIGH for row in table.findings):
        assert table.exit_code == 1
    else:
        survives = project in WHOLE or project == "bad-input/floods"
        assert table.exit_code in ({0} if survives else {2, 3})
    assert not table.failed or project.startswith("bad-input/")


@pytest.mark.parametrize("project", ALL)
def test_rows_name_files_of_the_project(project: str) -> None:
    table = read_table(project)
    for row in (*table.findings, *table.low):
        assert (PROJECTS / project / row.path).is_file(), row


def test_the_good_projects_expect_nothing_above_low() -> None:
    for project in ("article-good", "compose-good", "no-proxy", "planted-good"):
        table = read_table(project)
        assert table == Table(0, (), table.low, ())
    assert read_table("planted-good").low == ()


def test_every_core_rule_is_broken_somewhere() -> None:
    assert {row.rule for row in rows()} >= PLANTED


def test_rules_in_the_tables_exist() -> None:
    written = {path.stem.replace("_", "-") for path in RULES.glob("*/*.py") if path.stem != "__init__"}
    named = {row.rule for row in rows()}
    if len(written) < len(named):
        pytest.skip(f"{len(written)} rules are written, the tables name {len(named)}")
    assert named <= written


@pytest.mark.parametrize("project", DJANGO)
def test_dependencies_are_pinned(project: str) -> None:
    lines = (PROJECTS / project / "requirements.txt").read_text(encoding="utf-8").splitlines()
    assert all(re.fullmatch(r"[A-Za-z0-9_.-]+(\[[a-z]+\])?==[0-9.]+", line) for line in lines)
    assert {"Django", "gunicorn"} <= {line.partition("==")[0] for line in lines}


@pytest.mark.parametrize("project", DJANGO)
def test_it_is_a_django_project(project: str) -> None:
    assert (PROJECTS / project / "manage.py").is_file()
    assert list((PROJECTS / project).glob("*/wsgi.py"))


def test_all_python_is_python_but_the_broken_settings() -> None:
    broken = []
    for path in sorted(PROJECTS.rglob("*.py")):
        try:
            ast.parse(path.read_text(encoding="utf-8"))
        except SyntaxError:
            broken.append(str(path.relative_to(PROJECTS)))
    assert broken == ["bad-input/broken-settings/shop/settings.py"]


def test_what_is_planted_is_committed_and_nothing_else() -> None:
    listing = ["git", "-C", str(PROJECTS), "ls-files", "-z", "."]
    try:
        done = subprocess.run(listing, capture_output=True, text=True, check=True)
    except (OSError, subprocess.CalledProcessError) as error:
        pytest.skip(f"not a git checkout: {error}")
    tracked = set(done.stdout.split("\0"))
    assert "article-bad/.env" in tracked
    assert {path for path in tracked if path.endswith("/.env")} == {"article-bad/.env"}
    junk = re.compile(r"__pycache__|\.pyc$|\.sqlite3$|/(media|staticfiles|node_modules)/")
    assert [path for path in tracked if junk.search(path)] == []


def test_the_odd_files_are_as_odd_as_they_must_be() -> None:
    bad = PROJECTS / "bad-input"
    link = bad / "symlink-out" / "deploy" / "nginx.conf"
    assert link.is_symlink()
    assert not link.resolve().is_relative_to(ROOT)
    with pytest.raises(UnicodeDecodeError):
        (bad / "binary-conf" / "deploy" / "nginx.conf").read_text(encoding="utf-8")

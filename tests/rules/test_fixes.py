"""Every fix that is called safe is applied to a copy and judged again: its finding is gone, and no new one is there."""

import ast
import re
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml

from scanner.engine import discover_rules, judge
from scanner.model import Errored, Failed, Finding, Fix, Outcome, Passed, Rule, Skipped
from tests.rulekit import CASES, facts_of, rule_named

BAD = sorted(path for path in CASES.glob("*/bad*") if path.is_dir())
RULES = discover_rules()
MENDED = frozenset(
    {
        *("alias-traversal", "container-port-published", "csrf-cookie-insecure", "datastore-exposed", "debug-enabled"),
        *("directory-listing-enabled", "forwarded-proto-spoofable", "framing-allowed", "host-header-not-forwarded"),
        *("nosniff-missing", "redirect-loop", "referrer-policy-unsafe", "secure-proxy-header-missing"),
        *("security-header-dropped", "security-header-not-always", "session-cookie-insecure", "app-port-exposed"),
    }
)
"""Rules whose cure is a line or two: each has a case here in which it offers it."""
SETTINGS = """\
import os

SECRET_KEY = os.environ["SECRET_KEY"]
ALLOWED_HOSTS = [
    "shop.example",
]
"""
_ASSIGNMENT = re.compile(r"([A-Z_]+) = (.+)")


def _name(path: Path) -> str:
    return f"{path.parent.name}/{path.name}"


def applied(fix: Fix, root: Path) -> None:
    """Change the file as the fix says, and the booted settings where it changes one."""
    file = root / fix.path
    lines = file.read_text().split("\n")
    lines[fix.start_line - 1 : fix.end_line] = fix.lines
    file.write_text("\n".join(lines))
    if file.suffix != ".py":
        return
    ast.parse(file.read_text())
    booted = root / "settings.yml"
    document = yaml.safe_load(booted.read_text()) or {}
    for line in fix.lines:
        found = _ASSIGNMENT.fullmatch(line)
        assert found, f"{line} is no assignment"
        value = ast.literal_eval(found[2])
        document.setdefault("set", {})[found[1]] = list(value) if isinstance(value, tuple) else value
        document["unset"] = [name for name in document.get("unset", []) if name != found[1]]
    booted.write_text(yaml.safe_dump(document))


def findings(outcome: Outcome) -> tuple[Finding, ...]:
    match outcome:
        case Failed(found) | Errored(_, found):
            return found
        case Passed() | Skipped():
            return ()


def everything(root: Path) -> set[tuple[str, str, str]]:
    """What all rules find, by rule, file and symbol."""
    facts = facts_of(root)
    return {(rule.id, one.location.path, one.symbol) for rule in RULES for one in findings(judge(rule, facts))}


def copied(folder: Path, target: Path) -> Path:
    """The case without what the live stack saw, which a fix cannot change, and with a settings module to edit."""
    shutil.copytree(folder, target, ignore=shutil.ignore_patterns("facts.yml", "expected.txt"))
    if (target / "settings.yml").exists():
        document = yaml.safe_load((target / "settings.yml").read_text()) or {}
        path = target / document.get("module_path", "shop/settings.py")
        if not path.exists():
            path.parent.mkdir(parents=True, exist_ok=True)
            own = {
                name: value for name, value in document.get("set", {}).items() if name not in {"SECRET_KEY", "BASE_DIR"}
            }
            path.write_text(SETTINGS + "".join(f"{name} = {value!r}\n" for name, value in own.items()))
    return target


def offered(rule: Rule, root: Path) -> Iterator[tuple[Finding, Fix]]:
    for one in findings(judge(rule, facts_of(root))):
        if one.fix is not None and one.fix.safe:
            yield one, one.fix


@pytest.mark.parametrize("folder", BAD, ids=_name)
def test_a_fix_mends_its_finding_and_breaks_nothing(folder: Path, tmp_path: Path) -> None:
    rule = rule_named(folder.parent.name)
    start = copied(folder, tmp_path / "start")
    before = None
    for number, (finding, fix) in enumerate(offered(rule, start)):
        before = before if before is not None else everything(start)
        root = shutil.copytree(start, tmp_path / str(number))
        applied(fix, root)
        after = everything(root)
        assert (rule.id, finding.location.path, finding.symbol) not in after
        assert after <= before, f"new: {after - before}"


@pytest.mark.parametrize("name", sorted(MENDED))
def test_a_case_shows_the_fix(name: str, tmp_path: Path) -> None:
    rule = rule_named(name)
    folders = [folder for folder in BAD if folder.parent.name == name.replace("-", "_")]
    starts = [copied(folder, tmp_path / folder.name) for folder in folders]
    assert any(next(offered(rule, start), None) for start in starts), f"{name} offers no fix in any of its cases"

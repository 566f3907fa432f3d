"""Every rule has a bad case, whose whole outcome is compared, and a good case, which passes."""

from pathlib import Path

import pytest

from scanner.engine import discover_rules, judge
from scanner.model import Passed, Rule
from tests.rulekit import CASES, facts_of, rule_named, told

RULES = discover_rules()
BAD = sorted(path for path in CASES.glob("*/bad*") if path.is_dir())
GOOD = sorted(path for path in CASES.glob("*/good*") if path.is_dir())


def _name(path: Path) -> str:
    return f"{path.parent.name}/{path.name}"


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.id)
def test_has_a_bad_and_a_good_case(rule: Rule) -> None:
    module = rule.id.replace("-", "_")
    assert [path for path in BAD if path.parent.name == module], f"fixtures/rules/{module}/bad is missing"
    assert [path for path in GOOD if path.parent.name == module], f"fixtures/rules/{module}/good is missing"


@pytest.mark.parametrize("folder", BAD, ids=_name)
def test_bad_case_fails_as_expected(folder: Path, request: pytest.FixtureRequest) -> None:
    rule = rule_named(folder.parent.name)
    outcome = told(rule, judge(rule, facts_of(folder)))
    golden = folder / "expected.txt"
    if request.config.getoption("--update"):
        golden.write_text(outcome)
    assert outcome == golden.read_text()
    assert not outcome.startswith(("passed", "skipped", "errored"))


@pytest.mark.parametrize("folder", GOOD, ids=_name)
def test_good_case_passes(folder: Path) -> None:
    rule = rule_named(folder.parent.name)
    assert judge(rule, facts_of(folder)) == Passed()


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.id)
def test_documentation_has_its_parts(rule: Rule) -> None:
    for heading in ("## Why is this bad", "## Bad", "## Good", "## References"):
        assert heading in rule.doc, f"{rule.id}: its docstring has no {heading!r}"
    assert rule.doc.splitlines()[0].endswith(".")

"""35 faults that `check --deploy` does not see: it prints "no issues", and the scanner finds them without the stack."""

import dataclasses
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from scanner.boot.attempt import Booter
from scanner.engine import Facts
from scanner.facts.boot_plan import BootPlan
from scanner.facts.settings import CheckMessages
from scanner.model import Options
from scanner.project import Checkout
from scanner.sandbox.interface import Installed
from tests.boot.test_boot_engines import boot
from tests.engine.scans import ABOVE_LOW, PROJECTS, Scan, expected, rows, run
from tests.sandbox.leftovers import AnyEngine, make

ENGINES = [pytest.param(name, marks=getattr(pytest.mark, name)) for name in ("docker", "local")]
PLANTED = 35
LEAST = 33
BOTH = ("planted", "planted-good")
_FAULT = re.compile(
    r"^ *# (\d+)\. [^\n]*\n(?:  - \{rule: ([\w-]+), path: \S+, symbol: (?:\"([^\"]*)\"|([^,]*)),)?", re.MULTILINE
)


@pytest.fixture(scope="module", params=ENGINES)
def engine_name(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture(scope="module")
def scans(engine_name: str) -> dict[str, Scan]:
    """Without the live stack: the cache and the database are on other hosts."""
    return {name: run(PROJECTS / name, "--engine", engine_name, "--layers", "files,boot") for name in BOTH}


@pytest.fixture(scope="module")
def engine(engine_name: str) -> Iterator[AnyEngine]:
    made = make(engine_name)
    yield made
    made.close()


def planted() -> dict[int, tuple[str, str]]:
    """The number of each fault in the table -> rule and symbol; empty texts where no rule is to find it."""
    text = (PROJECTS / "planted" / "expected.yml").read_text()
    return {int(one[1]): (one[2] or "", one[3] or one[4] or "") for one in _FAULT.finditer(text)}


def check_deploy(facts: Facts, engine: AnyEngine) -> tuple[int | None, str]:
    """``manage.py check --deploy`` in the environment of the boot: exit code and what it printed."""
    plan = facts.get(BootPlan)
    booter = Booter(engine, facts.get(Checkout), Options(), "00")
    process = booter.process(plan, facts.get(Installed), dict(plan.environment), b"", writable=False)
    command = ("python", "-B", "manage.py", "check", "--deploy")
    done = engine.run(dataclasses.replace(process, argv=command, directory=plan.directory))
    return done.exit_code, (done.stdout + done.stderr).decode()


def test_the_table_names_every_fault() -> None:
    assert sorted(planted()) == list(range(1, PLANTED + 1))
    assert len(set(planted().values()) - {("", "")}) == sum(bool(rule) for rule, _ in planted().values())


@pytest.mark.parametrize("project", BOTH)
def test_django_itself_has_nothing_to_say(project: str, engine: AnyEngine, ca_bundle: Path | None) -> None:
    facts = boot(PROJECTS / project, engine, ca_bundle)
    code, text = check_deploy(facts, engine)
    assert code == 0, text
    assert "System check identified no issues (0 silenced)." in text
    assert facts.get(CheckMessages).messages == ()


def test_nearly_all_are_found(scans: dict[str, Scan], engine_name: str) -> None:
    scan = scans["planted"]
    told = scan.findings(*ABOVE_LOW, "low")
    found = {
        number
        for number, (rule, symbol) in planted().items()
        if any(one[0] == rule and one[2] == symbol for one in told)
    }
    assert len(found) >= LEAST, sorted(set(planted()) - found)
    assert scan.findings(*ABOVE_LOW) == rows("planted", engine_name)
    assert scan.findings("low") >= rows("planted", engine_name, "low")
    assert scan.code == expected("planted")["exit"]


def test_nothing_is_found_where_each_is_put_right(scans: dict[str, Scan]) -> None:
    scan = scans["planted-good"]
    assert scan.findings(*ABOVE_LOW, "low", "info") == set()
    assert scan.code == 0
    outcomes = {rule: scan.outcome(rule) for rule, _ in planted().values() if rule}
    assert set(outcomes.values()) == {"passed"}, outcomes

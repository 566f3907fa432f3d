"""Each clause of the rules about effective settings: when they fire, and when they must not."""

from dataclasses import replace

import pytest

from scanner.facts.boot_plan import BootPlan, Variable, VariableSource
from scanner.facts.error_pages import ErrorPage, ErrorPages
from scanner.facts.settings import CheckMessage, CheckMessages, Settings
from scanner.facts.settings_source import Assignment, Origin, SettingsSource
from scanner.model import Errored, Failed, Location
from tests.edgekit import short
from tests.rulekit import DOORS, HARDENED, exchange, judge_facts, make, settings_of

PLACE = Location("shop/settings.py", 7)
CRITICAL = "critical inferred settings.DEBUG"


def debug(value: object = True, **more: object) -> Settings:
    return settings_of({"set": {"DEBUG": value}, **more})


def source(**fields: object) -> SettingsSource:
    one = make(Assignment, {"name": "DEBUG", "location": PLACE, "origin": Origin.LITERAL, **fields})
    return make(SettingsSource, {"module": "shop.settings", "assignments": {"DEBUG": (one,)}, "environment_reads": {}})


READ = source(origin=Origin.ENV_DEFAULT, variable="DJANGO_DEBUG", cast="bool")


def plan(value: str, path: str) -> BootPlan:
    variable = Variable("DJANGO_DEBUG", value, VariableSource.SAMPLE, "in it", Location(path, 1))
    return make(
        BootPlan,
        {"settings_module": "shop.settings", "directory": "/app", "root": "/app", "variables": [variable]},
    )


def page(trigger: str, *markers: str, status: int = 404) -> ErrorPage:
    return ErrorPage(
        trigger, DOORS["https"], status, markers, (), 900, "text/html", exchange(f"GET https://shop.example/x {status}")
    )


SAMPLE = {"samples": {"DEBUG": "DJANGO_DEBUG"}}


@pytest.mark.parametrize(
    ("facts", "expected"),
    [
        pytest.param([debug()], [CRITICAL], id="true"),
        pytest.param([debug("False")], [CRITICAL], id="a text that is not empty is true"),
        pytest.param([debug("")], ["passed"], id="an empty text is false"),
        pytest.param([HARDENED], ["passed"], id="false"),
        pytest.param([debug(), source(literal="True")], [CRITICAL], id="a literal"),
        pytest.param([debug(injected={"DEBUG": "DJANGO_DEBUG"})], ["skipped unknown"], id="invented"),
        pytest.param([debug(**SAMPLE)], ["skipped unknown"], id="an example decides"),
        pytest.param([debug(**SAMPLE), READ, plan("0", ".env.example")], [CRITICAL], id="an example's 0 read as true"),
        pytest.param(
            [debug("False", **SAMPLE), READ, plan("False", ".env.example")], [CRITICAL], id="an example's False as text"
        ),
        pytest.param(
            [debug(**SAMPLE), READ, plan("1", ".env.example")], ["skipped unknown"], id="a developer's example says on"
        ),
        pytest.param(
            [debug(**SAMPLE), READ, plan("1", ".env.prod-sample")], [CRITICAL], id="production's example says on"
        ),
        pytest.param(
            [debug(**SAMPLE), READ, plan("1", ".env.products")], ["skipped unknown"], id="product is not prod"
        ),
        pytest.param(
            [debug(), ErrorPages((page("not-found", "a", "b"),))],
            ["critical proven settings.DEBUG"],
            id="two markers prove it",
        ),
        pytest.param(
            [debug(), ErrorPages((page("not-found", "a"), page("boom", "b")))],
            ["passed"],
            id="one marker on each page: the outside decides",
        ),
        pytest.param([debug(), ErrorPages((page("bad-host", status=400),))], ["passed"], id="generic pages"),
        pytest.param(
            [debug(), ErrorPages((page("not-found"),), ("boom: the proxy answered",))], [CRITICAL], id="not all asked"
        ),
        pytest.param([debug(), ErrorPages(())], [CRITICAL], id="nothing was asked"),
        pytest.param([HARDENED, ErrorPages((page("not-found", "a", "b"),))], ["passed"], id="told as a mismatch"),
    ],
)
def test_debug_enabled(facts: list[object], expected: list[str]) -> None:
    assert short(judge_facts("debug_enabled", *facts), "critical") == expected


@pytest.mark.parametrize(
    ("settings", "where", "words"),
    [
        (debug(), READ, "through `bool()`"),
        (debug(), source(origin=Origin.ENV_DEFAULT, variable="D", cast="env-bool"), "when `D` is not set"),
        (
            replace(debug(), environment_names=frozenset({"D"})),
            source(origin=Origin.ENV_DEFAULT, variable="D", cast="env-bool"),
            "the deployment's `D` switches it on",
        ),
        (debug("False"), source(origin=Origin.ENV_REQUIRED, variable="D"), "is the text `False`"),
    ],
)
def test_debug_enabled_says_why(settings: Settings, where: SettingsSource, words: str) -> None:
    outcome = judge_facts("debug_enabled", settings, where)
    assert isinstance(outcome, Failed)
    assert words in outcome.findings[0].message
    assert outcome.findings[0].location == PLACE


@pytest.mark.parametrize(
    ("fields", "fixed"),
    [
        ({"literal": "True"}, True),
        ({"literal": "True", "guard": "X"}, False),
        ({"literal": "not PROD", "origin": Origin.COMPUTED}, False),
        ({"literal": "True", "location": Location("shop/settings.py", 7, 5)}, False),
    ],
)
def test_debug_is_edited_only_where_that_is_certain(fields: dict[str, object], *, fixed: bool) -> None:
    outcome = judge_facts("debug_enabled", debug(), source(**fields))
    assert isinstance(outcome, Failed)
    assert (outcome.findings[0].fix is not None) is fixed


def message(identity: str, level: int = 30, **fields: object) -> CheckMessage:
    return make(
        CheckMessage,
        {"id": identity, "level": level, "text": "It says so.", "function": "x.y", "deploy": True, **fields},
    )


@pytest.mark.parametrize(
    ("one", "expected"),
    [
        pytest.param(message("async.E001", 40), ["medium inferred async.E001"], id="error"),
        pytest.param(message("corsheaders.W003"), ["low inferred corsheaders.W003"], id="a package's warning"),
        pytest.param(message("shop.I001", 20), ["info inferred shop.I001"], id="information"),
        pytest.param(message("shop.W1", deploy=False), ["passed"], id="no check of deployment"),
        pytest.param(message("shop.W1", deploy=False, tags=["security"]), ["low inferred shop.W1"], id="security tag"),
        pytest.param(message("shop.E1", 40, deploy=False), ["medium inferred shop.E1"], id="errors always"),
        pytest.param(message("security.W004"), ["passed"], id="a rule owns it"),
        pytest.param(message("security.W018"), ["passed"], id="a rule owns it, whatever it decided"),
        pytest.param(message("security.W099"), ["low inferred security.W099"], id="an id of a later Django"),
        pytest.param(message("models.W042", deploy=False), ["passed"], id="a model's warning"),
        pytest.param(message("models.E042", 40, deploy=False), ["medium inferred models.E042"], id="a model's error"),
        pytest.param(message("urls.W002", tags=["urls"]), ["passed"], id="a route's warning"),
        pytest.param(message("shop.W1", silenced=True), ["passed"], id="silenced by the project"),
        pytest.param(message("", crashed=True), ["low inferred x.y"], id="a check that raised"),
        pytest.param(message("", crashed=True, deploy=False), ["passed"], id="another check that raised"),
    ],
)
def test_deploy_check_message(one: CheckMessage, expected: list[str]) -> None:
    assert short(judge_facts("deploy_check_message", CheckMessages((one,)), HARDENED), "medium") == expected


def test_a_check_of_an_invented_database_says_nothing() -> None:
    checks = CheckMessages((message("mysql.E001", 40), message("shop.E002", 40, tags=["database"])))
    injected = settings_of({"injected": {"DATABASES": "DATABASE_URL"}})
    assert short(judge_facts("deploy_check_message", checks, injected), "medium") == ["passed"]
    assert len(short(judge_facts("deploy_check_message", checks, HARDENED), "medium")) == 2


def test_one_finding_for_each_id_with_every_message() -> None:
    checks = CheckMessages(tuple(message("shop.W1", text=f"Number {number}\x1b[31m.") for number in range(3)))
    outcome = judge_facts("deploy_check_message", checks, HARDENED)
    assert isinstance(outcome, Failed)
    (found,) = outcome.findings
    assert len(found.evidence) == 3
    assert "\x1b" not in found.message + "".join(one.text for one in found.evidence)
    assert not isinstance(outcome, Errored)

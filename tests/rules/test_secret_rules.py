"""Each clause of the rules about secrets: when they fire, and when they must not."""

from collections.abc import Mapping

import pytest

from scanner.facts.boot_plan import BootPlan, Variable, VariableSource
from scanner.facts.compose import Compose, ComposeProject, Service, ServiceRole
from scanner.facts.compose_types import ServiceVariable
from scanner.facts.env_files import EnvFiles, read_env_file
from scanner.facts.repository import Repository
from scanner.facts.secrets import ValueKind
from scanner.facts.settings import Settings
from scanner.facts.settings_source import Assignment, Origin, SettingsSource
from scanner.facts.topology import PeerKind, TlsEnd, Topology
from scanner.facts.unit_types import EnvironmentFile, EnvironmentPair, Exec
from scanner.facts.units import Unit, Units
from scanner.model import Failed, Location
from tests.edgekit import nginx_of, short
from tests.rulekit import HARDENED, judge_facts, make, settings_of

PLACE = Location("shop/settings.py", 3)
STRONG = {"length": 60, "unique": 30, "insecure_prefix": False, "known": False}


def source(name: str = "SECRET_KEY", **fields: object) -> SettingsSource:
    usual = {"name": name, "location": PLACE, "origin": Origin.LITERAL, "literal_length": 60}
    one = make(Assignment, {**usual, **fields})
    return make(SettingsSource, {"module": "shop.settings", "assignments": {name: (one,)}, "environment_reads": {}})


def keys(**shapes: Mapping[str, object]) -> Settings:
    return settings_of({"secrets": {name: {**STRONG, **shape} for name, shape in shapes.items()}})


def repository(*tracked: str, is_git: bool = True) -> Repository:
    return make(Repository, {"is_git": is_git, "tracked": list(tracked)})


LITERAL = source()
KEY = "settings.SECRET_KEY"


@pytest.mark.parametrize(
    ("facts", "expected"),
    [
        pytest.param([LITERAL, keys(SECRET_KEY={})], [f"critical inferred {KEY}"], id="the literal is effective"),
        pytest.param([LITERAL], [f"high inferred {KEY}"], id="no boot could show it"),
        pytest.param([LITERAL, keys(SECRET_KEY={"length": 50})], ["passed"], id="another value wins"),
        pytest.param([LITERAL, keys(SECRET_KEY={"injected": True})], ["passed"], id="an invented value wins"),
        pytest.param([source(guard="DEBUG"), keys(SECRET_KEY={"length": 50})], ["passed"], id="a guard that is false"),
        pytest.param([source(guard="DEBUG")], ["passed"], id="a guard, and no boot"),
        pytest.param([source(origin=Origin.ENV_DEFAULT, variable="KEY")], ["passed"], id="the default of a variable"),
        pytest.param([source(origin=Origin.ENV_REQUIRED, variable="KEY")], ["passed"], id="from the environment"),
        pytest.param([source(origin=Origin.COMPUTED, literal_length=None)], ["passed"], id="read from a file"),
        pytest.param([source(literal_length=0)], ["passed"], id="an empty literal"),
        pytest.param([LITERAL, repository("shop/urls.py")], ["passed"], id="an untracked file"),
        pytest.param([LITERAL, repository("shop/settings.py")], [f"high inferred {KEY}"], id="a tracked file"),
        pytest.param([LITERAL, repository(is_git=False)], [f"high inferred {KEY}"], id="no git: all is tracked"),
        pytest.param(
            [source("SECRET_KEY_FALLBACKS"), keys(**{"SECRET_KEY_FALLBACKS[0]": {}})],
            ["high inferred settings.SECRET_KEY_FALLBACKS"],
            id="a fallback",
        ),
    ],
)
def test_secret_key_in_source(facts: list[object], expected: list[str]) -> None:
    assert short(judge_facts("secret_key_in_source", *facts), "critical") == expected


@pytest.mark.parametrize(
    ("shape", "words"),
    [({"known": True}, "publicly known"), ({"insecure_prefix": True}, "startproject"), ({}, "reset links.")],
)
def test_one_finding_says_that_the_literal_is_weak_too(shape: dict[str, object], words: str) -> None:
    outcome = judge_facts("secret_key_in_source", LITERAL, keys(SECRET_KEY=shape))
    assert isinstance(outcome, Failed)
    assert words in outcome.findings[0].message


def plan(*variables: Variable) -> BootPlan:
    return make(
        BootPlan,
        {"settings_module": "shop.settings", "directory": "/app", "root": "/app", "variables": list(variables)},
    )


DEFAULT = source(origin=Origin.ENV_DEFAULT, variable="KEY", literal_length=60)
FALLBACK = "SECRET_KEY_FALLBACKS[0]"


@pytest.mark.parametrize(
    ("facts", "expected"),
    [
        pytest.param([HARDENED], ["passed"], id="a good key"),
        pytest.param([keys(SECRET_KEY={"known": True})], [f"critical inferred {KEY}"], id="publicly known"),
        pytest.param([keys(SECRET_KEY={"insecure_prefix": True})], [f"high inferred {KEY}"], id="startproject's"),
        pytest.param([keys(SECRET_KEY={"length": 49})], [f"high inferred {KEY}"], id="49 characters"),
        pytest.param([keys(SECRET_KEY={"length": 50})], ["passed"], id="50 characters"),
        pytest.param([keys(SECRET_KEY={"unique": 4})], [f"high inferred {KEY}"], id="4 different ones"),
        pytest.param([keys(SECRET_KEY={"unique": 5})], ["passed"], id="5 different ones"),
        pytest.param([keys(**{FALLBACK: {"length": 9}})], [f"high inferred settings.{FALLBACK}"], id="an old key"),
        pytest.param([keys(SECRET_KEY={"length": 9, "injected": True})], ["skipped unknown"], id="an invented key"),
        pytest.param([keys(SECRET_KEY={"length": 0})], ["skipped unknown"], id="an empty key is given elsewhere"),
        pytest.param(
            [settings_of({"injected": {"SECRET_KEY": "KEY"}})], ["skipped unknown"], id="decided by a placeholder"
        ),
        pytest.param([keys(SECRET_KEY={"known": True}), LITERAL], ["passed"], id="the literal's own rule speaks"),
        pytest.param(
            [keys(SECRET_KEY={"length": 9}), LITERAL],
            [f"high inferred {KEY}"],
            id="the literal is not the effective key",
        ),
        pytest.param(
            [keys(SECRET_KEY={"insecure_prefix": True}), DEFAULT], [f"high inferred {KEY}"], id="a default is the key"
        ),
        pytest.param(
            [keys(**{f"SECRET_KEY_FALLBACKS[{number}]": {} for number in range(3)})],
            ["low inferred settings.SECRET_KEY_FALLBACKS"],
            id="three old keys",
        ),
        pytest.param(
            [keys(**{f"SECRET_KEY_FALLBACKS[{number}]": {} for number in range(2)})], ["passed"], id="two old keys"
        ),
    ],
)
def test_secret_key_weak(facts: list[object], expected: list[str]) -> None:
    assert short(judge_facts("secret_key_weak", *facts), "critical") == expected


def test_a_weak_key_is_edited_where_the_deployment_says_it() -> None:
    where = Location("deploy/shop.env", 4)
    given = plan(Variable("KEY", "fixture", VariableSource.DEPLOYMENT, "in deploy/shop.env:4", where))
    outcome = judge_facts("secret_key_weak", keys(SECRET_KEY={"length": 9}), DEFAULT, given)
    assert isinstance(outcome, Failed)
    assert outcome.findings[0].location == where
    outcome = judge_facts("secret_key_weak", keys(SECRET_KEY={"length": 9}), DEFAULT, plan())
    assert isinstance(outcome, Failed)
    assert outcome.findings[0].location == PLACE
    assert "nothing in the deployment sets KEY" in outcome.findings[0].evidence[1].text


# Env files

ENV = "DEBUG=0\nDB_PASSWORD=fixture-9f3k2\n"


def env(text: str, path: str = ".env", *, tracked: bool = True) -> EnvFiles:
    return EnvFiles((read_env_file(path, text, tracked=tracked),))


def units(**fields: object) -> Units:
    usual = {
        "path": "deploy/shop.service",
        "name": "shop.service",
        "kind": "service",
        "role": "app",
        "location": Location("deploy/shop.service", 4),
        "working_directory": "/srv/shop",
    }
    return Units((make(Unit, {**usual, **fields}),))


def reads(path: str) -> Units:
    return units(environment_files=[EnvironmentFile(path, optional=False, location=Location("deploy/shop.service", 6))])


def compose(*services: Service) -> Compose:
    return Compose((ComposeProject(("compose.yml",), services, frozenset()),))


def service(**fields: object) -> Service:
    usual = {"name": "web", "role": ServiceRole.APP, "location": Location("compose.yml", 2)}
    return make(Service, {**usual, **fields})


SOPS = "DB_PASSWORD=ENC[AES256_GCM,data:fixture-9f3k2]\nsops_version=3.9\n"


@pytest.mark.parametrize(
    ("facts", "expected"),
    [
        pytest.param([env(ENV)], ["high inferred .env"], id="a secret"),
        pytest.param([env("SECRET_KEY=fixture-9f3k2\n")], ["critical inferred .env"], id="the key"),
        pytest.param([env(ENV), reads("/srv/shop/.env")], ["critical inferred .env"], id="a unit reads it"),
        pytest.param([env(ENV), reads("/srv/shop/other.env")], ["high inferred .env"], id="a unit reads another"),
        pytest.param(
            [env(ENV), compose(service(env_files=[(".env", Location("compose.yml", 5))]))],
            ["critical inferred .env"],
            id="a service reads it",
        ),
        pytest.param([env(ENV, tracked=False)], ["passed"], id="not tracked"),
        pytest.param([env(ENV, ".env.example")], ["passed"], id="an example"),
        pytest.param([env(ENV, "env.template")], ["passed"], id="a template"),
        pytest.param([env(ENV, ".env.prod-sample")], ["passed"], id="a sample"),
        pytest.param([env("COMPOSE_PROJECT_NAME=shop\nPORT=8000\n")], ["passed"], id="no secrets"),
        pytest.param([env("DB_PASSWORD=changeme\nAPI_TOKEN=<token>\n")], ["passed"], id="placeholders"),
        pytest.param([env("DB_PASSWORD=${PW}\nTOKEN_URL=https://x.test/\n")], ["passed"], id="references"),
        pytest.param([env(SOPS)], ["passed"], id="encrypted"),
        pytest.param(
            [env("DATABASE_URL=postgres://shop:fixture-9f3k2@db/shop\n")], ["high inferred .env"], id="in a URL"
        ),
    ],
)
def test_env_file_committed(facts: list[object], expected: list[str]) -> None:
    outcome = judge_facts("env_file_committed", *facts)
    assert short(outcome, "critical") == expected
    assert "9f3k2" not in repr(outcome)


SERVED = "server { listen 80; location /files/ { alias %s; } }"


@pytest.mark.parametrize(
    ("facts", "expected"),
    [
        pytest.param([reads("/srv/shop/.env")], ["medium inferred unit shop.service"], id="in the working directory"),
        pytest.param([reads("/home/app/env")], ["medium inferred unit shop.service"], id="in a home"),
        pytest.param([reads("/var/www/x/.env")], ["medium inferred unit shop.service"], id="in /var/www"),
        pytest.param(
            [reads("/srv/shop/.env"), nginx_of(SERVED % "/srv/shop/")],
            ["high inferred unit shop.service"],
            id="in a served directory",
        ),
        pytest.param(
            [reads("/srv/shop/.env"), nginx_of(SERVED % "/srv/shop/static/")],
            ["medium inferred unit shop.service"],
            id="beside a served directory",
        ),
        pytest.param([reads("/etc/shop/env")], ["passed"], id="in /etc"),
        pytest.param([reads("/run/shop/env")], ["passed"], id="in /run"),
        pytest.param([reads("/srv/shop-env/env")], ["passed"], id="a directory of a like name"),
        pytest.param([reads("%d/env")], ["passed"], id="a specifier"),
        pytest.param([reads("{{ app_dir }}/.env")], ["passed"], id="a template"),
        pytest.param([units()], ["skipped not-applicable"], id="no env file"),
        pytest.param(
            [
                units(working_directory=None, environment_files=[EnvironmentFile("/opt/x/.env", True, PLACE)]),
                make(Topology, {"peer": PeerKind.UNIX, "tls_ends": TlsEnd.PROXY, "path_map": {"/opt/x": "."}}),
            ],
            ["medium inferred unit shop.service"],
            id="where the checkout lies",
        ),
    ],
)
def test_env_file_in_tree(facts: list[object], expected: list[str]) -> None:
    assert short(judge_facts("env_file_in_tree", *facts), "high") == expected


def pair(key: str, kind: ValueKind) -> Units:
    return units(environment=[EnvironmentPair(key, kind, 13, Location("deploy/shop.service", 7), None)])


@pytest.mark.parametrize(
    ("facts", "expected"),
    [
        pytest.param(
            pair("DB_PASSWORD", ValueKind.SECRET), ["high inferred unit shop.service DB_PASSWORD"], id="a literal"
        ),
        pytest.param(pair("DB_PASSWORD", ValueKind.PLACEHOLDER), ["passed"], id="a placeholder"),
        pytest.param(pair("DB_PASSWORD", ValueKind.REFERENCE), ["passed"], id="a reference, or a credential"),
        pytest.param(pair("DB_PASSWORD", ValueKind.EMPTY), ["passed"], id="empty"),
        pytest.param(pair("DB_PASSWORD_FILE", ValueKind.PLAIN), ["passed"], id="a file's path"),
        pytest.param(
            units(execs=[Exec("ExecStart", "", ("x", "--token=***"), PLACE, (("token", 13),))]),
            ["high inferred unit shop.service ExecStart token"],
            id="in the command line",
        ),
        pytest.param(units(execs=[Exec("ExecStart", "", ("x",), PLACE)]), ["passed"], id="a harmless command line"),
    ],
)
def test_secret_in_unit(facts: Units, expected: list[str]) -> None:
    assert short(judge_facts("secret_in_unit", facts), "high") == expected


def holds(key: str = "API_TOKEN", kind: ValueKind = ValueKind.SECRET, **fields: object) -> Compose:
    usual = {"key": key, "kind": kind, "length": 13, "location": Location("compose.yml", 6)}
    return compose(service(variables=[make(ServiceVariable, {**usual, **fields})]))


@pytest.mark.parametrize(
    ("facts", "expected"),
    [
        pytest.param(holds(), ["high inferred service web API_TOKEN"], id="a literal"),
        pytest.param(holds(where="command"), ["high inferred service web API_TOKEN"], id="in the command"),
        pytest.param(holds(where="build.args"), ["high inferred service web API_TOKEN"], id="in build arguments"),
        pytest.param(holds(default_only=True), ["medium inferred service web API_TOKEN"], id="a variable's default"),
        pytest.param(holds(default_credential=True), ["passed"], id="a default credential"),
        pytest.param(holds(kind=ValueKind.REFERENCE), ["passed"], id="a reference"),
        pytest.param(holds(kind=ValueKind.PLACEHOLDER), ["passed"], id="a placeholder"),
        pytest.param(holds("API_TOKEN_URL", ValueKind.PLAIN), ["passed"], id="an endpoint"),
    ],
)
def test_secret_in_compose(facts: Compose, expected: list[str]) -> None:
    assert short(judge_facts("secret_in_compose", facts), "high") == expected


def test_a_file_of_two_sets_is_told_once() -> None:
    twice = Compose((*holds().projects, *holds().projects))
    assert len(short(judge_facts("secret_in_compose", twice), "high")) == 1

"""The layers of the production environment."""

import re

import pytest
from cryptography.hazmat.primitives.serialization import load_pem_private_key

from scanner.boot.boot import Deployment
from scanner.boot.environment import Files, known_variables
from scanner.boot.placeholders import Placeholders
from scanner.engine import Facts
from scanner.facts.boot_plan import Variable, VariableSource
from scanner.facts.settings_source import EnvironmentRead, SettingsSource
from scanner.model import Location, Options, SeatrialError
from scanner.project import Project
from tests.boot.conftest import MakeFacts

READS = "import os\nKEY = os.environ['K']\nDEBUG = os.environ['DEBUG'] == '1'\nHOSTS = os.environ['HOSTS'].split(',')\n"


def variables(facts: Facts) -> dict[str, Variable]:
    deployment = facts.get(Deployment)
    files = Files(
        facts.get(Project), deployment.units, deployment.compose, deployment.dockerfiles,
        deployment.env_files, deployment.servers,
    )  # fmt: skip
    return known_variables(files, facts.get(Options), facts.get(SettingsSource))


def told(facts: Facts) -> dict[str, tuple[str, str]]:
    return {name: (one.value, one.source.value) for name, one in variables(facts).items()}


def test_options_win_over_units_and_samples(facts_of: MakeFacts) -> None:
    unit = (
        "[Service]\nWorkingDirectory=/srv/shop\nEnvironment=K=from-unit 'HOSTS=a b'\n"
        "Environment=DB_PASSWORD=p4ss-of-unit\n"
        "ExecStart=/venv/bin/gunicorn shop.wsgi\n"
    )
    facts = facts_of(
        {"deploy/shop.service": unit, ".env.example": "K=from-sample\nDEBUG=0\n", "shop/settings.py": READS},
        Options(env={"K": "from-option"}),
    )
    assert told(facts) == {
        "K": ("from-option", "option"),
        "HOSTS": ("a b", "deployment"),
        "DB_PASSWORD": ("p4ss-of-unit", "deployment"),
        "DEBUG": ("0", "sample"),
    }


def test_an_env_file_of_the_unit_that_is_in_the_checkout(facts_of: MakeFacts) -> None:
    unit = (
        "[Service]\nWorkingDirectory=/srv/shop\nEnvironmentFile=/srv/shop/conf/live.env\n"
        "ExecStart=/venv/bin/gunicorn shop.wsgi\n"
    )
    facts = facts_of({"deploy/shop.service": unit, "conf/live.env": "K='quoted value'\n", "shop/settings.py": READS})
    assert told(facts)["K"] == ("quoted value", "deployment")
    assert variables(facts)["K"].location == Location("conf/live.env", 1)


COMPOSE = """\
services:
  web:
    build: .
    command: gunicorn shop.wsgi
    environment:
      K: "literal-of-compose"
      HOSTS: ${HOSTS:-shop.example}
      REDIS_URL: redis://:${REDIS_PASSWORD:?set}@redis:6379/0
      API_TOKEN: "tok-9182"
"""


def test_compose_with_defaults_and_what_nobody_gives(facts_of: MakeFacts) -> None:
    facts = facts_of({"docker-compose.yml": COMPOSE, "Dockerfile": "FROM python:3.13\n", "shop/settings.py": READS})
    assert told(facts) == {
        "K": ("literal-of-compose", "deployment"),
        "HOSTS": ("shop.example", "deployment"),
        "API_TOKEN": ("tok-9182", "deployment"),
    }


def test_the_image_of_the_application(facts_of: MakeFacts) -> None:
    dockerfile = (
        'FROM python:3.13 AS base\nENV K=one HOSTS="a b"\nFROM base\nENV DEBUG 0\nCMD ["gunicorn", "shop.wsgi"]\n'
    )
    facts = facts_of({"Dockerfile": dockerfile, "shop/settings.py": READS})
    assert told(facts) == {
        "K": ("one", "deployment"), "HOSTS": ("a b", "deployment"), "DEBUG": ("0", "deployment"),
    }  # fmt: skip


def test_samples_are_not_used_where_people_put_their_own(facts_of: MakeFacts) -> None:
    sample = (
        "SECRET_KEY=abc-123-def-456\nK=change-me\nDEBUG=True\nHOSTS=localhost,shop.example\nDJANGO_SETTINGS_MODULE=x\n"
    )
    facts = facts_of({".env.example": sample, "shop/settings.py": READS + "SECRET_KEY = os.environ['SECRET_KEY']\n"})
    assert told(facts) == {"HOSTS": ("localhost,shop.example", "sample")}


def test_a_sample_for_production_may_turn_debug_on(facts_of: MakeFacts) -> None:
    facts = facts_of({".env.prod-sample": "DEBUG=1\n", "shop/settings.py": READS})
    assert told(facts)["DEBUG"] == ("1", "sample")


def test_another_programs_example_says_nothing(facts_of: MakeFacts) -> None:
    facts = facts_of({"frontend/.env.example": "VITE_API=http://x\n", "shop/settings.py": READS})
    assert told(facts) == {}


def test_the_production_side_of_a_branch(facts_of: MakeFacts) -> None:
    text = (
        "import os\nENV = os.environ.get('SHOP_ENV', 'dev')\n"
        "if os.environ.get('SHOP_ENV') == 'production':\n    DEBUG = False\n"
    )
    assert told(facts_of({"shop/settings.py": text})) == {"SHOP_ENV": ("production", "switch")}


def test_a_bad_env_file(facts_of: MakeFacts) -> None:
    facts = facts_of({}, Options(env_files=("nothing.env",)))
    with pytest.raises(SeatrialError, match=r"nothing\.env"):
        variables(facts)


@pytest.mark.parametrize(
    ("name", "cast", "pattern"),
    [
        ("DEBUG", "env-bool", r"False"),
        ("DEBUG", "bool", r""),
        ("X_COUNT", "int", r"\d+"),
        ("X", "json", r"\{\}"),
        ("DATABASE_URL", None, r"sqlite:////tmp/seatrial\d+x\.sqlite3"),
        ("REDIS_URL", None, r"redis://seatrial\d+x\.invalid:6379/0"),
        ("CELERY_BROKER_URL", None, r"redis://.*"),
        ("RABBITMQ_URL", None, r"amqp://.*"),
        ("SENTRY_DSN", None, r"https://[0-9a-f]{32}@seatrial\d+x\.invalid/17"),
        ("EMAIL_BACKEND", None, r"django\.core\.mail\.backends\.smtp\.EmailBackend"),
        ("ALLOWED_HOSTS", None, r"seatrial\d+x\.example"),
        ("CSRF_TRUSTED_ORIGINS", None, r"https://seatrial\d+x\.example"),
        ("SQL_ENGINE", None, r"django\.db\.backends\.sqlite3"),
        ("DB_PORT", None, r"\d{5}"),
        ("TIME_ZONE", None, r"UTC"),
        ("MEDIA_ROOT", None, r"/tmp/seatrial\d+x"),
        ("SECRET_KEY", None, r"seatrial\d+x-[A-Za-z0-9_-]{80,}"),
        ("FERNET_KEY", None, r"[A-Za-z0-9_-]{43}="),
        ("ANYTHING", None, r"seatrial\d+x"),
    ],
)
def test_placeholders_by_kind(name: str, cast: str | None, pattern: str) -> None:
    reads = [EnvironmentRead(name, Location("s.py"), required=True, raises=True, cast=cast)]
    made = Placeholders(frozenset()).make(name, reads)
    assert re.fullmatch(pattern, made.value), made.value


def test_placeholders_differ_and_use_what_is_installed() -> None:
    maker = Placeholders(frozenset({"psycopg2-binary"}))
    assert maker.make("SECRET_KEY").value != maker.make("JWT_SECRET_KEY").value
    assert maker.make("DATABASE_URL").value.startswith("postgres://")
    load_pem_private_key(maker.make("JWT_PRIVATE_KEY").value.encode(), None)


def test_the_setting_tells_the_kind_where_the_name_does_not() -> None:
    read = EnvironmentRead("XY", Location("s.py"), required=True, raises=True, setting="SECRET_KEY")
    assert len(Placeholders(frozenset()).make("XY", [read]).value) > 50


def test_which_sources_are_invented() -> None:
    assert [one for one in VariableSource if one.invented] == [VariableSource.SAMPLE, VariableSource.PLACEHOLDER]

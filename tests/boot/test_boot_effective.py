"""Which settings the scanner decided, and where the checkout lies."""

import pytest

from scanner.boot.boot import Deployment
from scanner.boot.draft import Draft
from scanner.boot.effective import settings_fact
from scanner.boot.layout import layout_of
from scanner.boot.record import BootedSettings
from scanner.facts.boot_plan import Tree, Variable, VariableSource
from scanner.facts.settings import SecretShape, Settings, Value
from scanner.facts.settings_source import SettingsSource
from scanner.project import Project
from tests.boot.conftest import MakeFacts
from tests.boot.test_repair import PLAN

SHAPE = SecretShape(50, 30, insecure_prefix=False, known=False)


def booted(showing: dict[str, str]) -> BootedSettings:
    return BootedSettings(
        module="shop.settings", file="", django="5.2", python="3.13", values={"DEBUG": Value("bool", value=False)},
        explicit=frozenset({"DEBUG"}), secrets={"SECRET_KEY": SHAPE, "DATABASES.default.PASSWORD": SHAPE},
        showing=showing, key_digest="", middleware=(), installed_apps=(), environment=frozenset(),
    )  # fmt: skip


def fact(facts_of: MakeFacts, text: str, *variables: Variable, showing: dict[str, str] | None = None) -> Settings:
    facts = facts_of({"shop/settings.py": text})
    draft = Draft(PLAN)
    for one in variables:
        draft = draft.variable(one)
    return settings_fact(booted(showing or {}), draft, facts.get(SettingsSource))


def made_up(name: str) -> Variable:
    return Variable(name, "value", VariableSource.PLACEHOLDER, "", None, "seatrial1x")


def sample(name: str) -> Variable:
    return Variable(name, "value", VariableSource.SAMPLE, "")


def test_by_the_value(facts_of: MakeFacts) -> None:
    found = fact(facts_of, "", made_up("K"), sample("H"), showing={"SECRET_KEY": "K", "ALLOWED_HOSTS": "H"})
    assert found.injected == {"SECRET_KEY": "K"}
    assert found.samples == {"ALLOWED_HOSTS": "H"}
    assert found.secrets["SECRET_KEY"].injected
    assert not found.secrets["DATABASES.default.PASSWORD"].injected


def test_by_the_source_where_the_value_tells_nothing(facts_of: MakeFacts) -> None:
    text = "import os\nDEBUG = os.environ['D'] == '1'\nUSE_X = os.environ.get('U')\nSAFE = os.environ.get('S', 'x')\n"
    found = fact(facts_of, text, made_up("D"))
    assert found.injected == {"DEBUG": "D", "USE_X": "U"}


def test_by_the_guard(facts_of: MakeFacts) -> None:
    text = (
        "import os\nMODE = os.environ['MODE']\nif MODE == 'x':\n    SESSION_COOKIE_SECURE = True\n"
        "if not DEBUG:\n    A = 1\n"
    )
    found = fact(facts_of, text, made_up("MODE"))
    assert set(found.injected) == {"MODE", "SESSION_COOKIE_SECURE"}


def test_each_item_of_a_dict_speaks_for_itself(facts_of: MakeFacts) -> None:
    text = "import os\nDATABASES = {'default': {'NAME': os.environ['N'], 'PASSWORD': 'theirs'}}\n"
    found = fact(facts_of, text, sample("N"))
    assert found.samples == {"DATABASES.default.NAME": "N"}
    assert not found.secrets["DATABASES.default.PASSWORD"].injected


def test_a_whole_dict_from_one_variable(facts_of: MakeFacts) -> None:
    text = "import environ\nenv = environ.Env()\nDATABASES = {'default': env.db('U')}\n"
    assert fact(facts_of, text, sample("U")).secrets["DATABASES.default.PASSWORD"].injected


UNIT = "[Service]\nWorkingDirectory={}\nExecStart=/venv/bin/gunicorn shop.wsgi\n"


@pytest.mark.parametrize(
    ("directory", "trees"),
    [
        ("/srv/shop", (Tree(".", "/srv/shop"),)),
        ("/srv", (Tree(".", "/app"),)),
        ("/etc", (Tree(".", "/app"),)),
        ("relative", (Tree(".", "/app"),)),
        ("/srv/../etc/x", (Tree(".", "/app"),)),
    ],
)
def test_the_production_directory(facts_of: MakeFacts, directory: str, trees: tuple[Tree, ...]) -> None:
    facts = facts_of({"deploy/shop.service": UNIT.format(directory)})
    deployment = facts.get(Deployment)
    layout = layout_of(facts.get(Project), deployment.units, None, None, None)
    assert layout.trees == trees


def test_a_project_below_the_root(facts_of: MakeFacts) -> None:
    facts = facts_of({})
    facts.get(Project)
    nested = facts_of(
        {"manage.py": "", "site/manage.py": "execute_from_command_line", "deploy/s.service": UNIT.format("/srv/x/site")}
    )
    deployment = nested.get(Deployment)
    layout = layout_of(nested.get(Project), deployment.units, None, None, None)
    assert (layout.trees, layout.directory) == ((Tree(".", "/srv/x"),), "/srv/x/site")

"""Settings that the repository leaves out, and values that only CI gives."""

import pytest

from scanner.boot.local_settings import missing_local_settings
from scanner.boot.workflow_values import workflow_variables
from scanner.facts.boot_plan import VariableSource
from scanner.project import Project
from tests.boot.conftest import MakeFacts

IMPORT = "DEBUG = True\ntry:\n    from {} import *\nexcept ImportError:\n    pass\nSECURE_SSL_REDIRECT = True\n"


@pytest.mark.parametrize("name", ["shop.localsettings", ".local", "local_settings"])
def test_a_module_that_only_the_server_has(facts_of: MakeFacts, name: str) -> None:
    project = facts_of({"shop/settings.py": IMPORT.format(name)}).get(Project)
    found = missing_local_settings(project, "shop/settings.py")
    assert found is not None
    assert str(found.location) == "shop/settings.py:3"
    assert found.may_set("DEBUG")
    assert found.may_set("SESSION_COOKIE_SECURE")
    assert not found.may_set("SECURE_SSL_REDIRECT"), "it is set after the import"
    assert not found.may_set("ROOT_URLCONF"), "nobody sets that on the server"


def test_what_its_example_sets(facts_of: MakeFacts) -> None:
    project = facts_of({
        "shop/base.py": IMPORT.format(".local"), "shop/settings.py": "from .base import *\n",
        "shop/local.example.py": "# ROOT_URLCONF = 'other'\n",
    }).get(Project)  # fmt: skip
    found = missing_local_settings(project, "shop/settings.py")
    assert found is not None
    assert found.may_set("ROOT_URLCONF")


@pytest.mark.parametrize(
    "text",
    [
        "try:\n    from shop.here import *\nexcept ImportError:\n    pass\n",
        "try:\n    from rest_framework import *\nexcept ImportError:\n    pass\n",
        "from shop.gone import *\n",
        "try:\n    import shop.gone\nexcept ImportError:\n    pass\n",
        "try:\n    from shop.gone import *\nexcept ValueError:\n    pass\n",
    ],
)
def test_what_hides_nothing(facts_of: MakeFacts, text: str) -> None:
    project = facts_of({"shop/settings.py": text, "shop/here.py": "X = 1\n"}).get(Project)
    assert missing_local_settings(project, "shop/settings.py") is None


WORKFLOW = """\
env:
  REGION: eu
jobs:
  test:
    env: {DATABASE_URL: "postgres://u@localhost/shop", DEBUG: true, SECRET_KEY: of-ci, TOKEN_X: "${{ secrets.X }}"}
    steps:
      - run: echo
        env: {NOT_THIS: 1}
      - run: python manage.py check --deploy
        env:
          WORKERS: 4
          STAGE: test
  release:
    env: {OTHER: 1}
    steps: [{run: twine upload}]
"""


def test_what_ci_runs_the_tests_with(facts_of: MakeFacts) -> None:
    found = workflow_variables(facts_of({".github/workflows/ci.yml": WORKFLOW}).get(Project))
    assert {name: one.value for name, one in found.items()} == {
        "WORKERS": "4", "DATABASE_URL": "postgres://u@localhost/shop", "REGION": "eu",
    }  # fmt: skip
    assert found["WORKERS"].source is VariableSource.SAMPLE
    assert str(found["WORKERS"].location) == ".github/workflows/ci.yml:11"


def test_what_gitlab_runs_the_tests_with(facts_of: MakeFacts) -> None:
    text = "variables: {A_NAME: x1}\ntest:\n  variables: {WORKERS: 3}\n  script: [pytest]\nbuild:\n  script: [make]\n"
    found = workflow_variables(facts_of({".gitlab-ci.yml": text}).get(Project))
    assert {name: one.value for name, one in found.items()} == {"WORKERS": "3", "A_NAME": "x1"}


@pytest.mark.parametrize("text", ["[", "a: &a [*a]", "jobs: 3", "jobs: {t: {steps: 5}}", "x: " + "&a " * 300, "\0"])
def test_workflows_that_are_none(facts_of: MakeFacts, text: str) -> None:
    assert workflow_variables(facts_of({".github/workflows/ci.yml": text}).get(Project)) == {}

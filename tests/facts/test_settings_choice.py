"""Which settings module is production's."""

import pytest

from scanner.facts.settings_choice import settings_choice
from scanner.model import Options, Unavailable
from tests.facts.conftest import MakeProject

UNIT = "[Service]\nEnvironment=DJANGO_SETTINGS_MODULE=shop.settings_live\nExecStart=/venv/bin/gunicorn shop.wsgi\n"
WSGI = "import os\nos.environ.setdefault('DJANGO_SETTINGS_MODULE', '{}')\n"


def test_the_option_wins(make: MakeProject) -> None:
    project = make({"deploy/shop.service": UNIT, "shop/settings_live.py": "DEBUG = False\n"})
    found = settings_choice(project, Options(settings="shop.settings"))
    assert (found.module, found.reason, found.path) == ("shop.settings", "given with --settings", "shop/settings.py")


def test_a_deployment_file_names_it(make: MakeProject) -> None:
    project = make({"deploy/shop.service": UNIT, "shop/settings_live.py": "", "shop/production.py": "DEBUG = False\n"})
    found = settings_choice(project, Options())
    assert found.module == "shop.settings_live"
    assert found.reason == "DJANGO_SETTINGS_MODULE in deploy/shop.service:2"


def test_what_one_build_step_sets_is_gone_when_it_runs(make: MakeProject) -> None:
    image = "FROM python\nRUN x && \\\n  DJANGO_SETTINGS_MODULE=shop.static ./manage.py collectstatic\n"
    project = make({"Dockerfile": image, "shop/static.py": ""})
    assert settings_choice(project, Options()).module == "shop.settings"
    later = image + "ENV DJANGO_SETTINGS_MODULE=shop.static\n"
    project = make({"Dockerfile": later, "shop/static.py": ""})
    assert settings_choice(project, Options()).reason == "DJANGO_SETTINGS_MODULE in Dockerfile:4"


def test_a_unit_wins_over_a_script(make: MakeProject) -> None:
    script = "export DJANGO_SETTINGS_MODULE=shop.settings\n"
    project = make({"deploy/run.sh": script, "deploy/shop.service": UNIT, "shop/settings_live.py": ""})
    assert settings_choice(project, Options()).module == "shop.settings_live"


@pytest.mark.parametrize(
    "line",
    [
        "#Environment=DJANGO_SETTINGS_MODULE=shop.settings_live",
        "Environment=DJANGO_SETTINGS_MODULE=shop.settings_dev",
        "Environment=DJANGO_SETTINGS_MODULE=elsewhere.settings",
    ],
)
def test_what_is_commented_out_for_development_or_not_here_does_not_count(make: MakeProject, line: str) -> None:
    files = {"deploy/shop.service": f"[Service]\n{line}\n", "shop/settings_live.py": "", "shop/settings_dev.py": ""}
    assert settings_choice(make(files), Options()).module == "shop.settings"


def test_an_example_file_does_not_decide(make: MakeProject) -> None:
    project = make({".env.example": "DJANGO_SETTINGS_MODULE=shop.settings_live\n", "shop/settings_live.py": ""})
    assert settings_choice(project, Options()).module == "shop.settings"


def test_a_file_named_for_production_wins_over_wsgi(make: MakeProject) -> None:
    project = make(
        {
            "shop/settings.py": "",
            "shop/settings_dev.py": "from .settings import *\n",
            "shop/settings_production.py": "from .settings import *\n",
            "shop/wsgi.py": WSGI.format("shop.settings_dev"),
        }
    )
    found = settings_choice(project, Options())
    assert found.module == "shop.settings_production"
    assert "named for production" in found.reason


def test_the_one_that_turns_debug_off(make: MakeProject) -> None:
    project = make(
        {
            "shop/settings.py": "DEBUG = True\nINSTALLED_APPS = []\n",
            "shop/config_online.py": "from .settings import *\nDEBUG = False\n",
            "shop/wsgi.py": WSGI.format("shop.settings"),
        }
    )
    found = settings_choice(project, Options())
    assert (found.module, found.reason) == ("shop.config_online", "it is hardened at shop/config_online.py:2")


def test_a_base_module_is_not_what_runs(make: MakeProject) -> None:
    project = make(
        {
            "shop/settings/__init__.py": "from .base import *\n",
            "shop/settings/base.py": "DEBUG = False\nINSTALLED_APPS = []\n",
            "shop/wsgi.py": WSGI.format("shop.settings"),
        }
    )
    found = settings_choice(project, Options())
    assert (found.module, found.path) == ("shop.settings", "shop/settings/__init__.py")


def test_manage_is_the_last_word(make: MakeProject) -> None:
    found = settings_choice(make({}), Options())
    assert found.module == "shop.settings"
    assert "manage.py" in found.reason


def test_none_at_all(make: MakeProject) -> None:
    project = make(
        {"manage.py": "from django.core.management import execute_from_command_line\n", "shop/settings.py": ""}
    )
    with pytest.raises(Unavailable, match="--settings"):
        settings_choice(project, Options())

"""Where settings get their values."""

import pytest

from scanner.facts.settings_choice import settings_choice
from scanner.facts.settings_source import Origin, SettingsSource, settings_source
from scanner.model import Location, Options, Unavailable
from tests.facts.conftest import MakeProject


def read(make: MakeProject, text: str, **files: str) -> SettingsSource:
    project = make({"shop/settings.py": text, **{f"shop/{name}.py": content for name, content in files.items()}})
    return settings_source(project, settings_choice(project, Options(settings="shop.settings")))


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("DEBUG = True", (Origin.LITERAL, None, None, None, "True")),
        ("import os\nDEBUG = os.environ['DEBUG'] == '1'", (Origin.ENV_REQUIRED, "DEBUG", "env-bool", None, None)),
        ("import os\nDEBUG = bool(os.environ.get('D', default=0))", (Origin.ENV_DEFAULT, "D", "bool", "0", None)),
        ("import os\nDEBUG = int(os.getenv('D', 1))", (Origin.ENV_DEFAULT, "D", "int", "1", None)),
        (
            "import os\nDEBUG = os.getenv('D', 'no').lower() in ('1', 'true')",
            (Origin.ENV_DEFAULT, "D", "env-bool", "'no'", None),
        ),
        (
            "import environ\nenv = environ.Env()\nDEBUG = env.bool('D', default=False)",
            (Origin.ENV_DEFAULT, "D", "env-bool", "False", None),
        ),
        (
            "import environ\nenv = environ.Env(D=(bool, True))\nDEBUG = env('D')",
            (Origin.ENV_DEFAULT, "D", "env-bool", "True", None),
        ),
        (
            "from decouple import config\nDEBUG = config('D', default=False, cast=bool)",
            (Origin.ENV_DEFAULT, "D", "env-bool", "False", None),
        ),
        (
            "from environs import Env\ne = Env()\nDEBUG = e.bool('D')",
            (Origin.ENV_REQUIRED, "D", "env-bool", None, None),
        ),
        ("import os\nx = os.environ.get('D')\nDEBUG = x", (Origin.ENV_REQUIRED, "D", None, None, None)),
        ("import os\nDEBUG = os.environ.get('D') or 'off'", (Origin.ENV_DEFAULT, "D", None, "'off'", None)),
        (
            "import os\ndef var(n, d=None):\n    return os.environ.get(n, d)\nDEBUG = var('D', True)",
            (Origin.ENV_DEFAULT, "D", None, "True", None),
        ),
        ("import sys\nDEBUG = 'x' in sys.argv", (Origin.COMPUTED, None, None, None, None)),
    ],
)
def test_origins(make: MakeProject, text: str, expected: tuple[object, ...]) -> None:
    winner = read(make, text).winner("DEBUG")
    assert winner is not None
    assert (winner.origin, winner.variable, winner.cast, winner.default, winner.literal) == expected


def test_a_secret_literal_is_never_told(make: MakeProject) -> None:
    source = read(make, "import os\nSECRET_KEY = 'k3y-of-the-house'\nAPI_TOKEN = os.getenv('T', 'tok-of-the-house')\n")
    key, token = source.winner("SECRET_KEY"), source.winner("API_TOKEN")
    assert key is not None
    assert token is not None
    assert (key.literal, key.literal_length) == (None, 16)
    assert (token.default, token.literal_length) == (None, 16)
    assert "of-the-house" not in repr(source)


def test_a_url_with_a_password_is_never_told(make: MakeProject) -> None:
    source = read(make, "BROKER_URL = 'redis://:hunter-two-77@cache:6379/0'\n")
    assert "hunter-two-77" not in repr(source)


def test_the_last_assignment_counts_through_star_imports(make: MakeProject) -> None:
    source = read(
        make,
        "DEBUG = True\nfrom .base import *\nALLOWED_HOSTS += ['b']\n",
        base="DEBUG = False\nALLOWED_HOSTS = ['a']\n",
    )
    winner, hosts = source.winner("DEBUG"), source.winner("ALLOWED_HOSTS")
    assert winner is not None
    assert winner.location == Location("shop/base.py", 1)
    assert hosts is not None
    assert hosts.literal == "['a']"
    assert [one.augmented for one in source.assignments["ALLOWED_HOSTS"]] == [False, True]
    assert source.files == ("shop/base.py", "shop/settings.py")


def test_guards(make: MakeProject) -> None:
    source = read(make, "PROD = True\nif PROD:\n    DEBUG = False\nelse:\n    DEBUG = True\n")
    assert [one.guard for one in source.assignments["DEBUG"]] == ["PROD", "not (PROD)"]


def test_a_star_import_under_a_guard(make: MakeProject) -> None:
    source = read(
        make, "import os\nif os.environ.get('X') == 'prod':\n    from .prod import *\n", prod="DEBUG = False\n"
    )
    [one] = source.assignments["DEBUG"]
    assert one.guard == "os.environ.get('X') == 'prod'"
    assert source.reads[0].compared == ("prod",)


def test_nested_keys(make: MakeProject) -> None:
    source = read(
        make,
        "import os\nDATABASES = {'default': {'PASSWORD': os.environ['DB_PW'], 'HOST': 'db'}}\n"
        "DATABASES['default']['HOST'] = 'other'\n",
    )
    password, host = source.winner("DATABASES.default.PASSWORD"), source.winner("DATABASES.default.HOST")
    assert password is not None
    assert password.variable == "DB_PW"
    assert host is not None
    assert host.literal == "'other'"


def test_reads_of_imported_modules_and_pydantic(make: MakeProject) -> None:
    env = (
        "import os\nfrom pydantic_settings import BaseSettings\nTOKEN = os.environ['A_TOKEN']\n"
        "class Settings(BaseSettings):\n    db_host: str\n    debug: bool = False\n"
    )
    source = read(make, "from .env import TOKEN\nAPI = TOKEN\n", env=env)
    assert set(source.environment_reads) == {"A_TOKEN", "DB_HOST", "DEBUG"}
    required = {one.variable: one.required for one in source.reads}
    assert required == {"A_TOKEN": True, "DB_HOST": True, "DEBUG": False}


def test_a_read_under_a_condition_is_marked(make: MakeProject) -> None:
    source = read(make, "import os\nif 'BUCKET' in os.environ:\n    NAME = os.environ['BUCKET']\n")
    [one] = source.reads
    assert one.guard == "'BUCKET' in os.environ"


def test_django_configurations(make: MakeProject) -> None:
    text = (
        "from configurations import Configuration\nclass Base(Configuration):\n    X_FRAME_OPTIONS = 'DENY'\n"
        "class Dev(Base):\n    DEBUG = True\nclass Production(Base):\n    DEBUG = False\n"
    )
    source = read(make, text)
    assert [one.literal for one in source.assignments["DEBUG"]] == ["False"]
    assert source.winner("X_FRAME_OPTIONS") is not None


def test_split_settings(make: MakeProject) -> None:
    text = "from split_settings.tools import include, optional\ninclude('parts.py', optional('none.py'))\n"
    source = read(make, text, parts="DEBUG = False\n")
    assert source.place("DEBUG") == Location("shop/parts.py", 1)


def test_broken_and_circular_modules(make: MakeProject) -> None:
    source = read(make, "from .a import *\nDEBUG = False\n", a="from .b import *\n", b="from .a import *\nX = (\n")
    assert source.place("DEBUG") == Location("shop/settings.py", 2)
    [told] = source.unreadable
    assert told.startswith("shop/b.py: is no Python")


def test_a_module_that_is_not_here(make: MakeProject) -> None:
    project = make({})
    with pytest.raises(Unavailable, match="not in the checkout"):
        settings_source(project, settings_choice(project, Options(settings="nowhere.settings")))


def test_a_very_deep_expression_is_no_crash(make: MakeProject) -> None:
    source = read(make, "X = " + "(" * 3000 + "1" + ")" * 3000 + "\nDEBUG = False\n")
    assert source.unreadable

"""From an exception to the next attempt."""

import json
import types
from dataclasses import replace

import pytest

from scanner.boot.draft import Draft
from scanner.boot.message import failed_boot
from scanner.boot.placeholders import Placeholders
from scanner.boot.record import Fault, Frame
from scanner.boot.repair import Workshop, repaired
from scanner.facts.boot_plan import BootPlan, Tree, Variable, VariableSource
from scanner.facts.settings_source import SettingsSource
from scanner.model import Location
from scanner.project import Project
from tests.boot.conftest import MakeFacts

PLAN = BootPlan(
    settings_module="shop.settings", settings_reason="", settings_path="shop/settings.py", directory="/app",
    root="/app", trees=(Tree(".", "/app"),), python_path=("/app",), variables=(),
)  # fmt: skip
SETTINGS = "import os\nKEY = os.environ.get('SHOP_KEY', 'default')\nHOSTS = os.environ.get('HOSTS').split(',')\n"


def fault(text: str, *causes: str, kind: str = "builtins.ValueError", line: int = 2, missing: str = "") -> Fault:
    frames = (Frame("/usr/lib/python3/importlib.py", 9, "load"), Frame("/app/shop/settings.py", line, "<module>"))
    return Fault("settings", kind, text, causes, missing, (*frames, Frame("/opt/env/site-packages/x.py", 3, "f")))


@pytest.fixture
def shop(facts_of: MakeFacts) -> Workshop:
    facts = facts_of({
        "shop/settings.py": SETTINGS,
        "shop/local.py.example": "SECRET_KEY = ''\nNAME = ''\n",
        "shop/use.py": "from shop.secret_things import TOKEN, load\nload()\n",
        "libs/helpers/__init__.py": "",
        "config.json.example": "{}",
    })  # fmt: skip
    return Workshop(
        facts.get(Project), facts.get(SettingsSource), Placeholders(frozenset()), {"rare-thing": "rare-thing==1.0"},
        frozenset({"django-environ"}), can_add_system_packages=True,
    )  # fmt: skip


@pytest.mark.parametrize(
    ("text", "names"),
    [
        ("KeyError: 'NEW_ONE'", {"NEW_ONE"}),
        ("ImproperlyConfigured: Set the NEW_ONE environment variable", {"NEW_ONE"}),
        ('EnvError: Environment variable "NEW_ONE" not set', {"NEW_ONE"}),
        ("UndefinedValueError: NEW_ONE not found. Declare it as envvar or define a default value.", {"NEW_ONE"}),
        ("ValidationError: 2 errors for Settings one_a   Field required two_b   Field required", {"ONE_A", "TWO_B"}),
        ("ImproperlyConfigured: Either NEW_ONE or NEW_ONE_FILE must be set", {"NEW_ONE"}),
        ("ValueError: You must set KEY in deployed environments: SHOP_KEY is the default", {"SHOP_KEY"}),
        ("AttributeError: 'NoneType' object has no attribute 'split'", {"HOSTS", "SHOP_KEY"}),
    ],
)  # fmt: skip
def test_variables_that_are_missing(shop: Workshop, text: str, names: set[str]) -> None:
    following = repaired(fault(text), Draft(PLAN), shop)
    assert following is not None
    assert {one.name for one in following.plan.variables} == names
    assert all(one.source is VariableSource.PLACEHOLDER and one.mark for one in following.plan.variables)
    assert following.plan.variables[0].why.endswith("in shop/settings.py:2")


def test_a_lower_case_key_is_no_variable(shop: Workshop) -> None:
    assert repaired(fault("KeyError: 'default'", kind="builtins.KeyError"), Draft(PLAN), shop) is None


def test_a_refused_placeholder_becomes_another_kind(shop: Workshop) -> None:
    draft = shop.fill(Draft(PLAN), "SHOP_SIZE", "because")
    mark = draft.plan.variables[0].mark
    following = repaired(fault(f"ValueError: invalid literal for int() with base 10: '{mark}'"), draft, shop)
    assert following is not None
    assert following.plan.variables[0].value.isdigit()
    assert following.hints == {"SHOP_SIZE": ("int",)}


def test_a_users_own_value_is_never_replaced(shop: Workshop) -> None:
    own = Variable("SHOP_KEY", "theirs", VariableSource.OPTION, "given")
    assert repaired(fault("ValueError: SHOP_KEY is too short"), Draft(PLAN).variable(own), shop) is None


def test_an_empty_key_that_nothing_sets(shop: Workshop) -> None:
    following = repaired(fault("ImproperlyConfigured: The SECRET_KEY setting must not be empty."), Draft(PLAN), shop)
    assert following is not None
    [override] = following.plan.overrides
    assert override.setting == "SECRET_KEY"
    assert len(json.loads(override.value)) > 50


@pytest.mark.parametrize(
    ("text", "setting"),
    [
        ("ImproperlyConfigured: Error loading MySQLdb module. Did you install mysqlclient?", "DATABASES"),
        ("ValueError: Unable to configure handler 'file'", "LOGGING_CONFIG"),
    ],
)
def test_settings_that_are_replaced(shop: Workshop, text: str, setting: str) -> None:
    following = repaired(fault(text), Draft(PLAN), shop)
    assert following is not None
    assert [one.setting for one in following.plan.overrides] == [setting]
    assert repaired(fault(text), following, shop) is None, "the same repair is not tried twice"


def test_directories_then_the_whole_tree(shop: Workshop) -> None:
    text = "OSError: [Errno 30] Read-only file system: '/app/logs/site.log'"
    first = repaired(fault(text), Draft(PLAN), shop)
    assert first is not None
    assert (first.plan.directories, first.writable) == (("/app/logs",), False)
    draft: Draft | None = first
    while draft is not None and not draft.writable:
        draft = repaired(fault(text), draft, shop)
    assert draft is not None


def test_no_directory_of_the_system_is_hidden(shop: Workshop) -> None:
    text = "PermissionError: [Errno 13] Permission denied: '/usr/local/share/Club'"
    following = repaired(fault(text), Draft(PLAN), shop)
    assert following is not None
    assert following.plan.directories == ("/usr/local/share/Club",)


def test_a_file_that_is_copied_from_its_example(shop: Workshop) -> None:
    following = repaired(
        fault("FileNotFoundError: [Errno 2] No such file or directory: '/app/config.json'"), Draft(PLAN), shop
    )
    assert following is not None
    assert [(one.target, one.content) for one in following.plan.files] == [("/app/config.json", b"{}")]


def missing(name: str) -> Fault:
    return fault(f"ModuleNotFoundError: No module named '{name}'", kind="builtins.ModuleNotFoundError", missing=name)


def test_a_module_with_an_example(shop: Workshop) -> None:
    following = repaired(missing("shop.local"), Draft(PLAN), shop)
    assert following is not None
    [made] = following.plan.files
    assert made.target == "/app/shop/local.py"
    assert made.content.startswith(b"SECRET_KEY = 'seatrial")
    assert made.content.endswith(b"NAME = ''\n")
    assert set(following.marks) == {"SECRET_KEY"}


def test_a_module_of_the_projects_own_is_stubbed(shop: Workshop) -> None:
    following = repaired(missing("shop.secret_things"), Draft(PLAN), shop)
    assert following is not None
    text = following.plan.files[0].content.decode()
    assert "TOKEN = 'seatrial" in text
    assert "def load(*args, **kwargs):" in text
    assert set(following.marks) == {"shop.secret_things.TOKEN"}
    compile(text, "stub", "exec")


def test_a_module_elsewhere_in_the_checkout(shop: Workshop) -> None:
    following = repaired(missing("helpers"), Draft(PLAN), shop)
    assert following is not None
    assert following.plan.python_path == ("/app", "/app/libs")


@pytest.mark.parametrize(
    ("name", "line"),
    [
        ("rest_framework", "djangorestframework"),
        ("rare_thing", "rare-thing==1.0"),
        ("pkg_resources", "setuptools<81"),
    ],
)
def test_a_distribution_that_is_known(shop: Workshop, name: str, line: str) -> None:
    following = repaired(missing(name), Draft(PLAN), shop)
    assert following is not None
    assert following.requirements == (line,)


@pytest.mark.parametrize("name", ["environ", "evil_unknown_package"])
def test_what_is_not_installed(shop: Workshop, name: str) -> None:
    """What failed before; and names out of the project's code: a stranger may have registered them on the index."""
    assert repaired(missing(name), Draft(PLAN), shop) is None


def test_a_stand_in_once_the_settings_have_loaded(shop: Workshop) -> None:
    needy = replace(shop, left_out=frozenset({"s3-tar"}))
    assert repaired(missing("s3_tar"), Draft(PLAN), needy) is None, "the settings need it"
    following = repaired(replace(missing("s3_tar"), stage="setup"), Draft(PLAN), needy)
    assert following is not None
    [made] = following.plan.files
    assert made.target == "/seatrial/absent/s3_tar/__init__.py"
    module = types.ModuleType("s3_tar")
    exec(made.content, module.__dict__)
    derived = type("Derived", (module.Tar,), {})
    assert module.Tar.mode
    assert derived("x").add("y")
    assert module.task()(len) is len


def test_the_projects_own_metadata(shop: Workshop) -> None:
    text = "PackageNotFoundError: No package metadata was found for shop-site"
    following = repaired(fault(text), Draft(PLAN), shop)
    assert following is not None
    assert following.plan.files[0].target.endswith("shop_site-0.0.0.dist-info/METADATA")
    assert following.plan.python_path[-1] == "/seatrial/site"


def test_system_libraries(shop: Workshop) -> None:
    text = "ImportError: libpq.so.5: cannot open shared object file: No such file or directory"
    following = repaired(fault(text), Draft(PLAN), shop)
    assert following is not None
    assert following.system_packages == ("libpq5",)
    assert repaired(fault(text), Draft(PLAN), replace(shop, can_add_system_packages=False)) is None


@pytest.mark.parametrize(
    ("one", "hint"),
    [
        (missing("gone"), "--requirements"),
        (fault("SyntaxError: invalid syntax", kind="builtins.SyntaxError"), "--python"),
        (fault("KeyError: 'X'", kind="builtins.KeyError"), "--env"),
        (fault("ZeroDivisionError: division by zero", kind="builtins.ZeroDivisionError"), "--settings"),
    ],
)
def test_the_message_names_the_place_and_one_option(one: Fault, hint: str) -> None:
    error = failed_boot(one, Draft(PLAN))
    assert "at shop/settings.py:2" in error.reason
    assert hint in error.hint
    assert error.location == Location("shop/settings.py", 2)

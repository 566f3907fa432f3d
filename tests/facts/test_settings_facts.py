"""Facts beside the booted settings: what production serves, what the code reads, trackers, connections, loggers."""

from collections.abc import Mapping

import pytest

from scanner.engine import Facts, discover_providers
from scanner.facts.connections import Connection, connections, is_remote
from scanner.facts.error_trackers import error_trackers
from scanner.facts.secrets import ValueKind
from scanner.facts.served_settings import ServedSettings
from scanner.facts.setting_reads import setting_reads
from scanner.facts.settings_place import default_of, nested_place, undecided_by
from scanner.facts.settings_source import SettingsSource
from scanner.facts.settings_syntax import seen_under
from scanner.model import Location, Options, Progress, Silent
from scanner.project import Checkout, Project
from tests.facts.conftest import MakeProject
from tests.rulekit import settings_of

BOTH = ["send_default_pii", "debug"]
UNIT = "[Service]\nUser=shop\n{environment}\nExecStart=/venv/bin/gunicorn --bind unix:/run/a.sock shop.wsgi\n"
WSGI = "import os\nos.environ.setdefault('DJANGO_SETTINGS_MODULE', 'shop.settings.dev')\n"
PACKAGE = {
    "shop/settings/__init__.py": "",
    "shop/settings/base.py": "A = 1\n",
    "shop/settings/dev.py": "DEBUG = True\n",
    "shop/settings/production.py": "DEBUG = False\n",
}


def served(make: MakeProject, files: Mapping[str, str]) -> ServedSettings:
    project = make(files)
    known = {Project: project, Checkout: project.checkout, Options: Options(), Progress: Silent()}
    return Facts(discover_providers(("scanner.facts",)), known).get(ServedSettings)


def unit(environment: str) -> dict[str, str]:
    return {**PACKAGE, "deploy/shop.service": UNIT.format(environment=environment), "shop/wsgi.py": WSGI}


def test_the_variable_of_a_unit(make: MakeProject) -> None:
    found = served(make, unit("Environment=DJANGO_SETTINGS_MODULE=shop.settings.dev"))
    (one,) = found.served
    assert (one.module, one.for_development, one.by_default) == ("shop.settings.dev", True, False)
    assert (one.location.path, one.location.line) == ("deploy/shop.service", 3)
    assert found.others == ("shop/settings/production.py",)


def test_the_default_of_the_entry_point(make: MakeProject) -> None:
    (one,) = served(make, unit("Restart=always")).served
    assert (one.module, one.by_default, one.may_be_overridden) == ("shop.settings.dev", True, None)
    assert (one.location.path, one.location.line) == ("shop/wsgi.py", 2)


def test_an_environment_file_may_say_otherwise(make: MakeProject) -> None:
    (one,) = served(make, unit("EnvironmentFile=/etc/shop/env")).served
    assert one.may_be_overridden == "/etc/shop/env"


def test_a_variable_wins_over_the_entry_point(make: MakeProject) -> None:
    (one,) = served(make, unit("Environment=DJANGO_SETTINGS_MODULE=shop.settings.production")).served
    assert not one.for_development


def test_what_is_not_production_is_left_out(make: MakeProject) -> None:
    files = unit("Environment=DJANGO_SETTINGS_MODULE=shop.settings.dev")
    files["deploy/dev/shop.service"] = files.pop("deploy/shop.service")
    assert served(make, files).served == ()


def test_a_base_module_is_no_alternative(make: MakeProject) -> None:
    files = unit("Environment=DJANGO_SETTINGS_MODULE=shop.settings.dev")
    del files["shop/settings/production.py"]
    assert served(make, files).others == ()


@pytest.mark.parametrize(
    ("path", "text", "read"),
    [
        ("shop/views.py", "from django.conf import settings\nx = settings.SHOP_LIMIT\n", True),
        ("shop/views.py", "x = getattr(settings, 'SHOP_LIMIT', 3)\n", True),
        ("shop/views.py", "from shop.settings import SHOP_LIMIT\n", True),
        ("shop/views.py", "SHOP_LIMIT = 3\n", False),
        ("shop/settings.py", "SHOP_LIMIT = 3\n", False),
        ("shop/settings.py", "if X:\n    SHOP_LIMIT = 3\n", False),
        ("shop/settings.py", "SHOP_LIMIT = 3\nOTHER = [SHOP_LIMIT]\n", True),
        ("shop/settings.py", "SHOP_LIMIT = env('SHOP_LIMIT')\n", False),
        ("shop/settings.py", "# SHOP_LIMIT is nothing\n", False),
    ],
)
def test_who_reads_a_setting(make: MakeProject, path: str, text: str, read: bool) -> None:
    found = setting_reads(make({path: text}))
    assert ("SHOP_LIMIT" in found.names) is read
    assert found.complete


def test_a_file_that_cannot_be_read_leaves_it_open(make: MakeProject) -> None:
    assert not setting_reads(make({"shop/big.py": "x" * (600 * 1024)})).complete


@pytest.mark.parametrize(
    ("path", "text", "names"),
    [
        ("shop/settings.py", "import sentry_sdk\nsentry_sdk.init(send_default_pii=True, debug=True)\n", BOTH),
        ("shop/settings.py", "import sentry_sdk\nsentry_sdk.init(send_default_pii=False)\n", []),
        ("shop/settings.py", "import sentry_sdk\nsentry_sdk.init(debug=DEBUG)\n", []),
        ("shop/settings.py", "import sentry_sdk\nif DEBUG:\n    sentry_sdk.init(debug=True)\n", []),
        ("shop/tests/a.py", "import sentry_sdk\nsentry_sdk.init(debug=True)\n", []),
        ("shop/settings_dev.py", "import sentry_sdk\nsentry_sdk.init(debug=True)\n", []),
        ("shop/a.py", "other.init(debug=True)  # sentry_sdk\n", []),
    ],
)  # fmt: skip
def test_error_trackers(make: MakeProject, path: str, text: str, names: list[str]) -> None:
    assert [one.name for one in error_trackers(make({path: text})).options] == names


@pytest.mark.parametrize(
    ("host", "remote"),
    [
        *((name, True) for name in ("db.shop.example", "8.8.8.8", "[2001:4860:4860::8888]", "DB.Shop.Example")),
        *((name, False) for name in ("", "/run/pg", "localhost", "db", "10.1.2.3", "::1", "fe80::1", "db.local")),
        *((name, False) for name in ("$DB_HOST", "{{ host }}", "<host>", "host.docker.internal")),
    ],
)
def test_which_hosts_are_on_another_network(host: str, remote: bool) -> None:
    assert is_remote(host) is remote


def test_hostile_settings_have_no_connections() -> None:
    odd = {
        "DATABASES": {"a": None, "b": {"ENGINE": 3}, "c": {"ENGINE": "django.db.backends.postgresql", "OPTIONS": []}},
        "CACHES": {"a": {"LOCATION": 7}, "b": {"LOCATION": "redis://[::1"}},
        "CHANNEL_LAYERS": {"a": {"CONFIG": {"hosts": [None, [], {}]}}},
        "CELERY_BROKER_URL": "redis://[broken",
    }
    found = list(connections(settings_of({"set": odd})))
    assert found == [
        Connection("DATABASES.c", "postgresql", "", "", encrypted=False),
        Connection("CHANNEL_LAYERS.a", "redis", "", "", encrypted=False),
    ]


@pytest.mark.parametrize(
    ("text", "kind"),
    [
        ("shop.tokens.OpaqueTokens", ValueKind.PLAIN),
        ("/accounts/password/reset/{key}", ValueKind.PLAIN),
        ("5/m/user", ValueKind.PLAIN),
        ("token_type", ValueKind.PLAIN),
        ("DEMO_KEY", ValueKind.PLAIN),
        ("fixture-4hX9-mail-22kq", ValueKind.SECRET),
        ("/x7Yp+fixture/Kq2v=", ValueKind.SECRET),
        ("eyJmaXh0dXJl.eyJtYWRl.dXAtc2ln", ValueKind.SECRET),
    ],
)
def test_paths_are_no_secrets(text: str, kind: ValueKind) -> None:
    assert seen_under("RESET_TOKEN", text).kind is kind


SOURCE = """\
import os
DATABASES = {"default": {"USER": os.environ.get("DB_USER", "postgres"), "HOST": "db"}}
BROKER_URL = os.environ.get("BROKER", "redis://x")
"""


def test_where_nested_values_come_from(make: MakeProject) -> None:
    project = make({"shop/settings.py": SOURCE})
    known = {Project: project, Checkout: project.checkout, Options: Options(), Progress: Silent()}
    source = Facts(discover_providers(("scanner.facts",)), known).get(SettingsSource)
    settings = settings_of({"environment_names": ["BROKER"]})
    assert default_of(settings, source, "DATABASES.default.USER") == "DB_USER"
    assert default_of(settings, source, "DATABASES.default.HOST") is None
    assert default_of(settings, source, "BROKER_URL") is None
    assert default_of(settings, None, "BROKER_URL") is None
    assert nested_place(settings, source, "DATABASES.default.PORT") == Location("shop/settings.py", 2, 25)


def test_who_decides_a_part_of_a_setting() -> None:
    whole = settings_of({"injected": {"DATABASES": "URL"}})
    part = settings_of({"injected": {"DATABASES": "PW", "DATABASES.default.PASSWORD": "PW"}})
    assert undecided_by(whole, "DATABASES.default.USER") == "URL"
    assert undecided_by(part, "DATABASES.default.USER") is None
    assert undecided_by(part, "DATABASES.default.PASSWORD") == "PW"

"""The whole boot layer on each engine: fixture projects, and settings that mean harm."""

import json
import re
import resource
import socket
import threading
from collections.abc import Iterator, Mapping
from pathlib import Path

import jsonschema
import pytest

from scanner.boot.failed import BootFailed
from scanner.boot.record import BootRecord, parse
from scanner.engine import Facts, discover_providers
from scanner.facts.boot_end import BootEnd
from scanner.facts.boot_plan import BootPlan, VariableSource
from scanner.facts.settings import CheckMessages, Distributions, EmptyEnvBoot, Settings, Urlconf
from scanner.facts.settings_source import SettingsSource
from scanner.model import Location, Options, Progress, Silent, Unavailable
from scanner.project import Checkout, Project, find_projects, read_checkout
from scanner.sandbox.interface import Engine
from scanner.sandbox.trusted import TrustedEngine
from tests.boot.conftest import MANAGE, write
from tests.sandbox.leftovers import AnyEngine, make

SCHEMA = Path(__file__).parent.parent.parent / "schema" / "boot-record-v1.json"
PROJECTS = Path(__file__).parent.parent.parent / "fixtures" / "projects"
ENGINES = [pytest.param("docker", marks=pytest.mark.docker), pytest.param("local", marks=pytest.mark.local)]


@pytest.fixture(scope="module")
def engines() -> Iterator[dict[str, AnyEngine]]:
    made: dict[str, AnyEngine] = {}
    yield made
    for engine in made.values():
        engine.close()


@pytest.fixture(params=ENGINES)
def engine(request: pytest.FixtureRequest, engines: dict[str, AnyEngine]) -> AnyEngine:
    return engines.setdefault(request.param, engines.get(request.param) or make(request.param))


def boot(path: Path, engine: AnyEngine | TrustedEngine, ca_bundle: Path | None, **options: float) -> Facts:
    [project] = find_projects(read_checkout(path))
    chosen = Options(ca_bundle=ca_bundle, boot_seconds=options.get("seconds", 60.0))
    given = {
        Project: project, Checkout: project.checkout, Options: chosen, Progress: Silent(), Engine: engine,
    }  # fmt: skip
    return Facts(discover_providers(("scanner.facts", "scanner.boot")), given)


def test_the_good_article(engine: AnyEngine, ca_bundle: Path | None) -> None:
    facts = boot(PROJECTS / "article-good", engine, ca_bundle)
    settings, plan = facts.get(Settings), facts.get(BootPlan)
    assert settings.module == "config.settings.production"
    assert plan.directory == "/srv/shop/app"
    assert settings.value("DEBUG") is False
    assert settings.value("SECRET_KEY") is None
    assert settings.injected["SECRET_KEY"] == "SHOP_SECRET_KEY"
    assert settings.samples["DATABASES.default.NAME"] == "SHOP_DATABASE"
    assert settings.has_middleware("django.middleware.security.SecurityMiddleware")
    assert [one.name for one in settings.placeholders] == ["SHOP_SECRET_KEY"]
    assert {one.id for one in facts.get(CheckMessages).messages} == {"security.W021"}
    assert facts.get(EmptyEnvBoot).error == "KeyError: 'SHOP_SECRET_KEY'"
    assert facts.get(Urlconf).admin_prefixes == ("/admin/",)
    assert facts.get(Distributions).versions["gunicorn"] == "27.0.1"


def test_the_record_follows_its_schema(
    engine: AnyEngine, ca_bundle: Path | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    lines: list[dict[str, object]] = []

    def kept(output: bytes, nonce: str) -> BootRecord:
        lines.extend(json.loads(line) for line in output.splitlines())
        return parse(output, nonce)

    monkeypatch.setattr("scanner.boot.attempt.parse", kept)
    boot(PROJECTS / "article-good", engine, ca_bundle).get(Settings)
    validator = jsonschema.Draft202012Validator(json.loads(SCHEMA.read_text()))
    kinds = {str(line["type"]) for line in lines}
    assert kinds == {"start", "distributions", "settings", "effective", "checks", "urls", "fault", "end"}
    for line in lines:
        validator.validate(line)


def test_the_bad_article(engine: AnyEngine, ca_bundle: Path | None) -> None:
    facts = boot(PROJECTS / "article-bad", engine, ca_bundle)
    settings, empty = facts.get(Settings), facts.get(EmptyEnvBoot)
    assert settings.value("DEBUG") is True
    assert settings.secrets["SECRET_KEY"].insecure_prefix
    assert settings.injected == {}
    assert (empty.booted, empty.debug, empty.same_secret_key) == (True, True, True)
    ids = {one.id for one in facts.get(CheckMessages).messages}
    assert {"security.W018", "security.W009", "async.E001"} <= ids
    assert facts.get(BootPlan).environment["PAYMENT_API_TOKEN"].startswith("fixture-")
    shown = repr((settings, facts.get(SettingsSource), empty, facts.get(BootPlan), facts.get(CheckMessages)))
    for secret in ("9x)k2v#fixture", "fixture-7Qz-mail-41-Kd", "fixture-9f8e7d6c5b4a39281706"):
        assert secret not in shown


@pytest.mark.parametrize("name", ["compose-good", "compose-bad", "no-proxy"])
def test_the_other_fixtures(engine: AnyEngine, ca_bundle: Path | None, name: str) -> None:
    facts = boot(PROJECTS / name, engine, ca_bundle)
    assert facts.get(Settings).module == "shop.settings"
    assert facts.get(BootPlan).directory == "/app"
    assert not facts.get(EmptyEnvBoot).booted


@pytest.mark.local
def test_trusted_code_without_a_sandbox(ca_bundle: Path | None) -> None:
    engine = TrustedEngine()
    try:
        facts = boot(PROJECTS / "article-good", engine, ca_bundle)
        settings = facts.get(Settings)
        assert settings.value("BASE_DIR") == settings.base_dir == "/srv/shop/app"
        assert {one.id for one in facts.get(CheckMessages).messages} == {"security.W021"}
    finally:
        engine.close()


HARDENED = """\
import os
SECRET_KEY = os.environ["SECRET_KEY"]
DEBUG = False
ALLOWED_HOSTS = ["shop.example"]
INSTALLED_APPS = []
MIDDLEWARE = []
ROOT_URLCONF = "shop.urls"
"""


def shop(path: Path, text: str, files: Mapping[str, str] | None = None) -> Path:
    write(path, {
        "manage.py": MANAGE, "shop/__init__.py": "", "shop/settings.py": text, "shop/urls.py": "urlpatterns = []\n",
        "requirements.txt": "Django==5.2.19\nasgiref==3.13.0\nsqlparse==0.6.1\ngunicorn==27.0.1\n", **(files or {}),
    })  # fmt: skip
    return path


def refused(path: Path, engine: AnyEngine, ca_bundle: Path | None, **options: float) -> str:
    with pytest.raises(BootFailed) as caught:
        boot(path, engine, ca_bundle, **options).get(Settings)
    return caught.value.reason


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("import os; os._exit(0)", "its record has no end"),
        ("import sys; sys.exit('enough')", "SystemExit: enough at shop/settings.py:1"),
        ("import os, signal; os.kill(os.getpid(), signal.SIGKILL)", "ended the process|was ended|no end"),
        ("X = bytearray(8 << 30)", "memory|MemoryError|ended"),
        ("import os\nfor fd in range(9):\n  try: os.write(fd, b'x' * 9**8)\n  except OSError: 0", "believed|no answer"),
        ("raise ValueError('mine')", r"ValueError: mine at shop/settings\.py:1"),
        ("def f(: pass", r"SyntaxError.*shop/settings\.py"),
    ],
)  # fmt: skip
def test_settings_that_do_not_load(
    tmp_path: Path, engine: AnyEngine, ca_bundle: Path | None, text: str, why: str
) -> None:
    assert re.search(why, refused(shop(tmp_path, text), engine, ca_bundle)), why


@pytest.mark.parametrize(
    "text",
    [
        pytest.param("import os; os._exit(0)", id="it ends without a word"),
        pytest.param(
            "import os\nfor fd in range(3, 30):\n  try: os.write(fd, b'x\\n')\n  except OSError: 0\n" + HARDENED,
            id="it writes into the record",
        ),
    ],
)
def test_a_record_that_is_cut_off_is_told(tmp_path: Path, engine: AnyEngine, ca_bundle: Path | None, text: str) -> None:
    end = boot(shop(tmp_path, text), engine, ca_bundle).get(BootEnd)
    assert end.cut_off.startswith("the process ended with exit code")
    assert end.settings == Location("shop/settings.py")


@pytest.mark.parametrize("text", ["import sys; sys.exit('enough')", "raise ValueError('mine')"])
def test_an_exception_is_no_cut_off_record(
    tmp_path: Path, engine: AnyEngine, ca_bundle: Path | None, text: str
) -> None:
    with pytest.raises(BootFailed):
        boot(shop(tmp_path, text), engine, ca_bundle).get(BootEnd)


def test_a_whole_record_ends_well(tmp_path: Path, engine: AnyEngine, ca_bundle: Path | None) -> None:
    assert boot(shop(tmp_path, HARDENED), engine, ca_bundle).get(BootEnd) == BootEnd()


def test_settings_that_hang(tmp_path: Path, engine: AnyEngine, ca_bundle: Path | None) -> None:
    path = shop(tmp_path, "import time, signal\nsignal.signal(signal.SIGTERM, signal.SIG_IGN)\ntime.sleep(600)\n")
    assert "did not load within 3 s" in refused(path, engine, ca_bundle, seconds=3.0)


def test_output_of_any_size_is_no_part_of_the_record(tmp_path: Path, engine: AnyEngine, ca_bundle: Path | None) -> None:
    text = "import sys\nfor _ in range(50):\n    print('x' * 1_000_000)\n    print('y' * 1_000_000, file=sys.stderr)\n"
    assert boot(shop(tmp_path, text + HARDENED), engine, ca_bundle).get(Settings).value("DEBUG") is False


def test_a_patched_json_module_changes_nothing(tmp_path: Path, engine: AnyEngine, ca_bundle: Path | None) -> None:
    text = "import json\njson.dumps = json.loads = lambda *a, **k: '{}'\njson.JSONEncoder.encode = None\n"
    assert boot(shop(tmp_path, text + HARDENED), engine, ca_bundle).get(Settings).value("DEBUG") is False


def test_applications_that_do_not_load(tmp_path: Path, engine: AnyEngine, ca_bundle: Path | None) -> None:
    """The settings are what they are; what needs the applications is not known, and says so."""
    text = HARDENED.replace("INSTALLED_APPS = []", 'INSTALLED_APPS = ["shop.stock"]')
    files = {"shop/stock/__init__.py": "raise RuntimeError('out of stock')\n"}
    facts = boot(shop(tmp_path, text, files), engine, ca_bundle)
    assert facts.get(Settings).value("ALLOWED_HOSTS") == ["shop.example"]
    [note] = [one for one in facts.get(BootPlan).notes if "out of stock" in one]
    assert "loaded, but the applications did not: RuntimeError: out of stock at shop/stock/__init__.py:1" in note
    with pytest.raises(Unavailable, match="out of stock"):
        facts.get(CheckMessages)
    with pytest.raises(Unavailable, match="out of stock"):
        facts.get(Urlconf)


FORGED = """\
import hashlib, json, os
nonce = "00" * 16
lines = [{"type": "start", "nonce": nonce, "version": 1, "python": "3.13.1"},
         {"type": "distributions", "versions": {}}]
raw = b"".join(json.dumps(one).encode() + b"\\n" for one in lines)
end = {"type": "end", "nonce": nonce, "count": len(lines), "digest": hashlib.sha256(raw).hexdigest()}
for number in range(64):
    try:
        os.write(number, raw + json.dumps(end).encode() + b"\\n")
    except OSError:
        pass
"""


@pytest.mark.parametrize("rest", ["os._exit(0)\n", HARDENED])
def test_a_forged_record_is_not_believed(tmp_path: Path, engine: AnyEngine, ca_bundle: Path | None, rest: str) -> None:
    """Complete and well-formed, but for the run's own word; with the true record behind it, or without."""
    assert re.search("no answer|believed", refused(shop(tmp_path, FORGED + rest), engine, ca_bundle))


def test_gigabytes_of_output_fill_nothing(tmp_path: Path, engine: AnyEngine, ca_bundle: Path | None) -> None:
    text = "import os\nfor _ in range(1100):\n    os.write(1 + _ % 2, bytes(1 << 20))\n"
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    found = boot(shop(tmp_path, text + HARDENED), engine, ca_bundle, seconds=240.0).get(Settings)
    assert found.value("DEBUG") is False
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 300_000, "KiB more than before"


def test_processes_without_end(tmp_path: Path, engine: AnyEngine, ca_bundle: Path | None) -> None:
    text = "import os, time\nwhile True:\n    try:\n        os.fork()\n    except OSError:\n        time.sleep(0.1)\n"
    told = refused(shop(tmp_path, text), engine, ca_bundle, seconds=4.0)
    # Which limit is met first depends on the machine: the time, or what a process costs in memory.
    assert re.search("did not load within 4 s|the process was ended", told)


def test_a_fork_that_lives_on_changes_nothing(tmp_path: Path, engine: AnyEngine, ca_bundle: Path | None) -> None:
    text = "import os\nif os.fork() == 0:\n    os.setsid()\n"
    assert boot(shop(tmp_path, text + HARDENED), engine, ca_bundle).get(Settings).value("DEBUG") is False


def test_nothing_of_this_machine_is_seen(
    tmp_path: Path, engine: AnyEngine, ca_bundle: Path | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Neither the environment of the scanner, nor its files, nor the network; and the checkout stays as it is."""
    monkeypatch.setenv("SEATRIAL_TEST_NAME", "of-the-parent")
    listener = socket.create_server(("127.0.0.1", 0))
    seen = threading.Event()
    listener.settimeout(30)

    def wait() -> None:
        try:
            listener.accept()
            seen.set()
        except OSError:
            return

    thread = threading.Thread(target=wait, daemon=True)
    thread.start()
    spying = f"""
import glob, socket
def attempt(action):
    try:
        return str(action())[:200]
    except Exception as error:
        return type(error).__name__
def environments():
    return [name for name in glob.glob("/proc/*/environ") if b"of-the-parent" in open(name, "rb").read()]
SPY_ENVIRONMENT = attempt(lambda: os.environ.get("SEATRIAL_" + "TEST_NAME"))
SPY_PARENT = attempt(environments)
SPY_NETWORK = attempt(lambda: socket.create_connection(("127.0.0.1", {listener.getsockname()[1]}), 2))
SPY_OUTSIDE = attempt(lambda: socket.create_connection(("192.0.2.1", 80), 2))
SPY_NAME = attempt(lambda: socket.gethostbyname("example.org"))
SPY_FILES = attempt(lambda: os.listdir({str(tmp_path)!r}))
SPY_GIT = attempt(lambda: os.path.exists(os.path.join(os.getcwd(), ".git")))
SPY_WRITE = attempt(lambda: open(__file__, "a").write("#"))
SPY_RIGHTS = attempt(lambda: [line for line in open("/proc/self/status") if line.startswith("CapEff")])
"""
    (tmp_path / "outside").write_text("mine")
    checkout = shop(tmp_path / "checkout", HARDENED + spying)
    before = {path: path.read_bytes() for path in checkout.rglob("*") if path.is_file()}
    settings = boot(checkout, engine, ca_bundle).get(Settings)
    listener.close()
    thread.join(5)
    spied = {name: settings.value(name) for name in settings.values if name.startswith("SPY_")}
    assert spied["SPY_ENVIRONMENT"] == "None"
    assert spied["SPY_PARENT"] in {"[]", "PermissionError"}
    assert "Error" in str(spied["SPY_NETWORK"]) or "refused" in str(spied["SPY_NETWORK"])
    assert not seen.is_set()
    assert str(spied["SPY_OUTSIDE"]) in {"OSError", "ConnectionRefusedError", "TimeoutError"}
    assert spied["SPY_NAME"] == "gaierror"
    assert spied["SPY_FILES"] == "FileNotFoundError"
    assert spied["SPY_GIT"] == "False"
    assert spied["SPY_WRITE"] in {"OSError", "PermissionError"}
    assert "0000000000000000" in str(spied["SPY_RIGHTS"])
    assert {path: path.read_bytes() for path in checkout.rglob("*") if path.is_file()} == before


def test_many_rounds(tmp_path: Path, engine: AnyEngine, ca_bundle: Path | None) -> None:
    """A guard of the project's own, a local module, a directory for logs, a path, a sample that is read wrong."""
    text = """
import os
from shop.local_settings import PAYMENT_TOKEN
LOGS = os.path.join(os.path.dirname(__file__), "logs")
open(os.path.join(LOGS, "site.log"), "a").close()
def need(name):
    value = os.environ.get(name)
    if not value:
        raise RuntimeError("SHOP_" + name + " is missing: set " + name)
    return value
import helpers
WORKERS = int(need("WORKERS"))
DEBUG_TOO = bool(os.environ.get("DEBUG_TOO", default=0))
""" + HARDENED.replace('os.environ["SECRET_KEY"]', 'str(os.getenv("KEY"))')
    files = {"libs/helpers.py": "", ".gitignore": "local_settings.py\n", ".env.example": "DEBUG_TOO=0\n"}
    facts = boot(shop(tmp_path, text, files), engine, ca_bundle)
    settings, plan = facts.get(Settings), facts.get(BootPlan)
    assert settings.value("DEBUG_TOO") is True, "the project's own sample is read as true"
    assert settings.samples["DEBUG_TOO"] == "DEBUG_TOO"
    assert settings.injected["PAYMENT_TOKEN"] == "shop.local_settings.PAYMENT_TOKEN"
    assert {one.name for one in plan.variables if one.source is VariableSource.PLACEHOLDER} == {"WORKERS", "KEY"}
    assert "/app/shop/logs" in plan.directories
    assert any("libs" in note for note in plan.notes)

"""What is installed, with which Python, and what is given up when it does not install."""

from collections.abc import Callable

import pytest

from scanner.boot.dependencies import Wanted, wanted_dependencies, with_server
from scanner.boot.failed import BootFailed
from scanner.boot.give_way import Request
from scanner.boot.install import Installer
from scanner.boot.interpreter import interpreters
from scanner.boot.locks import BadLock, Selection, read_lock
from scanner.engine import Facts
from scanner.facts.dockerfiles import Dockerfiles
from scanner.model import Options, Progress, Silent
from scanner.project import Project
from scanner.sandbox.interface import (
    Completed,
    Dependencies,
    Group,
    Installed,
    InstallFailed,
    Network,
    Process,
    Running,
)
from tests.boot.conftest import MakeFacts


def wanted(facts: Facts) -> Wanted:
    return wanted_dependencies(facts.get(Project), facts.get(Options), facts.get(Dockerfiles))


def test_the_dockerfile_says_which_file(facts_of: MakeFacts) -> None:
    facts = facts_of(
        {
            "Dockerfile": "FROM python:3.12\nRUN pip install -r requirements/live.txt\nCMD gunicorn shop.wsgi\n",
            "requirements.txt": "django\npytest\n",
            "requirements/live.txt": "-r base.txt\ngunicorn==23.0.0\n",
            "requirements/base.txt": "django==5.2  # the framework\n",
        }
    )
    found = wanted(facts)
    assert found.lines == ("django==5.2", "gunicorn==23.0.0")
    assert found.reason == "requirements/live.txt, requirements/base.txt (as Dockerfile:2 installs it)"


def test_the_option_wins(facts_of: MakeFacts) -> None:
    facts = facts_of(
        {"requirements.txt": "django\n", "other.txt": "django==4.2\n"}, Options(requirements=("other.txt",))
    )
    assert wanted(facts).lines == ("django==4.2",)


def test_the_production_file_wins(facts_of: MakeFacts) -> None:
    facts = facts_of({"requirements/dev.txt": "django\n", "requirements/production.txt": "django==5.1\n"})
    assert wanted(facts).lines == ("django==5.1",)


def test_lines_that_mean_nothing_here(facts_of: MakeFacts) -> None:
    text = (
        "-i https://index.invalid/simple\n--extra-index-url https://x.invalid\n--find-links /wheels\ndjango==5.2 \\\n"
        "    --hash=sha256:00\ngit+https://github.com/acme/django-thing.git@v1#egg=django-thing\ntorch==2.1+cpu\n"
        "-r ../../etc/passwd\n-e .\n-r requirements.txt\n"
    )
    found = wanted(facts_of({"requirements.txt": text}))
    assert found.lines == ("django==5.2", "django-thing")
    assert len(found.notes) == 2


UV_LOCK = """
[[package]]
name = "shop"
version = "0"
source = { virtual = "." }
dependencies = [{ name = "django" }, { name = "psycopg", extra = ["binary"] }]
[package.optional-dependencies]
prod = [{ name = "sentry-sdk" }]
[package.dev-dependencies]
dev = [{ name = "pytest" }]
[[package]]
name = "django"
version = "5.2.1"
source = { registry = "https://index.invalid/simple" }
dependencies = [{ name = "tzdata", marker = "sys_platform == 'win32'" }]
[[package]]
name = "psycopg"
version = "3.2.0"
source = { registry = "https://index.invalid/simple" }
[package.optional-dependencies]
binary = [{ name = "psycopg-binary" }]
[[package]]
name = "psycopg-binary"
version = "3.2.0"
[[package]]
name = "sentry-sdk"
version = "2.0"
[[package]]
name = "pytest"
version = "8.0"
[[package]]
name = "tzdata"
version = "2025.1"
"""


def test_uv_lock_with_what_the_dockerfile_asks_for(facts_of: MakeFacts) -> None:
    facts = facts_of(
        {
            "Dockerfile": "FROM python:3.13\nRUN uv sync --frozen --extra prod --no-dev\nCMD gunicorn shop.wsgi\n",
            "uv.lock": UV_LOCK,
            "pyproject.toml": "[project]\nname = 'shop'\nrequires-python = '>=3.12,<3.14'\n",
        }
    )
    assert set(wanted(facts).lines) == {
        *("django==5.2.1", "psycopg==3.2.0", "psycopg-binary==3.2.0", "sentry-sdk==2.0"),
        "tzdata==2025.1 ; (sys_platform == 'win32')",
    }
    versions = [
        one.version
        for one in interpreters(facts.get(Project), Options(), facts.get(Dockerfiles), wanted(facts))
        if one.allowed
    ]
    assert versions == ["3.13", "3.12"]


def test_poetry_lock_by_groups() -> None:
    lock = (
        '[[package]]\nname = "django"\nversion = "5.1"\ngroups = ["main"]\n'
        '[[package]]\nname = "pytest"\nversion = "8"\ngroups = ["dev"]\n'
    )
    assert read_lock("poetry.lock", lock, Selection(), {}).lines == ("django==5.1",)


def test_old_poetry_lock_by_reach() -> None:
    lock = (
        '[[package]]\nname = "Django"\nversion = "4.2"\n[package.dependencies]\nasgiref = "*"\n'
        '[[package]]\nname = "asgiref"\nversion = "3.7"\n[[package]]\nname = "black"\nversion = "24"\n'
    )
    manifest = {"tool": {"poetry": {"dependencies": {"python": "^3.10", "django": "*"}}}}
    assert read_lock("poetry.lock", lock, Selection(), manifest).lines == ("Django==4.2", "asgiref==3.7")


def test_pipfile_lock() -> None:
    lock = '{"default": {"django": {"version": "==3.2", "markers": "python_version >= \'3.6\'"}}, "develop": {"x": {}}}'
    assert read_lock("Pipfile.lock", lock, Selection(), {}).lines == ("django==3.2 ; python_version >= '3.6'",)


@pytest.mark.parametrize(
    ("name", "text"), [("uv.lock", "no = toml ="), ("Pipfile.lock", "[]"), ("Pipfile.lock", "{" * 9999)]
)
def test_broken_locks(name: str, text: str) -> None:
    with pytest.raises(BadLock):
        read_lock(name, text, Selection(), {})


def test_what_pyproject_declares(facts_of: MakeFacts) -> None:
    text = (
        "[project]\nname='x'\ndependencies=['django>=5']\n"
        "[project.optional-dependencies]\nprod=['sentry-sdk']\ndev=['pytest']\n"
    )
    assert wanted(facts_of({"pyproject.toml": text})).lines == ("django>=5", "sentry-sdk")


def test_groups_alone(facts_of: MakeFacts) -> None:
    text = "[dependency-groups]\nmain = ['django==5.1']\ndev = ['pytest']\n"
    assert wanted(facts_of({"pyproject.toml": text})).lines == ("django==5.1",)


def test_what_poetry_declares(facts_of: MakeFacts) -> None:
    text = (
        '[tool.poetry.dependencies]\npython = "^3.11"\ndjango = "^4.2.1"\n'
        'x = "~1.2"\ny = "*"\nz = {version="1.0", optional=true}\n'
    )
    assert wanted(facts_of({"pyproject.toml": text})).lines == ("django>=4.2.1,<5", "x~=1.2.0", "y")


def test_a_server_is_added_where_none_is(facts_of: MakeFacts) -> None:
    assert with_server(Wanted(("django",)), None).lines == ("django", "gunicorn")
    assert with_server(Wanted(("django", "uvicorn==0.3")), "gunicorn").lines == ("django", "uvicorn==0.3")


@pytest.mark.parametrize(
    ("files", "version", "why"),
    [
        ({"Dockerfile": "FROM node:20 AS js\nFROM python:3.11-slim\nCMD gunicorn"}, "3.11", "FROM python:3.11"),
        ({"runtime.txt": "python-3.10.4\n"}, "3.10", "runtime.txt:1"),
        ({".python-version": "3.12\n"}, "3.12", ".python-version:1"),
        ({"pyproject.toml": "[project]\nrequires-python = '==3.9.*'\n"}, "3.9", "pyproject.toml:2"),
        ({"requirements.txt": "django==3.2\n"}, "3.10", "nothing names a version"),
        ({"requirements.txt": "django==5.2\n"}, "3.13", "nothing names a version"),
    ],
)  # fmt: skip
def test_interpreters(facts_of: MakeFacts, files: dict[str, str], version: str, why: str) -> None:
    facts = facts_of(files)
    first = interpreters(facts.get(Project), Options(), facts.get(Dockerfiles), wanted(facts))[0]
    assert first.version == version
    assert why in first.reason


class FakeEngine:
    """Installs only what ``allowed`` likes; remembers what it was asked."""

    def __init__(self, allowed: Callable[[Dependencies], str | None], name: str = "local") -> None:
        self.asked: list[Dependencies] = []
        self._allowed = allowed
        self.name = name

    def install(self, dependencies: Dependencies, progress: Progress) -> Installed:
        self.asked.append(dependencies)
        output = self._allowed(dependencies)
        if output is not None:
            raise InstallFailed("the dependencies could not be installed", "", "", output)
        return Installed(self.name, "x", "/python", "3.13.1")

    def check(self) -> str:
        return "fake"

    def prepare(self, process: Process) -> None: ...

    def run(self, process: Process, network: Network | None = None) -> Completed:
        raise NotImplementedError

    def start(self, group: Group) -> Running:
        raise NotImplementedError

    def close(self) -> None: ...


def lines(dependencies: Dependencies) -> list[str]:
    return dependencies.files["requirements.txt"].decode().split()


def installed(engine: FakeEngine, *asked: str) -> tuple[list[str], Request]:
    _, granted = Installer(engine, Options(), Silent()).install(Request(Wanted(asked), "3.13"))
    return lines(engine.asked[-1]), granted


def test_a_pin_without_a_wheel_is_relaxed_and_then_left_out() -> None:
    engine = FakeEngine(
        lambda one: "Because old==1.0 has no usable wheels" if b"old" in one.files["requirements.txt"] else None
    )
    final, granted = installed(engine, "django==5.2", "old==1.0")
    assert final == ["django==5.2"]
    assert granted.left_out == {"old"}
    assert any("old==1.0" in note for note in granted.notes)


def test_a_version_that_never_was_is_not_replaced() -> None:
    said = "Because there is no version of x==99 and you require x==99"
    engine = FakeEngine(lambda one: said if b"x" in one.files["requirements.txt"] else None)
    assert installed(engine, "django==5.2", "x==99")[0] == ["django==5.2"]
    assert len(engine.asked) == 2


def test_django_itself_is_never_left_out() -> None:
    engine = FakeEngine(lambda _: "Because there is no version of django==99 and you require django==99")
    with pytest.raises(BootFailed, match="could not be installed"):
        installed(engine, "django==99")


def test_a_container_may_build() -> None:
    engine = FakeEngine(lambda one: None if one.allow_builds else "Because x==1 has no usable wheels", "docker")
    assert installed(engine, "django", "x==1", "mysqlclient")[0] == ["django", "x==1", "mysqlclient"]
    assert "default-libmysqlclient-dev" in engine.asked[-1].system_packages


def test_what_never_helps_is_not_asked_for() -> None:
    engine = FakeEngine(lambda _: None)
    assert installed(engine, "django", "uwsgi==2.0", "psycopg2==2.9.9")[0] == [
        "django",
        "pyuwsgi",
        "psycopg2-binary==2.9.9",
    ]


def test_a_dependency_of_a_dependency() -> None:
    engine = FakeEngine(
        lambda one: None if "overrides.txt" in one.files else "all versions of psycopg2 have no usable wheels"
    )
    final, granted = installed(engine, "django", "django-heroku==0.3.1")
    assert final == ["django", "django-heroku==0.3.1", "psycopg2-binary"]
    assert granted.absent == ("psycopg2",)

"""What a link, a submodule, a pointer or an attribute hides."""

from pathlib import Path

import pytest

from scanner.facts.hidden_files import HiddenFile, HiddenFiles, hidden_files, matters
from scanner.facts.settings import CheckMessage, CheckMessages
from scanner.model import Location
from scanner.project import Project, find_projects, read_checkout
from tests.edgekit import settings, short
from tests.rulekit import judge_facts, make

FILES = {
    "manage.py": (
        "import os\nfrom django.core.management import execute_from_command_line\n"
        "os.environ.setdefault('DJANGO_SETTINGS_MODULE', 'shop.settings')\n"
    ),
    "shop/settings.py": "DEBUG = False\n",
    "deploy/nginx/shop.conf": "server { listen 80; }\n",
    "tests/settings.py": "DEBUG = True\n",
    "docs/docker-compose.yml": "services: {}\n",
    "shop/views.py": "",
}
POINTER = "version https://git-lfs.github.com/spec/v1\noid sha256:00\nsize 12\n"


def read(root: Path, **changed: str) -> Project:
    for path, text in {**FILES, **{name.replace("__", "/"): text for name, text in changed.items()}}.items():
        (root / path).parent.mkdir(parents=True, exist_ok=True)
        (root / path).write_text(text)
    return find_projects(read_checkout(root))[0]


def hidden(root: Path, **changed: str) -> set[tuple[str, str]]:
    return {(one.path, one.how) for one in hidden_files(read(root, **changed), None).files}


@pytest.mark.parametrize(
    ("line", "paths"),
    [
        ("shop/settings.py export-ignore", {"shop/settings.py"}),
        ("/shop/settings.py export-ignore", {"shop/settings.py"}),
        ("settings.py export-ignore", {"shop/settings.py"}),
        ("**/settings.py export-ignore", {"shop/settings.py"}),
        ("deploy/ export-ignore", {"deploy/nginx/shop.conf"}),
        ("deploy/** export-ignore", {"deploy/nginx/shop.conf"}),
        ("*.conf text export-ignore", {"deploy/nginx/shop.conf"}),
        ("/settings.py export-ignore", set()),
        ("tests export-ignore", set()),
        ("docs export-ignore", set()),
        ("shop/views.py export-ignore", set()),
        ("shop/settings.py text", set()),
        ("# shop/settings.py export-ignore", set()),
    ],
)
def test_export_ignore(tmp_path: Path, line: str, paths: set[str]) -> None:
    (tmp_path / ".gitattributes").write_text(line + "\n")
    assert hidden(tmp_path) == {(path, "export-ignore") for path in paths}


def test_export_ignore_of_a_directory_of_its_own(tmp_path: Path) -> None:
    (tmp_path / "shop").mkdir()
    (tmp_path / "shop/.gitattributes").write_text("* export-ignore\n")
    found = hidden_files(read(tmp_path), None).files
    assert found == (HiddenFile("shop/settings.py", "export-ignore", Location("shop/.gitattributes", 1)),)


def test_a_pattern_of_many_stars_takes_no_time(tmp_path: Path) -> None:
    (tmp_path / ".gitattributes").write_text("*a" * 90 + " export-ignore\n")
    assert hidden(tmp_path, **{f"deploy__{'a' * 200}": ""}) == {("deploy/" + "a" * 200, "export-ignore")}


def test_links_that_leave(tmp_path: Path) -> None:
    read(tmp_path)
    (tmp_path / "deploy/gunicorn.conf.py").symlink_to("/etc/hostname")
    (tmp_path / "shop/views_link.py").symlink_to("/etc/hostname")
    assert hidden(tmp_path) == {("deploy/gunicorn.conf.py", "symlink")}


def test_pointers(tmp_path: Path) -> None:
    pointers = {"deploy__site.conf": POINTER, "static__logo.conf": POINTER, "shop__logo.png": POINTER}
    assert hidden(tmp_path, **pointers) == {("deploy/site.conf", "lfs")}


def test_submodules(tmp_path: Path) -> None:
    text = '[submodule "a"]\n\tpath = ansible\n\turl = x\n[submodule "b"]\n\tpath = vendor/theme\n\turl = y\n'
    (tmp_path / ".gitmodules").write_text(text)
    assert hidden_files(read(tmp_path), None).files == (HiddenFile("ansible", "submodule", Location(".gitmodules", 2)),)


@pytest.mark.parametrize(
    ("path", "expected"),
    [
        ("shop/settings.py", True),
        ("shop/settings/production.py", True),
        ("docker-compose.prod.yml", True),
        ("Dockerfile", True),
        ("deploy/run", True),
        ("deploy/logo.png", False),
        ("tests/docker-compose.yml", False),
        ("static/nginx.conf", False),
        ("shop/views.py", False),
    ],
)
def test_which_files_matter(path: str, expected: bool) -> None:
    assert matters(path) is expected


@pytest.mark.parametrize("how", ["symlink", "submodule", "lfs", "export-ignore"])
def test_each_way_is_a_finding(how: str) -> None:
    files = HiddenFiles((HiddenFile("deploy/shop.conf", how, Location("deploy/shop.conf")),))
    outcome = judge_facts("files_hidden_from_scan", files)
    assert short(outcome, "medium") == ["medium inferred file deploy/shop.conf"]


def test_nothing_hidden() -> None:
    assert short(judge_facts("files_hidden_from_scan", HiddenFiles(())), "medium") == ["passed"]


def message(identity: str) -> CheckMessages:
    return CheckMessages((make(CheckMessage, {"id": identity, "level": 30, "silenced": True}),))


NOTHING = CheckMessages(())


@pytest.mark.parametrize(
    ("silenced", "checks", "expected"),
    [
        pytest.param("async.E001", message("async.E001"), ["medium"], id="muted, and nobody else says it"),
        pytest.param("security.W004", NOTHING, ["info"], id="it has nothing to say"),
        pytest.param("security.W004", message("security.W004"), [], id="its owner judges"),
        pytest.param("models.W042", message("models.W042"), [], id="no check about deployment"),
        pytest.param("fields.W342", NOTHING, [], id="no check about security"),
    ],
)
def test_checks_silenced(silenced: str, checks: CheckMessages, expected: list[str]) -> None:
    outcome = judge_facts("checks_silenced", checks, settings(SILENCED_SYSTEM_CHECKS=[silenced]))
    symbol = f"inferred settings.SILENCED_SYSTEM_CHECKS {silenced}"
    assert short(outcome, "medium") == ([f"{word} {symbol}" for word in expected] or ["passed"])

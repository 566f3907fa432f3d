"""The checkout, its projects, and what each file is for."""

import os
import subprocess
from collections.abc import Mapping
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from scanner.model import Options, ScopeClass, SeatrialError
from scanner.project import Checkout, Project, Unreadable, find_projects, read_checkout
from scanner.project.globs import matches
from scanner.project.scope import by_kind, by_path

MANAGE = "from django.core.management import execute_from_command_line\n"
SET = "import os\nos.environ.setdefault('DJANGO_SETTINGS_MODULE', 'shop.settings')\n" + MANAGE
ENVIRONMENT = {
    "PATH": os.environ["PATH"],
    "GIT_CONFIG_GLOBAL": "/dev/null",
    "GIT_CONFIG_NOSYSTEM": "1",
    "GIT_AUTHOR_NAME": "t",
    "GIT_AUTHOR_EMAIL": "t@example.com",
    "GIT_COMMITTER_NAME": "t",
    "GIT_COMMITTER_EMAIL": "t@example.com",
}


def write(root: Path, files: Mapping[str, str | bytes]) -> Path:
    for name, content in files.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content.encode() if isinstance(content, str) else content)
    return root


def git(root: Path, *arguments: str) -> None:
    subprocess.run(["git", "-C", str(root), *arguments], env=ENVIRONMENT, check=True, capture_output=True)


def committed(root: Path) -> Path:
    git(root, "init", "-q")
    git(root, "add", "-A")
    git(root, "commit", "-q", "-m", "x")
    return root


# The checkout


def test_without_git_every_file_counts_as_tracked(tmp_path: Path) -> None:
    write(tmp_path, {"manage.py": MANAGE, "node_modules/x/y.js": "", "venv/pyvenv.cfg": "", "venv/lib/a.py": ""})
    checkout = read_checkout(tmp_path)
    assert checkout.files == ("manage.py",)
    assert checkout.tracked == {"manage.py"}
    assert not checkout.is_git
    assert checkout.commit is None


def test_with_git_ignored_files_are_left_out_and_new_ones_are_not_tracked(tmp_path: Path) -> None:
    committed(write(tmp_path, {"manage.py": MANAGE, ".gitignore": ".env\n"}))
    write(tmp_path, {".env": "A=b", "new.py": ""})
    checkout = read_checkout(tmp_path)
    assert checkout.files == (".gitignore", "manage.py", "new.py")
    assert checkout.tracked == {".gitignore", "manage.py"}
    assert checkout.is_git
    assert checkout.commit is not None
    assert len(checkout.commit) == 40
    assert not checkout.dirty


def test_a_changed_file_makes_it_dirty(tmp_path: Path) -> None:
    committed(write(tmp_path, {"manage.py": MANAGE}))
    write(tmp_path, {"manage.py": MANAGE + "#"})
    assert read_checkout(tmp_path).dirty


def test_a_subdirectory_of_a_repository_is_a_checkout_of_its_own(tmp_path: Path) -> None:
    committed(write(tmp_path, {"a/manage.py": MANAGE, "b/other.py": "", "a/.env": "X=1"}))
    write(tmp_path, {"a/new.py": ""})
    checkout = read_checkout(tmp_path / "a")
    assert checkout.files == (".env", "manage.py", "new.py")
    assert checkout.tracked == {".env", "manage.py"}
    assert checkout.root == (tmp_path / "a").resolve()


def test_a_deleted_file_is_no_file(tmp_path: Path) -> None:
    committed(write(tmp_path, {"manage.py": MANAGE, "gone.py": ""}))
    (tmp_path / "gone.py").unlink()
    assert read_checkout(tmp_path).files == ("manage.py",)


def test_a_link_that_leaves_is_listed_and_never_read(tmp_path: Path) -> None:
    secret = tmp_path / "secret"
    secret.write_text("SECRET")
    root = tmp_path / "checkout"
    write(root, {"manage.py": MANAGE, "real.conf": "x"})
    (root / "leaves.conf").symlink_to(secret)
    (root / "stays.conf").symlink_to("real.conf")
    (root / "nowhere").symlink_to("missing")
    (root / "loop").symlink_to("loop")
    checkout = read_checkout(root)
    assert checkout.leaving_symlinks == ("leaves.conf",)
    assert checkout.files == ("manage.py", "real.conf", "stays.conf")
    assert checkout.read_text("stays.conf") == "x"
    with pytest.raises(Unreadable, match="no file of this checkout"):
        checkout.read_text("leaves.conf")


def test_a_linked_directory_that_leaves_is_not_walked(tmp_path: Path) -> None:
    write(tmp_path / "outside", {"x.conf": "x"})
    root = write(tmp_path / "checkout", {"manage.py": MANAGE})
    (root / "out").symlink_to(tmp_path / "outside")
    assert read_checkout(root).files == ("manage.py",)
    committed(root)
    assert read_checkout(root).leaving_symlinks == ("out",)


def test_a_file_that_turns_into_a_link_after_the_listing_is_not_followed(tmp_path: Path) -> None:
    root = write(tmp_path / "checkout", {"manage.py": MANAGE, "x.conf": "x"})
    (tmp_path / "secret").write_text("SECRET")
    checkout = read_checkout(root)
    (root / "x.conf").unlink()
    (root / "x.conf").symlink_to(tmp_path / "secret")
    with pytest.raises(Unreadable, match="leaves the checkout"):
        checkout.read_bytes("x.conf")


def test_a_pipe_is_no_file_and_does_not_block(tmp_path: Path) -> None:
    write(tmp_path, {"manage.py": MANAGE})
    os.mkfifo(tmp_path / "pipe.conf")
    assert read_checkout(tmp_path).unreadable == (("pipe.conf", "is no regular file"),)


def test_the_repositorys_own_configuration_starts_no_program(tmp_path: Path) -> None:
    root = committed(write(tmp_path / "checkout", {"manage.py": MANAGE, ".gitattributes": "*.py filter=evil\n"}))
    evil = tmp_path / "evil"
    mark = tmp_path / "ran"
    evil.write_text(f"#!/bin/sh\ntouch {mark}\ncat\n")
    evil.chmod(0o755)
    for key in ("core.fsmonitor", "filter.evil.clean", "filter.evil.process", "core.sshCommand", "diff.external"):
        git(root, "config", key, str(evil))
    write(root, {"manage.py": MANAGE + "#"})
    os.utime(root / "manage.py", (1, 1))
    hook = root / ".git/hooks/post-index-change"
    hook.write_text(f"#!/bin/sh\ntouch {mark}\n")
    hook.chmod(0o755)
    assert read_checkout(root).dirty
    assert not mark.exists()


def test_a_work_tree_elsewhere_is_not_asked(tmp_path: Path) -> None:
    root = committed(write(tmp_path / "checkout", {"manage.py": MANAGE}))
    write(tmp_path / "other", {"x": ""})
    git(root, "config", "core.worktree", str(tmp_path / "other"))
    checkout = read_checkout(root)
    assert not checkout.is_git
    assert checkout.files == ("manage.py",)
    assert "work tree lies elsewhere" in checkout.notes[0]


@pytest.mark.parametrize(
    ("content", "text"),
    [
        (b"a\r\nb\n", "a\nb\n"),
        (b"\xef\xbb\xbfx", "x"),
        ("é".encode("utf-16"), "é"),
        (b"caf\xe9", "caf\u00e9"),
        (b"", ""),
    ],
)
def test_texts_are_read_in_the_usual_encodings(tmp_path: Path, content: bytes, text: str) -> None:
    write(tmp_path, {"manage.py": MANAGE, "x.txt": content})
    assert read_checkout(tmp_path).read_text("x.txt") == text


@pytest.mark.parametrize(
    ("content", "why"),
    [(b"a\0b", "binary file"), (b"\xff\xfe\x00", "no text in any encoding"), (b"x" * 200, "larger than")],
)
def test_what_is_no_text_is_unreadable(tmp_path: Path, content: bytes, why: str) -> None:
    write(tmp_path, {"manage.py": MANAGE, "x.conf": content})
    with pytest.raises(Unreadable, match=why) as caught:
        read_checkout(tmp_path).read_text("x.conf", limit=100)
    assert caught.value.path == "x.conf"


def test_a_file_that_may_not_be_read(tmp_path: Path) -> None:
    write(tmp_path, {"manage.py": MANAGE, "x.conf": "x"})
    checkout = read_checkout(tmp_path)
    (tmp_path / "x.conf").unlink()
    with pytest.raises(Unreadable, match="cannot be opened"):
        checkout.read_text("x.conf")


@pytest.mark.parametrize(
    ("name", "code", "message"),
    [("missing", 2, "no such directory"), ("file", 2, "is no directory"), ("empty", 3, "holds no file")],
)
def test_what_is_no_checkout_is_told(tmp_path: Path, name: str, code: int, message: str) -> None:
    (tmp_path / "file").write_text("")
    (tmp_path / "empty").mkdir()
    with pytest.raises(SeatrialError, match=message) as caught:
        read_checkout(tmp_path / name)
    assert caught.value.exit_code == code
    assert caught.value.hint


# The projects


def projects(root: Path, files: Mapping[str, str], *chosen: str) -> tuple[Project, ...]:
    return find_projects(read_checkout(write(root, files)), chosen)


def test_one_project_at_the_root(tmp_path: Path) -> None:
    (found,) = projects(tmp_path / "the-repo", {"manage.py": SET, "shop/settings.py": ""})
    assert (found.path, found.name, found.manage, found.settings_module) == (".", "shop", "manage.py", "shop.settings")
    assert found.inside("shop/settings.py") == "shop/settings.py"


def test_a_generic_package_does_not_name_the_project(tmp_path: Path) -> None:
    (found,) = projects(tmp_path / "the-repo", {"manage.py": SET.replace("shop.settings", "config.settings")})
    assert found.name == "the-repo"


def test_several_projects_know_each_other(tmp_path: Path) -> None:
    files = {"a/manage.py": MANAGE, "b/manage.py": MANAGE, "a/x.py": "", "b/x.py": "", "nginx/shop.conf": ""}
    first, second = projects(tmp_path, files)
    assert (first.path, first.siblings) == ("a", ("b",))
    assert first.files == ("a/manage.py", "a/x.py", "nginx/shop.conf")
    assert second.files == ("b/manage.py", "b/x.py", "nginx/shop.conf")
    assert first.inside("x.py") == "a/x.py"


@pytest.mark.parametrize("place", ["tests/app", "example", "docs/tutorial", "demo", "src/testproject"])
def test_projects_of_tests_and_examples_are_taken_only_alone(tmp_path: Path, place: str) -> None:
    files = {f"{place}/manage.py": MANAGE}
    assert [one.path for one in projects(tmp_path, files)] == [place]
    assert [one.path for one in projects(tmp_path, {**files, "backend/manage.py": MANAGE})] == ["backend"]
    assert [one.path for one in projects(tmp_path, {}, place)] == [place]


def test_a_manage_py_of_something_else_is_none(tmp_path: Path) -> None:
    files = {"tool/manage.py": "print('hello')\n", "manage.py": MANAGE}
    assert [one.path for one in projects(tmp_path, files)] == ["."]


def test_a_project_without_manage_py(tmp_path: Path) -> None:
    wsgi = SET.replace(MANAGE, "from django.core.wsgi import get_wsgi_application\n")
    (found,) = projects(tmp_path, {"src/shop/wsgi.py": wsgi, "src/shop/settings.py": ""})
    assert (found.path, found.manage, found.settings_module) == ("src", None, "shop.settings")


def test_no_project_at_all(tmp_path: Path) -> None:
    with pytest.raises(SeatrialError, match="holds no Django project") as caught:
        projects(tmp_path, {"main.py": "print()"})
    assert caught.value.exit_code == 2
    assert caught.value.hint


@pytest.mark.parametrize(
    ("chosen", "message", "hint"),
    [
        ("backnd", "no such directory", "Did you mean backend?"),
        ("lib", "holds no Django project", "Directories with a manage.py: backend."),
        ("../x", "no such directory", "backend"),
    ],
)
def test_a_chosen_directory_that_is_none(tmp_path: Path, chosen: str, message: str, hint: str) -> None:
    with pytest.raises(SeatrialError, match=message) as caught:
        projects(tmp_path, {"backend/manage.py": MANAGE, "lib/x.py": ""}, chosen)
    assert hint in caught.value.hint
    assert caught.value.exit_code == 2


@pytest.mark.parametrize("chosen", ["backend", "./backend", "backend/"])
def test_a_chosen_directory_may_be_written_in_several_ways(tmp_path: Path, chosen: str) -> None:
    files = {"backend/manage.py": MANAGE, "other/manage.py": MANAGE}
    assert [one.path for one in projects(tmp_path, files, chosen)] == ["backend"]


def test_files_are_found_by_globs(tmp_path: Path) -> None:
    files = {"manage.py": MANAGE, "a/x.conf": "", "a/b/x.conf.j2": "", "node_modules/z.conf": "", "Procfile": ""}
    (found,) = projects(tmp_path, files)
    assert found.glob("*.conf") == ("a/x.conf",)
    assert found.glob("a/**") == ("a/b/x.conf.j2", "a/x.conf")
    assert found.glob("Procfile", "*.conf.*") == ("Procfile", "a/b/x.conf.j2")
    assert found.glob("a/*.conf") == ("a/x.conf",)
    assert found.exists("a/x.conf")
    assert not found.exists("a")


@pytest.mark.parametrize(
    ("path", "pattern", "expected"),
    [
        ("deploy/x.conf", "deploy/", True),
        ("deploy/a/x.conf", "deploy/**/x.conf", True),
        ("deploy/x.conf", "deploy/**/x.conf", True),
        ("x.conf", "?.conf", True),
        ("a/x.conf", "*.py", False),
        ("a/b/x.conf", "a/*.conf", False),
        ("a+b.conf", "a+b.conf", True),
    ],
)
def test_globs(path: str, pattern: str, *, expected: bool) -> None:
    assert matches(path, pattern) is expected


# What a file is for: a table of paths, by the name alone

BY_NAME = [
    ("docker-compose.prod.yml", "prod"),
    ("docker-compose.dev.yml", "dev"),
    ("docker-compose.override.yml", "dev"),
    ("docker-compose.local.yaml", "dev"),
    ("docker-compose.staging.yml", "unknown"),
    ("compose/production/django/Dockerfile", "prod"),
    ("compose/local/django/Dockerfile", "dev"),
    ("deploy/dev/shop.conf", "dev"),
    ("dev/deploy/shop.conf", "prod"),
    ("deploy/nginx/local.conf", "dev"),
    ("dev/prod.conf", "prod"),
    ("prod-test.env", "dev"),
    ("product/latest/devices.conf", None),
    (".env", None),
    (".env.example", "example"),
    (".env.dev-sample", "example"),
    ("env.template", "example"),
    (".env.dist", "example"),
    (".env.production", "prod"),
    ("default.env", "example"),
    ("nginx/default.conf", None),
    ("nginx/templates/default.conf.template", None),
    ("docker/default.Dockerfile", None),
    ("deploy/sites-available/example.com", "prod"),
    ("docs/nginx.conf", "example"),
    ("examples/prod/nginx.conf", "example"),
    ("etc/nginx/conf.d/shop.conf", "prod"),
    ("ansible/roles/app/templates/shop.service.j2", "prod"),
    (".devcontainer/docker-compose.yml", "dev"),
    (".github/workflows/deploy.yml", "prod"),
    (".github/workflows/checks.yml", "dev"),
    ("tools/run.sh", "dev"),
    ("shop/settings/local.py", "dev"),
    ("shop/settings/production.py", "prod"),
    ("shop/settings/base.py", None),
    ("tests/data/shop.service", "dev"),
    ("server/nginx.conf", "prod"),
    ("uat/nginx.conf", "unknown"),
]


@pytest.mark.parametrize(("path", "klass"), BY_NAME)
def test_scope_by_name(path: str, klass: str | None) -> None:
    found = by_path(path)
    assert (found.klass.value if found else None) == klass
    assert found is None or found.reason


@pytest.mark.parametrize(
    ("path", "is_server_only"),
    [
        ("shop.service", True),
        ("shop@.service", True),
        ("shop.socket.j2", True),
        ("gunicorn.conf.py", True),
        ("gunicorn_config.py", True),
        ("uwsgi.ini", True),
        ("Procfile", True),
        ("fly.toml", True),
        ("supervisord.conf", True),
        ("setup.cfg", False),
        ("user.service.ts", False),
    ],
)
def test_kinds_that_exist_only_for_a_server(path: str, *, is_server_only: bool) -> None:
    assert (by_kind(path) is not None) is is_server_only


# … and by what other files say

GUNICORN = 'FROM python:3.13\nCMD ["gunicorn", "shop.wsgi"]\n'
RUNSERVER = "FROM python:3.13\nCMD python manage.py runserver 0.0.0.0:8000\n"
ALONE = "services:\n  web:\n    build: .\n    command: gunicorn shop.wsgi\n"
DEV = "services:\n  web:\n    build: .\n    command: python manage.py runserver\n"
OVER = "services:\n  web:\n    restart: always\n"
BUILT = "services:\n  web:\n    build:\n      context: ./app\n      dockerfile: {}\n    command: gunicorn shop.wsgi\n"
PIP = 'FROM python:3.13\nCOPY . .\nENTRYPOINT ["/entry.sh"]\n'
UNIT = "[Service]\nWorkingDirectory=/srv/shop\nEnvironmentFile=/srv/shop/{env}\nExecStart=/srv/shop/bin/start.sh\n"
SITE = "server {\n  listen 80;\n  location / {\n    proxy_pass http://127.0.0.1:8000;\n  }\n}\n"

RELATED = [
    ("a unit names it", {"x.service": UNIT.format(env=".env"), ".env": "A=b"}, ".env", "prod"),
    ("a unit names another", {"x.service": UNIT.format(env="etc/env"), ".env": "A=b"}, ".env", "unknown"),
    ("another directory's", {"x.service": UNIT.format(env=".env"), "front/.env": "A=b"}, "front/.env", "unknown"),
    ("a unit's script", {"x.service": UNIT.format(env="y"), "bin/start.sh": "exec x"}, "bin/start.sh", "prod"),
    (
        "a script's file",
        {"x.service": UNIT.format(env="y"), "bin/start.sh": ". /srv/shop/app.env"},
        "bin/start.sh",
        "prod",
    ),
    (
        "through a script",
        {"x.service": UNIT.format(env="y"), "bin/start.sh": "source /srv/shop/app.env", "app.env": "A=b"},
        "app.env",
        "prod",
    ),
    ("plain beside prod", {"compose.yml": DEV, "compose.prod.yml": ALONE}, "compose.yml", "dev"),
    ("plain below prod", {"compose.yml": DEV, "compose.prod.yml": OVER}, "compose.yml", "prod"),
    (
        "given together",
        {
            "docker-compose.yml": ALONE,
            "docker-compose.prod.yml": ALONE,
            "deploy.sh": "docker compose -f docker-compose.yml -f docker-compose.prod.yml up -d\n",
        },
        "docker-compose.yml",
        "prod",
    ),
    ("an nginx server", {"web/shop.conf": SITE}, "web/shop.conf", "prod"),
    ("a snippet", {"web/x.conf": "add_header A b;\n"}, "web/x.conf", "unknown"),
    ("an included snippet", {"w/s.conf": SITE + "include snip/x.conf;", "w/snip/x.conf": "#"}, "w/snip/x.conf", "prod"),
    (
        "only development builds it",
        {
            "compose.yml": DEV.replace("build: .", "build: ./app"),
            "compose.prod.yml": BUILT.format("Dockerfile.prod"),
            "app/Dockerfile": PIP,
            "app/Dockerfile.prod": PIP,
        },
        "app/Dockerfile",
        "dev",
    ),
    (
        "the same context, another directory",
        {
            "compose.dev.yml": BUILT.format("images/web"),
            "compose.prod.yml": BUILT.format("images/Dockerfile"),
            "app/images/Dockerfile": PIP,
            "app/Dockerfile": PIP,
            "compose.local.yml": "services:\n  web:\n    build: {context: app}\n",
        },
        "app/Dockerfile",
        "dev",
    ),
    (
        "both build it",
        {
            "compose.yml": DEV.replace("build: .", "build: ./app"),
            "compose.prod.yml": BUILT.format("Dockerfile") + "  b:\n    build: {context: app, dockerfile: Other}\n",
            "app/Dockerfile": PIP,
        },
        "app/Dockerfile",
        "prod",
    ),
    (
        "production builds something else",
        {
            "compose.yml": DEV,
            "compose.prod.yml": "services:\n  p:\n    build: ./proxy # edge\n  w:\n    image: ghcr.io/x/shop:1\n",
            "Dockerfile": PIP,
            "proxy/Dockerfile": "FROM nginx:1.29\n",
        },
        "Dockerfile",
        "unknown",
    ),
    (
        "an editor's container",
        {
            ".worktree/compose.yml": "services:\n  w:\n    build:\n      context: ..\n"
            "      dockerfile: .devcontainer/Dockerfile\n",
            ".devcontainer/Dockerfile": PIP,
        },
        ".worktree/compose.yml",
        "dev",
    ),
    ("the only image", {"Dockerfile": GUNICORN}, "Dockerfile", "prod"),
    ("an image beside prod's", {"Dockerfile": RUNSERVER, "Dockerfile.prod": GUNICORN}, "Dockerfile", "dev"),
    ("the only image, dev server", {"Dockerfile": RUNSERVER}, "Dockerfile", "unknown"),
    ("an image with a unit", {"Dockerfile": RUNSERVER, "shop.service": "[Service]\nExecStart=x"}, "Dockerfile", "dev"),
    ("the only compose file", {"compose.yml": ALONE}, "compose.yml", "prod"),
    ("with reload", {"compose.yml": ALONE.replace("shop.wsgi", "shop.wsgi --reload")}, "compose.yml", "unknown"),
    ("dev server and a unit", {"compose.yml": DEV, "x.service": "[Service]\nExecStart=x"}, "compose.yml", "dev"),
    (
        "the image decides",
        {"compose.yml": "services:\n  web:\n    build: .\n", "Dockerfile": GUNICORN},
        "compose.yml",
        "prod",
    ),
    ("an edge", {"compose.yml": "services:\n  p:\n    image: nginx:1.29\n"}, "compose.yml", "prod"),
    (
        "a script as entry point",
        {"Dockerfile": 'FROM python\nENTRYPOINT ["/start.sh"]\n', "start.sh": "exec gunicorn shop.wsgi\n"},
        "Dockerfile",
        "prod",
    ),
    ("a Makefile's target", {"Makefile": "deploy:\n\tscp my.env host:\n", "my.env": "A=b"}, "my.env", "prod"),
    ("another target", {"Makefile": "run:\n\tcat my.env\n", "my.env": "A=b"}, "my.env", "unknown"),
    ("a Makefile without targets", {"Makefile": "NAME = my.env\n", "my.env": "A=b"}, "my.env", "unknown"),
]


@pytest.mark.parametrize(("files", "path", "klass"), [row[1:] for row in RELATED], ids=[row[0] for row in RELATED])
def test_scope_by_relations(tmp_path: Path, files: dict[str, str], path: str, klass: str) -> None:
    (found,) = projects(tmp_path, {"manage.py": MANAGE, **files})
    scope = found.scope(path)
    assert (scope.klass.value, bool(scope.reason)) == (klass, True), scope.reason


def test_the_user_has_the_last_word(tmp_path: Path) -> None:
    (found,) = projects(tmp_path, {"manage.py": MANAGE, "dev/x.conf": "", "docs/y.conf": "", "z.env": ""})
    options = Options(nginx=("dev/x.conf",), env_files=("./z.env",), scopes={"docs/**": ScopeClass.PROD})
    chosen = found.with_options(options).with_given(["shop/settings.py"], "chosen")
    assert chosen.scope("dev/x.conf").reason == "given with --nginx"
    assert chosen.scope("docs/y.conf").klass is ScopeClass.PROD
    assert chosen.scope("z.env").klass is ScopeClass.PROD
    assert chosen.scope("shop/settings.py").reason == "chosen"
    assert found.scope("dev/x.conf").klass is ScopeClass.DEV


@given(st.text(max_size=60))
def test_no_path_breaks_the_classifier(path: str) -> None:
    checkout = Checkout(Path("/nonexistent"), (), frozenset(), is_git=False, commit=None, dirty=False)
    assert Project(checkout, ".", "x", None).scope(path).reason

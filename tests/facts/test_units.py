"""systemd units and supervisor's programs."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from scanner.facts.compose import Compose
from scanner.facts.dockerfiles import Dockerfiles
from scanner.facts.ini_syntax import parse_indented, parse_unit
from scanner.facts.secrets import ValueKind
from scanner.facts.unit_words import split_supervisor_environment, split_systemd
from scanner.facts.units import Role, Unit, Units, units
from scanner.model import Unknown
from tests.facts.conftest import MakeProject


def read(make: MakeProject, files: dict[str, str | bytes]) -> Units:
    return units(make(files), Compose(()), Dockerfiles(()))


def one(make: MakeProject, text: str, path: str = "deploy/shop.service") -> Unit:
    (found,) = read(make, {path: text}).units
    return found


UNIT = """\
[Unit]
Description=x
# User=commented
; User=commented

[Service]
Type = notify
User=app
Group=www-data
WorkingDirectory=-/srv/shop
Environment="A=1 2" B=three
Environment=TOKEN=fixture-1905 \\
    LATER=%d/token
EnvironmentFile=-/etc/shop/env
EnvironmentFile=/srv/shop/.env
ExecStartPre=+/bin/chown app /run/shop
ExecStart=/srv/shop/venv/bin/gunicorn \\
  # a comment between
  --bind 0.0.0.0:8000 \\
  shop.wsgi

[Install]
WantedBy=multi-user.target
"""


def test_a_whole_unit(make: MakeProject) -> None:
    unit = one(make, UNIT)
    assert (unit.name, unit.kind, unit.role, unit.service_type) == ("shop.service", "service", Role.APP, "notify")
    assert (unit.user, str(unit.user_location), unit.group) == ("app", "deploy/shop.service:8", "www-data")
    assert (unit.working_directory, unit.location.line) == ("/srv/shop", 6)
    assert [
        (pair.key, pair.kind, pair.value, pair.location.line, pair.location.column) for pair in unit.environment
    ] == [
        ("A", ValueKind.PLAIN, "1 2", 11, 14),
        ("B", ValueKind.PLAIN, "three", 11, 21),
        ("TOKEN", ValueKind.SECRET, None, 12, 13),
        ("LATER", ValueKind.REFERENCE, "%d/token", 13, 5),
    ]
    assert [(file.path, file.optional, file.location.line) for file in unit.environment_files] == [
        ("/etc/shop/env", True, 14),
        ("/srv/shop/.env", False, 15),
    ]
    before, start = unit.execs
    assert (before.key, before.prefix, before.argv[0]) == ("ExecStartPre", "+", "/bin/chown")
    assert start.argv == ("/srv/shop/venv/bin/gunicorn", "--bind", "0.0.0.0:8000", "shop.wsgi")
    assert [(place.line, place.column) for place in start.places] == [(17, 11), (19, 3), (19, 10), (20, 3)]
    assert (start.location.line, start.location.end_line) == (17, 20)
    assert not unit.user_unit
    assert "fixture-1905" not in repr(unit)


@pytest.mark.parametrize(
    ("lines", "user"),
    [
        ("", None),
        ("User=", None),
        ("User=app\nUser=root", "root"),
        ("User=app\nUser=", None),
        ("#User=app", None),
        ("User=0", "0"),
        ("User=%i", "%i"),
    ],
)
def test_the_effective_user(make: MakeProject, lines: str, user: str | None) -> None:
    assert one(make, f"[Service]\n{lines}\nExecStart=/x\n").user == user


@pytest.mark.parametrize("value", ["{{ app_user }}", "${APP_USER}", "<%= user %>", "@APP_USER@", "__USER__"])
def test_a_templates_expression_is_unknown(make: MakeProject, value: str) -> None:
    unit = one(make, f"[Service]\nUser={value}\nExecStart=/x\n", "roles/app/templates/shop.service.j2")
    assert isinstance(unit.user, Unknown)
    assert unit.user.location is not None
    assert unit.user.location.line == 2
    assert unit.name == "shop.service"


def test_drop_ins_are_applied_in_the_order_of_their_names(make: MakeProject) -> None:
    unit = read(
        make,
        {
            "d/shop.service": "[Service]\nUser=root\nEnvironment=A=1\nExecStart=/old\n",
            "d/shop.service.d/20-b.conf": "[Service]\nUser=second\n",
            "d/shop.service.d/10-a.conf": "[Service]\nUser=first\nEnvironment=B=2\nExecStart=\nExecStart=/new\n",
        },
    ).units[0]
    assert (unit.user, unit.user_location.path if unit.user_location else "") == (
        "second",
        "d/shop.service.d/20-b.conf",
    )
    assert [pair.key for pair in unit.environment] == ["A", "B"]
    assert [start.argv for start in unit.execs] == [("/new",)]
    assert unit.drop_ins == ("d/shop.service.d/10-a.conf", "d/shop.service.d/20-b.conf")


def test_a_drop_in_of_a_foreign_unit_is_none_unless_it_runs_something(make: MakeProject) -> None:
    files: dict[str, str | bytes] = {"nginx.service.d/x.conf": "[Service]\nLimitNOFILE=65536\n"}
    assert read(make, files).units == ()
    files["nginx.service.d/y.conf"] = "[Service]\nExecStart=/usr/sbin/nginx\n"
    assert [unit.name for unit in read(make, files).units] == ["nginx.service"]


def test_sockets(make: MakeProject) -> None:
    text = "[Socket]\nListenStream=/run/x.sock\nListenStream=127.0.0.1:8000\nSocketMode=0660\n"
    unit = one(make, text, "x.socket")
    assert [(value, place.line) for value, place in unit.listen] == [("/run/x.sock", 2), ("127.0.0.1:8000", 3)]
    assert (unit.kind, unit.socket_mode) == ("socket", "0660")


@pytest.mark.parametrize(
    ("command", "role"),
    [
        ("/venv/bin/gunicorn x", Role.APP),
        ("/bin/bash -c 'cd /srv && exec gunicorn x'", Role.APP),
        ("/venv/bin/celery -A x worker", Role.CELERY),
        ("/venv/bin/python manage.py qcluster", Role.MANAGE),
        ("/usr/sbin/nginx -g 'daemon off;'", Role.PROXY),
        ("/usr/bin/certbot renew", Role.UNKNOWN),
        ("/usr/local/bin/docker-compose up", Role.UNKNOWN),
        ("/srv/other/bot.py", Role.UNKNOWN),
        ("/venv/bin/python /srv/shop/tasks.py", Role.HELPER),
        ("pipenv run python tasks.py", Role.HELPER),
        ("/srv/app/venv/bin/feeder", Role.HELPER),
        ("/venv/bin/python -m shop.feed", Role.HELPER),
        ("/srv/shop/bin/gunicorn_start", Role.APP),
    ],
)
def test_roles(make: MakeProject, command: str, role: Role) -> None:
    script = "#!/bin/bash\nexec /srv/venv/bin/gunicorn shop.wsgi\n"
    unit = f"[Service]\nWorkingDirectory=/srv/app\nExecStart={command}\n"
    found = read(make, {"x.service": unit, "bin/gunicorn_start": script, "tasks.py": "", "shop/feed.py": ""})
    assert found.units[0].role is role


@pytest.mark.parametrize("path", ["systemd/user/x.service", "x.service"])
def test_user_units(make: MakeProject, path: str) -> None:
    unit = one(make, "[Service]\nExecStart=/x\n[Install]\nWantedBy=default.target\n", path)
    assert unit.user_unit


def test_a_unit_that_a_script_writes(make: MakeProject) -> None:
    script = (
        "#!/bin/sh\ncat > /etc/systemd/system/shop.service <<EOF\n[Service]\nUser=$APP\nExecStart=gunicorn x\nEOF\n"
    )
    (unit,) = read(make, {"setup.sh": script}).units
    assert (unit.path, unit.name, unit.location.line) == ("setup.sh", "shop.service", 3)
    assert isinstance(unit.user, Unknown)
    assert unit.execs[0].location.line == 5


@pytest.mark.parametrize("text", ["[D-BUS Service]\nName=x\n", "<?xml version='1.0'?>\n<service-group/>\n", ""])
def test_other_files_of_that_name_are_none(make: MakeProject, text: str) -> None:
    assert read(make, {"x.service": text}) == Units(())


def test_a_binary_unit_is_told(make: MakeProject) -> None:
    assert read(make, {"x.service": b"[Service]\0"}).unreadable == (("x.service", "is a binary file"),)


def test_secrets_of_a_command_line(make: MakeProject) -> None:
    unit = one(make, "[Service]\nExecStart=/x --api-token fixture-1905 redis://:fixture-22@h/\n")
    assert unit.execs[0].secrets == (("api-token", 12), ("url", 22))
    assert unit.execs[0].argv == ("/x", "--api-token", "***", "redis://:***@h/")


SUPERVISOR = """\
[supervisord]
user=worker

[program:web]
command=/venv/bin/gunicorn
    --bind 0.0.0.0:8000 shop.wsgi ; the site
directory=/srv/shop
environment=A="x,y",SECRET_KEY='fixture-1905',C=%(ENV_C)s

[program:celery]
command=celery -A shop worker
user=celery
"""


def test_supervisor(make: MakeProject) -> None:
    web, celery = read(make, {"deploy/supervisor/shop.conf": SUPERVISOR}).units
    assert (web.name, web.kind, web.role, web.user, web.working_directory) == (
        "program:web",
        "supervisor",
        Role.APP,
        "worker",
        "/srv/shop",
    )
    assert web.execs[0].argv == ("/venv/bin/gunicorn", "--bind", "0.0.0.0:8000", "shop.wsgi")
    assert [(place.line, place.column) for place in web.execs[0].places] == [(5, 9), (6, 5), (6, 12), (6, 25)]
    assert [(pair.key, pair.kind) for pair in web.environment] == [
        ("A", ValueKind.PLAIN),
        ("SECRET_KEY", ValueKind.SECRET),
        ("C", ValueKind.REFERENCE),
    ]
    assert (celery.role, celery.user) == (Role.CELERY, "celery")


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("a b", ("a", "b")),
        ("'a b' \"c d\"", ("a b", "c d")),
        ('"A=b c"', ("A=b c",)),
        ('A="b c"', ("A=b c",)),
        (r"a\ b \x", ("a b", "x")),
        ('""', ("",)),
        ("it's", ("it's",)),
        ("", ()),
    ],
)
def test_words(text: str, words: tuple[str, ...]) -> None:
    assert split_systemd(text) == words


@given(st.text())
def test_no_text_breaks_the_parsers(text: str) -> None:
    lines = text.count("\n") + 1
    for ini in (parse_unit("x", text), parse_indented("x", text)):
        for setting in ini.settings:
            assert 1 <= setting.line <= setting.end_line <= lines
            words = split_systemd(setting.value)
            assert len(setting.places(words)) == len(words)
    split_supervisor_environment(text)

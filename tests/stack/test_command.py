"""What is changed in the project's command, and what never is."""

import dataclasses

import pytest

from scanner.facts.app_servers import Bind, ServerKind
from scanner.stack.command import application_of, command_of, made_up, rebound
from tests.stack.facts import PLACE, bind, gunicorn


def words(*arguments: str, at: str = "127.0.0.1:8000") -> tuple[str, ...]:
    return command_of(gunicorn(*arguments, at=at), {}).argv


def test_bind_trust_and_worker_class_stay() -> None:
    kept = ("--bind", "0.0.0.0:8000", "--forwarded-allow-ips", "*", "-k", "gthread", "--threads=4", "--timeout", "90")
    assert words(*kept) == ("gunicorn", "shop.wsgi:application", *kept, "--workers", "2")


@pytest.mark.parametrize(
    "dropped",
    [
        ("--daemon",),
        ("-D",),
        ("--reload",),
        ("--user", "www-data"),
        ("--user=www-data",),
        ("-u", "www-data"),
        ("-uwww-data",),
        ("--group", "www-data"),
        ("--pid", "/run/g.pid"),
        ("--access-logfile", "/var/log/a.log"),
        ("--error-logfile=/var/log/e.log",),
    ],
)
def test_what_cannot_work_in_a_sandbox_is_dropped_and_said(dropped: tuple[str, ...]) -> None:
    command = command_of(gunicorn("--bind", "127.0.0.1:8000", *dropped, "--preload"), {})
    assert command.argv == (
        "gunicorn",
        "shop.wsgi:application",
        "--bind",
        "127.0.0.1:8000",
        "--preload",
        "--workers",
        "2",
    )
    assert f"{' '.join(dropped)} dropped" in command.changes


def test_two_workers_whatever_the_project_says() -> None:
    for workers in (("-w", "9"), ("-w9",), ("--workers=9",), ("--workers", "9")):
        assert words(*workers) == ("gunicorn", "shop.wsgi:application", "--workers", "2")


def test_a_socket_is_opened_to_the_proxys_user() -> None:
    command = command_of(gunicorn("--bind", "unix:/run/a.sock", "--umask", "007", at="unix:/run/a.sock"), {})
    assert command.argv[-2:] == ("--umask", "0")
    assert any("--umask 0" in change for change in command.changes)


def test_the_platforms_port() -> None:
    server = gunicorn("--bind", "0.0.0.0:$PORT")
    server = dataclasses.replace(server, platform=True, binds=(Bind("0.0.0.0", None, None, PLACE),))
    command = command_of(server, {})
    assert "0.0.0.0:8000" in command.argv
    assert command.environment == {"PORT": "8000"}
    assert command.binds[0].port == 8000
    given = command_of(server, {"PORT": "5000"})
    assert "0.0.0.0:5000" in given.argv
    assert given.environment == {}
    assert given.binds[0].port == 5000


def test_shell_defaults() -> None:
    assert "0.0.0.0:9000" in words("--bind", "0.0.0.0:${APP_PORT:-9000}")
    assert "--timeout" in words("--timeout", "${T}")


def test_runserver_is_kept() -> None:
    server = dataclasses.replace(gunicorn(), kind=ServerKind.RUNSERVER, argv=("manage.py", "runserver", "0.0.0.0:8000"))
    assert command_of(server, {}).argv == ("python", "manage.py", "runserver", "0.0.0.0:8000", "--noreload")


def test_uvicorn_runs_as_one_process() -> None:
    server = dataclasses.replace(
        gunicorn(),
        kind=ServerKind.UVICORN,
        argv=(
            "uvicorn",
            "shop.asgi:application",
            "--reload",
            "--workers",
            "4",
            "--proxy-headers",
            "--uds",
            "/run/a.sock",
        ),
    )
    command = command_of(server, {})
    assert command.argv == ("uvicorn", "shop.asgi:application", "--proxy-headers", "--uds", "/run/a.sock")


def test_a_configuration_file_may_name_a_user() -> None:
    assert command_of(dataclasses.replace(gunicorn("-c", "g.py"), config_file="g.py"), {}).own_user
    assert not command_of(gunicorn(), {}).own_user


def test_gunicorn_where_nobody_says_how_it_is_served() -> None:
    command = made_up("shop.wsgi:application", bind("unix:/run/shop.sock"), "why")
    assert command.argv[:4] == ("gunicorn", "shop.wsgi:application", "--bind", "unix:/run/shop.sock")
    assert not command.own
    assert application_of("shop.wsgi.app", "x") == "shop.wsgi:app"
    assert application_of(None, "config.settings.prod") == "config.wsgi:application"


def test_a_socket_moves_in_arguments_and_over_a_configuration_file() -> None:
    old, new = "/srv/shop/shop.sock", "/run/seatrial/shop.sock"
    moved = rebound(command_of(gunicorn("--bind", f"unix:{old}", at=f"unix:{old}"), {}), old, new, "why")
    assert f"unix:{new}" in moved.argv
    assert not any(old in word for word in moved.argv)
    assert moved.binds[0].path == new
    configured = rebound(command_of(gunicorn("-c", "g.py", at=f"unix:{old}"), {}), old, new, "why")
    assert configured.argv[-2:] == ("--bind", f"unix:{new}")

"""The command that serves the application in the sandbox: the project's own, changed as little as it can be.

What it binds, whom it trusts, its worker class and its time limits are never changed: the probes are about them.
What is changed, and said, is what cannot work in a sandbox: becoming another user, going into the background,
reloading, writing log and pid files.
"""

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Final

from scanner.facts.app_servers import AppServer, Bind, ServerKind
from scanner.model import Location

DEFAULT_PORT: Final = "8000"
_VARIABLE: Final = re.compile(r"\$(?:\{(?P<braced>[A-Za-z_]\w*)(?::?-(?P<default>[^}]*))?\}|(?P<bare>[A-Za-z_]\w*))")
_WORKERS: Final = "2"


@dataclass(frozen=True)
class Options:
    """What a server's command line understands, as far as it is touched here."""

    flags: frozenset[str] = frozenset()
    """Dropped, with no value."""
    valued: frozenset[str] = frozenset()
    """Dropped with their value, which may be joined by ``=`` or, after one dash and a letter, by nothing."""
    appended: tuple[str, ...] = ()


@dataclass(frozen=True)
class AppCommand:
    """How the application is started in the sandbox."""

    kind: ServerKind
    argv: tuple[str, ...]
    binds: tuple[Bind, ...]
    """Where it listens; the ``fd`` ones are opened for it."""
    environment: Mapping[str, str]
    """What the command needs beside the boot's variables (``PORT``)."""
    changes: tuple[str, ...]
    """What was changed in it, in words for the report."""
    location: Location | None
    """Where the project's command is written; None where there is none."""
    reason: str
    own: bool
    """The project's own command, not one that was made up."""
    own_user: bool = False
    """A configuration file may name another user: the launcher adds the sandbox's own."""
    home: bool = False
    """The server has a Python of its own in it: the launcher tells it where the environment lies."""
    uwsgi: bool = False
    """It speaks uWSGI's own protocol, not HTTP."""
    sockets: tuple[str, ...] = field(default=())
    """What systemd would open for it."""


_GUNICORN: Final = Options(
    flags=frozenset({"-D", "--daemon", "--reload"}),
    valued=frozenset(
        {
            *("-u", "--user", "-g", "--group", "-p", "--pid", "--pidfile", "-w", "--workers"),
            *("--log-file", "--error-logfile", "--access-logfile", "--reload-engine", "--reload-extra-file"),
            *("--log-syslog-to", "--log-syslog-prefix", "--statsd-host", "--dogstatsd-tags"),
        }
    ),
    appended=("--workers", _WORKERS),
)
# One process: several would be started anew for ever when the application cannot be imported, instead of ending.
_UVICORN: Final = Options(
    flags=frozenset({"--reload", "--no-reload"}),
    valued=frozenset({"--workers", "--reload-dir", "--reload-include", "--reload-exclude", "--reload-delay"}),
)
_HYPERCORN: Final = Options(
    flags=frozenset({"--reload", "-D", "--daemon"}),
    valued=frozenset(
        {"-u", "--user", "-g", "--group", "-p", "--pid", "--access-logfile", "--error-logfile", "--log-file"}
    ),
)
_DAPHNE: Final = Options(valued=frozenset({"--access-log"}))
_UWSGI: Final = Options(
    flags=frozenset({"--auto-procname"}),
    valued=frozenset(
        {
            *("-d", "--daemonize", "--daemonize2", "--uid", "--gid", "--pidfile", "--pidfile2", "--logto", "--logger"),
            *("-H", "--home", "--virtualenv", "--venv", "--pyhome", "--py-autoreload", "--touch-reload"),
        }
    ),
)
_OPTIONS: Final = {
    ServerKind.GUNICORN: _GUNICORN,
    ServerKind.UVICORN: _UVICORN,
    ServerKind.HYPERCORN: _HYPERCORN,
    ServerKind.DAPHNE: _DAPHNE,
    ServerKind.WAITRESS: Options(),
    ServerKind.UWSGI: _UWSGI,
}


def command_of(server: AppServer, environment: Mapping[str, str], sockets: tuple[str, ...] = ()) -> AppCommand:
    """The command of this server for the sandbox.

    ``environment`` are the variables that the process gets; ``sockets`` what a socket unit opens for it.
    """
    values = {"PORT": DEFAULT_PORT, **environment}
    program, *rest = (_expanded(word, values) for word in server.argv)
    changes: list[str] = []
    needed = {} if "PORT" in environment or not _uses_port(server) else {"PORT": DEFAULT_PORT}
    if needed:
        changes.append(f"PORT is {DEFAULT_PORT}: the platform would choose it")
    if server.kind is ServerKind.RUNSERVER:
        argv = _runserver(program, rest, changes)
    else:
        options = _OPTIONS.get(server.kind, Options())
        kept = _dropped(rest, options, changes.append)
        argv = (program.rpartition("/")[2], *kept, *options.appended)
        if options.appended:
            changes.append(f"{' '.join(options.appended)} instead of the project's number")
    binds = tuple(_bind(bind, values) for bind in server.binds)
    if server.kind is ServerKind.GUNICORN and any(bind.path for bind in binds):
        # In production, group membership lets the proxy in; in a sandbox, users have no groups in common.
        argv = (*argv, "--umask", "0")
        changes.append("--umask 0: the proxy's user must reach the socket")
    return AppCommand(
        kind=server.kind,
        argv=argv,
        binds=binds,
        environment=needed,
        changes=tuple(changes),
        location=server.location,
        reason=server.artefact,
        own=True,
        own_user=server.kind is ServerKind.GUNICORN and server.config_file is not None,
        home=server.kind is ServerKind.UWSGI,
        uwsgi=server.uwsgi_protocol,
        sockets=sockets,
    )


def made_up(application: str, bind: Bind, why: str) -> AppCommand:
    """Gunicorn with ``MODULE:NAME``, where the project says nowhere how it is served."""
    address = f"unix:{bind.path}" if bind.path else str(bind)
    argv = ("gunicorn", application, "--bind", address, "--workers", _WORKERS)
    return AppCommand(
        kind=ServerKind.GUNICORN,
        argv=(*argv, "--umask", "0") if bind.path else argv,
        binds=(bind,),
        environment={},
        changes=(),
        location=None,
        reason=why,
        own=False,
    )


def application_of(wsgi_application: object, settings_module: str) -> str:
    """``shop.wsgi:application`` from WSGI_APPLICATION, else from the settings package's own ``wsgi``."""
    if isinstance(wsgi_application, str) and "." in wsgi_application:
        module, _, name = wsgi_application.rpartition(".")
        return f"{module}:{name}"
    package = settings_module.split(".", 1)[0]
    return f"{package}.wsgi:application"


def rebound(command: AppCommand, old: str, new: str, why: str) -> AppCommand:
    """The same command with its unix socket at another path, for a directory that sandboxes cannot share."""
    binds = tuple(
        Bind(bind.host, bind.port, new if bind.path == old else bind.path, bind.location, bind.fd)
        for bind in command.binds
    )
    argv = tuple(word.replace(old, new) for word in command.argv)
    if argv == command.argv and command.kind is ServerKind.GUNICORN and not command.sockets:
        # It stands in a configuration file or variable, which the command line overrides.
        argv = (*argv, "--bind", f"unix:{new}")
    return replace(
        command,
        argv=argv,
        binds=binds,
        changes=(*command.changes, f"the socket {old} lies at {new}: {why}"),
        sockets=tuple(new if one == old else one for one in command.sockets),
    )


def _uses_port(server: AppServer) -> bool:
    named = any(match.group("braced") == "PORT" or match.group("bare") == "PORT" for match in _matches(server.argv))
    return server.platform or named


def _matches(words: Iterable[str]) -> Iterable[re.Match[str]]:
    return (match for word in words for match in _VARIABLE.finditer(word))


def _expanded(word: str, values: Mapping[str, str]) -> str:
    """The word with its shell variables in place; one that nobody sets becomes its default, or empty."""

    def value(match: re.Match[str]) -> str:
        name = match.group("braced") or match.group("bare")
        return values.get(name) or match.group("default") or ""

    return _VARIABLE.sub(value, word)


def _bind(bind: Bind, values: Mapping[str, str]) -> Bind:
    """A bind whose port is the platform's gets the port that is in the environment."""
    if bind.path is None and bind.port is None and values.get("PORT", "").isdecimal():
        return Bind(bind.host, int(values["PORT"]), None, bind.location, bind.fd)
    return bind


def _dropped(words: Sequence[str], options: Options, note: Callable[[str], None]) -> tuple[str, ...]:
    """The words without the options that go."""
    kept: list[str] = []
    position = 0
    while position < len(words):
        word = words[position]
        name, equals, _ = word.partition("=")
        joined = not word.startswith("--") and len(word) > 2 and word[:2] in options.valued
        if word in options.flags:
            note(f"{word} dropped")
            position += 1
        elif name in options.valued or joined:
            taken = 1 if equals or joined else 2
            if words[position + taken - 1 : position + taken] == ["-"]:
                # A log that goes to the standard output already.
                kept += words[position : position + taken]
                position += taken
                continue
            if name not in {"-w", "--workers"} and not word.startswith("-w"):
                note(f"{' '.join(words[position : position + taken])} dropped")
            position += taken
        else:
            kept.append(word)
            position += 1
    return tuple(kept)


def _runserver(program: str, rest: Sequence[str], changes: list[str]) -> tuple[str, ...]:
    """``manage.py runserver`` stays what it is: the rule about it needs to see it live."""
    changes.append("--noreload added")
    name = program.rpartition("/")[2]
    start = ("django-admin",) if not name.endswith("manage.py") else ("python", program)
    return (*start, *rest, "--noreload")

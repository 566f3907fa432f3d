"""What each app server makes of its command line and its variables.

Sources: uvicorn's ``main.py`` and ``proxy_headers.py``, daphne's ``cli.py``, hypercorn's and waitress' documentation,
Django's ``runserver``.
"""

from collections.abc import Callable, Mapping
from dataclasses import replace

from scanner.facts.app_server_types import AppServer, Bind, ServerKind
from scanner.facts.artefact import Artefact, Variable
from scanner.facts.commands import Command
from scanner.facts.gunicorn_server import read_gunicorn
from scanner.facts.interpolation import interpolate
from scanner.facts.secrets import ValueKind, examine
from scanner.facts.server_options import listen_stream, parse_bind, read_options
from scanner.facts.server_reading import LOOPBACK, Peers, Reading
from scanner.facts.uwsgi import read_uwsgi
from scanner.model import Location
from scanner.project import Project
from scanner.project.scope import words as word_set

_UVICORN_FLAGS = word_set(
    "reload access-log no-access-log use-colors no-use-colors proxy-headers no-proxy-headers server-header",
    "no-server-header date-header no-date-header factory version help",
)
_DAPHNE_SHORT = {
    "-b": "bind",
    "-p": "port",
    "-u": "unix-socket",
    "-e": "endpoint",
    "-v": "verbosity",
    "-t": "http-timeout",
}
_DAPHNE_FLAGS = word_set("proxy-headers no-server-name help")
_HYPERCORN_SHORT = {
    "-b": "bind", "-c": "config", "-w": "workers", "-k": "worker-class", "-u": "user", "-g": "group", "-m": "umask",
    "-p": "pid", "-D": "daemon",
}  # fmt: skip
_HYPERCORN_FLAGS = word_set("reload debug daemon h11-no-cors version help")
_WAITRESS_FLAGS = word_set(
    "call expose-tracebacks no-expose-tracebacks ipv4 no-ipv4 ipv6 no-ipv6 asyncore-use-poll no-asyncore-use-poll",
    "log-untrusted-proxy-headers no-log-untrusted-proxy-headers clear-untrusted-proxy-headers",
    "no-clear-untrusted-proxy-headers log-socket-errors no-log-socket-errors help version",
)
_RUNSERVER_FLAGS = word_set(
    "insecure noreload nostatic nothreading ipv6 force-color no-color traceback skip-checks noasgi help version",
    "nopin keep-meta-shutdown print-sql",
)


def _uvicorn(reading: Reading) -> AppServer:
    given = read_options(reading.command.words[1:], {}, _UVICORN_FLAGS)

    def value(name: str) -> tuple[str | None, Location | None]:
        option = given.last(name)
        if option is not None:
            return reading.text(option), option.location
        variable = reading.variable(f"UVICORN_{name.upper().replace('-', '_')}")
        return (variable.value, variable.location) if variable else (None, None)

    listed, place = value("forwarded-allow-ips")
    peers = reading.peers(listed, place, LOOPBACK)
    off = given.last("no-proxy-headers")
    if off is not None:
        peers = Peers((), off.location)
    socket, socket_place = value("uds")
    fd = given.last("fd")
    host, host_place = value("host")
    port, port_place = value("port")
    if fd is not None and reading.artefact.sockets:
        binds = tuple(listen_stream(text, at) for text, at in reading.artefact.sockets)
    elif fd is not None:
        binds = (Bind("", None, None, fd.location, fd=True),)
    elif socket:
        binds = (parse_bind(f"unix:{socket}", socket_place or reading.location),)
    else:
        binds = (_host_port(host or "127.0.0.1", port or "8000", host_place or port_place or reading.location),)
    workers, _ = value("workers")
    concurrency = reading.variable("WEB_CONCURRENCY")
    return replace(
        reading.base(ServerKind.UVICORN, "uvicorn"),
        binds=binds,
        application=given.positionals[0].text if given.positionals else None,
        trusted_peers=peers.listed,
        trust_location=peers.location,
        trusts_unix_peer="*" in peers.listed,  # there is no address to compare (proxy_headers.py)
        workers=reading.number(workers, concurrency.value if concurrency else None),
        reload=given.last("reload") is not None,
    )


def _host_port(host: str, port: str, place: Location) -> Bind:
    return Bind(host.strip("[]"), int(port) if port.isdecimal() else None, None, place)


def _daphne(reading: Reading) -> AppServer:
    given = read_options(reading.command.words[1:], _DAPHNE_SHORT, _DAPHNE_FLAGS)
    binds: list[Bind] = []
    for endpoint in given.every("endpoint"):
        kind, *parts = reading.expand(endpoint.value or "").split(":")
        named = dict(part.partition("=")[::2] for part in parts if "=" in part)
        plain = next((part for part in parts if part.isdecimal()), "8000")
        if kind == "unix":
            binds.append(Bind("", None, named.get("path") or (parts[0] if parts else ""), endpoint.location))
        elif kind in {"tcp", "tcp6", "ssl"}:
            binds.append(_host_port(named.get("interface", "0.0.0.0"), named.get("port", plain), endpoint.location))
        elif kind == "fd":
            sockets = reading.artefact.sockets
            binds += [listen_stream(text, at) for text, at in sockets] or [
                Bind("", None, None, endpoint.location, fd=True)
            ]
    socket, host, port = given.last("unix-socket"), given.last("bind"), given.last("port")
    if socket is not None:
        binds.append(Bind("", None, reading.text(socket), socket.location))
    if host is not None or port is not None or not binds:
        place = host or port
        binds.append(
            _host_port(
                reading.text(host) or "127.0.0.1",
                reading.text(port) or "8000",
                place.location if place else reading.location,
            )
        )
    headers = given.last("proxy-headers")
    return replace(
        reading.base(ServerKind.DAPHNE, "daphne"),
        binds=tuple(binds),
        application=given.positionals[0].text if given.positionals else None,
        trusted_peers=("*",) if headers else (),
        trust_location=headers.location if headers else None,
        trusts_unix_peer=headers is not None,
    )


def _hypercorn(reading: Reading) -> AppServer:
    given = read_options(reading.command.words[1:], _HYPERCORN_SHORT, _HYPERCORN_FLAGS)
    options = given.every("bind")
    binds = tuple(parse_bind(reading.expand(one.value or ""), one.location) for one in options)
    if not binds and given.last("config") is None:
        binds = (Bind("127.0.0.1", 8000, None, reading.location),)
    return replace(
        reading.base(ServerKind.HYPERCORN, "hypercorn"),
        binds=binds,
        application=given.positionals[0].text if given.positionals else None,
        workers=reading.number(reading.text(given.last("workers"))),
        reload=given.last("reload") is not None,
        drops_user=reading.text(given.last("user")),
    )


def _waitress(reading: Reading) -> AppServer:
    given = read_options(reading.command.words[1:], {}, _WAITRESS_FLAGS)
    binds = [
        parse_bind(part, one.location, 8080)
        for one in given.every("listen")
        for part in reading.expand(one.value or "").split()
    ]
    socket, host, port = given.last("unix-socket"), given.last("host"), given.last("port")
    if socket is not None:
        binds.append(Bind("", None, reading.text(socket), socket.location))
    elif not binds:
        place = host or port
        binds.append(
            _host_port(
                reading.text(host) or "0.0.0.0",
                reading.text(port) or "8080",
                place.location if place else reading.location,
            )
        )
    trusted = given.last("trusted-proxy")
    peers = (reading.text(trusted) or "",) if trusted else ()
    return replace(
        reading.base(ServerKind.WAITRESS, "waitress-serve"),
        binds=tuple(binds),
        application=given.positionals[0].text if given.positionals else None,
        trusted_peers=peers,
        trust_location=trusted.location if trusted else None,
        trusts_unix_peer="*" in peers,
    )


def _runserver(reading: Reading) -> AppServer:
    index = next((at for at, word in enumerate(reading.command.words) if word.text.startswith("runserver")), 1)
    given = read_options(reading.command.words[index + 1 :], {"-6": "ipv6"}, _RUNSERVER_FLAGS)
    where = next(iter(given.positionals), None)
    text = reading.expand(where.text) if where else ""
    if text.isdecimal():
        bind = Bind("127.0.0.1", int(text), None, where.location if where else reading.location)
    elif where is not None:
        bind = parse_bind(text, where.location)
        bind = replace(bind, host="0.0.0.0") if bind.host == "0" else bind
    else:
        bind = Bind("127.0.0.1", 8000, None, reading.location)
    module = reading.text(given.last("settings"))
    made = replace(
        reading.base(ServerKind.RUNSERVER, reading.command.program),
        binds=(bind,),
        reload=given.last("noreload") is None,
    )
    return replace(made, settings_module=module) if module else made


def _uwsgi(reading: Reading) -> AppServer:
    found = read_uwsgi(reading.project, reading.artefact, reading.command.words[1:], reading.expand, reading.unreadable)
    made = replace(
        reading.base(ServerKind.UWSGI, "uwsgi"),
        binds=found.binds,
        application=found.application,
        # uWSGI takes HTTPS and the client's address from the protocol's parameters, not from headers.
        trusted_peers=(),
        workers=found.workers,
        config_file=found.config_file,
        uwsgi_protocol=found.uwsgi_protocol,
        drops_user=found.user,
        directory=found.directory or reading.artefact.directory,
    )
    return replace(made, settings_module=found.settings_module) if found.settings_module else made


_READERS: Mapping[str, Callable[[Reading], AppServer]] = {
    "gunicorn": read_gunicorn,
    "uvicorn": _uvicorn,
    "daphne": _daphne,
    "hypercorn": _hypercorn,
    "waitress": _waitress,
    "runserver": _runserver,
    "uwsgi": _uwsgi,
}


def read_server(
    project: Project, artefact: Artefact, command: Command, unreadable: list[tuple[str, str]]
) -> AppServer | None:
    """The app server that a resolved command starts; None where it starts none. Adds files that cannot be read."""
    reader = _READERS.get(command.server or "")
    if reader is None:
        return None
    environment = dict(artefact.environment)
    for key, value in command.environment.items():
        seen = examine(key, value)
        shown = None if seen.kind is ValueKind.SECRET else interpolate(value, _values(environment)).text
        environment[key] = Variable(shown, command.words[0].location)
    reading = Reading(project, artefact, command, environment, unreadable)
    made = reader(reading)
    return replace(made, notes=tuple(dict.fromkeys(reading.notes)))


def _values(environment: Mapping[str, Variable]) -> dict[str, str]:
    return {key: one.value for key, one in environment.items() if one.value is not None}

"""The application's process: its command, environment, directories."""

import json
import posixpath
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from scanner.facts.app_servers import Bind
from scanner.facts.boot_plan import BootPlan
from scanner.facts.live_stack import Canary
from scanner.facts.settings import Json
from scanner.facts.topology import PeerKind, Topology
from scanner.model import Location
from scanner.stack.command import DEFAULT_PORT, AppCommand, application_of, command_of, made_up, rebound
from scanner.stack.inputs import Inputs
from scanner.stack.placement import LOOPBACK
from scanner.stack.trees import app_canaries

MOVED_SOCKETS: Final = "/run/seatrial"
_WHITENOISE: Final = "whitenoise.middleware.WhiteNoiseMiddleware"


@dataclass(frozen=True)
class AppPlan:
    """The application's process."""

    command: AppCommand
    environment: Mapping[str, str]
    """All but what the hook adds. Holds secrets: it goes into the sandbox and nowhere else."""
    directory: str
    writable: tuple[str, ...]
    shared: tuple[str, ...]
    collect: tuple[str, ...] | None
    canaries: tuple[Canary, ...]
    overrides: str
    """JSON object: settings that are replaced so that it starts."""


@dataclass(frozen=True)
class NoApp:
    """The application is not started."""

    why: str


def app_plan(inputs: Inputs, *, own_proxy: bool) -> tuple[AppPlan | NoApp, Mapping[str, str]]:
    """The application's process, or why there is none; and the symbolic links that the proxy needs to reach it."""
    found = _command(inputs, own_proxy=own_proxy)
    if isinstance(found, NoApp):
        return found, {}
    command, links = _shareable(found, inputs.boot)
    return _app_plan(command, inputs), links


def _command(inputs: Inputs, *, own_proxy: bool) -> AppCommand | NoApp:
    topology, boot = inputs.topology, inputs.boot
    server = topology.app or (inputs.app_servers.main if inputs.app_servers else None)
    if server is None:
        application = application_of(inputs.settings.value("WSGI_APPLICATION"), boot.settings_module)
        why = "no command that serves the application is in the repository"
        return made_up(application, _expected_bind(topology, own_proxy=own_proxy), why)
    environment = {**_said(server.environment), **boot.environment}
    sockets = tuple(_listen_text(bind) for bind in server.binds if bind.fd)
    return command_of(server, environment, sockets)


def _said(environment: Mapping[str, str | None] | None) -> dict[str, str]:
    return {name: value for name, value in (environment or {}).items() if value is not None}


def _listen_text(bind: Bind) -> str:
    return bind.path if bind.path is not None else f"{bind.host}:{bind.port}"


def _expected_bind(topology: Topology, *, own_proxy: bool) -> Bind:
    """Where a command that was made up must listen: where the proxy looks for it."""
    nowhere = topology.upstream_location or Location("")
    upstream = topology.upstream if own_proxy else None
    if upstream is None:
        return Bind(LOOPBACK, int(DEFAULT_PORT), None, nowhere)
    if upstream.startswith("unix:"):
        return Bind("", None, upstream.removeprefix("unix:"), nowhere)
    port = upstream.rpartition(":")[2]
    host = "0.0.0.0" if topology.peer is PeerKind.OTHER else LOOPBACK
    return Bind(host, int(port) if port.isdecimal() else 80, None, nowhere)


def _shareable(command: AppCommand, boot: BootPlan) -> tuple[AppCommand, Mapping[str, str]]:
    """Move sockets out of directories that the sandboxes cannot share, such as the project's own."""
    links: dict[str, str] = {}
    own = [boot.root, boot.directory, *(tree.target for tree in boot.trees), *boot.directories]
    for path in [bind.path for bind in command.binds if bind.path is not None]:
        directory = posixpath.dirname(path)
        if any(_overlap(directory, one) for one in own) or directory in {"/", "/run", "/var/run"}:
            links[path] = f"{MOVED_SOCKETS}/{posixpath.basename(path)}"
            why = "the sandboxes cannot share a directory of the project"
            command = rebound(command, path, links[path], why)
    return command, links


def _overlap(one: str, other: str) -> bool:
    a, b = f"{one.rstrip('/')}/", f"{other.rstrip('/')}/"
    return a.startswith(b) or b.startswith(a)


def _app_plan(command: AppCommand, inputs: Inputs) -> AppPlan:
    boot, server = inputs.boot, inputs.topology.app
    said = _said(server.environment) if server else {}
    shared = tuple(dict.fromkeys(posixpath.dirname(bind.path) for bind in command.binds if bind.path))
    static, media = inputs.directory("STATIC_ROOT"), inputs.directory("MEDIA_ROOT")
    wanted = [*boot.directories, static, media]
    writable = dict.fromkeys(posixpath.normpath(one) for one in wanted if one)
    directory = boot.directory
    if server is not None and server.directory is not None and boot.in_checkout(server.directory) is not None:
        directory = server.directory
    return AppPlan(
        command=command,
        environment={**said, **boot.environment, **command.environment},
        directory=directory,
        writable=tuple(one for one in writable if one not in shared),
        shared=shared,
        collect=_collect(inputs),
        canaries=app_canaries(inputs.nonce, static, media),
        overrides=json.dumps({one.setting: json.loads(one.value) for one in boot.overrides}),
    )


def _collect(inputs: Inputs) -> tuple[str, ...] | None:
    """The command that collects static files, where the application itself needs them collected."""
    settings = inputs.settings
    if inputs.directory("STATIC_ROOT") is None or not settings.has_app("django.contrib.staticfiles"):
        return None
    backends = json.dumps([_plain(settings.value(name)) for name in ("STORAGES", "STATICFILES_STORAGE")])
    if "Manifest" not in backends and not settings.has_middleware(_WHITENOISE):
        return None
    start = ("python", "manage.py") if inputs.project.manage is not None else ("python", "-m", "django")
    return (*start, "collectstatic", "--noinput", "--verbosity", "0")


def _plain(value: Json) -> object:
    return dict(value) if isinstance(value, Mapping) else value

"""What is known of a command that serves the application."""

import enum
import ipaddress
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property

from scanner.model import Location, Unknown


class ServerKind(enum.StrEnum):
    """The app server's program."""

    GUNICORN = "gunicorn"
    UVICORN = "uvicorn"
    UWSGI = "uwsgi"
    DAPHNE = "daphne"
    HYPERCORN = "hypercorn"
    WAITRESS = "waitress"
    RUNSERVER = "runserver"


@dataclass(frozen=True)
class Bind:
    """One address at which the server listens."""

    host: str
    """``127.0.0.1``, ``0.0.0.0``, ``::``, a name; empty for a unix socket."""
    port: int | None
    """None where a variable that nobody sets here decides."""
    path: str | None
    """Of a unix socket."""
    location: Location
    """The option, variable or file that decides."""
    fd: bool = False
    """Given by socket activation."""

    @property
    def loopback(self) -> bool:
        """Only the same host can reach it."""
        return self.path is not None or self.host in {"127.0.0.1", "::1", "localhost"} or self.host.startswith("127.")

    @property
    def wildcard(self) -> bool:
        """It listens on all addresses."""
        return self.path is None and self.host in {"0.0.0.0", "::", "*", ""}

    def __str__(self) -> str:
        """``127.0.0.1:8000`` or ``unix:/run/shop.sock``."""
        if self.path is not None:
            return f"unix:{self.path}"
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"{host}:{'$PORT' if self.port is None else self.port}"


@dataclass(frozen=True)
class AppServer:
    """One command of one artefact."""

    kind: ServerKind
    artefact: str
    """``unit gunicorn.service``, ``service web``, ``Procfile web``, ``Dockerfile`` …"""
    location: Location
    """Where the command is written."""
    argv: tuple[str, ...]
    """Wrappers stripped: ``("gunicorn", "shop.wsgi:application", "--bind", …)``."""
    binds: tuple[Bind, ...]
    application: str | None
    """``shop.wsgi:application``."""
    trusted_peers: tuple[str, ...]
    """The effective ``forwarded_allow_ips``; ``*`` for everyone."""
    trusts_unix_peer: bool
    """Whether it believes forwarded headers of a peer on a unix socket."""
    container: str | None = None
    """The compose service (or ``image``) in whose network namespace it runs; None on the host."""
    platform: bool = False
    """A platform's router is in front of it (Procfile, fly.toml, render.yaml …)."""
    user: str | Unknown | None = None
    workers: int | None = None
    directory: str | None = None
    """Its working directory in production, where known."""
    environment: Mapping[str, str | None] | None = None
    """Variables that the artefact sets itself; None for values that are secret."""
    environment_files: tuple[str, ...] = ()
    settings_module: str | None = None
    settings_location: Location | None = None
    """The variable that names it; None where an option of the command does."""
    config_file: str | None = None
    uwsgi_protocol: bool = False
    drops_user: str | None = None
    """The user that the server itself changes to (gunicorn's ``user``, uWSGI's ``uid``)."""
    reload: bool = False
    words: tuple[tuple[str, Location], ...] = ()
    """``argv`` with the place of each word."""
    trust_location: Location | None = None
    """What sets ``trusted_peers``; None for the server's default."""
    settings: Mapping[str, tuple[str, Location]] = field(default_factory=dict)
    """Gunicorn's settings that are given, by their name in its configuration file: text and what sets it.

    ``True`` stands for a flag; variables for the processes (``raw_env``) are left out.
    """
    notes: tuple[str, ...] = ()

    def trusts(self, peer: str) -> bool:
        """Whether it believes forwarded headers of that peer: an address, or empty for a unix socket."""
        if "*" in self.trusted_peers:
            return True
        if not peer:
            return self.trusts_unix_peer
        return peer in self.trusted_peers or any(_in_network(peer, one) for one in self.trusted_peers)


def _in_network(peer: str, network: str) -> bool:
    try:
        return ipaddress.ip_address(peer) in ipaddress.ip_network(network, strict=False)
    except ValueError:
        return False


@dataclass(frozen=True)
class AppServers:
    """All of them; those of production first."""

    servers: tuple[AppServer, ...]
    unreadable: tuple[tuple[str, str], ...] = ()
    """Path and reason."""

    @cached_property
    def addresses(self) -> tuple[str, ...]:
        """``host:port``, ``unix:/path`` and the names of containers: what a proxy writes to reach one of them."""
        found: list[str] = []
        for server in self.servers:
            found.extend(str(bind) for bind in server.binds if bind.path is not None or bind.port is not None)
            if server.container not in {None, "image"}:
                found.append(str(server.container))
        return tuple(dict.fromkeys(found))

    @property
    def main(self) -> AppServer | None:
        """The one that serves the site in production, where there is one."""
        return next(iter(self.servers), None)

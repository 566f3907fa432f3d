"""What is known of one systemd unit or supervisor program."""

import enum
from dataclasses import dataclass, field

from scanner.facts.secrets import ValueKind
from scanner.model import Location, Unknown


class Role(enum.StrEnum):
    """What a unit is for."""

    APP = "app"
    CELERY = "celery"
    MANAGE = "manage"
    PROXY = "proxy"
    HELPER = "helper"
    """Another program of the project's tree."""
    UNKNOWN = "unknown"


@dataclass(frozen=True)
class Exec:
    """One Exec line."""

    key: str
    """``ExecStart``, ``ExecStartPre`` …; ``command`` for supervisor."""
    prefix: str
    """``+``, ``!``, ``!!``, ``-``, ``@`` and their combinations, or empty."""
    argv: tuple[str, ...]
    location: Location
    secrets: tuple[tuple[str, int], ...] = ()
    """Secret-shaped arguments: key and length of the value."""
    places: tuple[Location, ...] = ()
    """Where each word of ``argv`` is written."""


@dataclass(frozen=True)
class EnvironmentPair:
    """One variable that the unit sets itself."""

    key: str
    kind: ValueKind
    length: int
    location: Location
    value: str | None
    """Only of kinds that are no secret."""


@dataclass(frozen=True)
class EnvironmentFile:
    """One ``EnvironmentFile=`` line."""

    path: str
    optional: bool
    """Written with a leading ``-``."""
    location: Location


@dataclass(frozen=True)
class Unit:
    """One service, socket or timer; or a program of supervisor."""

    path: str
    name: str
    """``gunicorn.service``; ``program:web``."""
    kind: str
    """``service``, ``socket``, ``timer``, ``supervisor``."""
    role: Role
    user: str | Unknown | None
    """The effective ``User=`` as written (name or number); None where it is not set."""
    user_location: Location | None
    group: str | Unknown | None
    dynamic_user: bool
    user_unit: bool
    """It belongs to a user's own manager (``systemd/user``, ``WantedBy=default.target``)."""
    service_type: str
    """``simple``, ``notify``, ``oneshot`` …"""
    execs: tuple[Exec, ...]
    environment: tuple[EnvironmentPair, ...]
    environment_files: tuple[EnvironmentFile, ...]
    listen: tuple[tuple[str, Location], ...]
    """``ListenStream=`` values of a socket unit."""
    working_directory: str | Unknown | None
    location: Location
    """The first line of its main section."""
    drop_ins: tuple[str, ...] = ()
    socket_mode: str | None = None
    notes: tuple[str, ...] = field(default=())
    container: str | None = None
    """The compose service (or ``image``) in which supervisor runs it; None on the host."""
    sockets: tuple[str, ...] = ()
    """Socket units that a service names itself (``Sockets=``)."""


@dataclass(frozen=True)
class Units:
    """All units of the checkout."""

    units: tuple[Unit, ...]
    unreadable: tuple[tuple[str, str], ...] = ()
    """Path and reason."""

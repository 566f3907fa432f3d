"""What is known of a compose project and its services."""

import enum
from dataclasses import dataclass

from scanner.facts.secrets import ValueKind
from scanner.model import Location, Unknown


class ServiceRole(enum.StrEnum):
    """What a service is for."""

    EDGE = "edge"
    APP = "app"
    WORKER = "worker"
    STORE = "store"
    ADMIN_TOOL = "admin-tool"
    OTHER = "other"


@dataclass(frozen=True)
class Port:
    """One published port."""

    host: str
    """The host's address; ``0.0.0.0`` where none is written."""
    published: str
    """``8000``, ``8000-8005``, or empty for a random one."""
    target: int | Unknown
    protocol: str
    location: Location

    @property
    def public(self) -> bool:
        """Published on anything but loopback."""
        return not (self.host.startswith("127.") or self.host in {"::1", "localhost"})


@dataclass(frozen=True)
class ServiceVariable:
    """One variable of ``environment``, ``build.args``, or one secret-shaped word of ``command``."""

    key: str
    kind: ValueKind
    length: int
    location: Location
    value: str | None
    """Only of kinds that are no secret."""
    where: str = "environment"
    default_only: bool = False
    """The literal is the default of ``${VAR:-literal}``."""
    default_credential: bool = False
    """A secret that is none: a password that products ship with."""


@dataclass(frozen=True)
class Volume:
    """One mount."""

    source: str
    """A path relative to the checkout (``./nginx`` resolved to ``nginx``), an absolute path, or a volume's name."""
    target: str
    read_only: bool
    bind: bool
    location: Location


@dataclass(frozen=True)
class Service:
    """One service."""

    name: str
    role: ServiceRole
    store: str | None
    """For a store: ``postgresql``, ``mysql``, ``redis``, ``memcached``, ``mongodb``, ``rabbitmq`` …"""
    image: str | Unknown | None
    build_context: str | None
    """Relative to the checkout."""
    dockerfile: str | None
    """Relative to the checkout."""
    build_target: str | None
    command: tuple[str, ...] | None
    command_location: Location | None
    entrypoint: tuple[str, ...] | None
    ports: tuple[Port, ...]
    expose: tuple[int, ...]
    variables: tuple[ServiceVariable, ...]
    env_files: tuple[tuple[str, Location], ...]
    volumes: tuple[Volume, ...]
    networks: tuple[str, ...]
    network_mode: str | None
    user: str | Unknown | None
    user_location: Location | None
    profiles: tuple[str, ...]
    working_dir: str | None
    depends_on: tuple[str, ...]
    location: Location
    """The service's name."""
    password_set: bool | None = None
    """For a store: whether its environment or command asks clients for a password; None where nobody can tell."""
    command_words: tuple[tuple[str, Location], ...] | None = None
    """``command`` with the place of each word."""
    entrypoint_words: tuple[tuple[str, Location], ...] | None = None
    labels: tuple[tuple[str, str], ...] = ()
    aliases: tuple[str, ...] = ()
    """Other names under which containers reach it: ``container_name``, ``hostname``, network aliases."""
    configs: tuple[tuple[str, str], ...] = ()
    """Files of the checkout that ``configs:`` mounts: path in the checkout, path in the container."""


@dataclass(frozen=True)
class ComposeProject:
    """One set of files that is started together."""

    files: tuple[str, ...]
    services: tuple[Service, ...]
    internal_networks: frozenset[str]
    notes: tuple[str, ...] = ()
    directory: str = "."
    """The project directory, relative to the checkout."""

    def service(self, name: str) -> Service | None:
        """The service with that name."""
        return next((one for one in self.services if one.name == name), None)

    def reached_as(self, host: str) -> Service | None:
        """The service that a container of this project reaches under that name."""
        return self.service(host) or next((one for one in self.services if host in one.aliases), None)


@dataclass(frozen=True)
class Compose:
    """All compose projects of the checkout; the one of production first."""

    projects: tuple[ComposeProject, ...]
    unreadable: tuple[tuple[str, str], ...] = ()
    """Path and reason."""

    @property
    def main(self) -> ComposeProject | None:
        """The one of production, where there is one."""
        return next(iter(self.projects), None)

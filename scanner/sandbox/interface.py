"""What both engines can do: install dependencies, run one process to its end, start a group of processes, stop.

The types are neutral: an engine knows nothing of boots, stacks or proxies.
"""

import enum
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

from scanner.model import Progress, SeatrialError

MEBIBYTE = 1024 * 1024


class EngineUnavailable(SeatrialError):
    """The engine cannot be used here; the hint names the remedies."""

    def __init__(self, message: str, hint: str = "") -> None:
        super().__init__(message, hint, exit_code=3)


class InstallFailed(SeatrialError):
    """The dependencies could not be installed; ``package`` is the one at fault where it is known.

    ``output`` has the last lines of the installer, cleaned, without secrets.
    """

    def __init__(self, message: str, hint: str = "", package: str = "", output: str = "") -> None:
        super().__init__(message, hint, exit_code=3)
        self.package = package
        self.output = output


class EngineFailed(SeatrialError):
    """The engine stopped working in the middle: it died, its disk is full, an image cannot be had."""

    def __init__(self, message: str, hint: str = "") -> None:
        super().__init__(message, hint, exit_code=3)


@dataclass(frozen=True)
class Limits:
    """What a process may use. A process that crosses one of them is ended, and the result says which."""

    seconds: float = 60.0
    memory: int = 1024 * MEBIBYTE
    """Bytes."""
    processes: int = 256
    output: int = 8 * MEBIBYTE
    """Bytes of standard output; further ones are read and thrown away."""
    cpus: float = 2.0


@dataclass(frozen=True)
class Dependencies:
    """What ``uv pip install`` is to put into a new environment."""

    python: str
    """``3.13``."""
    arguments: tuple[str, ...]
    """Such as ``("-r", "requirements.txt", "gunicorn")``; paths are names in ``files``."""
    files: Mapping[str, bytes] = field(default_factory=dict)
    allow_builds: bool = False
    """Source distributions may be built (their build steps are foreign code with the network)."""
    wheels_only: bool = False
    """Nothing is built even by an engine that has a container for it: another try may need no build."""
    family: str = ""
    """Tries of one installation share it, and what they have built; an engine may ignore it."""
    system_packages: tuple[str, ...] = ()
    """Debian packages that the wheels or builds need; only an engine with images can add them."""
    index_url: str | None = None
    ca_bundle: Path | None = None


@dataclass(frozen=True)
class Installed:
    """A Python environment that an engine made; ``reference`` means something to that engine only."""

    engine: str
    reference: str
    python: str
    """The path of the interpreter inside the sandbox."""
    version: str
    """``3.13.5``."""
    cached: bool = False
    notes: tuple[str, ...] = ()


@dataclass(frozen=True)
class NginxBase:
    """The file system of an nginx server; ``image`` counts on the Docker engine only."""

    image: str


@dataclass(frozen=True)
class PlainPython:
    """A file system with a Python interpreter and its standard library."""


Base = Installed | NginxBase | PlainPython


class User(enum.Enum):
    """As whom a process runs."""

    PLAIN = "plain"
    """An unprivileged user without any capability."""
    SERVER = "server"
    """A server's master: may bind low ports and become another user (CHOWN, SETUID, SETGID, NET_BIND_SERVICE)."""


@dataclass(frozen=True)
class Copy:
    """Files of the machine, given to the sandbox read-only. Never ``.git``, never a link that leaves ``source``."""

    source: Path
    """A directory."""
    target: str
    """Absolute directory in the sandbox."""
    names: tuple[str, ...] | None = None
    """The files below ``source`` (relative) that are given; None means all."""


@dataclass(frozen=True)
class File:
    """One made file in the sandbox, read-only."""

    target: str
    content: bytes
    mode: int = 0o644


@dataclass(frozen=True)
class Tmpfs:
    """A writable, empty directory that is gone with the process. Files of ``Copy`` and ``File`` below it are put in."""

    target: str
    size: int = 64 * MEBIBYTE
    """Bytes."""
    executable: bool = False


@dataclass(frozen=True)
class Process:
    """One process, with everything that it sees. Nothing else of the machine is visible to it."""

    role: str
    """A short name, unique in its group: ``app``, ``proxy``, ``prober``, ``boot``."""
    base: Base
    argv: tuple[str, ...]
    """``argv[0]`` is looked up in the environment's ``bin`` first (``python``, ``gunicorn``, ``nginx``)."""
    environment: Mapping[str, str] = field(default_factory=dict)
    """The whole environment, apart from PATH, HOME and LANG where they are not given."""
    directory: str = "/"
    user: User = User.PLAIN
    copies: tuple[Copy, ...] = ()
    files: tuple[File, ...] = ()
    tmpfs: tuple[Tmpfs, ...] = ()
    shared: tuple[str, ...] = ()
    """Writable directories that all processes of the group which name them share (for unix sockets)."""
    users: tuple[str, ...] = ()
    """Names of users and groups that must exist inside."""
    stdin: bytes = b""
    """For ``run``: fed, then closed."""
    limits: Limits = field(default_factory=Limits)


@dataclass(frozen=True)
class Network:
    """A network that has nothing but loopback: addresses on ``lo`` stand for hosts. There is no way out."""

    addresses: tuple[str, ...] = ()
    """IPv4 addresses that are added to ``lo``."""
    hosts: Mapping[str, str] = field(default_factory=dict)
    """Host name to address, for the hosts file."""


@dataclass(frozen=True)
class Completed:
    """How a process ended."""

    exit_code: int | None
    """None when a signal ended it or it was stopped at a limit."""
    stdout: bytes
    stderr: bytes
    """At most the last 64 KiB."""
    seconds: float
    signal: int | None = None
    limit: str = ""
    """The limit at which it was stopped: ``time``, ``memory``, ``processes``; else empty.

    ``output``: it ended by itself, but the end of its standard output was thrown away.
    """


@dataclass(frozen=True)
class State:
    """Whether a process of a group still runs."""

    running: bool
    exit_code: int | None = None
    out_of_memory: bool = False


class Wire(Protocol):
    """The standard input and output of one process of a group, in lines."""

    def send(self, line: bytes) -> None:
        """Write one line (a newline is added). Raises EngineFailed when the process or the engine is gone."""

    def receive(self, timeout: float) -> bytes:
        """The next line without its newline, at most ``timeout`` seconds from now.

        Raises TimeoutError when none came, EngineFailed when the process or the engine is gone.
        """


class Running(Protocol):
    """A started group."""

    def wire(self, role: str) -> Wire:
        """The line connection to that process; the same object at every call."""

    def state(self, role: str) -> State:
        """Whether it runs, or how it ended."""

    def logs(self, role: str) -> str:
        """The last 64 KiB of its output, cleaned."""

    def stop(self) -> None:
        """End all of it and remove what it left. Safe to call twice."""


@dataclass(frozen=True)
class Group:
    """Processes that share one network and nothing else but their ``shared`` directories."""

    processes: tuple[Process, ...]
    """Started in this order, without waiting for one another."""
    network: Network = field(default_factory=Network)
    wired: tuple[str, ...] = ()
    """Roles whose standard input and output are kept open for ``Running.wire``."""


class Engine(Protocol):
    """Runs the scanned project's code where it can do no harm."""

    @property
    def name(self) -> str:
        """``docker``, ``local``, or ``trusted`` where nothing protects from the project's code."""

    def check(self) -> str:
        """One line about what answers ("Docker Engine 28.2, Compose 2.36"). Raises EngineUnavailable."""

    def install(self, dependencies: Dependencies, progress: Progress) -> Installed:
        """A Python environment with these dependencies, cached by content. Raises InstallFailed, EngineFailed."""

    def prepare(self, process: Process) -> None:
        """Do beforehand what can be cached of this process (its image), so that ``run`` and ``start`` are quick."""

    def run(self, process: Process, network: Network | None = None) -> Completed:
        """Run it to its end, with no network at all unless one is given. Raises EngineFailed."""

    def start(self, group: Group) -> Running:
        """Start a group. Raises EngineFailed; nothing is left behind then."""

    def close(self) -> None:
        """Remove everything that this object made, but for its caches. Safe at any time, twice, and from a signal."""

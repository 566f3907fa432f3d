"""The local engine: bubblewrap sandboxes on this machine, without a daemon, images or root."""

import os
import subprocess
import sys
import time
from collections.abc import Mapping
from pathlib import Path

from scanner.model import Progress
from scanner.sandbox import local_programs, local_root, uv, workplace
from scanner.sandbox.interface import (
    Completed,
    Dependencies,
    EngineFailed,
    EngineUnavailable,
    File,
    Group,
    Installed,
    Network,
    NginxBase,
    Process,
    Running,
)
from scanner.sandbox.local_group import LocalRunning
from scanner.sandbox.local_sandbox import SHARED, UNPRIVILEGED, Part, Sandbox, outer_command
from scanner.sandbox.staging import Entry, below, copied, digest, environment, made
from scanner.sandbox.streams import Head, Tail, drain, feed

_CHECK_SECONDS = 30

_STRAGGLERS = 0.3
"""Seconds in which threads that were interrupted come to their end."""


class LocalEngine:
    """An ``Engine``. ``lifetime`` is how long the scan may take at most, in seconds."""

    def __init__(self, lifetime: float = 600.0, cache: Path | None = None) -> None:
        self._place = workplace.Workplace(lifetime)
        self._cache = cache
        self._owner = UNPRIVILEGED if os.geteuid() == 0 else None
        self._copies: dict[str, Path] = {}
        self._sandboxes: list[Sandbox] = []
        self._checked = ""
        workplace.sweep()

    @property
    def name(self) -> str:
        """``local``."""
        return "local"

    def check(self) -> str:
        """What makes the sandboxes. Raises EngineUnavailable."""
        if not self._checked:
            if sys.platform != "linux":
                raise EngineUnavailable("the local engine needs Linux", "use Docker (--engine docker)")
            bubblewrap, nginx = local_programs.bwrap(), local_programs.nginx()
            _try_out()
            server = f"nginx at {nginx}" if nginx else "no nginx: the stack cannot be started"
            self._checked = f"{local_programs.version_of(bubblewrap) or bubblewrap}, {server}"
        return self._checked

    def install(self, dependencies: Dependencies, progress: Progress) -> Installed:
        """A virtual environment, cached by content. Raises InstallFailed, EngineFailed."""
        return uv.install(dependencies, self._cache or uv.cache_directory(self._place), progress)

    def prepare(self, process: Process) -> None:
        """Copy the process's files now."""
        self._staged(process, Network())

    def run(self, process: Process, network: Network | None = None) -> Completed:
        """Run it to its end. Raises EngineFailed."""
        started = time.monotonic()
        sandbox = self._sandbox([process], network or Network(), wired=(process.role,))
        pipes = sandbox.pipes[process.role]
        out, errors = Head(process.limits.output), Tail()
        if pipes.stdin is None or pipes.stdout is None:
            raise EngineFailed("the process has no pipes")
        threads = [feed(pipes.stdin, process.stdin), drain(pipes.stdout, out), drain(pipes.stderr, errors)]
        try:
            ended = sandbox.wait(process.role, process.limits.seconds - (time.monotonic() - started))
        finally:
            self._stop(sandbox)
        for thread in threads:
            thread.join(5)
        seconds = time.monotonic() - started
        if ended is None or ended.limit:
            return Completed(None, out.value, errors.value, seconds, limit=ended.limit if ended else "time")
        limit = "output" if out.cut else ""
        if ended.code > 128:
            return Completed(None, out.value, errors.value, seconds, signal=ended.code - 128, limit=limit)
        return Completed(ended.code, out.value, errors.value, seconds, limit=limit)

    def start(self, group: Group) -> Running:
        """Start a group. Raises EngineFailed."""
        sandbox = self._sandbox(list(group.processes), group.network, wired=group.wired)
        return LocalRunning(sandbox, group, lambda: self._stop(sandbox))

    def close(self) -> None:
        """End everything and remove the temporary files."""
        interrupted = bool(self._sandboxes)
        for sandbox in list(self._sandboxes):
            self._stop(sandbox)
        self._copies.clear()
        self._place.remove()
        if interrupted:
            # A thread whose sandbox was just ended may have laid out its next files meanwhile.
            time.sleep(_STRAGGLERS)
            self._place.remove()

    def _stop(self, sandbox: Sandbox) -> None:
        sandbox.stop()
        if sandbox in self._sandboxes:
            self._sandboxes.remove(sandbox)

    def _sandbox(self, processes: list[Process], network: Network, wired: tuple[str, ...]) -> Sandbox:
        shared = {
            name: f"{SHARED}/{number}" for number, name in enumerate(sorted({d for p in processes for d in p.shared}))
        }
        sources: set[str] = set()
        parts = []
        for process in processes:
            base, path = _base(process)
            staged, seeded = self._staged(process, network)
            sources |= {*base.values(), str(staged)}
            argv = [str(local_programs.bwrap()), *local_root.inner(process, base, staged, shared)]
            limits = process.limits
            parts.append(
                Part(
                    process.role,
                    [*argv, *(_SEEDING if seeded else ()), *process.argv],
                    environment(process, path),
                    limits.memory,
                    limits.processes,
                    limits.cpus,
                    process.role in wired,
                )
            )
        sandbox = Sandbox(parts, network.addresses, sources, len(shared))
        self._sandboxes.append(sandbox)
        return sandbox

    def _staged(self, process: Process, network: Network) -> tuple[Path, bool]:
        """The tree with the process's files, and whether some must be copied into its writable directories first."""
        entries = [entry for copy in process.copies for entry in copied(copy)]
        entries = [*map(made, _system_files(process, network)), *entries, *map(made, process.files)]
        fixed = [entry for entry in entries if not below(entry.target, process.tmpfs)]
        seeds = [
            Entry(f"{local_root.SEED}{each.target}", each.mode, each.mark, each.source, each.content, each.link)
            for each in entries
            if below(each.target, process.tmpfs)
        ]
        key = digest(*fixed, *seeds)
        if key not in self._copies:
            root = self._place.path / key
            workplace.lay_out([*fixed, *seeds], root, self._owner)
            self._copies[key] = root
        return self._copies[key], bool(seeds)


# `cp` of the sandbox's own file system; the directories exist already, so what stands above them is not touched.
_SEEDING = ("/bin/sh", "-c", f'cp -RP {local_root.SEED}/. / && exec "$@"', "sh")


def _base(process: Process) -> tuple[dict[str, str], str]:
    """What of this machine the process sees, and its PATH."""
    base = local_root.system()
    match process.base:
        case Installed() as installed:
            prefix = local_programs.interpreter(".".join(installed.version.split(".")[:2])).prefix
            first = f"{local_root.ENVIRONMENT}/bin"
            base[local_root.ENVIRONMENT] = installed.reference
        case NginxBase():
            nginx = local_programs.nginx()
            if nginx is None:
                raise EngineFailed("nginx is not installed", local_programs.EXTRA)
            base[f"{local_root.NGINX}/nginx"] = str(nginx)
            return base, f"{local_root.NGINX}:{local_root.SYSTEM_PATH}"
        case _:
            prefix = local_programs.own_interpreter().prefix
            first = f"{prefix}/bin"
    if str(prefix) not in {"/usr", "/"}:
        base[str(prefix)] = str(prefix)
    return base, f"{first}:{local_root.SYSTEM_PATH}"


def _system_files(process: Process, network: Network) -> list[File]:
    """Users, groups and names; all users are number 0 here, which outside is the caller."""
    names = dict.fromkeys(("root", "nobody", "www-data", "nginx", *process.users))
    groups = dict.fromkeys((*names, "nogroup", "users"))
    hosts = ["127.0.0.1 localhost seatrial", *(f"{address} {name}" for name, address in network.hosts.items())]
    texts: Mapping[str, list[str]] = {
        "/etc/passwd": [f"{name}:x:0:0:{name}:/tmp:/bin/sh" for name in names],
        "/etc/group": [f"{name}:x:0:" for name in groups],
        "/etc/hosts": hosts,
        "/etc/resolv.conf": ["nameserver 127.0.0.1", "options timeout:1 attempts:1"],
        "/etc/nsswitch.conf": ["passwd: files", "group: files", "hosts: files dns"],
    }
    return [File(path, "".join(f"{line}\n" for line in lines).encode()) for path, lines in texts.items()]


def _try_out() -> None:
    """Make one sandbox within another, as every run does. Raises EngineUnavailable."""
    info = os.open(os.devnull, os.O_WRONLY | os.O_CLOEXEC)
    inner = [
        str(local_programs.bwrap()),
        "--unshare-pid",
        "--ro-bind",
        "/",
        "/",
        "--proc",
        "/proc",
        "--cap-drop",
        "ALL",
    ]
    try:
        command = [*outer_command(set(), 0, info), *inner, "--", "/bin/sh", "-c", ":"]
        done = subprocess.run(
            command, pass_fds=[info], capture_output=True, text=True, check=False, timeout=_CHECK_SECONDS, cwd="/"
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        raise EngineUnavailable(f"bubblewrap does not run: {error}", local_programs.EXTRA) from error
    finally:
        os.close(info)
    if done.returncode != 0:
        raise local_programs.refusal(done.stderr)

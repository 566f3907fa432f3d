"""The first program inside the local engine's outer sandbox: it starts the inner ones and watches over their limits.

Runs by itself (``python -I -S``): standard library only; of ours it can import what lies beside it in the sandbox,
which is ``net`` alone. It owns the network namespace, holds capabilities in the sandbox's user namespace, and runs no
code of the scanned project: that starts behind one more ``bwrap`` each.

Standard input: one line of JSON, the specification; its end is the order to stop everything. Standard output: one JSON
object a line, ``{"event": "started"}`` and ``{"event": "ended", "role": …, "code": …, "limit": …}``.
"""

import ctypes
import json
import os
import resource
import select
import signal
import sys
from dataclasses import dataclass
from typing import TypedDict

from scanner.sandbox import net

PAUSE = 0.04
"""Seconds between two looks at what the processes use."""
HELPERS = 2
"""Processes of bwrap itself, for each role."""
_PAGE = resource.getpagesize()
_GIBIBYTE = 1 << 30


class RoleSpec(TypedDict):
    """One inner sandbox."""

    role: str
    argv: list[str]
    environment: dict[str, str]
    stdin: int
    stdout: int
    stderr: int
    memory: int
    processes: int
    cpus: float


class Spec(TypedDict):
    """What the engine asks for."""

    addresses: list[str]
    count_processes: bool
    roles: list[RoleSpec]


@dataclass
class Role:
    """A started inner sandbox."""

    spec: RoleSpec
    pid: int
    limit: str = ""


def say(**event: object) -> None:
    """Tell the engine."""
    os.write(1, json.dumps(event).encode() + b"\n")


def read_line() -> bytes:
    """The specification, without taking anything that comes after it."""
    line = bytearray()
    while not line.endswith(b"\n"):
        data = os.read(0, 1 << 16)
        if not data:
            sys.exit(0)
        line += data
    return bytes(line)


def tune() -> None:
    """No further user namespaces (they only widen what the kernel offers), low ports for everybody, as in a container.

    The sandbox's own /proc may be partly covered, so a second one is mounted where no inner sandbox will see it.
    """
    libc = ctypes.CDLL(None, use_errno=True)
    os.mkdir("/dev/seatrial-proc")  # noqa: PTH102 - pathlib would double the time that it takes to start
    if libc.mount(b"proc", b"/dev/seatrial-proc", b"proc", 0, None) != 0:
        raise OSError(ctypes.get_errno(), "mount of proc")
    for name, value in (("user/max_user_namespaces", "0"), ("net/ipv4/ip_unprivileged_port_start", "0")):
        with open(f"/dev/seatrial-proc/sys/{name}", "w", encoding="ascii") as setting:  # noqa: PTH123 - starts faster
            setting.write(value)


def limit_self(spec: RoleSpec, processes: int | None) -> None:
    """The limits that the kernel keeps for us, taken on just before the inner sandbox starts."""
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    resource.setrlimit(resource.RLIMIT_FSIZE, (_GIBIBYTE, _GIBIBYTE))
    files = min(4096, resource.getrlimit(resource.RLIMIT_NOFILE)[1])
    resource.setrlimit(resource.RLIMIT_NOFILE, (files, files))
    # Generous: large libraries reserve much that they never use. What is used is watched (`crossed`).
    space = max(16 * _GIBIBYTE, 16 * spec["memory"])
    resource.setrlimit(resource.RLIMIT_AS, (space, space))
    if processes is not None:
        resource.setrlimit(resource.RLIMIT_NPROC, (processes, processes))
    allowed = sorted(os.sched_getaffinity(0))
    os.sched_setaffinity(0, allowed[: max(1, round(spec["cpus"]))])
    with open("/proc/self/oom_score_adj", "w", encoding="ascii") as setting:  # noqa: PTH123 - starts faster
        setting.write("1000")


def start(spec: RoleSpec, processes: int | None) -> Role:
    """Start one inner sandbox with its own pipes."""
    pid = os.fork()
    if pid == 0:
        try:
            for number, descriptor in enumerate((spec["stdin"], spec["stdout"], spec["stderr"])):
                os.dup2(descriptor, number)
            os.closerange(3, 1024)
            signal.set_wakeup_fd(-1)
            signal.signal(signal.SIGCHLD, signal.SIG_DFL)
            limit_self(spec, processes)
            os.execve(spec["argv"][0], spec["argv"], spec["environment"])  # noqa: S606 - bwrap, with our arguments
        except OSError as error:
            os.write(2, f"sandbox: {error}\n".encode())
        finally:
            os._exit(125)
    for descriptor in {spec["stdin"], spec["stdout"], spec["stderr"]}:
        os.close(descriptor)
    return Role(spec, pid)


def table() -> dict[int, tuple[int, int]]:
    """Every process of the sandbox: its parent and its resident bytes."""
    found: dict[int, tuple[int, int]] = {}
    for name in os.listdir("/proc"):  # noqa: PTH208 - every few milliseconds
        if not name.isdigit():
            continue
        try:
            with open(f"/proc/{name}/stat", "rb") as stream:  # noqa: PTH123 - every few milliseconds
                fields = stream.read().rpartition(b")")[2].split()
        except OSError:  # it ended meanwhile
            continue
        found[int(name)] = (int(fields[1]), int(fields[21]) * _PAGE)
    return found


def family(pid: int, processes: dict[int, tuple[int, int]]) -> list[int]:
    """A process and all that descend from it. Orphans stay in: their inner sandbox's first process adopts them."""
    children: dict[int, list[int]] = {}
    for each, (parent, _) in processes.items():
        children.setdefault(parent, []).append(each)
    members = [pid]
    for member in members:
        members.extend(children.get(member, ()))
    return members


def proportional(pid: int) -> int:
    """Resident bytes of a process, where what it shares with others counts in part. 0 if it is gone."""
    try:
        with open(f"/proc/{pid}/smaps_rollup", "rb") as stream:  # noqa: PTH123 - every few milliseconds
            for line in stream:
                if line.startswith(b"Pss:"):
                    return int(line.split()[1]) * 1024
    except OSError:
        return 0
    return 0


def crossed(role: Role, processes: dict[int, tuple[int, int]]) -> str:
    """The limit that this role has crossed, or nothing."""
    members = [pid for pid in family(role.pid, processes) if pid in processes]
    if len(members) > role.spec["processes"] + HELPERS:
        return "processes"
    limit = role.spec["memory"]
    if sum(processes[pid][1] for pid in members) > limit and sum(map(proportional, members)) > limit:
        return "memory"
    return ""


def reap(running: dict[int, Role]) -> None:
    """Report every role that has ended."""
    while running:
        pid, status = os.waitpid(-1, os.WNOHANG)
        if pid == 0:
            return
        role = running.pop(pid, None)
        if role is not None:
            code = os.waitstatus_to_exitcode(status)
            say(event="ended", role=role.spec["role"], code=128 - code if code < 0 else code, limit=role.limit)


def main() -> None:
    """Start everything, watch it, and end when there is nothing left to watch or standard input is closed."""
    spec: Spec = json.loads(read_line())
    net.add_addresses(spec["addresses"])
    tune()
    wake, ring = os.pipe2(os.O_NONBLOCK | os.O_CLOEXEC)
    signal.set_wakeup_fd(ring)
    signal.signal(signal.SIGCHLD, lambda *_: None)
    # In one user namespace they are all the same user, so this ceiling is common; `crossed` keeps the single ones.
    ceiling = sum(role["processes"] + HELPERS for role in spec["roles"]) + HELPERS + 1
    running = {}
    for role_spec in spec["roles"]:
        role = start(role_spec, ceiling if spec["count_processes"] else None)
        running[role.pid] = role
    say(event="started")
    while running:
        ready, _, _ = select.select([0, wake], [], [], PAUSE)
        if wake in ready:
            os.read(wake, 512)
        if 0 in ready and not os.read(0, 1 << 16):
            return
        reap(running)
        processes = table()
        for role in running.values():
            role.limit = role.limit or crossed(role, processes)
            if role.limit:
                os.kill(role.pid, signal.SIGKILL)


def become(user: int, argv: list[str]) -> None:
    """Give up root for good, then run the program: a sandbox of root's would have root's rights to /proc/sys."""
    os.setgroups([])
    os.setresgid(user, user, user)
    os.setresuid(user, user, user)
    os.execv(argv[0], argv)  # noqa: S606 - bwrap, with our arguments


if __name__ == "__main__":
    if sys.argv[1:2] == ["--become"]:
        become(int(sys.argv[2]), sys.argv[3:])
    main()

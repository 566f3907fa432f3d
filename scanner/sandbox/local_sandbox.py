"""One outer sandbox of the local engine: its processes, its pipes and its end."""

import json
import os
import signal
import subprocess
import threading
from collections.abc import Iterable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import IO

from scanner.sandbox import local_programs, local_root, local_supervisor, net
from scanner.sandbox.interface import EngineFailed, State
from scanner.sandbox.redact import last_lines
from scanner.sandbox.streams import Tail, drain

UNPRIVILEGED = 65533
"""As whom root's sandboxes run: a user id that distributions and systemd leave unused."""
SHARED = "/dev/seatrial-shared"
_SHARED_SIZE = 64 * 1024 * 1024
_START_SECONDS = 20.0
_END_SECONDS = 4.0
_INSIDE = "/opt/seatrial/supervisor"


@dataclass(frozen=True)
class Part:
    """One process of a sandbox: the arguments of its inner bwrap, and what it may use."""

    role: str
    argv: list[str]
    environment: dict[str, str]
    memory: int
    processes: int
    cpus: float
    wired: bool
    """Standard input and output are kept apart and open; else input is empty and both outputs are one."""


@dataclass(frozen=True)
class Ended:
    """How a process of the sandbox ended; ``code`` is 128 and more for a signal."""

    code: int
    limit: str


class Pipes:
    """The pipes of one process: the ends that it gets and the ends that we keep."""

    def __init__(self, *, wired: bool) -> None:
        self.stdin: IO[bytes] | None = None
        self.stdout: IO[bytes] | None = None
        if wired:
            given_in, kept_in = os.pipe()
            kept_out, given_out = os.pipe()
            self.stdin = os.fdopen(kept_in, "wb")
            self.stdout = os.fdopen(kept_out, "rb", buffering=0)
        else:
            given_in = os.open(os.devnull, os.O_RDONLY | os.O_CLOEXEC)
            given_out = -1
        kept_err, given_err = os.pipe()
        self.stderr: IO[bytes] = os.fdopen(kept_err, "rb", buffering=0)
        self.given = (given_in, given_err if given_out < 0 else given_out, given_err)
        if os.geteuid() == 0:  # a server may open /dev/stdout anew, which asks for the pipe's owner
            for descriptor in {given_err, given_out} - {-1}:
                os.fchown(descriptor, UNPRIVILEGED, UNPRIVILEGED)

    def release(self) -> None:
        """Close the ends that the process has got by now."""
        for descriptor in set(self.given):
            os.close(descriptor)

    def close(self) -> None:
        """Close the ends that nobody reads in a thread of its own."""
        for stream in (self.stdin, self.stdout):
            if stream is not None:
                with suppress(OSError):
                    stream.close()


def outer_base(sources: set[str]) -> dict[str, str]:
    """What the outer sandbox shows, in its own place: the system, and all that inner ones are put together from."""
    base = local_root.system()
    own = local_programs.own_interpreter()
    bwrap = local_programs.bwrap()
    # A wheel keeps the libraries of its program in a directory beside its package.
    beside = bwrap.parent.parent.with_name(f"{bwrap.parent.parent.name}.libs")
    for path in [*sources, str(own.prefix), str(bwrap), *([str(beside)] if beside.is_dir() else [])]:
        if not any(path == each or path.startswith(f"{each}/") for each in base):
            base[path] = path
    for module in (net, local_supervisor):
        base[f"{_INSIDE}/scanner/sandbox/{Path(str(module.__file__)).name}"] = str(module.__file__)
    return base


def outer_command(sources: set[str], shared: int, info: int, writable: Iterable[str] | None = None) -> list[str]:
    """bwrap with all arguments of the outer sandbox; what follows is the program inside.

    ``writable`` are directories that an installer writes to; with them the sandbox keeps the machine's network.

    As root there is one more step before it: a mount namespace in which everything can be reached by a user who then
    makes the sandbox. Root's own user id in a sandbox could write to /proc/sys of the machine.
    """
    bwrap = str(local_programs.bwrap())
    base = outer_base(sources)
    view = [
        *local_root.mounts(base, None, ["/proc", "/dev"]),
        "--dir",
        "/tmp",
    ]  # bwrap itself wants a /tmp to start from
    for path in writable or ():
        view += ["--bind", path, path]
    # An installer is waited for by the thread that started it; a group must survive the end of that thread.
    dies = [] if writable is None else ["--die-with-parent"]
    command: list[str] = []
    if os.geteuid() == 0:
        own = local_programs.own_interpreter()
        command += [bwrap, *dies, *view, "--dev-bind", "/dev", "/dev", "--dev-bind", "/proc", "/proc", "--"]
        command += [str(own.path), "-I", "-S"]
        command += ["-c", _run(f"local_supervisor.become({UNPRIVILEGED}, sys.argv[1:])")]
        view = ["--ro-bind" if writable is None else "--bind", "/", "/"]  # what is read-only there stays so
    command += [bwrap, "--unshare-user", "--unshare-pid", "--unshare-ipc", "--unshare-uts", "--unshare-cgroup-try"]
    command += ["--unshare-net"] if writable is None else dies
    command += ["--uid", "0", "--gid", "0", "--cap-add", "ALL", *view, "--proc", "/proc", "--dev", "/dev"]
    for number in range(shared):
        command += ["--perms", "1777", "--size", str(_SHARED_SIZE), "--tmpfs", f"{SHARED}/{number}"]
    return [*command, "--info-fd", str(info), "--"]


def _run(statement: str) -> str:
    return f"import sys; sys.path.insert(0, {_INSIDE!r}); from scanner.sandbox import local_supervisor; {statement}"


class Sandbox:
    """A started outer sandbox. Everything in it ends with it, and it ends when this process does."""

    def __init__(self, parts: list[Part], addresses: tuple[str, ...], sources: set[str], shared: int) -> None:
        self.pipes = {part.role: Pipes(wired=part.wired) for part in parts}
        self.changed = threading.Condition()
        self.ended: dict[str, Ended] = {}
        self._started = False
        self._over = False
        self._errors = Tail()
        kept_info, given_info = os.pipe()
        os.set_blocking(kept_info, False)
        self._info = os.fdopen(kept_info, "rb", buffering=0)
        inherited = [given_info, *(each for pipes in self.pipes.values() for each in pipes.given)]
        command = outer_command(sources, shared, given_info)
        command += [str(local_programs.own_interpreter().path), "-I", "-S", "-c", _run("local_supervisor.main()")]
        try:
            self._process = subprocess.Popen(
                command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                pass_fds=inherited, env={"PATH": local_root.SYSTEM_PATH}, cwd="/", start_new_session=True,
            )  # fmt: skip
        except OSError as error:
            self._info.close()
            self.close_pipes()
            raise EngineFailed(f"cannot start bubblewrap: {error.strerror}") from error
        finally:
            os.close(given_info)
            for pipes in self.pipes.values():
                pipes.release()
        self._errors_read = drain(_present(self._process.stderr), self._errors)
        self._reader = threading.Thread(target=self._read, name="seatrial-sandbox", daemon=True)
        self._reader.start()
        self._specify(parts, addresses)

    def _specify(self, parts: list[Part], addresses: tuple[str, ...]) -> None:
        """Hand over the specification; raises EngineFailed if the sandbox does not come up."""
        spec = local_supervisor.Spec(
            addresses=list(addresses),
            count_processes=local_programs.namespaced_process_count(),
            roles=[self._role(part) for part in parts],
        )
        try:
            stdin = _present(self._process.stdin)
            stdin.write(json.dumps(spec).encode() + b"\n")
            stdin.flush()
        except OSError:  # it is gone: the reader sees that, and the wait below tells why
            pass
        with self.changed:
            self.changed.wait_for(lambda: self._started or self._over, _START_SECONDS)
        if not self._started:
            self.stop()
            raise EngineFailed(
                f"the local sandbox did not start: {last_lines(self._errors.value, 3) or 'no reason given'}"
            )

    def _role(self, part: Part) -> local_supervisor.RoleSpec:
        stdin, stdout, stderr = self.pipes[part.role].given
        return {
            "role": part.role,
            "argv": part.argv,
            "environment": part.environment,
            "stdin": stdin,
            "stdout": stdout,
            "stderr": stderr,
            "memory": part.memory,
            "processes": part.processes,
            "cpus": part.cpus,
        }

    def _read(self) -> None:
        """Follow what the supervisor says, to its end."""
        with _present(self._process.stdout) as stream:
            for line in stream:
                event = json.loads(line)
                with self.changed:
                    if event["event"] == "started":
                        self._started = True
                    else:
                        self.ended[event["role"]] = Ended(event["code"], event["limit"])
                    self.changed.notify_all()
        with self.changed:
            self._over = True
            self.changed.notify_all()

    def wait(self, role: str, timeout: float) -> Ended | None:
        """How the process ended, or None if it still runs after ``timeout`` seconds. Raises EngineFailed."""
        with self.changed:
            self.changed.wait_for(lambda: role in self.ended or self._over, timeout)
            if role in self.ended:
                return self.ended[role]
            if self._over:
                raise EngineFailed(f"the local sandbox ended: {last_lines(self._errors.value, 3) or 'it was killed'}")
        return None

    def state(self, role: str) -> State:
        """Whether the process runs."""
        with self.changed:
            ended = self.ended.get(role)
            if ended is None:
                return State(running=not self._over)
            return State(running=False, exit_code=ended.code, out_of_memory=ended.limit == "memory")

    def stop(self) -> None:
        """End everything at once. Safe to call twice, from another thread and from a signal handler."""
        with self.changed:
            self._over = True
            self.changed.notify_all()
        with suppress(OSError):  # what could not be written does not matter any more
            _present(self._process.stdin).close()
        if self._process.poll() is None:
            self._kill_first()
        self._process.kill()
        with suppress(subprocess.TimeoutExpired):
            self._process.wait(_END_SECONDS)
        self._reader.join(_END_SECONDS)
        self._errors_read.join(_END_SECONDS)
        self._info.close()
        self.close_pipes()

    def _kill_first(self) -> None:
        """Kill the first process of the sandbox's process namespace: the kernel then kills all others in it."""
        # Nothing there, or closed by another thread's call: it never came so far, or has ended already.
        with suppress(OSError, ValueError, TypeError):
            os.kill(json.loads(self._info.read(4096))["child-pid"], signal.SIGKILL)

    def close_pipes(self) -> None:
        """Close our ends of the processes' pipes."""
        for pipes in self.pipes.values():
            pipes.close()


def _present(stream: IO[bytes] | None) -> IO[bytes]:
    """The pipe that was asked for with PIPE."""
    if stream is None:
        raise EngineFailed("a pipe to the sandbox is missing")
    return stream

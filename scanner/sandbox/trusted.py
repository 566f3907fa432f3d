"""No sandbox at all: a plain subprocess with a clean environment, for machines that allow neither engine.

Only what the user calls trusted (``--trusted``) may run so, and only single processes: nothing stops them from reaching
the network or the files of this user. Paths of the sandbox become paths below a temporary directory, and back again in
what the process prints.
"""

import os
import re
import signal
import subprocess
import tempfile
import time
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path, PurePosixPath

from scanner.model import Progress
from scanner.sandbox import local_programs, uv, workplace
from scanner.sandbox.interface import (
    Completed,
    Dependencies,
    EngineFailed,
    Group,
    Installed,
    Network,
    NginxBase,
    Process,
    Running,
)
from scanner.sandbox.local_root import ENVIRONMENT, SYSTEM_PATH
from scanner.sandbox.staging import absolute, copied, environment, made
from scanner.sandbox.streams import Head, Tail, drain, feed

_GIBIBYTE = 1 << 30
_LIMITED = 'ulimit -c 0; ulimit -v "$1"; shift; exec "$@"'


class TrustedEngine:
    """An ``Engine`` that runs single processes where they are, without any protection."""

    def __init__(self, lifetime: float = 600.0) -> None:
        self._place = workplace.Workplace(lifetime)
        self._running: list[subprocess.Popen[bytes]] = []
        workplace.sweep()

    @property
    def name(self) -> str:
        """``trusted``."""
        return "trusted"

    def check(self) -> str:
        """Always the same."""
        return "no sandbox: the project's code is trusted"

    def install(self, dependencies: Dependencies, progress: Progress) -> Installed:
        """A virtual environment, cached by content. Raises InstallFailed, EngineFailed."""
        return uv.install(dependencies, uv.cache_directory(self._place), progress, sandboxed=False)

    def prepare(self, process: Process) -> None:
        """Make the temporary directory, so that runs at the same time find it: files are laid out anew for each."""
        del process
        self._place.path.exists()

    def run(self, process: Process, network: Network | None = None) -> Completed:
        """Run it to its end. Raises EngineFailed."""
        if isinstance(process.base, NginxBase) or network is not None:
            raise EngineFailed("only the boot can run without a sandbox")
        root = Path(tempfile.mkdtemp(prefix="root-", dir=self._place.path))
        entries = [entry for copy in process.copies for entry in copied(copy)]
        for directory in (process.directory, *(each.target for each in process.tmpfs)):
            (root / absolute(directory).relative_to("/")).mkdir(parents=True, exist_ok=True)
        workplace.lay_out([*entries, *map(made, process.files)], root)
        try:
            return self._attended(process, root)
        finally:
            workplace.remove_tree(root)

    def start(self, group: Group) -> Running:
        """Refused: what the stack shows would not be the truth, and nothing would hold it. Raises EngineFailed."""
        raise EngineFailed(
            f"{len(group.processes)} processes cannot be started without a sandbox", "use --engine docker or local"
        )

    def close(self) -> None:
        """End everything and remove the temporary files."""
        for process in list(self._running):
            _end(process)
        self._place.remove()

    def _attended(self, process: Process, root: Path) -> Completed:
        installed = process.base if isinstance(process.base, Installed) else None
        # As the sandbox has it, to be translated below like all the others, once: the cache may lie under /tmp.
        prefix = ENVIRONMENT if installed else str(local_programs.own_interpreter().prefix)
        places = _Places(process, root, installed)
        variables = environment(process, f"{prefix}/bin:{SYSTEM_PATH}")
        limit = max(4 * _GIBIBYTE, 4 * process.limits.memory) // 1024
        started = time.monotonic()
        out, errors = Head(process.limits.output), Tail()
        try:
            running = subprocess.Popen(
                ["/bin/sh", "-c", _LIMITED, "sh", str(limit), *map(places.there, process.argv)],
                stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, start_new_session=True,
                env={name: places.there(value) for name, value in variables.items()},
                cwd=places.there(process.directory),
            )  # fmt: skip
        except OSError as error:
            raise EngineFailed(f"cannot start {process.argv[0]}: {error.strerror}") from error
        self._running.append(running)
        if running.stdin is None or running.stdout is None or running.stderr is None:
            raise EngineFailed("the process has no pipes")
        stdin = places.there(process.stdin.decode("utf-8", "surrogateescape")).encode("utf-8", "surrogateescape")
        threads = [feed(running.stdin, stdin), drain(running.stdout, out), drain(running.stderr, errors)]
        limit_reached = ""
        try:
            running.wait(process.limits.seconds)
        except subprocess.TimeoutExpired:
            limit_reached = "time"
        finally:
            _end(running)
            self._running.remove(running)
        for thread in threads:
            thread.join(5)
        code = running.returncode
        output, told = places.back(out.value), places.back(errors.value)
        return Completed(
            None if limit_reached or code < 0 else code,
            output,
            told,
            time.monotonic() - started,
            -code if code < 0 and not limit_reached else None,
            limit_reached or ("output" if out.cut else ""),
        )


def _end(process: subprocess.Popen[bytes]) -> None:
    """Kill the process and all of its session that did not leave it."""
    with suppress(OSError):
        os.killpg(process.pid, signal.SIGKILL)
    with suppress(subprocess.TimeoutExpired):
        process.wait(2)


class _Places:
    """Translates paths of the sandbox into paths of this machine, and back."""

    def __init__(self, process: Process, root: Path, installed: Installed | None) -> None:
        self._root = str(root)
        targets = {process.directory, *(each.target for each in process.copies)}
        targets |= {each.target for each in process.files} | {each.target for each in process.tmpfs}
        found = {place: f"{root}{place}" for place in map(_tidy, targets) if place != "/"}
        if installed is not None:
            found[ENVIRONMENT] = installed.reference
        self._found = found
        self._pattern = _any_of(found)

    def there(self, text: str) -> str:
        """The text with every path of the sandbox replaced by where it lies."""
        return self._pattern.sub(lambda match: self._found[match.group()], text) if self._found else text

    def back(self, output: bytes) -> bytes:
        """The output with the temporary directory taken off again."""
        output = output.replace(self._root.encode(), b"")
        environment_place = self._found.get(ENVIRONMENT)
        return output.replace(environment_place.encode(), ENVIRONMENT.encode()) if environment_place else output


def _tidy(target: str) -> str:
    return str(PurePosixPath(target))


def _any_of(paths: Iterable[str]) -> re.Pattern[str]:
    longest_first = sorted(paths, key=len, reverse=True)
    return re.compile(rf"(?<![\w/.-])(?:{'|'.join(map(re.escape, longest_first))})(?![\w.-])")

"""A started group of the local engine."""

from collections.abc import Callable

from scanner.sandbox.interface import Group, State, Wire
from scanner.sandbox.local_sandbox import Sandbox
from scanner.sandbox.redact import redact
from scanner.sandbox.streams import LineWire, Tail, drain


class LocalRunning:
    """A ``Running``: the processes of one sandbox."""

    def __init__(self, sandbox: Sandbox, group: Group, stop: Callable[[], None]) -> None:
        self._sandbox = sandbox
        self._stop = stop
        self._logs = {process.role: Tail() for process in group.processes}
        self._wires: dict[str, LineWire] = {}
        for role, pipes in sandbox.pipes.items():
            drain(pipes.stderr, self._logs[role])
            if pipes.stdin is not None and pipes.stdout is not None:
                self._wires[role] = LineWire(pipes.stdin, pipes.stdout, lambda role=role: self._gone(role))  # type: ignore[misc]

    def wire(self, role: str) -> Wire:
        """The line connection to that process."""
        return self._wires[role]

    def state(self, role: str) -> State:
        """Whether it runs, or how it ended."""
        return self._sandbox.state(role)

    def logs(self, role: str) -> str:
        """The last 64 KiB of its output, cleaned."""
        return redact(self._logs[role].value)

    def stop(self) -> None:
        """End all of it."""
        self._stop()

    def _gone(self, role: str) -> str:
        state = self._sandbox.state(role)
        how = "still runs, but closed its pipes" if state.running else f"exit {state.exit_code}"
        return f"the process {role} ended unexpectedly ({how})"

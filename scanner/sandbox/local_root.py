"""The file system of a local sandbox, as arguments of bubblewrap.

Two layers are laid over one another: the *base* (directories of this machine, by the place where they appear) and a
*staged* tree with the files that were given. bubblewrap cannot make a mount point inside a read-only directory, so
where both have something to say about a directory it is put together from its children.
"""

import contextlib
import os
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path, PurePosixPath

from scanner.sandbox.interface import Process, Tmpfs, User
from scanner.sandbox.staging import absolute

ENVIRONMENT = "/opt/seatrial/env"
NGINX = "/opt/seatrial/nginx"
SEED = "/opt/seatrial/seed"
"""What is copied into writable directories before the process starts."""
SYSTEM_PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
_SYSTEM = (
    *(f"/usr/{name}" for name in ("bin", "sbin", "lib", "lib32", "lib64", "libx32", "libexec", "share")),
    "/bin",
    "/sbin",
    "/lib",
    "/lib32",
    "/lib64",
    "/libx32",
    "/etc/alternatives",
    "/etc/ld.so.cache",
    "/etc/ssl",
    "/etc/pki",
    "/etc/ca-certificates",
    "/nix/store",
)
_COVERED = ("sys", "sysrq-trigger", "irq", "bus", "acpi", "scsi")
_SHM = 64 * 1024 * 1024


def system() -> dict[str, str]:
    """The programs and libraries of this machine, place to place."""
    return {name: name for name in _SYSTEM if os.path.lexists(name)}


def mounts(base: Mapping[str, str], staged: Path | None, points: Iterable[str]) -> list[str]:
    """Arguments that show the base with the staged tree over it, read-only, with room for mounts at ``points``."""
    layout = _Layout(base, {str(absolute(point)) for point in points})
    return list(layout.place("/", str(staged) if staged else None, None, top=True))


class _Layout:
    def __init__(self, base: Mapping[str, str], points: set[str]) -> None:
        self._base = base
        self._points = points
        below: dict[str, set[str]] = {}
        for path in [*base, *points]:
            parts = PurePosixPath(path).parts
            for depth in range(1, len(parts)):
                below.setdefault(str(PurePosixPath(*parts[:depth])), set()).add(parts[depth])
        self._below = below

    def place(self, path: str, staged: str | None, base: str | None, *, top: bool = False) -> Iterator[str]:
        """Arguments for one path; ``staged`` and ``base`` are where its two layers lie on this machine."""
        base = self._base.get(path, base)
        sources = [each for each in (staged, base) if each is not None and os.path.lexists(each)]
        if path in self._points:
            return  # what is mounted there hides all of it
        if sources and not _directory(sources[0]):
            yield from _leaf(sources[0], path)
            return
        folders = [each for each in sources if _directory(each)]
        below = self._below.get(path, set())
        if len(folders) == 1 and not below and not top:
            yield from ("--ro-bind", folders[0], path)
            return
        if not top:
            yield from ("--dir", path)
        for name in sorted(below.union(*(os.listdir(each) for each in folders))):  # noqa: PTH208 - names are wanted
            child = f"{path.rstrip('/')}/{name}"
            in_staged = f"{staged}/{name}" if staged in folders else None
            in_base = f"{base}/{name}" if base in folders else None
            yield from self.place(child, in_staged, in_base)


def _directory(path: str) -> bool:
    return os.path.isdir(path) and not os.path.islink(path)  # noqa: PTH112, PTH114 - called for every name


def _leaf(source: str, path: str) -> tuple[str, ...]:
    if os.path.islink(source):  # noqa: PTH114
        return ("--symlink", os.readlink(source), path)  # noqa: PTH115
    return ("--ro-bind", source, path)


def inner(process: Process, base: Mapping[str, str], staged: Path, shared: Mapping[str, str]) -> list[str]:
    """All arguments of bwrap for one process of a group, but for the program itself."""
    points = ["/proc", "/dev", *(each.target for each in process.tmpfs), *process.shared]
    arguments = ["--unshare-pid", "--unshare-ipc", "--unshare-uts", "--hostname", "seatrial"]
    arguments += ["--die-with-parent", "--new-session", "--cap-drop", "ALL"]
    if process.user is User.SERVER:
        for capability in ("CAP_CHOWN", "CAP_SETUID", "CAP_SETGID", "CAP_NET_BIND_SERVICE"):
            arguments += ["--cap-add", capability]
    _link_var_run(staged, points)
    arguments += mounts(base, staged, points)
    arguments += ["--proc", "/proc"]
    for name in _COVERED:  # bwrap covers them only where it believes that they could be written
        arguments += ["--ro-bind-try", f"/proc/{name}", f"/proc/{name}"]
    arguments += [
        "--dev",
        "/dev",
        "--perms",
        "1777",
        "--size",
        str(_SHM),
        "--tmpfs",
        "/dev/shm",
        "--remount-ro",
        "/dev",
    ]
    for mount in sorted(process.tmpfs, key=lambda each: each.target):
        arguments += _tmpfs(mount)
    for target in sorted(process.shared):
        arguments += ["--bind", shared[target], str(absolute(target))]
    return [*arguments, "--remount-ro", "/", "--chdir", process.directory, "--"]


def _link_var_run(staged: Path, points: Iterable[str]) -> None:
    """``/var/run`` is a link to ``/run`` on every system and in every image; programs write their pid files there."""
    link = staged / "var" / "run"
    if any(point == "/var" or point.startswith("/var/run") for point in points) or os.path.lexists(link):
        return
    link.parent.mkdir(parents=True, exist_ok=True)
    with contextlib.suppress(FileExistsError):  # another process with the same tree was quicker
        link.symlink_to("/run")


def _tmpfs(mount: Tmpfs) -> list[str]:
    mode = "1777" if mount.target.rstrip("/") in {"/tmp", "/var/tmp", "/dev/shm"} else "0755"
    return ["--perms", mode, "--size", str(mount.size), "--tmpfs", str(absolute(mount.target))]

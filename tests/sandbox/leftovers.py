"""Counts what a scan may leave behind."""

import os
import subprocess
import tempfile
from pathlib import Path

from scanner.sandbox.docker import DockerEngine
from scanner.sandbox.local import LocalEngine

AnyEngine = DockerEngine | LocalEngine


def make(name: str) -> AnyEngine:
    return DockerEngine() if name == "docker" else LocalEngine()


def left(scan: str) -> set[str]:
    """Everything of one scan that is still there: containers, volumes, networks, images, processes, directories."""
    found = {f"process {pid}" for pid in processes_with(scan)}
    found |= {f"directory {path}" for path in Path(tempfile.gettempdir()).glob(f"seatrial-{scan}-*")}
    for kind, command in (
        ("container", ["ps", "-aq"]),
        ("volume", ["volume", "ls", "-q"]),
        ("network", ["network", "ls", "-q"]),
        ("image", ["images", "-q"]),
    ):
        found |= {f"{kind} {each}" for each in _docker(*command, "--filter", f"label=seatrial.scan={scan}")}
    return found


def _docker(*arguments: str) -> list[str]:
    try:
        done = subprocess.run(["docker", *arguments], capture_output=True, text=True, check=False)
    except FileNotFoundError:
        return []
    return done.stdout.split()


def processes_with(text: str) -> set[int]:
    """Processes with this text in their command line."""
    found = set()
    for path in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            line = path.read_bytes()
        except OSError:
            continue
        if text.encode() in line and int(path.parent.name) != os.getpid():
            found.add(int(path.parent.name))
    return found

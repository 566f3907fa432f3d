"""When an engine is not there, is refused, breaks or is cut off: a clear message with a remedy, and nothing left."""

import contextlib
import gc
import os
import shutil
import signal
import socket
import subprocess
import sys
import textwrap
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from scanner.model import Options
from scanner.sandbox import docker_client, local_programs, uv, workplace
from scanner.sandbox.docker import DockerEngine
from scanner.sandbox.interface import (
    Copy,
    EngineFailed,
    EngineUnavailable,
    File,
    Group,
    Limits,
    NginxBase,
    PlainPython,
    Process,
    Tmpfs,
)
from scanner.sandbox.local import LocalEngine
from scanner.sandbox.select import choose
from scanner.sandbox.staging import copied
from scanner.sandbox.trusted import TrustedEngine
from tests.sandbox.leftovers import left, make

# The SDK does not close a socket that it could not connect.
pytestmark = pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")


@pytest.fixture
def programs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A PATH with nothing on it but what the test puts there."""
    for cached in (local_programs.bwrap, local_programs.nginx):
        cached.cache_clear()
    folder = tmp_path / "bin"
    folder.mkdir()
    monkeypatch.setenv("PATH", str(folder))
    yield folder
    for cached in (local_programs.bwrap, local_programs.nginx):
        cached.cache_clear()


def put(folder: Path, name: str, script: str) -> None:
    (folder / name).write_text(f"#!/bin/sh\n{textwrap.dedent(script)}")
    (folder / name).chmod(0o755)


def fake_docker(folder: Path, *, host: str, compose: str = "echo 2.30.0") -> None:
    described = f'[{{"Name": "default", "Endpoints": {{"docker": {{"Host": "{host}"}}}}}}]'
    put(folder, "docker", f"case $1 in context) echo '{described}';; compose) {compose};; *) exit 9;; esac\n")


def refused(name: str) -> EngineUnavailable:
    with pytest.raises(EngineUnavailable) as caught:
        make(name).check()
    return caught.value


def test_no_docker_command(programs: Path) -> None:
    assert refused("docker").message == "the docker command is not installed"


def test_no_docker_engine(programs: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DOCKER_HOST", f"unix://{tmp_path}/no.sock")
    fake_docker(programs, host=f"unix://{tmp_path}/no.sock")
    error = refused("docker")
    assert error.message == f"Docker Engine does not answer at unix://{tmp_path}/no.sock (there is no such socket)"
    assert "--engine local" in error.hint
    assert error.exit_code == 3


def test_nobody_listens_on_the_socket(programs: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with socket.socket(socket.AF_UNIX) as dead:
        dead.bind(f"{tmp_path}/dead.sock")
    monkeypatch.setenv("DOCKER_HOST", f"unix://{tmp_path}/dead.sock")
    fake_docker(programs, host=f"unix://{tmp_path}/dead.sock")
    assert "(connection refused)" in refused("docker").message


def test_no_right_to_the_socket() -> None:
    where = docker_client.Context("default", "unix:///var/run/docker.sock")
    error = docker_client.unavailable(where, PermissionError(13, "Permission denied"))
    assert error.message == "Docker Engine does not answer at unix:///var/run/docker.sock (permission denied)"
    assert "add the user to the group docker" in error.hint


@pytest.mark.docker
@pytest.mark.parametrize(
    ("compose", "message"),
    [
        ("echo 'no such command: compose' >&2; exit 1", "the Docker CLI has no Compose v2 plugin"),
        ("echo 1.29.2", "Docker Compose 1.29.2 is too old"),
        ("echo v2.19.1", "Docker Compose 2.19.1 is too old"),
    ],
)
def test_compose(programs: Path, compose: str, message: str) -> None:
    host = os.environ.get("DOCKER_HOST", "unix:///var/run/docker.sock")
    fake_docker(programs, host=host, compose=compose)
    assert message in refused("docker").message


def test_a_docker_command_that_talks_nonsense(programs: Path) -> None:
    put(programs, "docker", "echo '[{}]'")
    assert "the docker command does not work" in refused("docker").message


@pytest.mark.docker
def test_an_image_that_cannot_be_had() -> None:
    engine = DockerEngine()
    process = Process("proxy", NginxBase("registry.invalid/no/such-nginx:1"), ("nginx", "-t"))
    with pytest.raises(EngineFailed) as caught:
        engine.start(Group((process,)))
    engine.close()
    assert caught.value.message.startswith("the image `registry.invalid/no/such-nginx:1` cannot be had: ")
    assert caught.value.hint == "set `nginx-image:`, or use --engine local"
    assert left(engine._place.id) == set()


@pytest.mark.docker
def test_a_group_that_cannot_start_leaves_nothing() -> None:
    engine = DockerEngine()
    engine.check()
    shared = Process("boot", PlainPython(), ("sleep", "60"), shared=("/run/app",))
    bad = Process("app", PlainPython(), ("true",), limits=Limits(memory=1))
    with pytest.raises(EngineFailed, match=r"[Mm]inimum memory limit"):
        engine.start(Group((shared, bad)))
    containers = {each for each in left(engine._place.id) if each.startswith(("container", "volume", "network"))}
    engine.close()
    assert containers == set()
    assert left(engine._place.id) == set()


class Relay:
    """A Docker Engine's socket with another in front of it that can be cut off."""

    def __init__(self, path: Path) -> None:
        self.listener = socket.socket(socket.AF_UNIX)
        self.listener.bind(str(path))
        self.listener.listen(20)
        self.open: list[socket.socket] = [self.listener]
        threading.Thread(target=self._accept, daemon=True).start()

    def _accept(self) -> None:
        while True:
            try:
                client, _ = self.listener.accept()
            except OSError:
                return
            engine = socket.socket(socket.AF_UNIX)
            engine.connect("/var/run/docker.sock")
            self.open += [client, engine]
            threading.Thread(target=self._copy, args=(client, engine), daemon=True).start()
            threading.Thread(target=self._copy, args=(engine, client), daemon=True).start()

    @staticmethod
    def _copy(source: socket.socket, target: socket.socket) -> None:
        try:
            while data := source.recv(65536):
                target.sendall(data)
            target.shutdown(socket.SHUT_WR)
        except OSError:
            return

    def cut(self, path: Path) -> None:
        path.unlink()
        for each in self.open:
            with contextlib.suppress(OSError):
                each.shutdown(socket.SHUT_RDWR)
            each.close()


@pytest.fixture
def relay(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[tuple[DockerEngine, Relay, Path]]:
    path = tmp_path / "engine.sock"
    made = Relay(path)
    monkeypatch.setenv("DOCKER_HOST", f"unix://{path}")
    engine = DockerEngine()
    engine.check()
    scan = engine._place.id
    yield engine, made, path
    del engine
    gc.collect()
    monkeypatch.delenv("DOCKER_HOST")
    healthy = docker_client.connect(docker_client.context())
    docker_client.remove(healthy, scan)
    healthy.close()
    assert left(scan) == set()


@pytest.mark.docker
def test_the_engine_dies_under_a_run(relay: tuple[DockerEngine, Relay, Path]) -> None:
    engine, between, path = relay
    threading.Timer(1.0, between.cut, (path,)).start()
    with pytest.raises(EngineFailed) as caught:
        engine.run(Process("boot", PlainPython(), ("sleep", "30")))
    assert caught.value.message == "the Docker Engine stopped answering"
    assert f"seatrial.scan={engine._place.id}" in caught.value.hint
    engine.close()


@pytest.mark.docker
def test_the_engine_dies_under_a_group(relay: tuple[DockerEngine, Relay, Path]) -> None:
    engine, between, path = relay
    running = engine.start(Group((Process("prober", PlainPython(), ("cat",)),), wired=("prober",)))
    running.wire("prober").send(b"hello")
    assert running.wire("prober").receive(10) == b"hello"
    between.cut(path)
    with pytest.raises(EngineFailed, match="the Docker Engine stopped answering"):
        running.wire("prober").receive(10)
    with pytest.raises(EngineFailed):
        running.stop()
    engine.close()


@pytest.mark.parametrize(
    ("words", "message"),
    [
        ("ERROR: failed to solve: write /x: no space left on device", "the disk of the Docker Engine is full"),
        ("Cannot connect to the Docker daemon at unix:///x. Is it running?", "the Docker Engine stopped answering"),
        (
            "Error response from daemon: something odd\x1b[0m",
            "Docker: Error response from daemon: something odd\\x1b[0m",
        ),
    ],
)
def test_what_the_engines_words_mean(words: str, message: str) -> None:
    assert docker_client.failure(words, "0123").message.startswith(message)


def test_no_bubblewrap(programs: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(local_programs, "_packaged", lambda *_: None)
    error = refused("local")
    assert (error.message, "seatrial[local]" in error.hint) == ("bubblewrap (bwrap) is not installed", True)


@pytest.mark.local
def test_no_nginx(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(local_programs, "nginx", lambda: None)
    engine = LocalEngine()
    assert "no nginx" in engine.check()
    assert engine.run(Process("boot", PlainPython(), ("true",))).exit_code == 0
    with pytest.raises(EngineFailed, match="nginx is not installed"):
        engine.start(Group((Process("proxy", NginxBase("nginx"), ("nginx",)),)))
    engine.close()


@pytest.mark.parametrize(
    "words",
    [
        "bwrap: setting up uid map: Permission denied",
        "bwrap: No permissions to create a new namespace, likely because …",
    ],
)
def test_sandboxes_are_refused(programs: Path, words: str) -> None:
    put(programs, "bwrap", f"echo '{words}' >&2; exit 1")
    put(programs, "nginx", "exit 0")
    error = refused("local")
    assert error.message == f"this system does not let users create sandboxes ({words})"
    assert "--engine docker" in error.hint or "--security-opt" in error.hint


def test_auto_says_both_reasons(programs: Path) -> None:
    put(programs, "bwrap", "echo 'bwrap: setting up uid map: Permission denied' >&2; exit 1")
    put(programs, "nginx", "exit 0")
    engine, reasons = choose("auto", Options())
    assert engine is None
    assert [reason.split(":")[0] for reason in reasons] == ["docker", "local"]


def test_trusted_is_the_last_resort(programs: Path) -> None:
    put(programs, "bwrap", "exit 1")
    put(programs, "nginx", "exit 0")
    engine, reasons = choose("auto", Options(trusted=True))
    assert isinstance(engine, TrustedEngine)
    assert "--trusted" in reasons[-1]


def test_none_is_none() -> None:
    assert choose("none", Options(trusted=True)) == (None, ["no engine was asked for (--engine none)"])


@pytest.mark.local
def test_auto_falls_back_to_the_local_engine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DOCKER_HOST", f"unix://{tmp_path}/no.sock")
    engine, reasons = choose("auto", Options())
    assert isinstance(engine, LocalEngine)
    assert len(reasons) == 2
    assert reasons[1].startswith("using the local engine (")


@pytest.mark.local
def test_a_full_disk_here(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    def full(self: Path, data: bytes) -> int:
        raise OSError(28, "No space left on device", str(self))

    (tmp_path / "a").write_text("x")
    monkeypatch.setattr(Path, "write_bytes", full)
    engine = LocalEngine()
    with pytest.raises(EngineFailed, match="No space left on device") as caught:
        engine.run(Process("boot", PlainPython(), ("true",), copies=(Copy(tmp_path, "/srv"),)))
    engine.close()
    assert "TMPDIR" in caught.value.hint
    assert left(engine._place.id) == set()


def test_no_place_for_temporary_files(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr("tempfile.gettempdir", lambda: str(tmp_path / "gone"))
    with pytest.raises(EngineFailed, match="No such file or directory"):
        _ = workplace.Workplace(1).path


def test_a_checkout_that_is_too_large(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr("scanner.sandbox.staging.MOST_ENTRIES", 3)
    for number in range(5):
        (tmp_path / str(number)).touch()
    with pytest.raises(EngineFailed, match="too large"):
        copied(Copy(tmp_path, "/srv"))


def test_no_writable_home(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    monkeypatch.setenv("XDG_CACHE_HOME", "relative")
    monkeypatch.setattr(Path, "home", lambda: tmp_path / "file")
    place = workplace.Workplace(1)
    try:
        assert uv.cache_directory(place) == place.path / "cache"
    finally:
        place.remove()


def test_forgotten_directories_are_swept(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr("tempfile.gettempdir", lambda: str(tmp_path))
    past, future = int(time.time()) - 1, int(time.time()) + 1000
    for name in (f"seatrial-0123abcd-{past}", f"seatrial-0123abcd-{future}", "seatrial-notes", f"seatrial-XYZ-{past}"):
        (tmp_path / name / "inside").mkdir(parents=True)
    (tmp_path / f"seatrial-0123abcd-{past}" / "inside").chmod(0)
    assert workplace.sweep() == 1
    assert not (tmp_path / f"seatrial-0123abcd-{past}").exists()
    assert len(list(tmp_path.iterdir())) == 3


@pytest.mark.docker
def test_forgotten_containers_are_swept() -> None:
    engine = DockerEngine(lifetime=-10_000)
    engine.run(Process("boot", PlainPython(), ("true",), files=(File("/srv/a", b"a"),)))
    assert left(engine._place.id)
    other = DockerEngine()
    other.check()
    assert left(engine._place.id) - {f"directory {engine._place.path}"} == set()
    assert any("removed what was left" in line for line in other.swept)
    engine.close()
    other.close()


KILLED = """
import sys, time
from scanner.sandbox.interface import *
from tests.sandbox.leftovers import make
engine = make(sys.argv[1])
prober = Process("prober", PlainPython(), ("cat",))
running = engine.start(Group((prober, Process("app", PlainPython(), ("sleep", "98765"))), wired=("prober",)))
print(engine._place.id, flush=True)
time.sleep(60)
"""


@pytest.mark.local
def test_nothing_of_the_local_engine_survives_a_kill(tmp_path: Path) -> None:
    child = subprocess.Popen([sys.executable, "-c", KILLED, "local"], stdout=subprocess.PIPE, text=True)
    assert child.stdout is not None
    with child.stdout:
        scan = child.stdout.readline().strip()
        assert any(each.startswith("process") for each in left(scan))
        child.send_signal(signal.SIGKILL)
        child.wait()
    deadline = time.monotonic() + 5
    while any(each.startswith("process") for each in left(scan)) and time.monotonic() < deadline:
        time.sleep(0.05)
    remains = left(scan)
    for each in remains:
        shutil.rmtree(each.removeprefix("directory "), ignore_errors=True)
    assert not any(each.startswith("process") for each in remains), "its directory waits for the next sweep"


def test_without_a_sandbox(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SEATRIAL_CANARY", "canary")
    (tmp_path / "manage.py").write_text("print('managed')")
    engine = TrustedEngine()
    script = """
import os, sys
print(sys.stdin.read(), os.getcwd(), open("/opt/made").read() if os.path.exists("/opt/made") else "translated")
print(sorted(os.environ), os.path.isfile("manage.py"), file=sys.stderr)
open(os.environ["HOME"] + "/new", "w").close()
"""
    process = Process(
        "boot",
        PlainPython(),
        ("python3", "/opt/run.py"),
        {"HOME": "/tmp"},
        directory="/srv/shop",
        copies=(Copy(tmp_path, "/srv/shop"),),
        files=(File("/opt/run.py", script.encode()),),
        tmpfs=(Tmpfs("/tmp"),),
        stdin=b'{"root": "/srv/shop", "other": "/srv/shopping"}',
    )
    try:
        done = engine.run(process)
        assert done.exit_code == 0, done.stderr
        assert done.stdout == b'{"root": "/srv/shop", "other": "/srv/shopping"} /srv/shop translated\n'
        assert done.stderr == b"['HOME', 'LANG', 'PATH', 'PWD'] True\n"
        with pytest.raises(EngineFailed):
            engine.start(Group((process,)))
    finally:
        engine.close()
    assert left(engine._place.id) == set()

"""The Docker engine: containers without a network, without a bind mount, without a right that they do not need."""

import os
import signal
import subprocess
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from pathlib import Path

import docker
import requests
from docker.errors import APIError, DockerException

from scanner.model import Progress, clean
from scanner.sandbox import docker_client, docker_container, net, workplace
from scanner.sandbox.docker_client import EXPIRES, JOB, SCAN, Context, command_environment, failure, speaking
from scanner.sandbox.docker_group import DockerRunning
from scanner.sandbox.docker_image import Environments, Layers, base_image
from scanner.sandbox.interface import (
    Base,
    Completed,
    Dependencies,
    EngineFailed,
    EngineUnavailable,
    Group,
    Installed,
    Limits,
    Network,
    NginxBase,
    PlainPython,
    Process,
    Running,
)
from scanner.sandbox.streams import Head, Tail, drain, feed

PLAIN = "3.13"
"""The Python of processes that only want some Python, unless one was installed."""
_NGINX_HINT = "set `nginx-image:`, or use --engine local"
_CANNOT_START = 127
_STRAGGLERS = 2.0
"""Seconds that closing waits for other threads to be done with the engine."""
_BROKEN_OFF = 0.5
"""Seconds after which a request that was broken off has had its effect."""


class DockerEngine:
    """An ``Engine``. ``lifetime`` is how long the scan may take at most, in seconds."""

    def __init__(self, lifetime: float = 600.0) -> None:
        self._place = workplace.Workplace(lifetime)
        self._labels = {SCAN: self._place.id, EXPIRES: str(self._place.expires)}
        if os.environ.get("SEATRIAL_JOB"):
            self._labels[JOB] = os.environ["SEATRIAL_JOB"]
        self._connection: tuple[docker.DockerClient, Context] | None = None
        self._layers: Layers | None = None
        self._answer = ""
        self._plain = base_image(PLAIN)
        self._present: set[str] = set()
        self._networks: dict[str, str] = {}
        self._tools: list[subprocess.Popen[bytes]] = []
        self._started: list[DockerRunning] = []
        self._closed = False
        self._speakers = 0
        self._broken_off = False
        self.swept: list[str] = []
        """What earlier scans had left behind, one line each."""
        workplace.sweep()

    @property
    def name(self) -> str:
        """``docker``."""
        return "docker"

    def check(self) -> str:
        """Which engine answers. Raises EngineUnavailable."""
        if not self._answer:
            client, where = self._connect()
            try:
                self._answer = docker_client.check(client)
                self.swept = docker_client.sweep(client)
            except (DockerException, requests.RequestException) as error:
                raise docker_client.unavailable(where, error) from error
        return self._answer

    def install(self, dependencies: Dependencies, progress: Progress) -> Installed:
        """An image with these dependencies, cached by content. Raises InstallFailed, EngineFailed."""
        client, where = self._connect()
        with self._speaking():
            installed = Environments(client, where, self._place).install(dependencies, progress)
        self._plain = installed.reference  # one image less to have, for processes that want just some Python
        return installed

    def prepare(self, process: Process) -> None:
        """Have its image ready."""
        with self._speaking():
            self._image(process)

    def run(self, process: Process, network: Network | None = None) -> Completed:
        """Run it to its end. Raises EngineFailed."""
        with self._speaking():
            image, seeded = self._image(process)
            client, _ = self._connect()
            host = docker_container.host(client, process, network or Network(), self._namespace(network))
            argv = docker_container.command(process, network or Network(), seeded=seeded)
            container = docker_container.create(client, process, image, argv, host, self._labels)
            try:
                return self._attended(client, container, process)
            finally:
                with suppress(APIError):
                    client.api.remove_container(container, v=True, force=True)

    def start(self, group: Group) -> Running:
        """Start a group. Raises EngineFailed; nothing is left behind then."""
        client, where = self._connect()
        with self._speaking():
            self._have(self._plain)
            roles = [process.role for process in group.processes]
            with ThreadPoolExecutor() as pool:  # the engine takes a third of a second for each
                images = dict(zip(roles, pool.map(self._image, group.processes), strict=True))
            project = f"seatrial-{self._place.id}-{len(self._started) + 1}"
            running = DockerRunning(client, where, group, project, self._place)
            self._started.append(running)
            running.up(images, self._plain, self._labels)
            return running

    def close(self) -> None:
        """Remove everything with this scan's label.

        Over a connection of its own: the usual one may be in the middle of something.
        """
        self._closed = True
        for tool in list(self._tools):
            with suppress(OSError):
                tool.kill()
        for running in self._started:
            running.detach()
        self._networks.clear()
        self._layers = None
        self._remove()
        self._await_stragglers()
        self._place.remove()

    def _await_stragglers(self) -> None:
        """Remove what other threads, or a request that a signal broke off, still made after we had looked."""
        deadline = time.monotonic() + _STRAGGLERS
        waited = self._speakers or self._broken_off
        while self._speakers and time.monotonic() < deadline:
            time.sleep(0.02)
        if self._broken_off:
            # The engine goes on with a request whose client has gone.
            time.sleep(_BROKEN_OFF)
        if waited:
            self._remove()

    def _remove(self) -> None:
        if self._connection is not None:
            with suppress(EngineUnavailable, DockerException, requests.RequestException):
                client = docker_client.connect(self._connection[1], timeout=10)
                docker_client.remove(client, self._place.id)
                client.close()
            self._connection[0].close()

    @contextmanager
    def _speaking(self) -> Iterator[None]:
        """Work with the engine; what another thread, or a signal, closed meanwhile has not succeeded."""
        self._speakers += 1
        try:
            with speaking(self._place.id):
                yield
        except Exception:
            raise
        except BaseException:
            self._broken_off = True
            raise
        finally:
            self._speakers -= 1
            if self._closed:
                self._remove()
                self._place.remove()
        if self._closed:
            raise EngineFailed("the scan was stopped")

    def _connect(self) -> tuple[docker.DockerClient, Context]:
        if self._connection is None:
            where = docker_client.context()
            self._connection = (docker_client.connect(where), where)
            self._layers = Layers(self._connection[0], self._place, self._labels)
        return self._connection

    def _attended(self, client: docker.DockerClient, container: str, process: Process) -> Completed:
        """Start the container with its pipes in our hands, and wait for its end or its time limit."""
        started = time.monotonic()
        out, errors = Head(process.limits.output), Tail()
        tool = subprocess.Popen(
            ["docker", "start", "--attach", "--interactive", container],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
            env=command_environment(), start_new_session=True,
        )  # fmt: skip
        self._tools.append(tool)
        if tool.stdin is None or tool.stdout is None or tool.stderr is None:
            raise EngineFailed("the docker command has no pipes")
        threads = [feed(tool.stdin, process.stdin), drain(tool.stdout, out), drain(tool.stderr, errors)]
        limit = ""
        try:
            tool.wait(process.limits.seconds)
        except subprocess.TimeoutExpired:
            limit = "time"
            with suppress(APIError):
                client.api.kill(container)
        finally:
            tool.kill()
            tool.wait()
            self._tools.remove(tool)
        for thread in threads:
            thread.join(5)
        seconds = time.monotonic() - started
        state = client.api.inspect_container(container)["State"]
        return self._completed(state, out, errors, seconds, limit)

    def _completed(self, state: dict[str, object], out: Head, errors: Tail, seconds: float, limit: str) -> Completed:
        """What the engine says about the end of a container."""
        code = int(str(state.get("ExitCode", 0)))
        if limit == "time":
            return Completed(None, out.value, errors.value, seconds, limit=limit)
        if state.get("Status") == "created":  # it never ran
            reason = clean(str(state.get("Error") or errors.value.decode("utf-8", "replace")))
            if any(each in reason for each in ("executable file not found", "no such file", "permission denied")):
                return Completed(_CANNOT_START, b"", reason.encode(), seconds)
            raise failure(reason, self._place.id)
        if state.get("Running"):
            raise EngineFailed("the docker command ended before the container did")
        if state.get("OOMKilled") and code:
            return Completed(None, out.value, errors.value, seconds, limit="memory")
        limit = "output" if out.cut else ""
        if 128 < code < 128 + signal.NSIG:
            return Completed(None, out.value, errors.value, seconds, signal=code - 128, limit=limit)
        return Completed(code, out.value, errors.value, seconds, limit=limit)

    def _image(self, process: Process) -> tuple[str, bool]:
        self._connect()
        base = self._base(process.base)
        self._have(base, _NGINX_HINT if isinstance(process.base, NginxBase) else "use --engine local")
        if self._layers is None:
            raise EngineFailed("the scan was stopped")
        return self._layers.image(process, base)

    def _base(self, base: Base) -> str:
        match base:
            case Installed(reference=reference):
                return reference
            case NginxBase(image=image):
                return image
            case PlainPython():
                return self._plain

    def _have(self, image: str, hint: str = "use --engine local") -> None:
        if image not in self._present:
            docker_client.ensure(self._connect()[0], image, hint)
            self._present.add(image)

    def _namespace(self, network: Network | None) -> str:
        """The network of a single process: none at all, or that of a waiting container that owns the addresses."""
        if network is None or not network.addresses:
            return "none"
        key = repr(network)
        if key not in self._networks:
            client, _ = self._connect()
            self._have(self._plain)
            waiting = Process(
                "net",
                PlainPython(),
                ("python3", "-I", "-S", "-c", Path(str(net.__file__)).read_text(encoding="utf-8"), *network.addresses),
                limits=Limits(memory=64 << 20, processes=16, cpus=1.0),
            )
            host = docker_container.host(client, waiting, network, "none", capabilities=("NET_ADMIN",))
            argv = list(waiting.argv)
            container = docker_container.create(client, waiting, self._plain, argv, host, self._labels, number="0:0")
            client.api.start(container)
            self._networks[key] = container
        return f"container:{self._networks[key]}"

"""A group of processes on the Docker engine: one compose file, one ``up``, one removal."""

import subprocess
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path

import docker
import yaml
from docker.errors import APIError

from scanner.sandbox import docker_client, docker_container, net
from scanner.sandbox.docker_client import Context, command_environment, failure, speaking
from scanner.sandbox.interface import EngineFailed, Group, Process, State, User, Wire
from scanner.sandbox.redact import redact
from scanner.sandbox.staging import environment
from scanner.sandbox.streams import TAIL, LineWire, Tail, drain
from scanner.sandbox.workplace import Workplace, disk

NET = "net"
_UP_SECONDS = 120
_PROJECT = "com.docker.compose.project"
_DOWN_SECONDS = 60
_KILL_SECONDS = 2
_SHARED_OPTIONS = {"type": "tmpfs", "device": "tmpfs", "o": "size=64m,mode=1777"}


def render(
    group: Group, images: Mapping[str, tuple[str, bool]], plain: str, labels: Mapping[str, str], project: str
) -> str:
    """The compose file. Every ``$`` is doubled: compose would put variables of its own environment there."""
    shared = sorted({target for process in group.processes for target in process.shared})
    volumes = {target: f"shared{number}" for number, target in enumerate(shared)}
    script = Path(str(net.__file__)).read_text(encoding="utf-8")
    hosts = {docker_container.HOST_NAME: "127.0.0.1", **group.network.hosts}
    services: dict[str, object] = {
        NET: {
            **_common(plain, labels, f"{project}-{NET}"),
            "entrypoint": ["python3", "-I", "-S", "-c", script, *group.network.addresses],
            "network_mode": "none",
            "user": "0:0",
            "cap_add": ["NET_ADMIN"],
            "sysctls": docker_container.LOW_PORTS,
            "hostname": docker_container.HOST_NAME,
            "extra_hosts": [f"{name}:{address}" for name, address in hosts.items()],
            "mem_limit": 64 << 20,
            "memswap_limit": 64 << 20,
            "pids_limit": 16,
            "logging": {"driver": "none"},
        }
    }
    for process in group.processes:
        image, seeded = images[process.role]
        wired = process.role in group.wired
        service = _common(image, labels, f"{project}-{process.role}")
        service |= _service(process, docker_container.command(process, group.network, seeded=seeded, wired=wired))
        service["volumes"] = [
            {"type": "volume", "source": volumes[target], "target": target} for target in process.shared
        ]
        if wired:
            service |= {"stdin_open": True, "logging": {"driver": "none"}}
        services[process.role] = service
    made = {name: {"driver_opts": _SHARED_OPTIONS, "labels": dict(labels)} for name in volumes.values()}
    document = {"services": services, "volumes": made}
    return yaml.safe_dump(_doubled(document), sort_keys=False)


def _common(image: str, labels: Mapping[str, str], name: str) -> dict[str, object]:
    return {
        "image": image,
        "container_name": name,
        "pull_policy": "never",
        "labels": dict(labels),
        "read_only": True,
        "cap_drop": ["ALL"],
        "security_opt": ["no-new-privileges:true"],
        "restart": "no",
        "command": [],
    }


def _service(process: Process, argv: list[str]) -> dict[str, object]:
    limits = process.limits
    return {
        "entrypoint": argv,
        "network_mode": f"service:{NET}",
        "environment": environment(process, docker_container.path_of(process)),
        "working_dir": process.directory,
        "user": docker_container.user(process),
        "init": True,
        "cap_add": list(docker_container.SERVER_CAPABILITIES) if process.user is User.SERVER else [],
        "mem_limit": limits.memory,
        "memswap_limit": limits.memory,
        "pids_limit": limits.processes,
        "cpus": limits.cpus,
        "ulimits": {"core": 0, "nofile": docker_container.OPEN_FILES},
        "tmpfs": [f"{target}:{options}" for target, options in docker_container.tmpfs(process).items()],
        "logging": {"driver": "json-file", "options": {"max-size": "1m", "max-file": "1"}},
    }


def _doubled(value: object) -> object:
    match value:
        case str():
            return value.replace("$", "$$")
        case dict():
            return {key: _doubled(each) for key, each in value.items()}
        case list():
            return [_doubled(each) for each in value]
        case _:
            return value


class DockerRunning:
    """A ``Running``: the containers of one compose project."""

    def __init__(
        self, client: docker.DockerClient, where: Context, group: Group, project: str, place: Workplace
    ) -> None:
        self._client = client
        self._group = group
        self._project = project
        self._place = place
        self._environment = command_environment(where)
        self._attached: dict[str, tuple[subprocess.Popen[bytes], LineWire, Tail]] = {}
        self._stopped = False

    def up(self, images: Mapping[str, tuple[str, bool]], plain: str, labels: Mapping[str, str]) -> None:
        """Bring the group up. Raises EngineFailed; nothing is left behind then."""
        file = self._file()
        try:
            file.touch(mode=0o600)  # it holds the environment of the application
            file.write_text(render(self._group, images, plain, labels, self._project), encoding="utf-8")
        except OSError as error:
            raise disk(error) from error
        done = self.compose(["up", "--detach", "--no-build"], _UP_SECONDS)
        if done.returncode != 0:
            # Not remove_running(): a container that `up` was making when it failed appears after that has looked.
            with suppress(EngineFailed):
                self.compose(["down", "-t", "0", "-v", "--remove-orphans"], _DOWN_SECONDS)
            raise failure(done.stderr.decode("utf-8", "replace"), self._place.id)
        self.attach()

    def _file(self) -> Path:
        return self._place.path / f"{self._project}.yml"

    def compose(self, arguments: list[str], seconds: float) -> subprocess.CompletedProcess[bytes]:
        """One command of ``docker compose``. Raises EngineFailed."""
        command = [
            "docker",
            "compose",
            "--ansi",
            "never",
            "--progress",
            "quiet",
            "-f",
            str(self._file()),
            "-p",
            self._project,
        ]
        try:
            return subprocess.run(
                [*command, *arguments], stdin=subprocess.DEVNULL, capture_output=True, check=False,
                timeout=seconds, env=self._environment, start_new_session=True,
            )  # fmt: skip
        except subprocess.TimeoutExpired as error:
            raise EngineFailed(f"docker compose {arguments[0]} did not end within {seconds:.0f} s") from error
        except OSError as error:
            raise EngineFailed(f"cannot start docker: {error.strerror}") from error

    def attach(self) -> None:
        """Take the pipes of the wired processes, and let these start."""
        for role in self._group.wired:
            tool = subprocess.Popen(
                ["docker", "attach", "--sig-proxy=false", f"{self._project}-{role}"],
                stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                env=self._environment, start_new_session=True,
            )  # fmt: skip
            if tool.stdin is None or tool.stdout is None or tool.stderr is None:
                raise EngineFailed("the docker command has no pipes")
            tail = Tail()
            drain(tool.stderr, tail)
            wire = LineWire(tool.stdin, tool.stdout, lambda role=role: self._gone(role))  # type: ignore[misc]
            self._attached[role] = (tool, wire, tail)
            wire.send(b"")

    def wire(self, role: str) -> Wire:
        """The line connection to that process."""
        return self._attached[role][1]

    def state(self, role: str) -> State:
        """Whether it runs, or how it ended. Raises EngineFailed."""
        with speaking(self._place.id):
            state = self._client.api.inspect_container(f"{self._project}-{role}")["State"]
        if state["Running"]:
            return State(running=True)
        return State(running=False, exit_code=int(state["ExitCode"]), out_of_memory=bool(state["OOMKilled"]))

    def logs(self, role: str) -> str:
        """The last 64 KiB of its output, cleaned. Of a wired process, its standard error. Raises EngineFailed."""
        if role in self._attached:
            return redact(self._attached[role][2].value)
        with speaking(self._place.id):
            output = self._client.api.logs(f"{self._project}-{role}", stdout=True, stderr=True, tail=1000)
        return redact(output[-TAIL:])

    def stop(self) -> None:
        """End all of it and remove what it left. Raises EngineFailed if the engine is gone."""
        if self._stopped:
            return
        self.detach()
        # What `docker compose down -t 0 -v` does (there is no network to remove), in a quarter of its time.
        with speaking(self._place.id):
            docker_client.remove_running(self._client, f"{_PROJECT}={self._project}")
        self._stopped = True

    def detach(self) -> None:
        """Let go of the pipes. Safe to call twice."""
        for tool, wire, _ in self._attached.values():
            tool.kill()
            with suppress(subprocess.TimeoutExpired):
                tool.wait(_KILL_SECONDS)
            wire.close()

    def _gone(self, role: str) -> str:
        with suppress(EngineFailed, APIError):
            state = self.state(role)
            if not state.running:
                memory = ", killed at its memory limit" if state.out_of_memory else ""
                return f"the process {role} ended unexpectedly (exit {state.exit_code}{memory})"
        return f"the connection to the process {role} is gone: the Docker Engine stopped answering"

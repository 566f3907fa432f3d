"""How a ``Process`` becomes the options of a container."""

from collections.abc import Iterable, Mapping

import docker

from scanner.sandbox.docker_image import PLAIN_USER
from scanner.sandbox.interface import Installed, Network, Process, Tmpfs, User
from scanner.sandbox.local_root import ENVIRONMENT, SEED, SYSTEM_PATH
from scanner.sandbox.staging import environment

SERVER_CAPABILITIES = ("CHOWN", "SETUID", "SETGID", "NET_BIND_SERVICE")
LOW_PORTS = {"net.ipv4.ip_unprivileged_port_start": "0"}
OPEN_FILES = 4096
HOST_NAME = "seatrial"
"""Programs look up the name of their own host; the engine puts it into the hosts file only where there is a network."""
_COPY = f"cp -RP {SEED}/. /"
_WAIT_FOR_ADDRESS = "until grep -qF {address} /proc/net/fib_trie; do sleep 0.01; done"
_WAIT_FOR_WIRE = "read -r _"
"""A wired process starts when its reader is there: what it says at once is not lost then."""


def path_of(process: Process) -> str:
    """PATH in the base of this process."""
    return f"{ENVIRONMENT}/bin:{SYSTEM_PATH}" if isinstance(process.base, Installed) else SYSTEM_PATH


def command(process: Process, network: Network, *, seeded: bool, wired: bool = False) -> list[str]:
    """The program and its arguments, behind a shell where something has to be done before it starts."""
    other = [each for each in network.addresses if not each.startswith("127.")]
    steps = [
        *([_WAIT_FOR_ADDRESS.format(address=other[-1])] if other else []),
        *([_COPY] if seeded else []),
        *([_WAIT_FOR_WIRE] if wired else []),
    ]
    if not steps:
        return list(process.argv)
    return ["/bin/sh", "-c", " && ".join([*steps, 'exec "$@"']), "sh", *process.argv]


def user(process: Process) -> str:
    """User and group of the process."""
    return f"{PLAIN_USER}:{PLAIN_USER}" if process.user is User.PLAIN else "0:0"


def tmpfs(process: Process) -> dict[str, str]:
    """Writable directories and their mount options."""
    return {mount.target: _tmpfs_options(mount, process) for mount in process.tmpfs}


def _tmpfs_options(mount: Tmpfs, process: Process) -> str:
    number = PLAIN_USER if process.user is User.PLAIN else 0
    mode = "1777" if mount.target.rstrip("/") in {"/tmp", "/var/tmp", "/dev/shm"} else "0755"
    execute = "exec" if mount.executable else "noexec"
    return f"rw,nosuid,nodev,{execute},size={mount.size},mode={mode},uid={number},gid={number}"


def create(
    client: docker.DockerClient,
    process: Process,
    image: str,
    argv: list[str],
    host_config: dict[str, object],
    labels: Mapping[str, str],
    *,
    number: str = "",
) -> str:
    """Make the container, without starting it; its id. ``number`` replaces the user and group of the process."""
    made = client.api.create_container(
        image,
        entrypoint=argv[:1],
        command=argv[1:],
        environment=environment(process, path_of(process)),
        working_dir=process.directory,
        user=number or user(process),
        labels=dict(labels),
        stdin_open=True,
        host_config=host_config,
        hostname=HOST_NAME if host_config.get("NetworkMode") == "none" else None,
        use_config_proxy=False,  # the tool's own settings could put proxies with passwords into the environment
    )
    return str(made["Id"])


def host(
    client: docker.DockerClient, process: Process, network: Network, namespace: str, capabilities: Iterable[str] = ()
) -> dict[str, object]:
    """The host's part: limits, rights and the network namespace ("none" or "container:…")."""
    own = namespace == "none"
    config: dict[str, object] = client.api.create_host_config(
        network_mode=namespace,
        # a container that joins another one's network has that one's hosts file, and may not name hosts of its own
        extra_hosts={HOST_NAME: "127.0.0.1", **network.hosts} if own else None,
        sysctls=LOW_PORTS if own else None,
        read_only=True,
        init=True,
        cap_drop=["ALL"],
        cap_add=[*capabilities, *(SERVER_CAPABILITIES if process.user is User.SERVER else ())],
        security_opt=["no-new-privileges:true"],
        mem_limit=process.limits.memory,
        memswap_limit=process.limits.memory,
        pids_limit=process.limits.processes,
        nano_cpus=int(process.limits.cpus * 1e9),
        tmpfs=tmpfs(process),
        ulimits=[
            docker.types.Ulimit(name="core", soft=0, hard=0),
            docker.types.Ulimit(name="nofile", soft=OPEN_FILES, hard=OPEN_FILES),
        ],
        log_config=docker.types.LogConfig(type="none"),
    )
    return config

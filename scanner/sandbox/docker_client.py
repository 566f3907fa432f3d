"""The connection to a Docker Engine: which one, whether it can be used, and what its errors mean.

The command line tool and the SDK must speak to the same engine, so the tool's own context decides for both.
"""

import json
import os
import shutil
import socket
import subprocess
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass

import docker
import docker.utils
import requests
from docker.errors import APIError, DockerException, ImageNotFound
from packaging.version import InvalidVersion, Version

from scanner.model import clean, quoted
from scanner.sandbox.interface import EngineFailed, EngineUnavailable

SCAN = "seatrial.scan"
EXPIRES = "seatrial.expires"
CACHE = "seatrial.cache"
JOB = "seatrial.job"
"""The label with which the caller's own job finds what its scans made (environment variable SEATRIAL_JOB)."""
OLDEST_API = Version("1.41")
OLDEST_COMPOSE = Version("2.20")
_SECONDS = 60
_AT_A_TIME = 8


@dataclass(frozen=True)
class Context:
    """What the command line tool is set to."""

    name: str
    host: str


def command_environment(context: Context | None = None) -> dict[str, str]:
    """The environment of the command line tool: ours, without what would turn ``docker compose`` elsewhere."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith("COMPOSE_")}
    kept["DOCKER_BUILDKIT"] = "1"
    if (
        context is not None
    ):  # the builder that belongs to this engine, not one in a container that does not see its images
        kept["BUILDX_BUILDER"] = context.name
    return kept


def context() -> Context:
    """The engine that the command line tool would use. Raises EngineUnavailable."""
    if shutil.which("docker") is None:
        raise EngineUnavailable("the docker command is not installed", "install Docker, or use --engine local")
    answer = _tool("docker", "context", "inspect")
    try:
        described = json.loads(answer.stdout)[0]
        return Context(str(described["Name"]), str(described["Endpoints"]["docker"]["Host"]))
    except (ValueError, LookupError, TypeError) as error:
        told = clean(answer.stderr.strip()) or "docker context inspect gave no answer"
        raise EngineUnavailable(f"the docker command does not work: {told}") from error


def connect(where: Context, timeout: int = _SECONDS) -> docker.DockerClient:
    """A client of the engine, without having asked it anything. Raises EngineUnavailable."""
    try:
        _knock(where.host)
        if where.name == "default":  # with the DOCKER_* variables for certificates
            return docker.from_env(timeout=timeout, version="auto")
        return docker.DockerClient(base_url=where.host, timeout=timeout, version="auto")
    except (OSError, DockerException) as error:  # OSError: what requests raises is one too
        raise unavailable(where, error) from error


def _knock(host: str) -> None:
    """Raises OSError if nobody listens on a socket of this machine: the SDK's own error would have to be guessed at."""
    if host.startswith("unix://"):
        with socket.socket(socket.AF_UNIX) as visitor:
            visitor.connect(host.removeprefix("unix://"))


def unavailable(where: Context, error: Exception) -> EngineUnavailable:
    """Why an engine does not answer, with what can be done about it."""
    message = f"Docker Engine does not answer at {where.host}"
    if isinstance(error, PermissionError):
        return EngineUnavailable(
            f"{message} (permission denied)", "add the user to the group docker, or use --engine local"
        )
    if isinstance(error, FileNotFoundError):
        return EngineUnavailable(
            f"{message} (there is no such socket)", "start the Docker Engine, or use --engine local"
        )
    if isinstance(error, ConnectionRefusedError):
        return EngineUnavailable(f"{message} (connection refused)", "start the Docker Engine, or use --engine local")
    return EngineUnavailable(f"{message} ({clean(str(error))[:200]})", "see `docker version`, or use --engine local")


def check(client: docker.DockerClient) -> str:
    """What answers, in one line. Raises EngineUnavailable where it is too old or a part is missing."""
    answer = client.version()
    if str(answer.get("Os", "linux")) != "linux":
        raise EngineUnavailable("this Docker Engine runs Windows containers", "switch it to Linux containers")
    if _version(str(answer.get("ApiVersion", "0"))) < OLDEST_API:
        raise EngineUnavailable(f"Docker Engine {answer.get('Version')} is too old", "Engine 20.10 or newer is needed")
    compose = _tool("docker", "compose", "version", "--short")
    if compose.returncode != 0:
        raise EngineUnavailable(
            "the Docker CLI has no Compose v2 plugin; `docker-compose` v1 cannot be used",
            "install docker-compose-plugin, or use --engine local",
        )
    installed = compose.stdout.strip().lstrip("v")
    if _version(installed) < OLDEST_COMPOSE:
        raise EngineUnavailable(
            f"Docker Compose {installed} is too old", f"Compose {OLDEST_COMPOSE} or newer is needed"
        )
    return f"Docker Engine {answer.get('Version')}, Compose {installed}"


def _version(text: str) -> Version:
    try:
        return Version(text.split("+", maxsplit=1)[0].split("-", maxsplit=1)[0])
    except InvalidVersion:
        return Version("0")


def _tool(*argv: str) -> subprocess.CompletedProcess[str]:
    try:
        return subprocess.run(
            argv, capture_output=True, text=True, check=False, timeout=_SECONDS, env=command_environment()
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        raise EngineUnavailable(f"the docker command does not work: {error}") from error


def failure(output: str, scan: str) -> EngineFailed:
    """What an engine's error text means; ``scan`` is the label value by which its pieces are found."""
    text = clean(output.strip())
    last = text.splitlines()[-1][:500] if text else "no reason given"
    if "no space left on device" in text or "disk quota exceeded" in text:
        return EngineFailed(
            f"the disk of the Docker Engine is full: {last}",
            "see `docker system df`; `docker system prune` frees space",
        )
    gone = ("Cannot connect to the Docker daemon", "Connection aborted", "Connection refused", "error during connect",
            "FileNotFoundError", "unexpected EOF", "Max retries exceeded", "RemoteDisconnected")  # fmt: skip
    if any(each in text for each in gone):
        return EngineFailed(
            "the Docker Engine stopped answering",
            f"what is left of this scan: docker ps -a --filter label={SCAN}={scan} (the next scan removes it)",
        )
    return EngineFailed(f"Docker: {last}")


@contextmanager
def speaking(scan: str) -> Iterator[None]:
    """Turns the SDK's exceptions into EngineFailed."""
    try:
        yield
    except APIError as error:
        raise failure(str(error.explanation or error), scan) from error
    except (DockerException, requests.RequestException) as error:
        raise failure(f"Cannot connect to the Docker daemon: {error}", scan) from error


def ensure(client: docker.DockerClient, image: str, hint: str = "use --engine local") -> None:
    """Have the image on the engine, pulling it if need be. Raises EngineFailed."""
    try:
        client.images.get(image)
    except ImageNotFound:
        try:
            repository, tag = docker.utils.parse_repository_tag(image)
            client.api.pull(repository, tag or "latest")
            client.images.get(image)
        except (ImageNotFound, APIError) as error:
            told = clean(str(getattr(error, "explanation", "") or error))
            raise EngineFailed(f"the image {quoted(image)} cannot be had: {told}", hint) from error


def remove(client: docker.DockerClient, scan: str) -> None:
    """Remove everything with this scan's label: containers, then volumes and networks, then images."""
    label = f"{SCAN}={scan}"
    remove_running(client, label)
    for network in client.api.networks(filters={"label": label}):
        _quietly(client.api.remove_network, network["Id"])
    for image in client.api.images(filters={"label": label}):
        for tag in image.get("RepoTags") or [image["Id"]]:
            _quietly(client.api.remove_image, tag, force=True)


def remove_running(client: docker.DockerClient, label: str) -> None:
    """End and remove the containers with this label, side by side, then their volumes."""
    found = [str(each["Id"]) for each in client.api.containers(all=True, filters={"label": label}, quiet=True)]
    with ThreadPoolExecutor(_AT_A_TIME) as pool:
        list(pool.map(lambda one: _quietly(client.api.remove_container, one, v=True, force=True), found))
    for volume in client.api.volumes(filters={"label": label}).get("Volumes") or ():
        _quietly(client.api.remove_volume, volume["Name"], force=True)


def sweep(client: docker.DockerClient) -> list[str]:
    """Remove what killed scans left behind; one line a scan. Scans that may still run are not touched."""
    expired: dict[str, int] = {}
    found = [each.get("Labels") for each in client.api.containers(all=True, filters={"label": SCAN})]
    found += [each.get("Labels") for each in client.api.volumes(filters={"label": SCAN}).get("Volumes") or ()]
    found += [each.get("Labels") for each in client.api.images(filters={"label": SCAN})]
    for labels in found:
        until = str((labels or {}).get(EXPIRES, ""))
        if until.isdigit() and int(until) < time.time():
            expired[str(labels[SCAN])] = int(until)
    for scan in expired:
        remove(client, scan)
    return [
        f"removed what was left of a scan that was killed before {time.strftime('%Y-%m-%d', time.gmtime(until))}"
        for until in expired.values()
    ]


def _quietly(call: object, *arguments: object, **options: object) -> None:
    """Call it; what is gone already, or still in use by what is about to go, is no error."""
    if callable(call):
        try:
            call(*arguments, **options)
        except APIError:
            return

"""Images: dependencies by a generated Dockerfile, files of a process by a layer that is committed.

Nothing of the machine is bound into a container: from inside a container a bind names the *host's* path, and a remote
engine has no such path at all. Files travel over the engine's own interface instead.
"""

import io
import re
import shlex
import subprocess
import tarfile
import time
from collections.abc import Iterable
from importlib import metadata
from pathlib import PurePosixPath

import docker
import requests
from docker.errors import ImageNotFound, NotFound

from scanner.model import Progress
from scanner.sandbox import docker_client, uv
from scanner.sandbox.docker_client import CACHE, Context, command_environment
from scanner.sandbox.interface import Dependencies, EngineFailed, Installed, InstallFailed, Process, User
from scanner.sandbox.local_root import ENVIRONMENT, SEED
from scanner.sandbox.staging import Entry, below, copied, digest, made
from scanner.sandbox.workplace import Workplace, disk

REPOSITORY = "seatrial-env"
PLAIN_USER = 10001
BUILD_SECONDS = 900
_VERSION_FILE = "/opt/seatrial/version"
_SAID = re.compile(r"#\d+ \d+\.\d+ ?(?P<line>.*)")
_FROM_SOURCE = "some packages were built from source"

_DOCKERFILE = """\
FROM {base} AS tools
RUN --mount=type=secret,id=ca --mount=type=secret,id=index set -eu; {secrets}\
    python3 -m pip install --disable-pip-version-check --no-cache-dir --quiet --target /opt/seatrial/uv uv=={uv}

FROM {base}
{system}\
RUN --mount=type=bind,from=tools,source=/opt/seatrial/uv,target=/opt/seatrial/uv \\
    --mount=type=bind,source=files,target=/opt/seatrial/files \\
    {cache}--mount=type=secret,id=ca --mount=type=secret,id=index set -eu; {secrets}\
    export UV_NO_CONFIG=1 UV_PYTHON_DOWNLOADS=never UV_LINK_MODE=copy UV_NO_PROGRESS=1; \\
    cd /opt/seatrial/files; \\
    /opt/seatrial/uv/bin/uv venv --quiet --python "$(command -v python3)" {environment}; \\
    /opt/seatrial/uv/bin/uv pip install --python {environment}/bin/python {arguments}; \\
    timeout {seconds} {environment}/bin/python {compile} {environment}/lib || true; \\
    echo 'seatrial:x:{user}:{user}:seatrial:/tmp:/bin/sh' >> /etc/passwd; echo 'seatrial:x:{user}:' >> /etc/group; \\
    {environment}/bin/python -I -S -c 'import sys; print("%d.%d.%d" % sys.version_info[:3])' > {version_file}
"""
_SECRETS = """\
    if [ -s /run/secrets/ca ]; then export PIP_CERT=/run/secrets/ca SSL_CERT_FILE=/run/secrets/ca; fi; \\
    if [ -s /run/secrets/index ]; then PIP_INDEX_URL="$(cat /run/secrets/index)"; \\
        export PIP_INDEX_URL UV_DEFAULT_INDEX="$PIP_INDEX_URL"; fi; \\
"""

# A compiler is of no use without the headers of this Python, which Debian's own has in a package of their own.
_SYSTEM = """\
RUN set -eu; export DEBIAN_FRONTEND=noninteractive; apt-get update -qq; \\
    apt-get install -y -qq --no-install-recommends {packages}; \\
    headers="$(python3 -c 'import sysconfig; print(sysconfig.get_path("include"))')"; \\
    if command -v gcc >/dev/null && [ ! -e "$headers/Python.h" ]; then \\
        apt-get install -y -qq --no-install-recommends python3-dev; \\
    fi; \\
    rm -rf /var/lib/apt/lists/*
"""


def base_image(python: str) -> str:
    """The official image with this Python."""
    return f"python:{python}-slim"


def dockerfile(dependencies: Dependencies, *, builds: bool) -> str:
    """The text of the Dockerfile; ``builds`` allows source distributions."""
    wanted = list(dependencies.arguments) if builds else ["--only-binary", ":all:", *dependencies.arguments]
    system = ""
    if dependencies.system_packages:
        system = _SYSTEM.format(packages=shlex.join(sorted(dependencies.system_packages)))
    cache = "seatrial-uv"
    if builds:  # what foreign code may write to is not shared with other projects
        cache = f"seatrial-uv-{digest(dependencies.family)}" if dependencies.family else ""
    return _DOCKERFILE.format(
        base=base_image(dependencies.python),
        secrets="\\\n" + _SECRETS,
        uv=metadata.version("uv"),
        system=system,
        cache=f"--mount=type=cache,id={cache},target=/root/.cache/uv \\\n    " if cache else "",
        environment=ENVIRONMENT,
        arguments=shlex.join(wanted),
        seconds=uv.COMPILE_SECONDS,
        compile=shlex.join(uv.COMPILE),
        user=PLAIN_USER,
        version_file=_VERSION_FILE,
    )


class Environments:
    """Makes and finds the images that hold an installed environment. They are kept from scan to scan."""

    def __init__(self, client: docker.DockerClient, where: Context, place: Workplace) -> None:
        self._client = client
        self._context = where
        self._place = place

    def install(self, dependencies: Dependencies, progress: Progress) -> Installed:
        """An image with these dependencies. Raises InstallFailed, EngineFailed."""
        uv.check(dependencies)
        key = digest(dockerfile(dependencies, builds=dependencies.allow_builds), sorted(dependencies.files.items()))
        image = f"{REPOSITORY}:{key}"
        found = self._known(image)
        if found is not None:
            return Installed("docker", image, f"{ENVIRONMENT}/bin/python", found, cached=True)
        docker_client.ensure(
            self._client, base_image(dependencies.python), f"is {dependencies.python} the right Python?"
        )
        progress.step(f"installing dependencies in {base_image(dependencies.python)}")
        notes = self._build_either_way(dependencies, key, image)
        version = self._version(image)
        self._client.api.tag(image, REPOSITORY, f"{key}-{version}")
        return Installed("docker", image, f"{ENVIRONMENT}/bin/python", version, notes=notes)

    def _known(self, image: str) -> str | None:
        """The Python version of an image that is there; it stands in the second of its two names."""
        try:
            tags = self._client.images.get(image).tags
        except ImageNotFound:
            return None
        versions = [tag.removeprefix(f"{image}-") for tag in tags if tag.startswith(f"{image}-")]
        return versions[0] if versions else None

    def _build_either_way(self, dependencies: Dependencies, key: str, image: str) -> tuple[str, ...]:
        """Wheels first; from source where there is none, without the cache that other projects use."""
        texts = [
            "\n".join(dependencies.arguments),
            *(each.decode("utf-8", "replace") for each in dependencies.files.values()),
        ]
        if not dependencies.allow_builds and not any(map(uv.must_build, texts)):
            try:
                self._build(dependencies, key, image, builds=False)
            except InstallFailed as failed:
                if dependencies.wheels_only or not uv.wants_builds(failed.output):
                    raise
            else:
                return ()
        self._build(dependencies, key, image, builds=True)
        return (_FROM_SOURCE,)

    def _build(self, dependencies: Dependencies, key: str, image: str, *, builds: bool) -> None:
        context = self._place.path / f"build-{key}"
        files = context / "files"
        secrets: list[str] = []
        try:
            files.mkdir(parents=True, exist_ok=True)
            uv.write_files(dependencies, files)
            (context / "Dockerfile").write_text(dockerfile(dependencies, builds=builds))
            if dependencies.ca_bundle is not None:
                secrets += ["--secret", f"id=ca,src={dependencies.ca_bundle}"]
            if dependencies.index_url:
                index = self._place.path / "index"
                index.touch(mode=0o600)
                index.write_text(dependencies.index_url)
                secrets += ["--secret", f"id=index,src={index}"]
        except OSError as error:
            raise disk(error) from error
        command = [
            "docker",
            "build",
            "--progress=plain",
            "--load",
            "--tag",
            image,
            "--label",
            f"{CACHE}={key}",
            *secrets,
            str(context),
        ]
        try:
            done = subprocess.run(
                command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, check=False,
                timeout=BUILD_SECONDS, env=command_environment(self._context),
            )  # fmt: skip
        except subprocess.TimeoutExpired as error:
            raise InstallFailed(f"the dependencies were not installed within {BUILD_SECONDS} s") from error
        except OSError as error:
            raise EngineFailed(f"cannot start docker: {error.strerror}") from error
        finally:
            (self._place.path / "index").unlink(missing_ok=True)
        if done.returncode != 0:
            raise self._why(done.stdout, dependencies)

    def _why(self, output: bytes, dependencies: Dependencies) -> EngineFailed | InstallFailed:
        """The engine's fault, or the packages'."""
        text = output.decode("utf-8", "replace")
        if "buildx component is missing" in text or "unknown flag: --load" in text:
            return EngineFailed(
                "the Docker CLI has no buildx plugin", "install docker-buildx-plugin, or use --engine local"
            )
        engine = ("no space left on device", "Cannot connect to the Docker daemon", "error during connect")
        if any(each in text for each in engine):
            return docker_client.failure(text, self._place.id)
        # Only what our commands said: "#7 1.234 " stands before each of their lines.
        said = [match["line"] for match in map(_SAID.match, text.splitlines()) if match is not None]
        return uv.failure("\n".join(said or text.splitlines()).encode(), uv.secrets_of(dependencies))

    def _version(self, image: str) -> str:
        container = self._client.api.create_container(image, ["true"])["Id"]
        try:
            return read_file(self._client, container, _VERSION_FILE).decode("ascii", "replace").strip()
        finally:
            self._client.api.remove_container(container, force=True)


def read_file(client: docker.DockerClient, container: str, path: str) -> bytes:
    """A regular file out of a container's image; empty if there is none."""
    try:
        chunks, _ = client.api.get_archive(container, path)
    except NotFound:
        return b""
    with tarfile.open(fileobj=io.BytesIO(b"".join(chunks))) as archive:
        member = archive.next()
        stream = archive.extractfile(member) if member is not None else None
        return stream.read() if stream is not None else b""


class Layers:
    """Images of one scan: a base with the files of a process on top. They are removed with the scan."""

    def __init__(self, client: docker.DockerClient, place: Workplace, labels: dict[str, str]) -> None:
        self._client = client
        self._place = place
        self._labels = labels
        self._made: dict[str, str] = {}

    def image(self, process: Process, base: str) -> tuple[str, bool]:
        """The image of the process, and whether files have to be copied into its writable directories first."""
        owner = PLAIN_USER if process.user is User.PLAIN else 0
        copies = [entry for copy in process.copies for entry in copied(copy)]
        files = [made(file) for file in process.files]
        seeded = any(below(entry.target, process.tmpfs) for entry in (*copies, *files))
        with_copies = self._layer(base, [*_opened((*copies, *files)), *_placed(copies, process)], owner)
        return self._layer(with_copies, _placed(files, process), owner, process.users), seeded

    def _layer(self, base: str, entries: list[Entry], owner: int, users: tuple[str, ...] = ()) -> str:
        if not entries and not users:
            return base
        key = digest(base, owner, users, *entries)
        if key not in self._made:
            self._made[key] = self._commit(base, key, entries, owner, users)
        return self._made[key]

    def _commit(self, base: str, key: str, entries: list[Entry], owner: int, users: tuple[str, ...]) -> str:
        api = self._client.api
        container = api.create_container(base, ["true"], labels=self._labels, network_disabled=True)["Id"]
        try:
            for name in ("passwd", "group") if users else ():
                known = read_file(self._client, container, f"/etc/{name}")
                entries = [*entries, Entry(f"/etc/{name}", 0o644, "", content=with_users(known, users, name))]
            with (self._place.path / f"{key}.tar").open("w+b") as archive:
                (self._place.path / f"{key}.tar").unlink()
                pack(entries, archive, owner)
                archive.seek(0)
                api.put_archive(container, "/", archive)
            repository = f"seatrial-run-{self._place.id}"
            api.commit(container, repository, key)
            return f"{repository}:{key}"
        except OSError as error:
            if isinstance(error, requests.RequestException):  # they are OSErrors too, and the engine's
                raise
            raise disk(error) from error
        finally:
            api.remove_container(container, v=True, force=True)


def _opened(entries: Iterable[Entry]) -> list[Entry]:
    """Directories of the base that only root may enter, where files of the process lie below them: open to all."""
    below_root = any(PurePosixPath(each.target).is_relative_to("/root") for each in entries)
    return [Entry("/root", 0o755, "")] if below_root else []


def _placed(entries: Iterable[Entry], process: Process) -> list[Entry]:
    """Entries where the image holds them: those for writable directories wait below SEED."""
    return [
        Entry(f"{SEED}{each.target}", each.mode, each.mark, each.source, each.content, each.link)
        if below(each.target, process.tmpfs)
        else each
        for each in entries
    ]


def with_users(known: bytes, users: Iterable[str], name: str) -> bytes:
    """``/etc/passwd`` or ``/etc/group`` with these names added where they are missing."""
    lines = known.splitlines()
    present = {line.split(b":", 1)[0] for line in lines}
    for number, user in enumerate(users, PLAIN_USER + 1):
        if user.encode() not in present:
            line = f"{user}:x:{number}:{number}::/nonexistent:/bin/false" if name == "passwd" else f"{user}:x:{number}:"
            lines.append(line.encode())
    return b"".join(line + b"\n" for line in lines)


def pack(entries: Iterable[Entry], stream: io.IOBase | object, owner: int) -> None:
    """A tar archive of the entries, all owned by ``owner``."""
    now = int(time.time())
    with tarfile.open(fileobj=stream, mode="w", format=tarfile.PAX_FORMAT) as archive:  # type: ignore[call-overload]
        for entry in entries:
            info = tarfile.TarInfo(str(PurePosixPath(entry.target)).lstrip("/"))
            info.mode, info.uid, info.gid, info.mtime = entry.mode, owner, owner, now
            if entry.target in {"/etc/passwd", "/etc/group"}:
                info.uid = info.gid = 0
            if entry.link is not None:
                info.type, info.linkname = tarfile.SYMTYPE, entry.link
                archive.addfile(info)
            elif entry.source is None and entry.content is None:
                info.type = tarfile.DIRTYPE
                archive.addfile(info)
            else:
                content = entry.read()
                info.size = len(content)
                archive.addfile(info, io.BytesIO(content))

"""Dependencies: what can be installed, what is not done twice, and what is said when it fails."""

import json
import os
from pathlib import Path

import pytest

from scanner.model import Silent
from scanner.sandbox import docker_image, local_programs, uv
from scanner.sandbox.docker import DockerEngine
from scanner.sandbox.interface import Dependencies, InstallFailed, Process, Tmpfs
from scanner.sandbox.local import LocalEngine
from scanner.sandbox.redact import last_lines, redact
from scanner.sandbox.trusted import TrustedEngine
from tests.sandbox.leftovers import AnyEngine

PINNED = {"requirements/base.txt": b"sqlparse==0.5.3\n", "requirements.txt": b"-r requirements/base.txt\n"}
VERSION = "3.13"
OWN = ".".join(local_programs.own_interpreter().version.split(".")[:2])
"""The one Python that is surely on this machine."""


class Steps:
    """A progress that remembers."""

    def __init__(self) -> None:
        self.told: list[str] = []

    def step(self, text: str) -> None:
        self.told.append(text)


def wanted(
    ca_bundle: Path | None, *arguments: str, python: str = OWN, files: dict[str, bytes] | None = None
) -> Dependencies:
    return Dependencies(python, arguments, files or {}, ca_bundle=ca_bundle)


def test_installs_once(engine: AnyEngine, ca_bundle: Path | None) -> None:
    python = VERSION if engine.name == "docker" else OWN
    dependencies = wanted(ca_bundle, "-r", "requirements.txt", python=python, files=PINNED)
    first = engine.install(dependencies, Silent())
    steps = Steps()
    second = engine.install(dependencies, steps)
    assert (second.reference, second.version, second.cached) == (first.reference, first.version, True)
    assert steps.told == []
    assert first.version.startswith(f"{python}.")
    script = """
import json, os, sqlparse, sys, shutil
print(json.dumps([sqlparse.__version__, "%d.%d" % sys.version_info[:2], sys.executable, shutil.which("sqlformat")]))
print("compiled" if os.path.exists(sqlparse.__cached__) else "not compiled")
try:
    open("/opt/seatrial/env/x", "w")
except OSError:
    print("read-only")
"""
    done = engine.run(Process("boot", first, ("python", "-c", script), tmpfs=(Tmpfs("/tmp"),)))
    told, _, rest = done.stdout.decode().partition("\n")
    assert json.loads(told) == ["0.5.3", python, "/opt/seatrial/env/bin/python", "/opt/seatrial/env/bin/sqlformat"]
    assert rest == "compiled\nread-only\n"
    done = engine.run(Process("boot", first, ("sqlformat", "--version"), {"PATH": "/bin"}))
    assert done.stdout == b"0.5.3\n", "scripts start, and the environment's come first"


def test_tells_what_is_not_to_be_had(engine: AnyEngine, ca_bundle: Path | None) -> None:
    python = VERSION if engine.name == "docker" else OWN
    with pytest.raises(InstallFailed) as caught:
        engine.install(wanted(ca_bundle, "no-such-distribution-of-seatrial", python=python), Silent())
    assert caught.value.package == "no-such-distribution-of-seatrial"
    assert "was not found in the package registry" in caught.value.output
    assert "executor failed" not in caught.value.output


@pytest.mark.local
def test_the_local_engine_builds_nothing(ca_bundle: Path | None) -> None:
    engine = LocalEngine()
    try:
        with pytest.raises(InstallFailed) as caught:
            engine.install(wanted(ca_bundle, "docopt==0.6.2"), Silent())
        assert caught.value.package == "docopt"
        assert "allow-builds" in caught.value.hint
    finally:
        engine.close()


@pytest.mark.docker
def test_the_docker_engine_builds_what_has_no_wheel(ca_bundle: Path | None) -> None:
    engine = DockerEngine()
    try:
        installed = engine.install(wanted(ca_bundle, "docopt==0.6.2", python=VERSION), Silent())
        assert installed.cached or installed.notes == ("some packages were built from source",)
        done = engine.run(Process("boot", installed, ("python", "-c", "import docopt; print(docopt.__version__)")))
        assert done.stdout == b"0.6.2\n"
    finally:
        engine.close()


@pytest.mark.local
def test_builds_see_nothing_of_the_machine(
    ca_bundle: Path | None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Even where builds are allowed, a build step is foreign code."""
    (tmp_path / "secret").write_text("of the machine")
    monkeypatch.setenv("SEATRIAL_CANARY", "canary")
    backend = f"""
import os
seen = [os.environ.get("SEATRIAL_CANARY"), os.path.exists({str(tmp_path / "secret")!r})]
def get_requires_for_build_wheel(config_settings=None):
    return []
def prepare_metadata_for_build_wheel(directory, config_settings=None):
    raise SystemExit(f"seen {{seen}}")
def build_wheel(directory, config_settings=None, metadata_directory=None):
    raise SystemExit(f"seen {{seen}}")
"""
    files = {
        "evil/pyproject.toml": b'[build-system]\nrequires = []\nbuild-backend = "backend"\nbackend-path = ["."]\n'
        b'[project]\nname = "evil"\nversion = "1"\n',
        "evil/backend.py": backend.encode(),
    }
    engine = LocalEngine(cache=tmp_path / "cache")
    try:
        with pytest.raises(InstallFailed) as caught:
            engine.install(Dependencies(OWN, ("./evil",), files, True, ca_bundle=ca_bundle), Silent())
        assert "seen [None, False]" in caught.value.output
    finally:
        engine.close()


@pytest.mark.parametrize(
    ("arguments", "files"),
    [
        (("-e", "."), {}),
        (("-r", "r.txt"), {"r.txt": b"django\n  -e git+https://git.example/x\n"}),
        (("-r", "r.txt"), {"r.txt": b"--editable=./x"}),
        (("-r", "https://example.com/r.txt"), {}),
        (("-rhttps://example.com/r.txt",), {}),
        (("-r", "r.txt"), {"r.txt": b"-r\thttps://example.com/more.txt"}),
    ],
)
def test_what_is_built_against_all_orders_is_refused(
    arguments: tuple[str, ...], files: dict[str, bytes], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(local_programs, "interpreter", lambda _: local_programs.own_interpreter())
    with pytest.raises(InstallFailed, match="built or fetched from elsewhere") as caught:
        uv.install(Dependencies(VERSION, arguments, files), tmp_path, Silent())
    assert "allow-builds" in caught.value.hint


def test_a_python_that_is_not_there() -> None:
    with pytest.raises(InstallFailed) as caught:
        local_programs.interpreter("3.4")
    assert caught.value.message == "needs Python 3.4: use the Docker engine (--engine docker)"


def test_installs_without_a_sandbox(ca_bundle: Path | None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    engine = TrustedEngine()
    try:
        installed = engine.install(wanted(ca_bundle, "sqlparse==0.5.3"), Silent())
        done = engine.run(Process("boot", installed, ("python", "-c", "import sqlparse; print(sqlparse.__file__)")))
        assert done.stdout.startswith(b"/opt/seatrial/env/lib/"), done.stderr
    finally:
        engine.close()


def test_a_file_that_climbs_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InstallFailed, match="outside of the project"):
        uv.write_files(Dependencies(VERSION, (), {"../x": b""}), tmp_path)


SAYINGS = [
    ("error: Failed to build `psycopg2==2.9`", "psycopg2", ""),
    ("  x Failed to download and build `mysqlclient==2.2`", "mysqlclient", ""),
    ("Because there is no version of django==99 and you require django==99", "django", ""),
    ("Because only foo-bar<=1 is available and you require foo-bar>2", "foo-bar", ""),
    ("Because docopt==0.6.2 has no usable wheels and you require it", "docopt", "allow-builds"),
    ("Failed to parse: `bad name!!`", "bad name!!", ""),
    (
        "Failed to fetch: `https://index.example/simple/x/`\ninvalid peer certificate: UnknownIssuer",
        "",
        "--ca-bundle",
    ),
    ("error: nothing that we know", "", ""),
]


@pytest.mark.parametrize(("output", "package", "hint"), SAYINGS)
def test_who_is_at_fault(output: str, package: str, hint: str) -> None:
    failed = uv.failure(output.encode())
    assert failed.package == package
    assert hint in failed.hint


def test_no_secret_of_the_index_is_told() -> None:
    dependencies = Dependencies(VERSION, (), index_url="https://reader:hunter2hunter2@index.example/simple")
    output = (
        b"Failed to fetch: `https://reader:hunter2hunter2@index.example/simple/django/`\nauthorization hunter2hunter2"
    )
    failed = uv.failure(output, uv.secrets_of(dependencies))
    assert "hunter2" not in failed.output + failed.message + failed.hint + failed.package


def test_the_dockerfile_holds_no_secret() -> None:
    dependencies = Dependencies(
        VERSION, ("django",), index_url="https://u:secret-word@i.example/", ca_bundle=Path("/etc/ca")
    )
    for builds in (True, False):
        text = docker_image.dockerfile(dependencies, builds=builds)
        assert "secret-word" not in text
        assert "/etc/ca" not in text
        assert ("type=cache" in text) is not builds, "what foreign code can write to is shared with nobody"


def test_arguments_cannot_leave_their_place_in_the_dockerfile() -> None:
    text = docker_image.dockerfile(Dependencies(VERSION, ("$(touch /x)", "a'b", "; rm -rf /")), builds=False)
    assert """'$(touch /x)' 'a'"'"'b' '; rm -rf /'""" in text


@pytest.mark.parametrize(
    "dependencies",
    [
        Dependencies("3.13-slim\nRUN id\nFROM python:3.13", ()),
        Dependencies("", ()),
        Dependencies("3.13", ("django\nRUN --mount=type=secret,id=index cat /run/secrets/index",)),
        Dependencies("3.13", (), system_packages=("libpq-dev\nRUN id",)),
        Dependencies("3.13", (), system_packages=("--allow-unauthenticated",)),
    ],
)
def test_what_would_leave_its_place_is_refused(dependencies: Dependencies) -> None:
    with pytest.raises(InstallFailed):
        uv.check(dependencies)


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ("https://user:pass@host/x", "https://***@host/x"),
        ("a\x1b[31mb\u202e", "a\\x1b[31mb\\u202e"),
        ("key is s3cr3t-value.", "key is ***."),
        (b"\xff\xfe", "\ufffd\ufffd"),
        ("an abc", "an abc"),
    ],
)
def test_redact(given: str | bytes, expected: str) -> None:
    assert redact(given, ("s3cr3t-value", "abc", "")) == expected


def test_redact_is_quick_with_odd_output() -> None:
    for odd in ("x" * 300_000, "://" * 100_000, "a:" * 150_000, "@" * 300_000):
        assert len(redact(odd)) >= 200_000


def test_last_lines() -> None:
    assert last_lines("a\n\n\nb \nc\n", 2) == "b\nc"


@pytest.mark.local
def test_nothing_is_installed_as_root(ca_bundle: Path | None, tmp_path: Path) -> None:
    engine = LocalEngine(cache=tmp_path)
    try:
        installed = engine.install(wanted(ca_bundle, "sqlparse==0.5.3"), Silent())
        assert Path(installed.reference, "pyvenv.cfg").stat().st_uid == (os.geteuid() or 65533)
    finally:
        engine.close()

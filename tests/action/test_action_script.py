import json
import os
import shutil
import signal
import subprocess
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).parents[2]
SCRIPT = ROOT / "action.sh"
IMAGE = "seatrial-stub:test"
CANARIES = ("ACTIONS_RUNTIME_TOKEN", "GITHUB_TOKEN", "GITHUB_ENV", "GITHUB_PATH", "AWS_SECRET_ACCESS_KEY", "MY_SECRET")


@pytest.fixture(scope="session")
def image() -> str:
    context = Path(__file__).parent
    dockerfile = 'FROM python:3.13-slim\nCOPY stub.py /stub.py\nENTRYPOINT ["python3", "/stub.py"]\n'
    subprocess.run(
        ["docker", "build", "--quiet", "--tag", IMAGE, "--file", "-", str(context)],
        input=dockerfile.encode(),
        check=True,
        capture_output=True,
        timeout=300,
    )
    return IMAGE


@dataclass
class Job:
    """A runner's directories and variables for one step."""

    root: Path
    environment: dict[str, str]

    @property
    def workspace(self) -> Path:
        return self.root / "workspace"

    @property
    def outputs(self) -> str:
        return (self.root / "output").read_text(encoding="utf-8")

    @property
    def seen(self) -> Any:
        """What the stub saw."""
        (path,) = self.root.glob("temp/seatrial.*/seen.json")
        return json.loads(path.read_text(encoding="utf-8"))

    def run(self, *arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [str(SCRIPT), *arguments],
            env=self.environment | environment,
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
            cwd=self.workspace,
        )

    def orders(self, **orders: object) -> None:
        (self.workspace / "stub.json").write_text(json.dumps(orders), encoding="utf-8")

    def left(self) -> str:
        label = "label=seatrial.job=" + "-".join(
            self.environment[name] for name in ("GITHUB_RUN_ID", "GITHUB_RUN_ATTEMPT", "GITHUB_JOB", "RUNNER_NAME")
        )
        done = subprocess.run(
            ["docker", "ps", "--all", "--quiet", "--filter", label], capture_output=True, text=True, check=True
        )
        return done.stdout.strip()


@pytest.fixture
def job(tmp_path: Path) -> Iterator[Job]:
    environment = {
        "PATH": os.environ["PATH"],
        "HOME": str(tmp_path),
        "GITHUB_ACTIONS": "true",
        "GITHUB_WORKSPACE": str(tmp_path / "workspace"),
        "GITHUB_ACTION_PATH": str(ROOT),
        "GITHUB_OUTPUT": str(tmp_path / "output"),
        "GITHUB_STEP_SUMMARY": str(tmp_path / "summary"),
        "GITHUB_EVENT_PATH": str(tmp_path / "event.json"),
        "GITHUB_RUN_ID": str(time.time_ns()),
        "GITHUB_RUN_ATTEMPT": "1",
        "GITHUB_JOB": "seatrial",
        "RUNNER_NAME": "test",
        "RUNNER_TEMP": str(tmp_path / "temp"),
        "INPUT_IMAGE": IMAGE,
    }
    if "DOCKER_HOST" in os.environ:
        environment["DOCKER_HOST"] = os.environ["DOCKER_HOST"]
    for name in ("workspace", "temp"):
        (tmp_path / name).mkdir()
    (tmp_path / "event.json").write_text('{"number": 7}', encoding="utf-8")
    (tmp_path / "summary").write_text("before\n", encoding="utf-8")
    made = Job(tmp_path, environment)
    made.orders()
    yield made
    assert made.left() == ""


pytestmark = pytest.mark.docker


@pytest.mark.parametrize("code", [0, 1, 2, 3])
def test_the_exit_code_is_the_scanners(job: Job, image: str, code: int) -> None:
    job.orders(code=code)
    done = job.run()
    assert done.returncode == code, done.stdout + done.stderr


def test_what_goes_in_and_what_comes_out(job: Job, image: str) -> None:
    (job.workspace / "sub").mkdir()
    (job.workspace / "sub" / "manage.py").write_text("x", encoding="utf-8")
    job.orders(files=["reports/seatrial.xml"])
    done = job.run(INPUT_PATH="sub")
    assert done.returncode == 0, done.stdout + done.stderr
    (directory,) = job.root.glob("temp/seatrial.*")
    assert job.seen["argv"] == ["scan", "/in/tree/sub"]
    assert job.seen["tree"] == ["stub.json", "sub/manage.py"]
    assert job.seen["event"] == '{"number": 7}'
    assert job.seen["caps"] == "0" * 16
    assert job.seen["socket"] is True
    assert f"json-path<<X\n{directory}/seen.json\nX\ndirectory<<X\n{directory}\nX\n" in job.outputs
    assert "blocks<<X\n2\nX\n" in job.outputs
    assert "/outside" in job.outputs
    assert (job.root / "summary").read_text(encoding="utf-8") == "before\n# stub\n"
    report = job.workspace / "reports" / "seatrial.xml"
    assert report.read_text(encoding="utf-8") == "report\n"
    assert (report.stat().st_uid, report.stat().st_mode & 0o777) == (os.getuid(), 0o644)


VALUES: Mapping[str, str] = {
    "INPUT_ENV": "A=1\nB=two words\n\nC=$(touch /tmp/x) `id` \"quoted\" 'single'",
    "INPUT_SETTINGS": "-v --privileged",
    "INPUT_HOST": "shop.example\\",
    "INPUT_FAIL_ON": "",
}


def test_values_arrive_as_they_are_and_others_stay_out(job: Job, image: str) -> None:
    canaries = dict.fromkeys(CANARIES, "canary-5f3a")
    done = job.run(**VALUES, **canaries, GITHUB_SHA="a" * 40, INPUT_TOKEN="ghs_x", HTTPS_PROXY="http://proxy:1")
    assert done.returncode == 0, done.stdout + done.stderr
    env = job.seen["env"]
    assert {name: env[name] for name in VALUES} == dict(VALUES)
    assert "canary-5f3a" not in json.dumps(env)
    assert env["GITHUB_SHA"] == "a" * 40
    assert env["HTTPS_PROXY"] == "http://proxy:1"
    assert (env["SEATRIAL_OUT"], env["GITHUB_WORKSPACE"]) == ("/out", "/in/tree")
    assert "ghs_x" not in done.stdout + done.stderr


@pytest.mark.parametrize("name", ["x", "-x", "latest ubuntu", "$(id)", "a\nb"])
def test_only_an_image_reference_is_an_image(job: Job, name: str) -> None:
    done = job.run(INPUT_IMAGE=name)
    if name == "x":
        assert done.returncode == 3, "there is no such image"
        assert "could not be started" in done.stdout
    else:
        assert done.returncode == 2
        assert "not an image reference" in done.stdout


def test_what_reads_results_has_no_way_to_the_engine(job: Job, image: str) -> None:
    done = job.run(INPUT_MODE="merge", INPUT_RESULTS="results/*.json", INPUT_EXPECT="2")
    assert done.returncode == 0, done.stdout + done.stderr
    assert (job.seen["argv"], job.seen["socket"]) == (["merge"], False)
    assert "stub.json" in job.seen["tree"], "the results are in the workspace"
    assert job.seen["env"]["INPUT_EXPECT"] == "2"


def test_publishing_gets_no_file_of_the_workspace(job: Job, image: str) -> None:
    done = job.run(INPUT_MODE="publish", INPUT_ARTIFACT="seatrial-result")
    assert done.returncode == 0, done.stdout + done.stderr
    assert (job.seen["argv"], job.seen["socket"], job.seen["tree"]) == (["publish"], False, [])
    assert job.seen["event"] == '{"number": 7}'


def test_there_is_no_other_mode(job: Job) -> None:
    for mode in ("baseline", "scan --trusted", "-x", "Scan"):
        done = job.run(INPUT_MODE=mode)
        assert done.returncode == 2
        assert "mode must be" in done.stdout


@pytest.mark.parametrize("path", ["/etc", "..", "a/../..", "a/.."])
def test_the_path_stays_inside(job: Job, path: str) -> None:
    done = job.run(INPUT_PATH=path)
    assert done.returncode == 2
    assert "path must be relative" in done.stdout


def test_no_docker_command(job: Job, tmp_path: Path) -> None:
    empty = tmp_path / "bin"
    empty.mkdir()
    for name in ("bash", "env", "uname"):
        (empty / name).symlink_to(shutil.which(name) or "")
    done = job.run(PATH=str(empty))
    assert done.returncode == 3
    assert "needs the docker command" in done.stdout
    assert job.run("sweep", PATH=str(empty)).returncode == 0, "the second step must not fail"


def test_no_engine(job: Job, tmp_path: Path) -> None:
    done = job.run(DOCKER_HOST=f"unix://{tmp_path}/no.sock")
    assert done.returncode == 3
    assert "could not be started" in done.stdout
    assert job.run("sweep", DOCKER_HOST=f"unix://{tmp_path}/no.sock").returncode == 0


@pytest.mark.parametrize("planted", ["directory", "file", "absolute"])
def test_a_planted_link_is_not_followed(job: Job, image: str, tmp_path: Path, planted: str) -> None:
    outside = tmp_path / "outside"
    outside.mkdir()
    (outside / "seatrial.xml").write_text("precious", encoding="utf-8")
    match planted:
        case "directory":
            (job.workspace / "reports").symlink_to("../outside")
        case "absolute":
            (job.workspace / "reports").symlink_to(outside)
        case _:
            (job.workspace / "reports").mkdir()
            (job.workspace / "reports" / "seatrial.xml").symlink_to("../../outside/seatrial.xml")
    job.orders(files=["reports/seatrial.xml"])
    done = job.run()
    assert done.returncode == 2
    assert "leads out of the checkout" in done.stdout
    assert (outside / "seatrial.xml").read_text(encoding="utf-8") == "precious"


def test_nothing_is_written_below_git(job: Job, image: str) -> None:
    (job.workspace / ".git" / "hooks").mkdir(parents=True)
    job.orders(files=[".git/hooks/post-checkout"])
    assert job.run().returncode == 2
    assert not (job.workspace / ".git" / "hooks" / "post-checkout").exists()


def test_two_runners_on_one_machine_leave_each_other_alone(job: Job, image: str) -> None:
    job.orders(wait=True)
    with _started(job):
        other = job.environment | {"RUNNER_NAME": "other"}
        subprocess.run([str(SCRIPT), "sweep"], env=other, check=True, timeout=60)
        assert job.left(), "the sweep of another runner took our container"


STEP = 'exec "$GITHUB_ACTION_PATH/action.sh"\n'


@contextmanager
def _started(job: Job, step: str = STEP) -> Iterator[subprocess.Popen[str]]:
    """The step as the runner starts it, once the scanner is at work."""
    script = job.root / "step.sh"
    script.write_text(step, encoding="utf-8")
    with subprocess.Popen(
        ["bash", "--noprofile", "--norc", "-e", "-o", "pipefail", str(script)],
        env=job.environment,
        cwd=job.workspace,
        stdout=subprocess.PIPE,
        text=True,
        start_new_session=True,
    ) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "waiting\n"
        try:
            yield process
        finally:
            if process.poll() is None:
                os.killpg(process.pid, signal.SIGTERM)
                process.wait(20)


@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_a_cancelled_step_ends_in_time_and_leaves_nothing(
    job: Job, image: str, number: signal.Signals, code: int
) -> None:
    job.orders(wait=True)
    with _started(job) as process:
        begun = time.monotonic()
        process.send_signal(number)
        assert process.wait(20) == code
        assert time.monotonic() - begun < 7
    assert job.left() == ""


def test_without_exec_the_signal_does_not_arrive(job: Job, image: str) -> None:
    """The runner signals only the outer shell: this is why the step says `exec`."""
    job.orders(wait=True)
    with _started(job, STEP.replace("exec ", "") + "true\n") as process:
        process.send_signal(signal.SIGINT)
        with pytest.raises(subprocess.TimeoutExpired):
            process.wait(3)
    job.run("sweep")

"""The launcher, as a process of its own."""

import hashlib
import json
import subprocess
import sys
from pathlib import Path

import pytest

import scanner.stack.launch

LAUNCH = Path(scanner.stack.launch.__file__)


def launch(tmp_path: Path, **order: object) -> subprocess.CompletedProcess[str]:
    known: dict[str, object] = {
        "argv": [sys.executable, "-c", "print('served')"],
        "manage": None,
        "collect": None,
        "collect_seconds": 5,
        "files": [],
        "sockets": [],
        "own_user": False,
    }
    file = tmp_path / "order.json"
    file.write_text(json.dumps({**known, **order}))
    return subprocess.run(
        [sys.executable, str(LAUNCH), str(file)], capture_output=True, text=True, check=False, timeout=30
    )


def test_it_becomes_the_server(tmp_path: Path) -> None:
    done = launch(tmp_path)
    assert (done.returncode, done.stdout) == (0, "served\n")


def test_an_empty_tree_ends_it(tmp_path: Path) -> None:
    manage = tmp_path / "manage.py"
    wanted = {"path": str(manage), "sha256": hashlib.sha256(b"x").hexdigest()}
    assert launch(tmp_path, manage=wanted).returncode == 97
    manage.write_text("another")
    assert "does not see the project's files" in launch(tmp_path, manage=wanted).stderr
    manage.write_text("x")
    assert launch(tmp_path, manage=wanted).returncode == 0


def test_canaries_and_collected_files(tmp_path: Path) -> None:
    canary = tmp_path / "static" / "deep" / "c.css"
    done = launch(
        tmp_path,
        files=[{"path": str(canary), "text": "app x"}, {"path": "/proc/none/c.css", "text": "x"}],
        collect=[sys.executable, "-c", "import sys; print('collected'); sys.exit(4)"],
    )
    assert canary.read_text() == "app x"
    assert done.returncode == 0
    assert done.stdout == "served\n", "what the project prints goes to the log"
    assert "collectstatic: exit code 4" in done.stderr
    assert "cannot write /proc/none/c.css" in done.stderr


def test_a_collection_that_hangs_is_ended(tmp_path: Path) -> None:
    done = launch(tmp_path, collect=[sys.executable, "-c", "import time; time.sleep(60)"], collect_seconds=0.5)
    assert done.returncode == 0
    assert "timed out" in done.stderr


def test_a_server_that_is_not_there(tmp_path: Path) -> None:
    done = launch(tmp_path, argv=["no-such-server"], collect=[sys.executable, "-c", "print('collected')"])
    assert done.returncode == 127
    assert done.stderr.startswith("seatrial: cannot start no-such-server: it is not among the dependencies")
    assert "collected" not in done.stderr, "nothing is done for a server that cannot start"
    (tmp_path / "broken").write_text("#!/no/such/interpreter\n")
    (tmp_path / "broken").chmod(0o755)
    assert launch(tmp_path, argv=[str(tmp_path / "broken")]).returncode == 127


@pytest.mark.parametrize("count", [1, 2])
def test_socket_activation(tmp_path: Path, count: int) -> None:
    paths = [str(tmp_path / f"{number}.sock") for number in range(count)]
    code = (
        "import os, socket\n"
        "assert os.environ['LISTEN_PID'] == str(os.getpid())\n"
        "for number in range(int(os.environ['LISTEN_FDS'])):\n"
        "    print(socket.socket(fileno=3 + number).getsockname())\n"
    )
    done = launch(tmp_path, sockets=paths, argv=[sys.executable, "-c", code])
    assert done.stdout.split() == paths, done.stderr


def test_own_user(tmp_path: Path) -> None:
    done = launch(tmp_path, own_user=True, argv=[sys.executable, "-c", "import sys; print(sys.argv[1:])"])
    assert "--user" in done.stdout
    assert "--group" in done.stdout

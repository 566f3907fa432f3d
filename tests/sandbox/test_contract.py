"""What every engine promises of one process: the same questions to both."""

import os
import signal
import time
from pathlib import Path

import pytest

from scanner.sandbox.interface import (
    MEBIBYTE,
    Copy,
    Engine,
    EngineFailed,
    File,
    Limits,
    Network,
    NginxBase,
    PlainPython,
    Process,
    Tmpfs,
    User,
)

CANARY = "canary-of-the-parents-environment"


def python(script: str, **options: object) -> Process:
    return Process("boot", PlainPython(), ("python3", "-c", script), **options)  # type: ignore[arg-type]


def test_feeds_stdin_and_keeps_both_outputs_apart(engine: Engine) -> None:
    script = "import sys; print(sys.stdin.read().upper(), end=''); print('to stderr', file=sys.stderr)"
    done = engine.run(python(script, stdin=b"in\n"))
    assert (done.exit_code, done.stdout, done.stderr) == (0, b"IN\n", b"to stderr\n")


def test_tells_the_exit_code(engine: Engine) -> None:
    done = engine.run(python("import sys; sys.exit(7)"))
    assert (done.exit_code, done.signal, done.limit) == (7, None, "")


def test_tells_the_signal(engine: Engine) -> None:
    done = engine.run(python("import os; os.kill(os.getpid(), 15)"))
    assert (done.exit_code, done.signal, done.limit) == (None, signal.SIGTERM, "")


def test_a_crash_is_a_signal(engine: Engine) -> None:
    done = engine.run(python("import ctypes; ctypes.string_at(0)"))
    assert done.signal == signal.SIGSEGV


def test_stops_at_the_time_limit(engine: Engine) -> None:
    begun = time.monotonic()
    done = engine.run(python("import time; print('begun', flush=True); time.sleep(60)", limits=Limits(seconds=1.5)))
    assert (done.exit_code, done.limit, done.stdout) == (None, "time", b"begun\n")
    assert time.monotonic() - begun < 6


def test_a_process_that_ignores_signals_is_stopped_too(engine: Engine) -> None:
    script = """
import os, signal, time
for number in range(1, 32):
    if number not in (signal.SIGKILL, signal.SIGSTOP):
        signal.signal(number, signal.SIG_IGN)
if os.fork() == 0:
    os.setsid()
time.sleep(60)
"""
    begun = time.monotonic()
    assert engine.run(python(script, limits=Limits(seconds=1.5))).limit == "time"
    assert time.monotonic() - begun < 6


def test_stops_at_the_memory_limit(engine: Engine) -> None:
    script = """
import time
data = bytearray(700 * 1024 * 1024)
for place in range(0, len(data), 4096):
    data[place] = 1
time.sleep(9)
"""
    done = engine.run(python(script, limits=Limits(seconds=20, memory=128 * MEBIBYTE)))
    assert (done.exit_code, done.limit) == (None, "memory")


def test_output_beyond_the_limit_is_thrown_away(engine: Engine) -> None:
    script = "import sys\nfor _ in range(100): sys.stdout.write('x' * 1048576)\nprint('end', file=sys.stderr)"
    done = engine.run(python(script, limits=Limits(seconds=30, output=MEBIBYTE)))
    assert (len(done.stdout), done.limit, done.exit_code) == (MEBIBYTE, "output", 0)
    assert done.stderr == b"end\n"


def test_only_the_end_of_the_errors_is_kept(engine: Engine) -> None:
    script = "import sys\nfor _ in range(40): sys.stderr.write('x' * 65536)\nprint('end', file=sys.stderr)"
    done = engine.run(python(script))
    assert len(done.stderr) == 64 * 1024
    assert done.stderr.endswith(b"end\n")


def test_a_fork_bomb_is_contained(engine: Engine) -> None:
    script = """
import os, time
failed = 0
while failed < 1000:
    try:
        if os.fork() == 0:
            time.sleep(30)
    except OSError:
        failed += 1
"""
    before = len(list(Path("/proc").iterdir()))
    done = engine.run(python(script, limits=Limits(seconds=5, processes=40)))
    assert done.limit in {"", "processes", "time"}
    time.sleep(0.2)
    assert len(list(Path("/proc").iterdir())) < before + 40


def test_there_is_no_network(engine: Engine) -> None:
    script = """
import errno, socket
for address in (("198.51.100.7", 80), ("8.8.8.8", 53), ("172.17.0.1", 80)):
    with socket.socket() as s:
        s.settimeout(3)
        print(errno.errorcode[s.connect_ex(address)])
try:
    socket.getaddrinfo("example.com", 80)
except OSError:
    print("no name")
"""
    assert engine.run(python(script)).stdout.split(b"\n")[:4] == [b"ENETUNREACH"] * 3 + [b"no name"]


def test_the_environment_is_what_was_given(engine: Engine, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SEATRIAL_CANARY", CANARY)
    monkeypatch.setenv("HTTP_PROXY", CANARY)
    script = "import os; print(open('/proc/self/environ').read()); print('|'.join(sorted(os.environ)))"
    done = engine.run(python(script, environment={"GIVEN": "a=$b 'c'"}))
    assert b"GIVEN=a=$b 'c'" in done.stdout
    assert CANARY.encode() not in done.stdout
    names = set(done.stdout.decode().strip().splitlines()[-1].split("|"))
    assert names <= {
        "GIVEN",
        "PATH",
        "HOME",
        "LANG",
        "PWD",
        "HOSTNAME",
        "SHLVL",
        "_",
        "PYTHON_VERSION",
        "GPG_KEY",
        "PYTHON_SHA256",
    }


def test_no_process_shows_the_parents_environment(engine: Engine, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SEATRIAL_CANARY", CANARY)
    script = """
import glob
for path in glob.glob("/proc/[0-9]*/environ"):
    try:
        print(open(path, errors="replace").read())
    except OSError:
        pass
print(len(glob.glob("/proc/[0-9]*")))
"""
    done = engine.run(python(script))
    assert CANARY.encode() not in done.stdout
    assert int(done.stdout.split()[-1]) <= 4, "it sees its own processes only"


def test_it_has_no_rights(engine: Engine) -> None:
    script = """
import os
status = dict(line.split(":", 1) for line in open("/proc/self/status"))
print(status["CapEff"].strip(), status["CapPrm"].strip(), status["NoNewPrivs"].strip())
for path in ("/proc/sys/kernel/core_pattern", "/proc/sysrq-trigger", "/etc/passwd", "/usr/bin/x", "/x", "/dev/x"):
    try:
        open(path, "a").close()
        print("opened", path)
    except OSError:
        pass
try:
    os.setuid(4242)
    print("became another user")
except OSError:
    pass
"""
    assert engine.run(python(script)).stdout == b"0000000000000000 0000000000000000 1\n"


def test_it_is_given_three_descriptors(engine: Engine) -> None:
    script = "import os; print([fd for fd in range(1000) if os.path.exists(f'/proc/self/fd/{fd}')])"
    assert engine.run(python(script)).stdout == b"[0, 1, 2]\n"


def test_it_cannot_make_namespaces_with_rights(engine: Engine) -> None:
    script = "import ctypes; print(ctypes.CDLL(None).unshare(0x10000000))"
    assert engine.run(python(script)).stdout == b"-1\n"


def test_nothing_else_of_the_machine_is_there(engine: Engine, tmp_path: Path) -> None:
    (tmp_path / "secret").write_text("of the machine")
    script = f"""
import os
print(os.path.exists({str(tmp_path)!r}))
try:
    print(open("/etc/shadow").read())
except OSError:
    print("no shadow")
"""
    assert engine.run(python(script)).stdout == b"False\nno shadow\n"


def project(root: Path) -> Path:
    (root / ".git").mkdir()
    (root / ".git" / "config").write_text("[core]")
    (root / "shop").mkdir()
    (root / "shop" / "settings.py").write_text("DEBUG = True\n")
    (root / "shop" / "run.sh").write_text("#!/bin/sh\necho run\n")
    (root / "shop" / "run.sh").chmod(0o700)
    (root / "inside").symlink_to("shop/settings.py")
    (root / "outside").symlink_to("/etc/hostname")
    (root / "climbs").symlink_to("../../../../etc/hostname")
    (root / "loop").symlink_to("loop")
    os.mkfifo(root / "pipe")
    (root / "naïve name \n.txt").write_text("x")
    return root


def test_gives_the_checkout_read_only(engine: Engine, tmp_path: Path) -> None:
    script = """
import os, pathlib
root = pathlib.Path(".")
print(sorted(str(path) for path in root.rglob("*")))
print(pathlib.Path("inside").read_text().strip(), os.access("shop/run.sh", os.X_OK))
for change in (
    lambda: open("new", "w"),
    lambda: open("shop/settings.py", "w"),
    lambda: os.chmod("shop", 0o777),
    lambda: os.remove("inside"),
):
    try:
        change()
        print("changed")
    except OSError:
        pass
"""
    copies = (Copy(project(tmp_path), "/srv/shop"),)
    done = engine.run(python(script, directory="/srv/shop", copies=copies))
    names = ["inside", "loop", "naïve name \n.txt", "shop", "shop/run.sh", "shop/settings.py"]
    assert done.stdout.decode().splitlines() == [str(names), "DEBUG = True True"], done.stderr
    assert (tmp_path / "shop" / "settings.py").read_text() == "DEBUG = True\n"


def test_gives_named_files_alone(engine: Engine, tmp_path: Path) -> None:
    names = ("shop/settings.py", ".git/config", "../x", "/etc/passwd", "outside", "gone.py")
    script = "import os; print(sorted(os.path.join(d, f) for d, _, fs in os.walk('.') for f in fs))"
    copies = (Copy(project(tmp_path), "/usr/src/app", names),)
    done = engine.run(python(script, directory="/usr/src/app", copies=copies))
    assert done.stdout == b"['./shop/settings.py']\n"


def test_a_changed_file_is_seen_by_the_next_run(engine: Engine, tmp_path: Path) -> None:
    process = python("print(open('/srv/a').read())", copies=(Copy(tmp_path, "/srv"),))
    for text in ("one", "two"):
        (tmp_path / "a").write_text(text)
        assert engine.run(process).stdout == text.encode() + b"\n"


def test_made_files_and_writable_directories(engine: Engine, tmp_path: Path) -> None:
    (tmp_path / "media").mkdir()
    (tmp_path / "media" / "a.txt").write_text("copied")
    script = """
import os
print(open("/opt/made").read(), oct(os.stat("/opt/secret").st_mode & 0o777), open("/opt/secret").read())
print(open("/srv/media/a.txt").read(), open("/srv/media/deep/b").read(), os.path.exists("/srv/media/c"))
open("/srv/media/a.txt", "a").write("changed")
open("/srv/media/new", "w").close()
open("/tmp/new", "w").close()
try:
    open("/srv/new", "w")
except OSError:
    print("read-only")
try:
    open("/tmp/big", "wb").write(b"x" * 3_000_000)
except OSError as error:
    print(error.strerror)
"""
    process = python(
        script,
        copies=(Copy(tmp_path, "/srv"),),
        files=(File("/opt/made", b"made"), File("/opt/secret", b"s", 0o600), File("/srv/media/deep/b", b"deep")),
        tmpfs=(Tmpfs("/tmp", 2 * MEBIBYTE), Tmpfs("/srv/media")),
    )
    expected = "made 0o600 s\ncopied deep False\nread-only\nNo space left on device\n"
    for _ in range(2):
        done = engine.run(process)
        assert done.stdout.decode() == expected, done.stderr


def test_names_of_users_are_known(engine: Engine) -> None:
    script = """
import grp, pwd
print(pwd.getpwnam("deploy").pw_name, grp.getgrnam("deploy").gr_name, pwd.getpwnam("www-data").pw_name)
"""
    assert engine.run(python(script, users=("deploy", "www-data"))).stdout == b"deploy deploy www-data\n"


def test_a_program_that_is_not_there(engine: Engine) -> None:
    done = engine.run(Process("boot", PlainPython(), ("no-such-program",)))
    assert done.exit_code not in {0, None}
    assert b"no-such-program" in done.stderr


def test_a_path_that_climbs_is_refused(engine: Engine) -> None:
    with pytest.raises(EngineFailed, match=r"\.\."):
        engine.run(python("", files=(File("/srv/../etc/passwd", b""),)))


def test_a_single_process_may_have_addresses(engine: Engine) -> None:
    script = """
import socket
with socket.create_server(("203.0.113.5", 80)) as server:
    with socket.create_connection(("shop.example", 80)) as client:
        print(server.accept()[1][0], client.getpeername())
"""
    network = Network(("198.51.100.10", "203.0.113.5"), {"shop.example": "203.0.113.5"})
    assert engine.run(python(script), network).stdout == b"203.0.113.5 ('203.0.113.5', 80)\n"


def test_nginx_tests_a_configuration(engine: Engine) -> None:
    text = b"user deploy;\nevents {}\nhttp { server { listen 80; listen 203.0.113.5:443; root /nowhere; } }\n"
    process = Process(
        "proxy",
        NginxBase("nginx:1.29"),
        ("nginx", "-t", "-p", "/etc/nginx", "-c", "/etc/nginx/nginx.conf", "-e", "stderr"),
        user=User.SERVER,
        users=("deploy",),
        files=(File("/etc/nginx/nginx.conf", text),),
        tmpfs=tuple(map(Tmpfs, ("/etc/nginx", "/run", "/tmp", "/var/lib/nginx", "/var/cache/nginx", "/var/log/nginx"))),
    )
    done = engine.run(process, Network(("203.0.113.5",)))
    assert (done.exit_code, b"test is successful" in done.stderr) == (0, True), done.stderr

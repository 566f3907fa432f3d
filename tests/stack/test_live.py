"""The start, with an engine that plays its part: what is refused, repaired, started again, and told."""

import base64
import contextlib
import dataclasses
import json
from collections.abc import Callable, Mapping
from pathlib import Path

import pytest

from scanner.facts.boot_plan import BootPlan
from scanner.facts.proxy_test import MessageClass
from scanner.facts.topology import PeerKind
from scanner.model import NotApplicable, Silent
from scanner.sandbox.interface import (
    Completed,
    Dependencies,
    EngineFailed,
    Group,
    Installed,
    Network,
    Process,
    Running,
    State,
    Wire,
)
from scanner.stack.live import Session, StackFailed, live_stack, proxy_test, session
from scanner.stack.plan import make_plan
from tests.stack.facts import NONCE, boot_plan, gunicorn, inputs, settings, topology
from tests.stack.test_plan import CONF, checkout

VERSION = "nginx version: nginx/1.22.1\nconfigure arguments: --with-http_ssl_module\n"
FILE = "/etc/nginx/conf.d/shop.conf"
UP = State(running=True)
ECHO = json.dumps({"seatrial": NONCE}).encode()
Answer = Callable[[Mapping[str, object]], Mapping[str, object]]


def http(status: int, body: bytes = b"") -> Mapping[str, object]:
    response = {
        "version": "1.1",
        "status": status,
        "reason": "",
        "headers": [],
        "body": base64.b64encode(body).decode(),
        "truncated": False,
    }
    return {"responses": [response], "cause": None}


def nothing(cause: str) -> Mapping[str, object]:
    return {"responses": [], "cause": cause}


class Prober:
    """A wire whose prober answers by a function; connections are always accepted."""

    def __init__(self, answer: Answer) -> None:
        self.answer = answer
        self.lines: list[bytes] = []

    def send(self, line: bytes) -> None:
        asked = json.loads(line)
        if "id" not in asked:
            self.lines.append(b'{"ready": true}')
            return
        said = nothing("connected") if asked["reads"] == "connect-only" else self.answer(asked)
        self.lines.append(
            json.dumps(
                {"id": asked["id"], "detail": "", "tls": None, "started": 1.0, "ms": [0, 0, 0, 0], **said}
            ).encode()
        )

    def receive(self, timeout: float) -> bytes:
        return self.lines.pop(0)


@dataclasses.dataclass
class Start:
    """How one start goes."""

    answer: Answer = lambda _: http(200, ECHO)
    proxy: State = UP
    app: State = UP
    proxy_log: str = VERSION
    app_log: str = ""


class Group1:
    def __init__(self, start: Start) -> None:
        self.start = start
        self.prober = Prober(start.answer)
        self.stopped = 0

    def wire(self, role: str) -> Wire:
        assert role == "prober"
        return self.prober

    def state(self, role: str) -> State:
        return {"proxy": self.start.proxy, "app": self.start.app}[role]

    def logs(self, role: str) -> str:
        return {"proxy": self.start.proxy_log, "app": self.start.app_log}[role]

    def stop(self) -> None:
        self.stopped += 1


class FakeEngine:
    """Plays its starts and its tests of nginx in turn; the last start is repeated."""

    name = "fake"

    def __init__(self, *starts: Start, tests: tuple[tuple[int, str], ...] = ()) -> None:
        self.starts = list(starts)
        self.tests = list(tests)
        self.groups: list[Group] = []
        self.running: list[Group1] = []
        self.tested: list[tuple[Process, Network | None]] = []

    def check(self) -> str:
        return ""

    def install(self, dependencies: Dependencies, progress: object) -> Installed:
        raise AssertionError

    def prepare(self, process: Process) -> None:
        pass

    def run(self, process: Process, network: Network | None = None) -> Completed:
        self.tested.append((process, network))
        code, text = self.tests.pop(0)
        return Completed(code, b"", (VERSION + text).encode(), 0.1)

    def start(self, group: Group) -> Running:
        self.groups.append(group)
        start = self.starts.pop(0) if len(self.starts) > 1 else self.starts[0]
        self.running.append(Group1(start))
        return self.running[-1]

    def close(self) -> None:
        pass


def run(
    tmp_path: Path, engine: FakeEngine, conf: str = "", *, boot: BootPlan | None = None, seconds: float = 1
) -> Session:
    root = checkout(tmp_path, conf or CONF.format("", "127.0.0.1:8000"))
    known = inputs(
        root,
        topology=topology(PeerKind.LOOPBACK, gunicorn(), "127.0.0.1:8000"),
        settings=settings(STATIC_ROOT="/srv/shop/static"),
        boot=boot,
    )
    options = dataclasses.replace(known.options, start_timeout=seconds)
    with contextlib.ExitStack() as cleanup:
        result = session(
            make_plan(known),
            known.project,
            options,
            engine,
            Silent(),
            known.boot,
            Installed("fake", "x", "/p", "3.13.5"),
            cleanup,
        )
        assert not engine.running[-1].stopped, "the last one runs until the end of the scan"
    assert all(group.stopped for group in engine.running)
    return result


def nginx_dies(text: str) -> Start:
    said = f"nginx: [emerg] {text}\n"
    return Start(proxy=State(running=False, exit_code=1), proxy_log=VERSION + said, answer=lambda _: nothing("refused"))


def app_dies(log: str) -> Start:
    return Start(
        app=State(running=False, exit_code=3), app_log=log, answer=lambda _: http(502, b"<center>nginx</center>")
    )


def test_all_is_well(tmp_path: Path) -> None:
    engine = FakeEngine(Start())
    result = run(tmp_path, engine)
    live = live_stack(result)
    assert (live.app_ready, live.proxy_ready, live.instrumented, live.own_proxy) == (True, True, True, True)
    assert live.nonce == NONCE
    assert live.app_addresses == ("127.0.0.1:8000",)
    assert {canary.tree for canary in live.canaries} == {"app", "proxy"}
    assert live.sender.finished == (), "waiting is no evidence"
    test = proxy_test(result)
    assert (test.accepted, test.messages, test.nginx_version) == (True, (), "1.22.1")
    assert len(engine.groups) == 1
    assert engine.tested == []


def test_warnings_are_kept(tmp_path: Path) -> None:
    warning = f'nginx: [warn] the "listen ... http2" directive is deprecated in {FILE}:1\n'
    test = proxy_test(run(tmp_path, FakeEngine(Start(proxy_log=VERSION + warning))))
    assert [(one.kind, str(one.location)) for one in test.messages] == [
        (MessageClass.EVIDENCE, "deploy/nginx/shop.conf:1")
    ]


def test_nginx_refuses_the_projects_file(tmp_path: Path) -> None:
    engine = FakeEngine(nginx_dies(f'unknown directive "listn" in {FILE}:1'), Start())
    result = run(tmp_path, engine)
    test = proxy_test(result)
    assert not test.accepted
    assert test.our_cause == ""
    assert [(one.kind, one.text, str(one.location)) for one in test.messages] == [
        (MessageClass.FINDING, 'unknown directive "listn"', "deploy/nginx/shop.conf:1")
    ]
    assert not result.live.own_proxy
    assert result.live.app_ready, "the application is asked behind our own proxy"
    assert {door.scheme for door in result.live.doors} == {"http", "https"}
    assert any("nginx refuses" in note for note in result.live.notes)
    assert engine.running[0].stopped
    assert not [canary for canary in result.live.canaries if canary.tree == "proxy"]


def test_a_module_that_is_not_here_is_blanked_in_one_pass(tmp_path: Path) -> None:
    conf = CONF.format("brotli on; brotli_types text/css; gzip_static on;", "127.0.0.1:8000")
    engine = FakeEngine(nginx_dies(f'unknown directive "brotli" in {FILE}:1'), Start(), tests=((0, "ok"),))
    result = run(tmp_path, engine, conf)
    test = proxy_test(result)
    assert test.accepted
    assert result.live.own_proxy
    assert [one.kind for one in test.messages] == [MessageClass.NOT_CHECKED] * 3
    assert {stub.what for stub in test.stubs if stub.kind == "not-checked"} == {
        "brotli on",
        "brotli_types text/css",
        "gzip_static on",
    }
    (file,) = [one for one in engine.groups[-1].processes[1].files if one.target == FILE]
    assert b"brotli" not in file.content
    assert len(file.content) == len(conf)


def test_a_host_that_we_forgot_is_added(tmp_path: Path) -> None:
    missing = f'host not found in upstream "auth.internal" in {FILE}:1'
    engine = FakeEngine(nginx_dies(missing), Start(), tests=((0, "ok"),))
    assert proxy_test(run(tmp_path, engine)).accepted
    assert engine.groups[-1].network.hosts["auth.internal"] == "127.0.0.1"


def test_the_same_trouble_twice_is_our_limit(tmp_path: Path) -> None:
    missing = f'host not found in upstream "auth.internal" in {FILE}:1'
    engine = FakeEngine(nginx_dies(missing), Start(), tests=((1, f"nginx: [emerg] {missing}\n"),))
    test = proxy_test(run(tmp_path, engine))
    assert not test.accepted
    assert "limit of Seatrial" in test.our_cause
    assert not any(one.kind is MessageClass.FINDING for one in test.messages)


def test_at_most_three_rounds(tmp_path: Path) -> None:
    tests = tuple((1, f'nginx: [emerg] host not found in upstream "h{n}" in {FILE}:1\n') for n in range(9))
    engine = FakeEngine(nginx_dies(f'host not found in upstream "h" in {FILE}:1'), Start(), tests=tests)
    assert proxy_test(run(tmp_path, engine)).our_cause
    assert len(engine.tested) == 3


def test_a_fault_behind_what_is_not_checked_is_a_finding(tmp_path: Path) -> None:
    conf = CONF.format("brotli on;", "127.0.0.1:8000")
    engine = FakeEngine(
        nginx_dies(f'unknown directive "brotli" in {FILE}:1'),
        Start(),
        tests=((1, f'nginx: [emerg] duplicate location "/" in {FILE}:1\n'),),
    )
    test = proxy_test(run(tmp_path, engine, conf))
    assert not test.accepted
    assert [one.kind for one in test.messages] == [MessageClass.FINDING]


TRACEBACK = """[1] [ERROR] Exception in worker process
Traceback (most recent call last):
  File "/opt/env/lib/python3.13/site-packages/gunicorn/arbiter.py", line 1, in x
  File "/srv/shop/shop/settings.py", line 88, in <module>
    connect("postgres://user:fixture-k3Vw81@db/x")
  File "/opt/env/lib/python3.13/site-packages/psycopg/__init__.py", line 5, in connect
psycopg.OperationalError: cannot connect to postgres://user:fixture-k3Vw81@db/x
[1] [INFO] Worker exiting
"""


def test_an_application_that_ends_is_tried_without_the_probe(tmp_path: Path) -> None:
    boot = boot_plan("/srv/shop", {"DATABASE_URL": "postgres://user:fixture-k3Vw81@db/x"})
    engine = FakeEngine(app_dies(TRACEBACK), app_dies(TRACEBACK))
    live = run(tmp_path, engine, boot=boot).live
    assert (live.app_ready, live.proxy_ready, live.instrumented) == (False, True, False)
    assert live.app_error == (
        "psycopg.OperationalError: cannot connect to <DATABASE_URL>, shop/settings.py:88 (it ended with exit code 3)"
    )
    assert ["SEATRIAL_NONCE" in group.processes[0].environment for group in engine.groups] == [True, False]


def test_an_application_that_does_not_bear_the_probe(tmp_path: Path) -> None:
    engine = FakeEngine(app_dies("ImportError: seatrial_probe"), Start(answer=lambda _: http(404, b"not here")))
    live = run(tmp_path, engine).live
    assert (live.app_ready, live.instrumented) == (True, False)


def test_killed_for_memory(tmp_path: Path) -> None:
    start = dataclasses.replace(app_dies(""), app=State(running=False, exit_code=137, out_of_memory=True))
    assert "memory limit" in run(tmp_path, FakeEngine(start)).live.app_error


def test_the_engine_shows_an_empty_tree(tmp_path: Path) -> None:
    log = "seatrial: the engine does not see the project's files: [Errno 2] No such file: '/srv/shop/manage.py'\n"
    engine = FakeEngine(app_dies(log))
    assert "does not see the project's files" in run(tmp_path, engine).live.app_error
    assert len(engine.groups) == 1, "without the probe application it would see no more"


def test_the_proxy_asks_another_port(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("scanner.stack.readiness._UNREACHABLE_SECONDS", 0.1)
    log = (
        "2026/11/22 18:00:01 [error] 9#9: *1 connect() failed (111: Connection refused) while connecting to upstream, "
        'client: 198.51.100.99, server: a, request: "GET / HTTP/1.1", upstream: "http://127.0.0.1:9000/__seatrial_0/echo"'
    )

    def answer(asked: Mapping[str, object]) -> Mapping[str, object]:
        return http(200, ECHO) if asked["port"] == 8000 else http(502, b"<center>nginx</center>")

    live = run(tmp_path, FakeEngine(Start(answer=answer, proxy_log=VERSION + log)), seconds=20).live
    assert not live.app_ready
    assert "listens on 127.0.0.1:8000 (deploy/shop.service:5)" in live.app_error
    assert "connect() failed (111: Connection refused), upstream http://127.0.0.1:9000" in live.app_error


def test_the_time_is_over(tmp_path: Path) -> None:
    live = run(tmp_path, FakeEngine(Start(answer=lambda _: http(502, b"<center>nginx</center>"))), seconds=0.2).live
    assert not live.app_ready
    assert live.proxy_ready
    assert "no answer in time; the last one was" in live.app_error


def test_a_middleware_that_answers_for_the_probe_is_an_application(tmp_path: Path) -> None:
    live = run(tmp_path, FakeEngine(Start(answer=lambda _: http(503, b"<html>maintenance</html>")))).live
    assert live.app_ready


def test_an_answer_of_another_run_is_not_ours(tmp_path: Path) -> None:
    other = json.dumps({"seatrial": "f" * 16}).encode()
    assert run(tmp_path, FakeEngine(Start(answer=lambda _: http(200, other)))).live.app_ready


def test_no_configuration_cannot_be_tested(tmp_path: Path) -> None:
    known = inputs(checkout(tmp_path, None), topology=topology(PeerKind.NONE, gunicorn()), settings=settings())
    with contextlib.ExitStack() as cleanup:
        result = session(
            make_plan(known),
            known.project,
            known.options,
            FakeEngine(Start()),
            Silent(),
            known.boot,
            Installed("fake", "x", "/p", "3.13.5"),
            cleanup,
        )
    assert not result.live.own_proxy
    with pytest.raises(NotApplicable):
        proxy_test(result)


def test_an_engine_that_dies(tmp_path: Path) -> None:
    class Dying(FakeEngine):
        def start(self, group: Group) -> Running:
            raise EngineFailed("the Docker Engine stopped answering", "start it")

    with pytest.raises(StackFailed, match="stopped answering; start it"):
        run(tmp_path, Dying(Start()))


def test_nginx_that_ends_after_its_test(tmp_path: Path) -> None:
    dies = nginx_dies(f'host not found in upstream "a" in {FILE}:1')
    with pytest.raises(StackFailed, match="passes its test and then ends"):
        run(tmp_path, FakeEngine(dies, dies, tests=((0, "ok"),)))


def test_collecting_static_files_has_a_time_of_its_own(tmp_path: Path) -> None:
    root = checkout(tmp_path, CONF.format("", "127.0.0.1:8000"))
    manifest = {"staticfiles": {"BACKEND": "x.ManifestStaticFilesStorage"}}
    known = inputs(
        root,
        topology=topology(PeerKind.LOOPBACK, gunicorn(), "127.0.0.1:8000"),
        settings=settings(STATIC_ROOT="/srv/shop/static", STORAGES=manifest),
    )
    asked = 0

    def answer(_: Mapping[str, object]) -> Mapping[str, object]:
        nonlocal asked
        asked += 1
        return http(200, ECHO) if asked > 10 else http(502, b"<center>nginx</center>")

    with contextlib.ExitStack() as cleanup:
        result = session(
            make_plan(known),
            known.project,
            dataclasses.replace(known.options, start_timeout=0.01),
            FakeEngine(Start(answer=answer)),
            Silent(),
            known.boot,
            Installed("fake", "x", "/p", "3.13.5"),
            cleanup,
        )
    assert result.live.app_ready

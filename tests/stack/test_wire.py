"""The prober's process and its parent's side, against servers that answer with fixed bytes."""

import json
import socket
import ssl
import struct
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from scanner.model import Cause, ControlFailed, Door, Exchange, NoResponse, Reads, Request, Response
from scanner.sandbox.interface import EngineFailed
from scanner.stack.certificates import Authority
from scanner.stack.sender import ProberSetup, WireSender, seconds_for
from tests.stack.prober import ChildWire, Server, says

GET = b"GET /static../x HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n"


@pytest.fixture(scope="module")
def authority() -> Authority:
    return Authority.make("0123456789abcdef")


@pytest.fixture(scope="module")
def sender(authority: Authority) -> Iterator[WireSender]:
    wire = ChildWire()
    sender = WireSender(wire)
    sender.setup(ProberSetup(authority.ca_pem, "127.0.0.1"))
    yield sender
    wire.close()


@pytest.fixture
def serve() -> Iterator[Callable[..., Door]]:
    servers: list[Server] = []

    def start(handle: Callable[[socket.socket], None], context: ssl.SSLContext | None = None) -> Door:
        servers.append(Server(handle, context))
        return Door("https" if context else "http", "127.0.0.1", servers[-1].port)

    yield start
    for server in servers:
        server.close()


def response(exchange: Exchange) -> Response:
    assert isinstance(exchange.answer, Response), exchange.answer
    return exchange.answer


def cause(exchange: Exchange) -> Cause:
    assert isinstance(exchange.answer, NoResponse), exchange.answer
    return exchange.answer.cause


def test_bytes_arrive_as_they_are_and_headers_stay_apart(sender: WireSender, serve: Callable[..., Door]) -> None:
    received: list[bytes] = []
    door = serve(
        says(b"HTTP/1.1 200 Fine\r\nSet-Cookie: a\r\nset-COOKIE: b\r\nContent-Length: 2\r\n\r\nokgarbage", received)
    )
    answer = response(sender.send("test", Request(door, GET)))
    assert received == [GET]
    assert (answer.status, answer.reason, answer.body, answer.truncated) == (200, "Fine", b"ok", False)
    assert answer.headers == (("Set-Cookie", "a"), ("set-COOKIE", "b"), ("Content-Length", "2"))


@pytest.mark.parametrize(
    ("raw", "body", "truncated"),
    [
        (b"HTTP/1.1 200 OK\r\n\r\nuntil the end", b"until the end", False),
        (b"HTTP/1.0 200\r\n\r\n", b"", False),
        (b"HTTP/1.1 200 OK\nContent-Length: 3\n\nabc", b"abc", False),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nabc", b"abc", True),
        (
            b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n2;x=y\r\nde\r\n0\r\nT: r\r\n\r\n",
            b"abcde",
            False,
        ),
        (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\nzz\r\n", b"abc", True),
        (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n-1\r\nabc", b"", True),
        (b"HTTP/1.1 103 Early Hints\r\nLink: x\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\nx", b"x", False),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 400000\r\n\r\n" + b"x" * 400000, b"x" * 262144, True),
        (b"HTTP/1.1 200 OK\r\n\r\n" + b"x" * 400000, b"x" * 262144, True),
        (b"HTTP/1.1 204 No Content\r\nContent-Length: 5\r\n\r\n", b"", False),
        (b"HTTP/1.1 200 OK\r\nContent-Length: \xb2\r\n\r\nabc", b"abc", False),
    ],
)
def test_bodies(sender: WireSender, serve: Callable[..., Door], raw: bytes, body: bytes, *, truncated: bool) -> None:
    answer = response(sender.send("test", Request(serve(says(raw)), GET)))
    assert (answer.body, answer.truncated) == (body, truncated)


@pytest.mark.parametrize(
    ("raw", "expected"),
    [
        (b"", Cause.CLOSED),
        (b"HTTP/1.1 200 OK\r\nX: y", Cause.CLOSED),
        (b"<html>", Cause.NOT_HTTP),
        (b"\x00\xff" * 40000, Cause.NOT_HTTP),
        (b"HTTP/2 200\r\n\r\n", Cause.NOT_HTTP),
        (b"HTTP/1.1 200 OK\r\nX: " + b"x" * 70000, Cause.NOT_HTTP),
        (b"HTTP/1.1 200 OK\r\n" + b"A: b\r\n" * 201 + b"\r\n", Cause.NOT_HTTP),
    ],
)
def test_what_is_no_response(sender: WireSender, serve: Callable[..., Door], raw: bytes, expected: Cause) -> None:
    assert cause(sender.send("test", Request(serve(says(raw)), GET))) is expected


def test_head_has_no_body(sender: WireSender, serve: Callable[..., Door]) -> None:
    door = serve(says(b"HTTP/1.1 200 OK\r\nContent-Length: 50\r\n\r\n"))
    assert not response(sender.send("test", Request(door, b"HEAD / HTTP/1.1\r\n\r\n"))).truncated


def test_a_second_answer_on_the_connection_is_seen(sender: WireSender, serve: Callable[..., Door]) -> None:
    one = b"HTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\n"
    door = serve(says(one + b"a" + one + b"b"))
    exchange = sender.send("test", Request(door, GET, reads=Reads.UNTIL_CLOSE))
    assert [exchange.answer, *exchange.more] != [exchange.answer]
    assert [item.body for item in exchange.more] == [b"b"]


def test_refused_reset_and_connected(sender: WireSender, serve: Callable[..., Door]) -> None:
    free = socket.create_server(("127.0.0.1", 0))
    port = free.getsockname()[1]
    free.close()
    assert cause(sender.send("test", Request(Door("http", "127.0.0.1", port), GET))) is Cause.REFUSED

    def reset(connection: socket.socket) -> None:
        connection.recv(10)
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))

    assert cause(sender.send("test", Request(serve(reset), GET))) is Cause.RESET
    door = serve(says(b""))
    for scheme in ("http", "https"):
        request = Request(Door(scheme, "127.0.0.1", door.port), b"", reads=Reads.CONNECT_ONLY)
        assert cause(sender.send("test", request)) is Cause.CONNECTED


def test_a_door_that_is_no_address_is_the_clients_fault(sender: WireSender) -> None:
    assert cause(sender.send("test", Request(Door("http", "127.0.0.1", 99999), GET))) is Cause.CLIENT_CANNOT


def test_tls_is_verified_by_name(
    sender: WireSender, serve: Callable[..., Door], authority: Authority, tmp_path: Path
) -> None:
    leaf = authority.leaf(("shop.example", "*.shop.example"))
    (tmp_path / "leaf.pem").write_bytes(leaf.full_chain + leaf.key)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(tmp_path / "leaf.pem")
    door = serve(says(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"), context)
    right = sender.send("test", Request(door, GET, sni="www.shop.example"))
    assert response(right).status == 200
    assert right.tls is not None
    assert right.tls.verified
    assert right.tls.names == ("shop.example", "*.shop.example")
    assert cause(sender.send("test", Request(door, GET, sni="evil.test"))) is Cause.TLS_UNTRUSTED
    careless = sender.send("test", Request(door, GET, sni="evil.test", verify=False))
    assert response(careless).status == 200
    assert careless.tls is not None
    assert not careless.tls.verified
    assert response(sender.send("test", Request(door, GET))).status == 200


def test_a_server_that_refuses_the_handshake(sender: WireSender, serve: Callable[..., Door]) -> None:
    plain = serve(says(b"HTTP/1.1 400 Bad Request\r\n\r\n"))
    assert cause(sender.send("test", Request(Door("https", "127.0.0.1", plain.port), GET))) is Cause.TLS_REFUSED


@pytest.mark.parametrize(
    ("version", "ciphers", "agreed"),
    [
        ("TLSv1.2", "", "TLSv1.2"),
        ("TLSv1.2", "ECDHE", "TLSv1.2"),
        ("TLSv1.3", "", "TLSv1.3"),
        ("", "", "TLSv1.3"),
        ("TLSv1.1", "", Cause.TLS_REFUSED),
        ("TLSv1.2", "aNULL", Cause.TLS_REFUSED),
        ("TLSv1.2", "no-such-cipher", Cause.CLIENT_CANNOT),
        ("SSLv3", "", Cause.CLIENT_CANNOT),
        ("nonsense", "", Cause.CLIENT_CANNOT),
    ],
)
def test_a_client_that_offers_little(
    sender: WireSender,
    serve: Callable[..., Door],
    authority: Authority,
    tmp_path: Path,
    version: str,
    ciphers: str,
    agreed: str | Cause,
) -> None:
    leaf = authority.leaf(("shop.example",))
    (tmp_path / "leaf.pem").write_bytes(leaf.full_chain + leaf.key)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(tmp_path / "leaf.pem")
    door = serve(says(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"), context)
    request = Request(door, GET, sni="shop.example", verify=False, tls_version=version, ciphers=ciphers)
    found = sender.send("test", request)
    if isinstance(agreed, Cause):
        assert cause(found) is agreed
        assert found.tls is None
    else:
        assert found.tls is not None
        assert found.tls.version == agreed


def test_several_at_a_time_come_back_in_order(sender: WireSender, serve: Callable[..., Door]) -> None:
    def slow_first(connection: socket.socket) -> None:
        number = connection.recv(100).split(b"/")[1].split()[0]
        time.sleep(0.3 if number == b"0" else 0.05)
        connection.sendall(b"HTTP/1.1 200 OK\r\n\r\n" + number)

    door = serve(slow_first)
    begin = time.monotonic()
    requests = tuple(Request(door, f"GET /{number} HTTP/1.1\r\n\r\n".encode()) for number in range(20))
    exchanges = sender.send_all("test", requests)
    assert [response(exchange).body for exchange in exchanges] == [str(number).encode() for number in range(20)]
    numbers = [exchange.number for exchange in exchanges]
    assert numbers == list(range(numbers[0], numbers[0] + 20))
    assert time.monotonic() - begin < 0.9
    assert sender.finished[-20:] == exchanges


def test_an_answer_that_never_comes(
    sender: WireSender, serve: Callable[..., Door], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("scanner.stack.sender.ANSWER_SECONDS", 0.3)
    door = serve(lambda connection: time.sleep(2))
    assert cause(sender.send("test", Request(door, GET))) is Cause.TIMEOUT


def test_a_server_that_answers_and_never_closes(
    sender: WireSender, serve: Callable[..., Door], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("scanner.stack.sender.ANSWER_SECONDS", 0.3)

    def handle(connection: socket.socket) -> None:
        connection.sendall(b"HTTP/1.1 200 OK\r\n\r\nabc")
        time.sleep(2)

    answer = response(sender.send("test", Request(serve(handle), GET)))
    assert (answer.body, answer.truncated) == (b"abc", True)


def test_boom_may_take_longer() -> None:
    door = Door("http", "a", 80)
    assert seconds_for(Request(door, b"GET /__seatrial_0/boom HTTP/1.1\r\n\r\n")) > seconds_for(Request(door, GET))


class Scripted:
    """A prober that says what it wants."""

    def __init__(self, *lines: bytes | Exception) -> None:
        self.lines = list(lines)

    def send(self, line: bytes) -> None:
        pass

    def receive(self, timeout: float) -> bytes:
        line = self.lines.pop(0)
        if isinstance(line, Exception):
            raise line
        return line


GOOD = {
    "id": 1,
    "responses": [
        {"version": "1.1", "status": 200, "reason": "", "headers": [["A", "\x1bb"]], "body": "", "truncated": False}
    ],
    "cause": None,
    "detail": "",
    "tls": None,
    "started": 1.0,
    "ms": [1, 2, 3, 4],
}


def test_control_characters_of_headers_are_made_visible() -> None:
    exchange = WireSender(Scripted(json.dumps(GOOD).encode())).send("p", Request(Door("http", "a", 80), GET))
    assert response(exchange).headers == (("A", "\\x1bb"),)
    assert (exchange.connect_ms, exchange.receive_ms) == (1.0, 4.0)


@pytest.mark.parametrize(
    "line",
    [
        b"no json",
        b"[]",
        b"[" * 100000,
        b"{}",
        json.dumps({**GOOD, "id": 2}).encode(),
        json.dumps({**GOOD, "id": True}).encode(),
        json.dumps({**GOOD, "ms": [1]}).encode(),
        json.dumps({**GOOD, "ms": [1, 2, 3, float("inf")]}).encode(),
        json.dumps({**GOOD, "responses": [], "cause": "boredom"}).encode(),
        json.dumps({**GOOD, "responses": [{}]}).encode(),
        json.dumps({**GOOD, "responses": GOOD["responses"] * 17}).encode(),  # type: ignore[operator]
        json.dumps({**GOOD, "tls": "1.3"}).encode(),
        EngineFailed("gone"),
        TimeoutError(),
    ],
)
def test_a_prober_that_talks_nonsense(line: bytes | Exception) -> None:
    with pytest.raises(ControlFailed, match="prober"):
        WireSender(Scripted(line)).send("p", Request(Door("http", "a", 80), GET))


def test_a_prober_that_cannot_start() -> None:
    with pytest.raises(EngineFailed, match="no such ca"):
        WireSender(Scripted(b'{"ready": false, "detail": "no such ca"}')).setup(ProberSetup("", None))


def test_readiness_requests_are_not_kept() -> None:
    sender = WireSender(Scripted(json.dumps(GOOD).encode(), json.dumps(GOOD).encode()))
    request = Request(Door("http", "a", 80), GET)
    sender.ask_quietly(request)
    assert sender.finished == ()
    assert sender.send("p", request).number == 1

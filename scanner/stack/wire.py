"""The prober's process: one JSON object a line in, one a line out.

It opens sockets and nothing else. No HTTP library is used, because they normalise paths, merge repeated header lines,
add headers of their own, obey proxy and certificate variables of the environment and follow redirects.

The first line configures it: ``{"ca": PEM, "source": ADDRESS or null, "client": PEM or null}``; the answer is
``{"ready": true}``. Every further line is a request; ``connect-only`` is no handshake either::

    {
        "id": 1,
        "address": "198.51.100.10",
        "port": 443,
        "tls": true,
        "sni": "shop.example",
        "verify": true,
        "raw": BASE64,
        "reads": "one-answer",
        "connect": 2.0,
        "wait": 5.0,
    }

and every answer has the request's ``id``::

    {"id": 1, "responses": [RESPONSE...], "cause": null, "detail": "", "tls": TLS or null, "started": 1700000000.0,
     "ms": [connect, tls, wait, receive]}

where a RESPONSE is ``{"version", "status", "reason", "headers": [[name, value]...], "body": BASE64, "truncated"}``.
Eight requests are under way at a time; answers come in the order in which they are done.

It runs alone in the sandbox's interpreter: standard library, Python 3.8, nothing of ours.
"""

from __future__ import annotations

import base64
import contextlib
import errno
import json
import os
import re
import socket
import ssl
import sys
import tempfile
import threading
import time
import warnings
from concurrent.futures import ThreadPoolExecutor
from typing import Any, BinaryIO, List, NamedTuple, Tuple

AT_A_TIME = 8
BODY_LIMIT = 256 * 1024
HEAD_LIMIT = 64 * 1024
HEADER_LIMIT = 200
ANSWER_LIMIT = 16
CHUNK = 65536
STATUS_LINE = re.compile(rb"HTTP/(\d\.\d) (\d{3})(?: ([^\r\n]*))?\Z")
OWN_REASONS = {
    "NO_CIPHERS_AVAILABLE",
    "NO_PROTOCOLS_AVAILABLE",
    "UNSUPPORTED_PROTOCOL",
    "DH_KEY_TOO_SMALL",
    "EE_KEY_TOO_SMALL",
    "WRONG_SIGNATURE_TYPE",
}
"""OpenSSL's reasons when its own library, not the server, refuses the handshake."""

Headers = List[List[str]]
Body = Tuple[bytes, bool]
"""The bytes, and whether some are missing."""


class NotHttp(Exception):
    """What came is no HTTP response."""


class Ended(Exception):
    """The connection ended before a response began."""


class Question(NamedTuple):
    """One request."""

    number: int
    address: str
    port: int
    tls: bool
    sni: str | None
    verify: bool
    raw: bytes
    reads: str
    connect: float
    wait: float
    tls_version: str = ""
    ciphers: str = ""


def question(found: dict[str, Any]) -> Question:
    """The request that an object holds. Raises ValueError, KeyError or TypeError for anything else."""
    sni, port = found.get("sni"), int(found["port"])
    if not 0 < port < 65536:
        # The system would take it modulo 65536.
        raise ValueError("there is no such port: " + str(port))
    return Question(
        number=int(found["id"]),
        address=str(found["address"]),
        port=port,
        tls=bool(found.get("tls")),
        sni=str(sni) if sni else None,
        verify=bool(found.get("verify", True)),
        raw=base64.b64decode(found["raw"], validate=True),
        reads=str(found.get("reads", "one-answer")),
        connect=float(found["connect"]),
        wait=float(found["wait"]),
        tls_version=str(found.get("tls_version", "")),
        ciphers=str(found.get("ciphers", "")),
    )


class Answer:
    """What becomes of a request, filled step by step."""

    def __init__(self, number: int) -> None:
        self.number = number
        self.responses: list[dict[str, object]] = []
        self.cause: str | None = None
        self.detail = ""
        self.tls: dict[str, object] | None = None
        self.started = time.time()
        self.times = [0.0, 0.0, 0.0, 0.0]
        self.last = time.monotonic()

    def lap(self, index: int) -> None:
        """Add the time since the last lap: 0 to connect, 1 for the handshake, 2 to wait, 3 to receive."""
        now = time.monotonic()
        self.times[index] = round(self.times[index] + (now - self.last) * 1000, 3)
        self.last = now

    def fail(self, cause: str, detail: str) -> None:
        """There is no response, because of that."""
        self.cause, self.detail = cause, detail[:500]

    def document(self) -> dict[str, object]:
        """The object of the answer's line."""
        return {
            "id": self.number,
            "responses": self.responses,
            "cause": self.cause,
            "detail": self.detail,
            "tls": self.tls,
            "started": self.started,
            "ms": self.times,
        }


class Wire:
    """Reads requests, asks them in threads, writes answers."""

    def __init__(self, lines: BinaryIO, output: BinaryIO) -> None:
        self.lines = lines
        self.output = output
        self.lock = threading.Lock()

    def serve(self) -> None:
        """Answer every line; ends with the input."""
        try:
            prober = Prober(json.loads(self.lines.readline()))
        except (ValueError, OSError) as error:
            self.write({"ready": False, "detail": str(error)})
            return
        self.write({"ready": True})
        with ThreadPoolExecutor(AT_A_TIME) as pool:
            for line in self.lines:
                if line.strip():
                    pool.submit(self.answer, prober, line)

    def answer(self, prober: Prober, line: bytes) -> None:
        """Ask one request and write its answer. One that cannot be understood is answered as such."""
        answer = Answer(-1)
        try:
            found = json.loads(line)
            answer.number = int(found["id"])
            asked = question(found)
        except (ValueError, KeyError, TypeError, OverflowError) as error:
            answer.fail("client-cannot", repr(error))
        else:
            answer = prober.ask(asked)
        self.write(answer.document())

    def write(self, document: dict[str, object]) -> None:
        """One line, whole."""
        line = json.dumps(document).encode("ascii") + b"\n"
        with self.lock:
            self.output.write(line)
            self.output.flush()


class Prober:
    """Asks requests from one source address, with one certificate authority."""

    def __init__(self, setup: dict[str, Any]) -> None:
        self.source = (str(setup["source"]), 0) if setup.get("source") else None
        ca, client = setup.get("ca"), setup.get("client")
        self.named = client_context(ca, client, verify=True)
        self.nameless = client_context(ca, client, verify=True)
        self.nameless.check_hostname = False
        self.careless = client_context(ca, client, verify=False)
        self.client = client
        self.lock = threading.Lock()

    def ask(self, asked: Question) -> Answer:
        """Connect, shake hands, send, read. Every failure is an answer."""
        answer = Answer(asked.number)
        stream: socket.socket | None = None
        try:
            stream = socket.create_connection((asked.address, asked.port), asked.connect, self.source)
            answer.lap(0)
            if asked.reads == "connect-only":
                answer.fail("connected", "")
                return answer
            if asked.tls:
                stream, answer.tls = self.handshake(stream, asked)
                answer.lap(1)
            exchange(stream, asked, answer)
        except (OSError, ValueError, OverflowError, NotHttp, Ended) as error:
            if not answer.responses:
                answer.fail(*cause_of(error, during_tls=asked.tls and answer.tls is None))
        finally:
            if stream is not None:
                stream.close()
        return answer

    def handshake(self, plain: socket.socket, asked: Question) -> tuple[ssl.SSLSocket, dict[str, object]]:
        """The encrypted stream, and what was agreed on. Closes the plain one when it fails."""
        trusting = self.named if asked.sni else self.nameless
        plain.settimeout(asked.wait)
        try:
            context = trusting if asked.verify else self.careless
            if asked.tls_version or asked.ciphers:
                context = self.narrow(asked)
            stream = context.wrap_socket(plain, server_hostname=asked.sni)
        except BaseException:
            plain.close()
            raise
        certificate: dict[str, Any] = stream.getpeercert() or {}
        cipher = stream.cipher()
        names = [str(value) for kind, value in certificate.get("subjectAltName", ()) if kind in ("DNS", "IP Address")]
        return stream, {
            "version": stream.version() or "",
            "cipher": cipher[0] if cipher else "",
            "alpn": stream.selected_alpn_protocol(),
            "verified": bool(certificate),
            "names": names[:100],
            "not_after": certificate.get("notAfter"),
            "compression": stream.compression(),
        }

    def narrow(self, asked: Question) -> ssl.SSLContext:
        """A client that offers only that version and those ciphers. Raises ValueError when this build has none."""
        # The old versions are deprecated in Python, and filters of warnings belong to all threads.
        with self.lock, warnings.catch_warnings():
            warnings.simplefilter("ignore", DeprecationWarning)
            context = client_context(None, self.client, verify=False)
            try:
                if asked.tls_version:
                    version = ssl.TLSVersion[asked.tls_version.replace(".", "_")]
                    context.maximum_version = version
                    context.minimum_version = version
                if asked.ciphers:
                    context.set_ciphers(asked.ciphers + ":@SECLEVEL=0")
            except (ssl.SSLError, KeyError) as error:
                raise ValueError("this client cannot offer that: " + str(error)) from error
        return context


def client_context(ca: str | None, client: str | None, *, verify: bool) -> ssl.SSLContext:
    """A TLS client that accepts everything old, so that the server is the one who refuses."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.minimum_version = ssl.TLSVersion.MINIMUM_SUPPORTED
    context.set_ciphers("ALL:@SECLEVEL=0")
    context.set_alpn_protocols(["http/1.1"])
    if not verify:
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
    elif ca:
        context.load_verify_locations(cadata=ca)
    else:
        context.load_default_certs()
    if client:
        with tempfile.NamedTemporaryFile("w", suffix=".pem") as file:
            file.write(client)
            file.flush()
            context.load_cert_chain(file.name)
    return context


def exchange(stream: socket.socket, asked: Question, answer: Answer) -> None:
    """Send the bytes as they are and read as many responses as are asked for."""
    reader = Reader(stream, time.monotonic() + asked.wait)
    stream.settimeout(asked.wait)
    # The server may answer before it has read everything (413, 400) and close: its answer is still there to be read.
    with contextlib.suppress(BrokenPipeError, ConnectionResetError):
        stream.sendall(asked.raw)
    answer.responses.append(reader.response(asked.raw.split(b" ", 1)[0], answer))
    answer.lap(3)
    if asked.reads == "until-close":
        with contextlib.suppress(OSError, NotHttp, Ended):
            while len(answer.responses) < ANSWER_LIMIT:
                answer.responses.append(reader.response(b"", answer))
        answer.lap(3)


def cause_of(error: Exception, *, during_tls: bool) -> tuple[str, str]:
    """The word for a failure, and the system's own words."""
    detail = str(error) or type(error).__name__
    if isinstance(error, ssl.SSLCertVerificationError):
        return "tls-untrusted", detail
    # socket.timeout is TimeoutError since Python 3.10 only.
    if isinstance(error, (socket.timeout, TimeoutError)):
        return "timeout", detail
    if during_tls and isinstance(error, (ssl.SSLError, ConnectionResetError)):
        own = getattr(error, "reason", None) in OWN_REASONS
        return ("client-cannot" if own else "tls-refused"), detail
    if isinstance(error, NotHttp):
        return "not-http", detail
    for kind, word in ((ConnectionRefusedError, "refused"), (ConnectionResetError, "reset"), (Ended, "closed")):
        if isinstance(error, kind):
            return word, detail
    if isinstance(error, socket.gaierror):
        return "client-cannot", detail
    if isinstance(error, OSError) and error.errno in (errno.ENETUNREACH, errno.EHOSTUNREACH, errno.EADDRNOTAVAIL):
        return "unreachable", detail
    return ("closed" if isinstance(error, OSError) else "client-cannot"), detail


class Reader:
    """Reads HTTP responses from a stream, raw and with limits."""

    def __init__(self, stream: socket.socket, deadline: float) -> None:
        self.stream = stream
        self.deadline = deadline
        self.buffer = b""
        self.ended = False

    def fill(self) -> bool:
        """Read more; False at the end of the stream."""
        if self.ended:
            return False
        left = self.deadline - time.monotonic()
        if left <= 0:
            raise socket.timeout("timed out")
        self.stream.settimeout(left)
        try:
            data = self.stream.recv(CHUNK)
        except (ssl.SSLEOFError, ssl.SSLZeroReturnError):
            # A TLS stream that ends without its closing message has ended all the same.
            data = b""
        self.ended = not data
        self.buffer += data
        return bool(data)

    def response(self, method: bytes, answer: Answer) -> dict[str, object]:
        """The next response that is not an interim one. Raises NotHttp, Ended, OSError."""
        while True:
            if not self.buffer and not self.fill():
                raise Ended("the connection was closed without an answer")
            answer.lap(2)
            version, status, reason, headers = self.head()
            if not 100 <= status < 200 or status == 101:
                break
        body, truncated = self.body(method, status, headers)
        return {
            "version": version,
            "status": status,
            "reason": reason,
            "headers": headers,
            "body": base64.b64encode(body).decode("ascii"),
            "truncated": truncated,
        }

    def head(self) -> tuple[str, int, str, Headers]:
        """Version, status, reason, and the header lines in their order and case."""
        while True:
            if not b"HTTP/".startswith(self.buffer[:5]):
                raise NotHttp("the answer begins with " + repr(self.buffer[:40]))
            match = re.search(rb"\r?\n\r?\n", self.buffer)
            if match:
                break
            if len(self.buffer) > HEAD_LIMIT:
                raise NotHttp("a response head of more than 64 KiB")
            if not self.fill():
                raise Ended("the connection was closed inside the response's head")
        head, self.buffer = self.buffer[: match.start()], self.buffer[match.end() :]
        first, *lines = re.split(rb"\r?\n", head)
        status = STATUS_LINE.match(first)
        if not status:
            raise NotHttp("the answer begins with " + repr(first[:40]))
        if len(lines) > HEADER_LIMIT:
            raise NotHttp("more than 200 header lines")
        headers: Headers = []
        for line in lines:
            if line[:1] in (b" ", b"\t") and headers:
                headers[-1][1] += " " + line.strip().decode("latin-1")
                continue
            name, _, value = line.partition(b":")
            headers.append([name.decode("latin-1"), value.strip(b" \t").decode("latin-1")])
        return status[1].decode(), int(status[2]), (status[3] or b"").decode("latin-1"), headers

    def body(self, method: bytes, status: int, headers: Headers) -> Body:
        """The body as HTTP/1.1 frames it (RFC 9112, section 6.3), up to the limit."""
        if method == b"HEAD" or status in (204, 304) or status < 200:
            return b"", False
        fields = {name.lower(): value for name, value in headers}
        if "chunked" in fields.get("transfer-encoding", "").lower():
            return self.chunks()
        length = fields.get("content-length", "")
        # More digits than any length has are no length.
        if re.match(r"[0-9]{1,15}\Z", length):
            return self.exactly(int(length))
        return self.rest()

    def exactly(self, length: int) -> Body:
        """That many bytes; what is beyond the limit is not waited for."""
        wanted = min(length, BODY_LIMIT)
        complete = self.ensure(wanted)
        body, self.buffer = self.buffer[:wanted], self.buffer[wanted:]
        if length > BODY_LIMIT:
            self.ended, self.buffer = True, b""
        return body, not complete or length > BODY_LIMIT

    def ensure(self, count: int) -> bool:
        """Whether that many bytes came; a timeout counts as an end."""
        try:
            while len(self.buffer) < count:
                if not self.fill():
                    return False
        except OSError:
            self.ended = True
            return False
        return True

    def rest(self) -> Body:
        """All until the connection ends; a server that never closes it is cut off at the deadline."""
        cut = False
        try:
            while len(self.buffer) <= BODY_LIMIT and self.fill():
                pass
        except OSError:
            cut = True
        body, self.buffer, self.ended = self.buffer, b"", True
        return body[:BODY_LIMIT], cut or len(body) > BODY_LIMIT

    def line(self) -> bytes | None:
        """The next line of a chunked body, or None where there is none."""
        while b"\n" not in self.buffer:
            if len(self.buffer) > HEAD_LIMIT or not self.ensure(len(self.buffer) + 1):
                return None
        line, self.buffer = self.buffer.split(b"\n", 1)
        return line.rstrip(b"\r")

    def chunks(self) -> Body:
        """A chunked body. One that breaks the rules is cut there."""
        body = b""
        while True:
            size = re.match(rb"[ \t]*([0-9a-fA-F]{1,8})[ \t]*(?:;|\Z)", self.line() or b"")
            if not size:
                return body, True
            length = int(size[1], 16)
            if length == 0:
                while self.line():
                    pass
                return body, False
            data, cut = self.exactly(length)
            body += data
            if cut or len(body) > BODY_LIMIT or self.line() != b"":
                self.ended, self.buffer = True, b""
                return body[:BODY_LIMIT], True


def main() -> None:
    """Serve standard input until it ends. Nothing else may write between the answers."""
    output = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)
    Wire(sys.stdin.buffer, output).serve()


if __name__ == "__main__":
    main()

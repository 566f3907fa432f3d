"""A prober as a plain child process, and servers that answer with fixed bytes."""

import queue
import socket
import ssl
import subprocess
import sys
import threading
from collections.abc import Callable
from pathlib import Path

import scanner.stack.wire
from scanner.sandbox.interface import EngineFailed

WIRE = Path(scanner.stack.wire.__file__)


class ChildWire:
    """``scanner.sandbox.interface.Wire`` over a child process of the test."""

    def __init__(self, *argv: str) -> None:
        self.child = subprocess.Popen(
            argv or (sys.executable, "-I", str(WIRE)), stdin=subprocess.PIPE, stdout=subprocess.PIPE
        )
        self.lines: queue.Queue[bytes] = queue.Queue()
        threading.Thread(target=self._read, daemon=True).start()

    def _read(self) -> None:
        assert self.child.stdout is not None
        for line in self.child.stdout:
            self.lines.put(line.rstrip(b"\n"))
        self.lines.put(b"")

    def send(self, line: bytes) -> None:
        assert self.child.stdin is not None
        try:
            self.child.stdin.write(line + b"\n")
            self.child.stdin.flush()
        except OSError as error:
            raise EngineFailed("the process has ended") from error

    def receive(self, timeout: float) -> bytes:
        try:
            line = self.lines.get(timeout=timeout)
        except queue.Empty as error:
            raise TimeoutError from error
        if not line:
            raise EngineFailed("the process has ended")
        return line

    def close(self) -> None:
        assert self.child.stdin is not None
        assert self.child.stdout is not None
        self.child.stdin.close()
        self.child.wait(10)
        self.child.stdout.close()


class Server:
    """Hands every connection to ``handle`` in a thread of its own."""

    def __init__(self, handle: Callable[[socket.socket], None], context: ssl.SSLContext | None = None) -> None:
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.handle = handle
        self.context = context
        self.received: list[bytes] = []
        threading.Thread(target=self._accept, daemon=True).start()

    @property
    def port(self) -> int:
        port = self.listener.getsockname()[1]
        assert isinstance(port, int)
        return port

    def _accept(self) -> None:
        while True:
            try:
                connection, _ = self.listener.accept()
            except OSError:
                return
            threading.Thread(target=self._serve, args=(connection,), daemon=True).start()

    def _serve(self, connection: socket.socket) -> None:
        try:
            if self.context is not None:
                connection = self.context.wrap_socket(connection, server_side=True)
            self.handle(connection)
        except OSError:
            pass
        finally:
            connection.close()

    def close(self) -> None:
        self.listener.close()


def says(answer: bytes, received: list[bytes] | None = None) -> Callable[[socket.socket], None]:
    """A handler that reads once, answers these bytes, and closes."""

    def handle(connection: socket.socket) -> None:
        data = connection.recv(65536)
        if received is not None:
            received.append(data)
        connection.sendall(answer)
        connection.shutdown(socket.SHUT_WR)

    return handle

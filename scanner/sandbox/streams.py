"""Reading what untrusted processes write: always drained, never more kept than agreed."""

import os
import select
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from typing import IO, Protocol

from scanner.sandbox.interface import EngineFailed

TAIL = 64 * 1024
"""Bytes of a log that are kept."""
LONGEST_LINE = 32 * 1024 * 1024
"""Bytes of one line on a wire; a longer one means that the other side does not speak our language."""
_CHUNK = 64 * 1024


class Sink(Protocol):
    """Takes output piece by piece."""

    def add(self, data: bytes) -> None:
        """Keep what there is room for."""


class Head:
    """Keeps the first ``limit`` bytes; ``cut`` tells whether there were more."""

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._data = bytearray()
        self.cut = False

    def add(self, data: bytes) -> None:
        """Keep it as far as there is room."""
        room = self._limit - len(self._data)
        self._data += data[:room]
        self.cut = self.cut or len(data) > room

    @property
    def value(self) -> bytes:
        """What was kept."""
        return bytes(self._data)


class Tail:
    """Keeps the last ``limit`` bytes. May be read while another thread adds."""

    def __init__(self, limit: int = TAIL) -> None:
        self._limit = limit
        self._data = bytearray()
        self._lock = threading.Lock()

    def add(self, data: bytes) -> None:
        """Keep it, and forget what is older than the limit."""
        with self._lock:
            self._data += data
            if len(self._data) > 2 * self._limit:
                del self._data[: -self._limit]

    @property
    def value(self) -> bytes:
        """What was kept."""
        with self._lock:
            return bytes(self._data[-self._limit :])


def drain(stream: IO[bytes], sink: Sink) -> threading.Thread:
    """Read the stream to its end in a thread of its own, and close it."""

    def work() -> None:
        with stream:
            while data := os.read(stream.fileno(), _CHUNK):
                sink.add(data)

    thread = threading.Thread(target=work, name="seatrial-drain", daemon=True)
    thread.start()
    return thread


def feed(stream: IO[bytes], data: bytes) -> threading.Thread:
    """Write the data in a thread of its own, then close the stream. A reader that is gone is no error here."""

    def work() -> None:
        with suppress(OSError), stream:
            stream.write(data)

    thread = threading.Thread(target=work, name="seatrial-feed", daemon=True)
    thread.start()
    return thread


class LineWire:
    """A ``Wire`` over two pipes. ``why`` words what happened when the other side is gone."""

    def __init__(self, writer: IO[bytes], reader: IO[bytes], why: Callable[[], str]) -> None:
        self._writer = writer
        self._reader = reader
        self._why = why
        self._buffer = bytearray()
        self._searched = 0
        self._sending = threading.Lock()

    def send(self, line: bytes) -> None:
        """Write one line. Raises EngineFailed when nobody reads any more."""
        with self._sending:
            try:
                self._writer.write(line + b"\n")
                self._writer.flush()
            except (OSError, ValueError) as error:  # ValueError: the pipe is closed on our side
                raise EngineFailed(self._why()) from error

    def receive(self, timeout: float) -> bytes:
        """The next line. Raises TimeoutError, or EngineFailed when nothing will come any more."""
        deadline = time.monotonic() + timeout
        while (end := self._buffer.find(b"\n", self._searched)) < 0:
            self._searched = len(self._buffer)
            if self._searched > LONGEST_LINE:
                raise EngineFailed("a process of the sandbox wrote a line without an end")
            self._buffer += self._read(deadline)
        line = bytes(self._buffer[:end])
        del self._buffer[: end + 1]
        self._searched = 0
        return line

    def _read(self, deadline: float) -> bytes:
        try:
            ready, _, _ = select.select([self._reader], [], [], max(0.0, deadline - time.monotonic()))
            if not ready:
                raise TimeoutError
            data = os.read(self._reader.fileno(), _CHUNK)
        except (OSError, ValueError) as error:
            if isinstance(error, TimeoutError):  # it is an OSError too
                raise
            raise EngineFailed(self._why()) from error
        if not data:
            raise EngineFailed(self._why())
        return data

    def close(self) -> None:
        """Close both ends."""
        for stream in (self._writer, self._reader):
            with suppress(OSError):
                stream.close()

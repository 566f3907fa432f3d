"""The parent's side of the prober: questions out, strictly parsed answers in.

The prober runs beside the scanned project's code, so nothing of what it says is believed to have the right form.
"""

import base64
import binascii
import json
import re
import threading
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from scanner.model import Cause, ControlFailed, Exchange, NoResponse, Request, Response, Tls, clean
from scanner.sandbox.interface import EngineFailed, Wire

AT_A_TIME: Final = 8
CONNECT_SECONDS: Final = 2.0
ANSWER_SECONDS: Final = 5.0
SLOW_SECONDS: Final = 10.0
"""For the probe application's ``boom``: error reporting of a project may wait for a host that is not there."""
LINE_LIMIT: Final = 8 * 1024 * 1024
BODY_LIMIT: Final = 256 * 1024
HEADER_LIMIT: Final = 200
_SLOW: Final = re.compile(rb"\A\S+ \S*/boom/?[ ?]")


class Nonsense(Exception):
    """An answer that does not have the agreed form."""


@dataclass(frozen=True)
class ProberSetup:
    """What the prober is told once."""

    ca_pem: str
    source: str | None
    client_pem: str | None = None

    def line(self) -> bytes:
        """The first line of the conversation."""
        return json.dumps({"ca": self.ca_pem, "source": self.source, "client": self.client_pem}).encode()


class WireSender:
    """Sends requests through a prober's wire. Implements ``scanner.facts.live_stack.Sender``.

    ``setup`` must be called before the first request. Safe to use from several threads; they wait for one another.
    """

    def __init__(self, wire: Wire) -> None:
        self._wire = wire
        self._lock = threading.Lock()
        self._finished: list[Exchange] = []
        self._number = 0

    def setup(self, setup: ProberSetup, timeout: float = 20.0) -> None:
        """Configure the prober. Raises EngineFailed when it does not answer as agreed."""
        self._wire.send(setup.line())
        try:
            answer = _object(self._wire.receive(timeout))
        except (TimeoutError, Nonsense) as error:
            raise EngineFailed(f"the prober does not answer: {error}") from error
        if answer.get("ready") is not True:
            raise EngineFailed(f"the prober cannot start: {clean(str(answer.get('detail', '')))[:200]}")

    @property
    def finished(self) -> tuple[Exchange, ...]:
        """All exchanges so far, in the order of their numbers."""
        return tuple(self._finished)

    def send(self, probe: str, request: Request) -> Exchange:
        """Send one request and wait for its answer. Raises ControlFailed when the prober itself is gone."""
        return self.send_all(probe, (request,))[0]

    def send_all(self, probe: str, requests: tuple[Request, ...]) -> tuple[Exchange, ...]:
        """Send several, eight at a time; the answers are in the order of the requests.

        Raises ControlFailed when the prober is gone or does not keep to the agreed form.
        """
        with self._lock:
            exchanges = self._ask(probe, requests)
            self._finished += exchanges
        return exchanges

    def ask_quietly(self, request: Request) -> Exchange:
        """One exchange that no probe asked for (readiness): it is not numbered and not kept."""
        with self._lock:
            number, self._number = self._number, 0
            try:
                return self._ask("", (request,))[0]
            finally:
                self._number = number

    def _ask(self, probe: str, requests: tuple[Request, ...]) -> tuple[Exchange, ...]:
        first = self._number + 1
        self._number += len(requests)
        waiting = {first + index: request for index, request in enumerate(requests)}
        answered: dict[int, Exchange] = {}
        unsent = list(waiting.items())
        try:
            while waiting:
                while unsent and len(waiting) - len(unsent) < AT_A_TIME:
                    self._wire.send(_line(*unsent.pop(0)))
                patience = max(seconds_for(request) for request in waiting.values()) + CONNECT_SECONDS + 10
                exchange = _exchange(probe, self._wire.receive(patience), waiting)
                answered[exchange.number] = exchange
                del waiting[exchange.number]
        except TimeoutError as error:
            raise ControlFailed("the prober stopped answering") from error
        except EngineFailed as error:
            raise ControlFailed(f"the prober ended unexpectedly ({error.message})") from error
        except Nonsense as error:
            raise ControlFailed(f"the prober's answer does not have the agreed form: {error}") from error
        return tuple(answered[number] for number in sorted(answered))


def seconds_for(request: Request) -> float:
    """How long its answer may take."""
    return SLOW_SECONDS if _SLOW.match(request.raw[:4096]) else ANSWER_SECONDS


def _line(number: int, request: Request) -> bytes:
    return json.dumps(
        {
            "id": number,
            "address": request.door.address,
            "port": request.door.port,
            "tls": request.door.scheme == "https",
            "sni": request.sni,
            "verify": request.verify,
            "raw": base64.b64encode(request.raw).decode("ascii"),
            "reads": request.reads.value,
            "tls_version": request.tls_version,
            "ciphers": request.ciphers,
            "connect": CONNECT_SECONDS,
            "wait": seconds_for(request),
        }
    ).encode()


def _object(line: bytes) -> Mapping[str, object]:
    if len(line) > LINE_LIMIT:
        raise Nonsense("a line of more than 8 MiB")
    try:
        found: object = json.loads(line)
    except (ValueError, RecursionError) as error:
        raise Nonsense("a line that is no JSON") from error
    if not isinstance(found, dict):
        raise Nonsense("a line that is no object")
    return found


def _exchange(probe: str, line: bytes, waiting: Mapping[int, Request]) -> Exchange:
    """The exchange that a line tells of. Raises Nonsense."""
    found = _object(line)
    number = found.get("id")
    if not isinstance(number, int) or isinstance(number, bool) or number not in waiting:
        raise Nonsense("an answer to nothing that was asked")
    responses = tuple(_response(item) for item in _list(found.get("responses"), 16))
    times = [_number(item) for item in _list(found.get("ms"), 4)]
    if len(times) != 4:
        raise Nonsense("no times")
    answer: Response | NoResponse
    if responses:
        answer = responses[0]
    else:
        try:
            answer = NoResponse(Cause(_text(found.get("cause"), 40)), clean(_text(found.get("detail"), 600)))
        except ValueError as error:
            raise Nonsense("an unknown cause") from error
    return Exchange(
        number=number,
        probe=probe,
        request=waiting[number],
        answer=answer,
        more=responses[1:],
        tls=_tls(found.get("tls")),
        started=_number(found.get("started")),
        connect_ms=times[0],
        tls_ms=times[1],
        wait_ms=times[2],
        receive_ms=times[3],
    )


def _response(item: object) -> Response:
    if not isinstance(item, dict):
        raise Nonsense("a response that is no object")
    status = item.get("status")
    if not isinstance(status, int) or not 100 <= status <= 999:
        raise Nonsense("a status that is none")
    headers: list[tuple[str, str]] = []
    for pair in _list(item.get("headers"), HEADER_LIMIT):
        parts = _list(pair, 2)
        if len(parts) != 2:
            raise Nonsense("a header that is no pair")
        headers.append((clean(_text(parts[0], 65536)), clean(_text(parts[1], 65536))))
    try:
        body = base64.b64decode(_text(item.get("body"), BODY_LIMIT * 2), validate=True)
    except (binascii.Error, ValueError) as error:
        raise Nonsense("a body that is no Base64") from error
    if len(body) > BODY_LIMIT:
        raise Nonsense("a body beyond the limit")
    return Response(
        version=_text(item.get("version"), 8),
        status=status,
        reason=clean(_text(item.get("reason"), 65536)),
        headers=tuple(headers),
        body=body,
        truncated=item.get("truncated") is True,
    )


def _tls(item: object) -> Tls | None:
    if item is None:
        return None
    if not isinstance(item, dict):
        raise Nonsense("a handshake that is no object")
    return Tls(
        version=_text(item.get("version"), 40),
        cipher=_text(item.get("cipher"), 100),
        alpn=_optional(item.get("alpn")),
        verified=item.get("verified") is True,
        names=tuple(clean(_text(name, 300)) for name in _list(item.get("names"), 100)),
        not_after=_optional(item.get("not_after")),
        compression=_optional(item.get("compression")),
    )


def _optional(item: object) -> str | None:
    return None if item is None else clean(_text(item, 300))


def _list(item: object, limit: int) -> Sequence[object]:
    if not isinstance(item, list) or len(item) > limit:
        raise Nonsense("a list that is none, or is too long")
    return item


def _text(item: object, limit: int) -> str:
    if not isinstance(item, str) or len(item) > limit:
        raise Nonsense("a text that is none, or is too long")
    return item


def _number(item: object) -> float:
    if isinstance(item, bool) or not isinstance(item, int | float) or not 0 <= item < 1e12:
        raise Nonsense("a number that is none")
    return float(item)

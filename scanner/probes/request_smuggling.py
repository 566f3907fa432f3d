"""Do proxy and application agree where a request ends? Asked of our own stack only, after everything else.

Every ambiguous request carries a whole second request in its body, which asks the probe application for its echo and
writes a word of its own into ``Connection``. A proxy that saw that request as one has replaced the word (RFC 9110,
7.6.1); where the word arrives, the request went past it.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from typing import Final

from scanner.facts.live_stack import LiveStack
from scanner.facts.nginx import Nginx
from scanner.facts.request_smuggling import RequestSmuggling, SmugglingAttempt
from scanner.facts.settings import Settings
from scanner.facts.stack_identity import StackIdentity
from scanner.model import Door, Exchange, NoResponse, Reads, Request, Response, Unavailable, probe
from scanner.probes.answers import Echo, our_echo, outcome
from scanner.probes.asking import AGENT, Headers, main_way, mark, require_app, require_own_proxy
from scanner.probes.pacing import ask_all

NAME: Final = "request-smuggling"
_LOCAL: Final = {"0.0.0.0": "127.0.0.1", "::": "::1"}
_CRLF: Final = b"\r\n"
_END: Final = b"0\r\n\r\n"


@dataclass(frozen=True)
class _Variant:
    """A way to say twice, or wrongly, how long a body is."""

    name: str
    lines: Callable[[int], bytes]
    """The header lines for a body of that many bytes, each with its end."""
    before: bytes = _END
    """What stands in the body before the hidden request."""


_CHUNKED: Final = b"Transfer-Encoding: chunked\r\n"
_VARIANTS: Final = (
    _Variant("Content-Length and Transfer-Encoding", lambda size: _length(size) + _CHUNKED),
    _Variant("Transfer-Encoding: xchunked", lambda size: _length(size) + b"Transfer-Encoding: xchunked\r\n"),
    _Variant("a space before the colon", lambda size: _length(size) + b"Transfer-Encoding : chunked\r\n"),
    _Variant("two lengths", lambda size: _length(size) + _length(0), b""),
    _Variant("two transfer encodings", lambda size: _length(size) + _CHUNKED + b"Transfer-Encoding: identity\r\n"),
    _Variant("a length with a sign", lambda size: b"Content-Length: +%d\r\n" % size, b""),
    _Variant("a chunk size with 0x", lambda _size: _CHUNKED, b"0x0\r\n\r\n"),
    _Variant("a bare line feed", lambda size: b"X-A: b\nTransfer-Encoding: chunked\r\n" + _length(size)),
    _Variant("a folded line", lambda size: _length(size) + b"Transfer-Encoding:\r\n chunked\r\n"),
)


def _length(size: int) -> bytes:
    return b"Content-Length: %d\r\n" % size


@dataclass(frozen=True)
class _Way:
    """Where ambiguous requests go."""

    door: Door
    headers: Headers
    edge: bool


@probe(disturbs=True)
def request_smuggling(
    live: LiveStack, identity: StackIdentity, settings: Settings | None, nginx: Nginx | None
) -> RequestSmuggling:
    """Send each variant through the proxy, and to the application's own address.

    Raises NotApplicable where the proxy is not the project's, Unavailable where no connection takes two requests.
    """
    require_own_proxy(live, nginx)
    require_app(live, identity)
    prefix = identity.prefixes[0] if identity.prefixes else ""
    main = main_way(live, settings)
    ways = [_Way(main.door, main.headers, edge=True), *(_Way(door, (), edge=False) for door in _own_doors(live))]
    not_asked: list[str] = []
    attempts: list[SmugglingAttempt] = []
    for way in ways:
        control = ask_all(live, NAME, (_sent(live, way, prefix, None),))[0]
        if len(_answers(control)) < 2:
            not_asked.append(f"{outcome(control)}: takes one request a connection")
            continue
        requests = tuple(_sent(live, way, prefix, one) for one in _VARIANTS)
        for variant, exchange in zip(_VARIANTS, ask_all(live, NAME, requests), strict=True):
            attempts.append(_attempt(live, way, variant, exchange))
    if not attempts:
        raise Unavailable("; ".join(not_asked))
    return RequestSmuggling(tuple(attempts), tuple(not_asked))


def _own_doors(live: LiveStack) -> Iterator[Door]:
    """The application's own addresses, as far as they speak HTTP over TCP."""
    for text in live.app_addresses:
        host, _, port = text.rpartition(":")
        if host and port.isdecimal():
            yield Door("http", _LOCAL.get(host.strip("[]"), host.strip("[]")), int(port))


def _sent(live: LiveStack, way: _Way, prefix: str, variant: _Variant | None) -> Request:
    """One connection's bytes: the ambiguous request with the hidden one in it, then an honest one that ends it.

    Without a variant: two honest ones.
    """
    target = mark(live, "echo", prefix)
    last = _head(live, target, way, b"Connection: close\r\n") + _CRLF
    if variant is None:
        raw = _head(live, target, way, b"") + _CRLF + last
        label = "two requests on one connection"
    else:
        word = f"X-Seatrial-Hidden: {live.nonce}\r\nConnection: {_word(live)}\r\n".encode()
        body = variant.before + _head(live, target, way, word) + _CRLF
        raw = _head(live, target, way, variant.lines(len(body))) + _CRLF + body + last
        label = f"a request with {variant.name}, and another one in its body"
    name = live.site.name if way.door.scheme == "https" else None
    return Request(way.door, raw, sni=name, reads=Reads.UNTIL_CLOSE, label=f"{way.door}: {label}")


def _head(live: LiveStack, target: str, way: _Way, lines: bytes) -> bytes:
    given = "".join(f"{name}: {value}\r\n" for name, value in way.headers)
    return f"GET {target} HTTP/1.1\r\nHost: {live.site.name}\r\nUser-Agent: {AGENT}\r\n{given}".encode() + lines


def _word(live: LiveStack) -> str:
    return f"seatrial-{live.nonce}"


def _answers(exchange: Exchange) -> tuple[Response, ...]:
    return () if isinstance(exchange.answer, NoResponse) else (exchange.answer, *exchange.more)


def _attempt(live: LiveStack, way: _Way, variant: _Variant, exchange: Exchange) -> SmugglingAttempt:
    answers = _answers(exchange)
    echoes = [our_echo(replace(exchange, answer=one), live) for one in answers]
    return SmugglingAttempt(
        door=way.door,
        through_edge=way.edge,
        variant=variant.name,
        statuses=tuple(one.status for one in answers),
        closed=len(answers) < 2,
        hidden_answered=any(_is_hidden(live, way, echo) for echo in echoes if echo is not None),
        exchange=exchange,
    )


def _is_hidden(live: LiveStack, way: _Way, echo: Echo) -> bool:
    """It answers the hidden request, and no proxy has touched that."""
    if echo.headers.get("HTTP_X_SEATRIAL_HIDDEN") != live.nonce:
        return False
    return not way.edge or _word(live) in echo.headers.get("HTTP_CONNECTION", "")

"""How probes read answers: the probe application's echo, who made a page, where a redirect leads."""

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final
from urllib.parse import urlsplit

from scanner.facts.live_stack import LiveStack
from scanner.model import Exchange, NoResponse, Response

REDIRECTS: Final = frozenset({301, 302, 303, 307, 308})
_PROXY_PAGE: Final = re.compile(rb"<hr><center>(nginx|openresty|angie|freenginx|tengine)\b", re.IGNORECASE)
_MAX_ECHO: Final = 65536


@dataclass(frozen=True)
class Echo:
    """What Django made of a request, as the probe application tells."""

    nonce: str
    secure: bool
    host: str | None
    absolute: str | None
    remote_addr: str | None
    asgi: bool
    headers: Mapping[str, str]
    """META entries of forwarded and forged headers."""


def echo_of(exchange: Exchange) -> Echo | None:
    """The probe application's echo, whoever's nonce it has; None for any other answer."""
    answer = exchange.answer
    if isinstance(answer, NoResponse) or answer.status != 200 or len(answer.body) > _MAX_ECHO:
        return None
    try:
        found: object = json.loads(answer.body)
    except (ValueError, RecursionError):
        return None
    if not isinstance(found, dict) or not isinstance(found.get("seatrial"), str):
        return None
    headers = found.get("headers")
    return Echo(
        nonce=found["seatrial"],
        secure=found.get("secure") is True,
        host=_text(found.get("host")),
        absolute=_text(found.get("absolute")),
        remote_addr=_text(found.get("remote_addr")),
        asgi=found.get("asgi") is True,
        headers={
            name: value
            for name, value in (headers.items() if isinstance(headers, dict) else ())
            if isinstance(name, str) and isinstance(value, str)
        },
    )


def our_echo(exchange: Exchange, stack: LiveStack) -> Echo | None:
    """The echo of this run's probe application."""
    echo = echo_of(exchange)
    return echo if echo is not None and echo.nonce == stack.nonce else None


def _text(value: object) -> str | None:
    return value if isinstance(value, str) else None


def status_of(exchange: Exchange) -> int | None:
    """The status; None where there was no answer."""
    return exchange.answer.status if isinstance(exchange.answer, Response) else None


def location_of(exchange: Exchange) -> str | None:
    """The Location header."""
    return exchange.answer.value("Location") if isinstance(exchange.answer, Response) else None


def body_of(exchange: Exchange) -> bytes:
    """The body, at most 256 KiB of it; empty where there was no answer."""
    return exchange.answer.body if isinstance(exchange.answer, Response) else b""


def is_proxy_page(exchange: Exchange) -> bool:
    """It is a page that nginx itself writes: an error or a redirect."""
    return _PROXY_PAGE.search(body_of(exchange)) is not None


def is_gateway_error(exchange: Exchange) -> bool:
    """The proxy could not reach what it passes the request on to, or a rate limit of its own turned it away."""
    return is_limited(exchange) or (status_of(exchange) in {502, 504} and is_proxy_page(exchange))


def is_limited(exchange: Exchange) -> bool:
    """A rate limit turned the request away: 429, or nginx's own 503 (``limit_req_status``)."""
    status = status_of(exchange)
    return status == 429 or (status == 503 and is_proxy_page(exchange))


def outcome(exchange: Exchange) -> str:
    """``GET https://shop.example/ -> 502``, for a reason."""
    answer = exchange.answer
    if isinstance(answer, NoResponse):
        return f"{exchange.request.label} -> {answer.cause.value}"
    place = answer.value("Location")
    return f"{exchange.request.label} -> {answer.status}{f' to {place}' if place else ''}"


@dataclass(frozen=True)
class Address:
    """A URL in parts that probes compare."""

    scheme: str
    host: str
    port: int | None
    target: str
    """Path and query, byte for byte."""


def address_of(url: str) -> Address | None:
    """An absolute URL in parts; None for anything else."""
    try:
        parts = urlsplit(url)
        host, port = parts.hostname, parts.port
    except ValueError:
        return None
    if not host or parts.scheme not in {"http", "https"}:
        return None
    rest = url.split("://", 1)[1]
    cut = next((index for index, letter in enumerate(rest) if letter in "/?#"), len(rest))
    target = rest[cut:].partition("#")[0]
    return Address(parts.scheme, host, port, target if target.startswith("/") else f"/{target}")

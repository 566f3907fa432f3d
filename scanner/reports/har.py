"""The probes' exchanges as an HTTP Archive 1.2, for people who want to see what was asked and answered.

Bodies are left out: what a project answers may hold anything. Values of cookies and of headers that carry credentials
are masked, in requests and in answers alike. Times are those of the run; all else is the same in every rendering.
"""

import base64
import datetime as dt
import ipaddress
import json
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from urllib.parse import parse_qsl, quote, urlsplit

from scanner.model import Door, Exchange, NoResponse, Reads, Report, Request, Response, Tls, clean

NAME = "har"

MASK = "***"
_SECRET_HEADER = re.compile(r"auth|token|secret|passw|api-?key|session|csrf|signature", re.IGNORECASE)
_SECRET_FIELD = re.compile(
    r"((?:^|[?&;])[^=&;#]*(?:token|secret|passw|api_?key|session|signature|code)[^=&;#]*=)[^&;#]+", re.IGNORECASE
)
_CREDENTIALS = re.compile(r"://[^\s/@]{1,1024}@")
_TARGET_SAFE = "/:?#[]@!$&'()*+,;=%-._~"


@dataclass(frozen=True)
class _Asked:
    """A request taken apart; ``method`` is ``?`` when its bytes are no HTTP."""

    method: str
    target: str
    version: str
    headers: tuple[tuple[str, str], ...]
    body: bytes
    plain: bool
    """Whether the parts say all that the bytes say."""


def render(report: Report) -> str:
    """The archive as JSON, one page a probe, entries in the order in which they were asked."""
    log = {
        "version": "1.2",
        "creator": {"name": "seatrial", "version": report.version},
        "pages": _pages(report.exchanges),
        "entries": [_entry(exchange) for exchange in report.exchanges],
    }
    return json.dumps({"log": log}, ensure_ascii=False, indent=2) + "\n"


def _pages(exchanges: Iterable[Exchange]) -> list[dict[str, object]]:
    first: dict[str, float] = {}
    for each in exchanges:
        first.setdefault(each.probe, each.started)
    return [
        {"startedDateTime": _moment(started), "id": probe, "title": probe.replace("-", " "), "pageTimings": {}}
        for probe, started in first.items()
    ]


def _entry(exchange: Exchange) -> dict[str, object]:
    request, asked = exchange.request, _asked(exchange.request)
    entry: dict[str, object] = {
        "pageref": exchange.probe,
        "startedDateTime": _moment(exchange.started),
        "time": round(exchange.connect_ms + exchange.tls_ms + exchange.wait_ms + exchange.receive_ms, 3),
        "request": _request(request, asked),
        "response": _response(exchange.answer),
        "cache": {},
        "timings": _timings(exchange),
    }
    if _is_address(request.door.address):
        entry["serverIPAddress"] = request.door.address
    entry["connection"] = str(exchange.number)
    entry["_seatrial"] = _ours(exchange, asked)
    return entry


def _ours(exchange: Exchange, asked: _Asked) -> dict[str, object]:
    request = exchange.request
    told: dict[str, object] = {
        "number": exchange.number,
        "label": _masked_url(clean(request.label)),
        "door": str(request.door),
        "sni": request.sni,
        "verify": request.verify,
        "tls": _tls(exchange.tls),
    }
    if isinstance(exchange.answer, NoResponse):
        told |= {"cause": exchange.answer.cause.value, "detail": exchange.answer.detail}
    if not asked.plain:
        told["raw"] = base64.b64encode(_masked_bytes(request.raw)).decode("ascii")
    if exchange.more:
        told["more"] = [_response(each) for each in exchange.more]
    return told


def _asked(request: Request) -> _Asked:
    """The request's own bytes, read as HTTP where they are."""
    head, _, body = request.raw.partition(b"\r\n\r\n")
    lines = head.decode("latin-1").split("\r\n")
    words = lines[0].split(" ")
    pairs = [line.partition(":") for line in lines[1:]]
    valid = len(words) == 3 and words[2].startswith("HTTP/") and all(colon and name for name, colon, _ in pairs)
    if not valid or request.reads is Reads.CONNECT_ONLY:
        return _Asked("?", "/", "unknown", (), b"", plain=not request.raw)
    headers = tuple((clean(name), clean(value.strip(" \t"))) for name, _, value in pairs)
    written = "\r\n".join([lines[0], *(f"{name}: {value}" for name, value in headers)]).encode("latin-1", "replace")
    return _Asked(clean(words[0]), words[1], clean(words[2]), headers, body, plain=written == head)


def _request(request: Request, asked: _Asked) -> dict[str, object]:
    url = _url(request.door, asked)
    told: dict[str, object] = {
        "method": asked.method,
        "url": url,
        "httpVersion": asked.version,
        "cookies": _cookies(asked.headers, "cookie"),
        "headers": _headers(asked.headers),
        "queryString": [{"name": name, "value": value} for name, value in _query(url)],
        "headersSize": len(request.raw) - len(asked.body) if asked.headers else -1,
        "bodySize": len(asked.body),
    }
    if asked.body:
        kind = next((value for name, value in asked.headers if name.lower() == "content-type"), "")
        told["postData"] = {"mimeType": kind, "text": "", "comment": "bodies are left out"}
    return told


def _response(answer: Response | NoResponse) -> dict[str, object]:
    if isinstance(answer, NoResponse):
        # Status 0 is what browsers write where there was no answer.
        return _blank(0, answer.cause.value, "unknown", ())
    return _blank(answer.status, answer.reason, answer.version, answer.headers, answer)


def _blank(
    status: int, words: str, version: str, headers: Sequence[tuple[str, str]], response: Response | None = None
) -> dict[str, object]:
    size = len(response.body) if response else 0
    return {
        "status": status,
        "statusText": words,
        "httpVersion": version,
        "cookies": _cookies(headers, "set-cookie"),
        "headers": _headers(headers),
        "content": {"size": size, "mimeType": (response.value("Content-Type") if response else None) or ""},
        "redirectURL": _masked_url((response.value("Location") if response else None) or ""),
        "headersSize": -1,
        "bodySize": -1 if response is None or response.truncated else size,
    }


def _headers(pairs: Iterable[tuple[str, str]]) -> list[dict[str, object]]:
    return [{"name": name, "value": _masked_value(name, value)} for name, value in pairs]


def _masked_value(name: str, value: str) -> str:
    match name.lower():
        case "cookie":
            return "; ".join(f"{part.partition('=')[0].strip()}={MASK}" for part in value.split(";"))
        case "set-cookie":
            cookie, semicolon, attributes = value.partition(";")
            return f"{cookie.partition('=')[0]}={MASK}{semicolon}{attributes}"
        case lower if _SECRET_HEADER.search(lower) and lower != "www-authenticate":
            return MASK
        case _:
            return _masked_url(value)


def _cookies(pairs: Iterable[tuple[str, str]], header: str) -> list[dict[str, object]]:
    found: list[dict[str, object]] = []
    for name, value in pairs:
        if name.lower() != header:
            continue
        if header == "cookie":
            found += [{"name": part.partition("=")[0].strip(), "value": MASK} for part in value.split(";")]
            continue
        cookie, *attributes = value.split(";")
        words = {part.partition("=")[0].strip().lower(): part.partition("=")[2].strip() for part in attributes}
        one: dict[str, object] = {"name": cookie.partition("=")[0].strip(), "value": MASK}
        one |= {key: words[key] for key in ("path", "domain") if key in words}
        found.append(one | {"httpOnly": "httponly" in words, "secure": "secure" in words})
    return found


def _url(door: Door, asked: _Asked) -> str:
    """What a person would type; the door's own address where the request names no host."""
    target = _masked_url(quote(asked.target.encode("latin-1", "replace"), safe=_TARGET_SAFE))
    if "://" in target.partition("?")[0]:
        return target
    named = next((value for name, value in asked.headers if name.lower() == "host" and value), "")
    host = quote(named, safe=":[]-._~") or f"{_bracketed(door.address)}:{door.port}"
    return f"{door.scheme}://{host}{target if target.startswith('/') else '/' + target}"


def _query(url: str) -> list[tuple[str, str]]:
    try:
        return parse_qsl(urlsplit(url).query, keep_blank_values=True)
    except ValueError:  # a host that is none, such as one with a lone bracket
        return []


def _masked_url(text: str) -> str:
    return _SECRET_FIELD.sub(rf"\g<1>{MASK}", _CREDENTIALS.sub(f"://{MASK}@", text))


def _masked_bytes(raw: bytes) -> bytes:
    """The bytes without the values of credentials and without the body, line by line."""
    lines = raw.partition(b"\r\n\r\n")[0].decode("latin-1").split("\r\n")
    made = [_masked_url(lines[0])]
    for line in lines[1:]:
        name, colon, value = line.partition(":")
        made.append(f"{name}:{_masked_value(name.strip(), value)}" if colon else MASK)
    return "\r\n".join(made).encode("latin-1", "replace")


def _timings(exchange: Exchange) -> Mapping[str, float]:
    return {
        "blocked": -1,
        "dns": -1,
        "connect": round(exchange.connect_ms + exchange.tls_ms, 3),
        "ssl": round(exchange.tls_ms, 3) if exchange.tls is not None else -1,
        "send": 0,
        "wait": round(exchange.wait_ms, 3),
        "receive": round(exchange.receive_ms, 3),
    }


def _tls(tls: Tls | None) -> dict[str, object] | None:
    if tls is None:
        return None
    return {"version": tls.version, "cipher": tls.cipher, "alpn": tls.alpn, "verified": tls.verified}


def _moment(seconds: float) -> str:
    return dt.datetime.fromtimestamp(seconds, tz=dt.UTC).isoformat(timespec="milliseconds")


def _is_address(text: str) -> bool:
    try:
        ipaddress.ip_address(text)
    except ValueError:
        return False
    return True


def _bracketed(address: str) -> str:
    return f"[{address}]" if ":" in address else address

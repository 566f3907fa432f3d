"""One line of evidence from one exchange with the live stack."""

import re

from scanner.model import Exchange, NoResponse, Response, clean

MAX_HEADERS = 12
_COOKIE_VALUE = re.compile(r"^([^=;]+)=([^;]*)")
_HIDDEN = frozenset({"authorization", "proxy-authorization", "cookie", "www-authenticate"})


def exchange_text(exchange: Exchange, *headers: str) -> str:
    """``GET https://shop.example/a -> 301 Location: https://…`` with these headers of the response, duplicates apart.

    Cookie values are shown as their length; a response's body is never shown.
    """
    asked = exchange.request.label or "request"
    match exchange.answer:
        case NoResponse(cause, _):
            return clean(f"{asked} -> {cause.value}")
        case Response() as answer:
            wanted = {name.lower() for name in headers}
            shown = [f"{key}: {_shown(key, value)}" for key, value in answer.headers if key.lower() in wanted]
            return clean(" ".join([f"{asked} -> {answer.status}", "; ".join(shown[:MAX_HEADERS])]).strip())


def _shown(name: str, value: str) -> str:
    key = name.lower()
    if key == "set-cookie":
        return _COOKIE_VALUE.sub(lambda match: f"{match[1]}=<{len(match[2])} characters>", value)
    return f"<{len(value)} characters>" if key in _HIDDEN else value

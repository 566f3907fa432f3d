"""The probe application: views that answer, from inside the project's process, what Django made of a request.

They answer only under a path that holds the nonce of the run; every other request passes unchanged. Standard library
and Django (4.2 or later), Python 3.8, nothing of ours.
"""
# Django ships no types.
# mypy: disable-error-code="misc, untyped-decorator"

from __future__ import annotations

import os
import secrets
from typing import Any

from django.contrib.sessions.backends.base import SessionBase
from django.core.exceptions import DisallowedHost
from django.http import HttpResponse, JsonResponse
from django.middleware.csrf import get_token
from django.urls import re_path

try:
    from django.contrib.auth.decorators import login_not_required
except ImportError:  # Django before 5.1 has no LoginRequiredMiddleware

    def login_not_required(view: Any) -> Any:
        """The view as it is."""
        return view


NONCE = os.environ.get("SEATRIAL_NONCE", "")
MARK = "/__seatrial_" + NONCE + "/"
NAMED = ("HTTP_FORWARDED", "HTTP_ORIGIN", "HTTP_VIA", "HTTP_UPGRADE", "HTTP_CONNECTION")
SECRET = ("HTTP_COOKIE", "HTTP_AUTHORIZATION", "HTTP_PROXY_AUTHORIZATION")
MAX_HEADERS = 100
MAX_TEXT = 1000


class Middleware:
    """The innermost middleware: sends the probe's requests to the views below."""

    sync_capable = True
    async_capable = False

    def __init__(self, get_response: Any) -> None:
        self.get_response = get_response

    def __call__(self, request: Any) -> Any:
        """Pass everything on but what holds the mark."""
        if NONCE and MARK in request.path_info:
            request.urlconf = __name__
            if hasattr(request, "session"):
                request.session = Session()
        return self.get_response(request)


class Session(SessionBase):
    """A session without a store, so that a real Set-Cookie with the project's attributes needs no database."""

    def __init__(self, session_key: str | None = None) -> None:
        super().__init__(session_key)

    def exists(self, session_key: str) -> bool:
        """Nothing is stored."""
        return False

    def create(self) -> None:
        """Take the fixed key."""
        self._session_key = "seatrial" + NONCE

    def save(self, must_create: bool = False) -> None:
        """Take the fixed key."""
        self.create()

    def delete(self, session_key: str | None = None) -> None:
        """Nothing is stored."""

    def load(self) -> dict[str, Any]:
        """What a visitor with a token has, for projects with CSRF_USE_SESSIONS."""
        return {"_csrftoken": "a" * 32}

    def _get_session(self, no_load: bool = False) -> dict[str, Any]:
        self.accessed = True
        if not hasattr(self, "_session_cache"):
            self._session_cache = {} if no_load else self.load()
        return self._session_cache

    _session = property(_get_session)

    @classmethod
    def clear_expired(cls) -> None:
        """Nothing is stored."""


def told(value: Any) -> str | None:
    """A value as a text of limited length."""
    return None if value is None else str(value)[:MAX_TEXT]


def headers_of(meta: Any) -> dict[str, str]:
    """The request's headers that tell of proxies, and those that a probe forged; never cookies or credentials."""
    found = {}
    for name, value in meta.items():
        if not name.startswith("HTTP_") or name in SECRET or not isinstance(value, str):
            continue
        if name.startswith("HTTP_X_") or name in NAMED or NONCE in value or NONCE.upper() in name:
            found[name] = value[:MAX_TEXT]
        if len(found) >= MAX_HEADERS:
            break
    return found


@login_not_required
def echo(request: Any) -> Any:
    """What Django made of the request."""
    try:
        host, absolute = request.get_host(), request.build_absolute_uri("/x")
    except DisallowedHost:
        host = absolute = None
    meta = request.META
    return JsonResponse(
        {
            "seatrial": NONCE,
            "secure": request.is_secure(),
            "scheme": request.scheme,
            "host": told(host),
            "raw_host": told(meta.get("HTTP_HOST")),
            "absolute": told(absolute),
            "remote_addr": told(meta.get("REMOTE_ADDR")),
            "script_name": told(meta.get("SCRIPT_NAME")),
            "path": told(request.path),
            "method": told(request.method),
            "server_name": told(meta.get("SERVER_NAME")),
            "server_port": told(meta.get("SERVER_PORT")),
            "asgi": hasattr(request, "scope"),
            "headers": headers_of(meta),
        }
    )


@login_not_required
def page(request: Any) -> Any:
    """A small page that is never the same twice."""
    return HttpResponse(
        "<!DOCTYPE html><html><head><title>seatrial</title></head><body>" + secrets.token_hex(8) + "</body></html>"
    )


@login_not_required
def cookies(request: Any) -> Any:
    """Sets the session cookie and the CSRF cookie, where the project has them."""
    if hasattr(request, "session"):
        request.session["seatrial"] = 1
    get_token(request)
    return HttpResponse("<!DOCTYPE html><html><head><title>seatrial</title></head><body>cookies</body></html>")


@login_not_required
def boom(request: Any) -> Any:
    """Fails, so that the project's own handling of errors is seen."""
    message = "seatrial"
    raise RuntimeError(message)


@login_not_required
def post(request: Any) -> Any:
    """Says how much was posted; whether it may be posted at all is decided by the project's middleware."""
    return HttpResponse(f"posted {len(request.body)}")


urlpatterns = [
    re_path("^.*__seatrial_" + NONCE + "/" + view.__name__ + "/?$", view) for view in (echo, page, cookies, boom, post)
]

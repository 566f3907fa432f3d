"""A GitHub for tests: pull requests and comments with authors, on loopback, with what goes wrong on request.

Every request and every answer of its own is checked against GitHub's description; what is wrong with one is kept in
`complaints`, which the fixture asserts to be empty.
"""

import json
import re
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, urlsplit

from jsonschema import ValidationError

from tests.judges import openapi

BOT = "github-actions[bot]"
TOKEN = "ghs_0123456789abcdefghijABCDEFGHIJ012345"
LIMIT = 65_536


@dataclass
class Comment:
    id: int
    author: str
    body: str


@dataclass
class Recorded:
    method: str
    path: str
    body: Any
    authorization: str
    status: int = 0


@dataclass
class Failure:
    """An answer for the next `times` requests of that method (and path); status 0 closes the connection."""

    method: str
    status: int
    message: str = ""
    headers: dict[str, str] = field(default_factory=dict)
    times: int = 1_000
    path: str = ""


@dataclass
class Artifact:
    id: int
    name: str
    content: bytes
    size: int | None = None
    """What the listing says, where it lies."""


class FakeGitHub:
    """The state, and the address of the API."""

    def __init__(self, host: str = "127.0.0.1") -> None:
        self.repository = "acme/shop"
        self.number = 7
        self.head = "9f3c1ab27de04c5b8e6f0a1d2c3b4a5968778695"
        self.state = "open"
        self.login = BOT
        """Who writes with the token."""
        self.says_who: str | None = None
        """What `GET /user` answers; None: 403, as for the tokens of a workflow."""
        self.comments: list[Comment] = []
        self.failures: list[Failure] = []
        self.artifacts: list[Artifact] = []
        """Of every run."""
        self.pulls: list[tuple[int, str]] = []
        """Number and head of the open pull requests of any branch that is asked for."""
        self.downloads: list[str] = []
        """The Authorization of each download from the storage."""
        self.before: Callable[[Recorded], None] = lambda _: None
        """Called before each request is answered: something happens between two requests."""
        self.requests: list[Recorded] = []
        self.complaints: list[str] = []
        self.page = 100
        self._next = 1000
        self._lock = threading.Lock()
        self._server = ThreadingHTTPServer((host, 0), _handler(self))
        self.address = f"http://{host}:{self._server.server_port}"
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.01,), daemon=True)

    @contextmanager
    def running(self) -> Iterator["FakeGitHub"]:
        self._thread.start()
        try:
            yield self
        finally:
            self._server.shutdown()
            self._server.server_close()
            self._thread.join()

    def add(self, author: str, body: str) -> Comment:
        self._next += 1
        comment = Comment(self._next, author, body)
        self.comments.append(comment)
        return comment

    @property
    def writes(self) -> list[str]:
        return [each.method for each in self.requests if each.method != "GET" and 200 <= each.status < 300]

    def answer(self, method: str, path: str, query: dict[str, list[str]], body: Any) -> tuple[int, Any, dict[str, str]]:
        prefix = f"/repos/{self.repository}"
        if method == "GET" and path == "/user":
            if self.says_who is None:
                return 403, {"message": "Resource not accessible by integration"}, {}
            return 200, openapi.answer("GET", path, 200, login=self.says_who), {}
        if method == "GET" and path == f"{prefix}/pulls/{self.number}":
            return 200, self._pull(path), {}
        if path == f"{prefix}/issues/{self.number}/comments":
            return self._list(path, query) if method == "GET" else self._create(body)
        if method == "GET" and path == f"{prefix}/pulls":
            return 200, [self._head(path, *each) for each in self.pulls], {}
        if method == "GET" and re.fullmatch(re.escape(prefix) + r"/actions/runs/\d+/artifacts", path):
            return 200, self._artifacts(path, query), {}
        found = re.fullmatch(re.escape(prefix) + r"/actions/artifacts/(\d+)/zip", path)
        if found:
            return 302, None, {"Location": f"{self.address}/storage/{found.group(1)}"}
        found = re.fullmatch(re.escape(prefix) + r"/issues/comments/(\d+)", path)
        if found:
            return self._change(method, int(found.group(1)), body)
        return 404, {"message": "Not Found"}, {}

    def _head(self, path: str, number: int, sha: str) -> Any:
        made = openapi.item("GET", path, 200, number=number, state="open")
        made["head"] = made["head"] | {"sha": sha}
        return made

    def _artifacts(self, path: str, query: dict[str, list[str]]) -> Any:
        listed = [each for each in self.artifacts if each.name == query.get("name", [each.name])[0]]
        entry = openapi.DESCRIPTION["components"]["schemas"]["artifact"]
        made = [
            {key: openapi.smallest(entry["properties"][key]) for key in entry["required"]}
            | {
                "id": each.id,
                "name": each.name,
                "size_in_bytes": len(each.content) if each.size is None else each.size,
                "expired": False,
            }
            for each in listed
        ]
        return {"total_count": len(made), "artifacts": made}

    def _pull(self, path: str) -> Any:
        made = openapi.answer("GET", path, 200, number=self.number, state=self.state)
        made["head"] = made["head"] | {"sha": self.head}
        return made

    def _list(self, path: str, query: dict[str, list[str]]) -> tuple[int, Any, dict[str, str]]:
        size = min(int(query.get("per_page", ["30"])[0]), self.page)
        page = int(query.get("page", ["1"])[0])
        shown = self.comments[(page - 1) * size : page * size]
        headers = {}
        if page * size < len(self.comments):
            following = f"{self.address}{path}?per_page={size}&page={page + 1}"
            headers["Link"] = f'<{following}>; rel="next", <{self.address}{path}>; rel="last"'
        return 200, [self._shown(each) for each in shown], headers

    def _shown(self, comment: Comment) -> Any:
        path = f"/repos/{self.repository}/issues/{self.number}/comments"
        made = openapi.item("GET", path, 200, id=comment.id, body=comment.body, html_url=self.url(comment))
        user = openapi.answer("GET", "/user", 200)
        keys = openapi.DESCRIPTION["components"]["schemas"]["nullable-simple-user"]
        keys = keys.get("anyOf", [keys])[0]["required"]
        made["user"] = {key: user.get(key, "x") for key in keys} | {"login": comment.author}
        return made

    def url(self, comment: Comment) -> str:
        return f"https://github.com/{self.repository}/pull/{self.number}#issuecomment-{comment.id}"

    def _create(self, body: Any) -> tuple[int, Any, dict[str, str]]:
        if len(body["body"].encode("utf-16-le")) // 2 > LIMIT:
            return 422, {"message": "Validation Failed", "documentation_url": "x"}, {}
        return 201, self._shown(self.add(self.login, body["body"])), {}

    def _change(self, method: str, number: int, body: Any) -> tuple[int, Any, dict[str, str]]:
        comment = next((each for each in self.comments if each.id == number), None)
        if comment is None:
            return 404, {"message": "Not Found"}, {}
        if method == "DELETE":
            self.comments.remove(comment)
            return 204, None, {}
        if len(body["body"].encode("utf-16-le")) // 2 > LIMIT:
            return 422, {"message": "Validation Failed", "documentation_url": "x"}, {}
        comment.body = body["body"]
        return 200, self._shown(comment), {}

    def failure(self, method: str, path: str) -> Failure | None:
        for each in self.failures:
            if each.method == method and each.path in path and each.times > 0:
                each.times -= 1
                return each
        return None

    def handle(self, method: str, target: str, body: Any, authorization: str) -> tuple[int, Any, dict[str, str]]:
        with self._lock:
            parts = urlsplit(target)
            if parts.path.startswith("/storage/"):
                # No part of the API: another server, which must not see the token.
                self.downloads.append(authorization)
                stored = [each.content for each in self.artifacts if parts.path == f"/storage/{each.id}"]
                return (200, stored[0], {}) if stored else (404, None, {})
            recorded = Recorded(method, parts.path, body, authorization)
            self.requests.append(recorded)
            self.before(recorded)
            try:
                openapi.check_request(method, parts.path, body)
            except (LookupError, ValidationError, AssertionError) as error:
                self.complaints.append(f"{method} {parts.path}: {error}")
            failure = self.failure(method, parts.path)
            if failure is not None:
                recorded.status = failure.status
                return failure.status, {"message": failure.message}, failure.headers
            status, value, headers = self.answer(method, parts.path, parse_qs(parts.query), body)
            recorded.status = status
            try:
                openapi.check_answer(method, parts.path, status, value)
            except (LookupError, ValidationError) as error:
                self.complaints.append(f"our own answer to {method} {parts.path}: {error}")
            return status, value, headers


def _handler(github: FakeGitHub) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def _serve(self) -> None:
            length = int(self.headers.get("Content-Length", "0"))
            raw = self.rfile.read(length)
            body = json.loads(raw) if raw else None
            authorization = self.headers.get("Authorization", "")
            status, value, headers = github.handle(self.command, self.path, body, authorization)
            if status == 0:
                self.close_connection = True
                return
            content = b"" if value is None else value if isinstance(value, bytes) else json.dumps(value).encode()
            self.send_response(status)
            for name, text in headers.items():
                self.send_header(name, text)
            self.send_header("Content-Type", "application/json; charset=utf-8")
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)

        do_GET = do_POST = do_PATCH = do_DELETE = _serve  # noqa: N815 - the names that the standard library calls

        def log_message(self, *arguments: object) -> None:
            pass

    return Handler

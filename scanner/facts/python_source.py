"""What the project's own Python code says about its deployment. Nothing of it is imported or run.

Every property is read on first use: the files are searched for a few words, and only those that hold one are parsed.
Tests and migrations are left out; other files are kept, settings modules too (an error tracker is started there).
"""

import ast
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from functools import cached_property
from typing import Final, TypeVar

from scanner.facts.python_classes import RemoteUserClass, Serializer, remote_user_classes, serializer_in
from scanner.facts.python_forwarded import ForwardedRead, ItemTaken, forwarded_reads
from scanner.facts.python_modules import MAX_SOURCE, Modules, Unparsed
from scanner.facts.python_responses import AccelRedirect, accel_redirects, sendfile_calls
from scanner.facts.python_services import (
    ErrorTracker,
    Throttle,
    WebsocketPath,
    WebsocketRouting,
    error_trackers,
    throttles,
    websocket_paths,
    websocket_routings,
)
from scanner.facts.python_uploads import Upload, uploads
from scanner.model import Location, provider
from scanner.project import Project, Unreadable

__all__ = [
    "AccelRedirect",
    "ErrorTracker",
    "ForwardedRead",
    "ItemTaken",
    "PythonSource",
    "RemoteUserClass",
    "Serializer",
    "Throttle",
    "Upload",
    "WebsocketPath",
    "WebsocketRouting",
]

MOST_FILES: Final = 5000
MOST_PARSED: Final = 600
"""Files that are parsed for one question."""
_NOT_CODE: Final = frozenset({"tests", "test", "testing", "migrations", "docs", "doc"})

T = TypeVar("T")
Reader = Callable[[ast.Module, str], Iterable[T]]


@dataclass(frozen=True, eq=False)
class PythonSource:
    """The project's Python files, read when a rule asks."""

    modules: Modules

    @cached_property
    def paths(self) -> tuple[str, ...]:
        """The project's modules, without tests and migrations; the first 5,000 of them."""
        found = (path for path in self.modules.project.files if path.endswith(".py") and not _is_test(path))
        return tuple(path for path, _ in zip(found, range(MOST_FILES), strict=False))

    @property
    def cut(self) -> bool:
        """There are more files than are read."""
        return len(self.paths) == MOST_FILES

    @cached_property
    def forwarded_reads(self) -> tuple[ForwardedRead, ...]:
        """Where the code reads a header that proxies write, and which item of it; django-ipware's calls too."""
        words = ("X_FORWARDED", "X_REAL_IP", "X-Forwarded", "x-forwarded", "X-Real-I", "x-real-ip", "_CLIENT_IP")
        return self._read(forwarded_reads, *words, "CONNECTING_IP", "Connecting-IP", "HTTP_FORWARDED", "ipware")

    @cached_property
    def accel_redirects(self) -> tuple[AccelRedirect, ...]:
        """Answers that let nginx send a file, with the prefix of their URL."""
        return self._read(accel_redirects, "Accel-Redirect", "accel-redirect", "Accel-REDIRECT")

    @cached_property
    def sendfile_calls(self) -> tuple[Location, ...]:
        """Calls of django-sendfile's ``sendfile``; its settings say through what."""
        return self._read(sendfile_calls, "sendfile")

    @cached_property
    def remote_user_classes(self) -> tuple[RemoteUserClass, ...]:
        """Middleware and authentication classes that take the user's name from the server."""
        return self._read(remote_user_classes, "RemoteUser")

    @cached_property
    def error_trackers(self) -> tuple[ErrorTracker, ...]:
        """Where an error tracker is started, with its arguments."""
        return self._read(error_trackers, "sentry_sdk", "rollbar", "bugsnag", "honeybadger", "raven")

    @cached_property
    def websocket_routings(self) -> tuple[WebsocketRouting, ...]:
        """What the ASGI application hands websockets to, and what is wrapped around it."""
        return self._read(websocket_routings, "ProtocolTypeRouter")

    @cached_property
    def websocket_paths(self) -> tuple[WebsocketPath, ...]:
        """Routes to consumers: ``path("ws/chat/", ChatConsumer.as_asgi())``."""
        return self._read(websocket_paths, "as_asgi")

    @cached_property
    def throttles(self) -> tuple[Throttle, ...]:
        """Views that limit tries by a decorator or DRF's attributes."""
        return self._read(throttles, "ratelimit", "throttle_", "axes_dispatch", "watch_login", "limits_")

    @cached_property
    def uploads(self) -> tuple[Upload, ...]:
        """Fields that take files, of models, forms and serializers, and reads of ``request.FILES``."""
        return self._read(uploads, "FileField", "ImageField", ".FILES")

    def serializer(self, dotted: str) -> Serializer | None:
        """The class of that dotted name, and what its ``loads`` reaches; None where it is not the project's."""
        module, _, name = dotted.rpartition(".")
        path = self.modules.find(module) if module else None
        tree = self.modules.tree(path) if path else None
        return serializer_in(tree, path, name) if path and isinstance(tree, ast.Module) else None

    def holding(self, *words: str) -> Iterator[str]:
        """The paths of the files that hold one of these words."""
        for path in self.paths:
            try:
                text = self.modules.project.read_text(path, MAX_SOURCE)
            except Unreadable:
                continue
            if any(word in text for word in words):
                yield path

    def _read(self, reader: Reader[T], *words: str) -> tuple[T, ...]:
        found: list[T] = []
        for path, _ in zip(self.holding(*words), range(MOST_PARSED), strict=False):
            tree = self.modules.tree(path)
            if not isinstance(tree, Unparsed):
                found.extend(reader(tree, path))
        return tuple(found)


def _is_test(path: str) -> bool:
    *directories, name = path.split("/")
    return (
        not _NOT_CODE.isdisjoint(directories)
        or name.startswith("test_")
        or name.endswith("_test.py")
        or name in {"conftest.py", "tests.py"}
    )


@provider()
def python_source(project: Project) -> PythonSource:
    """The project's Python files; nothing is read yet."""
    return PythonSource(Modules(project))

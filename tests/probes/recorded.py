"""A stack that answers from a recording: probes run on it as they do on a real one, without an engine.

A recording is a file of one JSON object a line: the first describes the stack, the settings and the URL configuration,
every other line is a question (door, raw request, SNI) with its answer. ``record.py`` writes them. A question that is
not in the recording is an error, so that a probe that asks something new is recorded anew.
"""

import base64
import dataclasses
import functools
import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, TypeVar

from scanner.engine import Facts, discover_providers
from scanner.facts.app_servers import AppServers
from scanner.facts.live_stack import Canary, Edge, LiveStack, PlacementKind, Site, Stub
from scanner.facts.nginx import Nginx
from scanner.facts.python_source import PythonSource
from scanner.facts.resolved_classes import Cors
from scanner.facts.settings import Json, MiddlewareClass, Route, Settings, Urlconf, Value
from scanner.model import (
    Cause,
    Door,
    Exchange,
    Layer,
    Location,
    NoResponse,
    Options,
    Progress,
    ProviderSpec,
    Reads,
    Request,
    Response,
    Silent,
    Tls,
    Unavailable,
)
from scanner.project import Checkout, Project, find_projects, read_checkout

T = TypeVar("T")
Recorded = Response | NoResponse | None
"""None: the recording has no such question."""
Change = Callable[[Request, Recorded], Recorded]

RECORDINGS = Path(__file__).parent / "recordings"
PROJECTS = Path(__file__).parent.parent.parent / "fixtures" / "projects"
NONCE = "0123456789abcdef"
"""In place of every recording's own."""
EVIL = f"evil-{NONCE}.test"
CLIENT_HEADERS = ("User-Agent: Mozilla/5.0 (compatible; seatrial)", "Accept: text/html,*/*;q=0.8", "Connection: close")


def question_of(request: Request) -> str:
    """What identifies a request: door, SNI and bytes, without the headers that every request has."""
    head, _, body = request.raw.decode("latin-1").partition("\r\n\r\n")
    lines = [line for line in head.split("\r\n") if line not in CLIENT_HEADERS]
    kind = "connect" if request.reads is Reads.CONNECT_ONLY else " | ".join([*lines, *([body] if body else [])])
    offer = "".join(f" {name}={value}" for name, value in _offer(request) if value)
    return f"{request.door} sni={request.sni}{offer} {kind}"


def _offer(request: Request) -> tuple[tuple[str, str], ...]:
    return (("tls", request.tls_version), ("ciphers", request.ciphers))


class RecordedStack:
    """A sender that answers from a recording. Implements ``scanner.facts.live_stack.Sender``."""

    def __init__(
        self,
        answers: Mapping[str, Response | NoResponse],
        change: Change | None = None,
        more: Mapping[str, tuple[Response, ...]] | None = None,
        tls: Mapping[str, Tls] | None = None,
    ) -> None:
        """``change`` may put another answer in place of a recorded one, or where there is none; None leaves it.

        ``more``: what else came on the same connection; ``tls``: what a handshake with one offer agreed on.
        """
        self.tls = tls or {}
        self.answers = answers
        self.more = more or {}
        self.change = change
        self.done: list[Exchange] = []

    def send(self, probe: str, request: Request) -> Exchange:
        (one,) = self.send_all(probe, (request,))
        return one

    def send_all(self, probe: str, requests: tuple[Request, ...]) -> tuple[Exchange, ...]:
        exchanges = []
        for request in requests:
            recorded = self.answers.get(question_of(request))
            answer = (self.change(request, recorded) if self.change is not None else None) or recorded
            if answer is None:
                message = f"not recorded: {question_of(request)}"
                raise AssertionError(message)
            more = self.more.get(question_of(request), ()) if answer is recorded else ()
            tls = self.tls.get(question_of(request)) if answer is recorded else None
            exchanges.append(Exchange(len(self.done) + 1, probe, request, answer, more, tls))
            self.done.append(exchanges[-1])
        return tuple(exchanges)

    @property
    def finished(self) -> tuple[Exchange, ...]:
        return tuple(self.done)


@dataclasses.dataclass(frozen=True)
class Recording:
    """One file."""

    project: str
    live: LiveStack
    settings: Settings
    urlconf: Urlconf
    answers: Mapping[str, Response | NoResponse]
    more: Mapping[str, tuple[Response, ...]]
    tls: Mapping[str, Tls]


@functools.cache
def recording(name: str) -> Recording:
    first, *lines = (RECORDINGS / f"{name}.jsonl").read_text(encoding="utf-8").splitlines()
    head = json.loads(first)
    asked = [json.loads(line) for line in lines]
    answers = {one["ask"]: _answer(one) for one in asked}
    more = {one["ask"]: tuple(map(_response, one["more"])) for one in asked if "more" in one}
    tls = {one["ask"]: Tls(one["tls"]["version"], one["tls"]["cipher"]) for one in asked if "tls" in one}
    return Recording(
        name,
        _live(head["live"], RecordedStack(answers, more=more, tls=tls)),
        _settings(head["settings"]),
        _urlconf(head["urlconf"]),
        answers,
        more,
        tls,
    )


def _answer(one: dict[str, Any]) -> Response | NoResponse:
    if "cause" in one:
        return NoResponse(Cause(one["cause"]))
    return _response(one)


def _response(one: dict[str, Any]) -> Response:
    body = base64.b64decode(one["base64"]) if "base64" in one else one["body"].encode()
    return Response("1.1", one["status"], "", tuple((name, value) for name, value in one["headers"]), body)


def _live(found: dict[str, Any], sender: RecordedStack) -> LiveStack:
    doors = tuple(Door(one["scheme"], one["address"], one["port"]) for one in found.pop("doors"))
    site = found.pop("site")
    return LiveStack(
        **{
            **found,
            "doors": doors,
            "site": Site(site["name"], tuple(site["names"]), Edge(site["edge"])),
            "canaries": tuple(Canary(**one) for one in found["canaries"]),
            "stubs": tuple(Stub(one["kind"], one["what"], one["why"]) for one in found["stubs"]),
            "placement": PlacementKind(found["placement"]),
            "app_addresses": tuple(found["app_addresses"]),
            "notes": tuple(found["notes"]),
            "sender": sender,
        }
    )


def _settings(found: dict[str, Any]) -> Settings:
    values: dict[str, Json] = found["values"]
    return Settings(
        module=found["module"],
        module_path=None,
        django_version="5.2",
        python_version="3.13",
        values={name: Value(type(value).__name__, value) for name, value in values.items()},
        explicit=frozenset(found["explicit"]),
        middleware=tuple(MiddlewareClass(path, (path,)) for path in found["middleware"]),
        installed_apps=tuple(found["installed_apps"]),
    )


def _urlconf(found: dict[str, Any]) -> Urlconf:
    routes = tuple(Route(pattern, "", "", "") for pattern in found["routes"])
    return Urlconf(routes, tuple(found["admin_prefixes"]), tuple(found["login_paths"]))


@functools.cache
def _providers() -> Mapping[type, ProviderSpec]:
    return discover_providers()


@functools.cache
def _files(project: str) -> Mapping[type, object]:
    """What the files of a project say, read once."""
    checkout = read_checkout(PROJECTS / project)
    (found,) = find_projects(checkout, ())
    given: dict[type, object] = {Project: found, Checkout: checkout, Options: Options(), Progress: Silent()}
    known = Facts(_providers(), given, (Layer.FILES,))
    for kind in (Nginx, AppServers):
        try:
            given[kind] = known.get(kind)
        except Unavailable as error:
            given[kind] = error
    return given


def facts(
    name: str,
    change: Change | None = None,
    settings: Mapping[str, Json] | None = None,
    cors: Cors | None = None,
    python: PythonSource | None = None,
    **live: object,
) -> Facts:
    """The facts of a recorded project: files read anew, boot and stack from the recording.

    ``change`` puts other answers in place, ``settings`` other values, the rest other fields of the LiveStack.
    """
    taken = recording(name)
    values = {**taken.settings.values, **{key: Value(type(one).__name__, one) for key, one in (settings or {}).items()}}
    sender = RecordedStack(taken.answers, change, taken.more, taken.tls)
    given: dict[type, object] = {
        **_files(taken.project),
        LiveStack: dataclasses.replace(taken.live, sender=sender, **live),  # type: ignore[arg-type]  # any field
        Settings: dataclasses.replace(taken.settings, values=values, cors=cors),
        Urlconf: taken.urlconf,
    }
    if python is not None:
        given[PythonSource] = python
    return Facts(_providers(), given, tuple(Layer))


def place(location: Location | None) -> tuple[str, int] | None:
    return None if location is None else (location.path, location.line)


def page(text: str = "", status: int = 200, *headers: tuple[str, str]) -> Response:
    return Response("1.1", status, "", headers, text.encode())


def target_of(request: Request) -> str:
    """The request target as it goes out; empty where nothing is asked."""
    words = request.raw.split(b"\r\n", 1)[0].decode("latin-1").split(" ")
    return words[1] if len(words) == 3 else ""

"""What a server or location answers: redirect, fixed answer, refusal, application, files."""

import enum
import re
from dataclasses import dataclass
from typing import Final

from scanner.nginx.blocks import IfBlock, LocationBlock, Server
from scanner.nginx.destinations import PASS_KINDS
from scanner.nginx.handlers import Definitions, Files, Other, Proxy, Return, handler_of, return_of
from scanner.nginx.levels import Level
from scanner.nginx.patterns import matches_everything, search
from scanner.nginx.tree import Directive
from scanner.nginx.values import MapBlock, names_in

_REDIRECTS: Final = frozenset({301, 302, 303, 307, 308})
_HTTPS_TARGET: Final = re.compile(r"https://", re.IGNORECASE)
_HTTP_TARGET: Final = re.compile(r"http://", re.IGNORECASE)
_HOST: Final = re.compile(r"(?:[a-z$][a-z0-9+.\-]*:)?//(?P<host>[^/?#]*)", re.IGNORECASE)
_PATH_VARIABLE: Final = re.compile(r"\$\{?(?:request_uri|uri|document_uri|is_args|args|\d)")
_MAX_STEPS: Final = 6


@dataclass(frozen=True)
class RequestShape:
    """What is known of a request; the empty text and None mean: anything."""

    tls: bool
    host: str = ""
    port: int | None = None
    path: str | None = None


@dataclass(frozen=True)
class Redirect:
    """A redirect by nginx."""

    status: int
    target: str
    directive: Directive
    request: RequestShape

    @property
    def https(self) -> bool | None:
        """Whether it leads to https; None when a variable decides."""
        if _HTTPS_TARGET.match(self.target):
            return True
        if _HTTP_TARGET.match(self.target):
            return False
        if self.target.startswith(("$scheme://", "${scheme}://", "/")):
            return self.request.tls
        return None

    @property
    def host(self) -> str:
        """The host part of the target as written: ``$host``, ``shop.example``; empty for a bare path."""
        found = _HOST.match(self.target)
        return "" if found is None else _PATH_VARIABLE.split(found["host"], maxsplit=1)[0]


@dataclass(frozen=True)
class Fixed:
    """A status, perhaps with a text, by nginx itself."""

    status: int
    text: str
    directive: Directive

    @property
    def refuses(self) -> bool:
        """Whether the client gets nothing: a 4xx, or 444, the closed connection."""
        return 400 <= self.status < 500


@dataclass(frozen=True)
class Denied:
    """``deny all`` keeps everybody, or everybody but the addresses before it, out."""

    directive: Directive
    everybody: bool


@dataclass(frozen=True)
class Proxied:
    """The application answers."""

    handler: Proxy


@dataclass(frozen=True)
class Served:
    """A file answers."""

    handler: Files


@dataclass(frozen=True)
class Handled:
    """Another module answers."""

    directive: Directive


Reply = Redirect | Fixed | Denied | Proxied | Served | Handled


def replies(place: Server | LocationBlock, request: RequestShape, known: Definitions) -> tuple[Reply, ...]:
    """Everything that a place may answer to such a request, each answer once, in the order in which nginx gets there.

    Several when an ``if`` cannot be decided from what is known of the request, or when ``try_files`` may go on.
    """
    evaluation = _Evaluation(request, known)
    evaluation.run(place)
    return tuple(dict.fromkeys(evaluation.found))


class _Flow(enum.Enum):
    """Where requests are behind a directive of the rewrite module."""

    GOES_ON = "the next directive"
    ANSWERED = "nothing: all of them are answered"
    LEFT = "out of the rewrite phase"
    SOME_LEFT = "out of the rewrite phase for some, the next directive for others"


class _Evaluation:
    """One request on its way through the rewrite, access and content phases; collects what may answer."""

    def __init__(self, request: RequestShape, known: Definitions) -> None:
        self.request = request
        self.known = known
        self.found: list[Reply] = []
        self.values: dict[str, tuple[str, ...]] = {}
        """What ``set`` has filled so far; several values when a condition was not known."""
        self.steps = 0

    def run(self, place: Server | LocationBlock) -> None:
        if isinstance(place, Server):
            if not self._rewrite(place):
                self._content(place)
        elif not self._rewrite(place.server):
            self._location(place)

    def _location(self, place: LocationBlock) -> None:
        self.steps += 1
        if not self._rewrite(place):
            self._content(place)

    def _rewrite(self, level: Level) -> bool:
        """The directives of the rewrite module, in order; whether they answer every request."""
        some_left = False
        for directive in level.own("return", "rewrite", "set", "break", "if"):
            match self._step(directive, level):
                case _Flow.ANSWERED:
                    return not some_left
                case _Flow.LEFT:
                    return False
                case _Flow.SOME_LEFT:
                    some_left = True
                case _Flow.GOES_ON:
                    continue
        return False

    def _step(self, directive: Directive, level: Level) -> "_Flow":
        match directive.name:
            case "return" | "rewrite":
                if self._end(directive) and not directive.conditional:
                    return _Flow.ANSWERED
            case "set":
                self._set(directive, certain=True)
            case "break":
                return _Flow.LEFT
            case "if":
                return self._if(directive, level)
            case _:
                pass
        return _Flow.GOES_ON

    def _end(self, directive: Directive) -> bool:
        """Take the answer of a ``return`` or ``rewrite``; whether it answers every request that comes here."""
        returned = return_of(directive)
        if returned is None:
            return False
        fits: bool | None = True
        if directive.name == "rewrite" and not matches_everything(directive.arg(0)):
            path = self.request.path
            fits = None if path is None else search(directive.arg(0), path)
        if fits is False:
            return False
        self.found.append(self._reply(returned))
        return fits is True

    def _reply(self, returned: Return) -> Reply:
        if returned.status in _REDIRECTS and returned.target:
            return Redirect(returned.status, returned.target, returned.directive, self.request)
        return Fixed(returned.status, returned.target or "", returned.directive)

    def _if(self, directive: Directive, level: Level) -> "_Flow":
        """Take what an ``if`` may answer, and say what becomes of the requests."""
        block = next((item for item in _ifs(level) if item.opener is directive), None)
        holds = False if block is None else self._holds(block.condition)
        if block is None or holds is False:
            return _Flow.GOES_ON
        answered = _Flow.ANSWERED if holds else _Flow.GOES_ON
        for inside in block.directives:
            if inside.name in {"return", "rewrite"}:
                if self._end(inside):
                    return answered
            elif inside.name == "set":
                self._set(inside, certain=holds is True)
            elif inside.name == "break":
                return _Flow.LEFT if holds else _Flow.SOME_LEFT
        if isinstance(level, LocationBlock) and any(block.own(f"{kind}_pass") for kind in PASS_KINDS):
            self._content(block)
            return answered
        return _Flow.GOES_ON

    def _set(self, directive: Directive, *, certain: bool) -> None:
        name = directive.arg(0).removeprefix("$")
        expanded = self._expand(directive.arg(1))
        new = ("",) if expanded is None else expanded
        if expanded is None:
            self.values[name] = ()
        elif certain:
            self.values[name] = new
        else:
            self.values[name] = tuple(dict.fromkeys((*self.values.get(name, ("",)), *new)))

    def _expand(self, text: str) -> tuple[str, ...] | None:
        """The values that a text can have, or None when nobody knows."""
        results: tuple[str, ...] = (text,)
        for name in names_in(text):
            choices = self._variable(name)
            if choices is None or len(results) * len(choices) > 16:
                return None
            results = tuple(
                result.replace(f"${{{name}}}", choice).replace(f"${name}", choice)
                for result in results
                for choice in choices
            )
        return results

    def _variable(self, name: str) -> tuple[str, ...] | None:
        request = self.request
        if name in self.values:
            return self.values[name] or None
        block = self.known.maps.get(name)
        if block is not None:
            return self._mapped(block)
        match name:
            case "scheme":
                return ("https" if request.tls else "http",)
            case "https":
                return ("on" if request.tls else "",)
            case "host" | "http_host" if request.host:
                return (request.host,)
            case "server_port" if request.port is not None:
                return (str(request.port),)
            case "uri" | "document_uri" | "request_uri" if request.path is not None:
                return (request.path,)
        return None

    def _mapped(self, block: MapBlock) -> tuple[str, ...] | None:
        sources = self._expand(block.source)
        if sources is None or block.kind != "map" or any(key.startswith("~") for key, _ in block.entries):
            return None
        table = {key.lower(): value for key, value in block.entries}
        values = tuple(table.get(source.lower(), block.default) for source in sources)
        return None if any("$" in value for value in values) else values

    def _holds(self, condition: tuple[str, ...]) -> bool | None:
        """Whether a condition of ``if`` is true; None when what is known does not say."""
        if not condition or not condition[0].startswith("$"):
            return None
        values = self._expand(condition[0])
        if values is None:
            return None
        answers = {_compare(value, condition[1:]) for value in values}
        return answers.pop() if len(answers) == 1 else None

    def _content(self, level: Level) -> None:
        denied = _denial(level)
        if denied is not None:
            self.found.append(denied)
            if denied.everybody:
                return
        match handler_of(level, self.known):
            case Proxy() as proxy:
                self.found.append(Proxied(proxy))
            case Other(directive):
                self.found.append(Handled(directive))
            case Files() as files:
                self.found.append(Served(files))
            case Return():  # the rewrite phase has answered, or a template may leave it out
                self.found.append(Served(Files(level.effective("root").value)))
        self._fallback(level)

    def _fallback(self, level: Level) -> None:
        """Where ``try_files`` goes when there is no file."""
        found = level.effective("try_files").value
        if found is None or len(found.args) < 2 or self.steps >= _MAX_STEPS:
            return
        last = found.args[-1]
        if last.startswith("=") and last[1:].isdecimal():
            self.found.append(Fixed(int(last[1:4]), "", found))
        elif last.startswith("@") and isinstance(level, Server | LocationBlock):
            server = level if isinstance(level, Server) else level.server
            for place in server.locations:
                if place.named and place.pattern == last:
                    self._location(place)


def _ifs(level: Level) -> tuple[IfBlock, ...]:
    return level.ifs if isinstance(level, Server | LocationBlock) else ()


def _compare(value: str, test: tuple[str, ...]) -> bool | None:
    match test:
        case ():
            return value not in {"", "0"}
        case ("=" | "!=" as operator, other) if "$" not in other:
            return (value == other) == (operator == "=")
        case ("~" | "~*" | "!~" | "!~*" as operator, pattern):
            found = search(pattern, value, ignore_case=operator.endswith("*"))
            return None if found is None else found != operator.startswith("!")
        case _:
            return None


def _denial(level: Level) -> Denied | None:
    """The ``deny all`` that holds on a level, if nobody or only named addresses are let in before it."""
    if level.effective("satisfy").text == "any":
        return None
    allowed = False
    for rule in level.effective("allow").values:
        if rule.name == "deny" and rule.arg(0) == "all":
            return Denied(rule, everybody=not allowed)
        if rule.name == "allow":
            if rule.arg(0) == "all":
                return None
            allowed = True
    return None

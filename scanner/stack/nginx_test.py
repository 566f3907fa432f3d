"""What nginx says of a configuration: its messages, each with whose fault it is and its place in the repository.

The words are nginx's own (``src/core/ngx_conf_file.c`` and the modules). A message about something that the nginx at
hand lacks, or that we built, is never held against the project.
"""

import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Final

from scanner.facts.proxy_test import Message, MessageClass
from scanner.model import Location, clean
from scanner.stack.nginx_directives import NginxBuild

_LINE: Final = re.compile(
    r"(?:nginx: |\d{4}/\d\d/\d\d \d\d:\d\d:\d\d )?\[(?P<level>warn|error|crit|alert|emerg|notice)\] "
    r"(?:\d+#\d+: )?(?:\*\d+ )?(?P<text>.*)"
)
_OF_A_REQUEST: Final = re.compile(
    r", client: .*, server: | while (?:reading|sending|connecting|SSL handshaking|logging)"
)
_PLACE: Final = re.compile(r"(?P<text>.*?),? in (?P<path>/\S+?):(?P<line>\d{1,7})\Z")
_VERSION: Final = re.compile(r"nginx version: \S*?/(\d+\.\d+\.\d+)")
_ARGUMENTS: Final = re.compile(r"configure arguments:(.*)")
_UNKNOWN_DIRECTIVE: Final = re.compile(r'unknown directive "([^"]*)"')
_MAX_MESSAGES: Final = 200

_Pattern = tuple[re.Pattern[str], MessageClass]


def _pattern(text: str, kind: MessageClass) -> _Pattern:
    return re.compile(text), kind


_PATTERNS: Final = (
    _pattern(r"initgroups\(.*\) failed|set(?:g|u)id\(.*\) failed", MessageClass.HARMLESS),
    _pattern(r'the "user" directive makes sense only', MessageClass.HARMLESS),
    _pattern(r"^getrlimit|^setrlimit|worker_connections exceed open file", MessageClass.HARMLESS),
    _pattern(r"requires ngx_http_v3_module|requires ngx_http_ssl_module|dlopen\(\)|is not binary compatible|"
             r'module "[^"]*" version', MessageClass.NOT_CHECKED),
    _pattern(r"socket\(\) .* failed \(97:", MessageClass.ENVIRONMENT),
    _pattern(r"host not found in|getpwnam\(|getgrnam\(|zero size shared memory zone|unknown log format|"
             r'zone "[^"]*" is unknown|unknown "[^"]*" variable|cannot load certificate|'
             # An error of the system is one of the world around the file, and that world is ours.
             r"\(\) .* failed \(\d+: |no resolver defined|mkdir\(\) |could not build", MessageClass.OURS),
    _pattern(r"bind\(\) to .* failed", MessageClass.OURS),
    _pattern(r"still could not bind", MessageClass.OURS),
)  # fmt: skip


@dataclass(frozen=True)
class Saying:
    """One line of nginx, not judged yet."""

    level: str
    text: str
    path: str | None
    line: int | None

    @property
    def fatal(self) -> bool:
        """nginx does not start because of it."""
        return self.level in {"emerg", "crit", "alert"}


@dataclass(frozen=True)
class Context:
    """What must be known to tell whose fault a message is."""

    build: NginxBuild
    sources: Mapping[str, str]
    """Path in the sandbox -> path in the repository, of the project's files."""
    complete: bool
    """The project's own ``nginx.conf`` is among them: nothing at the http level can be missing by our fault."""
    place_of: Callable[[str], Location | None]
    """The first place of a text in the project's files, for messages without a line."""


def build_of(output: str) -> NginxBuild | None:
    """The nginx at hand, from the output of ``nginx -V``; None where it printed nothing of the kind."""
    version, arguments = _VERSION.search(output), _ARGUMENTS.search(output)
    return NginxBuild(version[1], arguments[1] if arguments else "") if version else None


def sayings(output: str) -> tuple[Saying, ...]:
    """All messages about the configuration in an output, each once, in order; nginx says the fatal one twice."""
    found: dict[Saying, None] = {}
    for line in output.splitlines():
        match = _LINE.search(line)
        if match is None or match["level"] == "notice" or _OF_A_REQUEST.search(match["text"]):
            continue
        placed = _PLACE.match(match["text"])
        text = clean(placed["text"] if placed else match["text"])
        saying = Saying(
            match["level"], text, placed["path"] if placed else None, int(placed["line"]) if placed else None
        )
        if len(found) < _MAX_MESSAGES:
            found.setdefault(saying)
    return tuple(found)


def judged(saying: Saying, context: Context) -> Message:
    """The message with its class and its place in the repository."""
    kind = _kind(saying, context)
    return Message(saying.level, saying.text, _location(saying, context), kind)


def judged_all(found: Iterable[Saying], context: Context) -> tuple[Message, ...]:
    """All of them."""
    return tuple(judged(saying, context) for saying in found)


def unknown_directive(saying: Saying) -> str | None:
    """The directive that nginx does not know."""
    match = _UNKNOWN_DIRECTIVE.search(saying.text)
    return match[1] if match else None


def _kind(saying: Saying, context: Context) -> MessageClass:
    directive = unknown_directive(saying)
    if directive is not None:
        return MessageClass.NOT_CHECKED if context.build.lacks(directive) else _project_or_ours(saying, context)
    for pattern, kind in _PATTERNS:
        if pattern.search(saying.text):
            at_http_level = re.search(r"zone|log format|variable", saying.text) and kind is MessageClass.OURS
            return _project_or_ours(saying, context) if at_http_level and context.complete else kind
    if not saying.fatal:
        return MessageClass.EVIDENCE
    return _project_or_ours(saying, context)


def _project_or_ours(saying: Saying, context: Context) -> MessageClass:
    """A fault in a file of ours is our fault; a message without a file is about the project's."""
    if saying.path is None or saying.path in context.sources:
        return MessageClass.FINDING
    return MessageClass.OURS


def _location(saying: Saying, context: Context) -> Location | None:
    if saying.path is not None and saying.line is not None:
        source = context.sources.get(saying.path)
        return Location(source, saying.line) if source else None
    quoted = re.findall(r'"([^"]+)"', saying.text)
    for text in quoted:
        place = context.place_of(text)
        if place is not None:
            return place
    return None

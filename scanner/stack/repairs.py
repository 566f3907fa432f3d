"""What is changed in the sandbox when nginx refuses a configuration for want of something that is not the project's.

Directives that the nginx at hand cannot know are blanked in the sandbox's copy, in one pass over all of them; what our
surroundings lacked is added. Rules judge the original.
"""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Final

from scanner.facts.live_stack import Stub
from scanner.facts.proxy_test import Message, MessageClass
from scanner.model import clean
from scanner.nginx.lexer import Kind, tokens
from scanner.nginx.tree import Directive, ParsedFile, walk
from scanner.sandbox.interface import File
from scanner.stack.nginx_directives import NginxBuild
from scanner.stack.nginx_test import Saying, unknown_directive
from scanner.stack.overlay import ProxyRoot

_FILE: Final = re.compile(r'open\(\) "(?P<path>/[^"]+)" failed \(2:')
_HOST: Final = re.compile(r'host not found in (?:upstream )?"(?P<host>[\w.-]+)')
_USER: Final = re.compile(r'get(?:pw|gr)nam\("(?P<name>[\w.-]+)"\)')


@dataclass(frozen=True)
class Repairs:
    """All changes so far."""

    blanked: Mapping[tuple[str, int], tuple[Directive, str]]
    """(path on the server, offset) -> the directive and why."""
    files: tuple[str, ...] = ()
    hosts: tuple[str, ...] = ()
    users: tuple[str, ...] = ()

    @property
    def stubs(self) -> tuple[Stub, ...]:
        """The changes, for the report."""
        blanked = [
            Stub("not-checked", clean(item.text)[:200], why, item.location) for item, why in self.blanked.values()
        ]
        return (
            *blanked,
            *(Stub("file", path, "nginx opens it and it is not in the repository") for path in self.files),
            *(Stub("host", host, "nginx looks it up") for host in self.hosts),
            *(Stub("user", user, "nginx becomes it") for user in self.users),
        )


def repaired(
    repairs: Repairs, saying: Saying, message: Message, placed: Mapping[str, ParsedFile], build: NginxBuild
) -> Repairs | None:
    """The repairs with one more for this message; None when nothing can be done, or was done already."""
    match message.kind:
        case MessageClass.NOT_CHECKED:
            known = unknown_directive(saying) is not None
            more = dict(
                _lacking(placed, build) if known else _at(saying, placed, f"nginx {build.version}: {saying.text}")
            )
        case MessageClass.ENVIRONMENT:
            more = dict(_listening_on_ipv6(placed))
        case MessageClass.OURS:
            return _supplied(repairs, saying)
        case _:
            return None
    new = {key: value for key, value in more.items() if key not in repairs.blanked}
    return replace(repairs, blanked={**repairs.blanked, **new}) if new else None


def _lacking(
    placed: Mapping[str, ParsedFile], build: NginxBuild
) -> Iterator[tuple[tuple[str, int], tuple[Directive, str]]]:
    """Every directive that the nginx at hand cannot know."""
    for path, parsed in placed.items():
        for item in walk(parsed.directives):
            why = build.lacks(item.name)
            if why:
                yield (path, item.start), (item, f"nginx {build.version} does not know it: {why}")


def _at(
    saying: Saying, placed: Mapping[str, ParsedFile], why: str
) -> Iterator[tuple[tuple[str, int], tuple[Directive, str]]]:
    """The directive at the place of a message."""
    parsed = placed.get(saying.path or "")
    for item in walk(parsed.directives) if parsed else ():
        if item.head_line == saying.line:
            yield (saying.path or "", item.start), (item, why)
            return


def _listening_on_ipv6(placed: Mapping[str, ParsedFile]) -> Iterator[tuple[tuple[str, int], tuple[Directive, str]]]:
    for path, parsed in placed.items():
        for item in walk(parsed.directives):
            if item.name == "listen" and item.arg(0).startswith("["):
                yield (path, item.start), (item, "there is no IPv6 in this sandbox")


def _supplied(repairs: Repairs, saying: Saying) -> Repairs | None:
    """Add the file, host or user that a message misses."""
    file, host, user = _FILE.search(saying.text), _HOST.search(saying.text), _USER.search(saying.text)
    if file and file["path"] not in repairs.files:
        return replace(repairs, files=(*repairs.files, file["path"]))
    if host and host["host"] not in repairs.hosts:
        return replace(repairs, hosts=(*repairs.hosts, host["host"]))
    if user and user["name"] not in repairs.users:
        return replace(repairs, users=(*repairs.users, user["name"]))
    return None


def apply(repairs: Repairs, root: ProxyRoot) -> ProxyRoot:
    """The file system with the repairs in it."""
    files = []
    for file in root.files:
        blanked = [item for (path, _), (item, _) in repairs.blanked.items() if path == file.target]
        files.append(replace(file, content=_blank(blanked)) if blanked else file)
    files += [File(path, b"") for path in repairs.files]
    return replace(root, files=tuple(files), users=(*root.users, *repairs.users), stubs=(*root.stubs, *repairs.stubs))


def _blank(directives: list[Directive]) -> bytes:
    """The directives' file with spaces in their place: lines and columns of everything else stay."""
    text = directives[0].source.text
    for item in directives:
        end = end_of(item)
        text = text[: item.start] + re.sub(r"[^\r\n]", " ", text[item.start : end]) + text[end:]
    return text.encode()


def end_of(directive: Directive) -> int:
    """The offset after a directive: after its ``;``, or after the brace that closes its block."""
    depth = 0
    for token in tokens(directive.source.masked.text[directive.start :]):
        if token.kind is Kind.OPEN:
            depth += 1
        elif token.kind is Kind.CLOSE:
            depth -= 1
        if depth == 0 and token.kind in {Kind.END, Kind.CLOSE}:
            return directive.start + token.end
    return len(directive.source.text)

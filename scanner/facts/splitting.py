"""Lines of an nginx configuration through which a path can write line ends into a header or a request line.

What nginx does was tried on 1.22: ``$uri`` and ``$document_uri`` are decoded and copied as they are; so are captures of
the decoded path, by number or name, but for the numbers that a redirecting ``rewrite`` captures itself (it encodes
those). A dot matches a carriage return, but no line feed.
"""

import enum
from collections.abc import Iterator
from dataclasses import dataclass

from scanner.facts.answering import answering_levels, answers_itself
from scanner.model import Location
from scanner.nginx.blocks import is_redirect
from scanner.nginx.captures import Leaf, admits, anchored, groups, leaves
from scanner.nginx.effective import Configuration, Directive, Level, LocationBlock, Modifier, Server

DECODED = frozenset({"uri", "document_uri"})


class Into(enum.StrEnum):
    """What a line end in the path ends."""

    REDIRECT = "the `Location` of a redirect"
    ANSWER = "a header of the answer"
    REQUEST_LINE = "the request line to the application"
    REQUEST = "a header to the application"


@dataclass(frozen=True)
class Splitting:
    """One line that puts the client's line ends where they count."""

    level: Level
    location: LocationBlock | None
    """None at the level of a server."""
    server: Server
    directive: Directive
    leaf: Leaf
    """The variable through which they get there."""
    into: Into
    line_end: str
    """The character that is enough to end the line there."""


@dataclass(frozen=True)
class _Use:
    """A directive that puts a text into a header or a request line."""

    directive: Directive
    text: str
    into: Into
    line_ends: str = "\n\r"
    """What ends a line for whoever reads it.

    Chromium splits the head of an answer at a lone carriage return, too (``HttpUtil::AssembleRawHeaders``);
    applications refuse one.
    """


def splittings(configuration: Configuration) -> Iterator[Splitting]:
    """All of a configuration, each line once."""
    seen: set[Location] = set()
    for level, location in answering_levels(configuration):
        server = location.server if location is not None else _server_of(level)
        if server is None:
            continue
        for use in _uses(configuration, level):
            if "$" not in use.text or use.directive.location in seen:
                continue
            found = next(
                (
                    (leaf, end)
                    for end in use.line_ends
                    if (leaf := _open_leaf(configuration, level, location, use, end)) is not None
                ),
                None,
            )
            if found is not None:
                seen.add(use.directive.location)
                yield Splitting(level, location, server, use.directive, found[0], use.into, found[1])


def _server_of(level: Level) -> Server | None:
    return next((one for one in level.outward if isinstance(one, Server)), None)


def _uses(configuration: Configuration, level: Level) -> Iterator[_Use]:
    for directive in level.own("return", "rewrite"):
        target = _return_target(directive) if directive.name == "return" else _rewrite_target(directive)
        if target is not None:
            yield _Use(directive, target, Into.REDIRECT)
    if isinstance(level, Server) and not answers_itself(configuration, level):
        return
    for directive in level.effective("error_page").values:
        if directive.args and "://" in directive.args[-1]:
            yield _Use(directive, directive.args[-1], Into.REDIRECT)
    for directive in level.effective("add_header").values:
        yield _Use(directive, directive.arg(1), Into.ANSWER)
    yield from _sent_on(configuration, level)


def _sent_on(configuration: Configuration, level: Level) -> Iterator[_Use]:
    proxy = configuration.proxy(level)
    if proxy is None or proxy.kind != "proxy":
        return
    yield _Use(proxy.directive, proxy.directive.arg(0), Into.REQUEST_LINE, "\n")
    for directive in level.effective("proxy_set_header").values:
        yield _Use(directive, directive.arg(1), Into.REQUEST, "\n")


def _rewrite_target(directive: Directive) -> str | None:
    return directive.arg(1) if is_redirect(directive) else None


def _return_target(directive: Directive) -> str | None:
    """The address of a redirect; None for an answer with a text."""
    first = directive.arg(0)
    if first in {"301", "302", "303", "307", "308"}:
        return directive.arg(1)
    return first if not first.isdecimal() else None


def _open_leaf(
    configuration: Configuration, level: Level, location: LocationBlock | None, use: _Use, line_end: str
) -> Leaf | None:
    """The variable through which a line end of the client gets into the text."""
    for leaf in leaves(use.text, level, configuration.maps):
        if leaf.name in DECODED:
            if not _path_is_bounded(location, line_end):
                return leaf
        elif leaf.capture is not None and leaf.capture.subject.strip("${}") in DECODED:
            # nginx encodes what a `rewrite` captures by number when it redirects, but not what has a name.
            own = use.directive.name == "rewrite" and leaf.name.isdecimal()
            if not own and leaf.capture.admits(line_end) and not _path_is_bounded(location, line_end):
                return leaf
        elif leaf.capture is None and use.directive.name == "rewrite" and not leaf.name.isdecimal():
            group = _named_group(use.directive, leaf.name)
            if group is not None and admits(group, line_end):
                return leaf
    return None


def _named_group(rewrite: Directive, name: str) -> str | None:
    return dict(groups(rewrite.arg(0))).get(name)


def _path_is_bounded(location: LocationBlock | None, line_end: str) -> bool:
    """Whether no path with a line end in it comes to the location."""
    if location is None:
        return False
    if location.modifier is Modifier.EXACT:
        return True
    return location.is_regex and anchored(location.pattern) and not admits(location.pattern, line_end)

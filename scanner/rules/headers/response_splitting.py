r"""A path can write lines of its own into a header.

## Why is this bad
nginx decodes `%0d%0a` in a path. A variable that holds the decoded path, put into a header or a request line, ends
that line where the client wants: further headers, another answer, or another request to the application follow.

## Bad
    return 301 https://$host$uri;

    location ~ ^/files/([^/]+) {
        proxy_pass http://storage/$1;
    }

## Good
    return 301 https://$host$request_uri;

    location ~ ^/files/([A-Za-z0-9_-]+)$ {
        proxy_pass http://storage/$1;
    }

## References
- https://nginx.org/en/docs/http/ngx_http_core_module.html#var_request_uri
- CWE-113, CWE-93
"""

from collections.abc import Iterator
from dataclasses import dataclass

from scanner.facts.answering import answering_levels, answers_itself
from scanner.facts.edge import judged
from scanner.facts.nginx import Nginx
from scanner.facts.sent_headers import level_symbol
from scanner.model import Evidence, Finding, Fix, Location, Severity, quoted, rule
from scanner.nginx.blocks import is_redirect
from scanner.nginx.captures import Leaf, admits, anchored, groups, leaves
from scanner.nginx.effective import Configuration, Directive, Level, LocationBlock, Modifier, Server

_DECODED = frozenset({"uri", "document_uri"})


@dataclass(frozen=True)
class _Use:
    """A directive that puts a text into a header or a request line."""

    directive: Directive
    text: str
    into: str
    """In words, for the message."""


@rule(severity=Severity.HIGH)
def check(nginx: Nginx) -> Iterator[Finding]:
    for configuration in judged(nginx):
        seen: set[Location] = set()
        for level, location in answering_levels(configuration):
            for use in _uses(configuration, level):
                if use.directive.location in seen:
                    continue
                open_leaf = _open_leaf(configuration, level, location, use)
                if open_leaf is not None:
                    seen.add(use.directive.location)
                    yield _finding(level, use, open_leaf)


def _uses(configuration: Configuration, level: Level) -> Iterator[_Use]:
    for directive in level.own("return", "rewrite"):
        target = _return_target(directive) if directive.name == "return" else _rewrite_target(directive)
        if target is not None:
            yield _Use(directive, target, "the `Location` of a redirect")
    if isinstance(level, Server) and not answers_itself(configuration, level):
        return
    for directive in level.effective("error_page").values:
        if directive.args and "://" in directive.args[-1]:
            yield _Use(directive, directive.args[-1], "the `Location` of a redirect")
    for directive in level.effective("add_header").values:
        yield _Use(directive, directive.arg(1), "a header of the answer")
    yield from _sent_on(configuration, level)


def _sent_on(configuration: Configuration, level: Level) -> Iterator[_Use]:
    proxy = configuration.proxy(level)
    if proxy is None or proxy.kind != "proxy":
        return
    yield _Use(proxy.directive, proxy.directive.arg(0), "the request line to the application")
    for directive in level.effective("proxy_set_header").values:
        yield _Use(directive, directive.arg(1), "a header to the application")


def _rewrite_target(directive: Directive) -> str | None:
    return directive.arg(1) if is_redirect(directive) else None


def _return_target(directive: Directive) -> str | None:
    """The address of a redirect; None for an answer with a text."""
    first = directive.arg(0)
    if first in {"301", "302", "303", "307", "308"}:
        return directive.arg(1)
    return first if not first.isdecimal() else None


def _open_leaf(configuration: Configuration, level: Level, location: LocationBlock | None, use: _Use) -> Leaf | None:
    """The variable through which a line feed of the client gets into the text."""
    for leaf in leaves(use.text, level, configuration.maps):
        if leaf.name in _DECODED:
            if not _path_is_bounded(location):
                return leaf
        elif leaf.capture is not None and leaf.capture.subject.strip("${}") in _DECODED:
            # nginx encodes what a `rewrite` captures by number when it redirects, but not what has a name.
            own = use.directive.name == "rewrite" and leaf.name.isdecimal()
            if not own and leaf.capture.admits("\n") and not _path_is_bounded(location):
                return leaf
        elif leaf.capture is None and use.directive.name == "rewrite" and not leaf.name.isdecimal():
            group = _named_group(use.directive, leaf.name)
            if group is not None and admits(group, "\n"):
                return leaf
    return None


def _named_group(rewrite: Directive, name: str) -> str | None:
    return dict(groups(rewrite.arg(0))).get(name)


def _path_is_bounded(location: LocationBlock | None) -> bool:
    """Whether no path with a line feed in it comes to the location."""
    if location is None:
        return False
    if location.modifier is Modifier.EXACT:
        return True
    return location.is_regex and anchored(location.pattern) and not admits(location.pattern, "\n")


def _finding(level: Level, use: _Use, leaf: Leaf) -> Finding:
    directive = use.directive
    name = f"${leaf.name}"
    what = f"{quoted(name)} of {quoted(directive.text)} is the decoded path"
    evidence = [Evidence(directive.text, directive.location)]
    if leaf.capture is not None and leaf.capture.by is not None:
        what = (
            f"{quoted(name)} of {quoted(directive.text)} can hold a line end: {quoted(leaf.capture.group)} captures it"
        )
        evidence.append(Evidence(leaf.capture.by.text, leaf.capture.by.location))
    elif leaf.name not in _DECODED:
        what = f"{quoted(name)} of {quoted(directive.text)} can hold a line end"
    return Finding(
        message=f"A path with `%0a` in it writes into {use.into}: {what}.",
        location=directive.location,
        symbol=f"{level_symbol(level)} {directive.name}",
        evidence=tuple(evidence),
        fix=_fix(directive, leaf),
    )


def _fix(directive: Directive, leaf: Leaf) -> Fix | None:
    """``$request_uri`` in the place of ``$uri`` at the end of a redirect, where that is all there is to it."""
    if directive.name != "return" or leaf.name not in _DECODED or directive.known is not None or directive.is_template:
        return None
    number = directive.head_line
    line = directive.source.text.split("\n")[number - 1].rstrip("\r")
    written = f"${leaf.name}"
    for ending in (f"{written}$is_args$args", f"{written}$is_args$query_string", written):
        if directive.args[-1].endswith(ending) and line.count(ending) == 1 and line.count(written) == 1:
            return Fix(directive.location.path, number, number, (line.replace(ending, "$request_uri"),))
    return None

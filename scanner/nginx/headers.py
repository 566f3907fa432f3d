"""The request headers that an application gets: what nginx sets, blanks, or passes on from the client."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

from scanner.nginx.destinations import pass_kind
from scanner.nginx.includes import UnknownInclude
from scanner.nginx.levels import Level
from scanner.nginx.tree import Directive

_DEFAULTS: Final = {"host": "$proxy_host", "connection": "close"}
_CGI_KINDS: Final = frozenset({"uwsgi", "fastcgi", "scgi"})


@dataclass(frozen=True)
class Overwritten:
    """nginx sets the header; the client's own is lost. More than one value: it is sent several times."""

    values: tuple[tuple[str, Directive], ...]
    """(value as written, the directive) in the order of the file."""


@dataclass(frozen=True)
class Blanked:
    """nginx takes the header away: ``proxy_set_header X ""``, or no client header passes at all."""

    directive: Directive


@dataclass(frozen=True)
class PassedOn:
    """Nothing is set here: what the client sends reaches the application."""

    dropped: tuple[Directive, ...]
    """Lines of outer levels that set it, and that are cancelled because this level has lines of its own."""


@dataclass(frozen=True)
class NginxDefault:
    """Nothing is set here, and nginx sends a value of its own."""

    text: str
    """``$proxy_host`` for Host, ``close`` for Connection."""
    dropped: tuple[Directive, ...]


@dataclass(frozen=True)
class UndecidedHeader:
    """A file that nobody can read is included and may set it."""

    unknown: UnknownInclude


Forwarded = Overwritten | Blanked | PassedOn | NginxDefault | UndecidedHeader


def forwarded_header(level: Level, header: str) -> Forwarded:
    """What becomes of a request header on the way from the client through this level to the application.

    ``header`` is its name on the wire (``X-Forwarded-Proto``), whatever the kind of pass: for uwsgi, fastcgi and scgi
    the parameter ``HTTP_X_FORWARDED_PROTO`` decides.
    """
    known = level.forwarded.get(header)
    if known is None:
        known = level.forwarded[header] = _work_out(level, header)
    return known


def _work_out(level: Level, header: str) -> Forwarded:
    kind = pass_kind(level) or "proxy"
    if kind in _CGI_KINDS:
        name, directive = "HTTP_" + header.upper().replace("-", "_"), f"{kind}_param"
    else:
        name, directive = header, "grpc_set_header" if kind == "grpc" else "proxy_set_header"
    effective = level.effective(directive)
    name = name.lower()
    found = _valued(effective.by_first.get(name, ())) if effective else ()
    if not found:
        found = _edited(level, header)
    if found and all(value == "" for value, _ in found):
        return Blanked(found[-1][1])
    if found:
        return Overwritten(found)
    if effective.unknown:
        return UndecidedHeader(effective.unknown[0])
    dropped = effective.dropped_by_first.get(name, ()) if effective.dropped else ()
    default = _DEFAULTS.get(header.lower()) if kind == "proxy" else None
    if default is not None:
        return NginxDefault(default, dropped)
    switch = level.effective(f"{kind}_pass_request_headers")
    if switch.text == "off" and switch.value is not None:
        return Blanked(switch.value)
    return PassedOn(dropped)


def _valued(directives: Iterable[Directive]) -> tuple[tuple[str, Directive], ...]:
    return tuple((item.arg(1), item) for item in directives)


def _edited(level: Level, header: str) -> tuple[tuple[str, Directive], ...]:
    """What the headers-more module does to it: the client's header is replaced before it is passed on."""
    wanted = header.lower()
    found: tuple[tuple[str, Directive], ...] = ()
    for item in level.effective("more_set_input_headers").values:
        for text in item.args:
            name, _, value = text.partition(":")
            if name.strip().lower() == wanted and "-r" not in item.args:
                found = ((value.strip(), item),)
    for item in level.effective("more_clear_input_headers").values:
        if any(text.lower() == wanted for text in item.args):
            found = (("", item),)
    return found

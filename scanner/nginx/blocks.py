"""Servers, locations and ``if`` blocks as levels of the configuration."""

import enum
import re
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Final

from scanner.nginx.levels import Level, LevelKind
from scanner.nginx.patterns import matches_everything, search
from scanner.nginx.servers import Listen, ServerName, listens, server_names
from scanner.nginx.tree import Directive

_ACME: Final = "/.well-known/acme-challenge"
_NAMED_TARGET: Final = re.compile(r"^@")


class Modifier(enum.StrEnum):
    """How a location is chosen."""

    EXACT = "="
    PREFIX = ""
    PREFIX_FIRST = "^~"
    REGEX = "~"
    REGEX_NOCASE = "~*"
    NAMED = "@"


@dataclass(frozen=True, eq=False)
class IfBlock(Level):
    """``if`` inside a location (a level of its own) or inside a server (only its ``return``, ``rewrite``, ``set``)."""

    @cached_property
    def condition(self) -> tuple[str, ...]:
        """The words between the parentheses: ``("$scheme", "=", "http")``."""
        if self.opener is None or not self.opener.args:
            return ()
        words = list(self.opener.args)
        words[0] = words[0].removeprefix("(")
        words[-1] = words[-1].removesuffix(")")
        return tuple(word for index, word in enumerate(words) if word or 0 < index < len(words) - 1)


@dataclass(frozen=True, eq=False)
class LocationBlock(Level):
    """One ``location``."""

    server: "Server" = field(repr=False)
    modifier: Modifier
    pattern: str
    """The path, the regular expression, or the name with its ``@``."""

    @property
    def title(self) -> str:
        """As written: ``location ^~ /static/``."""
        sign = "" if self.modifier in {Modifier.PREFIX, Modifier.NAMED} else f"{self.modifier.value} "
        return f"location {sign}{self.pattern}"

    @cached_property
    def symbol(self) -> str:
        """Stable identity for findings: ``server shop.example:443 location /static/``."""
        return f"{self.server.symbol} {self.title}"

    @cached_property
    def nested(self) -> tuple["LocationBlock", ...]:
        """Locations directly inside this one."""
        return locations_in(self, self.server)

    @cached_property
    def ifs(self) -> tuple[IfBlock, ...]:
        """Its ``if`` blocks, in order."""
        return ifs_in(self)

    @cached_property
    def levels(self) -> tuple[Level, ...]:
        """The location itself and the levels inside it that can decide a response: its ``if`` blocks."""
        return (self, *self.ifs)

    @property
    def is_regex(self) -> bool:
        """Whether a regular expression chooses it."""
        return self.modifier is Modifier.REGEX or self.modifier is Modifier.REGEX_NOCASE

    @property
    def named(self) -> bool:
        """Whether it is ``location @name``: reached only from inside the configuration."""
        return self.modifier is Modifier.NAMED

    @property
    def is_template(self) -> bool:
        """Whether its path is made by a template."""
        return self.opener is not None and self.opener.is_template

    @property
    def internal(self) -> bool:
        """Whether ``internal;`` keeps clients out. It is not inherited."""
        return bool(self.own("internal"))

    @property
    def is_acme(self) -> bool:
        """Whether it serves only certificate challenges, which have to be plain HTTP."""
        return _ACME in self.pattern.replace("\\", "")

    @cached_property
    def reachable(self) -> bool:
        """Whether a client's request can end here, as far as this server goes.

        Not ``internal``; not behind an unconditional ``return`` of the server; a named one only if ``try_files``,
        ``error_page`` or the like of something reachable leads to it.
        """
        if self.internal or self.server.returns_at_once:
            return False
        if self.named:
            return self.pattern in self.server.named_targets
        return not (isinstance(self.parent, LocationBlock) and self.parent.internal)

    def matches(self, path: str) -> bool | None:
        """Whether its own pattern fits a decoded path; None when a regular expression cannot be tried."""
        match self.modifier:
            case Modifier.EXACT:
                return path == self.pattern
            case Modifier.PREFIX | Modifier.PREFIX_FIRST:
                return path.startswith(self.pattern)
            case Modifier.REGEX | Modifier.REGEX_NOCASE if self.is_template:
                return None
            case Modifier.REGEX:
                return search(self.pattern, path)
            case Modifier.REGEX_NOCASE:
                return search(self.pattern, path, ignore_case=True)
            case Modifier.NAMED:
                return False


@dataclass(frozen=True, eq=False)
class Server(Level):
    """One ``server`` of the ``http`` level."""

    index: int
    """Its place among all servers of the configuration, from 0."""

    @cached_property
    def listens(self) -> tuple[Listen, ...]:
        """Its sockets; nginx's default ``*:80`` when it names none."""
        ssl_on = self.effective("ssl").text == "on"
        own = self.own("listen")
        if not own and self.unknown_includes:  # the lines may stand in a file that nobody can read
            return tuple(replace(item, is_template=True) for item in listens((), ssl_on=ssl_on))
        return listens(own, ssl_on=ssl_on)

    @cached_property
    def names(self) -> tuple[ServerName, ...]:
        """All its ``server_name``s."""
        return server_names(self.own("server_name"))

    @cached_property
    def concrete_names(self) -> tuple[str, ...]:
        """The names that are host names: no pattern, no ``_``, no address, no template."""
        return tuple(name.text for name in self.names if name.is_concrete)

    @property
    def name(self) -> str:
        """The name to call it by: the first concrete one, else the first, else ``_``."""
        if self.concrete_names:
            return self.concrete_names[0]
        return self.names[0].text if self.names and self.names[0].text else "_"

    @property
    def symbol(self) -> str:
        """Stable identity for findings: ``server shop.example:443``."""
        first = self.listens[0]
        return f"server {self.name} {first.address}" if first.is_unix else f"server {self.name}:{first.port}"

    @property
    def tls_listens(self) -> tuple[Listen, ...]:
        """Its sockets with TLS, as far as its own lines say."""
        return tuple(item for item in self.listens if item.tls)

    @property
    def plain_listens(self) -> tuple[Listen, ...]:
        """Its sockets without TLS, as far as its own lines say."""
        return tuple(item for item in self.listens if not item.tls)

    @cached_property
    def is_template(self) -> bool:
        """Whether a listen or a name is made by a template."""
        return any(item.is_template for item in self.listens) or any(item.is_template for item in self.names)

    @cached_property
    def top_locations(self) -> tuple[LocationBlock, ...]:
        """The locations directly inside the server."""
        return locations_in(self, self)

    @cached_property
    def locations(self) -> tuple[LocationBlock, ...]:
        """All locations, those in locations included, in the order of the file."""
        return tuple(_flattened(self.top_locations))

    @cached_property
    def ifs(self) -> tuple[IfBlock, ...]:
        """The ``if`` blocks of the server level, in order."""
        return ifs_in(self)

    @cached_property
    def returns_at_once(self) -> bool:
        """Whether the server level answers every request itself, so that no location is ever reached."""
        return always_returns(self) is not None

    @cached_property
    def has_catch_all(self) -> bool:
        """Whether some location takes every request, so that the server level itself never answers."""
        return any(
            (place.modifier in {Modifier.PREFIX, Modifier.PREFIX_FIRST} and place.pattern == "/")
            or (place.is_regex and matches_everything(place.pattern))
            for place in self.top_locations
        )

    @cached_property
    def named_targets(self) -> frozenset[str]:
        """The ``@names`` to which something reachable leads."""
        targets: set[str] = set()
        waiting: list[Level] = [self, *self.ifs]
        for place in self.locations:
            if not place.named:
                waiting.extend(place.levels)
        by_name = {place.pattern: place for place in self.locations if place.named}
        while waiting:
            level = waiting.pop()
            for name in _targets(level):
                if name not in targets:
                    targets.add(name)
                    if name in by_name:
                        waiting.extend(by_name[name].levels)
        return frozenset(targets)


def _targets(level: Level) -> Iterator[str]:
    """The named locations that a level leads to."""
    for directive in (*level.own("try_files"), *level.effective("error_page").values, *level.own("post_action")):
        if directive.args and _NAMED_TARGET.match(directive.args[-1]):
            yield directive.args[-1]


def _flattened(places: tuple[LocationBlock, ...]) -> Iterator[LocationBlock]:
    for place in places:
        yield place
        yield from _flattened(place.nested)


def ifs_in(level: Level) -> tuple[IfBlock, ...]:
    """The ``if`` blocks that stand on a level."""
    return tuple(IfBlock(LevelKind.IF, item, item.block or (), level) for item in level.own("if"))


def locations_in(level: Level, server: Server) -> tuple[LocationBlock, ...]:
    """The locations that stand on a level."""
    return tuple(
        LocationBlock(LevelKind.LOCATION, item, item.block or (), level, server, *_split(item))
        for item in level.own("location")
        if item.args
    )


def _split(directive: Directive) -> tuple[Modifier, str]:
    """Modifier and pattern, written apart or together as nginx allows: ``= /x``, ``=/x``."""
    first = directive.args[0]
    if len(directive.args) > 1:
        known = {item.value: item for item in Modifier if item is not Modifier.NAMED}
        return known.get(first, Modifier.PREFIX), directive.args[1]
    for sign in (Modifier.EXACT, Modifier.PREFIX_FIRST, Modifier.REGEX_NOCASE, Modifier.REGEX):
        if first.startswith(sign.value):
            return sign, first[len(sign.value) :]
    return (Modifier.NAMED if first.startswith("@") else Modifier.PREFIX), first


def always_returns(level: Level) -> Directive | None:
    """The ``return``, or the redirecting ``rewrite`` of everything, that ends each request on this level.

    None when there is none, or when a ``break`` or ``last`` before it may end the server's rewriting earlier.
    """
    for directive in level.directives:
        if directive.conditional:
            continue
        if any(map(_leaves, (directive, *(directive.block or ())) if directive.name == "if" else (directive,))):
            return None
        if directive.name == "return":
            return directive
        if directive.name == "rewrite" and redirects_everything(directive):
            return directive
    return None


def _leaves(directive: Directive) -> bool:
    """Whether a directive ends the rewriting of its level without an answer."""
    return directive.name == "break" or (directive.name == "rewrite" and directive.arg(2) in {"last", "break"})


def redirects_everything(rewrite: Directive) -> bool:
    """Whether a ``rewrite`` sends every request away, to another address."""
    return matches_everything(rewrite.arg(0)) and is_redirect(rewrite)


def is_redirect(rewrite: Directive) -> bool:
    """Whether a ``rewrite`` answers with a redirect instead of going on inside."""
    return rewrite.arg(2) in {"redirect", "permanent"} or rewrite.arg(1).startswith(("http://", "https://", "$scheme"))

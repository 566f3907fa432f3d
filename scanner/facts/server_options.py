"""Command lines of app servers as options and positionals, with places."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from scanner.facts.app_server_types import Bind
from scanner.facts.commands import Word
from scanner.model import Location

_PORT = re.compile(r"\d{1,5}")
_BRACKETED = re.compile(r"\[([0-9A-Fa-f:.%]+)\](?::(\S+))?")


@dataclass(frozen=True)
class Option:
    """One option as it was given; ``value`` is None for a flag."""

    name: str
    value: str | None
    location: Location


@dataclass(frozen=True)
class Given:
    """The options in order, and the other words."""

    options: tuple[Option, ...]
    positionals: tuple[Word, ...]

    def last(self, name: str) -> Option | None:
        """The last one of that name: it wins."""
        return next((one for one in reversed(self.options) if one.name == name), None)

    def every(self, name: str) -> tuple[Option, ...]:
        """All of that name."""
        return tuple(one for one in self.options if one.name == name)


def read_options(words: Sequence[Word], short: Mapping[str, str], flags: frozenset[str]) -> Given:
    """Options by their long name without dashes.

    ``short`` maps ``-b`` to ``bind``; whatever is no flag takes the next word as its value, as argparse and click do.
    """
    options: list[Option] = []
    positionals: list[Word] = []
    position = 0
    while position < len(words):
        word = words[position]
        position += 1
        if word.text == "--":
            positionals.extend(words[position:])
            break
        if not word.text.startswith("-") or word.text == "-":
            positionals.append(word)
            continue
        name, equals, value = word.text.partition("=")
        long = short.get(name)
        if long is None and not name.startswith("--") and name[:2] in short and len(name) > 2:
            # -w4, -b:8000
            long, value, equals = short[name[:2]], word.text[2:].removeprefix("="), "="
            if long in flags:
                options.append(Option(long, None, word.location))
                continue
        long = long or name.lstrip("-")
        if equals:
            options.append(Option(long, value, word.location))
        elif long in flags or position >= len(words):
            options.append(Option(long, None, word.location))
        else:
            options.append(Option(long, words[position].text, words[position].location))
            position += 1
    return Given(tuple(options), tuple(positionals))


def parse_bind(text: str, location: Location, default_port: int = 8000) -> Bind:
    """``0.0.0.0:8000``, ``:8000``, ``[::]:80``, ``unix:/run/x.sock``, ``fd://3``; a port that is a variable is None."""
    text = text.strip().strip("\"'")
    for prefix in ("tcp://", "http://"):
        text = text.removeprefix(prefix)
    if text.startswith("unix:"):
        path = text.removeprefix("unix:")
        return Bind("", None, "/" + path.lstrip("/") if path.startswith("//") else path, location)
    if text.startswith("fd://"):
        return Bind("", None, None, location, fd=True)
    bracketed = _BRACKETED.fullmatch(text)
    if bracketed:
        return Bind(bracketed[1], _port(bracketed[2], default_port), None, location)
    if text.startswith(("/", "./")):
        return Bind("", None, text, location)
    host, colon, port = text.rpartition(":")
    if not colon:
        host, port = text, ""
    if "$" in host:
        return Bind(host, _port(port, default_port), None, location)
    return Bind(host.casefold() or "0.0.0.0", _port(port, default_port), None, location)


def _port(text: str | None, default: int) -> int | None:
    if not text:
        return default
    return int(text) if _PORT.fullmatch(text) else None


def listen_stream(text: str, location: Location) -> Bind:
    """A socket unit's ``ListenStream=``: a path, ``8000`` (all addresses), ``127.0.0.1:8000``, ``[::1]:8000``."""
    value = text.strip()
    if value.startswith(("/", "@", "%")):
        return Bind("", None, value, location, fd=True)
    if _PORT.fullmatch(value):
        return Bind("::", int(value), None, location, fd=True)
    bind = parse_bind(value, location)
    return Bind(bind.host, bind.port, bind.path, location, fd=True)

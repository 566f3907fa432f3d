"""``listen`` and ``server_name``: which server answers on which socket for which name."""

import ipaddress
from collections.abc import Iterable
from dataclasses import dataclass, replace
from functools import cached_property, lru_cache
from typing import Final

from scanner.model import Location
from scanner.nginx.patterns import search
from scanner.nginx.tree import Directive

_ANY: Final = "*"


@dataclass(frozen=True)
class Listen:
    """One ``listen``: where a server answers."""

    address: str
    """``*``, an IPv4 address, ``[::1]`` with brackets, a host name, or the path of a unix socket after ``unix:``."""
    port: int
    """0 for a unix socket."""
    tls: bool
    """``ssl`` or ``quic`` here (or the old ``ssl on;``). Another server may switch TLS on for the same socket."""
    default_server: bool
    proxy_protocol: bool
    http2: bool
    quic: bool
    is_template: bool
    """The address or port is a template's expression: the port is then a guess, 443 with ``ssl`` and 80 without."""
    directive: Directive | None
    """None for nginx's own default, ``*:80``, of a server that has no ``listen``."""

    @property
    def is_unix(self) -> bool:
        """Whether it is a unix socket."""
        return self.address.startswith("unix:")

    @cached_property
    def is_loopback(self) -> bool:
        """Whether only this machine reaches it."""
        ip = literal_ip(self.address)
        return self.is_unix or self.address == "localhost" or (ip is not None and ip.is_loopback)

    @cached_property
    def is_private(self) -> bool:
        """Whether it is bound to a private or loopback address."""
        ip = literal_ip(self.address)
        return self.is_loopback or (ip is not None and ip.is_private and not ip.is_unspecified)

    @property
    def key(self) -> tuple[str, int]:
        """What makes two of them the same socket."""
        return ("*" if self.address == "0.0.0.0" else self.address, self.port)

    @property
    def text(self) -> str:
        """``*:443``, ``[::]:80``, ``unix:/run/x.sock``."""
        return self.address if self.is_unix else f"{self.address}:{self.port}"


class NameKind:
    """The four ways in which a ``server_name`` matches, from the strongest."""

    EXACT: Final = "exact"
    LEADING: Final = "*.x"
    TRAILING: Final = "x.*"
    REGEX: Final = "regex"


@dataclass(frozen=True)
class ServerName:
    """One name of ``server_name``."""

    text: str
    """As written; lower case unless a regular expression."""
    kind: str
    """One of NameKind."""
    location: Location
    is_template: bool = False

    @property
    def is_concrete(self) -> bool:
        """Whether it is one host name that a client may ask for: no pattern, no ``_``, no variable, no expression."""
        return (
            self.kind == NameKind.EXACT
            and not self.is_template
            and "." in self.text.strip(".")
            and "$" not in self.text
            and literal_ip(self.text) is None
        )

    def matches(self, host: str) -> int | None:
        """How well it fits a host name: None for not at all, else the length of what fits.

        A regular expression that we cannot try fits nothing.
        """
        host = host.lower().rstrip(".")
        match self.kind:
            case NameKind.LEADING:
                return self._leading(host)
            case NameKind.TRAILING:
                return len(self.text) if host.startswith(self.text[:-1]) and len(host) >= len(self.text) else None
            case NameKind.REGEX:
                return 0 if search(self.text[1:], host, ignore_case=True) else None
            case _:
                return len(host) if host == self.text.rstrip(".") else None

    def _leading(self, host: str) -> int | None:
        suffix = self.text.removeprefix("*")
        if self.text.startswith(".") and host == suffix[1:]:
            return len(host)
        return len(suffix) if host.endswith(suffix) and len(host) > len(suffix) else None


def literal_ip(address: str) -> ipaddress.IPv4Address | ipaddress.IPv6Address | None:
    """The address that a text is, with or without brackets, or None for a name."""
    if ":" not in address and not address[-1:].isdecimal():
        return None  # nearly all are names, and the question is a common one
    return _literal_ip(address)


@lru_cache(maxsize=1024)
def _literal_ip(address: str) -> ipaddress.IPv4Address | ipaddress.IPv6Address | None:
    try:
        return ipaddress.ip_address(address.strip("[]"))
    except ValueError:
        return None


def server_names(directives: Iterable[Directive]) -> tuple[ServerName, ...]:
    """The names of all ``server_name`` directives of a server."""
    return tuple(
        _server_name(text, directive, index) for directive in directives for index, text in enumerate(directive.args)
    )


def _server_name(text: str, directive: Directive, index: int) -> ServerName:
    # server_name knows no variables but this one: any other is a template's.
    is_template = index in directive.templated or (text.startswith("$") and text != "$hostname")
    if text.startswith("~"):
        kind = NameKind.REGEX
    elif text.startswith(("*.", ".")):
        kind, text = NameKind.LEADING, text.lower()
    elif text.endswith(".*"):
        kind, text = NameKind.TRAILING, text.lower()
    else:
        kind, text = NameKind.EXACT, text.lower()
    return ServerName(text, kind, directive.location, is_template)


def listens(directives: tuple[Directive, ...], *, ssl_on: bool) -> tuple[Listen, ...]:
    """The sockets of a server; nginx's default when it has no ``listen``. ``ssl_on``: the server says ``ssl on;``."""
    if not directives:
        return (_DEFAULT_TLS if ssl_on else _DEFAULT,)
    return tuple(_listen(directive, ssl_on=ssl_on) for directive in directives)


def _listen(directive: Directive, *, ssl_on: bool) -> Listen:
    options = frozenset(directive.args[1:])
    quic = "quic" in options
    tls = ssl_on or "ssl" in options or quic
    is_template = 0 in directive.templated
    address, port = _split(directive.arg(0), 443 if tls else 80)
    return Listen(
        address,
        port,
        tls,
        not options.isdisjoint({"default_server", "default"}),
        "proxy_protocol" in options,
        "http2" in options,
        quic,
        is_template,
        directive,
    )


_DEFAULT: Final = Listen(
    _ANY,
    80,
    tls=False,
    default_server=False,
    proxy_protocol=False,
    http2=False,
    quic=False,
    is_template=False,
    directive=None,
)
_DEFAULT_TLS: Final = replace(_DEFAULT, tls=True)


def _split(text: str, guess: int) -> tuple[str, int]:
    """Address and port of a ``listen`` argument; ``guess`` is the port where a template makes it."""
    if text.startswith("unix:"):
        return text, 0
    if _is_port(text):
        return _ANY, int(text)
    if "{" in text or "$" in text or "<" in text:
        address, separator, port = text.rpartition(":")
        # Most expressions stand for the port; before a colon they stand for the address.
        return (_ANY if "{" in address or not separator else address), int(port) if _is_port(port) else guess
    if text.startswith("["):
        address, _, port = text.partition("]")
        return address + "]", int(port[1:]) if _is_port(port[1:]) else 80
    address, _, port = text.partition(":")
    return address, int(port) if _is_port(port) else 80


def _is_port(text: str) -> bool:
    return text.isdecimal() and len(text) <= 5

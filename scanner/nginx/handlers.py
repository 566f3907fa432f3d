"""What answers on a level of the configuration: an application, files, nginx itself, another module."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final

from scanner.nginx.blocks import is_redirect
from scanner.nginx.destinations import Destination, PassKind, UpstreamBlock, destination, pass_kind
from scanner.nginx.levels import Level
from scanner.nginx.patterns import matches_everything
from scanner.nginx.tree import Directive
from scanner.nginx.values import MapBlock

_OWN_HANDLERS: Final = frozenset(
    {
        "stub_status", "empty_gif", "content_by_lua", "content_by_lua_block", "content_by_lua_file", "js_content",
        "perl", "echo", "api", "dav_methods", "flv", "mp4", "upload_pass", "rtmp_stat", "vhost_traffic_status_display",
        "postgres_pass", "redis_pass", "redis2_pass", "tunnel_pass", "check_status", "prometheus",
    }
)  # fmt: skip


@dataclass(frozen=True)
class Proxy:
    """The request goes on to an application."""

    kind: PassKind
    directive: Directive
    destination: Destination


@dataclass(frozen=True)
class Files:
    """Files of a directory are sent."""

    directive: Directive | None
    """The ``root`` or ``alias`` that holds here; None for nginx's own default, ``html``."""

    @property
    def directory(self) -> str | None:
        """The directory as written."""
        return None if self.directive is None else self.directive.arg(0)

    @property
    def alias(self) -> bool:
        """Whether the directory takes the place of the location's path (``alias``), instead of going before it."""
        return self.directive is not None and self.directive.name == "alias"

    @property
    def is_template(self) -> bool:
        """Whether a template makes the directory."""
        return self.directive is not None and self.directive.is_template


@dataclass(frozen=True)
class Return:
    """nginx answers at once: ``return``, or a ``rewrite`` that redirects everything."""

    directive: Directive
    status: int
    target: str | None
    """Address of a redirect, or the text of the answer."""


@dataclass(frozen=True)
class Other:
    """Another module answers: ``stub_status``, Lua code and the like."""

    directive: Directive


Handler = Proxy | Files | Return | Other


@dataclass(frozen=True)
class Definitions:
    """What the ``http`` level defines for all servers."""

    upstreams: Mapping[str, UpstreamBlock] = field(default_factory=dict)
    maps: Mapping[str, MapBlock] = field(default_factory=dict)
    proxies: dict[Level, Proxy | None] = field(default_factory=dict, repr=False)
    """What is already known of levels; see ``proxy_of``."""


def proxy_of(level: Level, known: Definitions) -> Proxy | None:
    """The ``*_pass`` that a level hands requests to, or None."""
    if level not in known.proxies:
        kind = pass_kind(level)
        found = None if kind is None else level.effective(f"{kind}_pass").value
        made = None
        if kind is not None and found is not None:
            made = Proxy(kind, found, destination(kind, found, level, known.upstreams, known.maps))
        known.proxies[level] = made
    return known.proxies[level]


def return_of(directive: Directive) -> Return | None:
    """A ``return`` or redirecting ``rewrite`` read as an answer."""
    if directive.name == "rewrite":
        if not is_redirect(directive):
            return None
        return Return(directive, 301 if directive.arg(2) == "permanent" else 302, directive.arg(1))
    first = directive.arg(0)
    if first.isdecimal() and len(first) == 3:
        return Return(directive, int(first), directive.arg(1) if len(directive.args) > 1 else None)
    if first.startswith(("http://", "https://", "$scheme")):
        return Return(directive, 302, first)
    return None


def handler_of(level: Level, known: Definitions) -> Handler:
    """What answers on a level when no ``if`` interferes."""
    for directive in level.own("return", "rewrite"):
        if directive.name == "rewrite" and not matches_everything(directive.arg(0)):
            continue
        returned = return_of(directive)
        if returned is not None:
            return returned
    proxy = proxy_of(level, known)
    if proxy is not None:
        return proxy
    if level.has_any(_OWN_HANDLERS):
        return Other(level.own(*_OWN_HANDLERS)[0])
    return Files(level.effective("root").value)

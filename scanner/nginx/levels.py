"""What is effective on a level of the configuration: nginx's inheritance.

Sources: the merge functions of nginx's modules and the documentation of ``add_header_inherit`` (1.29.3). An array
directive (``add_header``, ``proxy_set_header`` …) is inherited only by a level that has none of the same directive;
every other directive is inherited one by one; a few belong to their level alone.
"""

import enum
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import TYPE_CHECKING, Final

from scanner.model import Location, UnknownValue
from scanner.nginx.includes import UnknownInclude, unknown_in
from scanner.nginx.tree import Directive

if TYPE_CHECKING:
    from scanner.nginx.headers import Forwarded

NOT_INHERITED: Final = frozenset(
    {
        "break", "return", "rewrite", "set", "try_files", "internal", "listen", "server_name", "location", "if",
        "limit_except", "stub_status", "empty_gif", "flv", "mp4", "mirror", "post_action", "health_check", "server",
        "upstream", "map", "geo", "split_clients", "include", "dav_methods_handler", "api", "hls", "f4f",
        "content_by_lua", "content_by_lua_block", "content_by_lua_file", "perl", "echo", "js_content", "status",
        "memcached_pass", "proxy_pass", "uwsgi_pass", "fastcgi_pass", "scgi_pass", "grpc_pass", "tunnel_pass",
    }
)  # fmt: skip
"""They work on their own level only."""
ARRAYS: Final = frozenset(
    {
        "access_log", "add_header", "add_trailer", "allow", "auth_request_set", "deny", "error_log", "error_page",
        "fastcgi_hide_header", "fastcgi_param", "fastcgi_pass_header", "grpc_hide_header", "grpc_pass_header",
        "grpc_set_header", "limit_conn", "limit_req", "log_format", "proxy_cookie_domain", "proxy_cookie_flags",
        "proxy_cookie_path", "proxy_hide_header", "proxy_pass_header", "proxy_redirect", "proxy_set_header",
        "proxy_ssl_conf_command", "scgi_hide_header", "scgi_param", "scgi_pass_header", "set_real_ip_from",
        "ssl_certificate", "ssl_certificate_key", "ssl_conf_command", "sub_filter", "uwsgi_hide_header", "uwsgi_param",
        "uwsgi_pass_header",
    }
)  # fmt: skip
"""Several of them on one level add up, and together they replace those of the outer level."""
PASSED_INTO_IF: Final = frozenset(
    {"proxy_pass", "uwsgi_pass", "fastcgi_pass", "scgi_pass", "grpc_pass", "memcached_pass"}
)
"""An ``if`` without a handler of its own goes on with the location's."""
MERGED: Final = frozenset(
    {"more_set_headers", "more_clear_headers", "more_set_input_headers", "more_clear_input_headers"}
)
"""Outer values come first and stay (headers-more module)."""
GROUPS: Final[Mapping[str, tuple[str, ...]]] = {
    "allow": ("allow", "deny"),
    "deny": ("allow", "deny"),
    "root": ("root", "alias"),
    "alias": ("root", "alias"),
}
"""Directives that fill one list or one place: one of them on a level cancels both of the outer level."""
_INHERIT_SWITCH: Final = {"add_header": "add_header_inherit", "add_trailer": "add_trailer_inherit"}
_SPECIAL: Final = frozenset({*GROUPS, *_INHERIT_SWITCH})


class LevelKind(enum.StrEnum):
    """What opens a level."""

    MAIN = "main"
    HTTP = "http"
    SERVER = "server"
    LOCATION = "location"
    IF = "if"
    LIMIT_EXCEPT = "limit_except"


@dataclass(frozen=True, eq=False)
class Effective:
    """What a directive's name comes to on a level."""

    name: str
    """The name that was asked for; empty when nothing of that name is anywhere."""
    values: tuple[Directive, ...] = ()
    """In the order of the file. For a scalar at most one counts, the last."""
    level: "Level | None" = None
    """The level that they come from."""
    dropped: tuple[Directive, ...] = ()
    """Values of outer levels that this level's own ones cancel."""
    unknown: tuple[UnknownInclude, ...] = ()
    """Includes that nobody can read and that may say otherwise."""

    def __bool__(self) -> bool:
        return bool(self.values)

    @cached_property
    def by_first(self) -> Mapping[str, tuple[Directive, ...]]:
        """The values by their first argument in lower case: for ``add_header`` and its like, by the header."""
        return _by_first(self.values)

    @cached_property
    def dropped_by_first(self) -> Mapping[str, tuple[Directive, ...]]:
        """The dropped values, in the same way."""
        return _by_first(self.dropped)

    @property
    def value(self) -> Directive | None:
        """The directive that counts, for a scalar."""
        return self.values[-1] if self.values else None

    @property
    def text(self) -> str | None:
        """Its arguments, joined by a space."""
        return None if self.value is None else " ".join(self.value.args)

    @property
    def is_template(self) -> bool:
        """Whether a template's expression stands in a value."""
        return any(item.is_template for item in self.values)

    def require(self) -> "Effective":
        """The same, for a rule that cannot judge a guess.

        Raises UnknownValue when an include that nobody can read may change it.
        """
        if self.unknown:
            raise UnknownValue(f"{self.unknown[0].text} may set {self.name}", self.unknown[0].location)
        return self


def _by_first(directives: tuple[Directive, ...]) -> Mapping[str, tuple[Directive, ...]]:
    found: dict[str, list[Directive]] = {}
    for directive in directives:
        if directive.args:
            found.setdefault(directive.args[0].lower(), []).append(directive)
    return {first: tuple(those) for first, those in found.items()}


_NOTHING: Final = Effective("")


@dataclass(frozen=True, eq=False)
class Level:
    """One level: ``http``, ``server``, ``location``, ``if`` …, with the levels around it."""

    kind: LevelKind
    opener: Directive | None
    """The block directive; None for an ``http`` level that is in no file of the repository."""
    directives: tuple[Directive, ...] = field(repr=False)
    """What stands on this level, blocks included."""
    parent: "Level | None" = field(repr=False)

    forwarded: "dict[str, Forwarded]" = field(default_factory=dict, init=False, repr=False)
    """What is already known of request headers; see ``forwarded_header``."""
    _by_name: dict[str, tuple[Directive, ...]] = field(default_factory=dict, init=False, repr=False)
    _effective: dict[str, Effective] = field(default_factory=dict, init=False, repr=False)

    def __post_init__(self) -> None:
        """Index the directives: everything asks for them by name."""
        index: dict[str, list[Directive]] = {}
        for directive in self.directives:
            index.setdefault(directive.name, []).append(directive)
        self._by_name.update((name, tuple(found)) for name, found in index.items())

    @cached_property
    def unknown_includes(self) -> tuple[UnknownInclude, ...]:
        """Includes of this level that nobody can read."""
        return unknown_in(self.directives)

    @cached_property
    def pass_directive(self) -> Directive | None:
        """The ``*_pass`` that stands on this very level."""
        if PASSED_INTO_IF.isdisjoint(self._by_name):
            return None
        return next((item for item in self.own(*PASSED_INTO_IF) if item.args), None)

    @property
    def location(self) -> Location:
        """Where it opens."""
        if self.opener is not None:
            return self.opener.location
        return self.directives[0].location if self.directives else Location("")

    @cached_property
    def outward(self) -> tuple["Level", ...]:
        """This level and all around it, the innermost first."""
        found: list[Level] = []
        level: Level | None = self
        while level is not None:
            found.append(level)
            level = level.parent
        return tuple(found)

    def own(self, *names: str) -> tuple[Directive, ...]:
        """The directives of these names that stand on this very level, in the order of the file."""
        if len(names) == 1:
            return self._by_name.get(names[0], ())
        found = [name for name in names if name in self._by_name]
        if len(found) < 2:
            return self._by_name[found[0]] if found else ()
        return tuple(item for item in self.directives if item.name in found)

    @cached_property
    def assignments(self) -> Mapping[str, tuple[str, ...]]:
        """What ``set`` gives each variable here and around, in ``if`` blocks there, too: the innermost first."""
        outer = {} if self.parent is None else self.parent.assignments
        if "set" not in self._by_name and "if" not in self._by_name:
            return outer
        found: dict[str, dict[str, None]] = {}
        for directive in self.own("set", "if"):
            for item in (directive,) if directive.name == "set" else directive.block or ():
                if item.name == "set":
                    found.setdefault(item.arg(0).removeprefix("$").lower(), {})[item.arg(1)] = None
        return {**outer, **{name: tuple(own | dict.fromkeys(outer.get(name, ()))) for name, own in found.items()}}

    def has_any(self, names: frozenset[str]) -> bool:
        """Whether a directive of one of these names stands on this very level."""
        return not names.isdisjoint(self._by_name)

    def effective(self, name: str) -> Effective:
        """What holds here for directives of that name, inheritance included.

        ``allow`` and ``deny`` are one list, ``root`` and ``alias`` one place: asking for one gives both.
        """
        known = self._effective.get(name)
        if known is None:
            mentioned = self.mentioned
            if mentioned is not None and name not in mentioned:
                return _NOTHING
            known = self._effective[name] = self._work_out(name)
        return known

    @cached_property
    def mentioned(self) -> frozenset[str] | None:
        """The names of which there is something here or on a level around; None when nobody can know all of them."""
        outer = frozenset() if self.parent is None else self.parent.mentioned
        if outer is None or self.unknown_includes:
            return None
        names = frozenset(self._by_name)
        if not names.isdisjoint(GROUPS):
            names = names.union(*(GROUPS[name] for name in GROUPS if name in names))
        return outer if names <= outer else outer | names

    def _work_out(self, name: str) -> Effective:
        if name not in self._by_name and not self.unknown_includes and name not in _SPECIAL:
            # Most names on most levels: nothing is said here, so what holds outside holds here.
            outer = _NOTHING if self.parent is None or not self._takes_over(name) else self.parent.effective(name)
            return replace(outer, dropped=()) if outer.dropped else outer
        own = self.own(*GROUPS[name]) if name in GROUPS else self._by_name.get(name, ())
        outer = self._outer(name)
        unknown = self.unknown_includes
        if not own and not unknown and not outer.dropped:
            return outer
        if own and name in MERGED:
            return Effective(name, (*outer.values, *own), self, (), (*unknown, *outer.unknown))
        if not own:
            return Effective(name, outer.values, outer.level, (), (*unknown, *outer.unknown))
        if self._switch(name) == "merge":
            return Effective(name, (*outer.values, *own), self, (), (*unknown, *outer.unknown))
        adds_up = name in ARRAYS or name in NOT_INHERITED
        return Effective(name, own, self, outer.values, unknown if adds_up else ())

    def _outer(self, name: str) -> Effective:
        if (
            self.parent is None
            or not self._takes_over(name)
            or (name in _INHERIT_SWITCH and self._switch(name) == "off")
        ):
            return _NOTHING
        return self.parent.effective(name)

    def _takes_over(self, name: str) -> bool:
        """Whether this level inherits directives of that name at all."""
        if name in PASSED_INTO_IF:
            return self.kind in {LevelKind.IF, LevelKind.LIMIT_EXCEPT}
        return name not in NOT_INHERITED

    def _switch(self, name: str) -> str:
        """``on``, ``off`` or ``merge``: the mode of ``add_header_inherit`` that holds here."""
        switch = _INHERIT_SWITCH.get(name)
        if switch is None:
            return "on"
        return self.effective(switch).text or "on"

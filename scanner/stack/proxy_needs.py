"""What a proxy's configuration names and a fresh file system does not have: certificates, files, directories, hosts."""

import posixpath
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Final

from scanner.model import Location
from scanner.nginx.includes import Tree
from scanner.nginx.known import KNOWN_FILES
from scanner.nginx.tree import Directive, ParsedFile, walk

CONF: Final = "/etc/nginx"
_GLOB: Final = re.compile(r"[*?\[]")
_ELLIPTIC: Final = re.compile(r"(?i)(?:^|[^a-z])(?:ecc?|ecdsa)(?:[^a-z]|$)")
_VARIABLE: Final = re.compile(r"\$\{?(\w+)")
_PASSES: Final = ("proxy_pass", "uwsgi_pass", "fastcgi_pass", "scgi_pass", "grpc_pass", "memcached_pass")
_CA_FILES: Final = ("ssl_trusted_certificate", "proxy_ssl_trusted_certificate", "ssl_client_certificate")
_LOG_FILES: Final = ("access_log", "error_log")
_DIRECTORIES: Final = (
    *("client_body_temp_path", "proxy_temp_path", "fastcgi_temp_path", "uwsgi_temp_path", "scgi_temp_path"),
    *("proxy_cache_path", "fastcgi_cache_path", "uwsgi_cache_path", "scgi_cache_path", "proxy_store_path"),
)
_OTHER_FILES: Final = ("pid", "lock_file")
_ZONES: Final[Mapping[str, tuple[str, ...]]] = {
    "limit_req": ("limit_req_zone",),
    "limit_conn": ("limit_conn_zone", "limit_zone"),
    "proxy_cache": ("proxy_cache_path",),
    "uwsgi_cache": ("uwsgi_cache_path",),
    "fastcgi_cache": ("fastcgi_cache_path",),
}
_ZONE_MAKERS: Final = {
    "limit_req": "limit_req_zone $binary_remote_addr zone={name}:1m rate=1000r/s;",
    "limit_conn": "limit_conn_zone $binary_remote_addr zone={name}:1m;",
    "proxy_cache": "proxy_cache_path /var/cache/nginx/seatrial-{name} keys_zone={name}:1m;",
    "uwsgi_cache": "uwsgi_cache_path /var/cache/nginx/seatrial-{name} keys_zone={name}:1m;",
    "fastcgi_cache": "fastcgi_cache_path /var/cache/nginx/seatrial-{name} keys_zone={name}:1m;",
}
_SAFE_NAME: Final = re.compile(r"[\w.-]{1,64}\Z")


@dataclass(frozen=True)
class Named:
    """A path that the configuration names, and where."""

    path: str
    location: Location


@dataclass(frozen=True)
class CertificatePair:
    """One ``ssl_certificate`` with its key."""

    certificate: Named
    key: Named
    elliptic: bool


@dataclass(frozen=True)
class Missing:
    """An http-level definition that the configuration uses and nobody makes."""

    kind: str
    name: str
    text: str
    """The directive that we make up."""
    location: Location


@dataclass(frozen=True)
class Needs:
    """All of it. Paths are absolute; those with variables are left out."""

    certificates: tuple[CertificatePair, ...] = ()
    authorities: tuple[Named, ...] = ()
    files: Mapping[str, tuple[Named, ...]] = field(default_factory=dict)
    """By directive: ``ssl_dhparam``, ``auth_basic_user_file``, ``ssl_session_ticket_key`` …"""
    includes: tuple[Named, ...] = ()
    """Included files, without patterns, that are not there."""
    served: tuple[Named, ...] = ()
    """Directories of ``root`` and ``alias``."""
    aliases: tuple[Named, ...] = ()
    """Of ``alias`` alone."""
    directories: tuple[str, ...] = ()
    """Must be there and writable."""
    error_logs: tuple[str, ...] = ()
    users: tuple[str, ...] = ()
    upstreams: tuple[str, ...] = ()
    """Hosts that requests are sent on to, names and addresses, in the order of the files."""
    hosts: tuple[str, ...] = ()
    """Further hosts that must resolve."""
    missing: tuple[Missing, ...] = ()
    daemon: bool | None = None
    """What the configuration itself says; None where it says nothing."""
    resolver: Location | None = None


def needs_of(tree: Tree, placed: Mapping[str, ParsedFile]) -> Needs:
    """Collect them from a main file with its includes in place; ``placed`` are all files by their server path."""
    base = posixpath.dirname(tree.main)
    directives = [item for item in walk(tree.directives) if not item.is_template]
    by_name: dict[str, list[Directive]] = {}
    for item in directives:
        by_name.setdefault(item.name, []).append(item)

    def named(*names: str) -> tuple[Named, ...]:
        items = (item for name in names for item in by_name.get(name, ()))
        return _unique(path for item in items if (path := _path(item, base)) is not None)

    daemon = by_name.get("daemon")
    logs = [one for one in named(*_LOG_FILES) if one.path not in {f"{base}/off", f"{base}/stderr"}]
    logs = [one for one in logs if not posixpath.basename(one.path).startswith("syslog:")]
    folders = [posixpath.dirname(one.path) for one in (*logs, *named(*_OTHER_FILES))]
    folders += [one.path for one in named(*_DIRECTORIES)]
    error_logs = {one.path for one in named("error_log")} & {one.path for one in logs}
    upstreams, hosts = _hosts(by_name)
    return Needs(
        certificates=_certificates(tree.directives, base),
        authorities=named(*_CA_FILES),
        files={
            name: found
            for name in (
                "ssl_dhparam",
                "auth_basic_user_file",
                "ssl_session_ticket_key",
                "ssl_password_file",
                "ssl_crl",
            )
            if (found := named(name))
        },
        includes=_includes(placed, base),
        served=named("root", "alias"),
        aliases=named("alias"),
        directories=tuple(dict.fromkeys(folders)),
        error_logs=tuple(sorted(error_logs)),
        users=tuple(dict.fromkeys(name for item in by_name.get("user", ()) for name in item.args)),
        upstreams=upstreams,
        hosts=hosts,
        missing=(*_missing_zones(by_name), *_missing_formats(by_name), *_missing_variables(directives, by_name)),
        daemon=None if daemon is None else daemon[-1].arg(0) == "on",
        resolver=by_name["resolver"][0].location if "resolver" in by_name else None,
    )


def _unique(found: Iterable[Named]) -> tuple[Named, ...]:
    return tuple({one.path: one for one in reversed(list(found))}.values())[::-1]


def _path(directive: Directive, base: str) -> Named | None:
    """The file or directory that the first argument names; relative ones start at nginx's own directory."""
    text = directive.arg(0)
    if not text or "$" in text or "\0" in text or text.startswith(("data:", "engine:", "store:", "syslog:", "memory:")):
        return None
    path = posixpath.normpath(posixpath.join(base, text))
    return Named(path if not path.startswith("//") else path[1:], directive.location)


def _certificates(directives: tuple[Directive, ...], base: str) -> tuple[CertificatePair, ...]:
    """Pairs level by level: the first certificate goes with the first key, and so on."""
    found: list[CertificatePair] = []
    for level in _levels(directives):
        own = {
            name: [item for item in level if item.name == name] for name in ("ssl_certificate", "ssl_certificate_key")
        }
        suites = " ".join(item.text for item in level if item.name == "ssl_ciphers")
        only_ecdsa = "ECDSA" in suites and not re.search(r"RSA(?!-?ECDSA)", suites.replace("ECDSA", ""))
        for certificate, key in zip(own["ssl_certificate"], own["ssl_certificate_key"], strict=False):
            paths = _path(certificate, base), _path(key, base)
            if paths[0] is None or paths[1] is None:
                continue
            second = len(own["ssl_certificate"]) > 1 and _ELLIPTIC.search(posixpath.basename(certificate.arg(0)))
            found.append(CertificatePair(paths[0], paths[1], bool(second) or only_ecdsa))
    return tuple({pair.certificate.path: pair for pair in found}.values())


def _levels(directives: tuple[Directive, ...]) -> Iterator[tuple[Directive, ...]]:
    yield directives
    for item in directives:
        if item.block:
            yield from _levels(item.block)


def _includes(placed: Mapping[str, ParsedFile], base: str) -> tuple[Named, ...]:
    """Files that are included by name and are not there."""
    found = []
    for parsed in placed.values():
        for item in walk(parsed.directives):
            if item.name != "include" or item.block is not None or item.is_template or len(item.args) != 1:
                continue
            path = posixpath.normpath(posixpath.join(base, item.args[0]))
            if not _GLOB.search(path) and path not in placed:
                found.append(Named(path, item.location))
    return _unique(found)


def is_known(path: str) -> bool:
    """Whether every server has that file."""
    return posixpath.basename(path) in KNOWN_FILES


def known_text(path: str) -> bytes:
    """The text of a file that every server has. Raises KeyError for any other."""
    rows = KNOWN_FILES[posixpath.basename(path)]
    lines = [" ".join(_quoted(word) for word in row) for row in rows]
    if rows[0] == ("types",):
        return ("types {\n" + "".join(f"    {line};\n" for line in lines[1:]) + "}\n").encode()
    return "".join(f"{line};\n" for line in lines).encode()


def _quoted(word: str) -> str:
    return word if re.fullmatch(r"[^\s;{}\"'\\]+", word) else "'" + word.replace("\\", "\\\\").replace("'", "\\'") + "'"


def _hosts(by_name: Mapping[str, list[Directive]]) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Hosts that requests are sent on to, and all others that nginx looks up when it starts."""
    blocks = {item.arg(0): item for item in by_name.get("upstream", ())}
    passed = [host for name in _PASSES for item in by_name.get(name, ()) if (host := _pass_host(item.arg(0)))]
    upstreams = [host for host in passed if host not in blocks]
    for block in blocks.values():
        upstreams += [_host(item.arg(0)) for item in block.block or () if item.name == "server" and item.args]
    others = [_host(item.arg(0)) for name in ("set_real_ip_from", "resolver") for item in by_name.get(name, ())]
    for item in (*by_name.get("access_log", ()), *by_name.get("error_log", ())):
        match = re.match(r"syslog:(?:.*,)?server=([^,]+)", item.arg(0))
        others += [_host(match[1])] if match else []
    wanted = [dict.fromkeys(host for host in group if _is_host(host)) for group in (upstreams, others)]
    return tuple(wanted[0]), tuple(host for host in wanted[1] if "/" not in host)


def _pass_host(text: str) -> str:
    """The host of ``http://web:8000/x`` or ``web:3031``; empty for a socket or a variable."""
    _, _, rest = text.rpartition("://")
    return "" if rest.startswith("unix:") or text.startswith("unix:") else _host(rest.partition("/")[0])


def _host(text: str) -> str:
    if text.startswith("["):
        return text.partition("]")[0] + "]"
    return text.partition(":")[0].lower() if text.count(":") < 2 else text


def _is_host(text: str) -> bool:
    return bool(text) and "$" not in text and not text.startswith(("unix", "[")) and bool(_SAFE_NAME.match(text))


def _missing_zones(by_name: Mapping[str, list[Directive]]) -> Iterator[Missing]:
    for user, makers in _ZONES.items():
        made = {zone for maker in makers for item in by_name.get(maker, ()) if (zone := _made_zone(item))}
        asked: dict[str, Location] = {}
        for item in by_name.get(user, ()):
            zone = next((word[5:] for word in item.args if word.startswith("zone=")), item.arg(0))
            if zone != "off" and _SAFE_NAME.match(zone):
                asked.setdefault(zone, item.location)
        for zone, location in asked.items():
            if zone not in made:
                yield Missing(f"{user} zone", zone, _ZONE_MAKERS[user].format(name=zone), location)


def _made_zone(directive: Directive) -> str | None:
    for word in directive.args:
        for start in ("zone=", "keys_zone="):
            if word.startswith(start):
                return word[len(start) :].partition(":")[0]
    return directive.arg(0) if directive.name == "limit_zone" else None


def _missing_formats(by_name: Mapping[str, list[Directive]]) -> Iterator[Missing]:
    made = {item.arg(0) for item in by_name.get("log_format", ())} | {"combined"}
    asked: dict[str, Location] = {}
    for item in by_name.get("access_log", ()):
        name = item.arg(1)
        if name and "=" not in name and name not in {"off", "gzip", "flush"} and _SAFE_NAME.match(name):
            asked.setdefault(name, item.location)
    for name, location in asked.items():
        if name not in made:
            yield Missing("log format", name, f"log_format {name} '$remote_addr \"$request\" $status';", location)


def _missing_variables(directives: Iterable[Directive], by_name: Mapping[str, list[Directive]]) -> Iterator[Missing]:
    """The one variable that everybody's ``nginx.conf`` defines for WebSockets."""
    name = "connection_upgrade"
    if any(word == f"${name}" for item in by_name.get("map", ()) for word in item.args):
        return
    for item in directives:
        if any(found == name for word in item.args for found in _VARIABLE.findall(word)):
            text = f"map $http_upgrade ${name} {{ default upgrade; '' close; }}"
            yield Missing("map", f"${name}", text, item.location)
            return

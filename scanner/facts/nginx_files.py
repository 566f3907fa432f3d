"""Which files of a project are nginx configuration, told by what stands in them."""

import enum
import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from scanner.facts.shell import here_documents
from scanner.model import provider
from scanner.nginx.tree import ParsedFile, parse
from scanner.project import Project, Unreadable

_LIMIT: Final = 2 * 1024 * 1024
_SUFFIXES: Final = (".conf", ".nginx", ".vhost", ".site", ".inc")
_TEMPLATE_SUFFIXES: Final = re.compile(
    r"(?:\.(?:template|tmpl|tpl|j2|jinja2?|erb|in|ctmpl|envsubst|example|sample|dist|prod|production|dev|local|staging))+\Z"
)
_DIRECTORIES: Final = frozenset(
    {"nginx", "sites-available", "sites-enabled", "conf.d", "vhosts", "snippets", "server_blocks"}
)
_DEPLOYING: Final = frozenset(
    {"deploy", "deployment", "conf", "config", "configs", "ops", "server", "etc", "provision", "ansible", "infra"}
)
_OTHER_KINDS: Final = re.compile(
    r"\.(?:py|pyc|md|rst|txt|ya?ml|json|toml|ini|sh|bash|js|ts|css|html?|xml|svg|png|jpe?g|gif|ico|woff2?|crt|pem|key|csr"
    r"|service|socket|timer|sql|lock|cfg|zip|gz|log|php|lua|pub|md5|map|po|mo|dockerfile)\Z",
    re.IGNORECASE,
)
_WRITES: Final = re.compile(
    r">>?\s*(?P<quote>['\"]?)(?P<path>/[^\s'\";|&<>]*nginx[^\s'\";|&<>]*)(?P=quote)|tee\s+(?:-a\s+)?['\"]?(?P<tee>/\S*nginx[^\s'\"]*)"
)
_PUT_ASIDE: Final = re.compile(r"(?:\A|[._-])(?:bak|bkp|backup|old|orig|save|saved|disabled|unused)(?:[._-]|\Z)|~\Z")
"""What somebody has kept of an earlier state: nothing reads such a file."""
_FULL: Final = frozenset({"http", "events"})
_FRAGMENT: Final = frozenset(
    {
        "server", "upstream", "map", "geo", "split_clients", "limit_req_zone", "limit_conn_zone", "log_format",
        "proxy_cache_path", "uwsgi_cache_path", "fastcgi_cache_path", "server_tokens",
        "server_names_hash_bucket_size", "map_hash_bucket_size",
    }
)  # fmt: skip
_SNIPPET: Final = re.compile(
    r"(?:add_header|location|if|set|return|rewrite|expires|allow|deny|root|alias|try_files|error_page|access_log|error_log"
    r"|include|internal|etag|types|default_type|resolver|sendfile|autoindex|index|listen|server_name|merge_slashes"
    r"|charset|satisfy|keepalive_\w+|client_\w+|proxy_\w+|uwsgi_\w+|fastcgi_\w+|scgi_\w+|grpc_\w+|ssl_\w+|gzip\w*"
    r"|brotli\w*|auth_\w+|limit_\w+|send_timeout|tcp_\w+|real_ip_\w+|set_real_ip_from|large_client_header_buffers"
    r"|http2\w*|underscores_in_headers|stub_status|more_\w+|valid_referers|open_file_cache\w*)\Z"
)


class Content(enum.Enum):
    """What an nginx file is."""

    FULL = "full"
    """A whole ``nginx.conf``."""
    FRAGMENT = "fragment"
    """What belongs into ``http``: servers, upstreams, maps."""
    SNIPPET = "snippet"
    """What another file includes into a server or location."""


@dataclass(frozen=True, eq=False)
class NginxFile:
    """One file of the repository with nginx configuration in it."""

    path: str
    parsed: ParsedFile
    content: Content
    written_to: str | None = None
    """The production path, for text that a script writes."""


@dataclass(frozen=True, eq=False)
class NginxFiles:
    """The nginx files of a project."""

    files: tuple[NginxFile, ...]
    unreadable: tuple[tuple[str, str], ...]
    """Path and reason, of files that look like one and cannot be read."""


@provider()
def nginx_files(project: Project) -> NginxFiles:
    """Find them by their names and by what stands in them."""
    found: list[NginxFile] = []
    unreadable: list[tuple[str, str]] = []
    for path in project.files:
        if not may_be_nginx(path) and not project.given.get(path, "").endswith("--nginx"):
            continue
        try:
            text = project.read_text(path, _LIMIT)
        except Unreadable as problem:
            if "nginx" in path.lower() or project.given.get(path, "").endswith("--nginx"):
                unreadable.append((path, problem.why))
            continue
        parsed = parse(text, path)
        content = classify(parsed)
        if content is not None:
            found.append(NginxFile(path, parsed, content))
    unreadable.extend(_leaving(project))
    found.extend(_written_by_scripts(project))
    return NginxFiles(tuple(found), tuple(unreadable))


def _leaving(project: Project) -> Iterator[tuple[str, str]]:
    for path in project.checkout.leaving_symlinks:
        if may_be_nginx(path) and "nginx" in path.lower():
            yield path, "is a symbolic link that leaves the checkout"


def may_be_nginx(path: str) -> bool:
    """Whether a file's name allows nginx configuration: its contents decide."""
    *directories, name = path.lower().split("/")
    bare = _TEMPLATE_SUFFIXES.sub("", name)
    if _OTHER_KINDS.search(bare) or _PUT_ASIDE.search(name):
        return False
    if bare.endswith((*_SUFFIXES, "_params")) or "nginx" in bare:
        return True
    if "." not in name and not _DEPLOYING.isdisjoint(directories):
        return True
    return not _DIRECTORIES.isdisjoint(directories) or any("nginx" in part for part in directories)


def classify(parsed: ParsedFile) -> Content | None:
    """What a parsed file is, by the directives of its outermost level; None for what is no nginx configuration."""
    names = [item.name for item in parsed.directives if not item.inserts]
    blocks = {item.name for item in parsed.directives if item.block is not None}
    if "http" in blocks or ("events" in blocks and not {"server", "upstream"} & blocks):
        return Content.FULL
    if {"server", "upstream"} & blocks or any(
        item.block is not None and item.name in {"map", "geo", "split_clients"} for item in parsed.directives
    ):
        return Content.FRAGMENT
    if not names:
        return None
    known = sum(1 for name in names if _SNIPPET.match(name) or name in _FRAGMENT)
    # Other formats end no line with a semicolon: their whole text becomes one unfinished "directive".
    if known * 4 < len(names) * 3 or (parsed.problems and known < 2):
        return None
    return Content.FRAGMENT if any(name in _FRAGMENT for name in names) else Content.SNIPPET


def _written_by_scripts(project: Project) -> Iterator[NginxFile]:
    """Configuration that a shell script writes with a here-document, at its lines of the script."""
    for path in project.glob("**/*.sh", "*.sh", "**/*.bash", "*.bash"):
        try:
            text = project.read_text(path, _LIMIT)
        except Unreadable:
            continue  # whoever reads scripts reports it
        if "<<" not in text or "nginx" not in text:
            continue
        for document in here_documents(text):
            target = _WRITES.search(document.command)
            if target is None:
                continue
            parsed = parse("\n" * (document.line - 1) + _unescaped(document.text), path)
            content = classify(parsed)
            if content is not None:
                yield NginxFile(path, parsed, content, target["path"] or target["tee"])


def _unescaped(text: str) -> str:
    """A here-document as the shell writes it, as far as escaped dollars go; columns behind one shift by one."""
    return text.replace("\\$", "$")

"""The file system of the proxy: the project's configuration byte for byte, and around it whatever it names.

What had to be made up is a stub, told with the line that made it necessary. ``/etc/nginx`` is empty but for these files
on both engines, so that nothing of the engine's own nginx decides anything.
"""

import posixpath
import secrets
import shlex
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from importlib import resources
from typing import Final

import jinja2

from scanner.facts.live_stack import Canary, Stub
from scanner.nginx.includes import Tree
from scanner.sandbox.interface import MEBIBYTE, File, Tmpfs
from scanner.stack.certificates import Authority, dh_parameters
from scanner.stack.proxy_needs import CONF, Needs, is_known, known_text

MAIN: Final = f"{CONF}/nginx.conf"
SERVER_USER: Final = "nginx"
INCLUDES: Final = (f"{CONF}/conf.d/*.conf", f"{CONF}/sites-enabled/*")
_WRITABLE: Final = (CONF, "/run", "/tmp", "/var/cache/nginx", "/var/lib/nginx", "/var/log/nginx")
_STOCK: Final[Mapping[str, str]] = {
    "default_type": "default_type application/octet-stream;",
    "access_log": "access_log off;",
    "server_names_hash_bucket_size": "server_names_hash_bucket_size 128;",
}
_FORGEABLE: Final = (
    *("X-Forwarded-Host", "X-Forwarded-Port", "X-Forwarded-Server", "X-Forwarded-Ssl", "X-Forwarded-Protocol"),
    *("X-Forwarded-Scheme", "X-Scheme", "Front-End-Https", "Forwarded"),
)
_CERTIFICATE: Final = f"{CONF}/seatrial/certificate.pem"
_KEY: Final = f"{CONF}/seatrial/key.pem"
_TEMPLATES: Final = jinja2.Environment(
    loader=jinja2.FunctionLoader(
        lambda name: (resources.files("scanner.stack") / "templates" / name).read_text("utf-8")
    ),
    undefined=jinja2.StrictUndefined,
    trim_blocks=True,
    lstrip_blocks=True,
    autoescape=False,  # noqa: S701 - nginx's syntax, not HTML; only values of ours go in
)


@dataclass(frozen=True)
class ProxyRoot:
    """What the proxy's sandbox holds and how its server is started."""

    files: tuple[File, ...]
    tmpfs: tuple[Tmpfs, ...]
    users: tuple[str, ...]
    script: str
    """For ``sh -c``: prints what nginx is at hand, then becomes nginx."""
    stubs: tuple[Stub, ...] = ()
    sources: Mapping[str, str] = field(default_factory=dict)
    """Path in the sandbox -> path in the repository."""
    complete: bool = False
    """The project's own ``nginx.conf`` is the main file."""


@dataclass(frozen=True)
class Source:
    """One file of the project's configuration."""

    path: str
    """In the repository."""
    content: bytes


def project_root(
    sources: Mapping[str, Source],
    tree: Tree,
    needs: Needs,
    authority: Authority,
    names: tuple[str, ...],
    canaries: Iterable[Canary],
    *,
    image: Mapping[str, bytes] | None = None,
    links: Mapping[str, str] | None = None,
) -> ProxyRoot:
    """The file system around the project's files.

    ``sources`` are the project's files by their path on the server; if the main file is not among them, a stock one is
    put around them. ``names`` are all host names for the certificates. ``image`` are files of the project's own nginx
    image that stay beside them, ``links`` symbolic links to make.
    """
    stubs: list[Stub] = []
    made: dict[str, File] = {path: File(path, source.content) for path, source in sources.items()}
    made.update({path: File(path, content) for path, content in (image or {}).items()})
    complete = tree.main in sources
    _certificates(needs, authority, names, made, stubs)
    _authorities(needs, authority, made, stubs)
    _named_files(needs, authority, made, stubs)
    _included(needs, made, stubs)
    mime_types = posixpath.join(posixpath.dirname(tree.main), "mime.types")
    made.setdefault(mime_types, File(mime_types, known_text("mime.types")))
    if not complete:
        stubs += [
            Stub(one.kind, one.name, "the server's own nginx.conf defines it", one.location) for one in needs.missing
        ]
        made[tree.main] = File(tree.main, _stock(tree, needs))
    for canary in canaries:
        made.setdefault(canary.path, File(canary.path, canary.text.encode()))
    directories = [posixpath.dirname(tree.main), *needs.directories, *map(posixpath.dirname, links or {})]
    folders, below = _writable(directories)
    users = tuple(dict.fromkeys((SERVER_USER, "www-data", "nobody", *needs.users)))
    return ProxyRoot(
        files=tuple(made.values()),
        tmpfs=folders,
        users=users,
        script=_script(tree.main, needs, below, links or {}),
        stubs=tuple(stubs),
        sources={path: source.path for path, source in sources.items()},
        complete=complete,
    )


def reference_root(upstream: str, authority: Authority, names: tuple[str, ...], *, uwsgi: bool = False) -> ProxyRoot:
    """Our own proxy in front of ``127.0.0.1:8000`` or ``unix:/run/x.sock``."""
    leaf = authority.leaf(names)
    text = _TEMPLATES.get_template("reference.conf.j2").render(
        user=SERVER_USER,
        certificate=_CERTIFICATE,
        key=_KEY,
        upstream=upstream,
        uwsgi=uwsgi,
        conf=CONF,
        forgeable=_FORGEABLE,
    )
    files = (
        File(MAIN, text.encode()),
        File(_CERTIFICATE, leaf.full_chain),
        File(_KEY, leaf.key, 0o600),
        File(f"{CONF}/uwsgi_params", known_text("uwsgi_params")),
    )
    folders, below = _writable(())
    return ProxyRoot(files, folders, (SERVER_USER,), _script(MAIN, Needs(), below, {}))


def _stock(tree: Tree, needs: Needs) -> bytes:
    """The ``nginx.conf`` around fragments, without what one of them says itself at that level."""
    said = {item.name for item in tree.directives} | {
        item.name for outer in tree.directives if outer.name == "http" for item in outer.block or ()
    }
    settings = [line for name, line in _STOCK.items() if name not in said]
    made_up = [one.text for one in needs.missing]
    template = _TEMPLATES.get_template("nginx.conf.j2")
    return template.render(user=SERVER_USER, conf=CONF, settings=settings, made_up=made_up, includes=INCLUDES).encode()


def _certificates(
    needs: Needs, authority: Authority, names: tuple[str, ...], made: dict[str, File], stubs: list[Stub]
) -> None:
    for pair in needs.certificates:
        leaf = authority.leaf(names, elliptic=pair.elliptic)
        certificate, key = pair.certificate.path, pair.key.path
        if certificate == key:
            made.setdefault(key, File(key, leaf.full_chain + leaf.key, 0o600))
        else:
            made.setdefault(certificate, File(certificate, leaf.full_chain))
            made.setdefault(key, File(key, leaf.key, 0o600))
        why = "a certificate of a throwaway authority takes the place of the real one"
        stubs.append(Stub("certificate", certificate, why, pair.certificate.location))


def _authorities(needs: Needs, authority: Authority, made: dict[str, File], stubs: list[Stub]) -> None:
    for one in needs.authorities:
        if one.path not in made:
            made[one.path] = File(one.path, authority.ca_pem.encode())
            stubs.append(Stub("certificate", one.path, "the throwaway authority itself", one.location))


def _named_files(needs: Needs, authority: Authority, made: dict[str, File], stubs: list[Stub]) -> None:
    for directive, named in needs.files.items():
        for one in named:
            if one.path in made:
                continue
            made[one.path] = File(one.path, _content(directive, authority), 0o600)
            stubs.append(Stub("file", one.path, f"{directive} names it and it is not in the repository", one.location))


def _content(directive: str, authority: Authority) -> bytes:
    match directive:
        case "ssl_dhparam":
            return dh_parameters()
        case "ssl_session_ticket_key":
            return secrets.token_bytes(80)
        case "auth_basic_user_file":
            return f"seatrial:{{PLAIN}}{secrets.token_hex(16)}\n".encode()
        case "ssl_crl":
            return authority.empty_revocation_list()
        case _:
            return b"\n"


def _included(needs: Needs, made: dict[str, File], stubs: list[Stub]) -> None:
    for one in needs.includes:
        if one.path in made:
            continue
        if is_known(one.path):
            made[one.path] = File(one.path, known_text(one.path))
            if not one.path.startswith(f"{CONF}/"):
                stubs.append(Stub("include", one.path, "the contents that every server has", one.location))
        else:
            made[one.path] = File(one.path, b"")
            stubs.append(Stub("include", one.path, "not in the repository: taken to be empty", one.location))


def _writable(directories: Iterable[str]) -> tuple[tuple[Tmpfs, ...], tuple[str, ...]]:
    """Writable directories of the sandbox, and those to be made in them."""
    roots, below = list(_WRITABLE), []
    for directory in sorted(dict.fromkeys(map(under_run, directories))):
        if any(_inside(directory, root) for root in roots):
            below.append(directory)
        elif directory not in {"/", "/dev"} and not directory.startswith(("/dev/", "/proc", "/sys")):
            roots.append(directory)
    return tuple(Tmpfs(root, 64 * MEBIBYTE) for root in roots), tuple(below)


def under_run(path: str) -> str:
    """``/var/run`` is a link to ``/run`` everywhere."""
    return path.removeprefix("/var") if _inside(path, "/var/run") else path


def _inside(path: str, directory: str) -> bool:
    return path == directory or path.startswith(f"{directory.rstrip('/')}/")


def _script(main: str, needs: Needs, below: Iterable[str], links: Mapping[str, str]) -> str:
    """Make directories, lead error logs to our output, tell the version, become nginx."""
    lines = [f"mkdir -p {shlex.quote(directory)}" for directory in below]
    lines += [f"ln -sf /dev/stderr {shlex.quote(path)}" for path in needs.error_logs]
    lines += [f"ln -sf {shlex.quote(target)} {shlex.quote(link)}" for link, target in links.items()]
    start = f"nginx -p {shlex.quote(posixpath.dirname(main))}/ -c {shlex.quote(main)} -e stderr"
    lines.append("nginx -V")
    if needs.daemon:
        # In the foreground nothing may be left to wait for: nginx itself goes into the background here.
        lines.append(f"{start} && while sleep 3600; do :; done")
    elif needs.daemon is None:
        lines.append(f"exec {start} -g 'daemon off;'")
    else:
        lines.append(f"exec {start}")
    return "\n".join(lines)


def checking_script(root: ProxyRoot) -> str:
    """The same, but nginx only tests its configuration."""
    *before, last = root.script.splitlines()
    start = last.removeprefix("exec ").partition(" && ")[0]
    return "\n".join((*before, f"exec {start} -t"))

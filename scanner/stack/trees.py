"""Directories of the stack and the canaries in them.

The proxy's tree and the application's are separate file systems with different canaries; that is what proves who served
a file. In the proxy's tree, canaries lie where production would have the files, not where the configuration looks for
them: if the two do not meet, the canary is not found, and that is the proof.
"""

import posixpath
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import PurePosixPath
from typing import Final

from scanner.facts.compose import Service
from scanner.facts.live_stack import Canary

MEDIA_KINDS: Final = ("html", "svg", "js", "pdf", "jpg", "php", "py")
_MAGIC: Final = {"pdf": "%PDF-1.4\n", "svg": "<svg xmlns='http://www.w3.org/2000/svg'><title>", "html": "<title>"}
_CLOSING: Final = {"svg": "</title></svg>", "html": "</title>"}
SECRET_NAMES: Final = (
    *(".env", ".git/HEAD", ".git/config", "db.sqlite3", "requirements.txt", "docker-compose.yml", "Dockerfile"),
    *("id_rsa", "backup.sql", ".htpasswd"),
)
_MAX_PARENTS: Final = 40


@dataclass(frozen=True)
class ProxySees:
    """What of the production machine's files the proxy sees."""

    place: Callable[[str], str | None]
    """Directory of the application -> the proxy's path of it; None where the proxy has it nowhere."""
    assumed: bool
    """Nobody knows what the proxy has: directories are taken to lie where the configuration looks for them."""


def sees_everything() -> ProxySees:
    """A proxy on the same host as the application."""
    return ProxySees(lambda path: path, assumed=False)


def sees_nothing_known() -> ProxySees:
    """A proxy of whose files nothing is known."""
    return ProxySees(lambda _: None, assumed=True)


def sees_volumes(app: Service, proxy: Service, in_checkout: Callable[[str], str | None]) -> ProxySees:
    """A proxy in a container of its own: it sees what both services mount.

    ``in_checkout`` tells which path of the checkout a directory of the application is, for directories that the proxy
    binds from the checkout.
    """
    shown = [(mount.source, _normal(mount.target)) for mount in proxy.volumes]

    def place(path: str) -> str | None:
        path = _normal(path)
        mine = [mount for mount in app.volumes if _inside(path, _normal(mount.target))]
        if mine:
            nearest = max(mine, key=lambda mount: len(mount.target))
            rest = posixpath.relpath(path, _normal(nearest.target))
            return _shown(shown, _join(nearest.source, rest))
        source = in_checkout(path)
        return None if source is None else _shown(shown, source)

    return ProxySees(place, assumed=proxy.build_context is not None)


def _shown(mounts: Sequence[tuple[str, str]], source: str) -> str | None:
    """Where a source (a volume's name, a path of the checkout) appears among these mounts."""
    found = [(mount, target) for mount, target in mounts if _inside(source, mount)]
    if not found:
        return None
    mount, target = max(found, key=lambda pair: len(pair[0]))
    return _join(target, source if mount == "." else posixpath.relpath(source, mount))


def _inside(path: str, directory: str) -> bool:
    if directory == ".":
        return not path.startswith("/")
    return PurePosixPath(path).is_relative_to(directory)


def _join(directory: str, rest: str) -> str:
    return posixpath.normpath(posixpath.join(directory, rest))


def _normal(path: str) -> str:
    return posixpath.normpath(path)


@dataclass(frozen=True)
class Production:
    """The directories of the application in production."""

    checkout: str
    """Where the checkout's root lies."""
    project: str
    """Where ``manage.py`` lies."""
    settings_file: str | None
    static_root: str | None
    media_root: str | None


def proxy_canaries(
    nonce: str,
    production: Production,
    sees: ProxySees,
    served: Iterable[str],
    aliases: Iterable[str],
    assumed_static: str | None,
    assumed_media: str | None,
) -> tuple[Canary, ...]:
    """The canaries of the proxy's tree.

    ``served`` are the directories of ``root`` and ``alias``, ``assumed_static`` and ``assumed_media`` where the
    configuration looks for STATIC_URL and MEDIA_URL, for use where nobody knows what the proxy has.
    """
    found: dict[str, Canary] = {}

    def put(path: str, purpose: str, text: str) -> None:
        found.setdefault(path, Canary("proxy", path, purpose, text))

    static = _place(production.static_root, sees, assumed_static)
    if static is not None:
        put(f"{static}/seatrial-{nonce}.css", "static", f"proxy {nonce}")
    media = _place(production.media_root, sees, assumed_media)
    if media is not None:
        for name, text in media_files(nonce, "proxy"):
            put(f"{media}/{name}", "media", text)
    checkout, project = sees.place(production.checkout), sees.place(production.project)
    for name, base in _secret_files(production, checkout, project):
        put(f"{base}/{name}", "secret", f"seatrial-canary {nonce} {name}")
    # What else is served: the directory must exist, and a file in it tells that it is served at all.
    for directory in served:
        put(f"{_normal(directory)}/seatrial-{nonce}.txt", "served", f"seatrial-canary {nonce} served {directory}")
    for parent in _parents(aliases):
        put(f"{parent.rstrip('/')}/seatrial-{nonce}-beside.txt", "parent", f"seatrial-canary {nonce} beside {parent}")
    return tuple(found.values())


def app_canaries(nonce: str, static_root: str | None, media_root: str | None) -> tuple[Canary, ...]:
    """The canaries of the application's tree, where its own settings have these directories."""
    found = []
    if static_root:
        found.append(Canary("app", f"{_normal(static_root)}/seatrial-{nonce}.css", "static", f"app {nonce}"))
    if media_root:
        root = _normal(media_root)
        found += [Canary("app", f"{root}/{name}", "media", text) for name, text in media_files(nonce, "app")]
    return tuple(found)


def media_files(nonce: str, tree: str) -> Iterator[tuple[str, str]]:
    """Names and texts of uploaded files, with the first bytes of their kind."""
    for kind in MEDIA_KINDS:
        name = f"seatrial-{nonce}.{kind}"
        yield name, f"{_MAGIC.get(kind, '')}seatrial-canary {nonce} {tree} {name}{_CLOSING.get(kind, '')}"
    yield f"seatrial-{nonce}-folder/inside.txt", f"seatrial-canary {nonce} {tree} inside.txt"


def _place(path: str | None, sees: ProxySees, assumed: str | None) -> str | None:
    if path is None:
        return None
    place = sees.place(_normal(path))
    return place if place is not None else (assumed if sees.assumed else None)


def _secret_files(production: Production, checkout: str | None, project: str | None) -> Iterator[tuple[str, str]]:
    """Names of files that must not be served, and the directory in which each would lie."""
    for base in dict.fromkeys(one for one in (checkout, project) if one):
        for name in SECRET_NAMES:
            yield name, base
    if project:
        yield "manage.py", project
        if production.settings_file is not None and _inside(production.settings_file, production.project):
            yield posixpath.relpath(production.settings_file, production.project), project


def _parents(aliases: Iterable[str]) -> Iterator[str]:
    """The two directories above each alias."""
    seen: dict[str, None] = {}
    for alias in aliases:
        parent = posixpath.dirname(_normal(alias))
        for directory in (parent, posixpath.dirname(parent)):
            seen.setdefault(directory)
    yield from list(seen)[:_MAX_PARENTS]

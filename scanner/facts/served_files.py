"""Which files of the checkout a request gets from a directory that the proxy serves."""

import posixpath
from collections.abc import Collection, Iterator
from dataclasses import dataclass

from scanner.facts.proxy_tree import ProxyTree
from scanner.facts.repository import Repository
from scanner.facts.settings import Settings
from scanner.facts.settings_source import Origin, SettingsSource
from scanner.nginx.effective import Configuration, LocationBlock, RequestShape, Served, ServedDirectory

_NAMES = frozenset({"manage.py", ".env", "db.sqlite3", "docker-compose.yml", "requirements.txt", "Dockerfile"})


@dataclass(frozen=True)
class TreeSecrets:
    """What the checkout holds that nobody should see."""

    files: tuple[str, ...]
    """Paths of the checkout."""
    worst: frozenset[str]
    """Those of them with secrets or data."""


def tree_secrets(
    settings: Settings | None, source: SettingsSource | None, repository: Repository | None, tree: ProxyTree | None
) -> TreeSecrets:
    """The files of the checkout that nobody should get: code, settings, environment files, the database, git's own."""
    tracked = repository.tracked if repository is not None else frozenset()
    files = {path for path in tracked if path.rpartition("/")[2] in _NAMES or path.rpartition("/")[2] == "settings.py"}
    worst = {path for path in tracked if path.rpartition("/")[2] in {".env", "db.sqlite3", ".env.prod"}}
    module = settings.module_path if settings is not None else None
    if module is not None:
        files.add(module)
    key = source.winner("SECRET_KEY") if source is not None else None
    if key is not None and key.origin is Origin.LITERAL:
        files.add(key.location.path)
        worst.add(key.location.path)
    if tree is not None and any(checkout == "." for _, checkout in tree.pairs) and _is_live_checkout(tree):
        files.add(".git/config")
        worst.add(".git/config")
    return TreeSecrets(tuple(sorted(files | worst)), frozenset(worst))


def _is_live_checkout(tree: ProxyTree) -> bool:
    """The checkout itself is mounted, so its `.git` is there, too."""
    volumes = tree.service.volumes if tree.service is not None else ()
    return any(volume.bind and volume.source == "." for volume in volumes)


def reached_files(
    configuration: Configuration, served: ServedDirectory, tree: ProxyTree, files: Collection[str]
) -> list[str]:
    """The files among these that a request really gets from this place."""
    if served.is_template or not served.directory.startswith("/"):
        return []
    found = []
    for file in files:
        for production in _production(tree, file):
            uri = _uri(served, production)
            if uri is not None and _is_sent(configuration, served, uri):
                found.append(file)
                break
    return found


def _production(tree: ProxyTree, file: str) -> Iterator[str]:
    """Where a file of the checkout lies for the proxy."""
    for production, checkout in tree.pairs:
        if checkout == file:
            yield production
        elif checkout == "." or file.startswith(f"{checkout}/"):
            path = posixpath.normpath(posixpath.join(production, posixpath.relpath(file, checkout)))
            if tree.checkout_of(path) == file:
                yield path


def _uri(served: ServedDirectory, production: str) -> str | None:
    """The address of a file below a served directory."""
    if served.alias:
        base = served.directory.rstrip("/") + "/"
        if not production.startswith(base) or not served.url.startswith("/"):
            return None
        return served.url.rstrip("/") + "/" + production[len(base) :]
    base = served.root.rstrip("/") + "/"
    return "/" + production[len(base) :] if production.startswith(base) else None


def _is_sent(configuration: Configuration, served: ServedDirectory, uri: str) -> bool:
    place = served.place
    server = place.server if isinstance(place, LocationBlock) else place
    chosen = configuration.location_for(server, uri) or server
    if chosen is not place:
        return False
    tries = place.effective("try_files").value
    if tries is not None and not any(word in {"$uri", "$request_uri", "$request_filename"} for word in tries.args[:-1]):
        return False
    replies = configuration.replies(place, RequestShape(tls=True, path=uri))
    return any(isinstance(reply, Served) for reply in replies)

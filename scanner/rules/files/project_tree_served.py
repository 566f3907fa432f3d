"""The project's own files can be fetched.

## Why is this bad
A server that gives away the checkout gives away the settings, the database file, the `.env` and the history of `.git`:
every secret of the site.

## Bad
    root /srv/shop;                          # where manage.py lies
    location / { try_files $uri @django; }

## Good
    location /static/ { alias /srv/shop/static/; }
    location / { proxy_pass http://127.0.0.1:8000; }

## References
- https://docs.djangoproject.com/en/stable/howto/deployment/checklist/#static-root-and-static-url
- CWE-552
"""

import posixpath
from collections.abc import Iterator
from dataclasses import dataclass

from scanner.facts.compose import Compose
from scanner.facts.dockerfiles import Dockerfiles
from scanner.facts.edge import same_place
from scanner.facts.exchange_text import exchange_text
from scanner.facts.nginx import Nginx
from scanner.facts.proxy_tree import ProxyTree, proxy_tree
from scanner.facts.repository import Repository
from scanner.facts.secret_paths import FileSeen, SecretPaths
from scanner.facts.settings import Settings
from scanner.facts.settings_source import Origin, SettingsSource
from scanner.facts.topology import Topology
from scanner.model import Evidence, Finding, Location, NotApplicable, Proof, Severity, UnknownValue, quoted, rule
from scanner.nginx.effective import Configuration, LocationBlock, RequestShape, Served, ServedDirectory

_HARMLESS = ("static", "media", "html", "letsencrypt", "certbot", "acme", "dist", "build", "www", "assets", "public")
_NAMES = frozenset({"manage.py", ".env", "db.sqlite3", "docker-compose.yml", "requirements.txt", "Dockerfile"})


@dataclass(frozen=True)
class _Secrets:
    """What the checkout holds that nobody should see."""

    files: tuple[str, ...]
    """Paths of the checkout."""
    worst: frozenset[str]
    """Those of them with secrets or data."""


@rule(severity=Severity.CRITICAL)
def check(
    nginx: Nginx,
    settings: Settings | None,
    source: SettingsSource | None,
    topology: Topology | None,
    compose: Compose | None,
    dockerfiles: Dockerfiles | None,
    repository: Repository | None,
    paths: SecretPaths | None,
) -> Iterator[Finding]:
    directories = [one for one in nginx.main.served_directories() if not _is_challenge(one)]
    if not directories:
        raise NotApplicable("the proxy serves no directory")
    tree = proxy_tree(nginx, compose, dockerfiles, topology)
    secrets = _secrets(settings, source, repository, tree)
    found: dict[Location, list[tuple[ServedDirectory, list[str], list[FileSeen]]]] = {}
    unknown = ""
    for served in directories:
        seen = [one for one in paths.served if _is_here(served, one)] if paths is not None else []
        reached = [] if tree is None else _reached(nginx.main, served, tree, secrets.files)
        if seen or (reached and not _refuted(paths)):
            found.setdefault(served.directive.location, []).append((served, reached, seen))
        elif paths is None and (served.is_template or (tree is None and not _looks_harmless(served))):
            unknown = unknown or f"what lies in {served.root} at {served.directive.location}"
    for places in found.values():
        yield _finding(places, secrets, tree)
    if unknown:
        raise UnknownValue(unknown)


def _is_challenge(served: ServedDirectory) -> bool:
    return isinstance(served.place, LocationBlock) and served.place.is_acme


def _is_here(served: ServedDirectory, seen: FileSeen) -> bool:
    return same_place(served.place.location, seen.location) and not seen.name.startswith(".canary")


def _refuted(paths: SecretPaths | None) -> bool:
    return paths is not None and not paths.not_asked and paths.refused > 0


def _looks_harmless(served: ServedDirectory) -> bool:
    return any(word in part.lower() for part in served.directory.split("/")[-3:] for word in _HARMLESS)


def _secrets(
    settings: Settings | None, source: SettingsSource | None, repository: Repository | None, tree: ProxyTree | None
) -> _Secrets:
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
    return _Secrets(tuple(sorted(files | worst)), frozenset(worst))


def _is_live_checkout(tree: ProxyTree) -> bool:
    """The checkout itself is mounted, so its `.git` is there, too."""
    volumes = tree.service.volumes if tree.service is not None else ()
    return any(volume.bind and volume.source == "." for volume in volumes)


def _reached(
    configuration: Configuration, served: ServedDirectory, tree: ProxyTree, files: tuple[str, ...]
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


def _finding(
    places: list[tuple[ServedDirectory, list[str], list[FileSeen]]], secrets: _Secrets, tree: ProxyTree | None
) -> Finding:
    served, reached, seen = next((one for one in places if one[2]), places[0])
    names = list(dict.fromkeys([one.target for one in seen] + reached))
    grave = any(path in secrets.worst for path in reached) or any(_is_grave(one) for one in seen)
    evidence = [Evidence(served.directive.text, served.directive.location)]
    evidence += [Evidence(f"{one.place.symbol}: {one.url} is {one.directory}") for one, _, _ in places[:3]]
    if tree is not None and tree.service is not None:
        evidence.append(Evidence(f"mounted into service {tree.service.name}", _mount(tree, served)))
    evidence += [Evidence(f"{exchange_text(one.exchange)} with the content of {one.canary}") for one in seen[:4]]
    return Finding(
        message=f"The project's own files are served from {quoted(served.root)}: {', '.join(map(quoted, names[:5]))}.",
        location=served.directive.location,
        symbol=served.place.symbol,
        evidence=tuple(evidence),
        proof=Proof.PROVEN if seen else Proof.INFERRED,
        severity=Severity.CRITICAL if grave else Severity.HIGH,
    )


def _is_grave(seen: FileSeen) -> bool:
    name = seen.name.rpartition("/")[2]
    return name.startswith(".env") or name.endswith((".sqlite3", "HEAD", "config"))


def _mount(tree: ProxyTree, served: ServedDirectory) -> Location | None:
    directory = f"{served.directory.rstrip('/')}/"
    for volume in tree.service.volumes if tree.service is not None else ():
        if directory.startswith(f"{volume.target.rstrip('/')}/"):
            return volume.location
    return None

"""The proxy looks for static files where `collectstatic` does not put them.

## Why is this bad
Style sheets and scripts answer 404, or old copies of them stay in use; the quick repair is often to serve the whole
project, or to switch `DEBUG` on.

## Bad
    STATIC_ROOT = "/srv/shop/staticfiles"
    location /static/ { alias /srv/shop/assets/; }

## Good
    location /static/ { alias /srv/shop/staticfiles/; }

## References
- https://docs.djangoproject.com/en/stable/howto/static-files/deployment/
- CWE-16
"""

import posixpath
from collections.abc import Iterator
from dataclasses import dataclass

from scanner.facts.app_servers import AppServers
from scanner.facts.compose import Compose
from scanner.facts.dockerfiles import Dockerfiles
from scanner.facts.edge import django_places
from scanner.facts.exchange_text import exchange_text
from scanner.facts.nginx import Nginx
from scanner.facts.proxy_tree import ProxyTree, place_for_proxy, proxy_tree
from scanner.facts.settings import Settings
from scanner.facts.settings_place import booted, require_decided
from scanner.facts.settings_source import SettingsSource
from scanner.facts.static_file import ServedBy, StaticFile
from scanner.facts.topology import Topology
from scanner.model import Evidence, Finding, Location, NotApplicable, Proof, Severity, UnknownValue, quoted, rule
from scanner.nginx.effective import LocationBlock, ServedDirectory, Server

_WHITENOISE = "whitenoise.middleware.WhiteNoiseMiddleware"
_PLAIN_STORAGES = ("django.contrib.staticfiles.", "whitenoise.")


@dataclass(frozen=True)
class _Setting:
    """STATIC_URL with STATIC_ROOT, or MEDIA_URL with MEDIA_ROOT."""

    url: str
    root: str
    url_name: str
    root_name: str
    is_static: bool


@rule(severity=Severity.MEDIUM)
def check(
    settings: Settings,
    nginx: Nginx,
    source: SettingsSource | None,
    servers: AppServers | None,
    topology: Topology | None,
    compose: Compose | None,
    dockerfiles: Dockerfiles | None,
    static: StaticFile | None,
) -> Iterator[Finding]:
    pairs = [one for one in (_static(settings), _media(settings)) if one is not None]
    sites = list(dict.fromkeys(place.server for place in django_places(nginx.main, servers, settings)))
    if not pairs or not sites:
        raise NotApplicable("no local files of this project are served by the proxy")
    tree = proxy_tree(nginx, compose, dockerfiles, topology)
    directories = nginx.main.served_directories()
    unknown = ""
    for pair in pairs:
        for server in sites:
            served = _served(nginx, server, pair, directories)
            if served is None:
                continue
            if pair.is_static and _is_seen(static):
                continue
            wrong, why = _compare(pair, served, settings, tree, topology, compose)
            unknown = unknown or why
            missing = _missing(static) if pair.is_static else None
            if wrong or missing is not None:
                require_decided(settings, pair.root_name)
                yield _finding(pair, served, settings, source, wrong, missing)
    if unknown:
        raise UnknownValue(unknown)


def _static(settings: Settings) -> _Setting | None:
    storage = settings.value("STORAGES")
    backend = ""
    if isinstance(storage, dict):
        entry = storage.get("staticfiles")
        backend = str(entry.get("BACKEND", "")) if isinstance(entry, dict) else ""
    legacy = settings.value("STATICFILES_STORAGE")
    backend = legacy if isinstance(legacy, str) and legacy else backend
    if backend and not backend.startswith(_PLAIN_STORAGES):
        return None
    return _pair(settings, "STATIC_URL", "STATIC_ROOT", is_static=True)


def _media(settings: Settings) -> _Setting | None:
    return _pair(settings, "MEDIA_URL", "MEDIA_ROOT", is_static=False)


def _pair(settings: Settings, url_name: str, root_name: str, *, is_static: bool) -> _Setting | None:
    """The two settings where both are local; None for a CDN, another host, or nothing at all."""
    url, root = settings.value(url_name), settings.value(root_name)
    if not isinstance(url, str) or not isinstance(root, str) or not root:
        return None
    if "://" in url or url.startswith("//") or url in {"", "/"}:
        return None
    url = url if url.startswith("/") else f"/{url}"
    return _Setting(url if url.endswith("/") else f"{url}/", root, url_name, root_name, is_static)


def _served(
    nginx: Nginx, server: Server, pair: _Setting, directories: tuple[ServedDirectory, ...]
) -> ServedDirectory | None:
    """The directory in which the proxy looks for a file of these; None where Django (or nobody) is asked."""
    place = nginx.main.location_for(server, f"{pair.url}site/site.woff2")
    if not isinstance(place, LocationBlock):
        return None
    found = next((one for one in directories if one.place is place), None)
    if found is None or found.is_template or place.is_regex or place.own("try_files"):
        return None
    return found


def _is_seen(static: StaticFile | None) -> bool:
    """The live stack got a collected file."""
    return static is not None and static.served_by is not ServedBy.NOBODY and not static.assumed_place


def _missing(static: StaticFile | None) -> StaticFile | None:
    """The live stack asked for a collected file, and nobody had it."""
    if static is None or static.assumed_place or static.served_by is not ServedBy.NOBODY or static.status != 404:
        return None
    return static


def _compare(
    pair: _Setting,
    served: ServedDirectory,
    settings: Settings,
    tree: ProxyTree | None,
    topology: Topology | None,
    compose: Compose | None,
) -> tuple[str, str]:
    """Where the files really are when that is elsewhere (else empty), and what is unknown (else empty)."""
    production = _production(pair.root, settings, topology)
    asked = served.path_of(f"{pair.url}x")
    if production is None or asked is None or not asked.startswith("/"):
        return "", f"where {pair.root_name} lies in production"
    directory = posixpath.normpath(posixpath.dirname(asked))
    if tree is None or topology is None or (tree.service is None and (topology.app is None or topology.app.container)):
        return "", f"what of the application's files the proxy sees in {directory}"
    if tree.service is None:
        return ("", "") if _same(directory, production) else (production, "")
    where = place_for_proxy(tree, topology, compose, production)
    if where is not None:
        return ("", "") if _same(directory, where) else (where, "")
    if not tree.complete or any(_same(directory, target) for target, _ in tree.pairs):
        return "", f"what lies in {directory} of the proxy's container"
    mounted = any(_inside(directory, volume.target) for volume in tree.service.volumes)
    return ("", f"what the volume at {directory} holds") if mounted else (production, "")


def _production(root: str, settings: Settings, topology: Topology | None) -> str | None:
    """A directory of the settings as production names it: what lies in the sandbox's copy lies in the project there."""
    base = settings.base_dir.rstrip("/") if settings.base_dir else None
    root = posixpath.normpath(root)
    if not root.startswith("/"):
        return None
    if base is None or not (_inside(root, base) or (base.count("/") > 1 and _inside(root, posixpath.dirname(base)))):
        return root
    if topology is None or topology.project_directory is None:
        return None
    return posixpath.normpath(posixpath.join(topology.project_directory, posixpath.relpath(root, base)))


def _same(directory: str, root: str) -> bool:
    return _inside(directory, root)


def _inside(path: str, directory: str) -> bool:
    path, directory = posixpath.normpath(path), posixpath.normpath(directory)
    return path == directory or path.startswith(f"{directory.rstrip('/')}/")


def _finding(
    pair: _Setting,
    served: ServedDirectory,
    settings: Settings,
    source: SettingsSource | None,
    wrong: str,
    missing: StaticFile | None,
) -> Finding:
    where = f", but {pair.root_name} is {quoted(wrong)} there" if wrong else ", where no collected file is found"
    evidence = [Evidence(served.directive.text, served.directive.location), booted(settings, source, pair.root_name)]
    if missing is not None:
        evidence += [Evidence(exchange_text(one)) for one in missing.exchanges[:2]]
    location: Location = served.directive.location
    helped = pair.is_static and settings.has_middleware(_WHITENOISE)
    return Finding(
        message=f"nginx looks for {quoted(pair.url)} in {quoted(served.root)}{where}.",
        location=location,
        symbol=served.place.symbol,
        evidence=tuple(evidence),
        proof=Proof.PROVEN if missing is not None else Proof.INFERRED,
        severity=Severity.LOW if helped else Severity.MEDIUM,
    )

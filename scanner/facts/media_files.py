"""Where the proxy sends what users have uploaded: the places of MEDIA_URL."""

from collections.abc import Iterator
from dataclasses import dataclass
from urllib.parse import urlsplit

from scanner.facts.app_servers import AppServers
from scanner.facts.edge import django_servers, judged
from scanner.facts.nginx import Nginx
from scanner.facts.settings import Settings
from scanner.nginx.effective import Configuration, LocationBlock, ServedDirectory, Server

ACTIVE = ("html", "svg", "xml", "xhtml")
"""Endings of files that a browser runs as a page of the site."""


@dataclass(frozen=True, eq=False)
class MediaPlace:
    """One place of the configuration that sends uploaded files."""

    configuration: Configuration
    location: LocationBlock
    served: ServedDirectory
    url: str
    """The path of MEDIA_URL, with a final slash."""
    own_host: bool
    """The server of this place hands nothing to Django: it is a host for files only."""

    @property
    def server(self) -> Server:
        """The server that it belongs to."""
        return self.location.server


def media_url(settings: Settings) -> tuple[str, str] | None:
    """Host (empty: the site's own) and path of MEDIA_URL with a final slash.

    None where no uploaded files are kept here: nothing is set, or the site's root is named.
    """
    url, root = settings.value("MEDIA_URL"), settings.value("MEDIA_ROOT")
    if not isinstance(url, str) or not isinstance(root, str) or not root or url in {"", "/"}:
        return None
    try:
        parts = urlsplit(url)
        host = parts.hostname or ""
    except ValueError:
        return None
    path = "/" + parts.path.strip("/") + "/"
    return None if path == "//" and not host else (host, "/" if path == "//" else path)


def media_places(nginx: Nginx, settings: Settings, servers: AppServers | None) -> tuple[MediaPlace, ...]:
    """The places of all judged configurations that send files under MEDIA_URL."""
    found = media_url(settings)
    if found is None:
        return ()
    return tuple(place for one in judged(nginx) for place in _places(one, *found, settings, servers))


def _places(
    configuration: Configuration, host: str, url: str, settings: Settings, servers: AppServers | None
) -> Iterator[MediaPlace]:
    django = django_servers(configuration, servers, settings)
    directories = {one.place: one for one in configuration.served_directories()}
    seen: set[LocationBlock] = set()
    for server in configuration.servers:
        if not configuration.is_choosable(server) or not _is_asked(server, host, django):
            continue
        for ending in (*ACTIVE, "jpg"):
            block = configuration.location_for(server, f"{url}site/file.{ending}")
            if block is None or block in seen or block not in directories:
                continue
            if _names_media(block, url) or _holds_media(directories[block], url, settings):
                seen.add(block)
                yield MediaPlace(configuration, block, directories[block], url, own_host=server not in django)


def _is_asked(server: Server, host: str, django: frozenset[Server]) -> bool:
    """MEDIA_URL leads to this server, or to the site wherever that is."""
    return host in server.concrete_names if host else server in django or not django


def _names_media(block: LocationBlock, url: str) -> bool:
    """The location is for uploaded files, not a general one that happens to match."""
    if block.is_regex:
        return url.strip("/") in block.pattern
    return block.pattern != "/" and (block.pattern.startswith(url.rstrip("/")) or url.startswith(block.pattern))


def _holds_media(served: ServedDirectory, url: str, settings: Settings) -> bool:
    """A general document root leads to MEDIA_ROOT itself."""
    path = served.path_of(f"{url}x")
    return path is not None and path.rpartition("/")[0] == str(settings.value("MEDIA_ROOT")).rstrip("/")


def takes_ending(place: MediaPlace, ending: str) -> bool:
    """Whether an uploaded file with that ending is sent from this very place."""
    uri = f"{place.url}site/file.{ending}"
    return place.configuration.location_for(place.server, uri) is place.location

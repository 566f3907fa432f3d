"""The file-based cache lies where files are served or uploaded.

## Why is this bad
Entries of a file-based cache are pickles. Who can fetch them reads what was cached; who can upload into that directory
runs code when Django reads the entry.

## Bad
    CACHES = {"default": {"BACKEND": "...FileBasedCache", "LOCATION": MEDIA_ROOT / "cache"}}

## Good
    CACHES = {"default": {"BACKEND": "...FileBasedCache", "LOCATION": "/var/cache/shop"}}     # mode 0700

## References
- https://docs.djangoproject.com/en/stable/topics/cache/#filesystem-caching
- CWE-552, CWE-502
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from scanner.facts.edge import judged
from scanner.facts.nginx import Nginx
from scanner.facts.project_paths import Where, where_of
from scanner.facts.settings import Settings
from scanner.facts.settings_place import require_decided, settings_place
from scanner.facts.settings_source import SettingsSource
from scanner.facts.topology import Topology
from scanner.model import Evidence, Finding, Location, NotApplicable, Severity, UnknownValue, quoted, rule

_FILE_BASED = "FileBasedCache"


@dataclass(frozen=True)
class _Exposed:
    """A directory whose files others can read or write."""

    name: str
    where: Where
    location: Location | None


@rule(severity=Severity.HIGH)
def check(
    settings: Settings, source: SettingsSource | None, nginx: Nginx | None, topology: Topology | None
) -> Iterator[Finding]:
    caches = settings.value("CACHES")
    found = {
        alias: entry.get("LOCATION")
        for alias, entry in (caches.items() if isinstance(caches, Mapping) else ())
        if isinstance(entry, Mapping) and str(entry.get("BACKEND")).rpartition(".")[2] == _FILE_BASED
    }
    if not found:
        raise NotApplicable("no cache is kept in files")
    require_decided(settings, "CACHES")
    exposed = [*_of_settings(settings, source), *_of_proxy(settings, nginx, topology)]
    unknown = ""
    for alias, location in found.items():
        if not isinstance(location, str) or not location.startswith("/"):
            unknown = unknown or alias
            continue
        cache = where_of(location, settings, topology)
        hit = next((one for one in exposed if one.where.overlaps(cache)), None)
        if hit is not None:
            yield _finding(settings, source, alias, location, hit)
    if unknown:
        raise UnknownValue(f"where the cache {unknown} lies")


def _of_settings(settings: Settings, source: SettingsSource | None) -> Iterator[_Exposed]:
    for name in ("MEDIA_ROOT", "STATIC_ROOT"):
        value = settings.value(name)
        if isinstance(value, str) and value.startswith("/"):
            yield _Exposed(name, where_of(value, settings, None), settings_place(settings, source, name))
    for path in settings.strings("STATICFILES_DIRS"):
        if path.startswith("/"):
            place = settings_place(settings, source, "STATICFILES_DIRS")
            yield _Exposed("STATICFILES_DIRS", where_of(path, settings, None), place)


def _of_proxy(settings: Settings, nginx: Nginx | None, topology: Topology | None) -> Iterator[_Exposed]:
    """Directories of the proxy, where it runs on the application's own host."""
    app = topology.app if topology is not None else None
    if topology is None or (app is not None and app.container is not None):
        return
    for configuration in judged(nginx):
        for served in configuration.served_directories():
            if not served.is_template and served.directory.startswith("/"):
                told = f"{served.place.symbol} ({served.directive.text})"
                yield _Exposed(told, where_of(served.directory, settings, topology), served.directive.location)


def _finding(
    settings: Settings, source: SettingsSource | None, alias: str, location: str, exposed: _Exposed
) -> Finding:
    place = settings_place(settings, source, "CACHES")
    return Finding(
        message=f"The cache {quoted(alias)} keeps its pickles in {quoted(location)}, which {quoted(exposed.name)} "
        f"shares.",
        location=place,
        symbol=f"settings.CACHES.{alias}",
        evidence=(
            Evidence(f"booted settings: CACHES.{alias}.LOCATION = {location!r}", place),
            Evidence(exposed.name, exposed.location),
        ),
    )

"""A request body may be as long as the client likes.

## Why is this bad
Django never limits the files in a form, and the proxy writes each body to its disk before anybody looks at it. Without
a limit, one client fills the disk or the memory.

## Bad
    client_max_body_size 0;
    DATA_UPLOAD_MAX_MEMORY_SIZE = None

## Good
    client_max_body_size 10m;

## References
- https://nginx.org/en/docs/http/ngx_http_core_module.html#client_max_body_size
- https://docs.djangoproject.com/en/stable/ref/settings/#data-upload-max-memory-size
- CWE-770
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass

from scanner.facts.app_servers import AppServers
from scanner.facts.edge import DjangoPlace, all_django_places
from scanner.facts.nginx import Nginx
from scanner.facts.sent_headers import level_symbol
from scanner.facts.settings import Settings
from scanner.facts.settings_place import booted, require_decided, settings_place
from scanner.facts.settings_source import SettingsSource
from scanner.model import Evidence, Finding, Location, Severity, UnknownValue, quoted, rule
from scanner.nginx.effective import Directive, Effective, Level

_LIMIT = 1024**3
_SIZE = re.compile(r"(\d+)([kmg]?)", re.IGNORECASE)
_UNITS = {"": 1, "k": 1024, "m": 1024**2, "g": 1024**3}
_SETTINGS = {
    "DATA_UPLOAD_MAX_MEMORY_SIZE": "Django reads forms of any size into memory",
    "DATA_UPLOAD_MAX_NUMBER_FIELDS": "Django reads forms with any number of fields",
    "DATA_UPLOAD_MAX_NUMBER_FILES": "Django reads forms with any number of files",
}


@dataclass(frozen=True)
class _Open:
    """A line that lets bodies of any length through, and the Django locations for which it holds."""

    line: Directive
    level: Level | None
    """The level that it stands on."""
    places: list[DjangoPlace]


@rule(severity=Severity.MEDIUM, needs_one_of=(Nginx, Settings))
def check(
    nginx: Nginx | None, settings: Settings | None, source: SettingsSource | None, servers: AppServers | None
) -> Iterator[Finding]:
    found: dict[Location, _Open] = {}
    places = all_django_places(nginx, servers, settings)
    unknown: UnknownValue | None = None
    for place in places:
        line = place.level.effective("client_max_body_size")
        if line.value is None or line.value.is_template:
            unknown = unknown or _undecided(line)
        elif _is_open(line.value.arg(0)):
            found.setdefault(line.value.location, _Open(line.value, line.level, [])).places.append(place)
    for one in found.values():
        yield _finding(one)
    if settings is not None:
        limited = bool(places) and not found and unknown is None
        for name in _SETTINGS:
            if settings.is_set(name) and name in settings.values and settings.value(name) is None:
                require_decided(settings, name)
                yield _unlimited(settings, source, name, limited=limited)
    if unknown is not None:
        raise unknown


def _undecided(line: Effective) -> UnknownValue | None:
    if line.value is not None:
        return UnknownValue(f"{line.value.text} at {line.value.location}", line.value.location)
    if line.unknown:
        include = line.unknown[0]
        return UnknownValue(f"{include.text} at {include.location} may set client_max_body_size", include.location)
    return None


def _is_open(size: str) -> bool:
    """No limit, or one above a GiB. nginx refuses to start with what is no size."""
    match = _SIZE.fullmatch(size)
    if match is None:
        return False
    length = int(match[1]) * _UNITS[match[2].lower()]
    return length == 0 or length > _LIMIT


def _finding(one: _Open) -> Finding:
    line = one.line
    titles = [place.location.title for place in one.places]
    return Finding(
        message=f"{quoted(line.text)} lets request bodies of {'any length' if line.arg(0)[0] == '0' else 'gigabytes'} "
        f"through to Django ({', '.join(dict.fromkeys(map(quoted, titles[:4])))}).",
        location=line.location,
        symbol=f"{level_symbol(one.level)} client_max_body_size",
        evidence=(
            Evidence(line.text, line.location),
            *(Evidence(place.proxy.directive.text, place.proxy.directive.location) for place in one.places[:3]),
        ),
    )


def _unlimited(settings: Settings, source: SettingsSource | None, name: str, *, limited: bool) -> Finding:
    return Finding(
        message=f"{quoted(name)} is None: {_SETTINGS[name]}.",
        location=settings_place(settings, source, name),
        symbol=f"settings.{name}",
        evidence=(booted(settings, source, name),),
        severity=Severity.LOW if limited else Severity.MEDIUM,
    )

"""Below which addresses the application lets nginx send files that it guards."""

from dataclasses import dataclass

from scanner.facts.python_source import PythonSource
from scanner.facts.settings import Settings
from scanner.model import Location

_BACKEND = "nginx"


@dataclass(frozen=True)
class GuardedPrefix:
    """One such address."""

    url: str
    location: Location
    """The code that sends files below it."""


def guarded_prefixes(python: PythonSource, settings: Settings | None) -> tuple[tuple[GuardedPrefix, ...], str]:
    """All that are known; and what is not, in words, where something is not."""
    found: list[GuardedPrefix] = []
    unknown = ""
    for one in python.accel_redirects:
        url = one.prefix or _setting(settings, one.setting)
        if _is_address(url):
            found.append(GuardedPrefix(url or "", one.location))
        else:
            unknown = unknown or f"below which address {one.location} lets nginx send files"
    backend = settings.value("SENDFILE_BACKEND") if settings is not None else None
    if python.sendfile_calls and isinstance(backend, str) and backend.rpartition(".")[2] == _BACKEND:
        url = _setting(settings, "SENDFILE_URL")
        if _is_address(url):
            found.append(GuardedPrefix(url or "", python.sendfile_calls[0]))
        else:
            unknown = unknown or "SENDFILE_URL"
    return tuple(found), unknown


def _is_address(url: str | None) -> bool:
    return url is not None and url.startswith("/") and url != "/"


def _setting(settings: Settings | None, name: str | None) -> str | None:
    value = settings.value(name) if settings is not None and name is not None else None
    return value if isinstance(value, str) and value else None

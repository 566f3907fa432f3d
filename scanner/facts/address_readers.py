"""Who takes a client's address from a header: the project's code, and packages by their settings."""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Final

from scanner.facts.python_source import ItemTaken, PythonSource
from scanner.facts.settings import Settings
from scanner.facts.settings_place import settings_place
from scanner.facts.settings_source import SettingsSource
from scanner.model import Location

REAL_IP: Final = "X-Real-IP"
FORWARDED_FOR: Final = "X-Forwarded-For"
_NAMES: Final = frozenset({REAL_IP, FORWARDED_FOR})
_LISTS: Final = re.compile(r"allow|whitelist|white_list|restrict|trusted|internal|blocked|block_ip|is_local|office")
_XFF_MIDDLEWARE: Final = "x_forwarded_for.middleware.XForwardedForMiddleware"


@dataclass(frozen=True)
class AddressReader:
    """Something that believes a header."""

    header: str
    item: ItemTaken
    what: str
    """In words: ``django-axes``, ``shop.views.client_ip`` …"""
    location: Location
    decides_access: bool = False
    """It compares the address with a list of allowed ones."""

    def reads_the_clients(self, *, appended: bool) -> bool:
        """Whether the client writes what it takes.

        That is all of a header which is passed on, and the left end of one to which the proxy appends.
        """
        return not appended or self.item in {ItemTaken.FIRST, ItemTaken.WHOLE}


def address_readers(
    settings: Settings | None, source: SettingsSource | None, python: PythonSource | None
) -> tuple[AddressReader, ...]:
    """All of them that the files and settings tell."""
    found = [*_code(python)]
    if settings is not None:
        found += [*_packages(settings, source)]
    return tuple(found)


def _code(python: PythonSource | None) -> Iterator[AddressReader]:
    for read in python.forwarded_reads if python is not None else ():
        if read.header in _NAMES:
            what = f"{read.function}()" if read.function else "the code"
            what = f"{what} through {read.reader}" if read.reader else what
            decides = _LISTS.search(read.function.lower()) is not None
            yield AddressReader(read.header, read.item, what, read.location, decides_access=decides)
    for throttle in python.throttles if python is not None else ():
        key = (throttle.key or "").lower()
        if key.startswith("header:x-"):
            header = REAL_IP if "real" in key else FORWARDED_FOR
            yield AddressReader(header, ItemTaken.WHOLE, f"the limit of {throttle.view}", throttle.location)


def _packages(settings: Settings, source: SettingsSource | None) -> Iterator[AddressReader]:
    def reader(header: str, item: ItemTaken, what: str, setting: str) -> AddressReader:
        return AddressReader(header, item, what, settings_place(settings, source, setting))

    framework = settings.value("REST_FRAMEWORK")
    throttled = isinstance(framework, Mapping) and bool(framework.get("DEFAULT_THROTTLE_CLASSES"))
    if throttled and isinstance(framework, Mapping) and framework.get("NUM_PROXIES") is None:
        # Without a number the whole header is the client's identity (rest_framework.throttling.get_ident).
        yield reader(FORWARDED_FOR, ItemTaken.WHOLE, "throttles of REST framework", "REST_FRAMEWORK")
    if settings.has_app("axes"):
        yield from (reader(*one) for one in _axes(settings))
    if settings.has_app("defender") and settings.value("DEFENDER_BEHIND_REVERSE_PROXY"):
        header = str(settings.value("DEFENDER_REVERSE_PROXY_HEADER") or "HTTP_X_FORWARDED_FOR")
        if _wire(header):
            yield reader(_wire(header), ItemTaken.FIRST, "django-defender", "DEFENDER_BEHIND_REVERSE_PROXY")
    key = settings.value("RATELIMIT_IP_META_KEY")
    if isinstance(key, str) and _wire(key):
        yield reader(_wire(key), ItemTaken.WHOLE, "django-ratelimit", "RATELIMIT_IP_META_KEY")
    if settings.has_middleware(_XFF_MIDDLEWARE):
        yield reader(FORWARDED_FOR, ItemTaken.FIRST, _XFF_MIDDLEWARE, "MIDDLEWARE")


def _axes(settings: Settings) -> Iterator[tuple[str, ItemTaken, str, str]]:
    """django-axes reads REMOTE_ADDR, unless its order of variables names a header."""
    for prefix in ("AXES_IPWARE_", "AXES_"):
        order = settings.strings(f"{prefix}META_PRECEDENCE_ORDER")
        count = settings.value(f"{prefix}PROXY_COUNT")
        for name in order:
            if _wire(name):
                item = ItemTaken.FIRST if count is None else ItemTaken.COUNTED
                yield _wire(name), item, "django-axes", f"{prefix}META_PRECEDENCE_ORDER"


def _wire(meta: str) -> str:
    return {"HTTP_X_REAL_IP": REAL_IP, "HTTP_X_FORWARDED_FOR": FORWARDED_FOR}.get(meta, "")

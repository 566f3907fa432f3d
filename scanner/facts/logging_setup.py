"""LOGGING as ``logging.config.dictConfig`` reads it: which loggers write at DEBUG, and through which handlers."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from scanner.facts.settings import Json, Settings

_DEBUG = 10
_NUMBERS = {"NOTSET": 0, "DEBUG": 10, "INFO": 20, "WARN": 30, "WARNING": 30, "ERROR": 40, "FATAL": 50, "CRITICAL": 50}
_ONLY_IN_DEBUG = "django.utils.log.RequireDebugTrue"
_WHOLE_REQUEST = ("%(request)", "{request}", "%(headers)", "{headers}", "%(body)", "{body}")
_MAIL = "django.utils.log.AdminEmailHandler"


@dataclass(frozen=True)
class Logger:
    """One logger that LOGGING configures."""

    name: str
    """Empty for the root logger."""
    path: str
    """``LOGGING.loggers.django``, ``LOGGING.root``."""
    debug: bool
    """Its own level lets DEBUG through."""
    emitting: tuple[str, ...]
    """Handlers, of its own or of those that it hands on to, that write what it gets at DEBUG while DEBUG is off."""


@dataclass(frozen=True)
class MailHandler:
    """An ``AdminEmailHandler`` that a logger uses and that sends while DEBUG is off."""

    name: str
    path: str
    html: bool


def loggers(settings: Settings) -> Iterator[Logger]:
    """The loggers with a level; none where LOGGING is not used."""
    setup = _setup(settings)
    entries = _entries(setup)
    for name, (path, entry) in entries.items():
        level = entry.get("level")
        used = [one for one in _handlers_of(name, entries) if _emits(setup, one)]
        yield Logger(name, path, level is not None and _number(level) <= _DEBUG, tuple(dict.fromkeys(used)))


def mail_handlers(settings: Settings) -> Iterator[MailHandler]:
    """The handlers that mail errors to ADMINS."""
    setup = _setup(settings)
    used = {one for _, entry in _entries(setup).values() for one in _texts(entry.get("handlers"))}
    for name, entry in _mappings(setup.get("handlers")):
        if name in used and entry.get("class") == _MAIL and not _filtered(setup, entry):
            yield MailHandler(name, f"LOGGING.handlers.{name}", bool(entry.get("include_html")))


def formats_with_requests(settings: Settings) -> Iterator[tuple[str, str]]:
    """Formats that write a whole request, its headers or its body: path and text."""
    for name, entry in _mappings(_setup(settings).get("formatters")):
        text = entry.get("format") or entry.get("fmt")
        if isinstance(text, str) and any(word in text for word in _WHOLE_REQUEST):
            yield f"LOGGING.formatters.{name}", text


def _setup(settings: Settings) -> Mapping[str, Json]:
    value = settings.value("LOGGING")
    return value if isinstance(value, Mapping) else {}


def _entries(setup: Mapping[str, Json]) -> dict[str, tuple[str, Mapping[str, Json]]]:
    """Logger -> its path and what is said of it."""
    found = {name: (f"LOGGING.loggers.{name}", entry) for name, entry in _mappings(setup.get("loggers"))}
    root = setup.get("root")
    if isinstance(root, Mapping):
        found[""] = ("LOGGING.root", root)
    return found


def _mappings(value: Json) -> Iterator[tuple[str, Mapping[str, Json]]]:
    for name, entry in value.items() if isinstance(value, Mapping) else ():
        if isinstance(entry, Mapping):
            yield name, entry


def _texts(value: Json) -> tuple[str, ...]:
    if isinstance(value, str) or not isinstance(value, Sequence):
        return ()
    return tuple(one for one in value if isinstance(one, str))


def _handlers_of(name: str, entries: Mapping[str, tuple[str, Mapping[str, Json]]]) -> Iterator[str]:
    """A logger's handlers, and those of the loggers above it as far as it hands on."""
    while True:
        entry = entries.get(name, ("", {}))[1]
        yield from _texts(entry.get("handlers"))
        if not name or entry.get("propagate") is False:
            return
        name = name.rpartition(".")[0]


def _emits(setup: Mapping[str, Json], name: str) -> bool:
    handler = next((entry for one, entry in _mappings(setup.get("handlers")) if one == name), None)
    if handler is None or str(handler.get("class", "")).endswith("NullHandler") or handler.get("class") == _MAIL:
        return False
    return _number(handler.get("level")) <= _DEBUG and not _filtered(setup, handler)


def _filtered(setup: Mapping[str, Json], handler: Mapping[str, Json]) -> bool:
    """Whether it writes only while DEBUG is on."""
    names = _texts(handler.get("filters"))
    return any(name in names and entry.get("()") == _ONLY_IN_DEBUG for name, entry in _mappings(setup.get("filters")))


def _number(level: Json) -> int:
    """A level as ``logging`` counts; what is not said lets everything through."""
    if isinstance(level, str):
        return _NUMBERS.get(level.upper(), 20)
    return level if isinstance(level, int) else 0

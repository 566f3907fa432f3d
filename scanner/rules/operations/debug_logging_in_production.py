"""Production logs at DEBUG: what is sent and asked ends up in the log.

## Why is this bad
At that level libraries write headers with tokens, bodies of requests and SQL with its parameters. Logs are kept for
long, copied to other services, and read by many.

## Bad
    LOGGING = {"root": {"level": "DEBUG", "handlers": ["console"]}}

## Good
    LOGGING = {"root": {"level": "INFO", "handlers": ["console"]}}

## References
- https://docs.djangoproject.com/en/stable/topics/logging/
- CWE-532
"""

from collections.abc import Iterator

from scanner.facts.app_servers import AppServer, AppServers
from scanner.facts.logging_setup import Logger, formats_with_requests, loggers
from scanner.facts.settings import Settings
from scanner.facts.settings_place import nested_place, undecided_by
from scanner.facts.settings_source import SettingsSource
from scanner.model import Evidence, Finding, Location, Severity, UnknownValue, quoted, rule

_SQL = "django.db.backends"
_TALKATIVE = frozenset(
    {"", "django", "django.request", _SQL, "requests", "urllib3", "httpx", "httpcore", "http.client"}
)


@rule(severity=Severity.MEDIUM)
def check(settings: Settings, source: SettingsSource | None, servers: AppServers | None) -> Iterator[Finding]:
    undecided = None
    for logger in loggers(settings):
        if logger.name not in _TALKATIVE or not logger.debug or not logger.emitting:
            continue
        variable = undecided_by(settings, f"{logger.path}.level")
        if variable is not None:
            undecided = UnknownValue(
                f"{logger.path}.level is decided by {variable}, which the repository does not tell"
            )
            continue
        yield _finding(logger, settings, source)
    for path, text in formats_with_requests(settings):
        place = nested_place(settings, source, path)
        yield Finding(
            message=f"The format {quoted(path)} writes whole requests into the log.",
            location=place,
            symbol=f"settings.{path}",
            evidence=(Evidence(f"{path} = {text!r}", place),),
        )
    for server in servers.servers if servers else ():
        yield from _server(server)
    if undecided is not None:
        raise undecided


def _finding(logger: Logger, settings: Settings, source: SettingsSource | None) -> Finding:
    place = nested_place(settings, source, logger.path)
    name = quoted(logger.name) if logger.name else "The root logger"
    silent = logger.name == _SQL and not settings.value("DEBUG")
    why = " (Django writes SQL only while `DEBUG` is on, or where a cursor is told to)" if silent else ""
    return Finding(
        message=f"{name} logs at DEBUG in {quoted(settings.module)}{why}.",
        location=place,
        symbol=f"settings.{logger.path}",
        evidence=(Evidence(f"{logger.path}: level DEBUG, through {', '.join(logger.emitting)}", place),),
        severity=Severity.LOW if silent else Severity.MEDIUM,
    )


def _server(server: AppServer) -> Iterator[Finding]:
    """``--log-level debug`` of Gunicorn or Uvicorn."""
    for (word, place), (following, _) in zip(server.words, [*server.words[1:], ("", server.location)], strict=True):
        name, equals, value = word.partition("=")
        if name == "--log-level" and (value if equals else following).lower() in {"debug", "trace"}:
            yield _told(server, place)


def _told(server: AppServer, place: Location) -> Finding:
    return Finding(
        message=f"{quoted(server.artefact)} runs its app server with the log level debug.",
        location=place,
        symbol=f"{server.artefact} log level",
        evidence=(Evidence("--log-level debug", place),),
        severity=Severity.LOW,
    )

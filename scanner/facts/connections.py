"""The connections that the settings open to other servers: databases, caches, channel layers, brokers, mail."""

import ipaddress
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from urllib.parse import parse_qs, urlsplit

from scanner.facts.compose_types import Compose, Service
from scanner.facts.settings import Json, Settings

SERVER_DATABASES = {
    "postgresql": ("postgresql", "postgis", "psycopg", "timescale", "cockroach"),
    "mysql": ("mysql", "mariadb"),
    "oracle": ("oracle",),
    "mssql": ("mssql", "sql_server"),
}
_ENCRYPTED_POSTGRES = frozenset({"require", "verify-ca", "verify-full"})
_ENCRYPTED_SCHEMES = frozenset({"rediss", "amqps", "unix", "socket", "redis+socket", "rediss+cluster"})
_PLAIN_SCHEMES = frozenset({"redis", "amqp", "pyamqp", "valkey", "memcached", "memcache"})
_BROKERS = ("CELERY_BROKER_URL", "BROKER_URL", "CELERY_RESULT_BACKEND", "DRAMATIQ_BROKER_URL")
_PRIVATE_ENDINGS = (".local", ".internal", ".localhost", ".localdomain", ".lan", ".svc", ".cluster.local")
_SMTP = "django.core.mail.backends.smtp.EmailBackend"


@dataclass(frozen=True)
class Connection:
    """One connection to one server."""

    path: str
    """``DATABASES.default``, ``CACHES.default``, ``CELERY_BROKER_URL``, ``EMAIL_HOST`` …"""
    kind: str
    """``postgresql``, ``mysql``, ``oracle``, ``mssql``, ``redis``, ``amqp``, ``memcached``, ``mail``."""
    host: str
    """Lower case; empty for a unix socket or where none is written."""
    user: str
    encrypted: bool | None
    """None where it cannot be told."""


def connections(settings: Settings) -> Iterator[Connection]:
    """All of them, in the order databases, caches, channel layers, brokers, mail."""
    for alias, entry in _entries(settings.value("DATABASES")):
        yield from _database(f"DATABASES.{alias}", entry)
    for alias, entry in _entries(settings.value("CACHES")):
        yield from _cache(f"CACHES.{alias}", entry)
    for alias, entry in _entries(settings.value("CHANNEL_LAYERS")):
        config = entry.get("CONFIG")
        hosts = config.get("hosts") if isinstance(config, Mapping) else None
        for one in hosts if isinstance(hosts, Sequence) and not isinstance(hosts, str) else ():
            yield from _layer(f"CHANNEL_LAYERS.{alias}", one)
    for name in _BROKERS:
        covered = bool(settings.value("CELERY_BROKER_USE_SSL") or settings.value("BROKER_USE_SSL"))
        yield from _urls(name, settings.value(name), encrypted=covered)
    yield from _mail(settings)


def is_remote(host: str, compose: Compose | None = None) -> bool:
    """Whether a host is on another network: no socket, loopback, private address, bare name or service."""
    name = host.strip("[]").lower()
    if not name or name.startswith(("/", "$")) or any(sign in name for sign in "{}<>%"):
        return False
    try:
        address = ipaddress.ip_address(name)
    except ValueError:
        return "." in name and not name.endswith(_PRIVATE_ENDINGS) and service_of(name, compose) is None
    return not (address.is_private or address.is_loopback or address.is_link_local)


def service_of(host: str, compose: Compose | None) -> Service | None:
    """The compose service that is reached under that name."""
    projects = compose.projects if compose else ()
    return next((found for one in projects if (found := one.reached_as(host))), None)


def internal_only(host: str, compose: Compose | None) -> bool:
    """Whether a host is a compose service all of whose networks are internal, without a published port."""
    for project in compose.projects if compose else ():
        service = project.reached_as(host)
        if service is not None:
            inside = bool(service.networks) and set(service.networks) <= project.internal_networks
            return inside and not service.ports and service.network_mode is None
    return False


def database_kind(engine: str) -> str | None:
    """The server behind a database engine; None for SQLite and what is not known."""
    low = engine.lower()
    return next((kind for kind, words in SERVER_DATABASES.items() if any(word in low for word in words)), None)


def _entries(value: Json) -> Iterator[tuple[str, Mapping[str, Json]]]:
    for alias, entry in value.items() if isinstance(value, Mapping) else ():
        if isinstance(entry, Mapping):
            yield alias, entry


def _text(value: Json) -> str:
    return value if isinstance(value, str) else ""


def _database(path: str, entry: Mapping[str, Json]) -> Iterator[Connection]:
    kind = database_kind(_text(entry.get("ENGINE")))
    if kind is None:
        return
    options = entry.get("OPTIONS")
    given: Mapping[str, Json] = options if isinstance(options, Mapping) else {}
    encrypted: bool | None = None
    if kind == "postgresql":
        mode = _text(given.get("sslmode"))
        encrypted = None if "service" in given else mode.lower() in _ENCRYPTED_POSTGRES
    elif kind == "mysql":
        encrypted = bool(
            given.get("ssl") or given.get("ssl_ca") or given.get("ssl_mode") or given.get("read_default_file")
        )
    yield Connection(path, kind, _text(entry.get("HOST")).lower(), _text(entry.get("USER")), encrypted)


def _cache(path: str, entry: Mapping[str, Json]) -> Iterator[Connection]:
    backend = _text(entry.get("BACKEND")).lower()
    covered = _speaks_of_tls(entry.get("OPTIONS"))
    locations = entry.get("LOCATION")
    for one in [locations] if isinstance(locations, str) else locations if isinstance(locations, Sequence) else []:
        text = _text(one)
        if "memcache" in backend and "://" not in text and not text.startswith(("/", "unix:")):
            yield Connection(path, "memcached", text.rpartition(":")[0].lower() or text.lower(), "", covered)
        else:
            yield from _urls(path, text, encrypted=covered)


def _layer(path: str, one: Json) -> Iterator[Connection]:
    if isinstance(one, str):
        yield from _urls(path, one, encrypted=False)
    elif isinstance(one, Mapping):
        if "address" in one:
            yield from _urls(path, one.get("address"), encrypted=_speaks_of_tls(one))
        else:
            yield Connection(path, "redis", _text(one.get("host")).lower(), "", _speaks_of_tls(one))
    elif isinstance(one, Sequence) and one:
        yield Connection(path, "redis", _text(one[0]).lower(), "", encrypted=False)


def _urls(path: str, value: Json, *, encrypted: bool) -> Iterator[Connection]:
    """The servers of a URL, or of several with commas or semicolons between them."""
    for part in _text(value).replace(";", ",").split(","):
        try:
            url = urlsplit(part.strip())
            host, user = url.hostname or "", url.username or ""
        except ValueError:
            continue
        if url.scheme in _ENCRYPTED_SCHEMES:
            yield Connection(path, _scheme_kind(url.scheme), host, user, encrypted=True)
        elif url.scheme in _PLAIN_SCHEMES:
            covered = encrypted or _speaks_of_tls({key: items[-1] for key, items in parse_qs(url.query).items()})
            yield Connection(path, _scheme_kind(url.scheme), host, user, covered)


def _scheme_kind(scheme: str) -> str:
    if "amqp" in scheme:
        return "amqp"
    return "memcached" if scheme.startswith("memcache") else "redis"


def _speaks_of_tls(value: Json, depth: int = 0) -> bool:
    """Whether options hold something true under a key that is about TLS."""
    if not isinstance(value, Mapping) or depth > 4:
        return False
    return any(
        (("ssl" in key.lower() or "tls" in key.lower()) and bool(item)) or _speaks_of_tls(item, depth + 1)
        for key, item in value.items()
    )


def _mail(settings: Settings) -> Iterator[Connection]:
    mailers = settings.value("MAILERS")
    if isinstance(mailers, Mapping) and mailers:
        for alias, entry in _entries(mailers):
            options = entry.get("OPTIONS")
            given: Mapping[str, Json] = options if isinstance(options, Mapping) else {}
            if _text(entry.get("BACKEND")) == _SMTP:
                covered = bool(given.get("use_tls") or given.get("use_ssl"))
                user = "set" if given.get("username") else ""
                yield Connection(f"MAILERS.{alias}", "mail", _text(given.get("host")).lower(), user, covered)
        return
    if settings.value("EMAIL_BACKEND") == _SMTP:
        covered = bool(settings.value("EMAIL_USE_TLS") or settings.value("EMAIL_USE_SSL"))
        user = _text(settings.value("EMAIL_HOST_USER"))
        hidden = settings.values.get("EMAIL_HOST_USER")
        yield Connection(
            "EMAIL_HOST", "mail", _text(settings.value("EMAIL_HOST")).lower(),
            user or ("set" if hidden is not None and hidden.redacted else ""), covered,
        )  # fmt: skip

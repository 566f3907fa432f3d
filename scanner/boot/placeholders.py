"""Values for variables that nobody gives: typed, all different, and recognisable in the settings that they decide."""

import base64
import hashlib
import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass

from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa

from scanner.facts.secrets import is_secret_key
from scanner.facts.settings_source import EnvironmentRead

_FIRST = 101
_FIRST_NUMBER = 21001


@dataclass(frozen=True)
class Made:
    """One made-up value and how it is recognised: a mark in texts, or the whole value."""

    value: str
    mark: str


@dataclass
class Placeholders:
    """Makes them. ``installed`` are normalised names of distributions: they decide which database URL works."""

    installed: frozenset[str]
    _next: int = 0

    def make(self, name: str, reads: Iterable[EnvironmentRead] = (), hint: str = "") -> Made:
        """A value for that variable, by what the settings do with it, else by its name.

        ``hint`` names what an earlier value was refused for: ``int``, ``bool``, ``url``, ``json`` …
        """
        self._next += 1
        mark = f"seatrial{_FIRST + self._next}x"
        known = list(reads)
        kinds = [hint] if hint else [one.cast for one in known if one.cast]
        for kind in kinds:
            value = self._by_cast(kind, name, mark)
            if value is not None:
                return Made(value, mark)
        settings = {one.setting for one in known if one.setting}
        for word in (name, *sorted(settings)):
            value = self._by_name(word.upper(), mark)
            if value is not None:
                return Made(value, mark)
        return Made(mark, mark)

    def number(self) -> str:
        """A number that no other variable has, and that is a port as well."""
        return str(_FIRST_NUMBER + self._next)

    def _by_cast(self, cast: str, name: str, mark: str) -> str | None:
        switch = re.search(r"DEBUG|ENABLE|USE_|DISABLE|_SSL|_TLS|TESTING", name.upper())
        plain: dict[str, Callable[[], str]] = {
            "bool": lambda: "",
            "env-bool": lambda: "False",
            "int": lambda: "0" if switch else self.number(),
            "float": lambda: "0" if switch else self.number(),
            "decimal": self.number,
            "json": lambda: "{}",
            "dict": lambda: f"{mark}={mark}",
            "db": lambda: self.database(mark),
            "db_url": lambda: self.database(mark),
            "dj_db_url": lambda: self.database(mark),
            "cache": self._cache,
            "cache_url": self._cache,
            "dj_cache_url": self._cache,
            "email": lambda: f"smtp://{mark}:{mark}@{mark}.invalid:25",
            "email_url": lambda: f"smtp://{mark}:{mark}@{mark}.invalid:25",
            "dj_email_url": lambda: f"smtp://{mark}:{mark}@{mark}.invalid:25",
            "url": lambda: f"https://{mark}.example/",
            "path": lambda: f"/tmp/{mark}",
            "uuid": lambda: "6d1b5c4e-0000-4000-8000-" + hashlib.sha256(mark.encode()).hexdigest()[:12],
            "log_level": lambda: "INFO",
        }
        if cast in {"list", "tuple"} and "HOST" in name.upper():
            return f"{mark}.example"
        if cast in {"list", "tuple"} and re.search(r"ORIGIN|URL", name.upper()):
            return f"https://{mark}.example"
        make = plain.get(cast)
        return make() if make else None

    def database(self, mark: str) -> str:
        """A database URL whose driver is installed."""
        place = f"{mark}:{mark}@{mark}.invalid"
        if self.installed & {"psycopg", "psycopg2", "psycopg2-binary", "psycopg-binary"}:
            return f"postgres://{place}:5432/{mark}"
        if self.installed & {"mysqlclient", "pymysql"}:
            return f"mysql://{place}:3306/{mark}"
        return f"sqlite:////tmp/{mark}.sqlite3"

    def engine(self) -> str:
        """The class path of a database engine whose driver is installed."""
        kind = self.database("x").partition(":")[0]
        return f"django.db.backends.{ {'postgres': 'postgresql', 'mysql': 'mysql'}.get(kind, 'sqlite3') }"

    def _cache(self) -> str:
        return "locmemcache://"

    def _by_name(self, name: str, mark: str) -> str | None:
        for pattern, make in _BY_NAME:
            if re.search(pattern, name):
                return make(self, name, mark)
        return _key(mark) if is_secret_key(name) or name.endswith(("_KEY", "SALT")) else None


def _key(mark: str) -> str:
    """At least 50 varied characters, without any that a shell or a URL would take for its own."""
    digest = hashlib.sha512(mark.encode()).digest()
    return f"{mark}-{base64.urlsafe_b64encode(digest).decode().rstrip('=')}"


def _fernet(mark: str) -> str:
    return base64.urlsafe_b64encode(hashlib.sha256(mark.encode()).digest()).decode()


def _private_key() -> str:
    key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    return key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    ).decode()


Maker = Callable[[Placeholders, str, str], str]
_BY_NAME: tuple[tuple[str, Maker], ...] = (
    (r"PRIVATE_?KEY|RSA|_PEM$", lambda _s, _n, _m: _private_key()),
    (r"FERNET|FIELD_ENCRYPTION|ENCRYPTION_KEY|CRYPTO_KEY", lambda _s, _n, m: _fernet(m)),
    (r"^(?:DJANGO_|APP_)?DEBUG$|_DEBUG$", lambda _s, _n, _m: "False"),
    (
        r"SENTRY.*DSN|^DSN$|_DSN$",
        lambda _s, _n, m: f"https://{hashlib.sha256(m.encode()).hexdigest()[:32]}@{m}.invalid/17",
    ),
    (r"(?:DATABASE|DB|POSTGRES(?:QL)?|MYSQL|PG)_?(?:URL|URI)$", lambda s, _n, m: s.database(m)),
    (
        r"(?:REDIS|CELERY|BROKER|CACHE|QUEUE|RESULT|CHANNEL|VALKEY)\w*(?:URL|URI|BROKER|LOCATION|BACKEND|DSN)S?$|REDIS$",
        lambda _s, _n, m: f"redis://{m}.invalid:6379/0",
    ),
    (r"(?:AMQP|RABBIT)\w*(?:URL|URI)$", lambda _s, _n, m: f"amqp://{m}:{m}@{m}.invalid:5672//"),
    (r"EMAIL_?URL$", lambda _s, _n, m: f"smtp://{m}:{m}@{m}.invalid:25"),
    (r"MONGO\w*(?:URL|URI)$", lambda _s, _n, m: f"mongodb://{m}.invalid:27017/{m}"),
    (r"(?:DB|DATABASE|SQL)_?ENGINE$|DB_BACKEND$", lambda s, _n, _m: s.engine()),
    (r"EMAIL_BACKEND", lambda _s, _n, _m: "django.core.mail.backends.smtp.EmailBackend"),
    (r"CACHE_BACKEND|CACHES?_ENGINE", lambda _s, _n, _m: "django.core.cache.backends.locmem.LocMemCache"),
    (r"STATICFILES_STORAGE|STATIC_STORAGE", lambda _s, _n, _m: "django.contrib.staticfiles.storage.StaticFilesStorage"),
    (r"(?:FILE|MEDIA)_STORAGE|DEFAULT_STORAGE", lambda _s, _n, _m: "django.core.files.storage.FileSystemStorage"),
    (r"SESSION_ENGINE", lambda _s, _n, _m: "django.contrib.sessions.backends.db"),
    (r"ORIGINS?$|_URLS$", lambda _s, _n, m: f"https://{m}.example"),
    (r"(?:STATIC|MEDIA)_URL$", lambda _s, _n, m: f"/{m}/"),
    (r"(?:URL|URI|ENDPOINT|WEBHOOK)$|_URL_", lambda _s, _n, m: f"https://{m}.example/"),
    (
        r"PORT$|TIMEOUT$|_TTL$|_AGE$|SECONDS$|MINUTES$|HOURS$|DAYS$|COUNT$|SIZE$|LIMIT$|_MAX$|_MIN$|MAX_|MIN_|NUM_|_DB_NUM",
        lambda s, _n, _m: s.number(),
    ),
    (r"ALLOWED_HOSTS|DOMAIN|HOSTNAME|SITE_NAME|_FQDN|TLD", lambda _s, _n, m: f"{m}.example"),
    (r"HOSTS?$|SERVER$|ADDRESS$", lambda _s, _n, m: f"{m}.invalid"),
    (r"ADMINS?$|MANAGERS$", lambda _s, _n, m: f"{m}@example.org"),
    (r"EMAIL_HOST_USER|(?:EMAIL|MAIL|FROM|SENDER|REPLY_TO)$|_EMAIL", lambda _s, _n, m: f"{m}@example.org"),
    (r"TIME_?ZONE|^TZ$", lambda _s, _n, _m: "UTC"),
    (r"LANGUAGE|LOCALE|^LANG$", lambda _s, _n, _m: "en"),
    (r"LOG_?LEVEL|LOGGING_LEVEL", lambda _s, _n, _m: "INFO"),
    (r"REGION", lambda _s, _n, _m: "eu-central-1"),
    (r"(?:DIR|PATH|ROOT|FOLDER|DIRECTORY|FILE|LOCATION)$", lambda _s, _n, m: f"/tmp/{m}"),
    (
        r"(?:ENABLED?|DISABLED?)$|^(?:USE|ENABLE|DISABLE|IS|HAS|ALLOW)_|USE_(?:TLS|SSL)|SECURE_SSL",
        lambda _s, _n, _m: "False",
    ),
)

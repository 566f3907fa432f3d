"""What the dotted paths of the settings lead to, and what packages make of their settings, as the boot resolved it."""

from collections.abc import Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True)
class ResolvedClass:
    """A class that a setting names."""

    path: str
    bases: tuple[str, ...] = ()
    """Dotted names of its method resolution order, itself first; empty when it could not be imported."""

    def is_a(self, dotted: str) -> bool:
        """Whether it is that class or derives from it."""
        return dotted == self.path or dotted in self.bases


@dataclass(frozen=True)
class PasswordHasher(ResolvedClass):
    """One entry of PASSWORD_HASHERS."""

    work: Mapping[str, int] = field(default_factory=dict)
    """Its work factor by attribute: ``iterations``, ``rounds``, ``work_factor``, ``time_cost``, ``memory_cost`` …"""
    default_work: Mapping[str, int] = field(default_factory=dict)
    """The same of Django's own class that it is or derives from; empty where there is none."""


@dataclass(frozen=True)
class PasswordValidator(ResolvedClass):
    """One entry of AUTH_PASSWORD_VALIDATORS."""

    min_length: int | None = None
    """The instance's ``min_length``, where it has one."""


@dataclass(frozen=True)
class SessionSerializer(ResolvedClass):
    """SESSION_SERIALIZER."""

    loads_with: tuple[str, ...] = ()
    """Modules that can run code while reading (``pickle``, ``marshal`` …) and that its ``loads`` names."""
    readable: bool = True
    """Its ``loads`` is Python code; otherwise nothing is known of it."""


@dataclass(frozen=True)
class ReportFilter(ResolvedClass):
    """DEFAULT_EXCEPTION_REPORTER_FILTER."""

    active: bool | None = None
    """What ``is_active(None)`` answers; None where it raises."""
    cleanses: bool | None = None
    """Whether it hides a setting that is called a password; None where it raises."""


@dataclass(frozen=True)
class RestFramework:
    """Django REST framework's effective defaults (``api_settings``), whatever REST_FRAMEWORK leaves out."""

    permissions: tuple[ResolvedClass, ...] = ()
    authentication: tuple[ResolvedClass, ...] = ()
    throttles: tuple[ResolvedClass, ...] = ()
    renderers: tuple[ResolvedClass, ...] = ()


@dataclass(frozen=True)
class Cors:
    """django-cors-headers' effective values, the old names of its settings included."""

    allow_all: bool
    credentials: bool
    origins: tuple[str, ...] = ()
    regexes: tuple[str, ...] = ()
    """Source texts; the package uses them with ``re.match``."""
    urls: str = ""
    """Source text of CORS_URLS_REGEX: on which paths it answers."""


@dataclass(frozen=True)
class Jwt:
    """How a package for JSON web tokens signs and checks them."""

    setting: str
    """``SIMPLE_JWT``, ``NINJA_JWT``, ``JWT_AUTH`` or ``GRAPHQL_JWT``."""
    algorithm: str
    verify: bool = True
    verify_expiration: bool = True
    access_seconds: int | None = None
    """How long an access token lives; None where it does not say."""
    key_is_secret_key: bool = False
    """The signing key is SECRET_KEY itself (compared in the sandbox)."""

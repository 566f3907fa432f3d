"""The security headers of an answer: which Django sends, which the proxy adds, hides or loses."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from scanner.facts.edge import DjangoPlace
from scanner.facts.header_survey import HeaderSurvey, HstsPolicy, KindHeaders, MadeBy, parse_hsts
from scanner.facts.redirects import SECURITY_MIDDLEWARE
from scanner.facts.settings import Json, Settings
from scanner.model import UnknownValue
from scanner.nginx.effective import Configuration, Directive, Effective, IfBlock, Level, LocationBlock, Server

HSTS = "Strict-Transport-Security"
NOSNIFF = "X-Content-Type-Options"
FRAMES = "X-Frame-Options"
CSP = "Content-Security-Policy"
REFERRER = "Referrer-Policy"
OPENER = "Cross-Origin-Opener-Policy"
PERMISSIONS = "Permissions-Policy"
SECURITY_HEADERS = (HSTS, CSP, FRAMES, NOSNIFF, REFERRER, OPENER, PERMISSIONS)
MINOR_HEADERS = frozenset({REFERRER, OPENER, PERMISSIONS})
"""What their loss costs is low."""
CLICKJACKING = "django.middleware.clickjacking.XFrameOptionsMiddleware"
_CSP_MIDDLEWARE = "django.middleware.csp.ContentSecurityPolicyMiddleware"
_DJANGO_CSP = "csp.middleware.CSPMiddleware"


@dataclass(frozen=True)
class AddedHeader:
    """A header that nginx adds at a level."""

    name: str
    value: str
    directive: Directive
    always: bool
    """On every status; else on 200, 201, 204, 206, 301, 302, 303, 304, 307 and 308 only."""


def added(directive: Directive) -> AddedHeader | None:
    """An ``add_header`` line as the header that it adds; None for one without a value."""
    if len(directive.args) < 2 or not directive.args[1]:
        return None
    return AddedHeader(directive.args[0], directive.args[1], directive, directive.arg(2) == "always")


def added_headers(configuration: Configuration, level: Level, name: str) -> tuple[AddedHeader, ...]:
    """What the proxy adds of that header to answers of a level, inheritance included.

    A value from a ``map`` that can be empty counts with the values that are not. Raises UnknownValue when nothing adds
    it and an include that nobody can read may.
    """
    effective, more = level.effective("add_header"), level.effective("more_set_headers")
    found: list[AddedHeader] = []
    for directive in effective.by_first.get(name.lower(), ()) if effective else ():
        one = added(directive)
        if one is not None:
            values = [value for value in configuration.possible_values(one.value, level) if value]
            found.extend(AddedHeader(one.name, value, directive, one.always) for value in values[:1])
    if more:
        found.extend(_set_by_headers_more(more, name))
    found.extend(_set_by_security_headers(level, name))
    unknown = effective.unknown or more.unknown
    if not found and unknown:
        raise UnknownValue(f"{unknown[0].text} at {unknown[0].location} may add {name}", unknown[0].location)
    return tuple(found)


def _set_by_headers_more(lines: Effective, name: str) -> list[AddedHeader]:
    found = []
    for directive in lines.values:
        for text in directive.args:
            key, separator, value = text.partition(":")
            if separator and key.strip().lower() == name.lower() and value.strip():
                found.append(AddedHeader(name, value.strip(), directive, always=True))
    return found


def _set_by_security_headers(level: Level, name: str) -> list[AddedHeader]:
    """What the module ngx_security_headers adds with its one switch."""
    value = _BY_SWITCH.get(name.lower())
    switch = level.effective("security_headers").value if value is not None else None
    if switch is None or switch.arg(0) != "on" or value is None:
        return []
    return [AddedHeader(name, value, switch, always=True)]


_BY_SWITCH: Mapping[str, str] = {
    "strict-transport-security": "max-age=31536000; includeSubDomains",
    "x-content-type-options": "nosniff",
    "x-frame-options": "SAMEORIGIN",
    "referrer-policy": "strict-origin-when-cross-origin",
}


def hidden(level: Level, name: str) -> Directive | None:
    """The line with which the proxy takes away that header of the application's answer."""
    for directive in ("proxy_hide_header", "uwsgi_hide_header", "grpc_hide_header"):
        effective = level.effective(directive)
        found = effective.by_first.get(name.lower()) if effective else None
        if found:
            return found[0]
    return None


def django_header(settings: Settings, name: str) -> str | None:
    """The value of that header on Django's ordinary answers; None when it sends none.

    Strict-Transport-Security is sent only where Django sees https: the caller has to know.
    """
    secured = settings.has_middleware(SECURITY_MIDDLEWARE)
    match name:
        case "Strict-Transport-Security":
            return django_hsts(settings) if secured else None
        case "X-Content-Type-Options":
            return "nosniff" if secured and settings.value("SECURE_CONTENT_TYPE_NOSNIFF") else None
        case "X-Frame-Options":
            value = settings.value("X_FRAME_OPTIONS")
            framed = settings.has_middleware(CLICKJACKING)
            return str(value).upper() if framed and value else None
        case "Referrer-Policy":
            return _listed(settings.value("SECURE_REFERRER_POLICY")) if secured else None
        case "Cross-Origin-Opener-Policy":
            return _listed(settings.value("SECURE_CROSS_ORIGIN_OPENER_POLICY")) if secured else None
        case "Content-Security-Policy":
            return _django_csp(settings)
        case _:
            return None


def django_hsts(settings: Settings) -> str | None:
    """The Strict-Transport-Security value that the settings make; None for zero seconds."""
    seconds = settings.value("SECURE_HSTS_SECONDS")
    if not isinstance(seconds, int) or isinstance(seconds, bool) or seconds <= 0:
        return None
    parts = [f"max-age={seconds}"]
    if settings.value("SECURE_HSTS_INCLUDE_SUBDOMAINS"):
        parts.append("includeSubDomains")
    if settings.value("SECURE_HSTS_PRELOAD"):
        parts.append("preload")
    return "; ".join(parts)


def _listed(value: Json) -> str | None:
    if isinstance(value, str):
        return value or None
    if isinstance(value, Sequence):
        return ", ".join(str(item) for item in value) or None
    return None


def _django_csp(settings: Settings) -> str | None:
    """The enforced policy that Django or django-csp sends, as far as its directives are plain data."""
    if settings.has_middleware(_CSP_MIDDLEWARE):
        policy = settings.value("SECURE_CSP")
        if isinstance(policy, Mapping) and policy:
            return _policy(policy)
    if settings.has_middleware(_DJANGO_CSP):
        modern = settings.value("CONTENT_SECURITY_POLICY")
        if isinstance(modern, Mapping):
            directives = modern.get("DIRECTIVES")
            return _policy(directives) if isinstance(directives, Mapping) else "default-src 'self'"
        if settings.value("CSP_REPORT_ONLY"):
            return None
        old = {
            name.removeprefix("CSP_").lower().replace("_", "-"): entry.value
            for name, entry in settings.values.items()
            if name.startswith("CSP_") and isinstance(entry.value, str | list | tuple)
        }
        return _policy(old) if old else "default-src 'self'"
    return None


def _policy(directives: Mapping[str, Json]) -> str:
    parts = []
    for name, value in directives.items():
        words = [value] if isinstance(value, str) else _texts(value)
        parts.append(" ".join([name.lower(), *words]))
    return "; ".join(parts)


def _texts(value: Json) -> list[str]:
    return [str(item) for item in value] if isinstance(value, list | tuple) else []


def frame_ancestors(policy: str) -> tuple[str, ...] | None:
    """The sources of ``frame-ancestors`` in a Content-Security-Policy; None when it has no such directive."""
    for part in policy.replace(",", ";").split(";"):
        words = part.split()
        if words and words[0].lower() == "frame-ancestors":
            return tuple(words[1:])
    return None


def edge_hsts(place: DjangoPlace) -> tuple[AddedHeader, HstsPolicy] | None:
    """The policy that the proxy adds at a location, with its line; one that cannot be read as a policy counts, too."""
    found = added_headers(place.configuration, place.level, HSTS)
    return (found[0], parse_hsts(found[0].value)) if found else None


def level_symbol(level: Level | None) -> str:
    """The stable name of a level: ``http``, ``server shop.example:443``, ``server shop.example:443 location /``."""
    match level:
        case Server() | LocationBlock():
            return level.symbol
        case IfBlock():
            return f"{level_symbol(level.parent)} if"
        case _:
            return "http"


def is_lost(level: Level, name: str) -> bool:
    """Whether an outer level adds that header and the level's own ``add_header`` lines cancel it."""
    effective = level.effective("add_header")
    return bool(effective.dropped) and any(item.arg(1) for item in effective.dropped_by_first.get(name.lower(), ()))


def is_api_only(settings: Settings) -> bool:
    """Whether the project answers programs only: an API framework, and neither an administration nor templates."""
    frameworks = ("rest_framework", "ninja", "ninja_extra", "tastypie", "strawberry_django", "graphene_django")
    pages = ("django.contrib.admin", "django.contrib.staticfiles", "wagtail", "cms")
    return any(map(settings.has_app, frameworks)) and not any(map(settings.has_app, pages))


def dynamic_pages(survey: HeaderSurvey | None) -> tuple[KindHeaders, ...]:
    """The answers with status 200 that Django made, through TLS."""
    found = survey.of("page", "home", "login") if survey is not None else ()
    return tuple(one for one in found if one.status == 200 and one.made_by is not MadeBy.PROXY)


def place_of_answer(answer: KindHeaders, places: Iterable[DjangoPlace]) -> DjangoPlace | None:
    """The Django location that an answer went through."""
    return next((place for place in places if place.is_at(answer.location)), None)

"""How Django learns that a request came by https: which header decides, and what becomes of it at the proxy."""

import ast
import enum
from collections.abc import Iterator
from dataclasses import dataclass

from scanner.facts.app_servers import AppServer, AppServers, ServerKind
from scanner.facts.edge import DjangoPlace, app_of, peer_of, trusts
from scanner.facts.settings import Json, Settings
from scanner.facts.settings_source import Origin, SettingsSource
from scanner.facts.topology import Topology
from scanner.model import Location
from scanner.nginx.effective import (
    Blanked,
    Configuration,
    Directive,
    Forwarded,
    Level,
    NginxDefault,
    Overwritten,
    PassedOn,
    UndecidedHeader,
    forwarded_header,
)
from scanner.nginx.values import names_in

SETTING = "SECURE_PROXY_SSL_HEADER"
_CLIENT_PREFIXES = ("http_", "arg_", "cookie_")
_CLIENT_NAMES = frozenset({"args", "query_string", "uri", "document_uri", "request_uri", "request", "request_body"})
# https://docs.gunicorn.org/en/stable/settings.html#secure-scheme-headers and Uvicorn's ProxyHeadersMiddleware
_APP_HEADERS: dict[ServerKind, tuple[tuple[str, str], ...]] = {
    ServerKind.GUNICORN: (("X-Forwarded-Proto", "https"), ("X-Forwarded-Protocol", "ssl"), ("X-Forwarded-Ssl", "on")),
    ServerKind.UVICORN: (("X-Forwarded-Proto", "https"),),
    ServerKind.HYPERCORN: (),
    ServerKind.DAPHNE: (("X-Forwarded-Proto", "https"),),
    ServerKind.WAITRESS: (("X-Forwarded-Proto", "https"),),
    ServerKind.RUNSERVER: (),
    ServerKind.UWSGI: (),
}
_CGI_KINDS = frozenset({"uwsgi", "fastcgi", "scgi"})


class HeaderState(enum.Enum):
    """What SECURE_PROXY_SSL_HEADER comes to."""

    UNSET = "unset"
    VALID = "valid"
    WITHOUT_EFFECT = "without effect"
    UNKNOWN = "unknown"


@dataclass(frozen=True)
class ProxySslHeader:
    """The setting SECURE_PROXY_SSL_HEADER, read."""

    state: HeaderState
    name: str = ""
    """On the wire: ``X-Forwarded-Proto``."""
    value: str = ""
    """What means https."""
    why: str = ""
    """Why it has no effect, or why nobody can tell."""


def proxy_ssl_header(settings: Settings | None, source: SettingsSource | None) -> ProxySslHeader:
    """The setting, from the booted settings, else from a literal of the source."""
    if settings is not None:
        if SETTING in settings.injected:
            return ProxySslHeader(HeaderState.UNKNOWN, why=f"{SETTING} comes from {settings.injected[SETTING]}")
        return _read(settings.value(SETTING))
    if source is None:
        return ProxySslHeader(HeaderState.UNKNOWN, why=SETTING)
    winner = source.winner(SETTING)
    if winner is None:
        unread = bool(source.unreadable) or not source.files
        return ProxySslHeader(HeaderState.UNKNOWN if unread else HeaderState.UNSET, why=SETTING)
    if winner.origin is Origin.LITERAL and winner.literal is not None and winner.guard is None:
        try:
            return _read(ast.literal_eval(winner.literal))
        except (ValueError, SyntaxError):
            pass
    return ProxySslHeader(HeaderState.UNKNOWN, why=f"{SETTING} at {winner.location}")


def _read(value: Json) -> ProxySslHeader:
    if not value:
        return ProxySslHeader(HeaderState.UNSET)
    if isinstance(value, str) or not isinstance(value, list | tuple) or len(value) != 2:
        return ProxySslHeader(HeaderState.WITHOUT_EFFECT, why="it is not a pair of a header and a value")
    name, secure = value
    if not isinstance(name, str) or not isinstance(secure, str):
        return ProxySslHeader(HeaderState.WITHOUT_EFFECT, why="it is not a pair of texts")
    if not name.startswith("HTTP_") or name != name.upper() or "-" in name:
        why = "Django looks the header up under its name in META, as in `HTTP_X_FORWARDED_PROTO`"
        return ProxySslHeader(HeaderState.WITHOUT_EFFECT, why=why)
    return ProxySslHeader(HeaderState.VALID, wire_name(name), secure)


def wire_name(meta: str) -> str:
    """``HTTP_X_FORWARDED_PROTO`` as ``X-Forwarded-Proto``."""
    return "-".join(part.capitalize() for part in meta.removeprefix("HTTP_").split("_"))


@dataclass(frozen=True)
class SchemeHeader:
    """A header that tells somebody which scheme the client used."""

    name: str
    value: str
    reader: str
    """``Django``, ``Gunicorn`` …"""


@dataclass(frozen=True)
class SchemeReaders:
    """Who reads which header at a location. ``headers`` empty and ``unknown`` empty: nobody reads any."""

    headers: tuple[SchemeHeader, ...]
    unknown: str = ""


def readers(
    place: DjangoPlace, header: ProxySslHeader, servers: AppServers | None, topology: Topology | None
) -> SchemeReaders:
    """The headers that decide ``request.is_secure()`` at a location."""
    if header.state is HeaderState.UNKNOWN:
        return SchemeReaders((), header.why)
    if header.state is HeaderState.VALID:
        return SchemeReaders((SchemeHeader(header.name, header.value, "Django"),))
    return app_readers(place, app_of(place, servers, topology), topology)


def app_readers(place: DjangoPlace, app: AppServer | None, topology: Topology | None) -> SchemeReaders:
    """The headers that the app server itself believes from this proxy."""
    if place.proxy.kind in _CGI_KINDS:
        return SchemeReaders(())
    if app is None:
        return SchemeReaders((), "which app server is behind the proxy")
    peer = peer_of(place, app, topology)
    trusted = None if peer is None else trusts(app, peer)
    if trusted is None:
        return SchemeReaders((), f"whether {app.kind.value} trusts the proxy's address")
    pairs = _APP_HEADERS[app.kind] if trusted else ()
    return SchemeReaders(tuple(SchemeHeader(name, value, app.kind.value.capitalize()) for name, value in pairs))


def client_variables(configuration: Configuration, text: str, level: Level) -> tuple[str, ...]:
    """The variables through which the client's own words flow into a text or choose what a ``map`` yields."""
    found = [name for name in configuration.variables_in(text, level) if is_client_variable(name)]
    found.extend(_choosers(configuration, text, level))
    return tuple(sorted(dict.fromkeys(found)))


def is_client_variable(name: str) -> bool:
    """Whether the client writes that variable of nginx."""
    return name.startswith(_CLIENT_PREFIXES) or name in _CLIENT_NAMES


def _choosers(configuration: Configuration, text: str, level: Level) -> Iterator[str]:
    """Client variables that choose among different results of a ``map`` in the text."""
    for name in names_in(text):
        block = configuration.maps.get(name)
        if block is None or block.kind != "map" or len(block.results) < 2:
            continue
        for source in configuration.variables_in(block.source, level):
            if source.startswith(_CLIENT_PREFIXES):
                yield source


class Sight(enum.Enum):
    """Whether Django can see that a request came through TLS."""

    SEEN = "seen"
    UNSEEN = "unseen"
    UNKNOWN = "unknown"


@dataclass(frozen=True)
class HttpsSight:
    """What an honest https request looks like to Django."""

    sight: Sight
    why: str
    """In words for a report, after "because"; what is unknown for UNKNOWN."""
    directive: Directive | None = None
    header: str = ""
    at: Location | None = None


def https_sight(
    place: DjangoPlace, header: ProxySslHeader, servers: AppServers | None, topology: Topology | None
) -> HttpsSight:
    """Whether Django sees https on a location that is reached through TLS, from files and settings alone."""
    if place.proxy.destination.scheme in {"https", "grpcs"}:
        return HttpsSight(Sight.SEEN, "the app server is reached through TLS")
    if place.proxy.kind in _CGI_KINDS and _param_says_https(place):
        return HttpsSight(Sight.SEEN, "nginx passes HTTPS as a parameter")
    if place.proxy.kind not in {"proxy", *_CGI_KINDS}:
        return HttpsSight(Sight.UNKNOWN, f"what {place.proxy.directive.name} tells of the scheme")
    found = readers(place, header, servers, topology)
    if found.unknown:
        return HttpsSight(Sight.UNKNOWN, found.unknown)
    sights = [_header_sight(place, one) for one in found.headers]
    if header.state is HeaderState.VALID and sights[0].sight is Sight.UNSEEN and not _always_sent(place, header.name):
        # Without the header Django asks the app server, which may believe another one.
        more = app_readers(place, app_of(place, servers, topology), topology)
        sights.extend(_header_sight(place, one) for one in more.headers if one.name != header.name)
    for wanted in (Sight.SEEN, Sight.UNKNOWN):
        best = next((one for one in sights if one.sight is wanted), None)
        if best is not None:
            return best
    return sights[0] if sights else HttpsSight(Sight.UNSEEN, "nobody behind the proxy reads the scheme from a header")


def _always_sent(place: DjangoPlace, name: str) -> bool:
    return isinstance(forwarded_header(place.level, name), Overwritten)


def _param_says_https(place: DjangoPlace) -> bool:
    params = place.level.effective(f"{place.proxy.kind}_param").values
    return any(item.arg(0) in {"HTTPS", "UWSGI_SCHEME"} for item in params)


def _header_sight(place: DjangoPlace, header: SchemeHeader) -> HttpsSight:
    sent = forwarded_header(place.level, header.name)
    match sent:
        case UndecidedHeader(unknown):
            return HttpsSight(Sight.UNKNOWN, unknown.text, None, header.name, unknown.location)
        case Blanked(directive):
            return HttpsSight(Sight.UNSEEN, "the proxy takes that header away", directive, header.name)
        case PassedOn(dropped):
            why = "the proxy does not send that header there"
            return HttpsSight(Sight.UNSEEN, why, dropped[-1] if dropped else None, header.name)
        case NginxDefault():
            return HttpsSight(Sight.UNSEEN, "the proxy sends a value of its own", None, header.name)
        case Overwritten(values):
            return _value_sight(place, header, *values[0])


def _value_sight(place: DjangoPlace, header: SchemeHeader, text: str, directive: Directive) -> HttpsSight:
    if directive.is_template:
        return HttpsSight(Sight.UNKNOWN, directive.text, directive, header.name, directive.location)
    values = {_over_tls(value) for value in place.configuration.possible_values(text, place.level)}
    first = {value.partition(",")[0].strip() for value in values}
    if header.value in first and not any("$" in value for value in first):
        return HttpsSight(Sight.SEEN, "", directive, header.name)
    if all("$" not in value for value in first):
        return HttpsSight(Sight.UNSEEN, "the proxy sends another value", directive, header.name)
    if client_variables(place.configuration, text, place.level) and header.value not in first:
        return HttpsSight(Sight.UNSEEN, "the proxy passes on what the client says", directive, header.name)
    return HttpsSight(Sight.SEEN if header.value in first else Sight.UNKNOWN, directive.text, directive, header.name)


def _over_tls(text: str) -> str:
    """A value as it is for a request through TLS."""
    replaced = text
    for name, value in (("scheme", "https"), ("https", "on"), ("server_port", "443")):
        replaced = replaced.replace(f"${{{name}}}", value)
        replaced = value if replaced == f"${name}" else replaced
    return replaced


def forwarded_text(sent: Forwarded) -> str:
    """What becomes of a header, in a few words for evidence."""
    match sent:
        case Overwritten(values):
            return values[0][1].text
        case Blanked(directive):
            return directive.text
        case PassedOn() | NginxDefault():
            return "not set here"
        case UndecidedHeader(unknown):
            return unknown.text

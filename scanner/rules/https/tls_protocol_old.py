"""TLS 1.1 or older is offered.

## Why is this bad
SSL 3, TLS 1.0 and TLS 1.1 rest on MD5 and SHA-1 and have known attacks; browsers gave them up in 2020. Whoever sits in
between makes client and server agree on the oldest version that both have. Before nginx 1.29.2 the `ssl_protocols` of
the default server of an address and port decides for all servers there: a strict line in another server does nothing.

## Bad
    ssl_protocols TLSv1 TLSv1.1 TLSv1.2;

## Good
    ssl_protocols TLSv1.2 TLSv1.3;     # once, on the http level

## References
- https://nginx.org/en/docs/http/ngx_http_ssl_module.html#ssl_protocols
- https://www.rfc-editor.org/rfc/rfc8996
- CWE-327
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

from scanner.facts.app_servers import AppServer, AppServers, ServerKind
from scanner.facts.edge import judged
from scanner.facts.nginx import Nginx
from scanner.facts.nginx_fix import line_fix
from scanner.facts.sent_headers import level_symbol
from scanner.facts.server_words import option_of
from scanner.facts.tls_handshakes import Handshake, TlsHandshakes, VersionSeen
from scanner.facts.tls_listeners import (
    OWN_PROTOCOLS_SINCE,
    TlsListener,
    protocol_deciders,
    tls_listeners,
    version_of,
)
from scanner.model import Evidence, Finding, Location, NotApplicable, Proof, Severity, UnknownValue, quoted, rule
from scanner.nginx.effective import Directive, Level, Server

_NAME = "ssl_protocols"
_OLD = ("SSLv2", "SSLv3", "TLSv1", "TLSv1.1")
_GOOD = "ssl_protocols TLSv1.2 TLSv1.3;"
_OPENSSL_3_SINCE = (1, 25, 1)
"""nginx's images come with OpenSSL 3 from here on, which refuses TLS 1.1 and older unless the level is lowered."""
_OLD_FOR_GUNICORN = {"SSLV2", "SSLV3", "TLSV1", "TLSV1_1", "0", "1", "3", "4"}


@dataclass(frozen=True)
class _Reading:
    """What one server's lines say of protocols."""

    directive: Directive | None
    level: Level | None
    old: tuple[str, ...]


@dataclass
class _Exposed:
    """What one line opens: the listeners, and whether it surely decides for one of them."""

    directive: Directive
    reading: _Reading
    listeners: list[TlsListener] = field(default_factory=list)
    certain: bool = False


@rule(severity=Severity.HIGH, needs_one_of=(Nginx, AppServers))
def check(nginx: Nginx | None, servers: AppServers | None, shaken: TlsHandshakes | None) -> Iterator[Finding]:
    with_tls = [(one, list(tls_listeners(one))) for one in judged(nginx)]
    own = [pair for server in (servers.servers if servers else ()) if (pair := _app_version(server)) is not None]
    if not any(listeners for _, listeners in with_tls) and not own:
        raise NotApplicable("neither the proxy nor the app server ends TLS")
    for server, word, location in own:
        yield _of_app_server(server, word, location)
    unknown = ""
    for configuration, listeners in with_tls:
        version = version_of(nginx.version) if nginx is not None and configuration is nginx.main else None
        exposed: dict[Directive, _Exposed] = {}
        bare: list[TlsListener] = []
        for listener in listeners:
            unknown = _judge(listener, version, exposed, bare) or unknown
        asked = shaken if nginx is not None and configuration is nginx.main else None
        yield from (_finding(one, version, asked) for one in exposed.values())
        if bare and version is not None and version < _OPENSSL_3_SINCE:
            yield _by_default(bare, nginx.version if nginx else None)
    if unknown:
        raise UnknownValue(unknown)


def _judge(
    listener: TlsListener,
    version: tuple[int, ...] | None,
    exposed: dict[Directive, _Exposed],
    bare: list[TlsListener],
) -> str:
    """Note what a listener offers; the text says what nobody can tell."""
    try:
        readings = [_reading(server) for server in protocol_deciders(listener, version)]
    except UnknownValue as error:
        return error.reason
    for one in readings:
        if one.directive is not None and one.old:
            entry = exposed.setdefault(one.directive, _Exposed(one.directive, one))
            entry.listeners.append(listener)
            entry.certain = entry.certain or all(other.old for other in readings)
    if all(one.directive is None for one in readings):
        bare.append(listener)
        if version is None:
            return f"the protocols that nginx offers for {listener.server.symbol} by default: its version is not known"
    return ""


def _reading(server: Server) -> _Reading:
    found = server.effective(_NAME).require()
    if found.value is None:
        return _Reading(None, None, ())
    words = [word for word in found.value.args if word in _OLD]
    if not words and found.value.is_template:
        raise UnknownValue(f"{found.value.text} at {found.value.location}", found.value.location)
    return _Reading(found.value, found.level, tuple(words))


def _finding(one: _Exposed, version: tuple[int, ...] | None, shaken: TlsHandshakes | None) -> Finding:
    directive, reading = one.directive, one.reading
    names = list(dict.fromkeys(listener.server.name for listener in one.listeners))
    offered = " and ".join(quoted(word) for word in reading.old)
    overridden = [listener for listener in one.listeners if _reads(listener.server) is not directive]
    why = ""
    if overridden:
        socket = quoted(overridden[0].socket.text)
        before = "" if version is not None else " before nginx 1.29.2"
        why = f"; the line of the default server of {socket} decides for all servers there{before}"
    evidence = [Evidence(directive.text, directive.location)]
    evidence += [
        Evidence(f"{line.text} (has no effect)", line.location)
        for line in _without_effect(one.listeners, directive, version)
    ]
    attempts = _attempts(one, shaken)
    done = [seen for seen in attempts if seen.outcome is Handshake.DONE]
    same = _same_side(one, version, shaken)
    refused = same and bool(attempts) and all(seen.outcome is Handshake.REFUSED for seen in attempts)
    evidence += [Evidence(f"{seen.exchange.request.label}: {seen.version} with {seen.cipher}") for seen in done[:3]]
    message = f"{offered} {'is' if len(reading.old) == 1 else 'are'} offered for "
    message += f"{', '.join(quoted(name) for name in names[:4])}{why}"
    if refused:
        message += "; only the TLS library of the nginx that was started here refused it"
    return Finding(
        message=f"{message}.",
        location=directive.location,
        symbol=f"{level_symbol(reading.level)} {_NAME}",
        evidence=tuple(evidence),
        proof=Proof.PROVEN if done and same else Proof.INFERRED,
        severity=Severity.LOW if refused else Severity.HIGH if one.certain else Severity.MEDIUM,
        fix=line_fix(directive, f"{directive.text};", _GOOD),
    )


def _attempts(one: _Exposed, shaken: TlsHandshakes | None) -> list[VersionSeen]:
    """The handshakes with one of the old versions and one of the names for which the line decides."""
    if shaken is None:
        return []
    names = {name for listener in one.listeners for name in listener.server.concrete_names}
    ports = {listener.socket.port for listener in one.listeners}
    return [
        seen
        for name in sorted(names)
        for version in one.reading.old
        for seen in shaken.version(name, version)
        if seen.door.port in ports and seen.outcome is not Handshake.CLIENT_CANNOT
    ]


def _same_side(one: _Exposed, version: tuple[int, ...] | None, shaken: TlsHandshakes | None) -> bool:
    """The line decides for the target's nginx as it did for the one that was asked."""
    if version is None:
        return one.certain
    asked = version_of(shaken.nginx_version) if shaken is not None else None
    return asked is not None and (asked >= OWN_PROTOCOLS_SINCE) is (version >= OWN_PROTOCOLS_SINCE)


def _reads(server: Server) -> Directive | None:
    return server.effective(_NAME).value


def _without_effect(
    listeners: Sequence[TlsListener], directive: Directive, version: tuple[int, ...] | None
) -> list[Directive]:
    """Lines of the same servers that the default server's line overrides."""
    if version is None:
        return []
    lines = [_reads(listener.server) for listener in listeners]
    return list(dict.fromkeys(line for line in lines if line is not None and line is not directive))


def _by_default(listeners: list[TlsListener], version: str | None) -> Finding:
    server = listeners[0].default
    return Finding(
        message=f"No `{_NAME}` is written, and nginx {quoted(version)} offers `TLSv1` and `TLSv1.1` by itself.",
        location=server.location,
        symbol=f"{server.symbol} {_NAME}",
        evidence=tuple(Evidence(one.server.symbol, one.server.location) for one in listeners[:4]),
        severity=Severity.LOW,
    )


def _app_version(server: AppServer) -> tuple[AppServer, str, Location] | None:
    """Gunicorn's ``--ssl-version``, where it is one of the old ones."""
    found = option_of(server, "--ssl-version") if server.kind is ServerKind.GUNICORN else None
    if found is None or found[0].upper().removeprefix("PROTOCOL_") not in _OLD_FOR_GUNICORN:
        return None
    return server, *found


def _of_app_server(server: AppServer, word: str, location: Location) -> Finding:
    return Finding(
        message=f"{quoted(server.artefact)} starts Gunicorn with the protocol version {quoted(word)}.",
        location=location,
        symbol=server.artefact,
        evidence=(Evidence(f"--ssl-version {word}", location),),
    )

"""Weak ciphers are offered.

## Why is this bad
NULL, anonymous, EXPORT, RC4, DES, 3DES, MD5, SEED and IDEA ciphers can be read, forged or worn down by whoever sits in
between. Without an ephemeral key exchange, everything that was ever recorded can be read as soon as the server's key
is lost. Parameters for Diffie-Hellman of less than 2048 bits can be solved ahead.

## Bad
    ssl_ciphers HIGH:MEDIUM:RC4:!aNULL;

## Good
    ssl_ciphers ECDHE+AESGCM:ECDHE+CHACHA20:DHE+AESGCM:!aNULL;

## References
- https://nginx.org/en/docs/http/ngx_http_ssl_module.html#ssl_ciphers
- https://www.rfc-editor.org/rfc/rfc9325#section-4.2
- CWE-327
"""

from collections.abc import Iterator
from dataclasses import dataclass, field

from scanner.facts.app_servers import AppServers
from scanner.facts.cipher_list import read_ciphers
from scanner.facts.edge import judged
from scanner.facts.nginx import Nginx
from scanner.facts.sent_headers import level_symbol
from scanner.facts.server_words import option_of
from scanner.facts.tls_files import TlsFiles
from scanner.facts.tls_handshakes import GroupSeen, Handshake, TlsHandshakes
from scanner.facts.tls_listeners import TlsListener, protocol_deciders, tls_listeners, version_of
from scanner.model import Evidence, Finding, Location, NotApplicable, Proof, Severity, UnknownValue, quoted, rule
from scanner.nginx.effective import Directive, Level

_NAME = "ssl_ciphers"
_DH = "ssl_dhparam"
_ENOUGH = 2048


@dataclass
class _Line:
    """One directive, and the listeners for which it holds."""

    directive: Directive
    level: Level | None
    listeners: list[TlsListener] = field(default_factory=list)


@rule(severity=Severity.MEDIUM, needs_one_of=(Nginx, AppServers))
def check(
    nginx: Nginx | None, servers: AppServers | None, files: TlsFiles | None, shaken: TlsHandshakes | None
) -> Iterator[Finding]:
    listeners = [(one, listener) for one in judged(nginx) for listener in tls_listeners(one)]
    own = [(one, found) for one in (servers.servers if servers else ()) if (found := option_of(one, "--ciphers"))]
    if not listeners and not own:
        raise NotApplicable("neither the proxy nor the app server ends TLS")
    for server, (text, location) in own:
        if faults := _faults(text):
            yield _of_app_server(server.artefact, text, location, faults)
    lines = _Lines()
    for configuration, listener in listeners:
        version = version_of(nginx.version) if nginx is not None and configuration is nginx.main else None
        lines.take(listener, version)
    yield from _judge(lines, files, nginx, shaken)
    if lines.unknown is not None:
        raise lines.unknown


def _judge(
    lines: "_Lines", files: TlsFiles | None, nginx: Nginx | None, shaken: TlsHandshakes | None
) -> Iterator[Finding]:
    for line in lines.ciphers.values():
        if line.directive.is_template:
            lines.unknown = UnknownValue(f"{line.directive.text} at {line.directive.location}", line.directive.location)
        elif faults := _faults(line.directive.arg(0)):
            ours = [one for one in line.listeners if nginx is not None and one.configuration is nginx.main]
            yield _finding(line, faults, _agreed(ours, shaken))
    for line in lines.parameters.values():
        bits = files.dh_bits.get(line.directive.arg(0)) if files is not None else None
        if bits is not None and bits < _ENOUGH:
            yield _short_parameters(line, bits)


@dataclass
class _Lines:
    """The lines that hold for some listener."""

    ciphers: dict[Directive, _Line] = field(default_factory=dict)
    parameters: dict[Directive, _Line] = field(default_factory=dict)
    unknown: UnknownValue | None = None

    def take(self, listener: TlsListener, version: tuple[int, ...] | None) -> None:
        """Note what holds for a listener."""
        if _only_tls_13(listener, version):
            return
        try:
            _note(listener, _NAME, self.ciphers)
            _note(listener, _DH, self.parameters)
        except UnknownValue as error:
            self.unknown = error


def _only_tls_13(listener: TlsListener, version: tuple[int, ...] | None) -> bool:
    """``ssl_ciphers`` says nothing about TLS 1.3."""
    found = [server.effective("ssl_protocols").value for server in protocol_deciders(listener, version)]
    return all(line is not None and line.args == ("TLSv1.3",) for line in found)


def _note(listener: TlsListener, name: str, lines: dict[Directive, _Line]) -> None:
    found = listener.server.effective(name)
    if found.value is None and not listener.server.unknown_includes:
        return
    found.require()
    if found.value is not None:
        lines.setdefault(found.value, _Line(found.value, found.level)).listeners.append(listener)


def _faults(text: str) -> list[str]:
    """What is wrong with a list, in words; empty where nothing is."""
    found = read_ciphers(text)
    if found.empty:
        return []
    weak: dict[str, list[str]] = {}
    for word, weakness in found.weak:
        weak.setdefault(weakness, []).append(word)
    faults = [f"{weakness} ({', '.join(quoted(word) for word in words[:3])})" for weakness, words in weak.items()]
    if not found.forward_secrecy:
        faults.append("nothing with forward secrecy")
    return faults


def _agreed(listeners: list[TlsListener], shaken: TlsHandshakes | None) -> list[GroupSeen]:
    """Weak groups to which the live stack agreed for these listeners, offered alone.

    The key exchange without forward secrecy counts where nothing else was to be had.
    """
    names = {name for listener in listeners for name in listener.server.concrete_names}
    ports = {listener.socket.port for listener in listeners}
    asked = [one for one in (shaken.groups if shaken else ()) if one.name in names and one.door.port in ports]
    done = [one for one in asked if one.outcome is Handshake.DONE]
    secret = any(one.group in {"ecdhe", "dhe"} for one in done)
    return [one for one in done if one.group in {"null", "anonymous"} or (one.group == "rsa" and not secret)]


def _finding(line: _Line, faults: list[str], agreed: list[GroupSeen]) -> Finding:
    names = list(dict.fromkeys(listener.server.name for listener in line.listeners))
    return Finding(
        message=f"The ciphers for {', '.join(quoted(name) for name in names[:4])} keep {'; '.join(faults[:6])}.",
        location=line.directive.location,
        symbol=f"{level_symbol(line.level)} {_NAME}",
        evidence=(
            Evidence(line.directive.text, line.directive.location),
            *(Evidence(f"{one.exchange.request.label}: {one.cipher}") for one in agreed[:3]),
        ),
        proof=Proof.PROVEN if agreed else Proof.INFERRED,
    )


def _short_parameters(line: _Line, bits: int) -> Finding:
    return Finding(
        message=f"{quoted(line.directive.arg(0))} holds Diffie-Hellman parameters of {bits} bits.",
        location=line.directive.location,
        symbol=f"{level_symbol(line.level)} {_DH}",
        evidence=(Evidence(line.directive.text, line.directive.location),),
    )


def _of_app_server(artefact: str, text: str, location: Location, faults: list[str]) -> Finding:
    return Finding(
        message=f"The ciphers of {quoted(artefact)} keep {'; '.join(faults[:6])}.",
        location=location,
        symbol=artefact,
        evidence=(Evidence(f"--ciphers {text}", location),),
    )

"""The redirect to https is a temporary one.

## Why is this bad
Browsers and search engines remember a permanent redirect and go to https by themselves the next time. After a
temporary one they ask in plain text again, visit by visit, and each of these requests can be caught on the way.

## Bad
    return 302 https://$server_name$request_uri;

## Good
    return 301 https://$server_name$request_uri;

## References
- https://nginx.org/en/docs/http/ngx_http_rewrite_module.html#return
- https://www.rfc-editor.org/rfc/rfc9110#section-15.4.2
- CWE-319
"""

from collections.abc import Iterator
from dataclasses import dataclass

from scanner.facts.edge import judged, plain_sockets, server_at, speaks_tls, tls_ends_before
from scanner.facts.exchange_text import exchange_text
from scanner.facts.https_redirects import HttpsRedirect, https_redirects
from scanner.facts.nginx import Nginx
from scanner.facts.nginx_fix import line_fix
from scanner.facts.plain_http import PlainAnswer, PlainHttp
from scanner.facts.topology import Topology
from scanner.model import Evidence, Finding, Fix, NotApplicable, Proof, Severity, quoted, rule
from scanner.nginx.effective import Configuration, Directive

_TEMPORARY = frozenset({302, 303, 307})
_PERMANENT = {302: "301", 303: "301", 307: "308"}


@dataclass(frozen=True)
class _Line:
    """One line that redirects for a while, and what the live stack answered through it."""

    redirect: HttpsRedirect
    answers: tuple[PlainAnswer, ...]


@rule(severity=Severity.LOW)
def check(nginx: Nginx, topology: Topology | None, plain: PlainHttp | None) -> Iterator[Finding]:
    if tls_ends_before(topology):
        raise NotApplicable("TLS ends in front of this proxy")
    configurations = [one for one in judged(nginx) if any(plain_sockets(one, server) for server in one.servers)]
    if not configurations:
        raise NotApplicable("the proxy has no listener without TLS")
    found: dict[Directive, _Line] = {}
    for configuration in configurations:
        if not speaks_tls(configuration) and configuration is not nginx.main:
            continue
        for redirect in https_redirects(configuration):
            if redirect.status in _TEMPORARY and redirect.keeps_path:
                answers = _answers(configuration, redirect, plain if configuration is nginx.main else None)
                found.setdefault(redirect.directive, _Line(redirect, answers))
    for line in found.values():
        temporary = [one for one in line.answers if one.status in _TEMPORARY]
        if not line.answers or temporary:
            yield _finding(line, temporary)


def _answers(configuration: Configuration, redirect: HttpsRedirect, plain: PlainHttp | None) -> tuple[PlainAnswer, ...]:
    """The redirects to https that this server, and not Django, sent in the live stack."""
    return tuple(
        one
        for one in (plain.answers if plain is not None else ())
        if one.redirects_to_https and not one.by_app and server_at(configuration, one.door, one.name) is redirect.server
    )


def _finding(line: _Line, seen: list[PlainAnswer]) -> Finding:
    redirect = line.redirect
    evidence = [Evidence(redirect.directive.text, redirect.directive.location)]
    evidence += [Evidence(exchange_text(one.exchange, "Location")) for one in seen[:2]]
    return Finding(
        message=f"{quoted(redirect.server.name)} redirects to https with {redirect.status}, for this once: browsers "
        f"ask in plain text again at the next visit.",
        location=redirect.directive.location,
        symbol=redirect.symbol,
        evidence=tuple(evidence),
        proof=Proof.PROVEN if seen else Proof.INFERRED,
        fix=_fix(redirect.directive, redirect.status),
    )


def _fix(directive: Directive, status: int) -> Fix | None:
    if directive.name == "return" and directive.arg(0) == str(status):
        return line_fix(directive, f"return {status} ", f"return {_PERMANENT[status]} ")
    if directive.name == "rewrite" and directive.arg(2) == "redirect":
        return line_fix(directive, " redirect;", " permanent;")
    return None

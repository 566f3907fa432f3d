"""The certificate that the proxy shows is expired or is for other names.

## Why is this bad
Browsers refuse such a site, or teach its visitors to click the warning away; from then on nothing tells them the site
from whoever sits in between. The same holds for programs that call it and, to go on, stop checking certificates.

## Bad
    ssl_certificate certs/shop.crt;    # expired, or for another name

## Good
    ssl_certificate /etc/letsencrypt/live/shop.example/fullchain.pem;    # renewed by a timer

## References
- https://nginx.org/en/docs/http/ngx_http_ssl_module.html#ssl_certificate
- https://www.rfc-editor.org/rfc/rfc9525
- CWE-295
- CWE-298
"""

from collections.abc import Iterator
from dataclasses import dataclass, field

from scanner.facts.edge import judged
from scanner.facts.nginx import Nginx
from scanner.facts.tls_files import CertificateFile, TlsFiles
from scanner.facts.tls_listeners import TlsListener, tls_listeners
from scanner.model import Evidence, Finding, NotApplicable, Severity, quoted, rule
from scanner.nginx.effective import Directive

_NAME = "ssl_certificate"


@dataclass
class _Use:
    """One line that names a certificate of the repository, and the names for which it is shown."""

    directive: Directive
    names: list[str] = field(default_factory=list)


@rule(severity=Severity.HIGH)
def check(nginx: Nginx, files: TlsFiles) -> Iterator[Finding]:
    uses: dict[Directive, _Use] = {}
    for configuration in judged(nginx):
        for listener in tls_listeners(configuration):
            _take(listener, files, uses)
    if not uses:
        raise NotApplicable("the certificates that the proxy shows are not in the repository")
    by_file: dict[str, list[_Use]] = {}
    for use in uses.values():
        by_file.setdefault(use.directive.arg(0), []).append(use)
    for argument, group in by_file.items():
        yield from _judge(files.certificates[argument], group, files)


def _take(listener: TlsListener, files: TlsFiles, uses: dict[Directive, _Use]) -> None:
    for directive in listener.server.effective(_NAME).values:
        if directive.arg(0) in files.certificates:
            use = uses.setdefault(directive, _Use(directive))
            use.names += [name for name in listener.server.concrete_names if name not in use.names]


def _judge(certificate: CertificateFile, uses: list[_Use], files: TlsFiles) -> Iterator[Finding]:
    names = list(dict.fromkeys(name for use in uses for name in use.names))
    uncovered = [name for name in names if not certificate.covers(name)]
    expired = certificate.not_after < files.now
    if not expired and not uncovered:
        return
    faults = [f"expired on {certificate.not_after:%Y-%m-%d}"] if expired else []
    if uncovered:
        faults.append(f"is not for {', '.join(quoted(name) for name in uncovered[:4])}")
    line = uses[0].directive
    listed = ", ".join(certificate.names[:6]) or "no names"
    yield Finding(
        message=f"The certificate {quoted(certificate.location.path)}, which the proxy shows, {' and '.join(faults)}.",
        location=line.location,
        symbol=f"file {certificate.location.path}",
        evidence=(
            *(Evidence(use.directive.text, use.directive.location) for use in uses[:4]),
            Evidence(f"for {listed}, until {certificate.not_after:%Y-%m-%d}", certificate.location),
        ),
        severity=Severity.MEDIUM,
    )

"""CSRF_TRUSTED_ORIGINS trusts origins of strangers.

## Why is this bad
A page of a trusted origin may send forms in the user's name. A wildcard over a shared domain, a foreign site, or an
`http://` origin (whoever is on the network speaks for it) undoes the CSRF protection.

## Bad
    CSRF_TRUSTED_ORIGINS = ["https://*.herokuapp.com", "http://shop.example"]

## Good
    CSRF_TRUSTED_ORIGINS = ["https://shop.example"]

## References
- https://docs.djangoproject.com/en/stable/ref/settings/#csrf-trusted-origins
- CWE-346, CWE-352
"""

from collections.abc import Iterator
from dataclasses import dataclass
from urllib.parse import urlsplit

from scanner.facts.csrf_origins import CsrfAttempt, CsrfOrigins
from scanner.facts.exchange_text import exchange_text
from scanner.facts.public_suffixes import is_shared_suffix, registrable_domain
from scanner.facts.settings import Settings
from scanner.facts.settings_place import require_decided, settings_place
from scanner.facts.settings_source import SettingsSource
from scanner.facts.topology import Topology
from scanner.model import Evidence, Finding, Proof, Severity, quoted, rule

_NAME = "CSRF_TRUSTED_ORIGINS"
_LOOPBACK = frozenset({"localhost", "127.0.0.1", "0.0.0.0", "[::1]", "::1"})


@dataclass(frozen=True)
class _Fault:
    severity: Severity
    why: str


@rule(severity=Severity.HIGH)
def check(
    settings: Settings, source: SettingsSource | None, topology: Topology | None, origins: CsrfOrigins | None
) -> Iterator[Finding]:
    require_decided(settings, _NAME)
    own = _own_domains(settings, topology)
    for entry in dict.fromkeys(settings.strings(_NAME)):
        fault = _fault(entry, own)
        if fault is None:
            continue
        proof = _accepted(entry, origins)
        evidence = [Evidence(f"booted settings: {_NAME} holds {entry}", settings_place(settings, source, _NAME))]
        if proof is not None:
            evidence.append(Evidence(exchange_text(proof.exchange)))
        yield Finding(
            message=f"`CSRF_TRUSTED_ORIGINS` holds {quoted(entry)}: {fault.why}.",
            location=settings_place(settings, source, _NAME),
            symbol=f"settings.{_NAME} {entry}",
            evidence=tuple(evidence),
            proof=Proof.PROVEN if proof is not None else Proof.INFERRED,
            severity=fault.severity,
        )


def _own_domains(settings: Settings, topology: Topology | None) -> frozenset[str]:
    """The domains of the site; empty where the repository does not tell all of them."""
    if "ALLOWED_HOSTS" in settings.injected or "ALLOWED_HOSTS" in settings.samples:
        return frozenset()
    names = [*(topology.site_names if topology else ()), *settings.strings("ALLOWED_HOSTS")]
    return frozenset(registrable_domain(name) for name in names if _is_domain(name))


def _is_domain(name: str) -> bool:
    bare = name.strip(".[]")
    return "." in bare and ":" not in bare and not bare.rpartition(".")[2].isdecimal()


def _fault(entry: str, own: frozenset[str]) -> _Fault | None:
    parts = urlsplit(entry)
    host = parts.hostname or ""
    if host in _LOOPBACK or host.startswith("127."):
        return _Fault(Severity.LOW, "a page that any program on the user's own machine serves may send forms")
    bare = host.removeprefix("*").lstrip(".")
    if "*" in host and (not bare or is_shared_suffix(bare)):
        return _Fault(Severity.HIGH, "strangers can have a host that this matches")
    foreign = bool(own) and registrable_domain(bare) not in own
    if foreign:
        return _Fault(Severity.MEDIUM, "it is neither a name of this site nor in `ALLOWED_HOSTS`")
    if parts.scheme == "http":
        return _Fault(Severity.MEDIUM, "over plain HTTP, whoever is on the network speaks for this name")
    return None


def _accepted(entry: str, origins: CsrfOrigins | None) -> CsrfAttempt | None:
    """A POST with a valid token that was let through with an origin that only this entry matches."""
    if origins is None:
        return None
    scheme, _, host = entry.partition("://")
    for attempt in origins.attempts:
        sent_scheme, _, sent_host = (attempt.origin or "").partition("://")
        matches = sent_host.endswith(host.removeprefix("*")) if host.startswith("*") else sent_host == host
        if attempt.status == 200 and attempt.token_matches and sent_scheme == scheme and matches and sent_host:
            return attempt
    return None

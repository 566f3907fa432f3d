"""ALLOWED_HOSTS accepts names of strangers.

## Why is this bad
Django builds links from the Host header: whoever can send any Host gets password-reset mails with links to a site of
theirs, and can poison shared caches.

## Bad
    ALLOWED_HOSTS = ["*"]

## Good
    ALLOWED_HOSTS = ["shop.example"]

## References
- https://docs.djangoproject.com/en/stable/ref/settings/#allowed-hosts
- https://docs.djangoproject.com/en/stable/topics/security/#host-headers-virtual-hosting
- CWE-644, CWE-20
"""

from collections.abc import Iterator

from scanner.facts.exchange_text import exchange_text
from scanner.facts.host_spoof import HostOutcome, HostSpoof
from scanner.facts.public_suffixes import is_shared_suffix
from scanner.facts.settings import Settings
from scanner.facts.settings_place import booted, require_decided, settings_place
from scanner.facts.settings_source import SettingsSource
from scanner.model import Evidence, Finding, Proof, Severity, quoted, rule

_NAME = "ALLOWED_HOSTS"
_LETS_THROUGH = frozenset({HostOutcome.APP_ANSWERED, HostOutcome.APP_REFUSED})


@rule(severity=Severity.HIGH)
def check(settings: Settings, source: SettingsSource | None, spoof: HostSpoof | None) -> Iterator[Finding]:
    entries = settings.strings(_NAME)
    everyone = "*" in entries
    shared = [entry for entry in entries if entry.startswith(".") and is_shared_suffix(entry)]
    if not everyone and not shared:
        require_decided(settings, _NAME)
        return
    require_decided(settings, _NAME)
    believed = [one for one in spoof.attempts if one.echoed_host == spoof.evil] if spoof is not None else []
    evidence = [booted(settings, source, _NAME)]
    evidence += [
        Evidence(f"{exchange_text(one.exchange)}; request.build_absolute_uri() = {one.echoed_absolute}")
        for one in believed[:2]
    ]
    refused = spoof is not None and _edge_refuses(spoof)
    what = "every name" if everyone else f"every host below {', '.join(quoted(entry) for entry in shared)}"
    yield Finding(
        message=f"`ALLOWED_HOSTS` in {quoted(settings.module)} accepts {what}: a client decides which host Django "
        f"builds links for.",
        location=settings_place(settings, source, _NAME),
        symbol=f"settings.{_NAME}",
        evidence=tuple(evidence),
        proof=Proof.PROVEN if believed and everyone else Proof.INFERRED,
        severity=Severity.HIGH if everyone and not refused else Severity.MEDIUM,
    )


def _edge_refuses(spoof: HostSpoof) -> bool:
    """The proxy turned every foreign name away, so that Django never saw one."""
    foreign = [one for one in spoof.attempts if one.host == spoof.evil]
    return bool(foreign) and not any(
        one.outcome in _LETS_THROUGH or one.echoed_host is not None or one.outcome is HostOutcome.REDIRECTED
        for one in foreign
    )

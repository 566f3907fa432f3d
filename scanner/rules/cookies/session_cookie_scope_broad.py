"""The session cookie goes to more hosts, or lives longer, than the site needs.

## Why is this bad
A cookie for a parent domain is sent to every host below it: one forgotten or shared host beside the site receives the
sessions. A session of months gives whoever finds an old device or backup just as long.

## Bad
    SESSION_COOKIE_DOMAIN = ".example.com"      # the site is shop.example.com alone
    SESSION_COOKIE_AGE = 60 * 60 * 24 * 365

## Good
    SESSION_COOKIE_DOMAIN = None

## References
- https://docs.djangoproject.com/en/stable/ref/settings/#session-cookie-domain
- CWE-1275, CWE-613
"""

from collections.abc import Iterator

from scanner.facts.public_suffixes import is_shared_suffix
from scanner.facts.settings import Settings
from scanner.facts.settings_place import booted, require_decided, settings_place
from scanner.facts.settings_source import SettingsSource
from scanner.facts.topology import Topology
from scanner.model import Finding, NotApplicable, Severity, UnknownValue, quoted, rule
from scanner.rules.cookies._cookie_flags import has_csrf_cookie, has_sessions

_LONGEST = 30 * 24 * 3600
_AGE = "SESSION_COOKIE_AGE"


@rule(severity=Severity.MEDIUM)
def check(settings: Settings, source: SettingsSource | None, topology: Topology | None) -> Iterator[Finding]:
    sessions = has_sessions(settings)
    domains = [("SESSION_COOKIE_DOMAIN", sessions), ("CSRF_COOKIE_DOMAIN", has_csrf_cookie(settings))]
    used = [name for name, is_used in domains if is_used]
    if not used:
        raise NotApplicable("neither sessions nor CSRF cookies are in use")
    unknown: UnknownValue | None = None
    for name in used:
        try:
            yield from _domain(settings, source, topology, name)
        except UnknownValue as error:
            unknown = unknown or error
    age = settings.value(_AGE)
    if sessions and isinstance(age, int) and age > _LONGEST and not settings.value("SESSION_EXPIRE_AT_BROWSER_CLOSE"):
        require_decided(settings, _AGE)
        yield Finding(
            message=f"A session lives for {age // 86400} days ({quoted(_AGE)}).",
            location=settings_place(settings, source, _AGE),
            symbol=f"settings.{_AGE}",
            evidence=(booted(settings, source, _AGE),),
            severity=Severity.LOW,
        )
    if unknown is not None:
        raise unknown


def _domain(
    settings: Settings, source: SettingsSource | None, topology: Topology | None, name: str
) -> Iterator[Finding]:
    value = settings.value(name)
    domain = value.lower().strip(".") if isinstance(value, str) else ""
    if not domain:
        return
    require_decided(settings, name)
    shared = is_shared_suffix(domain)
    if not shared and not _only_below(settings, topology, domain):
        return
    told = "which strangers share" if shared else "although the site is one host below it"
    yield Finding(
        message=f"{quoted(name)} sends the cookie to every host of {quoted(domain)}, {told}.",
        location=settings_place(settings, source, name),
        symbol=f"settings.{name}",
        evidence=(booted(settings, source, name),),
        severity=Severity.MEDIUM if shared else Severity.LOW,
    )


def _only_below(settings: Settings, topology: Topology | None, domain: str) -> bool:
    """The domain is above the site's one name. Raises UnknownValue where the names are not the deployment's."""
    hosts = settings.strings("ALLOWED_HOSTS")
    names = {name.lower() for name in (topology.site_names if topology is not None else ())}
    if not names:
        require_decided(settings, "ALLOWED_HOSTS")
        names = {host.lower() for host in hosts if "." in host.strip(".") and not host.startswith((".", "*"))}
    if any(host == "*" or host.startswith(".") for host in hosts):
        return False
    below = [name for name in {*names, *(host.lower() for host in hosts)} if _is_in(name, domain)]
    return len(below) == 1 and below[0] != domain and all(_is_in(name, domain) for name in names)


def _is_in(name: str, domain: str) -> bool:
    return name == domain or name.endswith(f".{domain}")

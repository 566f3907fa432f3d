r"""Pages of other sites may read the answers.

## Why is this bad
Browsers let a page read another site's answer only where that site says so. Said to everybody, or to every name that
looks right, any page reads what the user's session may see.

## Bad
    CORS_ALLOW_ALL_ORIGINS = True
    CORS_ALLOWED_ORIGIN_REGEXES = [r"^https://.*example\.com"]
    add_header Access-Control-Allow-Origin $http_origin;

## Good
    CORS_ALLOWED_ORIGINS = ["https://app.example.com"]

## References
- https://github.com/adamchainz/django-cors-headers#configuration
- https://developer.mozilla.org/en-US/docs/Web/HTTP/Guides/CORS
- CWE-942
"""

from collections.abc import Iterator
from dataclasses import dataclass
from urllib.parse import urlsplit

from scanner.facts.app_servers import AppServers
from scanner.facts.cors_replies import CorsAttempt, CorsReplies
from scanner.facts.edge import all_django_places, same_place
from scanner.facts.exchange_text import exchange_text
from scanner.facts.foreign_origins import taken_for_own
from scanner.facts.nginx import Nginx
from scanner.facts.origin_echo import OriginEcho, origin_echoes
from scanner.facts.public_suffixes import registrable_domain
from scanner.facts.settings import Settings
from scanner.facts.settings_place import require_decided, settings_place
from scanner.facts.settings_source import SettingsSource
from scanner.facts.topology import Topology
from scanner.model import Evidence, Finding, NotApplicable, Proof, Severity, UnknownValue, quoted, rule
from scanner.nginx.patterns import search

_MIDDLEWARE = "corsheaders.middleware.CorsMiddleware"
_EVERYBODY = ("CORS_ALLOW_ALL_ORIGINS", "CORS_ORIGIN_ALLOW_ALL")
_PATTERNS = ("CORS_ALLOWED_ORIGIN_REGEXES", "CORS_ORIGIN_REGEX_WHITELIST")
_SHOWN = ("Access-Control-Allow-Origin", "Access-Control-Allow-Credentials", "Vary")


@dataclass(frozen=True)
class _Facts:
    settings: Settings | None
    source: SettingsSource | None
    names: tuple[str, ...]
    seen: tuple[CorsAttempt, ...] | None
    """Answers that a page of somebody else could have read; None where nobody asked."""


@rule(severity=Severity.HIGH, needs_one_of=(Settings, Nginx))
def check(
    settings: Settings | None,
    nginx: Nginx | None,
    source: SettingsSource | None,
    servers: AppServers | None,
    topology: Topology | None,
    replies: CorsReplies | None,
) -> Iterator[Finding]:
    names = _names(settings, topology)
    seen = tuple(one for one in replies.allowed() if _is_foreign(one, names)) if replies and replies.attempts else None
    facts = _Facts(settings, source, names, seen)
    echoes, unknown = origin_echoes(nginx, names)
    installed = settings is not None and settings.cors is not None and settings.has_middleware(_MIDDLEWARE)
    if not installed and not echoes and unknown is None:
        raise NotApplicable("neither the project nor the proxy sends CORS headers")
    if installed and settings is not None:
        try:
            yield from _django(settings, facts)
        except UnknownValue as error:
            unknown = unknown or error
    django = [place.location for place in all_django_places(nginx, servers, settings)]
    for echo in echoes:
        yield from _proxy(echo, facts, for_django=any(one in django for one in echo.places))
    if unknown is not None:
        raise unknown


def _names(settings: Settings | None, topology: Topology | None) -> tuple[str, ...]:
    hosts = settings.strings("ALLOWED_HOSTS") if settings is not None else ()
    found = (*(topology.site_names if topology is not None else ()), *(host.lstrip(".") for host in hosts))
    return tuple(dict.fromkeys(name.lower() for name in found if "." in name and "*" not in name))


def _is_foreign(attempt: CorsAttempt, names: tuple[str, ...]) -> bool:
    parts = urlsplit(attempt.origin)
    own = {registrable_domain(name) for name in names}
    return parts.scheme != "https" or registrable_domain(parts.hostname or "") not in own


def _django(settings: Settings, facts: _Facts) -> Iterator[Finding]:
    cors = settings.cors
    if cors is None:
        return
    severity = Severity.HIGH if cors.credentials else Severity.LOW
    if cors.allow_all:
        name = next((one for one in _EVERYBODY if settings.is_set(one)), _EVERYBODY[0])
        require_decided(settings, name)
        if facts.seen is None or facts.seen:
            told = f"{quoted(name)} lets pages of every site read the answers"
            yield _finding(facts, name, "", told, severity, facts.seen or ())
        return
    name = next((one for one in _PATTERNS if settings.is_set(one)), _PATTERNS[0])
    undecided = ""
    for pattern in cors.regexes:
        require_decided(settings, name)
        anchored = _at_start(pattern)
        origin = taken_for_own(anchored, facts.names)
        if origin is not None:
            proof = [one for one in facts.seen or () if search(anchored, one.origin)]
            told = f"{quoted(name)} holds {quoted(pattern)}, which accepts {quoted(origin)}, too"
            yield _finding(facts, name, f" {pattern}", told, severity, tuple(proof))
        elif search(anchored, "https://a.test") is None:
            undecided = undecided or pattern
    if undecided:
        raise UnknownValue(f"which origins {undecided} accepts")


def _at_start(pattern: str) -> str:
    """As ``re.match`` takes it."""
    if pattern.startswith("(?i)"):
        return f"(?i)^(?:{pattern[4:]})"
    return f"^(?:{pattern})"


def _finding(
    facts: _Facts, name: str, more: str, told: str, severity: Severity, seen: tuple[CorsAttempt, ...]
) -> Finding:
    settings = facts.settings
    if settings is None or settings.cors is None:
        raise UnknownValue(name)
    place = settings_place(settings, facts.source, name)
    with_login = settings.cors.credentials
    evidence = [Evidence(f"effective: {name} {more.strip()}".rstrip(), place)]
    if with_login:
        evidence.append(
            Evidence(
                "booted settings: CORS_ALLOW_CREDENTIALS = True",
                settings_place(settings, facts.source, "CORS_ALLOW_CREDENTIALS"),
            )
        )
    evidence += [Evidence(exchange_text(one.exchange, *_SHOWN)) for one in seen[:2]]
    return Finding(
        message=f"{told}{', with the session of the user' if with_login else ''}.",
        location=place,
        symbol=f"settings.{name}{more}",
        evidence=tuple(evidence),
        proof=Proof.PROVEN if seen else Proof.INFERRED,
        severity=severity,
    )


def _proxy(echo: OriginEcho, facts: _Facts, *, for_django: bool) -> Iterator[Finding]:
    here = [one for one in facts.seen or () if any(same_place(place.location, one.location) for place in echo.places)]
    line = echo.line
    evidence = [Evidence(line.text, line.location)]
    evidence += [Evidence(one.text, one.location) for one in (*echo.because, *echo.credentials)]
    evidence += [Evidence(exchange_text(one.exchange, *_SHOWN)) for one in here[:2]]
    told = f"{quoted(line.text)} lets pages of {quoted(echo.origin)} read the answers"
    yield Finding(
        message=f"{told}{', with the session of the user' if echo.credentials and for_django else ''}.",
        location=line.location,
        symbol=echo.symbol,
        evidence=tuple(evidence),
        proof=Proof.PROVEN if here else Proof.INFERRED,
        severity=Severity.HIGH if echo.credentials and for_django else Severity.LOW,
    )

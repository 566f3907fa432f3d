"""Uploaded files run as pages of the site.

## Why is this bad
Whoever may upload a file may upload `x.html` or `x.svg`. Sent inline from the site's own origin, its scripts run with
the session of whoever opens the link.

## Bad
    location /media/ {
        alias /srv/shop/media/;
    }

## Good
    location /media/ {
        alias /srv/shop/media/;
        add_header X-Content-Type-Options nosniff always;
        add_header Content-Disposition attachment always;
        add_header Content-Security-Policy "default-src 'none'; sandbox" always;
    }

## References
- https://docs.djangoproject.com/en/stable/topics/security/#user-uploaded-content
- CWE-434, CWE-79
"""

from collections.abc import Iterator
from dataclasses import dataclass

from scanner.facts.app_servers import AppServers
from scanner.facts.edge import same_place
from scanner.facts.exchange_text import exchange_text
from scanner.facts.file_headers import has_nosniff, is_defused, is_page_type
from scanner.facts.media_canaries import MediaCanaries, MediaSeen
from scanner.facts.media_files import ACTIVE, MediaPlace, media_places, takes_ending
from scanner.facts.nginx import Nginx
from scanner.facts.python_source import PythonSource, Upload
from scanner.facts.settings import Settings
from scanner.model import Evidence, Finding, NotApplicable, Proof, Severity, UnknownValue, quoted, rule

_SESSIONS = "django.contrib.sessions.middleware.SessionMiddleware"
_FORMS = frozenset({"forms", "serializers"})
_HEADERS = ("Content-Type", "X-Content-Type-Options", "Content-Disposition", "Content-Security-Policy")


@dataclass(frozen=True)
class _Fault:
    """What a place lacks."""

    inline: tuple[str, ...]
    """Endings of files that run as pages of the site."""
    sniffed: bool
    """There is no nosniff."""


@rule(severity=Severity.HIGH)
def check(
    settings: Settings,
    nginx: Nginx,
    servers: AppServers | None,
    python: PythonSource | None,
    canaries: MediaCanaries | None,
) -> Iterator[Finding]:
    places = media_places(nginx, settings, servers)
    if not places:
        raise NotApplicable("the proxy sends no uploaded files")
    uploads = python.uploads if python is not None else ()
    unknown: UnknownValue | None = None
    for place in places:
        seen = _seen(place, nginx, canaries)
        try:
            fault = _live(seen) if seen else _written(place)
        except UnknownValue as error:
            unknown = unknown or error
            continue
        if fault is not None:
            yield _finding(place, fault, seen, settings, uploads)
    if unknown is not None:
        raise unknown


def _seen(place: MediaPlace, nginx: Nginx, canaries: MediaCanaries | None) -> tuple[MediaSeen, ...]:
    """The planted files that came from this place."""
    if canaries is None or place.configuration is not nginx.main:
        return ()
    return tuple(one for one in canaries.files if one.is_file and same_place(place.location.location, one.location))


def _live(seen: tuple[MediaSeen, ...]) -> _Fault | None:
    active = [
        one.extension
        for one in seen
        if is_page_type(one.content_type) and one.disposition != "attachment" and not one.sandboxed
    ]
    sniffed = any(not one.nosniff for one in seen)
    return _Fault(tuple(dict.fromkeys(active)), sniffed) if active or sniffed else None


def _written(place: MediaPlace) -> _Fault | None:
    endings = [ending for ending in ACTIVE if takes_ending(place, ending)]
    active = [one for one in endings if not is_defused(place.configuration, place.location, one)]
    sniffed = not has_nosniff(place.configuration, place.location)
    return _Fault(tuple(active), sniffed) if active or sniffed else None


def _finding(
    place: MediaPlace, fault: _Fault, seen: tuple[MediaSeen, ...], settings: Settings, uploads: tuple[Upload, ...]
) -> Finding:
    fields = [one for one in uploads if one.kind != "FILES"]
    stored = [one for one in fields if one.owner not in _FORMS]
    evidence = [Evidence(place.served.directive.text, place.served.directive.location)]
    evidence += [Evidence(line.text, line.location) for line in place.location.effective("add_header").values[:4]]
    evidence += [Evidence(f"{one.name} is a {one.kind}", one.location) for one in stored[:3]]
    shown = [one for one in seen if one.extension in fault.inline] or list(seen)
    evidence += [Evidence(exchange_text(one.exchange, *_HEADERS)) for one in shown[:3]]
    kinds = ", ".join(f"`.{one}`" for one in fault.inline)
    if fault.inline:
        told = f"sends uploaded files ({kinds}) as pages of the site"
        told += ", and without `X-Content-Type-Options: nosniff`" if fault.sniffed else ""
    else:
        told = "sends uploaded files without `X-Content-Type-Options: nosniff`"
    return Finding(
        message=f"{quoted(place.location.title)} {told}.",
        location=place.location.location,
        symbol=place.location.symbol,
        evidence=tuple(evidence),
        proof=Proof.PROVEN if seen else Proof.INFERRED,
        severity=_severity(place, fault, settings, fields),
    )


def _severity(place: MediaPlace, fault: _Fault, settings: Settings, fields: list[Upload]) -> Severity:
    if not fault.inline or (fields and all(one.kind == "ImageField" for one in fields)):
        return Severity.LOW
    session = settings.has_middleware(_SESSIONS) or settings.has_app("django.contrib.admin")
    unchecked = any(one.kind == "FileField" and not one.validated and one.owner not in _FORMS for one in fields)
    return Severity.HIGH if unchecked and session and not place.own_host else Severity.MEDIUM

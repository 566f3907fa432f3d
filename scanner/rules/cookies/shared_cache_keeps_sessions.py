"""The proxy's cache gives one user's page or cookie to another.

## Why is this bad
nginx does not store answers that set a cookie or that say `private`. Told to ignore these headers, it stores the page
of the first visitor, session cookie included, and gives it to everybody after.

## Bad
    proxy_cache pages;
    proxy_ignore_headers Set-Cookie Cache-Control;

## Good
    proxy_cache pages;
    proxy_cache_bypass $cookie_sessionid;
    proxy_no_cache $cookie_sessionid;

## References
- https://nginx.org/en/docs/http/ngx_http_proxy_module.html#proxy_ignore_headers
- https://docs.djangoproject.com/en/stable/topics/cache/#using-vary-headers
- CWE-524, CWE-525
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass

from scanner.facts.app_servers import AppServers
from scanner.facts.cache_replay import CachePair, CacheReplay
from scanner.facts.edge import DjangoPlace, all_django_places
from scanner.facts.exchange_text import exchange_text
from scanner.facts.nginx import Nginx
from scanner.facts.settings import Settings
from scanner.model import Evidence, Finding, Location, NotApplicable, Proof, Severity, UnknownValue, quoted, rule
from scanner.nginx.effective import Directive

_IGNORED = frozenset({"set-cookie", "cache-control", "vary"})
_FILES = re.compile(r"\\\.|\.\(|/(static|media|assets)\b|^/(favicon|robots|sitemap)")
_HARMLESS = re.compile(r"\$(arg_\w+|http_(pragma|authorization|cache_control))\Z")
_NAME = re.compile(r"\$\{?(\w+)\}?")
_SHOWN = ("Cache-Control", "Age", "X-Cache", "X-Cache-Status", "Vary", "Set-Cookie")


@dataclass(frozen=True)
class _Fault:
    line: Directive
    """The line to edit."""
    evidence: tuple[Directive, ...]
    severity: Severity
    told: str


@rule(severity=Severity.HIGH)
def check(
    nginx: Nginx, settings: Settings | None, servers: AppServers | None, replay: CacheReplay | None
) -> Iterator[Finding]:
    places = [one for one in all_django_places(nginx, servers, settings) if not _is_for_files(one, settings)]
    if not places:
        raise NotApplicable("the proxy hands no page to Django")
    name = settings.value("SESSION_COOKIE_NAME") if settings is not None else None
    cookie = name if isinstance(name, str) else "sessionid"
    found: dict[Location, tuple[_Fault, list[DjangoPlace]]] = {}
    unknown: UnknownValue | None = None
    for place in places:
        try:
            fault = _stored(place, cookie) or _announced(place)
        except UnknownValue as error:
            unknown = unknown or error
            continue
        if fault is not None:
            found.setdefault(fault.line.location, (fault, []))[1].append(place)
    for fault, held in found.values():
        seen = _replayed(fault, held, nginx, replay)
        if seen is not None:
            yield _finding(fault, held, seen)
    if unknown is not None:
        raise unknown


def _is_for_files(place: DjangoPlace, settings: Settings | None) -> bool:
    """Only files go this way: below STATIC_URL or MEDIA_URL, or by their endings."""
    pattern = place.location.pattern
    urls = [settings.value(name) for name in ("STATIC_URL", "MEDIA_URL")] if settings is not None else []
    if any(isinstance(url, str) and url not in {"", "/"} and pattern.startswith(url) for url in urls):
        return True
    return _FILES.search(pattern) is not None


def _stored(place: DjangoPlace, cookie: str) -> _Fault | None:
    """The cache is on, and the headers that would keep a page out of it are ignored."""
    kind = "uwsgi" if place.proxy.kind == "uwsgi" else "proxy"
    cache = place.level.effective(f"{kind}_cache")
    if cache.value is None or cache.text == "off":
        return None
    ignored = place.level.effective(f"{kind}_ignore_headers")
    if ignored.value is None:
        ignored.require()
        return None
    names = [word for line in ignored.values for word in line.args if word.lower() in _IGNORED]
    if not names or _spares_sessions(place, kind, cookie):
        return None
    for one in (f"{kind}_no_cache", f"{kind}_cache_bypass"):
        place.level.effective(one).require()
    told = f"{quoted(ignored.value.text)} makes nginx store pages of Django and give them to others"
    return _Fault(ignored.value, (cache.value,), Severity.HIGH, told)


def _spares_sessions(place: DjangoPlace, kind: str, cookie: str) -> bool:
    """A condition, or the key of the cache, depends on the session cookie (or on something that nobody can follow)."""
    level = place.level
    if _names_cookie(place, level.effective(f"{kind}_cache_key").text or "", cookie):
        return True
    lines = (*level.effective(f"{kind}_no_cache").values, *level.effective(f"{kind}_cache_bypass").values)
    words = [word for line in lines for word in line.args]
    return any(_names_cookie(place, word, cookie) or _is_set_elsewhere(place, word) for word in words)


def _names_cookie(place: DjangoPlace, text: str, cookie: str) -> bool:
    wanted = {f"cookie_{cookie}", "http_cookie"}
    maps = place.configuration.maps
    sources = [maps[name].source for name in _NAME.findall(text) if name in maps]
    return any(name in wanted for one in (text, *sources) for name in _NAME.findall(one))


def _is_set_elsewhere(place: DjangoPlace, text: str) -> bool:
    """A variable that ``set``, or a module, fills: by what, cannot be told."""
    return any(
        not name.startswith("cookie_") and not _HARMLESS.match(f"${name}") and name not in place.configuration.maps
        for name in _NAME.findall(text)
    )


def _announced(place: DjangoPlace) -> _Fault | None:
    """The proxy itself says that pages may be kept."""
    level = place.level
    for line in level.effective("add_header").values:
        words = re.split(r"[\s,]+", line.arg(1).lower())
        if line.arg(0).lower() == "cache-control" and "public" in words and "no-store" not in words:
            return _Fault(line, (), Severity.MEDIUM, f"{quoted(line.text)} lets shared caches keep pages of Django")
    expires = level.effective("expires").value
    if expires is not None and re.match(r"(\+?[1-9]|max|modified|@)", expires.text.removeprefix("expires ")):
        told = f"{quoted(expires.text)} lets caches keep pages of Django"
        return _Fault(expires, (), Severity.MEDIUM, told)
    return None


def _replayed(
    fault: _Fault, places: list[DjangoPlace], nginx: Nginx, replay: CacheReplay | None
) -> tuple[CachePair, ...] | None:
    """What the live stack showed of these places: pairs that prove it, none that could tell, or None: it is refuted."""
    if replay is None or not any(place.configuration is nginx.main for place in places):
        return ()
    asked = [pair for pair in replay.pairs if any(place.is_at(pair.location) for place in places)]
    stored = fault.severity is Severity.HIGH
    shared = tuple(pair for pair in asked if pair.same_body or pair.same_cookie or (pair.public and not stored))
    return shared if shared or not asked else None


def _finding(fault: _Fault, places: list[DjangoPlace], seen: tuple[CachePair, ...]) -> Finding:
    evidence = [Evidence(fault.line.text, fault.line.location)]
    evidence += [Evidence(line.text, line.location) for line in fault.evidence]
    evidence += [Evidence(exchange_text(one, *_SHOWN)) for pair in seen[:2] for one in pair.exchanges[:2]]
    return Finding(
        message=f"{fault.told} ({', '.join(dict.fromkeys(quoted(place.location.title) for place in places[:4]))}).",
        location=fault.line.location,
        symbol=places[0].location.symbol,
        evidence=tuple(evidence),
        proof=Proof.PROVEN if seen else Proof.INFERRED,
        severity=fault.severity,
    )

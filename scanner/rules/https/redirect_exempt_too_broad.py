"""An exception from the redirect to https takes in more than it should.

## Why is this bad
Django searches each expression of `SECURE_REDIRECT_EXEMPT` anywhere in the path. What one of them matches is answered
in plain text: an expression without its `^` and `$` takes in logins and the administration, an empty one everything.

## Bad
    SECURE_REDIRECT_EXEMPT = [r"health", r"^admin"]

## Good
    SECURE_REDIRECT_EXEMPT = [r"^healthz$"]

## References
- https://docs.djangoproject.com/en/stable/ref/settings/#secure-redirect-exempt
- CWE-319
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass

from scanner.facts.app_servers import AppServers
from scanner.facts.edge import django_places, plain_sockets
from scanner.facts.exchange_text import exchange_text
from scanner.facts.nginx import Nginx
from scanner.facts.plain_http import PlainAnswer, PlainHttp
from scanner.facts.redirects import django_redirects
from scanner.facts.settings import Settings, Urlconf
from scanner.facts.settings_place import booted, require_decided, settings_place
from scanner.facts.settings_source import SettingsSource
from scanner.model import Evidence, Finding, NotApplicable, Proof, Severity, UnknownValue, quoted, rule
from scanner.nginx.patterns import search

_NAME = "SECURE_REDIRECT_EXEMPT"
_MACHINES = re.compile(
    r"health|live(?:ness|z)?\b|ready|ping|heartbeat|status|metrics|probe|monitor|well-known|acme|webhook|callback|hook",
    re.IGNORECASE,
)
"""Routes that programs ask for, which often cannot be told to use https."""
_FEWEST = 3


@dataclass(frozen=True)
class _Broad:
    """An expression, and what it takes in."""

    expression: str
    matched: tuple[str, ...]


@rule(severity=Severity.MEDIUM)
def check(
    settings: Settings,
    source: SettingsSource | None,
    urlconf: Urlconf | None,
    nginx: Nginx | None,
    servers: AppServers | None,
    plain: PlainHttp | None,
) -> Iterator[Finding]:
    expressions = settings.strings(_NAME)
    require_decided(settings, _NAME)
    if not expressions:
        return
    if not django_redirects(settings):
        raise NotApplicable("Django redirects nothing: SECURE_REDIRECT_EXEMPT has no effect")
    unknown = ""
    covered = _edge_redirects(nginx, servers, settings)
    for expression in expressions:
        if search(expression, "") is None:
            unknown = unknown or expression
            continue
        matched = tuple(_matched(expression, settings, urlconf))
        answers = _answers(expression, plain)
        served = [one for one in answers if not one.redirects_to_https]
        if matched and (served or not answers):
            yield _finding(_Broad(expression, matched), settings, source, served, covered=covered)
    if unknown:
        raise UnknownValue(f"what {unknown!r} of {_NAME} matches: it may take too long to try")


def _matched(expression: str, settings: Settings, urlconf: Urlconf | None) -> Iterator[str]:
    """What an expression takes in that people use, in words."""
    if search(expression, ""):
        yield "the home page"
    admins = urlconf.admin_prefixes if urlconf is not None else ("/admin/",)
    yield from (quoted(one) for one in admins if search(expression, one.lstrip("/")))
    login = settings.value("LOGIN_URL")
    logins = [login] if isinstance(login, str) and login.startswith("/") else []
    logins += [one for one in (urlconf.login_paths if urlconf is not None else ()) if one not in logins]
    yield from (quoted(one) for one in logins if search(expression, one.lstrip("/")))
    routes = [one.pattern for one in urlconf.routes if not _MACHINES.search(one.pattern)] if urlconf is not None else []
    found = [one for one in routes if search(expression, one)]
    if len(found) >= _FEWEST and len(found) * 10 > len(routes):
        yield f"{len(found)} of {len(routes)} routes, such as {quoted('/' + found[0])}"


def _answers(expression: str, plain: PlainHttp | None) -> list[PlainAnswer]:
    """What Django answered over plain HTTP on paths that the expression matches."""
    return [
        one
        for one in (plain.answers if plain is not None else ())
        if one.by_app
        and one.status is not None
        and one.status < 400
        and search(expression, one.target.partition("?")[0].lstrip("/"))
    ]


def _edge_redirects(nginx: Nginx | None, servers: AppServers | None, settings: Settings) -> bool:
    """The proxy sends every plain request to https before Django sees it."""
    if nginx is None or not django_places(nginx.main, servers, settings):
        return False
    return all(
        nginx.main.redirects_everything_to_https(server)
        for server in nginx.main.servers
        if nginx.main.is_choosable(server) and plain_sockets(nginx.main, server)
    )


def _finding(
    broad: _Broad, settings: Settings, source: SettingsSource | None, served: list[PlainAnswer], *, covered: bool
) -> Finding:
    return Finding(
        message=f"{quoted(broad.expression)} in `{_NAME}` exempts {', '.join(broad.matched[:4])} from the redirect to "
        f"https.",
        location=settings_place(settings, source, _NAME),
        symbol=f"settings.{_NAME} {broad.expression}",
        evidence=(
            booted(settings, source, _NAME),
            *(Evidence(exchange_text(one.exchange, "Location")) for one in served[:2]),
        ),
        proof=Proof.PROVEN if served else Proof.INFERRED,
        severity=Severity.LOW if covered and not served else Severity.MEDIUM,
    )

"""What the settings claim and what is seen from outside differ.

## Why is this bad
The settings are told by the project's own process. Where the running site shows something else than they say, and no
line of the proxy explains it, the process tells one thing to who asks and does another, or some code changes behind the
settings' back. What was judged by the settings then says nothing about the site.

## Bad
    booted settings: DEBUG = False
    GET https://shop.example/missing -> 404 with Django's debug page

## Good
    booted settings: DEBUG = False
    GET https://shop.example/missing -> 404 with the site's own page

## References
- https://docs.djangoproject.com/en/stable/topics/settings/
- CWE-345
"""

from collections.abc import Iterator
from dataclasses import dataclass

from scanner.facts.app_servers import AppServers
from scanner.facts.echo_host import EchoHost
from scanner.facts.edge import DjangoPlace, all_django_places
from scanner.facts.error_pages import ErrorPages
from scanner.facts.exchange_text import exchange_text
from scanner.facts.header_survey import HeaderSurvey, KindHeaders, MadeBy
from scanner.facts.nginx import Nginx
from scanner.facts.redirects import SECURITY_MIDDLEWARE
from scanner.facts.sent_headers import HSTS, django_hsts, hidden, place_of_answer
from scanner.facts.set_cookies import CookiePurpose, CookieSeen, SetCookies
from scanner.facts.settings import Settings
from scanner.facts.settings_place import booted, settings_place
from scanner.facts.settings_source import SettingsSource
from scanner.model import Evidence, Finding, LayerMissing, Proof, Severity, UnknownValue, quoted, rule

_COOKIES = (
    ("SESSION_COOKIE_SECURE", CookiePurpose.SESSION, "secure", "Secure"),
    ("SESSION_COOKIE_HTTPONLY", CookiePurpose.SESSION, "http_only", "HttpOnly"),
    ("CSRF_COOKIE_SECURE", CookiePurpose.CSRF, "secure", "Secure"),
    ("CSRF_COOKIE_HTTPONLY", CookiePurpose.CSRF, "http_only", "HttpOnly"),
)
_COOKIE_LINES = (
    "proxy_cookie_flags",
    "proxy_cookie_path",
    "proxy_hide_header",
    "uwsgi_hide_header",
    "more_clear_headers",
)
_ERROR_LINES = ("proxy_intercept_errors", "uwsgi_intercept_errors", "grpc_intercept_errors")


@dataclass(frozen=True)
class _Claims:
    """What the settings say."""

    settings: Settings
    source: SettingsSource | None
    places: tuple[DjangoPlace, ...]

    def decided(self, name: str) -> bool:
        """The deployment, and neither the scanner nor an example, decides the setting."""
        return name not in self.settings.injected and name not in self.settings.samples

    def finding(self, name: str, seen: str, evidence: str) -> Finding:
        """The pair."""
        value = self.settings.value(name)
        return Finding(
            message=f"`{name}` is {quoted(repr(value))} in {quoted(self.settings.module)}, but {seen}: the settings do "
            f"not tell what the site does.",
            location=settings_place(self.settings, self.source, name),
            symbol=f"settings.{name}",
            evidence=(booted(self.settings, self.source, name), Evidence(evidence)),
            proof=Proof.PROVEN,
        )


@rule(severity=Severity.CRITICAL)
def check(
    settings: Settings,
    source: SettingsSource | None,
    nginx: Nginx | None,
    servers: AppServers | None,
    pages: ErrorPages | None,
    cookies: SetCookies | None,
    survey: HeaderSurvey | None,
    echo: EchoHost | None,
) -> Iterator[Finding]:
    if pages is None and cookies is None and survey is None:
        raise LayerMissing("the site was not seen from outside")
    claims = _Claims(settings, source, all_django_places(nginx, servers, settings))
    parts = [
        _debug(claims, pages) if pages is not None else (),
        _cookie_flags(claims, cookies) if cookies is not None else (),
        _hsts(claims, survey, echo) if survey is not None and echo is not None else (),
    ]
    unknown: UnknownValue | None = None
    for part in parts:
        try:
            yield from part
        except UnknownValue as error:
            unknown = error
    if unknown is not None:
        raise unknown


def _debug(claims: _Claims, pages: ErrorPages) -> Iterator[Finding]:
    if not claims.decided("DEBUG"):
        return
    page = pages.debug_page
    if page is not None and not claims.settings.value("DEBUG"):
        markers = ", ".join(page.debug_markers)
        yield claims.finding(
            "DEBUG", "an error shows Django's debug page", f"{exchange_text(page.exchange)} with {markers}"
        )
    if page is None and claims.settings.value("DEBUG"):
        # A page of the project's own may answer what is not found; what a view raises has no other way to be seen.
        raised = next((one for one in pages.pages if one.trigger == "boom" and one.status >= 500), None)
        if raised is None:
            return
        if _says(claims.places, _ERROR_LINES, "on") or not _only_djangos(claims.settings):
            raise UnknownValue("who makes the error page: the proxy and the project's middleware may")
        yield claims.finding("DEBUG", "an error shows no debug page", exchange_text(raised.exchange))


def _only_djangos(settings: Settings) -> bool:
    """No middleware of somebody else can turn an exception, or an answer, into another answer."""
    return all(one.path.startswith("django.") for one in settings.middleware)


def _says(places: tuple[DjangoPlace, ...], names: tuple[str, ...], value: str = "") -> bool:
    """A line of the proxy that holds at a Django location may explain the difference."""
    lines = [line for place in places for name in names for line in place.level.effective(name).values]
    unknown = any(place.level.effective(name).unknown for place in places for name in names)
    return unknown or any(not value or line.arg(0) == value for line in lines)


def _cookie_flags(claims: _Claims, cookies: SetCookies) -> Iterator[Finding]:
    """A flag that the settings promise and that the cookie lacks."""
    for name, purpose, flag, word in _COOKIES:
        if not claims.settings.value(name) or not claims.decided(name):
            continue
        # Django deletes a cookie without its flags.
        bare = [one for one in cookies.of(purpose) if not _has(one, flag) and one.max_age != 0]
        if not bare:
            continue
        if _says(claims.places, _COOKIE_LINES) or not _only_djangos(claims.settings):
            raise UnknownValue(f"who takes {word} from the cookie: the proxy and the project's middleware may")
        seen = f"the cookie {quoted(bare[0].name)} is sent without `{word}`"
        yield claims.finding(name, seen, exchange_text(bare[0].exchange, "set-cookie"))


def _has(cookie: CookieSeen, flag: str) -> bool:
    return cookie.secure if flag == "secure" else cookie.http_only


def _hsts(claims: _Claims, survey: HeaderSurvey, echo: EchoHost) -> Iterator[Finding]:
    """A policy that the settings promise and that an answer lacks, although Django sees https there."""
    name = "SECURE_HSTS_SECONDS"
    first = next((one.path for one in claims.settings.middleware), "")
    if django_hsts(claims.settings) is None or first != SECURITY_MIDDLEWARE or not claims.decided(name):
        return
    for answer in survey.of("page"):
        if answer.made_by is not MadeBy.DJANGO or answer.values(HSTS) or not _is_secure(answer, echo):
            continue
        place = place_of_answer(answer, list(claims.places))
        if place is None or hidden(place.level, HSTS) is None:
            yield claims.finding(name, f"an answer over https has no `{HSTS}`", exchange_text(answer.exchange, HSTS))
            return


def _is_secure(answer: KindHeaders, echo: EchoHost) -> bool:
    """Django sees that requests to the same location come by https."""
    seen = [one for one in echo.answers if one.door == answer.door and one.location == answer.location]
    return bool(seen) and all(one.secure is True for one in seen)

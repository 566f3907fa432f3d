"""Other sites' requests carry the session or CSRF cookie.

## Why is this bad
`SameSite=Lax` keeps a cookie out of requests that another site starts: the second wall against forged requests and
against guessing a user's state from outside. `"None"` takes it down, `None` and `False` leave it to the browser.

## Bad
    SESSION_COOKIE_SAMESITE = "None"

## Good
    SESSION_COOKIE_SAMESITE = "Lax"

## References
- https://docs.djangoproject.com/en/stable/ref/settings/#session-cookie-samesite
- CWE-1275
"""

from collections.abc import Iterator
from dataclasses import dataclass

from scanner.facts.exchange_text import exchange_text
from scanner.facts.sent_headers import CSP, FRAMES, django_header, frame_ancestors
from scanner.facts.set_cookies import CookiePurpose, CookieSeen, SetCookies
from scanner.facts.settings import Settings
from scanner.facts.settings_place import booted, require_decided, settings_place
from scanner.facts.settings_source import SettingsSource
from scanner.model import Evidence, Finding, NotApplicable, Proof, Severity, quoted, rule
from scanner.rules.cookies._cookie_flags import has_csrf_cookie, has_sessions, literal_fix

_LOGINS = (
    *("djangosaml2", "django_saml2_auth", "saml2_pro_auth", "onelogin", "pylti1p3", "lti_provider", "lti_tool"),
    *("allauth.socialaccount.providers.saml", "allauth.socialaccount.providers.apple"),
)


@dataclass(frozen=True)
class _Cookie:
    setting: str
    secure: str
    purpose: CookiePurpose
    words: str


_SESSION = _Cookie("SESSION_COOKIE_SAMESITE", "SESSION_COOKIE_SECURE", CookiePurpose.SESSION, "session cookie")
_CSRF = _Cookie("CSRF_COOKIE_SAMESITE", "CSRF_COOKIE_SECURE", CookiePurpose.CSRF, "CSRF cookie")


@rule(severity=Severity.MEDIUM)
def check(settings: Settings, source: SettingsSource | None, cookies: SetCookies | None) -> Iterator[Finding]:
    used = [one for one, is_used in ((_SESSION, has_sessions), (_CSRF, has_csrf_cookie)) if is_used(settings)]
    if not used:
        raise NotApplicable("neither sessions nor CSRF cookies are in use")
    for one in used:
        require_decided(settings, one.setting)
    open_ones = [one for one in used if _is_open(settings, one) and not _is_closed_outside(one, cookies)]
    if open_ones:
        yield _finding(settings, source, open_ones, cookies)


def _is_open(settings: Settings, cookie: _Cookie) -> bool:
    value = settings.value(cookie.setting)
    known = cookie.setting in settings.values
    return known and (not value or (isinstance(value, str) and value.lower() == "none"))


def _received(cookie: _Cookie, cookies: SetCookies | None) -> tuple[CookieSeen, ...]:
    return cookies.of(cookie.purpose) if cookies is not None else ()


def _is_closed_outside(cookie: _Cookie, cookies: SetCookies | None) -> bool:
    """The edge adds what Django does not send."""
    received = _received(cookie, cookies)
    return bool(received) and all((one.same_site or "none").lower() in {"lax", "strict"} for one in received)


def _finding(
    settings: Settings, source: SettingsSource | None, cookies: list[_Cookie], seen: SetCookies | None
) -> Finding:
    first = cookies[0]
    answers = [one for cookie in cookies for one in _received(cookie, seen)]
    evidence = [booted(settings, source, one.setting) for one in cookies]
    evidence += [Evidence(exchange_text(one.exchange, "set-cookie")) for one in answers[:2]]
    insecure = [one for one in cookies if settings.value(one.setting) and not settings.value(one.secure)]
    names = " and ".join(quoted(f"{one.setting} = {settings.value(one.setting)!r}") for one in cookies)
    told = f"{names}: the {' and the '.join(one.words for one in cookies)} may travel with requests of other sites"
    if insecure:
        told += "; without `Secure`, browsers drop a cookie with `SameSite=None`"
    asked_for = all(settings.value(one.setting) for one in cookies) and not insecure and _is_embedded(settings)
    return Finding(
        message=f"{told}.",
        location=settings_place(settings, source, first.setting),
        symbol=f"settings.{first.setting}",
        evidence=tuple(evidence),
        proof=Proof.PROVEN if answers and seen is not None and not seen.assumed_edge else Proof.INFERRED,
        severity=Severity.LOW if asked_for else Severity.MEDIUM,
        fix=literal_fix(source, first.setting, '"Lax"') if len(cookies) == 1 else None,
    )


def _is_embedded(settings: Settings) -> bool:
    """Other sites are meant to use this one: by frames, by CORS with credentials, or by logins that come as a POST."""
    cors = settings.cors
    if cors is not None and cors.credentials and not cors.allow_all and (cors.origins or cors.regexes):
        return True
    if any(settings.has_app(one) for one in _LOGINS):
        return True
    ancestors = frame_ancestors(django_header(settings, CSP) or "")
    if ancestors is not None:
        return any(one not in {"'none'", "'self'"} for one in ancestors)
    return django_header(settings, FRAMES) not in {"DENY", "SAMEORIGIN"}

"""Scripts of a page can read the session cookie.

## Why is this bad
Without `HttpOnly`, one injected script takes the session along and uses it from anywhere, long after the page is
closed.

## Bad
    SESSION_COOKIE_HTTPONLY = False

## Good
    SESSION_COOKIE_HTTPONLY = True     # Django's default: leave the setting out

## References
- https://docs.djangoproject.com/en/stable/ref/settings/#session-cookie-httponly
- CWE-1004
"""

from collections.abc import Iterator

from scanner.facts.exchange_text import exchange_text
from scanner.facts.nginx import Nginx
from scanner.facts.set_cookies import CookiePurpose, SetCookies
from scanner.facts.settings import Settings
from scanner.facts.settings_place import booted, require_decided, settings_place
from scanner.facts.settings_source import SettingsSource
from scanner.model import Evidence, Finding, NotApplicable, Proof, Severity, UnknownValue, quoted, rule
from scanner.rules.cookies._cookie_flags import has_sessions, literal_fix, proxy_adds

_NAME = "SESSION_COOKIE_HTTPONLY"


@rule(severity=Severity.HIGH)
def check(
    settings: Settings, source: SettingsSource | None, nginx: Nginx | None, cookies: SetCookies | None
) -> Iterator[Finding]:
    if not has_sessions(settings):
        raise NotApplicable("sessions are not in use")
    received = cookies.of(CookiePurpose.SESSION) if cookies is not None else ()
    if settings.value(_NAME):
        require_decided(settings, _NAME)
        return
    if received and all(one.http_only for one in received):
        return
    require_decided(settings, _NAME)
    bare = [one for one in received if not one.http_only]
    if not bare and proxy_adds(nginx, "httponly"):
        raise UnknownValue("the proxy rewrites cookies; nobody has seen whether the session cookie gets HttpOnly")
    proven = bool(bare) and cookies is not None and not cookies.assumed_edge
    yield Finding(
        message=f"The session cookie {quoted(settings.value('SESSION_COOKIE_NAME'))} is sent without `HttpOnly`: "
        f"{quoted(_NAME)} is false, so scripts can read it.",
        location=settings_place(settings, source, _NAME),
        symbol=f"settings.{_NAME}",
        evidence=(
            booted(settings, source, _NAME),
            *(Evidence(exchange_text(one.exchange, "set-cookie")) for one in bare[:2]),
        ),
        proof=Proof.PROVEN if proven else Proof.INFERRED,
        fix=literal_fix(source, _NAME, "True"),
    )

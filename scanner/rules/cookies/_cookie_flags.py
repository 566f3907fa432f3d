"""What the rules about the flags of cookies share."""

from collections.abc import Iterator
from dataclasses import dataclass

from scanner.facts.exchange_text import exchange_text
from scanner.facts.header_survey import HeaderSurvey
from scanner.facts.nginx import Nginx
from scanner.facts.set_cookies import CookiePurpose, SetCookies
from scanner.facts.settings import Settings
from scanner.facts.settings_place import booted, require_decided, settings_place
from scanner.facts.settings_source import Origin, SettingsSource
from scanner.model import Evidence, Finding, Fix, Proof, Severity, UnknownValue, quoted

_YEAR = 31_536_000
SESSION_MIDDLEWARE = "django.contrib.sessions.middleware.SessionMiddleware"
CSRF_MIDDLEWARE = "django.middleware.csrf.CsrfViewMiddleware"


@dataclass(frozen=True)
class Cookie:
    """One cookie of Django and the setting that decides its Secure flag."""

    setting: str
    purpose: CookiePurpose
    words: str
    """``session cookie``."""
    name_setting: str


@dataclass(frozen=True)
class Seen:
    """The facts that decide."""

    settings: Settings
    source: SettingsSource | None
    nginx: Nginx | None
    cookies: SetCookies | None
    survey: HeaderSurvey | None


def insecure(cookie: Cookie, seen: Seen) -> Iterator[Finding]:
    """The finding that a cookie in use lacks Secure.

    Raises UnknownValue when an invented value decides, or when the proxy may add the flag and nobody has seen it.
    """
    settings = seen.settings
    received = seen.cookies.of(cookie.purpose) if seen.cookies else ()
    if settings.value(cookie.setting):
        # A truthy value that is not True works as well; that the cookie really has the flag is told elsewhere.
        require_decided(settings, cookie.setting)
        return
    if received and all(one.secure for one in received):
        return
    require_decided(settings, cookie.setting)
    bare = [one for one in received if not one.secure]
    if not bare and proxy_adds(seen.nginx, "secure"):
        raise UnknownValue(f"the proxy rewrites cookies; nobody has seen whether the {cookie.words} gets Secure")
    evidence = [booted(settings, seen.source, cookie.setting)]
    evidence += [Evidence(exchange_text(one.exchange, "set-cookie")) for one in bare[:2]]
    name = settings.value(cookie.name_setting)
    hsts = seen.survey is not None and _strict_transport(seen.survey)
    yield Finding(
        message=f"The {cookie.words} {quoted(name)} is sent without `Secure`: `{cookie.setting}` is false, so browsers "
        f"send it over plain HTTP, too.",
        location=settings_place(settings, seen.source, cookie.setting),
        symbol=f"settings.{cookie.setting}",
        evidence=tuple(evidence),
        proof=_proof(seen, bare=bool(bare)),
        severity=Severity.MEDIUM if hsts else Severity.HIGH,
        fix=literal_fix(seen.source, cookie.setting, "True"),
    )


def _proof(seen: Seen, *, bare: bool) -> Proof:
    return Proof.PROVEN if bare and seen.cookies and not seen.cookies.assumed_edge else Proof.INFERRED


def proxy_adds(nginx: Nginx | None, flag: str) -> bool:
    """Whether a directive somewhere in the configuration gives cookies of the application that flag (lower case)."""
    if nginx is None:
        return False
    for configuration in nginx.configurations:
        for server in configuration.servers:
            for level in (server, *server.locations):
                flags = level.effective("proxy_cookie_flags").values
                paths = [one for one in level.effective("proxy_cookie_path").values if flag in one.text.lower()]
                if paths or any(flag in one.text.lower() for one in flags):
                    return True
    return False


def _strict_transport(survey: HeaderSurvey) -> bool:
    """HSTS of a year or more, for all hosts below, on every https answer."""
    answers = [one for one in survey.seen if one.door.scheme == "https"]
    policies = [one.hsts()[0] if one.hsts() else None for one in answers]
    return bool(policies) and all(
        policy is not None and policy.valid and (policy.max_age or 0) >= _YEAR and policy.include_subdomains
        for policy in policies
    )


def literal_fix(source: SettingsSource | None, name: str, value: str) -> Fix | None:
    """Another literal in place of a setting's; None where the assignment is not one plain line of its own."""
    winner = source.winner(name) if source else None
    if winner is None or winner.origin is not Origin.LITERAL or winner.guard or winner.location.column != 1:
        return None
    line = winner.location.line
    if winner.location.end_line not in {None, line}:
        return None
    return Fix(winner.location.path, line, line, (f"{name} = {value}",))


def has_sessions(settings: Settings) -> bool:
    """Whether sessions are in use: the middleware, or at least the application."""
    return settings.has_middleware(SESSION_MIDDLEWARE) or settings.has_app("django.contrib.sessions")


def has_csrf_cookie(settings: Settings) -> bool:
    """Whether the CSRF token travels in a cookie of its own."""
    return settings.has_middleware(CSRF_MIDDLEWARE) and not settings.value("CSRF_USE_SESSIONS")

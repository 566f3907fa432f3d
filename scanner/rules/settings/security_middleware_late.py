"""SecurityMiddleware comes after a middleware that answers requests.

## Why is this bad
What answers before it is reached goes out without the redirect to https and without its headers: WhiteNoise serves
files over plain HTTP, a maintenance page lacks HSTS and nosniff.

## Bad
    MIDDLEWARE = ["whitenoise.middleware.WhiteNoiseMiddleware", "django.middleware.security.SecurityMiddleware"]

## Good
    MIDDLEWARE = ["django.middleware.security.SecurityMiddleware", "whitenoise.middleware.WhiteNoiseMiddleware"]

## References
- https://docs.djangoproject.com/en/stable/ref/middleware/#middleware-ordering
- CWE-693
"""

from collections.abc import Iterator
from dataclasses import dataclass

from scanner.facts.exchange_text import exchange_text
from scanner.facts.header_survey import HeaderSurvey, KindHeaders, MadeBy
from scanner.facts.plain_http import PlainAnswer, PlainHttp, PlainKind
from scanner.facts.redirects import SECURITY_MIDDLEWARE, django_redirects
from scanner.facts.sent_headers import HSTS, NOSNIFF, django_header
from scanner.facts.settings import MiddlewareClass, Settings
from scanner.facts.settings_place import require_decided, settings_place
from scanner.facts.settings_source import SettingsSource
from scanner.model import Evidence, Exchange, Finding, Proof, Severity, quoted, rule

_NAME = "MIDDLEWARE"
_WHITENOISE = "whitenoise.middleware.WhiteNoiseMiddleware"
_ANSWERING = (
    _WHITENOISE,
    "django.middleware.cache.FetchFromCacheMiddleware",
    "django.middleware.cache.CacheMiddleware",
    "django.middleware.locale.LocaleMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.flatpages.middleware.FlatpageFallbackMiddleware",
    "django.contrib.redirects.middleware.RedirectFallbackMiddleware",
)
_MEASURING = (
    *("corsheaders.", "django_prometheus.", "log_request_id.", "request_id.", "django_guid.", "sentry_sdk.", "csp."),
    *("django.middleware.gzip.", "django.middleware.csp.", "django.middleware.cache.UpdateCacheMiddleware", "asgi_cor"),
    *("django_structlog.", "elasticapm.", "opentelemetry.", "ddtrace.", "newrelic.", "django_permissions_policy."),
    *("aws_xray_sdk.", "scout_apm.", "debug_toolbar.", "silk.", "querycount.", "opencensus.", "django_datadog"),
)
"""These add headers or measure: what they answer by themselves (preflights) carries nothing."""
_SILENT = ("django.contrib.sessions.", "django.contrib.auth.", "django.contrib.messages.", "django.middleware.")


@dataclass(frozen=True)
class _Seen:
    """What the live stack shows of the answers that an early middleware makes."""

    fault: tuple[Exchange, str] | None = None
    refuted: bool = False


@rule(severity=Severity.MEDIUM)
def check(
    settings: Settings, source: SettingsSource | None, survey: HeaderSurvey | None, plain: PlainHttp | None
) -> Iterator[Finding]:
    earlier = _before_security(settings)
    able = [one for one in earlier if _answers(one)]
    doubtful = [one for one in earlier if _answers(one) is None]
    first = next(iter(able or doubtful), None)
    if first is None:
        return
    require_decided(settings, _NAME)
    seen = _seen(first, settings, survey, plain)
    if seen.refuted:
        return
    place = settings_place(settings, source, _NAME)
    order = ", ".join([*(one.path for one in earlier), SECURITY_MIDDLEWARE])
    evidence = [Evidence(f"MIDDLEWARE begins with {order}", place)]
    if seen.fault is not None:
        evidence.append(Evidence(f"{exchange_text(seen.fault[0], HSTS, NOSNIFF)} ({seen.fault[1]})"))
    yield Finding(
        message=f"{quoted(first.path)} stands before `SecurityMiddleware`: what it answers gets neither the redirect "
        f"to https nor the security headers.",
        location=place,
        symbol=f"settings.{_NAME} {first.path}",
        evidence=tuple(evidence),
        proof=Proof.PROVEN if seen.fault is not None else Proof.INFERRED,
        severity=Severity.MEDIUM if able else Severity.LOW,
    )


def _before_security(settings: Settings) -> list[MiddlewareClass]:
    """The entries before it, without those that add headers or measure; empty where it is missing."""
    if not settings.has_middleware(SECURITY_MIDDLEWARE):
        return []
    found: list[MiddlewareClass] = []
    for entry in settings.middleware:
        if entry.is_a(SECURITY_MIDDLEWARE):
            break
        if not entry.path.startswith(_MEASURING):
            found.append(entry)
    return found


def _answers(entry: MiddlewareClass) -> bool | None:
    """Whether it can answer by itself. None: nobody can tell, or only in a rare case; False: it surely does not."""
    if any(entry.is_a(one) for one in _ANSWERING):
        return True
    if entry.path.startswith(_SILENT):
        return None
    return entry.answers


def _seen(entry: MiddlewareClass, settings: Settings, survey: HeaderSurvey | None, plain: PlainHttp | None) -> _Seen:
    """Only WhiteNoise's answers can be told from the rest: they are the files that Django's process serves."""
    if not entry.is_a(_WHITENOISE):
        return _Seen()
    files = [one for one in survey.of("static") if one.made_by is MadeBy.DJANGO] if survey else []
    served = _served_plainly(settings, plain)
    for one in files:
        lost = _lost(one, settings)
        if lost:
            return _Seen((one.exchange, f"no {' and no '.join(lost)}"))
    for answer in served:
        if answer.status == 200:
            return _Seen((answer.exchange, "not redirected to https"))
    by_edge = survey is not None and bool(survey.of("static")) and not files
    return _Seen(refuted=bool(files) or by_edge)


def _served_plainly(settings: Settings, plain: PlainHttp | None) -> list[PlainAnswer]:
    answers = plain.answers if plain and django_redirects(settings) else ()
    return [one for one in answers if one.kind is PlainKind.STATIC and one.by_app]


def _lost(answer: KindHeaders, settings: Settings) -> list[str]:
    return [name for name in (NOSNIFF, HSTS) if django_header(settings, name) and not answer.values(name)]

"""SecurityMiddleware is not installed.

## Why is this bad
Without it none of the `SECURE_*` settings has an effect: no redirect to https, no HSTS, no nosniff, no referrer policy,
whatever the settings say.

## Bad
    MIDDLEWARE = ["django.middleware.common.CommonMiddleware"]
    SECURE_SSL_REDIRECT = True

## Good
    MIDDLEWARE = ["django.middleware.security.SecurityMiddleware", "django.middleware.common.CommonMiddleware"]

## References
- https://docs.djangoproject.com/en/stable/ref/middleware/#module-django.middleware.security
- CWE-693
"""

from collections.abc import Iterator

from scanner.facts.exchange_text import exchange_text
from scanner.facts.header_survey import HeaderSurvey, KindHeaders, MadeBy
from scanner.facts.plain_http import PlainHttp
from scanner.facts.redirects import SECURITY_MIDDLEWARE
from scanner.facts.sent_headers import HSTS, NOSNIFF, REFERRER
from scanner.facts.settings import Settings
from scanner.facts.settings_place import require_decided, settings_place
from scanner.facts.settings_source import SettingsSource
from scanner.model import Evidence, Finding, Proof, Severity, quoted, rule

_NAME = "MIDDLEWARE"
_HEADERS = (HSTS, NOSNIFF, REFERRER)


@rule(severity=Severity.MEDIUM)
def check(
    settings: Settings, source: SettingsSource | None, survey: HeaderSurvey | None, plain: PlainHttp | None
) -> Iterator[Finding]:
    if settings.has_middleware(SECURITY_MIDDLEWARE):
        return
    require_decided(settings, _NAME)
    pages = [one for one in survey.of("page", "home", "login") if one.made_by is not MadeBy.PROXY] if survey else []
    lacking = next((one for one in pages if _missing(one)), None)
    place = settings_place(settings, source, _NAME)
    without = sorted(name for name in settings.explicit if name.startswith("SECURE_") and settings.value(name))
    evidence = [Evidence(f"MIDDLEWARE of {settings.module} has no {SECURITY_MIDDLEWARE}", place)]
    evidence += [Evidence("security.W001 of check --deploy")]
    evidence += [
        Evidence(f"{name} is set and has no effect", settings_place(settings, source, name)) for name in without
    ]
    if lacking is not None:
        evidence.append(
            Evidence(f"{exchange_text(lacking.exchange, *_HEADERS)} (no {', no '.join(_missing(lacking))})")
        )
    covered = bool(pages) and lacking is None and _edge_redirects(plain)
    yield Finding(
        message=_message(settings, without),
        location=place,
        symbol=f"settings.{_NAME}",
        evidence=tuple(evidence),
        proof=Proof.PROVEN if lacking is not None else Proof.INFERRED,
        severity=Severity.LOW if covered else Severity.MEDIUM,
    )


def _missing(page: KindHeaders) -> list[str]:
    return [name for name in _HEADERS if not page.values(name)]


def _edge_redirects(plain: PlainHttp | None) -> bool:
    return plain is not None and all(one.redirects_to_https or one.refused for one in plain.answers)


def _message(settings: Settings, without: list[str]) -> str:
    if not without:
        return f"`SecurityMiddleware` is not in `MIDDLEWARE` of {quoted(settings.module)}."
    names = ", ".join(f"`{name}`" for name in without[:4]) + (" and others" if len(without) > 4 else "")
    return f"`SecurityMiddleware` is not in `MIDDLEWARE` of {quoted(settings.module)}: {names} have no effect."

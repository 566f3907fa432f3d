"""Error reports carry what Django would have hidden.

## Why is this bad
A report holds the settings, local variables, cookies and form fields of the request that failed. It goes by mail or to
another company; whoever reads it there can use the passwords and sessions in it.

## Bad
    "mail_admins": {"class": "django.utils.log.AdminEmailHandler", "include_html": True}

## Good
    "mail_admins": {"class": "django.utils.log.AdminEmailHandler"}

## References
- https://docs.djangoproject.com/en/stable/howto/error-reporting/#filtering-sensitive-information
- CWE-532, CWE-209
"""

from collections.abc import Iterator

from scanner.facts.error_trackers import ErrorTrackers
from scanner.facts.logging_setup import mail_handlers
from scanner.facts.settings import Settings
from scanner.facts.settings_place import nested_place, settings_place
from scanner.facts.settings_source import SettingsSource
from scanner.model import Evidence, Finding, Severity, quoted, rule

_FILTER = "DEFAULT_EXCEPTION_REPORTER_FILTER"
_WHAT = {
    "send_default_pii": "users' names, addresses and cookies",
    "debug": "its own debug output",
}


@rule(severity=Severity.HIGH)
def check(settings: Settings, source: SettingsSource | None, trackers: ErrorTrackers | None) -> Iterator[Finding]:
    yield from _filter(settings, source)
    yield from _mails(settings, source)
    for option in trackers.options if trackers else ():
        yield Finding(
            message=f"The error tracker is started with `{option.name}=True`: it writes or sends {_WHAT[option.name]}.",
            location=option.location,
            symbol=f"sentry_sdk.init {option.name}",
            evidence=(Evidence(f"sentry_sdk.init(…, {option.name}=True)", option.location),),
            severity=Severity.MEDIUM,
        )


def _filter(settings: Settings, source: SettingsSource | None) -> Iterator[Finding]:
    """The class that takes secrets out of reports takes none out."""
    found = settings.report_filter
    if found is None or _FILTER in settings.injected:
        return
    never = found.active is False and not settings.value("DEBUG")  # while it is on, Django's own is not active either
    if not never and found.cleanses is not False:
        return
    why = "is never active" if never else "hides no setting, not even one called a password"
    place = settings_place(settings, source, _FILTER)
    yield Finding(
        message=f"{quoted(found.path)} {why}: error reports hold settings, cookies and form fields as they are.",
        location=place,
        symbol=f"settings.{_FILTER}",
        evidence=(Evidence(f"asked in the booted process: {found.path} {why}", place),),
    )


def _mails(settings: Settings, source: SettingsSource | None) -> Iterator[Finding]:
    """HTML mails hold the whole debug page."""
    if not settings.value("ADMINS") and "ADMINS" not in settings.injected:
        return  # nobody gets one
    for handler in mail_handlers(settings):
        if not handler.html:
            continue
        place = nested_place(settings, source, f"{handler.path}.include_html")
        yield Finding(
            message=f"The handler {quoted(handler.name)} mails errors as HTML: the whole debug page with local "
            f"variables and settings.",
            location=place,
            symbol=f"settings.{handler.path}",
            evidence=(Evidence(f"{handler.path}: include_html = True", place),),
            severity=Severity.MEDIUM,
        )

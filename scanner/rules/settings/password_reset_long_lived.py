"""A link that resets a password works for longer than three days.

## Why is this bad
The link alone opens the account. It stays in mailboxes, in logs and in browser histories; the longer it works, the
more often somebody else finds it in time.

## Bad
    PASSWORD_RESET_TIMEOUT = 60 * 60 * 24 * 30

## Good
    PASSWORD_RESET_TIMEOUT = 60 * 60

## References
- https://docs.djangoproject.com/en/stable/ref/settings/#password-reset-timeout
- CWE-640
"""

from collections.abc import Iterator

from scanner.facts.settings import Route, Settings, Urlconf
from scanner.facts.settings_place import booted, literal_fix, require_decided, settings_place
from scanner.facts.settings_source import SettingsSource
from scanner.model import Evidence, Finding, Severity, UnknownValue, quoted, rule

_NAME = "PASSWORD_RESET_TIMEOUT"
_THREE_DAYS = 259200
_DAY = 86400


@rule(severity=Severity.LOW)
def check(settings: Settings, source: SettingsSource | None, urls: Urlconf | None) -> Iterator[Finding]:
    seconds = settings.value(_NAME)
    if not isinstance(seconds, int) or isinstance(seconds, bool) or seconds <= _THREE_DAYS:
        return
    require_decided(settings, _NAME)
    if urls is None:
        raise UnknownValue("whether a password can be reset by mail: the URL configuration is not known")
    route = next((one for one in urls.routes if _resets(one)), None)
    if route is None:
        return
    yield Finding(
        message=f"Links that reset a password work for {seconds // _DAY} days in {quoted(settings.module)}.",
        location=settings_place(settings, source, _NAME),
        symbol=f"settings.{_NAME}",
        evidence=(booted(settings, source, _NAME), Evidence(f"/{route.pattern} leads to {route.view}")),
        fix=literal_fix(source, _NAME, f"{_NAME} = {_THREE_DAYS}"),
    )


def _resets(route: Route) -> bool:
    name = f"{route.name} {route.view}".lower().replace("_", "")
    return "passwordreset" in name or "resetpassword" in name

"""A deployment check of Django, or of a package, has something to say.

## Why is this bad
`manage.py check --deploy` prints its warnings and exits 0: what it says is easily lost. Messages that no other rule
here decides with the proxy and the live site beside it are passed on as they are.

## Bad
    (async.E001) You should not set the DJANGO_ALLOW_ASYNC_UNSAFE environment variable in deployment.

## Good
    System check identified no issues (0 silenced).

## References
- https://docs.djangoproject.com/en/stable/ref/checks/
- CWE-1188
"""

from collections.abc import Iterator

from scanner.facts.settings import CheckMessage, CheckMessages, Settings
from scanner.facts.settings_place import settings_place
from scanner.facts.settings_source import SettingsSource
from scanner.model import Evidence, Finding, Severity, clean_block, quoted, rule
from scanner.rules.settings._check_owners import OWNERS
from scanner.rules.settings._implemented import implemented

WARNING = 30
ERROR = 40
_ABOUT_CODE = (
    "models.",
    "fields.",
    "admin.",
    "urls.",
    "templates.",
    "auth.",
    "contenttypes.",
    "sites.",
    "drf_spectacular.",
)


@rule(severity=Severity.MEDIUM)
def check(checks: CheckMessages, settings: Settings, source: SettingsSource | None) -> Iterator[Finding]:
    by_id: dict[str, list[CheckMessage]] = {}
    for message in checks.messages:
        if _concerns_us(message) and not _about_a_placeholder(message, settings):
            by_id.setdefault(message.function if message.crashed else message.id, []).append(message)
    for identity, messages in sorted(by_id.items()):
        yield _finding(identity, messages, settings, source)


def _concerns_us(message: CheckMessage) -> bool:
    if message.silenced:
        # The project has decided about it; what a rule owns is judged there all the same.
        return False
    if message.crashed:
        return message.deploy or "security" in message.tags
    if message.id in OWNERS and implemented(OWNERS[message.id]):
        return False
    if message.level >= ERROR:
        return True
    if message.id.startswith(_ABOUT_CODE):
        return False
    return message.deploy or "security" in message.tags


def _about_a_placeholder(message: CheckMessage, settings: Settings) -> bool:
    """It complains of a database (or another service) that the scanner put there."""
    about_databases = "database" in message.tags or message.id.startswith(("mysql.", "postgres.", "databases."))
    return about_databases and any(name == "DATABASES" for name in settings.injected)


def _finding(identity: str, messages: list[CheckMessage], settings: Settings, source: SettingsSource | None) -> Finding:
    first = messages[0]
    if first.crashed:
        severity = Severity.LOW
        text = f"The check {quoted(identity)} raised {quoted(first.text)}: what it looks at was not checked."
    else:
        severity = Severity.MEDIUM if first.level >= ERROR else _below_error(first.level)
        text = f"{quoted(identity)} of `check --deploy`: {quoted(first.text)}"
    evidence = [
        Evidence(clean_block(f"{one.id or identity}: {one.text} {one.hint}".strip(), 1000)) for one in messages[:5]
    ]
    return Finding(
        message=text,
        location=settings_place(settings, source, "INSTALLED_APPS" if not _setting(first) else _setting(first)),
        symbol=identity,
        evidence=tuple(evidence),
        severity=severity,
    )


def _below_error(level: int) -> Severity:
    return Severity.LOW if level >= WARNING else Severity.INFO


def _setting(message: CheckMessage) -> str:
    """The first setting that the message names, by its capital letters."""
    for word in message.text.replace("'", " ").replace('"', " ").replace("`", " ").split():
        bare = word.strip(".,;:()[]")
        if bare.isupper() and "_" in bare:
            return bare
    return ""

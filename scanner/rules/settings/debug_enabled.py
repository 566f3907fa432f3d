"""DEBUG is on in production.

## Why is this bad
With `DEBUG` on, every error shows the settings, the source around it and local variables to whoever caused it, and
Django keeps every SQL query in memory.

## Bad
    DEBUG = bool(os.environ.get("DEBUG", default=0))   # bool("0") is True

## Good
    DEBUG = os.environ.get("DEBUG") == "1"

## References
- https://docs.djangoproject.com/en/stable/ref/settings/#debug
- https://docs.djangoproject.com/en/stable/howto/deployment/checklist/#debug
- CWE-489, CWE-215
"""

import re
from collections.abc import Iterator

from scanner.facts.boot_plan import BootPlan
from scanner.facts.error_pages import ErrorPages
from scanner.facts.exchange_text import exchange_text
from scanner.facts.settings import Settings
from scanner.facts.settings_source import Assignment, Origin, SettingsSource
from scanner.model import Evidence, Finding, Fix, Location, Proof, Severity, UnknownValue, quoted, rule

_FALSE_WORDS = frozenset({"0", "false", "no", "off", "f", "n", "none"})
_PRODUCTION = frozenset({"prod", "production"})


@rule(severity=Severity.CRITICAL)
def check(
    settings: Settings, source: SettingsSource | None, plan: BootPlan | None, pages: ErrorPages | None
) -> Iterator[Finding]:
    value = settings.value("DEBUG")
    if not value:
        return
    if "DEBUG" in settings.injected:
        raise UnknownValue(f"DEBUG comes from {settings.injected['DEBUG']}, which the repository does not tell")
    winner = source.winner("DEBUG") if source else None
    if "DEBUG" in settings.samples and not _sample_counts(settings.samples["DEBUG"], plan):
        raise UnknownValue(f"DEBUG is true in an example file only: {settings.samples['DEBUG']} decides it")
    if pages is not None and pages.debug_page is None and _answered(pages):
        # The settings say one thing and the site another: that is told as a mismatch, not as this fault.
        return
    yield _finding(settings, winner, pages)


def _sample_counts(name: str, plan: BootPlan | None) -> bool:
    """An example file is judged where it is production's, or says that DEBUG is off and is read as on."""
    variable = plan.variable(name) if plan else None
    if variable is None:
        return False
    place = variable.location.path if variable.location else ""
    return variable.value.strip().lower() in _FALSE_WORDS or not _PRODUCTION.isdisjoint(
        re.split(r"[^a-z]+", place.lower())
    )


def _misread(winner: Assignment | None) -> bool:
    """The text becomes a truth value by `bool()`, so that "0" and "False" are true."""
    return winner is not None and winner.cast == "bool"


def _answered(pages: ErrorPages) -> bool:
    return bool(pages.pages) and not pages.not_asked


def _finding(settings: Settings, winner: Assignment | None, pages: ErrorPages | None) -> Finding:
    place = winner.location if winner else Location(settings.module_path or "manage.py")
    evidence = [Evidence(f"booted settings: DEBUG = {settings.value('DEBUG')!r} ({settings.module})", place)]
    page = pages.debug_page if pages else None
    if page is not None:
        evidence.append(Evidence(f"{exchange_text(page.exchange)} with {', '.join(page.debug_markers)}"))
    return Finding(
        message=_message(settings, winner),
        location=place,
        symbol="settings.DEBUG",
        evidence=tuple(evidence),
        proof=Proof.PROVEN if page is not None else Proof.INFERRED,
        fix=_fix(winner),
    )


def _message(settings: Settings, winner: Assignment | None) -> str:
    module = quoted(settings.module)
    value = settings.value("DEBUG")
    if isinstance(value, str) and value.lower() in _FALSE_WORDS:
        return f"`DEBUG` is the text {quoted(value)} in {module}: a text that is not empty is true."
    if winner is not None and winner.variable is not None:
        variable = quoted(winner.variable)
        if _misread(winner):
            return (
                f"`DEBUG` is true: {module} reads {variable} through `bool()`, and every text but the empty one is "
                f"true, `0` and `False` too."
            )
        if winner.origin is Origin.ENV_DEFAULT and winner.variable not in settings.environment_names:
            return f"`DEBUG` is true when {variable} is not set, and nothing in the deployment sets it."
        return f"`DEBUG` is true: the deployment's {variable} switches it on in {module}."
    return f"`DEBUG` is true in {module}."


def _fix(winner: Assignment | None) -> Fix | None:
    if winner is None or winner.origin is not Origin.LITERAL or winner.literal != "True" or winner.guard:
        return None
    line = winner.location.line
    if winner.location.column != 1 or winner.location.end_line not in {None, line}:
        return None
    return Fix(winner.location.path, line, line, ("DEBUG = False",))

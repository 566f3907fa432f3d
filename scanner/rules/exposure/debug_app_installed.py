"""A debugging application is part of production.

## Why is this bad
It records requests with their cookies and SQL, shows settings and source, or reloads code: what helps a developer
helps everybody who finds its page.

## Bad
    INSTALLED_APPS = ["silk", "shop"]

## Good
    if DEBUG:
        INSTALLED_APPS += ["silk"]

## References
- https://docs.djangoproject.com/en/stable/howto/deployment/checklist/
- CWE-489
"""

from collections.abc import Iterator

from scanner.facts.settings import Settings, Urlconf
from scanner.facts.settings_place import require_decided, settings_place
from scanner.facts.settings_source import SettingsSource
from scanner.model import Evidence, Finding, Severity, quoted, rule

_PACKAGES = {
    "silk": Severity.HIGH,
    "django_browser_reload": Severity.HIGH,
    "django_pdb": Severity.HIGH,
    "debug_toolbar": Severity.MEDIUM,
    "django_extensions": Severity.LOW,
}
_TOOLBAR = "debug_toolbar"
_PLAIN_SEQUENCES = frozenset({"list", "tuple", "set", "frozenset"})


@rule(severity=Severity.HIGH)
def check(settings: Settings, source: SettingsSource | None, urls: Urlconf | None) -> Iterator[Finding]:
    for package, severity in _PACKAGES.items():
        apps = [one for one in settings.installed_apps if _belongs(one, package)]
        middleware = [one.path for one in settings.middleware if _belongs(one.path, package)]
        routes = [one for one in (urls.routes if urls else ()) if _belongs(one.view, package)]
        if not apps and not middleware and not routes:
            continue
        name = "INSTALLED_APPS" if apps else "MIDDLEWARE" if middleware else "ROOT_URLCONF"
        require_decided(settings, name)
        place = settings_place(settings, source, name)
        evidence = [Evidence(f"booted settings: INSTALLED_APPS holds {one}", place) for one in apps[:1]]
        where = settings_place(settings, source, "MIDDLEWARE")
        evidence += [Evidence(f"booted settings: MIDDLEWARE holds {one}", where) for one in middleware[:2]]
        evidence += [Evidence(f"/{one.pattern} leads to {one.view}") for one in routes[:2]]
        for_all = package == _TOOLBAR and _shown_to_everybody(settings)
        if for_all:
            evidence.append(Evidence("its callback, or INTERNAL_IPS, lets every request see it"))
        yield Finding(
            message=f"{quoted(package)} is part of production ({quoted(settings.module)}): {_what(package)}.",
            location=place,
            symbol=f"settings.{name} {package}",
            evidence=tuple(evidence),
            severity=Severity.HIGH if for_all else severity,
        )


def _belongs(dotted: str, package: str) -> bool:
    return dotted == package or dotted.startswith(f"{package}.")


def _shown_to_everybody(settings: Settings) -> bool:
    """By its callback, or by a list of addresses that is none: an object that holds all of them."""
    if settings.toolbar_for_all:
        return True
    entry = settings.values.get("INTERNAL_IPS")
    return entry is not None and entry.type not in _PLAIN_SEQUENCES


def _what(package: str) -> str:
    return {
        "silk": "it keeps requests with their headers and bodies, and shows them",
        "django_browser_reload": "it keeps connections open and reloads pages",
        "django_pdb": "it opens a debugger",
        "debug_toolbar": "it shows settings, SQL and templates to whom its callback lets",
    }.get(package, "its commands and views are for development")

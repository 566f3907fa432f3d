"""Django itself serves files in production.

## Why is this bad
`django.views.static.serve` was made for development: it checks nothing, sends whatever lies in its directory, and
keeps a worker busy with each download.

## Bad
    re_path(r"^media/(?P<path>.*)$", serve, {"document_root": settings.MEDIA_ROOT})

## Good
    urlpatterns += static(settings.MEDIA_URL, document_root=settings.MEDIA_ROOT)     # only while DEBUG is true

## References
- https://docs.djangoproject.com/en/stable/howto/static-files/deployment/
- CWE-552
"""

import posixpath
from collections.abc import Iterator

from scanner.facts.project_paths import project_prefix
from scanner.facts.repository import Repository
from scanner.facts.serve_calls import ServeCalls
from scanner.facts.settings import Route, Settings, Urlconf
from scanner.model import Evidence, Finding, Location, NotApplicable, Severity, quoted, rule

_SERVE = "django.views.static.serve"
_STATICFILES = "django.contrib.staticfiles.views.serve"


@rule(severity=Severity.HIGH)
def check(
    settings: Settings, urlconf: Urlconf, calls: ServeCalls | None, repository: Repository | None
) -> Iterator[Finding]:
    if settings.value("DEBUG"):
        raise NotApplicable("DEBUG is on: that is another finding")
    for route in urlconf.routes:
        insecure = route.view == _STATICFILES and calls is not None and calls.insecure(route.pattern)
        if insecure or (route.view == _SERVE and not route.login_required):
            yield _finding(route, settings, calls, repository)


def _finding(route: Route, settings: Settings, calls: ServeCalls | None, repository: Repository | None) -> Finding:
    root = route.document_root
    listed = " and lists its directories" if route.show_indexes else ""
    code = root is not None and _holds_code(root, settings, repository)
    told = ", where the project's code lies" if code else ""
    location = calls.place_of(route.pattern) if calls is not None else None
    return Finding(
        message=f"Django serves {quoted(root or 'files')} below {quoted('/' + route.pattern)}{told}{listed}.",
        location=location or Location(settings.module_path or "manage.py"),
        symbol=f"route {route.pattern}",
        evidence=(
            Evidence(f"URL configuration: /{route.pattern} is {route.view}", location),
            Evidence(f"document_root is {root}") if root is not None else Evidence("document_root is not known"),
        ),
        severity=Severity.HIGH if code or route.show_indexes else Severity.MEDIUM,
    )


def _holds_code(root: str, settings: Settings, repository: Repository | None) -> bool:
    """A directory that is the project or one of its packages."""
    base = settings.base_dir
    if not base:
        return False
    path = posixpath.normpath(posixpath.join(base, root))
    base = posixpath.normpath(base)
    if base == path or base.startswith(f"{path.rstrip('/')}/"):
        return True
    if not path.startswith(f"{base}/"):
        return False
    tracked = repository.tracked if repository is not None else frozenset()
    inside = f"{project_prefix(settings, tracked)}{path[len(base) + 1 :]}/"
    return any(one.startswith(inside) and one.endswith((".py", ".env")) for one in tracked)

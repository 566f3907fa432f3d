"""Uploads, static files and code share a directory or an address.

## Why is this bad
What users upload becomes part of the site's own files, and what belongs to the project can be fetched or overwritten
like an upload.

## Bad
    STATIC_ROOT = BASE_DIR / "static"
    MEDIA_ROOT = BASE_DIR / "static" / "uploads"

## Good
    STATIC_ROOT = BASE_DIR / "static"
    MEDIA_ROOT = BASE_DIR / "media"

## References
- https://docs.djangoproject.com/en/stable/ref/settings/#media-root
- https://docs.djangoproject.com/en/stable/topics/security/#user-uploaded-content
- CWE-434, CWE-552
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from urllib.parse import urlsplit

from scanner.facts.project_paths import Where, project_prefix, where_of
from scanner.facts.repository import Repository
from scanner.facts.settings import Settings
from scanner.facts.settings_place import booted, require_decided, settings_place
from scanner.facts.settings_source import SettingsSource
from scanner.model import Finding, NotApplicable, Severity, UnknownValue, quoted, rule

_LOCAL = ("django.core.files.storage.", "django.contrib.staticfiles.", "whitenoise.", "pipeline.storage.")
_CODE = frozenset(
    {"__init__.py", "manage.py", "settings.py", "urls.py", "models.py", "views.py", "apps.py", "wsgi.py", "asgi.py"}
)


@dataclass(frozen=True)
class _Root:
    """One directory of the settings that holds files of one kind."""

    name: str
    where: Where


@dataclass(frozen=True)
class _Tree:
    """The tracked files."""

    tracked: tuple[str, ...]
    prefix: str
    """The project's directory in the checkout, with a final slash; empty for the checkout itself."""


@dataclass(frozen=True)
class _Fault:
    names: tuple[str, ...]
    """Settings, the one to edit first."""
    told: str
    severity: Severity = Severity.HIGH
    more: str = ""
    """Of the symbol, where one setting has several faults."""


@rule(severity=Severity.HIGH)
def check(settings: Settings, source: SettingsSource | None, repository: Repository | None) -> Iterator[Finding]:
    static, media = _root(settings, "STATIC_ROOT", "staticfiles"), _root(settings, "MEDIA_ROOT", "default")
    sources = [path for path in settings.strings("STATICFILES_DIRS") if path.startswith("/")]
    if static is None and media is None and not sources:
        raise NotApplicable("no files are kept on the site's own disk")
    tree = _tree(settings, repository)
    code = [*_with_code(settings, tree, (static, media))]
    named = {fault.names[0] for fault in code}
    # Separate directories make separate addresses possible: one finding for both.
    shared = [fault for fault in _shared(static, media) if fault.names[0] not in named]
    faults = [*code, *(shared or ([] if named else _addresses(settings))), *_sources(settings, tree, sources)]
    undecided: UnknownValue | None = None
    for fault in faults:
        try:
            for name in fault.names:
                require_decided(settings, name)
        except UnknownValue as error:
            undecided = undecided or error
            continue
        yield Finding(
            message=f"{fault.told}.",
            location=settings_place(settings, source, fault.names[0]),
            symbol=f"settings.{fault.names[0]}{fault.more}",
            evidence=tuple(booted(settings, source, name) for name in fault.names),
            severity=fault.severity,
        )
    if undecided is not None:
        raise undecided


def _tree(settings: Settings, repository: Repository | None) -> _Tree:
    tracked = tuple(sorted(repository.tracked)) if repository is not None else ()
    return _Tree(tracked, project_prefix(settings, tracked))


def _root(settings: Settings, name: str, alias: str) -> _Root | None:
    """A directory on the site's own disk; None where the files are kept elsewhere."""
    value = settings.value(name)
    if not isinstance(value, str) or not value.startswith("/") or not settings.is_set(name):
        return None
    storages = settings.value("STORAGES")
    entry = storages.get(alias) if isinstance(storages, Mapping) else None
    backend = str(entry.get("BACKEND", "")) if isinstance(entry, Mapping) else ""
    legacy = settings.value("STATICFILES_STORAGE" if alias == "staticfiles" else "DEFAULT_FILE_STORAGE")
    backend = legacy if isinstance(legacy, str) and legacy else backend
    if backend and not backend.startswith(_LOCAL):
        return None
    return _Root(name, where_of(value, settings, None))


def _shared(static: _Root | None, media: _Root | None) -> Iterator[_Fault]:
    if static is None or media is None:
        return
    names = (media.name, static.name)
    if static.where == media.where:
        yield _Fault(names, "Uploads and static files lie in the same directory")
    elif static.where.holds(media.where):
        yield _Fault(names, "Uploads lie among the static files")
    elif media.where.holds(static.where):
        yield _Fault(names, "The static files lie among the uploads")


def _with_code(settings: Settings, tree: _Tree, roots: tuple[_Root | None, ...]) -> Iterator[_Fault]:
    """A root that holds the project itself, or a package or template of it."""
    for root in roots:
        if root is None:
            continue
        what = "uploads" if root.name == "MEDIA_ROOT" else "static files"
        if root.where == Where(inside=True, path=".") or _is_above(root.where, settings):
            yield _Fault(
                (root.name,), f"{quoted(root.name)} is the project's own directory: its code lies among {what}"
            )
        elif root.where.inside:
            code = _code_in(root.where.path, tree, templates=True)
            if code:
                yield _Fault((root.name,), f"{quoted(root.name)} holds {quoted(code)}: code lies among {what}")


def _is_above(where: Where, settings: Settings) -> bool:
    base = settings.base_dir
    return not where.inside and base is not None and where.holds(Where(inside=False, path=base.rstrip("/") or "/"))


def _code_in(directory: str, tree: _Tree, *, templates: bool = False) -> str:
    """A tracked file of the project below a directory that must not be served; empty where there is none."""
    inside = f"{tree.prefix}{directory}/"
    found = (
        one for one in tree.tracked if one.startswith(inside) and _is_code(one[len(inside) :], templates=templates)
    )
    return next(found, "")


def _is_code(path: str, *, templates: bool) -> bool:
    """A module of Django, an environment file, a database or a template; scripts in packages of others are none."""
    *directories, name = path.split("/")
    if "node_modules" in directories:
        return False
    if name in _CODE or name.startswith(".env") or name.endswith(".sqlite3"):
        return True
    return templates and "templates" in directories and name.endswith(".html")


def _addresses(settings: Settings) -> Iterator[_Fault]:
    if not settings.is_set("MEDIA_URL") or not settings.value("MEDIA_ROOT"):
        return
    static, media = _address(settings.value("STATIC_URL")), _address(settings.value("MEDIA_URL"))
    if static is None or media is None or static[0] != media[0]:
        return
    if media[1].startswith(static[1]) or static[1].startswith(media[1]):
        told = f"{quoted(settings.value('MEDIA_URL'))} and {quoted(settings.value('STATIC_URL'))} are one address"
        yield _Fault(("MEDIA_URL", "STATIC_URL"), f"{told}: uploads answer as static files do", Severity.MEDIUM)


def _address(url: object) -> tuple[str, str] | None:
    if not isinstance(url, str) or not url:
        return None
    try:
        parts = urlsplit(url)
    except ValueError:
        return None
    path = f"/{parts.path.strip('/')}/"
    return parts.netloc.lower(), "/" if path == "//" else path


def _sources(settings: Settings, tree: _Tree, paths: list[str]) -> Iterator[_Fault]:
    """A directory from which ``collectstatic`` copies, with files in it that must not be public."""
    name = "STATICFILES_DIRS"
    for path in paths:
        where = where_of(path, settings, None)
        if not where.inside:
            continue
        if where.path == ".":
            yield _Fault(
                (name,), f"{quoted(name)} holds the project's own directory: its code becomes public", more=" ."
            )
            continue
        code, more = _code_in(where.path, tree), f" {where.path}"
        if where.path.rpartition("/")[2] == "node_modules":
            yield _Fault(
                (name,), f"{quoted(name)} holds {quoted(where.path)}: every package's files become public", more=more
            )
        elif code:
            yield _Fault((name,), f"{quoted(name)} holds {quoted(code)}, which becomes public", more=more)

"""Files that matter to the deployment and that whoever reads the checkout does not get to see."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import PurePosixPath
from typing import Final

from scanner.facts.settings_choice import SettingsChoice
from scanner.model import Location, provider
from scanner.project import Project, Unreadable

_NAMES: Final = re.compile(
    r"(?:settings|local_settings|gunicorn(?:\.conf|_config|\.config)?|wsgi|asgi)\.py$"
    r"|nginx.*|.*\.(?:service|socket|timer|nginx)|(?:docker-)?compose[\w.\-]*\.ya?ml|Dockerfile.*|.*\.Dockerfile"
    r"|Procfile|Caddyfile|uwsgi\.ini|supervisord?\.conf|\.env(?:\..+)?|requirements[\w.\-]*\.txt|pyproject\.toml"
    r"|(?:uv|poetry|Pipfile|pdm)\.lock|Pipfile|fly\.toml|render\.ya?ml|app\.json|sshd_config"
)
_PLACES: Final = re.compile(
    r"(?:^|/)(?:settings|deploy(?:ment)?|nginx|systemd|sites-(?:available|enabled)|conf\.d|ansible|infra(?:structure)?"
    r"|provision(?:ing)?|terraform|ops)(?:/|$)"
)
_SUFFIXES: Final = frozenset({".py", ".conf", ".yml", ".yaml", ".sh", ".toml", ".ini", ".env", ".j2", ".template", ""})
_NOT_DEPLOYED: Final = frozenset(
    {"test", "tests", "testing", "doc", "docs", "example", "examples", "sample", "samples", "assets", "static", "media"}
)
_POINTER: Final = "version https://git-lfs.github.com/spec/"
_POINTER_BYTES: Final = 1024
_SUBMODULE_PATH: Final = re.compile(r"\s*path\s*=\s*(?P<path>\S+)\s*$")
_MAX_FILE: Final = 64 * 1024
_MAX_PATTERN: Final = 200


@dataclass(frozen=True)
class HiddenFile:
    """One of them."""

    path: str
    how: str
    """``symlink``, ``submodule``, ``lfs`` or ``export-ignore``."""
    location: Location
    """The line, or file, that hides it."""


@dataclass(frozen=True)
class HiddenFiles:
    """All of them, in the order of their paths."""

    files: tuple[HiddenFile, ...]


@provider()
def hidden_files(project: Project, choice: SettingsChoice | None) -> HiddenFiles:
    """What a link, a submodule, a pointer or an attribute keeps from readers of the repository."""
    settings = choice.path if choice is not None else None
    found = [
        *(HiddenFile(path, "symlink", Location(path)) for path in project.checkout.leaving_symlinks),
        *_submodules(project),
        *_pointers(project, settings),
        *_ignored(project, settings),
    ]
    mattering = [one for one in found if one.how == "submodule" or matters(one.path, settings)]
    return HiddenFiles(tuple(sorted(mattering, key=lambda one: (one.path, one.how))))


def matters(path: str, settings: str | None = None) -> bool:
    """Whether a file says how the project is deployed: by its name, or by its place and kind."""
    if path == settings:
        return True
    parts = PurePosixPath(path).parts
    if not _NOT_DEPLOYED.isdisjoint(part.lower() for part in parts):
        return False
    name = parts[-1] if parts else ""
    return _NAMES.fullmatch(name) is not None or (
        _PLACES.search(path) is not None and PurePosixPath(name).suffix.lower() in _SUFFIXES
    )


def _submodules(project: Project) -> Iterator[HiddenFile]:
    """Submodules whose path says that they hold deployment files: nothing of a submodule is read."""
    for number, line in _lines(project, ".gitmodules"):
        found = _SUBMODULE_PATH.match(line)
        if found is None:
            continue
        path = found["path"].strip('"').rstrip("/")
        if _PLACES.search(f"{path}/") and _NOT_DEPLOYED.isdisjoint(path.lower().split("/")):
            yield HiddenFile(path, "submodule", Location(".gitmodules", number))


def _pointers(project: Project, settings: str | None) -> Iterator[HiddenFile]:
    for path in project.files:
        if not matters(path, settings):
            continue
        try:
            text = project.read_text(path, _POINTER_BYTES)
        except Unreadable:
            continue  # a pointer is a small text
        if text.startswith(_POINTER):
            yield HiddenFile(path, "lfs", Location(path))


def _ignored(project: Project, settings: str | None) -> Iterator[HiddenFile]:
    """What ``export-ignore`` leaves out of archives. A pattern without a slash fits a name at any depth (gitignore)."""
    wanted = [path for path in project.files if matters(path, settings)]
    for attributes in project.by_name.get(".gitattributes", ()):
        base = attributes.rpartition("/")[0]
        for number, line in _lines(project, attributes):
            pattern, *words = line.split() or [""]
            if "export-ignore" not in words or pattern.startswith("#") or len(pattern) > _MAX_PATTERN:
                continue
            for path in wanted:
                inner = path.removeprefix(f"{base}/") if base else path
                if (not base or path.startswith(f"{base}/")) and _fits(pattern, inner):
                    yield HiddenFile(path, "export-ignore", Location(attributes, number))


def _fits(pattern: str, path: str) -> bool:
    """Whether a pattern takes a file, or a directory above it."""
    expression = pattern.strip("/").removesuffix("/**").removeprefix("**/")
    anchored = not pattern.startswith("**/") and "/" in pattern.rstrip("/")
    parts = path.split("/")
    above = ["/".join(parts[:end]) for end in range(1, len(parts) + 1)]
    return any(
        PurePosixPath("/" + one if anchored else one).match(("/" if anchored else "") + expression) for one in above
    )


def _lines(project: Project, path: str) -> Iterator[tuple[int, str]]:
    if not project.exists(path):
        return
    try:
        text = project.read_text(path, _MAX_FILE)
    except Unreadable:
        return
    yield from enumerate(text.splitlines(), start=1)

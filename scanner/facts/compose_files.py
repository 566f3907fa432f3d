"""Which compose files are started together, and which set is production's."""

import posixpath
import re
from dataclasses import dataclass

from scanner.facts.yaml_nodes import Mapping, YamlProblem, parse_yaml
from scanner.model import ScopeClass
from scanner.project import Project, Unreadable
from scanner.project.scope import is_compose, tokens

_DEFAULT_NAMES = ("compose.yaml", "compose.yml", "docker-compose.yml", "docker-compose.yaml")
_OVERRIDES = (
    "compose.override.yaml",
    "compose.override.yml",
    "docker-compose.override.yml",
    "docker-compose.override.yaml",
)
_OTHER_NAMES = frozenset({"production", "prod", "local", "staging", "development", "dev", "stack", "swarm", "deploy"})
_SERVICES = re.compile(r"^services:[ \t]*(?:#.*)?$", re.MULTILINE)
_CALL = re.compile(r"docker[ -]compose((?:\s+(?:\\\n\s*)?(?:-f|--file)[ =]?\s*[\"']?[^\s\"']+[\"']?)+)")
_FILE = re.compile(r"(?:-f|--file)[ =]?\s*[\"']?([^\s\"']+)")
_LIST = re.compile(r"^[ \t]*(?:export[ \t]+)?COMPOSE_FILE[ \t]*=[ \t]*[\"']?([^\s\"']+)", re.MULTILINE)
_CALLERS = (
    "Makefile",
    "makefile",
    "*.mk",
    "*.sh",
    "*.bash",
    "*.service",
    "justfile",
    "Taskfile.yml",
    "package.json",
    ".env",
)
_LIMIT = 512 * 1024
_RANK = {ScopeClass.PROD: 0, ScopeClass.UNKNOWN: 1, ScopeClass.DEV: 2, ScopeClass.EXAMPLE: 3}


@dataclass(frozen=True)
class FileSet:
    """Files that are given to Compose together."""

    files: tuple[str, ...]
    directory: str
    """The project directory: that of the first file."""
    called: bool = False
    """A script, a Makefile or a workflow starts exactly these."""


def compose_paths(project: Project) -> tuple[str, ...]:
    """Every file that is a compose file by its name, or by a usual name and a ``services:`` of its own."""
    found = [path for path in project.files if is_compose(path)]
    for path in project.glob("*.yml", "*.yaml"):
        name = path.rpartition("/")[2]
        if is_compose(path) or path.startswith(".github/") or _OTHER_NAMES.isdisjoint(tokens(name)):
            continue
        try:
            text = project.read_text(path, _LIMIT)
        except Unreadable:
            continue
        if _SERVICES.search(text) and re.search(r"^\s+(?:image|build|extends):", text, re.MULTILINE):
            found.append(path)
    return tuple(sorted(found))


def _calls(project: Project, known: frozenset[str]) -> list[tuple[str, ...]]:
    """The ``-f`` lists of scripts, Makefiles and workflows, as paths of the checkout."""
    found: list[tuple[str, ...]] = []
    for path in project.glob(*_CALLERS, ".github/workflows/*.yml", ".github/workflows/*.yaml"):
        try:
            text = project.read_text(path, _LIMIT)
        except Unreadable:
            continue
        lists = [_FILE.findall(match.group(1)) for match in _CALL.finditer(text)] if "compose" in text else []
        lists += [match.group(1).split(":") for match in _LIST.finditer(text)]
        for names in lists:
            resolved = tuple(_resolved(name, path, known) for name in names)
            if resolved and all(resolved):
                found.append(tuple(one for one in resolved if one))
    return list(dict.fromkeys(found))


def _resolved(name: str, caller: str, known: frozenset[str]) -> str | None:
    beside = posixpath.normpath(posixpath.join(posixpath.dirname(caller), name))
    root = posixpath.normpath(name)
    ends = [path for path in known if path.endswith(f"/{root.lstrip('/')}") or path == root]
    if beside in known:
        return beside
    return ends[0] if len(ends) == 1 else None


def _services(project: Project, path: str) -> Mapping | None:
    try:
        tree = parse_yaml(path, project.read_text(path, _LIMIT))
    except (Unreadable, YamlProblem):
        return None
    services = tree.get("services") if isinstance(tree, Mapping) else None
    return services if isinstance(services, Mapping) else None


def stands_alone(project: Project, path: str) -> bool:
    """Whether every service of the file says what it runs, so that no other file must lie below it."""
    services = _services(project, path)
    if services is None:
        return True  # whoever loads it reports what is wrong with it
    return all(
        isinstance(service, Mapping) and any(service.get(key) is not None for key in ("image", "build", "extends"))
        for _, service in services
    )


def file_sets(project: Project) -> tuple[FileSet, ...]:
    """The sets of compose files, production's first.

    Those that something in the repository starts with ``-f`` count as they are. Else a file that stands alone is a set
    of its own, and one that completes a plain ``compose.yml`` beside it is layered on that. An override file is a
    developer's.
    """
    paths = compose_paths(project)
    known = frozenset(paths)
    calls = [call for call in _calls(project, known) if call]
    sets = [FileSet(call, posixpath.dirname(call[0]) or ".", called=True) for call in calls]
    in_calls = {path for call in calls for path in call}
    for path in paths:
        if path in in_calls or path.rpartition("/")[2] in _OVERRIDES:
            continue
        directory = posixpath.dirname(path)
        plain = [posixpath.join(directory, name) for name in _DEFAULT_NAMES if posixpath.join(directory, name) in known]
        layered = plain and path not in plain and not stands_alone(project, path)
        sets.append(FileSet((plain[0], path) if layered else (path,), directory or "."))
    return tuple(sorted(_without_parts(project, sets), key=lambda one: _rank(project, one)))


def _without_parts(project: Project, sets: list[FileSet]) -> list[FileSet]:
    """Without a plain file that is only ever started with production's file over it."""
    over = {one.files[0] for one in sets if len(one.files) > 1 and _class(project, one) is ScopeClass.PROD}
    return [one for one in sets if len(one.files) > 1 or one.called or one.files[0] not in over]


def _class(project: Project, one: FileSet) -> ScopeClass:
    """What the set is for: development as soon as one of its files is; else the last file decides."""
    classes = [project.scope(path).klass for path in one.files]
    if ScopeClass.DEV in classes or ScopeClass.EXAMPLE in classes:
        return ScopeClass.DEV if ScopeClass.DEV in classes else ScopeClass.EXAMPLE
    return ScopeClass.PROD if ScopeClass.PROD in classes else classes[-1]


def _rank(project: Project, one: FileSet) -> tuple[int, int, int, tuple[str, ...]]:
    return (_RANK[_class(project, one)], one.files[0].count("/"), 0 if one.called else 1, one.files)

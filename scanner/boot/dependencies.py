"""What to install so that the production settings load, as the project's own files say."""

import ast
import configparser
import re
import tomllib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from pathlib import PurePosixPath

from scanner.boot.locks import BadLock, Selection, Table, read_lock
from scanner.boot.requirement_files import Flat, read_requirements
from scanner.facts.dockerfiles import Dockerfiles
from scanner.model import Options, quoted
from scanner.project import Project, Unreadable
from scanner.project.scope import tokens

_SMALL = 8 * 1024 * 1024
_LOCKS = ("uv.lock", "poetry.lock", "pdm.lock", "pylock.toml", "Pipfile.lock")
_NOT_PRODUCTION = frozenset(
    {"dev", "devel", "development", "local", "test", "tests", "testing", "ci", "docs", "doc", "lint", "typing", "debug"}
)
_REQUIREMENTS_NAME = r"(?:requirements?/[^/]+|[^/]*requirements?[^/]*|deps?)\.(?:txt|pip|in)"
_SERVERS = ("gunicorn", "uvicorn", "uwsgi", "daphne", "hypercorn", "waitress", "granian")


@dataclass(frozen=True)
class Wanted:
    """The requirements, and why these."""

    lines: tuple[str, ...]
    constraints: tuple[str, ...] = ()
    reason: str = ""
    notes: tuple[str, ...] = ()
    files: tuple[str, ...] = ()

    @property
    def names(self) -> frozenset[str]:
        """Normalised names of what is asked for."""
        return frozenset(name for line in self.lines if (name := name_of(line)))


@dataclass(frozen=True)
class _Line:
    """What a Dockerfile's install command asks for."""

    files: tuple[str, ...] = ()
    selection: Selection = field(default_factory=Selection)
    tool: str = ""
    place: str = ""


def name_of(line: str) -> str:
    """The normalised name of a requirement line; empty where it has none."""
    match = re.match(r"[A-Za-z0-9](?:[\w.-]*[A-Za-z0-9])?", line.strip())
    return re.sub(r"[-_.]+", "-", match.group()).lower() if match else ""


def wanted_dependencies(project: Project, options: Options, dockerfiles: Dockerfiles | None) -> Wanted:
    """What to install, Django always among it, with the reason."""
    found = _said(project, options, dockerfiles)
    if "django" in found.names:
        return found
    lines = list(found.lines)
    for directory in _directories(project):  # a library's own dependencies, beside those of its development
        declared = _declared(project, directory, None)
        if declared and "django" in declared.names:
            lines += declared.lines
            break
    # Something else that is asked for may bring it: then this line changes nothing.
    return replace(found, lines=tuple(dict.fromkeys([*lines, "django"])))


def _said(project: Project, options: Options, dockerfiles: Dockerfiles | None) -> Wanted:
    if options.requirements:
        return _from_files(project, options.requirements, "given with --requirements")
    line = _install_line(project, dockerfiles)
    if line and line.files:
        return _from_files(project, line.files, f"as {line.place} installs it")
    for directory in _directories(project):
        found = (
            _locked(project, directory, line) or _required(project, directory) or _declared(project, directory, line)
        )
        if found:
            return found
    anywhere = sorted(
        (path for path in project.files if re.fullmatch(r"(?:.*/)?requirements[^/]*\.txt", path)),
        key=lambda path: (bool(_NOT_PRODUCTION & tokens(path.rpartition("/")[2])), path.count("/"), path),
    )
    if anywhere:
        return _from_files(project, anywhere[:1], "the only requirements file")
    return Wanted(("django",), reason="no requirements file was found: the newest Django alone")


def with_server(wanted: Wanted, server: str | None) -> Wanted:
    """The same with an app server, where none is among them."""
    if wanted.names & set(_SERVERS):
        return wanted
    name = server if server in _SERVERS else "gunicorn"
    extra = "uvicorn[standard]" if name == "uvicorn" else name
    return Wanted(
        (*wanted.lines, str(extra)), wanted.constraints, wanted.reason,
        (*wanted.notes, f"{name} is not among the dependencies: it was added"), wanted.files,
    )  # fmt: skip


def _directories(project: Project) -> tuple[str, ...]:
    own = PurePosixPath(project.path)
    return tuple(dict.fromkeys([str(own), *(str(parent) for parent in own.parents)]))


def _inside(directory: str, name: str) -> str:
    return name if directory == "." else f"{directory}/{name}"


def _text(project: Project, path: str) -> str | None:
    try:
        return project.read_text(path, _SMALL) if project.exists(path) else None
    except Unreadable:
        return None


def _from_files(project: Project, paths: Sequence[str], why: str) -> Wanted:
    flat = Flat()
    for path in paths:
        read_requirements(project, path.removeprefix("./"), flat)
    lines = list(dict.fromkeys(flat.lines))
    for place in flat.local:
        directory = str(PurePosixPath(flat.files[0]).parent) if flat.files else "."
        if place.rstrip("/") in {".", "..", ".[all]"} or place.startswith((".[", "..")):
            more = _declared(project, directory, None) or _declared(project, ".", None)
            lines.extend(more.lines if more else ())
    names = ", ".join(flat.files[:3])
    return Wanted(
        tuple(dict.fromkeys(lines)), tuple(flat.constraints), f"{names} ({why})", tuple(flat.notes), tuple(flat.files)
    )


def _install_line(project: Project, dockerfiles: Dockerfiles | None) -> _Line | None:
    """What the Dockerfile of the application says about its dependencies."""
    for file in sorted(dockerfiles.files if dockerfiles else (), key=lambda one: (not one.serves_app, one.path)):
        scope = project.scope(file.path).klass
        if scope in {"dev", "example"}:
            continue
        found: list[str] = []
        words: list[str] = []
        tool = place = ""
        for stage in file.stages:
            for instruction in stage.instructions:
                if instruction.keyword != "RUN":
                    continue
                for command in re.split(r"&&|;|\|\||\n", instruction.arguments):
                    kind = _tool(command)
                    if kind:
                        tool, place = kind, str(instruction.location)
                        words.extend(command.split())
                        if kind == "pip":
                            found += _requirement_paths(project, file.path, command)
        if tool:
            return _Line(tuple(dict.fromkeys(found)), _selection(words), tool, place)
    return None


def _tool(command: str) -> str:
    for tool, pattern in (
        ("uv", r"\buv\s+(?:sync|export|run)\b"),
        ("poetry", r"\bpoetry\s+(?:install|export|sync)\b"),
        ("pipenv", r"\bpipenv\s+(?:install|sync|requirements)\b"),
        ("pdm", r"\bpdm\s+(?:install|sync|export)\b"),
        ("pip", r"\bpip[\d.]*\s+(?:install|wheel|download)\b"),
    ):
        if re.search(pattern, command):
            return tool
    return ""


def _requirement_paths(project: Project, dockerfile: str, command: str) -> Iterator[str]:
    for match in re.finditer(r"(?:-r|--requirement)[\s=]*(\S+)", command):
        name = match.group(1).strip("'\"").removeprefix("./")
        parts = PurePosixPath(name.lstrip("/")).parts
        bases = ("", f"{PurePosixPath(dockerfile).parent}/", f"{project.path}/")
        options = [f"{base}{'/'.join(parts[at:])}" for at in range(len(parts)) for base in bases]
        hit = next((str(PurePosixPath(one)) for one in options if project.exists(str(PurePosixPath(one)))), None)
        if hit and not _NOT_PRODUCTION & tokens(PurePosixPath(hit).name):
            yield hit


def _selection(words: list[str]) -> Selection:
    """The extras and groups that the command line names."""
    extras: set[str] = set()
    groups: set[str] = set()
    pairs = [
        (word.partition("=")[0], word.partition("=")[2] or after)
        for word, after in zip(words, [*words[1:], ""], strict=True)
    ]
    for option, value in pairs:
        if option in {"--extra", "-E", "--extras"}:
            extras.update(re.split(r"[,\s]+", value.strip("'\"")))
        elif option in {"--group", "--with", "-G", "--only", "--only-group"}:
            groups.update(re.split(r"[,\s]+", value.strip("'\"")))
    return Selection(
        frozenset(extras), frozenset(groups), all_extras="--all-extras" in words,
        all_groups="--all-groups" in words, only_group="--only-group" in words,
    )  # fmt: skip


def _locked(project: Project, directory: str, line: _Line | None) -> Wanted | None:
    for name in _LOCKS:
        path = _inside(directory, name)
        text = _text(project, path)
        if text is None:
            continue
        manifest = _manifest(project, directory)
        selection = line.selection if line else Selection()
        if line is None or not (selection.extras or selection.groups or selection.all_extras):
            selection = Selection(_production_extras(manifest), _production_groups(manifest), only_group=False)
        try:
            locked = read_lock(name, text, selection, manifest)
        except BadLock:
            continue
        if any(name_of(one) == "django" for one in locked.lines):
            why = f", as {line.place} installs it" if line else ""
            return Wanted(locked.lines, (), f"{path}{why}", locked.notes, (path,))
        # The application's dependencies may stand in a group of their own.
        everything = read_lock(name, text, Selection(all_extras=True, all_groups=True), manifest)
        if any(name_of(one) == "django" for one in everything.lines):
            return Wanted(everything.lines, (), f"{path}, with all its groups", everything.notes, (path,))
    return None


def _manifest(project: Project, directory: str) -> Table:
    text = _text(project, _inside(directory, "pyproject.toml"))
    try:
        return tomllib.loads(text) if text else {}
    except tomllib.TOMLDecodeError:
        return {}


def _table(value: object) -> Table:
    return value if isinstance(value, dict) else {}


def _production_extras(manifest: Table) -> frozenset[str]:
    names = _table(_table(manifest.get("project")).get("optional-dependencies"))
    return frozenset(name for name in names if tokens(name) & {"prod", "production", "deploy", "server", "gunicorn"})


def _production_groups(manifest: Table) -> frozenset[str]:
    names = {**_table(manifest.get("dependency-groups"))}
    poetry = _table(_table(manifest.get("tool")).get("poetry"))
    names |= _table(poetry.get("group"))
    return frozenset(name for name in names if tokens(name) & {"prod", "production", "deploy", "server", "gunicorn"})


def _required(project: Project, directory: str) -> Wanted | None:
    """A requirements file beside the project: the production one, else the plain one."""
    start = re.escape("" if directory == "." else f"{directory}/")
    pattern = re.compile(start + _REQUIREMENTS_NAME)
    paths = [path for path in project.files if pattern.fullmatch(path)]
    ranked = sorted(paths, key=_rank)
    good = [path for path in ranked if _rank(path)[0] < 3]
    if not good:
        return None
    return _from_files(project, good[:1], "for production" if _rank(good[0])[0] == 0 else "the usual file")


def _rank(path: str) -> tuple[int, int, str]:
    said = tokens(path.rpartition("/")[2])
    name = path.rpartition("/")[2]
    if said & {"prod", "production", "deploy", "live"}:
        order = 0
    elif name in {"requirements.txt", "requirement.txt"}:
        order = 1
    elif said & {"base", "common", "main", "app", "default", "web", "core", "full", "lock"}:
        order = 2
    elif said & _NOT_PRODUCTION:
        order = 4
    else:
        order = 2 if path.endswith(".txt") else 3
    return order, path.count("/"), path


def _declared(project: Project, directory: str, line: _Line | None) -> Wanted | None:
    """pyproject.toml, setup.cfg, setup.py, Pipfile: what they declare, without a lock."""
    manifest = _manifest(project, directory)
    declared = _table(manifest.get("project"))
    lines = _strings(declared.get("dependencies"))
    extras = _table(declared.get("optional-dependencies"))
    groups = _table(manifest.get("dependency-groups"))
    selection = line.selection if line else Selection()
    for name in (
        *(selection.extras or _production_extras(manifest)),
        *(selection.groups or _production_groups(manifest)),
    ):
        lines += _strings(extras.get(name)) or _strings(groups.get(name))
    path = _inside(directory, "pyproject.toml")
    if not lines:
        poetry = _table(_table(manifest.get("tool")).get("poetry"))
        lines = list(_poetry(_table(poetry.get("dependencies"))))
    if not lines:
        # An application that is no package may have groups only.
        names = [name for name in groups if not _NOT_PRODUCTION & tokens(name)]
        lines = [one for name in names for one in _strings(groups[name])]
    if not lines:
        lines, path = _setup(project, directory)
    if not any(name_of(one) == "django" for one in lines) and not lines:
        return None
    return Wanted(tuple(lines), (), f"{path} (no lock file)", (), (path,))


def _strings(value: object) -> list[str]:
    return [one for one in value if isinstance(one, str)] if isinstance(value, list) else []


def _poetry(table: Table) -> Iterator[str]:
    for name, given in table.items():
        if name == "python":
            continue
        entry = given if isinstance(given, dict) else {"version": given}
        version = entry.get("version")
        if entry.get("optional") is True or entry.get("path"):
            continue
        yield name + (_caret(version) if isinstance(version, str) else "")


def _caret(said: str) -> str:
    """Poetry's version constraint as one of the packaging standard; empty where it is anything."""
    parts = []
    for part in (one.strip() for one in said.split(",")):
        match = re.fullmatch(r"([\^~]?)\s*=?\s*(\d+(?:\.\d+)*)(?:\.\*)?", part)
        if part == "*":
            continue
        if not match:
            parts.append(part)
            continue
        numbers = match.group(2).split(".")
        if match.group(1) == "^":
            at = next((n for n, one in enumerate(numbers) if one != "0"), len(numbers) - 1)
            parts += [f">={match.group(2)}", "<" + ".".join([*numbers[:at], str(int(numbers[at]) + 1)])]
        elif match.group(1) == "~":
            parts.append(f"~={match.group(2)}.0" if len(numbers) < 3 else f"~={match.group(2)}")
        else:
            parts.append(f"=={match.group(2)}")
    return ",".join(parts)


def _setup(project: Project, directory: str) -> tuple[list[str], str]:
    path = _inside(directory, "setup.cfg")
    text = _text(project, path)
    if text:
        parser = configparser.ConfigParser(interpolation=None, strict=False)
        try:
            parser.read_string(text)
            said = parser.get("options", "install_requires", fallback="")
        except configparser.Error:
            said = ""
        if said.strip():
            return [one.strip() for one in said.splitlines() if one.strip()], path
    path = _inside(directory, "setup.py")
    text = _text(project, path)
    if text:
        return _setup_py(text), path
    path = _inside(directory, "Pipfile")
    text = _text(project, path)
    try:
        packages = _table(tomllib.loads(text).get("packages")) if text else {}
    except tomllib.TOMLDecodeError:
        packages = {}
    return [
        name + (version if isinstance(version, str) and version != "*" else "")
        for name, given in packages.items()
        for version in [given.get("version") if isinstance(given, dict) else given]
    ], path


def _setup_py(text: str) -> list[str]:
    try:
        tree = ast.parse(text)
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return []
    for node in ast.walk(tree):
        if isinstance(node, ast.keyword) and node.arg == "install_requires" and isinstance(node.value, ast.List):
            return [
                one.value for one in node.value.elts if isinstance(one, ast.Constant) and isinstance(one.value, str)
            ]
    return []


def shown(names: Sequence[str]) -> str:
    """Names of packages for a message."""
    return ", ".join(quoted(one) for one in names[:10])

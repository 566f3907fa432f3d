"""Files of platforms that run a command behind a router of their own: Procfile, fly.toml, render.yaml and the like."""

import json
import re
import tomllib
from collections.abc import Iterator

from scanner.facts.artefact import Artefact, Variable
from scanner.facts.commands import Word
from scanner.facts.deploy_paths import PathMap
from scanner.facts.yaml_nodes import Items, Mapping, Node, Scalar, YamlProblem, parse_yaml
from scanner.model import Location
from scanner.project import Project, Unreadable

_PROCFILE = re.compile(r"([A-Za-z0-9_-]+):[ \t]*(\S.*)")
_YAML = {
    "render.yaml": ("startCommand",),
    "render.yml": ("startCommand",),
    "heroku.yml": ("web",),
    "app.yaml": ("entrypoint", "run_command"),
    "app.yml": ("entrypoint", "run_command"),
    "apprunner.yaml": ("command",),
    ".platform.app.yaml": ("start",),
}
_DATA = {"railway.json": "startCommand", "railway.toml": "startCommand", "nixpacks.toml": "cmd"}
_ROUTERS = (
    "fly.toml", "fly.*.toml", "render.yaml", "render.yml", "heroku.yml", "app.json", "railway.json", "railway.toml",
    "Procfile", "apprunner.yaml", ".platform.app.yaml", ".do/app.yaml", "vercel.json",
)  # fmt: skip
_APP_ENGINE = re.compile(r"^runtime:[ \t]*python", re.MULTILINE)
_MAX_DEPTH = 12


def platform_file(project: Project) -> str | None:
    """The file of a platform whose router is in front of the application, the best known first."""
    found = [path for pattern in _ROUTERS for path in project.glob(pattern) if not _elsewhere(project, path)]
    for path in project.glob("app.yaml"):
        try:
            if _APP_ENGINE.search(project.read_text(path)):
                found.append(path)
        except Unreadable:
            continue
    return found[0] if found else None


def _elsewhere(project: Project, path: str) -> bool:
    """It lies neither at the root nor with the project."""
    directory = path.rpartition("/")[0]
    return directory not in {"", ".do", project.path} and not project.path.startswith(f"{directory}/")


def from_platforms(project: Project, unreadable: list[tuple[str, str]]) -> Iterator[Artefact]:
    """The web processes of every platform's file. Adds files that cannot be read."""
    names = ("Procfile", "Procfile.*", "fly.toml", "fly.*.toml", *_YAML, *_DATA)
    for path in project.glob(*dict.fromkeys(names)):
        if _elsewhere(project, path):
            continue
        try:
            text = project.read_text(path)
        except Unreadable as problem:
            unreadable.append((path, problem.why))
            continue
        name = path.rpartition("/")[2]
        for process, command, place in _commands(path, name, text, unreadable):
            yield Artefact(
                name=f"{name} {process}".strip(),
                words=(Word("sh", place), Word("-c", place), Word(command, place)),
                location=place,
                rank=20,
                environment={"PORT": Variable(None, place)},
                paths=PathMap.of([("/app", project.path)]),
                directory="/app",
                platform=True,
            )


def _commands(
    path: str, name: str, text: str, unreadable: list[tuple[str, str]]
) -> Iterator[tuple[str, str, Location]]:
    if name.startswith("Procfile"):
        for number, line in enumerate(text.split("\n"), 1):
            match = _PROCFILE.match(line)
            if match and match.group(1) not in {"release", "worker", "beat"}:
                yield match.group(1), match.group(2).strip(), Location(path, number, match.start(2) + 1)
    elif name in _YAML:
        try:
            tree = parse_yaml(path, text)
        except YamlProblem as problem:
            unreadable.append((path, f"{problem.why} (line {problem.location.line})"))
            return
        for one in _under(tree, _YAML[name], 0):
            yield "", one.text, one.location
    else:
        yield from _from_data(path, name, text, unreadable)


def _under(node: Node | None, keys: tuple[str, ...], depth: int) -> Iterator[Scalar]:
    """Texts under one of the keys, anywhere in the tree."""
    if depth > _MAX_DEPTH:
        return
    if isinstance(node, Mapping):
        for key, value in node:
            if key.text in keys and isinstance(value, Scalar):
                yield value
            else:
                yield from _under(value, keys, depth + 1)
    elif isinstance(node, Items):
        for item in node.items:
            yield from _under(item, keys, depth + 1)


def _from_data(
    path: str, name: str, text: str, unreadable: list[tuple[str, str]]
) -> Iterator[tuple[str, str, Location]]:
    try:
        data: object = json.loads(text) if name.endswith(".json") else tomllib.loads(text)
    except (ValueError, RecursionError):
        unreadable.append((path, f"is no {name.rpartition('.')[2].upper()} that can be parsed"))
        return
    if name.startswith("fly."):
        processes = data.get("processes") if isinstance(data, dict) else None
        for process, command in processes.items() if isinstance(processes, dict) else ():
            if isinstance(command, str):
                yield str(process), command, _line_of(path, text, str(process))
        return
    for section in ("deploy", "start"):
        part = data.get(section) if isinstance(data, dict) else None
        command = part.get(_DATA[name]) if isinstance(part, dict) else None
        if isinstance(command, str):
            yield "", command, _line_of(path, text, _DATA[name])


def _line_of(path: str, text: str, key: str) -> Location:
    match = re.search(rf"^[ \t]*[\"']?{re.escape(key)}[\"']?\s*[=:]", text, re.MULTILINE)
    return Location(path, text.count("\n", 0, match.start()) + 1 if match else 1)

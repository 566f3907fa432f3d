"""Which Python the project runs on, as its own files say."""

import re
import tomllib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import PurePosixPath

from packaging.specifiers import InvalidSpecifier, SpecifierSet

from scanner.boot.dependencies import Wanted, name_of
from scanner.facts.dockerfiles import Dockerfile, Dockerfiles
from scanner.model import Location, Options
from scanner.project import Project, Unreadable

KNOWN = ("3.14", "3.13", "3.12", "3.11", "3.10", "3.9", "3.8")
"""What the engines may have, the newest first."""
_IMAGE = re.compile(r"(?:^|/)(?:python|uv|base-python)(?:-[a-z]+)*:(?:python)?(\d\.\d+)|python(\d\.\d+)")
_EXACT = re.compile(r"(?:python-|cpython-)?(3\.\d+)(?:\.\d+)?")
_SMALL = 64 * 1024


@dataclass(frozen=True)
class Interpreter:
    """One candidate, ``3.13``, and why."""

    version: str
    reason: str
    named: bool
    """The project names this very version; False: it only allows it."""
    allowed: bool = True
    """False: the project does not allow it; better than nothing where none of the others can be had."""


def minor(version: str) -> int:
    """13 for ``3.13``."""
    return int(version.split(".")[1])


def interpreters(
    project: Project, options: Options, dockerfiles: Dockerfiles | None, wanted: Wanted
) -> tuple[Interpreter, ...]:
    """The versions to try, the best first. Only the first is tried where the user names one."""
    if options.python:
        return (Interpreter(options.python, "given with --python", named=True),)
    allowed, why = _allowed(project)
    named = [one for one in _named(project, dockerfiles) if not one.version.startswith(("2.", "3.6", "3.7"))]
    first = [one for one in named if one.version in allowed or not why]
    reason = f"allowed by {why}" if why else "nothing names a version"
    rest = [
        Interpreter(version, reason, named=False)
        for version in dict.fromkeys([*_usual(wanted), *KNOWN])
        if version in allowed
    ]
    if first:
        # The neighbours of the named one come before what is merely usual.
        near = minor(first[0].version)
        rest.sort(key=lambda one: abs(minor(one.version) - near))
    good = tuple({one.version: one for one in reversed([*first, *rest])}.values())[::-1]
    return (*good, *_next_best(good, why))


def _next_best(good: tuple[Interpreter, ...], why: str) -> tuple[Interpreter, ...]:
    """The nearest versions that the project does not allow."""
    if not good:
        return ()
    near = minor(good[0].version)
    others = sorted(set(KNOWN) - {one.version for one in good}, key=lambda one: (abs(minor(one) - near), -minor(one)))
    return tuple(Interpreter(one, f"not allowed by {why}", named=False, allowed=False) for one in others[:2])


def _usual(wanted: Wanted) -> tuple[str, ...]:
    """The versions in the order in which they are likely to do, by the version of Django.

    Source: the table "What Python version can I use with Django?" in Django's FAQ.
    """
    line = next((one for one in wanted.lines if name_of(one) == "django"), "")
    match = re.search(r"[=~>]=\s*(\d+)\.(\d+)", line)
    release = (int(match.group(1)), int(match.group(2))) if match else (5, 2)
    if release >= (5, 1):
        return ("3.13", "3.12", "3.14", "3.11", "3.10")
    if release >= (4, 2):
        return ("3.12", "3.11", "3.13", "3.10", "3.9", "3.8")
    return ("3.10", "3.9", "3.11", "3.8", "3.12", "3.13")


def _named(project: Project, dockerfiles: Dockerfiles | None) -> Iterator[Interpreter]:
    for file in sorted(dockerfiles.files if dockerfiles else (), key=lambda one: not one.serves_app):
        found = _of_image(file)
        if found:
            yield found
    for directory in _directories(project):
        for name in ("runtime.txt", ".python-version", ".tool-versions", "Pipfile"):
            path = name if directory == "." else f"{directory}/{name}"
            yield from _of_file(project, path, name)


def _of_image(file: Dockerfile) -> Interpreter | None:
    """The Python of the shipped stage's base image, or of any stage where that one has another base."""
    if not file.stages:
        return None
    shipped = file.stages[min(file.shipped, len(file.stages) - 1)]
    for stage in (shipped, *reversed(file.stages)):
        if isinstance(stage.base, str):
            match = _IMAGE.search(stage.base)
            if match:
                version = match.group(1) or match.group(2)
                return Interpreter(version, f"FROM {stage.base[:80]} in {stage.location}", named=True)
    return None


def _of_file(project: Project, path: str, name: str) -> Iterator[Interpreter]:
    text = _text(project, path)
    for number, line in enumerate(text.splitlines(), 1):
        said = line.strip()
        if name == ".tool-versions":
            said = said.removeprefix("python ").strip() if said.startswith("python ") else ""
        elif name == "Pipfile":
            match = re.match(r"python_(?:full_)?version\s*=\s*['\"]([^'\"]+)", said)
            said = match.group(1) if match else ""
        match = _EXACT.match(said)
        if match:
            yield Interpreter(match.group(1), f"{path}:{number}", named=True)
            return


def _allowed(project: Project) -> tuple[frozenset[str], str]:
    """The versions that ``requires-python`` allows, and which file says so."""
    for directory in _directories(project):
        path = "pyproject.toml" if directory == "." else f"{directory}/pyproject.toml"
        text = _text(project, path)
        if not text:
            continue
        try:
            document = tomllib.loads(text)
        except tomllib.TOMLDecodeError:
            continue
        said = _requires(document)
        if not said:
            continue
        try:
            wanted = SpecifierSet(_as_specifier(said))
        except InvalidSpecifier:
            continue
        found = frozenset(version for version in KNOWN if any(wanted.contains(f"{version}.{n}") for n in range(25)))
        if found:
            line = next((n for n, one in enumerate(text.splitlines(), 1) if said in one), 1)
            return found, str(Location(path, line))
    return frozenset(KNOWN), ""


def _requires(document: dict[str, object]) -> str:
    project = document.get("project")
    if isinstance(project, dict) and isinstance(project.get("requires-python"), str):
        return str(project["requires-python"])
    tool = document.get("tool")
    poetry = tool.get("poetry") if isinstance(tool, dict) else None
    dependencies = poetry.get("dependencies") if isinstance(poetry, dict) else None
    said = dependencies.get("python") if isinstance(dependencies, dict) else None
    return said if isinstance(said, str) else ""


def _as_specifier(said: str) -> str:
    """Poetry's ``^3.10`` and ``~3.11`` as a specifier of the packaging standard."""
    parts = []
    for part in (one.strip() for one in said.split(",")):
        match = re.fullmatch(r"([\^~])\s*(\d+(?:\.\d+)*)", part)
        if match and match.group(1) == "^":
            parts += [f">={match.group(2)}", f"<{int(match.group(2).split('.')[0]) + 1}"]
        elif match:
            parts.append(f"=={'.'.join(match.group(2).split('.')[:2])}.*")
        elif re.fullmatch(r"\d+(\.\d+)*", part):
            parts.append(f"=={part}.*" if part.count(".") < 2 else f"=={part}")
        else:
            parts.append(part)
    return ",".join(parts)


def _directories(project: Project) -> tuple[str, ...]:
    """The project's own directory and those above it, the nearest first."""
    own = PurePosixPath(project.path)
    return tuple(dict.fromkeys([str(own), *(str(parent) for parent in own.parents)]))


def _text(project: Project, path: str) -> str:
    try:
        return project.read_text(path, _SMALL)
    except Unreadable:
        return ""

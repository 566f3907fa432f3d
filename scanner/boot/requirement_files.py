"""Requirements files of pip, flattened: nested files read in, lines that cannot or need not be installed taken out."""

import re
from dataclasses import dataclass, field
from pathlib import PurePosixPath

from scanner.project import Project, Unreadable

_MAX = 1024 * 1024
_NESTED = re.compile(r"(?:-r|--requirement|-c|--constraint)[\s=]*(\S+)")
_GIT_NAME = re.compile(r"^\s*([A-Za-z0-9][\w.-]*(?:\[[\w,. -]*\])?)\s*@\s*(?:git\+|https?://|file:|\.)")
_URL = re.compile(r"^(?:-e\s+|--editable[\s=]+)?(?:git\+|hg\+|svn\+|https?://|ssh://)")
_REPOSITORY = re.compile(r"/([A-Za-z0-9_.-]+?)(?:\.git)?(?:@[^#/]*)?(?:#.*)?$")
_LOCAL_VERSION = re.compile(r"^([A-Za-z0-9][\w.-]*)(\[[\w,. -]*\])?\s*===?\s*([\w.!]+)\+[\w.]+")
_HASH = re.compile(r"\s*\\?\s*--hash[=\s]\S+")


@dataclass
class Flat:
    """What the files ask for."""

    lines: list[str] = field(default_factory=list)
    constraints: list[str] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    files: list[str] = field(default_factory=list)
    """Paths that were read."""
    local: list[str] = field(default_factory=list)
    """Directories of the checkout that were to be installed."""


def read_requirements(project: Project, path: str, flat: Flat, *, constraint: bool = False, depth: int = 0) -> None:
    """Add the lines of a requirements file to ``flat``."""
    if depth > 8 or path in flat.files:
        return
    try:
        text = project.read_text(path, _MAX)
    except Unreadable as problem:
        flat.notes.append(str(problem))
        return
    flat.files.append(path)
    for line in text.replace("\\\n", " ").splitlines():
        said = re.sub(r"(?:^|\s)#.*$", "", _HASH.sub("", line)).strip()
        if said:
            _line(project, path, said, flat, constraint=constraint, depth=depth)


def _line(project: Project, path: str, said: str, flat: Flat, *, constraint: bool, depth: int) -> None:
    nested = _NESTED.match(said)
    if nested:
        target = str(PurePosixPath(path).parent / nested.group(1))
        inside = _normal(target)
        is_constraint = constraint or said.startswith(("-c", "--constraint"))
        if inside:
            read_requirements(project, inside, flat, constraint=is_constraint, depth=depth + 1)
        return
    if _URL.match(said) or _GIT_NAME.match(said):
        _address(said, flat)
        return
    if said.startswith(("-e", "--editable", ".", "/", "file:")):
        flat.local.append(said.rsplit(maxsplit=1)[-1])
        return
    if said.startswith("-"):
        return  # an index, a link page or another option of another machine
    local = _LOCAL_VERSION.match(said)
    if local:
        flat.notes.append(f"{local.group(1)} is pinned to a build that only its own index has: left out")
        return
    (flat.constraints if constraint else flat.lines).append(said)


def _address(said: str, flat: Flat) -> None:
    named = _GIT_NAME.match(said)
    egg = re.search(r"[#&]egg=([A-Za-z0-9][\w.-]*)", said)
    found = _REPOSITORY.search(said.split(";", maxsplit=1)[0].strip())
    name = named.group(1) if named else egg.group(1) if egg else found.group(1) if found else ""
    if name:
        flat.lines.append(name)
        flat.notes.append(f"{name} comes from an address: the index's release was taken")


def _normal(path: str) -> str | None:
    """The path without ``..``; None where it leaves the checkout."""
    parts: list[str] = []
    for part in PurePosixPath(path).parts:
        if part == "..":
            if not parts:
                return None
            parts.pop()
        elif part != ".":
            parts.append(part)
    return "/".join(parts) or None

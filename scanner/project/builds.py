"""Which Dockerfiles a Compose file builds. Told by indentation: this is no place for a parser of YAML."""

import posixpath
import re
from collections.abc import Iterator
from dataclasses import dataclass

_KEY = re.compile(r"^(?P<indent>\s*)(?:-\s+)?(?P<key>build|context|dockerfile):[ \t]*(?P<value>.*)$")
_FLOW = re.compile(r"[\"']?(context|dockerfile)[\"']?:[ \t]*[\"']?([^\s\"',}]+)")
_PLAIN = re.compile(r"[\w./-]+")


@dataclass(frozen=True)
class Build:
    """One ``build:`` of a service. Paths are relative to the checkout."""

    context: str
    dockerfile: str


def builds(path: str, text: str) -> Iterator[Build]:
    """What the Compose file at that path builds. Contexts that are URLs or made of variables are left out."""
    lines = text.split("\n")
    for number, line in enumerate(lines):
        match = _KEY.match(line)
        if match is None or match["key"] != "build":
            continue
        value = _value(match["value"])
        if value.startswith("{"):
            said = dict(_FLOW.findall(value))
        elif value:
            said = {"context": value}
        else:
            said = _block(lines[number + 1 :], len(match["indent"]))
        build = _build(posixpath.dirname(path), said.get("context", "."), said.get("dockerfile", "Dockerfile"))
        if build is not None:
            yield build


def _value(text: str) -> str:
    """A scalar without its quotes and the comment behind it."""
    return re.split(r"\s+#|^#", text, maxsplit=1)[0].strip().strip("\"'")


def _block(lines: list[str], outer: int) -> dict[str, str]:
    said: dict[str, str] = {}
    for line in lines:
        bare = line.strip()
        if bare and not bare.startswith("#") and len(line) - len(line.lstrip()) <= outer:
            break
        match = _KEY.match(line)
        if match:
            said.setdefault(match["key"], _value(match["value"]))
    return said


def _build(directory: str, context: str, dockerfile: str) -> Build | None:
    if not (_PLAIN.fullmatch(context) and _PLAIN.fullmatch(dockerfile)):
        return None
    inner = posixpath.normpath(posixpath.join(directory, context))
    return Build(inner, posixpath.normpath(posixpath.join(inner, dockerfile)))

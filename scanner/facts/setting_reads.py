"""Which settings the project's own code and templates read by name."""

import re
from dataclasses import dataclass
from typing import Final

from scanner.model import provider
from scanner.project import Project, Unreadable

_MAX_FILE: Final = 512 * 1024
_MAX_FILES: Final = 5000
_READS: Final = re.compile(
    r"(?:settings\w{0,20}\.|getattr\(\s{0,8}\w{0,40},\s{0,8}[\"']|import\s[^\n]{0,200}?\b)([A-Z][A-Z0-9_]{2,80})\b"
)
_NAME: Final = re.compile(r"\b[A-Z][A-Z0-9_]{2,80}\b")


@dataclass(frozen=True)
class SettingReads:
    """Names that somebody reads."""

    names: frozenset[str]
    complete: bool = True
    """Every file of the project could be read."""


@provider()
def setting_reads(project: Project) -> SettingReads:
    """Search the project's Python files: ``settings.NAME``, ``getattr(settings, "NAME")``, and names used twice."""
    paths = [path for path in project.files if path.endswith(".py")]
    names: set[str] = set()
    complete = len(paths) <= _MAX_FILES
    for path in paths[:_MAX_FILES]:
        try:
            text = project.read_text(path, _MAX_FILE)
        except Unreadable:
            complete = False
            continue
        names.update(_READS.findall(text))
        if "settings" in path:
            names.update(_used_again(text))
    return SettingReads(frozenset(names), complete)


def _used_again(text: str) -> set[str]:
    """Names that stand in a settings module anywhere but at the start of a line: other settings are made of them."""
    found: set[str] = set()
    for whole in text.split("\n"):
        line = whole.lstrip()
        if not line.startswith("#"):
            found.update(match.group() for match in _NAME.finditer(line) if match.start() and not _is_text(line, match))
    return found


def _is_text(line: str, match: re.Match[str]) -> bool:
    """It stands in quotation marks: the name of a variable of the environment."""
    return line[match.start() - 1] in "\"'" and line[match.end() : match.end() + 1] in {'"', "'"}

"""Which response headers the project's own Python code names: a middleware of its own may send those."""

from dataclasses import dataclass
from typing import Final

from scanner.facts.sent_headers import SECURITY_HEADERS
from scanner.facts.settings import Settings
from scanner.model import UnknownValue, provider
from scanner.project import Project, Unreadable

_MAX_FILE: Final = 256 * 1024
_MAX_FILES: Final = 5000
_NOT_CODE: Final = frozenset({"tests", "test", "migrations", "docs"})
_WORDS: Final = ("header", "securit", "secure", "csp", "hsts", "frame", "referrer", "permissions")


@dataclass(frozen=True)
class HeaderMentions:
    """What stands in the project's Python files, tests and migrations left out."""

    names: frozenset[str]
    """Security headers that are named somewhere, in lower case."""
    packages: frozenset[str]
    """Top-level names that the project's own code is imported by."""


@provider()
def header_mentions(project: Project) -> HeaderMentions:
    """Search the project's Python files for the names of security headers."""
    wanted = {name.lower() for name in SECURITY_HEADERS}
    names: set[str] = set()
    packages: set[str] = set()
    paths = [path for path in project.files if path.endswith(".py") and _NOT_CODE.isdisjoint(path.split("/"))]
    for path in paths[:_MAX_FILES]:
        packages.update(part.removesuffix(".py") for part in path.split("/"))
        try:
            text = project.read_text(path, _MAX_FILE).lower()
        except Unreadable:
            names |= wanted  # what it sends cannot be told
            continue
        names.update(name for name in wanted if name in text)
    if len(paths) > _MAX_FILES:
        names |= wanted
    return HeaderMentions(frozenset(names), frozenset(packages))


def require_no_other_sender(settings: Settings, name: str, mentions: HeaderMentions | None) -> None:
    """Raise UnknownValue where a middleware of the project's or a package's own may send that header.

    Its name tells that it is about headers; the project's own does not send one that none of its files names.
    """
    for entry in settings.middleware:
        words = ".".join(entry.path.lower().split(".")[-2:])
        if entry.path.startswith(("django.", "csp.")) or not any(word in words for word in _WORDS):
            continue
        own = mentions is not None and entry.path.partition(".")[0] in mentions.packages
        if own and mentions is not None and name.lower() not in mentions.names:
            continue
        raise UnknownValue(f"whether {entry.path} sends {name}")

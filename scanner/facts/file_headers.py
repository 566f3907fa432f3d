"""What a browser may do with a file that nginx sends: its type, and the headers that keep it from being a page."""

from scanner.facts.sent_headers import CSP, NOSNIFF, added_headers
from scanner.model import UnknownValue
from scanner.nginx.effective import Configuration, Level, LocationBlock

_PAGES = frozenset({"text/html", "image/svg+xml", "application/xhtml+xml", "text/xml", "application/xml"})


def is_page_type(content_type: str) -> bool:
    """Whether a browser runs scripts in a file of that type when it is opened by its address."""
    return content_type.partition(";")[0].strip().lower() in _PAGES


def keeps_scripts_out(policy: str) -> bool:
    """Whether a Content-Security-Policy takes a page its origin (``sandbox``) or its scripts."""
    for one in policy.split(","):
        found = {words[0].lower(): [word.lower() for word in words[1:]] for words in _directives(one)}
        if "sandbox" in found and not {"allow-scripts", "allow-same-origin"} <= set(found["sandbox"]):
            return True
        scripts = found.get("script-src", found.get("default-src"))
        if scripts == ["'none'"]:
            return True
    return False


def _directives(policy: str) -> list[list[str]]:
    return [words for part in policy.split(";") if (words := part.split())]


def has_nosniff(configuration: Configuration, location: LocationBlock) -> bool:
    """Whether files of a location come with ``X-Content-Type-Options: nosniff``. Raises UnknownValue."""
    return any(one.value.strip().lower() == "nosniff" for one in added_headers(configuration, location, NOSNIFF))


def is_defused(configuration: Configuration, location: LocationBlock, ending: str) -> bool:
    """Whether a file with that ending is no page of the site: an attachment, sandboxed, or of a plain type.

    A header that only an ``if`` of the location adds counts. Raises UnknownValue where an include may add it.
    """
    unknown: UnknownValue | None = None
    for level in location.levels:
        try:
            if _is_attachment(configuration, level) or _is_sandboxed(configuration, level):
                return True
        except UnknownValue as error:
            unknown = unknown or error
    content_type = type_of(location, ending)
    if content_type is not None and not is_page_type(content_type):
        return True
    if unknown is not None:
        raise unknown
    return False


def _is_attachment(configuration: Configuration, level: Level) -> bool:
    found = added_headers(configuration, level, "Content-Disposition")
    return any(one.value.strip().lower().startswith("attachment") for one in found)


def _is_sandboxed(configuration: Configuration, level: Level) -> bool:
    return any(keeps_scripts_out(one.value) for one in added_headers(configuration, level, CSP))


def type_of(level: Level, ending: str) -> str | None:
    """The type that a ``types`` block of the location or its server gives files with an ending.

    None where only the usual table of the ``http`` level decides, in which every ending has its own type.
    """
    found = level.effective("types")
    if not found or found.level is None or found.level.opener is None or found.level.opener.name == "http":
        return None
    usual = False
    for block in found.values:
        for line in block.block or ():
            if line.name == "include":
                usual = True
            elif ending in line.args:
                return line.name
    if usual:
        return None
    return level.effective("default_type").text or "text/plain"

"""Lines added to an nginx configuration, as a fix."""

from scanner.facts.edge import DjangoPlace
from scanner.facts.nginx_fix import line_fix
from scanner.model import Fix
from scanner.nginx.effective import Directive, Overwritten, forwarded_header


def insert_before(directive: Directive, *lines: str, safe: bool = True) -> Fix | None:
    """These lines before a directive, indented as it is.

    None where the directive is not written in the repository, comes from a template, or shares its line.
    """
    if directive.known is not None or directive.is_template or directive.conditional:
        return None
    number = directive.line
    before = directive.source.lines[number - 1][: directive.column - 1]
    if before.strip():
        return None
    return Fix(directive.location.path, number, number - 1, tuple(f"{before}{line}" for line in lines), safe=safe)


def header_fix(place: DjangoPlace, name: str, value: str, line: Directive | None) -> Fix | None:
    """``proxy_set_header NAME VALUE`` in force at a location.

    ``line`` is the one that sets the header wrongly, if one does. A new line stands beside those that are in force: in
    a level of its own it would cancel them.
    """
    if place.proxy.kind != "proxy":
        return None
    if line is not None:
        words = line.words
        return line_fix(line, words[1].text, value) if len(words) == 2 and words[1].text else None
    present = place.level.effective("proxy_set_header")
    if present.unknown:
        return None
    neighbour = present.values[0] if present.values else place.proxy.directive
    return insert_before(neighbour, f"proxy_set_header {name} {value};")


def tells_scheme(place: DjangoPlace) -> bool:
    """Whether the proxy itself writes X-Forwarded-Proto there, from what it knows."""
    sent = forwarded_header(place.level, "X-Forwarded-Proto")
    return isinstance(sent, Overwritten) and all(text in {"$scheme", "https"} for text, _ in sent.values)


def as_written(directive: Directive) -> str | None:
    """The directive as it stands in its file, on one line; None where it is no whole line of the repository."""
    if directive.known is not None or directive.is_template or directive.line != directive.head_line:
        return None
    return f"{directive.source.text[directive.start : directive.head_end].rstrip()};"

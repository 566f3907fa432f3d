"""One changed line of an nginx configuration, as a fix."""

from scanner.model import Fix
from scanner.nginx.effective import Directive


def line_fix(directive: Directive, old: str, new: str, *, safe: bool = True) -> Fix | None:
    """The directive's line with ``new`` in the place of ``old``.

    None where the directive is not written in the repository, spans lines, comes from a template, or where its line
    has ``old`` more or less than once.
    """
    if directive.known is not None or directive.is_template or directive.location.line != directive.head_line:
        return None
    number = directive.head_line
    line = directive.source.lines[number - 1].rstrip("\r")
    if line.count(old) != 1:
        return None
    return Fix(directive.location.path, number, number, (line.replace(old, new),), safe=safe)

"""Files beside a served directory can be fetched.

## Why is this bad
`location /static` also takes `/static../settings.py`. With `alias /srv/shop/static/` nginx then sends
`/srv/shop/static/../settings.py`: everything beside the directory is public, settings and database included.

## Bad
    location /static {
        alias /srv/shop/static/;
    }

## Good
    location /static/ {
        alias /srv/shop/static/;
    }

## References
- https://nginx.org/en/docs/http/ngx_http_core_module.html#alias
- CWE-22
"""

import re
from collections.abc import Iterator

from scanner.facts.edge import judged, same_place
from scanner.facts.exchange_text import exchange_text
from scanner.facts.nginx import Nginx
from scanner.facts.path_traversal import PathTraversal, TraversalAttempt
from scanner.model import Evidence, Finding, Fix, NotApplicable, Proof, Severity, UnknownValue, quoted, rule
from scanner.nginx.effective import Configuration, LocationBlock, Modifier, ServedDirectory
from scanner.nginx.patterns import compile_pattern

_BESIDE = ("../settings.py", "../manage.py", "../db.sqlite3", "../x")
_CAPTURE = re.compile(r"/\$(?:\{)?(?P<number>\d)\}?")
_GROUP = re.compile(r"(?<!\\)\((?!\?)([^()|]*)\)")
_LITERAL = re.compile(r"\^?(?P<prefix>/(?:[A-Za-z0-9_\-/]|\\[.\-_/])*)\Z")


@rule(severity=Severity.HIGH)
def check(nginx: Nginx, traversal: PathTraversal | None) -> Iterator[Finding]:
    asked = [one for one in traversal.attempts if one.kind == "alias"] if traversal is not None else []
    seen_any = False
    unknown = ""
    for configuration in judged(nginx):
        for served in configuration.served_directories():
            place = served.place
            # An alias that a nested location inherits replaces the outer path, which is another location's matter.
            if not served.alias or not isinstance(place, LocationBlock) or served.directive not in place.directives:
                continue
            seen_any = True
            here = [one for one in asked if same_place(place.location, one.location)]
            proven = [one for one in here if one.canary is not None]
            if proven or (not here and _leaves(configuration, place, served)):
                yield _finding(place, served, proven)
            elif not here and _is_undecided(place, served):
                unknown = unknown or f"{place.title} with {served.directive.text} at {place.location}"
    if not seen_any:
        raise NotApplicable("no location has an alias")
    if unknown:
        raise UnknownValue(unknown)


def _is_undecided(place: LocationBlock, served: ServedDirectory) -> bool:
    """A template makes the end of the path or of the directory."""
    if place.is_regex or (place.pattern.endswith("/") and not place.is_template):
        return False
    return place.is_template or (served.is_template and not served.root.endswith("/"))


def _leaves(configuration: Configuration, place: LocationBlock, served: ServedDirectory) -> bool:
    """Whether a path can lead beside the directory, and really comes to this location."""
    if place.is_template or (served.is_template and place.is_regex):
        return False
    prefix = _open_prefix(place, served)
    if prefix is None:
        return False
    after = _suffix(place, served)
    return any(configuration.location_for(place.server, prefix + name + after) is place for name in _BESIDE)


def _suffix(place: LocationBlock, served: ServedDirectory) -> str:
    """What has to stand at the end of the path, for a regular expression."""
    capture = _CAPTURE.search(served.root) if place.is_regex else None
    return "" if capture is None else _around(place.pattern, int(capture["number"]))[1]


def _open_prefix(place: LocationBlock, served: ServedDirectory) -> str | None:
    """The start of the path behind which the client's own ``..`` comes after the directory's slash."""
    match place.modifier:
        case Modifier.PREFIX | Modifier.PREFIX_FIRST:
            open_end = not place.pattern.endswith("/") and served.root.endswith("/")
            return place.pattern if open_end else None
        case Modifier.REGEX | Modifier.REGEX_NOCASE:
            return _open_capture(place.pattern, served.root)
        case _:
            return None


def _open_capture(pattern: str, alias: str) -> str | None:
    """``^/static(.*)$`` with ``alias /srv/static/$1``: the capture may start with ``..``.

    After a slash it cannot: nginx has resolved ``/..`` before it chooses a location.
    """
    capture = _CAPTURE.search(alias)
    compiled = compile_pattern(pattern)
    if capture is None or compiled is None:
        return None
    number = int(capture["number"])
    before, after = _around(pattern, number)
    if before is None or before.endswith("/"):
        return None
    found = compiled.search(before + _BESIDE[-1] + after)
    if found is None or number > compiled.groups or number == 0:
        return None
    return before if (found.group(number) or "").startswith("../") else None


def _around(pattern: str, number: int) -> tuple[str | None, str]:
    """A text for what stands before a group, and one for what stands behind it; None where that is not plain.

    ``/site(2)(.*)`` and 2 give ``/site2`` and nothing.
    """
    pieces = _GROUP.split(pattern)
    if number < 1 or number > len(pieces) // 2:
        return None, ""
    head = "".join(
        f"{text}{inside}" for text, inside in zip(pieces[0 : 2 * number - 2 : 2], pieces[1::2], strict=False)
    )
    literal = _LITERAL.match(head + pieces[2 * number - 2])
    behind = _LITERAL.match("/" + pieces[2 * number].removesuffix("$").removeprefix("/"))
    after = behind["prefix"].replace("\\", "") if behind is not None and pieces[2 * number].startswith("/") else ""
    return (None, "") if literal is None else (literal["prefix"].replace("\\", ""), after)


def _finding(place: LocationBlock, served: ServedDirectory, proven: list[TraversalAttempt]) -> Finding:
    evidence = [Evidence(place.title, place.location), Evidence(served.directive.text, served.directive.location)]
    evidence += [Evidence(f"{exchange_text(one.exchange)} with the content of {one.canary}") for one in proven[:3]]
    return Finding(
        message=f"{quoted(place.title)} lets clients leave {quoted(served.root)}: a path such as "
        f"{quoted(_example(place, served))} is looked up beside that directory.",
        location=place.location,
        symbol=place.symbol,
        evidence=tuple(evidence),
        proof=Proof.PROVEN if proven else Proof.INFERRED,
        fix=_fix(place),
    )


def _example(place: LocationBlock, served: ServedDirectory) -> str:
    if not place.is_regex:
        return f"{place.pattern}../settings.py"
    capture = _CAPTURE.search(served.root)
    before, after = _around(place.pattern, int(capture["number"]) if capture is not None else 0)
    return f"{before or ''}../settings.py{after}"


def _fix(place: LocationBlock) -> Fix | None:
    opener = place.opener
    if opener is None or place.is_regex or opener.is_template:
        return None
    lines = opener.source.lines
    number = opener.location.line
    line = lines[number - 1].rstrip("\r")
    fixed = re.sub(rf"(location\s+(?:\^~\s*)?){re.escape(place.pattern)}(\s*\{{)", rf"\g<1>{place.pattern}/\g<2>", line)
    return Fix(opener.location.path, number, number, (fixed,)) if fixed != line else None

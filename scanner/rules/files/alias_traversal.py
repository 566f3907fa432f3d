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
_LITERAL = re.compile(r"\^?(?P<prefix>/(?:[A-Za-z0-9_\-/]|\\[.\-_/])*)\Z")


@rule(severity=Severity.HIGH)
def check(nginx: Nginx, traversal: PathTraversal | None) -> Iterator[Finding]:
    asked = [one for one in traversal.attempts if one.kind == "alias"] if traversal is not None else []
    seen_any = False
    unknown = ""
    for configuration in judged(nginx):
        for served in configuration.served_directories():
            place = served.place
            if not served.alias or not isinstance(place, LocationBlock):
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
    return any(configuration.location_for(place.server, prefix + name) is place for name in _BESIDE)


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
    literal = _LITERAL.match(pattern.partition("(")[0])
    if literal is None or literal["prefix"].endswith("/"):
        return None
    prefix = literal["prefix"].replace("\\", "")
    found = compiled.search(prefix + _BESIDE[-1])
    number = int(capture["number"])
    if found is None or number > compiled.groups or number == 0:
        return None
    return prefix if (found.group(number) or "").startswith("../") else None


def _finding(place: LocationBlock, served: ServedDirectory, proven: list[TraversalAttempt]) -> Finding:
    evidence = [Evidence(place.title, place.location), Evidence(served.directive.text, served.directive.location)]
    evidence += [Evidence(f"{exchange_text(one.exchange)} with the content of {one.canary}") for one in proven[:3]]
    return Finding(
        message=f"{quoted(place.title)} lets clients leave {quoted(served.root)}: a path such as "
        f"{quoted(_example(place))} is looked up beside that directory.",
        location=place.location,
        symbol=place.symbol,
        evidence=tuple(evidence),
        proof=Proof.PROVEN if proven else Proof.INFERRED,
        fix=_fix(place),
    )


def _example(place: LocationBlock) -> str:
    if not place.is_regex:
        return f"{place.pattern}../settings.py"
    literal = _LITERAL.match(place.pattern.partition("(")[0])
    return f"{literal['prefix'] if literal else ''}../settings.py"


def _fix(place: LocationBlock) -> Fix | None:
    opener = place.opener
    if opener is None or place.is_regex or opener.is_template:
        return None
    lines = opener.source.text.split("\n")
    number = opener.location.line
    line = lines[number - 1].rstrip("\r")
    fixed = re.sub(rf"(location\s+(?:\^~\s*)?){re.escape(place.pattern)}(\s*\{{)", rf"\g<1>{place.pattern}/\g<2>", line)
    return Fix(opener.location.path, number, number, (fixed,)) if fixed != line else None

"""Files that the application guards can be fetched past it.

## Why is this bad
With `X-Accel-Redirect` Django decides who may have a file and nginx sends it. Where the location of these files is not
`internal`, anybody asks nginx directly, and no permission is checked.

## Bad
    response["X-Accel-Redirect"] = "/protected/" + name
    location /protected/ { alias /srv/shop/private/; }

## Good
    location /protected/ { internal; alias /srv/shop/private/; }

## References
- https://nginx.org/en/docs/http/ngx_http_core_module.html#internal
- CWE-425, CWE-862
"""

from collections.abc import Iterator

from scanner.facts.edge import judged, same_place
from scanner.facts.exchange_text import exchange_text
from scanner.facts.guarded_files import GuardedPrefix, guarded_prefixes
from scanner.facts.nginx import Nginx
from scanner.facts.nginx_insert import insert_before
from scanner.facts.path_traversal import PathTraversal, TraversalAttempt
from scanner.facts.python_source import PythonSource
from scanner.facts.settings import Settings
from scanner.model import Evidence, Finding, Location, NotApplicable, Proof, Severity, UnknownValue, quoted, rule
from scanner.nginx.effective import Configuration, Denied, LocationBlock, RequestShape, ServedDirectory


@rule(severity=Severity.HIGH)
def check(
    python: PythonSource, nginx: Nginx, settings: Settings | None, traversal: PathTraversal | None
) -> Iterator[Finding]:
    prefixes, unknown = guarded_prefixes(python, settings)
    if not prefixes and not unknown:
        raise NotApplicable("the code lets nginx send no files")
    asked = [one for one in traversal.attempts if one.kind == "internal"] if traversal is not None else []
    for configuration in judged(nginx):
        told: set[Location] = set()
        for prefix in prefixes:
            for served in _public(configuration, prefix):
                here = [one for one in asked if same_place(served.place.location, one.location)]
                hits = [one for one in here if one.canary is not None]
                if served.place.location in told or (here and not hits):
                    continue
                told.add(served.place.location)
                yield _finding(prefix, served, hits)
    if unknown:
        raise UnknownValue(unknown)


def _public(configuration: Configuration, prefix: GuardedPrefix) -> Iterator[ServedDirectory]:
    """The places that send these files to whoever asks."""
    directories = {one.place: one for one in configuration.served_directories()}
    for server in configuration.servers:
        place = configuration.location_for(server, f"{prefix.url.rstrip('/')}/site/file.bin")
        if (
            place is None
            or place not in directories
            or not _is_theirs(place, prefix)
            or _is_guarded(configuration, place)
        ):
            continue
        yield directories[place]


def _is_theirs(place: LocationBlock, prefix: GuardedPrefix) -> bool:
    """The location is for these files, not a general one below which they seem to lie."""
    wanted = prefix.url.strip("/")
    return wanted in place.pattern if place.is_regex else place.pattern.strip("/").startswith(wanted.split("/")[0])


def _is_guarded(configuration: Configuration, place: LocationBlock) -> bool:
    """nginx itself asks for something first."""
    if any(place.effective(name).text not in {None, "off"} for name in ("auth_basic", "auth_request", "secure_link")):
        return True
    return any(isinstance(reply, Denied) for reply in configuration.replies(place, RequestShape(tls=True)))


def _finding(prefix: GuardedPrefix, served: ServedDirectory, hits: list[TraversalAttempt]) -> Finding:
    place = served.place
    title = place.title if isinstance(place, LocationBlock) else place.symbol
    return Finding(
        message=f"{quoted(title)} is not `internal`: the files that the application guards below {quoted(prefix.url)} "
        f"are sent to everybody.",
        location=place.location,
        symbol=place.symbol,
        evidence=(
            Evidence(served.directive.text, served.directive.location),
            Evidence(f"X-Accel-Redirect to {prefix.url}", prefix.location),
            *(Evidence(exchange_text(one.exchange)) for one in hits[:2]),
        ),
        proof=Proof.PROVEN if hits else Proof.INFERRED,
        fix=insert_before(served.directive, "internal;") if served.directive in place.own("alias", "root") else None,
    )

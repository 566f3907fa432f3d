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
from dataclasses import dataclass

from scanner.facts.edge import judged, same_place
from scanner.facts.exchange_text import exchange_text
from scanner.facts.nginx import Nginx
from scanner.facts.path_traversal import PathTraversal, TraversalAttempt
from scanner.facts.python_source import PythonSource
from scanner.facts.settings import Settings
from scanner.model import Evidence, Finding, Location, NotApplicable, Proof, Severity, UnknownValue, quoted, rule
from scanner.nginx.effective import Configuration, Denied, LocationBlock, RequestShape, ServedDirectory

_BACKEND = "nginx"


@dataclass(frozen=True)
class _Prefix:
    """Below which address the application lets nginx send files."""

    url: str
    location: Location


@rule(severity=Severity.HIGH)
def check(
    python: PythonSource, nginx: Nginx, settings: Settings | None, traversal: PathTraversal | None
) -> Iterator[Finding]:
    prefixes, unknown = _prefixes(python, settings)
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


def _prefixes(python: PythonSource, settings: Settings | None) -> tuple[tuple[_Prefix, ...], str]:
    """All that are known, and what is not."""
    found: list[_Prefix] = []
    unknown = ""
    for one in python.accel_redirects:
        url = one.prefix or _setting(settings, one.setting)
        if url is not None and url.startswith("/") and url != "/":
            found.append(_Prefix(url, one.location))
        else:
            unknown = unknown or f"below which address {one.location} lets nginx send files"
    backend = settings.value("SENDFILE_BACKEND") if settings is not None else None
    if python.sendfile_calls and isinstance(backend, str) and backend.rpartition(".")[2] == _BACKEND:
        url = _setting(settings, "SENDFILE_URL")
        if url is not None and url.startswith("/") and url != "/":
            found.append(_Prefix(url, python.sendfile_calls[0]))
        else:
            unknown = unknown or "SENDFILE_URL"
    return tuple(found), unknown


def _setting(settings: Settings | None, name: str | None) -> str | None:
    value = settings.value(name) if settings is not None and name is not None else None
    return value if isinstance(value, str) and value else None


def _public(configuration: Configuration, prefix: _Prefix) -> Iterator[ServedDirectory]:
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


def _is_theirs(place: LocationBlock, prefix: _Prefix) -> bool:
    """The location is for these files, not a general one below which they seem to lie."""
    wanted = prefix.url.strip("/")
    return wanted in place.pattern if place.is_regex else place.pattern.strip("/").startswith(wanted.split("/")[0])


def _is_guarded(configuration: Configuration, place: LocationBlock) -> bool:
    """nginx itself asks for something first."""
    if any(place.effective(name).text not in {None, "off"} for name in ("auth_basic", "auth_request", "secure_link")):
        return True
    return any(isinstance(reply, Denied) for reply in configuration.replies(place, RequestShape(tls=True)))


def _finding(prefix: _Prefix, served: ServedDirectory, hits: list[TraversalAttempt]) -> Finding:
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
    )

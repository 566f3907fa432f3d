"""The server lists the files of a directory.

## Why is this bad
A listing shows what nobody linked to: uploads of other customers, backups, drafts.

## Bad
    location /media/ {
        alias /srv/shop/media/;
        autoindex on;
    }

## Good
    location /media/ {
        alias /srv/shop/media/;
    }

## References
- https://nginx.org/en/docs/http/ngx_http_autoindex_module.html
- CWE-548
"""

from collections.abc import Iterator
from dataclasses import dataclass

from scanner.facts.directory_listing import DirectoryListing, ListingSeen
from scanner.facts.edge import judged, same_place
from scanner.facts.exchange_text import exchange_text
from scanner.facts.nginx import Nginx
from scanner.facts.settings import Settings
from scanner.model import Evidence, Finding, Fix, Location, Proof, Severity, quoted, rule
from scanner.nginx.effective import Configuration, Denied, Directive, RequestShape, ServedDirectory


@dataclass(frozen=True)
class _Listed:
    served: ServedDirectory
    line: Directive
    seen: tuple[ListingSeen, ...]


@rule(severity=Severity.HIGH)
def check(nginx: Nginx, settings: Settings | None, listing: DirectoryListing | None) -> Iterator[Finding]:
    found: dict[Location, list[_Listed]] = {}
    for configuration in judged(nginx):
        asked = listing if configuration is nginx.main else None
        for served in configuration.served_directories():
            line = served.place.effective("autoindex").value
            if not served.listing or line is None or _is_guarded(configuration, served):
                continue
            seen = (
                tuple(one for one in asked.listed if same_place(served.place.location, one.location)) if asked else ()
            )
            if not seen and asked is not None and served.url in asked.refused:
                continue
            found.setdefault(line.location, []).append(_Listed(served, line, seen))
    for listed in found.values():
        yield _finding(listed, settings)


def _is_guarded(configuration: Configuration, served: ServedDirectory) -> bool:
    """A password or an address list is asked for first."""
    place = served.place
    if any(place.effective(name).text not in {None, "off"} for name in ("auth_basic", "auth_request")):
        return True
    replies = configuration.replies(place, RequestShape(tls=True))
    return any(isinstance(reply, Denied) for reply in replies) and place.effective("satisfy").text != "any"


def _finding(listed: list[_Listed], settings: Settings | None) -> Finding:
    first = next((one for one in listed if one.seen), listed[0])
    names = ", ".join(dict.fromkeys(quoted(one.served.url) for one in listed[:4]))
    evidence = [Evidence(first.line.text, first.line.location)]
    evidence += [
        Evidence(f"{one.served.directive.text} for {one.served.url}", one.served.directive.location)
        for one in listed[:4]
    ]
    evidence += [Evidence(f"{exchange_text(seen.exchange)} with a listing") for one in listed for seen in one.seen[:2]]
    place = first.served.place
    return Finding(
        message=f"nginx lists the files of {names} ({quoted(first.served.directory)}).",
        location=first.line.location,
        symbol=place.symbol,
        evidence=tuple(evidence),
        proof=Proof.PROVEN if first.seen else Proof.INFERRED,
        severity=Severity.HIGH if any(_is_media(one.served, settings) for one in listed) else Severity.MEDIUM,
        fix=_fix(first.line),
    )


def _is_media(served: ServedDirectory, settings: Settings | None) -> bool:
    url = settings.value("MEDIA_URL") if settings is not None else None
    prefix = url if isinstance(url, str) and url.startswith("/") and url != "/" else "/media/"
    return f"{served.url.rstrip('/')}/".startswith(prefix)


def _fix(line: Directive) -> Fix | None:
    if line.known is not None or line.location.line != line.head_line:
        return None
    number = line.location.line
    text = line.source.lines[number - 1].rstrip("\r")
    if text.strip() != "autoindex on;":
        return None
    return Fix(line.location.path, number, number, (text.replace("autoindex on;", "autoindex off;"),))

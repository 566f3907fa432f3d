"""Files are sent without the security headers that the pages have.

## Why is this bad
nginx sends static files itself: Django's `X-Content-Type-Options: nosniff` and HSTS are not on them. A browser may then
run a file as a script that was never meant to be one.

## Bad
    location /static/ {
        alias /srv/shop/static/;
    }

## Good
    location /static/ {
        alias /srv/shop/static/;
        add_header X-Content-Type-Options nosniff always;
        add_header Strict-Transport-Security "max-age=31536000" always;
    }

## References
- https://docs.djangoproject.com/en/stable/topics/security/#user-uploaded-content
- CWE-693
"""

from collections.abc import Iterator
from dataclasses import dataclass

from scanner.facts.app_servers import AppServers
from scanner.facts.edge import judged, same_place
from scanner.facts.exchange_text import exchange_text
from scanner.facts.header_survey import HeaderSurvey, KindHeaders
from scanner.facts.media_files import media_places
from scanner.facts.nginx import Nginx
from scanner.facts.sent_headers import HSTS, NOSNIFF, added_headers, django_header, is_lost
from scanner.facts.settings import Settings
from scanner.model import Evidence, Finding, Location, NotApplicable, Proof, Severity, UnknownValue, quoted, rule
from scanner.nginx.effective import Configuration, LocationBlock, ServedDirectory, Server


@dataclass(frozen=True)
class _Bare:
    """Files that a place sends without some headers."""

    served: ServedDirectory
    names: tuple[str, ...]
    lacking: tuple[KindHeaders, ...]

    @property
    def server(self) -> Server:
        """The server that sends them."""
        place = self.served.place
        return place.server if isinstance(place, LocationBlock) else place


@rule(severity=Severity.MEDIUM)
def check(
    nginx: Nginx, settings: Settings, servers: AppServers | None, survey: HeaderSurvey | None
) -> Iterator[Finding]:
    wanted = [name for name in (NOSNIFF, HSTS) if django_header(settings, name) is not None]
    media = {place.location.location for place in media_places(nginx, settings, servers)}
    unknown: list[UnknownValue] = []
    any_files = False
    for configuration in judged(nginx):
        bare: dict[tuple[Location, tuple[str, ...]], list[_Bare]] = {}
        for served in configuration.served_directories():
            place = served.place
            if place.location in media or (isinstance(place, LocationBlock) and place.is_acme):
                continue
            any_files = True
            try:
                found = _bare(configuration, served, wanted, survey if configuration is nginx.main else None)
            except UnknownValue as error:
                unknown.append(error)
                continue
            if found is not None:
                bare.setdefault((found.server.location, found.names), []).append(found)
        for group in bare.values():
            yield _finding(group, survey)
    if unknown:
        raise unknown[0]
    if not any_files:
        raise NotApplicable("the proxy sends no files of its own")


def _bare(
    configuration: Configuration, served: ServedDirectory, wanted: list[str], survey: HeaderSurvey | None
) -> _Bare | None:
    """The headers that files of a place lack for no other reason that has a rule."""
    place = served.place
    server = place.server if isinstance(place, LocationBlock) else place
    tls = any(socket.tls for socket in configuration.sockets_for(server))
    here = [one for one in (survey.of("static") if survey else ()) if same_place(place.location, one.location)]
    names: list[str] = []
    for name in wanted:
        if (name == HSTS and not tls) or is_lost(place, name):
            continue
        if here:
            if any(not one.values(name) for one in here):
                names.append(name)
        elif not added_headers(configuration, place, name):
            names.append(name)
    lacking = tuple(one for one in here if any(not one.values(name) for name in names))
    return _Bare(served, tuple(names), lacking) if names else None


def _finding(group: list[_Bare], survey: HeaderSurvey | None) -> Finding:
    first = next((one for one in group if one.lacking), group[0])
    place = first.served.place
    symbol = place.symbol
    title = place.title if isinstance(place, LocationBlock) else symbol
    others = f" and {len(group) - 1} more" if len(group) > 1 else ""
    seen = [answer for one in group for answer in one.lacking]
    assumed = survey is not None and survey.assumed_edge
    return Finding(
        message=f"Files of {quoted(title)}{others} are sent without {' and '.join(map(quoted, first.names))}, which "
        "Django's pages have.",
        location=place.location,
        symbol=symbol,
        evidence=(
            *(Evidence(f"{_title(one)}: {one.served.directive.text}", one.served.directive.location) for one in group),
            *(Evidence(f"{exchange_text(one.exchange)} (no {', '.join(first.names)})") for one in seen[:2]),
        ),
        proof=Proof.PROVEN if seen and not assumed else Proof.INFERRED,
        severity=Severity.MEDIUM if NOSNIFF in first.names else Severity.LOW,
    )


def _title(one: _Bare) -> str:
    place = one.served.place
    return place.title if isinstance(place, LocationBlock) else place.symbol

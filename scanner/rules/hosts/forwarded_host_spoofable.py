"""The client decides which host Django believes.

## Why is this bad
With `USE_X_FORWARDED_HOST` Django takes the site's name from `X-Forwarded-Host`. nginx passes headers that it does not
know on as they are, so that any client writes it: links in password-reset mails, redirects and cached pages then carry
that name. `USE_X_FORWARDED_PORT` does the same for the port.

## Bad
    USE_X_FORWARDED_HOST = True
    # and the proxy does not set the header

## Good
    # the setting is off, and the proxy sends:
    proxy_set_header Host $host;

## References
- https://docs.djangoproject.com/en/stable/ref/settings/#use-x-forwarded-host
- https://docs.djangoproject.com/en/stable/ref/settings/#use-x-forwarded-port
- CWE-644
- CWE-348
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from scanner.facts.app_servers import AppServers
from scanner.facts.compose import Compose
from scanner.facts.edge import DjangoPlace, all_django_places, hidden_by_compose, other_edge
from scanner.facts.host_names import refuses_strangers
from scanner.facts.nginx import Nginx
from scanner.facts.scheme import client_variables, forwarded_text
from scanner.facts.settings import Settings
from scanner.facts.settings_place import booted, require_decided, settings_place
from scanner.facts.settings_source import SettingsSource
from scanner.facts.topology import Topology
from scanner.model import Evidence, Finding, LayerMissing, NotApplicable, Severity, UnknownValue, quoted, rule
from scanner.nginx.effective import (
    Blanked,
    Directive,
    Forwarded,
    NginxDefault,
    Overwritten,
    PassedOn,
    UndecidedHeader,
    forwarded_header,
)

_HEADERS = (("USE_X_FORWARDED_HOST", "X-Forwarded-Host"), ("USE_X_FORWARDED_PORT", "X-Forwarded-Port"))


@dataclass(frozen=True)
class _Hole:
    """A location through which the client's own header reaches Django."""

    place: DjangoPlace
    sent: Forwarded

    @property
    def directive(self) -> Directive | None:
        """The line that takes it from the client; None where nothing sets it."""
        return self.sent.values[-1][1] if isinstance(self.sent, Overwritten) else None


@rule(severity=Severity.HIGH)
def check(
    settings: Settings,
    nginx: Nginx | None,
    source: SettingsSource | None,
    servers: AppServers | None,
    compose: Compose | None,
    topology: Topology | None,
) -> Iterator[Finding]:
    read = [pair for pair in _HEADERS if settings.value(pair[0])]
    if not read:
        for name, _ in _HEADERS:
            require_decided(settings, name)
        return
    places = [place for place in all_django_places(nginx, servers, settings) if not place.local_only]
    if not places:
        raise _nobody(compose, topology)
    if hidden_by_compose(compose):
        raise UnknownValue("what the proxy in front of nginx does with X-Forwarded-Host")
    unknown: UnknownValue | None = None
    for name, header in read:
        require_decided(settings, name)
        holes, problem = _holes(places, header)
        unknown = unknown or problem
        if holes:
            yield from _findings(name, header, holes, places, settings, source)
    if unknown is not None:
        raise unknown


def _nobody(compose: Compose | None, topology: Topology | None) -> Exception:
    """Why there is no proxy of ours to judge."""
    front = other_edge(compose)
    if front is not None:
        return UnknownValue(f"what the proxy in service {front.name} at {front.location} does with X-Forwarded-Host")
    if topology is not None and topology.platform is not None:
        return NotApplicable("a platform's router is in front of Django")
    return LayerMissing("the repository has no proxy in front of Django")


def _holes(places: Sequence[DjangoPlace], header: str) -> tuple[list[_Hole], UnknownValue | None]:
    found: list[_Hole] = []
    unknown: UnknownValue | None = None
    for place in places:
        sent = forwarded_header(place.level, header)
        match sent:
            case UndecidedHeader(missing):
                unknown = UnknownValue(f"{missing.text} at {missing.location} may set {header}", missing.location)
            case PassedOn():
                found.append(_Hole(place, sent))
            case Overwritten(values):
                if client_variables(place.configuration, values[-1][0], place.level):
                    found.append(_Hole(place, sent))
                elif values[-1][1].is_template:
                    unknown = UnknownValue(f"{values[-1][1].text} at {values[-1][1].location}")
            case Blanked() | NginxDefault():
                pass
    return found, unknown


def _findings(
    name: str,
    header: str,
    holes: list[_Hole],
    places: Sequence[DjangoPlace],
    settings: Settings,
    source: SettingsSource | None,
) -> Iterator[Finding]:
    """One finding at the setting where no location is safe, else one for each location that is not."""
    severity = _severity(name, settings)
    fact = booted(settings, source, name)
    if len(holes) == len(places):
        yield Finding(
            message=f"`{name}` is on in {quoted(settings.module)}, and the proxy hands on what the client says in "
            f"`{header}`: {_effect(name)}.",
            location=settings_place(settings, source, name),
            symbol=f"settings.{name}",
            evidence=(fact, *(_evidence(hole) for hole in holes[:4])),
            severity=severity,
        )
        return
    for hole in holes:
        line = hole.directive
        yield Finding(
            message=f"{quoted(hole.place.location.title)} hands on what the client says in `{header}`, which Django "
            f"believes: {_effect(name)}.",
            location=hole.place.location.location if line is None else line.location,
            symbol=hole.place.location.symbol,
            evidence=(_evidence(hole), fact),
            severity=severity,
        )


def _evidence(hole: _Hole) -> Evidence:
    line = hole.directive
    where = hole.place.location.location if line is None else line.location
    text = f"{hole.place.location.symbol}: {forwarded_text(hole.sent)}"
    if isinstance(hole.sent, PassedOn) and hole.sent.dropped:
        text += f" ({hole.sent.dropped[-1].text} of the outer level is cancelled)"
    return Evidence(text, where)


def _effect(name: str) -> str:
    return "any client chooses the site's host" if name.endswith("HOST") else "any client chooses the port of links"


def _severity(name: str, settings: Settings) -> Severity:
    if name.endswith("PORT"):
        return Severity.LOW
    known = "ALLOWED_HOSTS" not in settings.injected and "ALLOWED_HOSTS" not in settings.samples
    return Severity.HIGH if known and not refuses_strangers(settings) else Severity.MEDIUM

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
from scanner.facts.exchange_text import exchange_text
from scanner.facts.forwarded_host_spoof import ForwardedAttempt, ForwardedHostSpoof
from scanner.facts.host_names import refuses_strangers
from scanner.facts.nginx import Nginx
from scanner.facts.scheme import client_variables, forwarded_text
from scanner.facts.settings import Settings
from scanner.facts.settings_place import booted, require_decided, settings_place
from scanner.facts.settings_source import SettingsSource
from scanner.facts.topology import Topology
from scanner.model import Evidence, Finding, LayerMissing, NotApplicable, Proof, Severity, UnknownValue, quoted, rule
from scanner.nginx.effective import (
    Blanked,
    Configuration,
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
    attempts: tuple[ForwardedAttempt, ...] = ()
    """What the live stack was told through it, and took for the client's word."""

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
    spoof: ForwardedHostSpoof | None,
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
        holes, problem = _holes(places, header, None if nginx is None else nginx.main, spoof)
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


def _holes(
    places: Sequence[DjangoPlace], header: str, main: Configuration | None, spoof: ForwardedHostSpoof | None
) -> tuple[list[_Hole], UnknownValue | None]:
    found: list[_Hole] = []
    unknown: UnknownValue | None = None
    for place in places:
        sent = forwarded_header(place.level, header)
        asked = spoof.at(place.location.location, header) if spoof is not None and place.configuration is main else ()
        # Of a header that comes twice Django sees one list, which is no host name: refused, whoever may write it.
        believed = tuple(one for one in asked if one.changed or (one.refused and not one.repeated))
        if believed:
            found.append(_Hole(place, sent, believed))
        elif not asked:
            try:
                if _comes_from_client(place, sent, header):
                    found.append(_Hole(place, sent))
            except UnknownValue as error:
                unknown = error
    return found, unknown


def _comes_from_client(place: DjangoPlace, sent: Forwarded, header: str) -> bool:
    """Whether the client's own header reaches Django, from the files alone."""
    match sent:
        case UndecidedHeader(missing):
            raise UnknownValue(f"{missing.text} at {missing.location} may set {header}", missing.location)
        case PassedOn():
            return True
        case Overwritten(values):
            text, line = values[-1]
            if client_variables(place.configuration, text, place.level):
                return True
            if line.is_template:
                raise UnknownValue(f"{line.text} at {line.location}", line.location)
            return False
        case Blanked() | NginxDefault():
            return False


def _findings(
    name: str,
    header: str,
    holes: list[_Hole],
    places: Sequence[DjangoPlace],
    settings: Settings,
    source: SettingsSource | None,
) -> Iterator[Finding]:
    """One finding at the setting where no location is safe, else one for each location that is not."""
    fact = booted(settings, source, name)
    if len(holes) == len(places):
        yield Finding(
            message=f"`{name}` is on in {quoted(settings.module)}, and the proxy hands on what the client says in "
            f"`{header}`: {_effect(name)}.",
            location=settings_place(settings, source, name),
            symbol=f"settings.{name}",
            evidence=(fact, *(_evidence(hole) for hole in holes[:4]), *_seen(holes)),
            proof=_proof(holes),
            severity=_severity(name, settings, holes),
        )
        return
    for hole in holes:
        line = hole.directive
        yield Finding(
            message=f"{quoted(hole.place.location.title)} hands on what the client says in `{header}`, which Django "
            f"believes: {_effect(name)}.",
            location=hole.place.location.location if line is None else line.location,
            symbol=hole.place.location.symbol,
            evidence=(_evidence(hole), fact, *_seen([hole])),
            proof=_proof([hole]),
            severity=_severity(name, settings, [hole]),
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


def _seen(holes: list[_Hole]) -> list[Evidence]:
    found = [one for hole in holes for one in hole.attempts][:3]
    return [
        Evidence(f"{exchange_text(one.exchange)}: request.build_absolute_uri() = {one.absolute}")
        if one.changed
        else Evidence(f"{exchange_text(one.exchange)}: Django took that name, and ALLOWED_HOSTS refused it")
        for one in found
    ]


def _proof(holes: list[_Hole]) -> Proof:
    return Proof.PROVEN if any(hole.attempts for hole in holes) else Proof.INFERRED


def _severity(name: str, settings: Settings, holes: list[_Hole]) -> Severity:
    if name.endswith("PORT"):
        return Severity.LOW
    seen = [one for hole in holes for one in hole.attempts]
    if seen:
        return Severity.HIGH if any(one.changed for one in seen) else Severity.MEDIUM
    known = "ALLOWED_HOSTS" not in settings.injected and "ALLOWED_HOSTS" not in settings.samples
    return Severity.HIGH if known and not refuses_strangers(settings) else Severity.MEDIUM

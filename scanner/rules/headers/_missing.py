"""What the rules about one missing response header share: where it could come from, and what the live stack saw."""

from collections.abc import Callable
from dataclasses import dataclass

from scanner.facts.app_servers import AppServers
from scanner.facts.edge import DjangoPlace, django_places, judged
from scanner.facts.header_survey import HeaderSurvey, KindHeaders
from scanner.facts.nginx import Nginx
from scanner.facts.sent_headers import added_headers, dynamic_pages, is_lost, place_of_answer
from scanner.facts.settings import Settings
from scanner.model import Evidence, Proof


@dataclass(frozen=True)
class Edge:
    """The Django locations of the deployed configuration; those behind TLS where there are such."""

    places: tuple[DjangoPlace, ...]

    @classmethod
    def of(cls, nginx: Nginx | None, servers: AppServers | None, settings: Settings) -> "Edge":
        """The edge of a project; no place at all without a proxy."""
        found = [place for one in judged(nginx)[:1] for place in django_places(one, servers, settings)]
        return cls(tuple(place for place in found if place.over_tls) or tuple(found))

    def without(self, name: str, good: Callable[[str], bool]) -> tuple[DjangoPlace, ...]:
        """The locations whose answers lack a good value of that header, as far as the proxy goes.

        Those whose own ``add_header`` lines lost it are left out: that is a finding of its own. Raises UnknownValue
        when an include that nobody can read may add it.
        """
        return tuple(
            place
            for place in self.places
            if not any(good(one.value) for one in added_headers(place.configuration, place.level, name))
            and not is_lost(place.level, name)
        )


@dataclass(frozen=True)
class Seen:
    """What the live stack saw of Django's pages."""

    pages: tuple[KindHeaders, ...]
    lacking: tuple[KindHeaders, ...]
    proof: Proof


def seen(
    survey: HeaderSurvey | None, edge: Edge, name: str, good: Callable[[KindHeaders], bool], *, html: bool = False
) -> Seen:
    """The pages of the live stack, and those that lack the header for no other reason that has a rule."""
    pages = tuple(one for one in dynamic_pages(survey) if one.html or not html)
    lacking = tuple(
        one
        for one in pages
        if not good(one)
        and not ((place := place_of_answer(one, edge.places)) is not None and is_lost(place.level, name))
    )
    assumed = survey is not None and survey.assumed_edge
    return Seen(pages, lacking, Proof.PROVEN if lacking and not assumed else Proof.INFERRED)


def bare_places(edge: Edge, name: str) -> list[Evidence]:
    """The locations as evidence that the proxy adds nothing."""
    return [Evidence(f"{place.location.symbol}: no {name}", place.location.location) for place in edge.places[:3]]

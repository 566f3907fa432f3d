"""Do directories list their files?"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from scanner.facts.app_servers import AppServers
from scanner.facts.directory_listing import DirectoryListing, ListingSeen
from scanner.facts.live_stack import LiveStack
from scanner.facts.nginx import Nginx
from scanner.facts.settings import Settings
from scanner.facts.stack_identity import StackIdentity
from scanner.model import Door, Request, probe
from scanner.probes.answers import body_of, is_gateway_error, outcome, status_of
from scanner.probes.asking import Headers, main_way, question, site_path
from scanner.probes.pacing import ask_all
from scanner.probes.routes import Routes

NAME: Final = "directory-listing"
_MAX_QUESTIONS: Final = 60


@dataclass(frozen=True)
class _Asked:
    target: str
    host: str
    request: Request
    shows: bytes
    """What a listing has in it: the name of a canary that the request does not name."""


@probe()
def directory_listing(
    live: LiveStack,
    _identity: StackIdentity,
    settings: Settings | None,
    nginx: Nginx | None,
    servers: AppServers | None,
) -> DirectoryListing:
    """Ask for directories; only the name of a canary in the answer proves a listing."""
    routes = Routes(live, nginx, servers)
    asked = tuple(_questions(live, settings, routes))[:_MAX_QUESTIONS]
    listed: list[ListingSeen] = []
    refused: list[str] = []
    not_asked: list[str] = []
    for one, exchange in zip(asked, ask_all(live, NAME, tuple(one.request for one in asked)), strict=True):
        status = status_of(exchange)
        if is_gateway_error(exchange):
            not_asked.append(f"{outcome(exchange)}: the application does not answer")
        elif status == 200 and one.shows in body_of(exchange):
            place = routes.location(one.request.door, one.host, one.target)
            listed.append(ListingSeen(one.target, status, place, exchange))
        else:
            refused.append(one.target)
    return DirectoryListing(tuple(listed), tuple(dict.fromkeys(refused)), tuple(not_asked))


def _questions(live: LiveStack, settings: Settings | None, routes: Routes) -> Iterator[_Asked]:
    way = main_way(live, settings)
    marker = f"seatrial-{live.nonce}".encode()
    seen: set[tuple[Door, str, str]] = set()

    def ask(door: Door, host: str, target: str, shows: bytes) -> Iterator[_Asked]:
        if (door, host, target) not in seen:
            seen.add((door, host, target))
            headers: Headers = way.headers if way.door == door else ()
            yield _Asked(target, host, question(door, target, host, headers=headers), shows)

    static, media = site_path(live.static_url, live), site_path(live.media_url, live)
    bases = [base for base in (static, media) if base and base.endswith("/")]
    for base in dict.fromkeys((*bases, "/")):
        yield from ask(way.door, live.site.name, base, marker)
    for files in routes.served:
        if files.url is not None:
            yield from ask(files.door, files.name, f"{files.url}/", marker)
            yield from ask(files.door, files.name, f"{files.url}/seatrial-{live.nonce}-folder/", b"inside.txt")
    if media and media.endswith("/"):
        yield from ask(way.door, live.site.name, f"{media}seatrial-{live.nonce}-folder/", b"inside.txt")

"""Can a path write lines of its own into a header?"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from scanner.facts.app_servers import AppServers
from scanner.facts.header_injection import HeaderInjection, InjectionAttempt
from scanner.facts.live_stack import LiveStack
from scanner.facts.nginx import Nginx
from scanner.facts.splitting import Into, Splitting, splittings
from scanner.model import Exchange, NoResponse, NotApplicable, Request, Response, probe
from scanner.nginx.effective import Modifier
from scanner.probes.answers import is_gateway_error, our_echo, outcome, status_of
from scanner.probes.asking import mark, question, require_own_proxy
from scanner.probes.pacing import ask_all
from scanner.probes.routes import Routes

NAME: Final = "header-injection"
MAX_LINES: Final = 12
_PLAIN: Final = re.compile(r"[A-Za-z0-9_/.-]*")


@dataclass(frozen=True)
class _Asked:
    one: Splitting
    target: str
    request: Request


@probe()
def header_injection(live: LiveStack, nginx: Nginx | None, servers: AppServers | None) -> HeaderInjection:
    """Put line ends into the paths of the lines that copy them.

    Raises NotApplicable where no line of the project's proxy copies the decoded path.
    """
    require_own_proxy(live, nginx)
    found = tuple(splittings(nginx.main))[:MAX_LINES] if nginx is not None else ()
    if not found:
        raise NotApplicable("no line of the proxy puts the decoded path into a header")
    routes = Routes(live, nginx, servers)
    not_asked: list[str] = []
    asked: list[_Asked] = []
    for one in found:
        questions = [*_questions(live, routes, one)]
        asked += questions
        if not questions:
            not_asked.append(f"{one.directive.text} at {one.directive.location}: no path is known that shows it")
    attempts: list[InjectionAttempt] = []
    for ask, exchange in zip(asked, ask_all(live, NAME, tuple(one.request for one in asked)), strict=True):
        attempt = _attempt(live, ask, exchange)
        if attempt.injected or _shows(ask, exchange):
            attempts.append(attempt)
        else:
            not_asked.append(outcome(exchange))
    return HeaderInjection(tuple(attempts), tuple(dict.fromkeys(not_asked)))


def _shows(ask: _Asked, exchange: Exchange) -> bool:
    """Whether an answer without the header refutes it.

    A refusal of the request does not, nor does what the application makes of a request line that came in two.
    """
    refused = isinstance(exchange.answer, NoResponse) or status_of(exchange) == 400 or is_gateway_error(exchange)
    return not refused and ask.one.into is not Into.REQUEST_LINE


def _name(live: LiveStack) -> str:
    return f"X-Seatrial-{live.nonce}"


def _questions(live: LiveStack, routes: Routes, one: Splitting) -> Iterator[_Asked]:
    """The first path that leads to the line, by the first door of its server.

    What is written into a header to the application is not asked: no answer would show it.
    """
    way = routes.way_to(one.server)
    if way is None or one.into is Into.REQUEST:
        return
    door, host = way
    for target in _targets(live, one):
        if one.location is None or routes.place(door, host, target) is one.location:
            yield _Asked(one, target, question(door, target, host))
            return


def _targets(live: LiveStack, one: Splitting) -> Iterator[str]:
    lines = f"%0d%0a{_name(live)}:%201"
    for prefix in _prefixes(one):
        if one.into is Into.REQUEST_LINE:
            # The request line ends early, the header follows, and the rest of the line becomes another one.
            yield f"{mark(live, 'echo', prefix)}%20HTTP/1.0{lines}%0d%0aX-Rest:%20"
        else:
            yield f"{prefix}/a{lines}"
            yield f"{prefix}/a{lines}/"
            yield f"{prefix}/a{lines}/a"
            yield f"{prefix}{lines}"


def _prefixes(one: Splitting) -> Iterator[str]:
    """Starts of paths that the line's location takes, without a final slash."""
    place = one.location
    if place is None or place.named:
        yield ""
    elif place.modifier in {Modifier.PREFIX, Modifier.PREFIX_FIRST}:
        yield place.pattern.rstrip("/")
    elif place.is_regex:
        head = _PLAIN.match(place.pattern.removeprefix("^").replace("\\", ""))
        yield (head[0] if head is not None else "").rstrip("/")


def _attempt(live: LiveStack, ask: _Asked, exchange: Exchange) -> InjectionAttempt:
    name = _name(live)
    echo = our_echo(exchange, live)
    headers = exchange.answer.headers if isinstance(exchange.answer, Response) else ()
    in_answer = any(key.lower() == name.lower() for key, _ in headers)
    in_request = echo is not None and "HTTP_" + name.upper().replace("-", "_") in echo.headers
    return InjectionAttempt(
        target=ask.target,
        location=ask.one.location.location if ask.one.location is not None else ask.one.server.location,
        directive=ask.one.directive.location,
        header=name,
        injected=in_request if ask.one.into is Into.REQUEST_LINE else in_answer,
        status=status_of(exchange),
        exchange=exchange,
    )

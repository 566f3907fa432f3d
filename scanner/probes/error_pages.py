"""What do the site's error pages show?"""

from collections.abc import Iterator
from typing import Final

from scanner.facts.error_pages import ErrorPage, ErrorPages
from scanner.facts.live_stack import LiveStack
from scanner.facts.settings import Settings
from scanner.facts.stack_identity import Reached, StackIdentity
from scanner.model import ControlFailed, Exchange, NoResponse, Request, clean, probe
from scanner.probes.answers import is_gateway_error, outcome
from scanner.probes.asking import AS_HOST, main_way, mark, question, require_started
from scanner.probes.pacing import ask_all

NAME: Final = "error-pages"
DEBUG_MARKERS: Final = (
    "DEBUG = True</code>",
    "Django tried these URL patterns",
    "Using the URLconf defined in",
    'id="traceback"',
    "Django Version:",
    "Python Executable:",
    "Reason given for failure",
)
"""Texts of Django's technical pages (django/views/debug.py, csrf.py); one alone may be chance."""
LEAK_MARKERS: Final = ("Traceback (most recent call last)", "__debugger__")


@probe()
def error_pages(live: LiveStack, identity: StackIdentity, settings: Settings | None) -> ErrorPages:
    """Provoke a 404, a refused Host, an exception and a refused token.

    The Host has an underscore, which Django refuses even where ALLOWED_HOSTS takes every name.
    """
    require_started(live)
    not_asked = [] if identity.reached is not Reached.NONE else [f"boom, no-token: {identity.why_not}"]
    asked = tuple(_questions(live, identity, settings))
    exchanges = ask_all(live, NAME, tuple(request for _, request in asked))
    pages: list[ErrorPage] = []
    for (trigger, _), exchange in zip(asked, exchanges, strict=True):
        if isinstance(exchange.answer, NoResponse) or is_gateway_error(exchange):
            not_asked.append(f"{trigger}: {outcome(exchange)}")
        else:
            pages.append(_page(trigger, exchange))
    if not any(page.trigger == "not-found" for page in pages):
        raise ControlFailed(f"a page that is not there cannot be asked for: {outcome(exchanges[0])}", exchanges[0])
    return ErrorPages(tuple(pages), tuple(not_asked))


def _questions(live: LiveStack, identity: StackIdentity, settings: Settings | None) -> Iterator[tuple[str, Request]]:
    way, name = main_way(live, settings), live.site.name
    prefix = identity.prefixes[0] if identity.prefixes else ""
    sni = name if way.door.scheme == "https" else AS_HOST
    yield "not-found", question(way.door, f"{prefix}/__nope_{live.nonce}/", name, headers=way.headers)
    bad = f"probe_{live.nonce}.invalid"
    yield "bad-host", question(way.door, f"{prefix}/", bad, headers=way.headers[:2], sni=sni)
    plain = live.door("http")
    if plain is not None and plain != way.door:
        yield "bad-host", question(plain, f"{prefix}/", bad)
    if identity.reached is not Reached.NONE:
        yield "boom", question(way.door, mark(live, "boom", prefix), name, headers=way.headers)
        target = mark(live, "post", prefix)
        yield "no-token", question(way.door, target, name, method="POST", headers=way.headers, body=b"a=1")


def _page(trigger: str, exchange: Exchange) -> ErrorPage:
    answer = exchange.answer
    if isinstance(answer, NoResponse):
        raise TypeError("an error page needs an answer")
    text = answer.body.decode("utf-8", "replace")
    debug = tuple(marker for marker in DEBUG_MARKERS if marker in text)
    leaks = tuple(marker for marker in LEAK_MARKERS if marker in text)
    return ErrorPage(
        trigger=trigger,
        door=exchange.request.door,
        status=answer.status,
        debug_markers=debug,
        leak_markers=() if len(debug) >= 2 else leaks,
        length=len(answer.body),
        content_type=clean(answer.value("Content-Type") or ""),
        exchange=exchange,
    )

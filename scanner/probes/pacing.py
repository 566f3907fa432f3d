"""Sending what probes ask; requests that the proxy's own rate limit turned away are sent again, slowly."""

import time
from typing import Final

from scanner.facts.live_stack import LiveStack
from scanner.model import Exchange, Request
from scanner.probes.answers import is_limited

FIRST_PAUSE: Final = 0.1
"""Seconds; three times as long after each refusal."""
LONGEST_PAUSE: Final = 0.9
_TRIES: Final = 3
_GIVE_UP: Final = 2
"""So many questions refused one after another: it is no limit that waiting helps against."""


def ask(live: LiveStack, probe: str, request: Request) -> Exchange:
    """One request."""
    return ask_all(live, probe, (request,))[0]


def ask_all(live: LiveStack, probe: str, requests: tuple[Request, ...]) -> tuple[Exchange, ...]:
    """Several at a time; the answers are in the order of the requests.

    Probes ask far more in a second than a visitor. Where ``limit_req`` or ``limit_conn`` refuses some of it, that says
    nothing about what was asked, so it is asked again as slowly as a visitor would.
    """
    exchanges = list(live.sender.send_all(probe, requests))
    refused = 0
    for index in [index for index, exchange in enumerate(exchanges) if is_limited(exchange)]:
        again = _slowly(live, probe, requests[index])
        refused = 0 if again is not None else refused + 1
        if refused >= _GIVE_UP:
            break
        exchanges[index] = again or exchanges[index]
    return tuple(exchanges)


def _slowly(live: LiveStack, probe: str, request: Request) -> Exchange | None:
    pause = FIRST_PAUSE
    for _ in range(_TRIES):
        time.sleep(pause)
        exchange = live.sender.send(probe, request)
        if not is_limited(exchange):
            return exchange
        pause = min(pause * 3, LONGEST_PAUSE)
    return None

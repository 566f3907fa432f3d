"""Who may open a websocket?"""

import re
from typing import Final

from scanner.facts.app_servers import AppServers
from scanner.facts.live_stack import LiveStack
from scanner.facts.nginx import Nginx
from scanner.facts.python_source import PythonSource, WebsocketPath
from scanner.facts.settings import Settings
from scanner.facts.stack_identity import StackIdentity
from scanner.facts.upgrades import UpgradeAttempt, Upgrades
from scanner.model import Exchange, NotApplicable, Request, probe
from scanner.probes.answers import outcome, status_of
from scanner.probes.asking import evil_name, main_way, question, require_started
from scanner.probes.pacing import ask_all
from scanner.probes.routes import Routes

NAME: Final = "upgrades"
_MOST_PATHS: Final = 6
_SWITCHED: Final = 101
_KEY: Final = "c2VhdHJpYWwtaGFuZHNoYQ=="
"""Sixteen bytes (RFC 6455); what the server makes of them is not looked at."""
_PARAMETER: Final = re.compile(r"<[^<>]*>")
_GROUP: Final = re.compile(r"\((?:\?P<\w+>|\?:)?[^()]*\)[?*+]?")
_PLAIN: Final = re.compile(r"[A-Za-z0-9_\-./]+")


@probe(disturbs=True)
def upgrades(
    live: LiveStack,
    _identity: StackIdentity,
    settings: Settings,
    python: PythonSource,
    nginx: Nginx | None,
    servers: AppServers | None,
) -> Upgrades:
    """Shake hands at each route to a consumer, as a page of the site and as a page of a stranger."""
    targets = tuple(dict.fromkeys(filter(None, map(_target, python.websocket_paths))))[:_MOST_PATHS]
    if not targets:
        raise NotApplicable("the code routes no websockets")
    require_started(live)
    way = main_way(live, settings)
    own, evil = f"{way.door.scheme}://{live.site.name}", f"{way.door.scheme}://{evil_name(live)}"
    asked = [(target, origin) for target in targets for origin in (own, evil)]
    exchanges = ask_all(live, NAME, tuple(_request(live, settings, *one) for one in asked))
    answers = dict(zip(asked, exchanges, strict=True))
    # Where not even the site's own page is let in, a refusal says nothing of the Origin.
    usable = [target for target in targets if status_of(answers[target, own]) == _SWITCHED]
    routes = Routes(live, nginx, servers)

    def attempt(target: str, origin: str, exchange: Exchange) -> UpgradeAttempt:
        place = routes.location(way.door, live.site.name, target)
        return UpgradeAttempt("websocket", target, origin, origin == own, status_of(exchange), place, exchange)

    return Upgrades(
        tuple(attempt(*key, exchange) for key, exchange in answers.items() if key[0] in usable),
        tuple(outcome(answers[target, own]) for target in targets if target not in usable),
    )


def _target(path: WebsocketPath) -> str | None:
    """A request target that a route takes; None where its expression is not plain."""
    text = _GROUP.sub("1", path.pattern) if path.regex else _PARAMETER.sub("1", path.pattern)
    text = text.rstrip("$").replace("\\", "").removesuffix("?")
    return f"/{text}" if _PLAIN.fullmatch(text) else None


def _request(live: LiveStack, settings: Settings, target: str, origin: str) -> Request:
    way = main_way(live, settings)
    headers = (
        *way.headers,
        ("Origin", origin),
        ("Connection", "Upgrade"),
        ("Upgrade", "websocket"),
        ("Sec-WebSocket-Version", "13"),
        ("Sec-WebSocket-Key", _KEY),
    )
    return question(way.door, target, live.site.name, headers=headers)

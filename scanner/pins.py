"""Which station of the request's way a finding belongs to."""

from dataclasses import replace

from scanner.model import RequestPath, Scoped

_BY_TOPIC = {
    "settings": "django",
    "hosts": "django",
    "cookies": "django",
    "secrets": "django",
    "https": "proxy",
    "headers": "proxy",
    "proxy_trust": "proxy",
    "files": "proxy",
    "exposure": "proxy",
    "process": "app-server",
}
_RUN = frozenset({"app-server", "django"})
_STARTED = frozenset({"client", "proxy", "app-server", "django"})


def pin(path: RequestPath, topic: str, finding: Scoped) -> str | None:
    """The id of the hop to which a finding belongs; None for what belongs to none.

    A service of a Compose file is a hop only by its name: the other services stand in the same file. Everything else
    belongs to the hop whose file holds its place, or to that of its topic.
    """
    symbol, place = finding.finding.symbol, finding.finding.location
    if symbol.startswith("service "):
        store = f"store {symbol.split(' ')[1]}"
        if any(hop.id == store for hop in path.hops):
            return store
        if topic == "containers" and not any(hop.path == place.path and hop.kind in _RUN for hop in path.hops):
            return None
    for hop in path.hops:
        if hop.kind != "store" and hop.path is not None and hop.path == place.path:
            return hop.id
    kind = "app-server" if symbol.startswith("service ") else _BY_TOPIC.get(topic)
    return next((hop.id for hop in path.hops if hop.kind == kind), None)


def started_hops(path: RequestPath, started: bool) -> RequestPath:  # noqa: FBT001 - its only question
    """The path with the hops marked that the throwaway stack really started."""
    return replace(path, hops=tuple(replace(hop, started=started and hop.kind in _STARTED) for hop in path.hops))

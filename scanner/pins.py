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
_STARTED = frozenset({"client", "proxy", "app-server", "django"})


def pin(path: RequestPath, topic: str, finding: Scoped) -> str | None:
    """The id of the hop whose file holds the finding's place, else the topic's; None for what belongs to no hop."""
    for hop in path.hops:
        if hop.path is not None and hop.path == finding.finding.location.path:
            return hop.id
    kind = _BY_TOPIC.get(topic)
    return next((hop.id for hop in path.hops if hop.kind == kind), None)


def started_hops(path: RequestPath, started: bool) -> RequestPath:  # noqa: FBT001 - its only question
    """The path with the hops marked that the throwaway stack really started."""
    return replace(path, hops=tuple(replace(hop, started=started and hop.kind in _STARTED) for hop in path.hops))

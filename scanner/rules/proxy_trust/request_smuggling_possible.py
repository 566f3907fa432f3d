"""A request can be hidden in the body of another one.

## Why is this bad
Where two servers disagree about the end of a request, what one takes for a body is the next request to the other: it
passes the proxy's rules, and its answer goes to another visitor.

## Bad
    POST / HTTP/1.1
    Content-Length: 60
    Transfer-Encoding: chunked          -> 200, and the request in the body is answered

## Good
    POST / HTTP/1.1
    Content-Length: 60
    Transfer-Encoding: chunked          -> 400

## References
- https://www.rfc-editor.org/rfc/rfc9112#section-11.2
- https://portswigger.net/web-security/request-smuggling
- CWE-444
"""

from collections.abc import Iterator

from scanner.facts.app_servers import AppServer, AppServers
from scanner.facts.exchange_text import exchange_text
from scanner.facts.request_smuggling import RequestSmuggling, SmugglingAttempt
from scanner.model import Evidence, Finding, Location, Proof, Severity, quoted, rule


@rule(severity=Severity.HIGH)
def check(smuggling: RequestSmuggling, servers: AppServers | None) -> Iterator[Finding]:
    answered = [one for one in smuggling.attempts if one.hidden_answered]
    through = [one for one in answered if one.through_edge]
    app = servers.main if servers else None
    if through:
        yield _finding(through, app, "through the proxy", Severity.HIGH)
    elif answered:
        yield _finding(answered, app, "by the application server; the proxy in front refuses it", Severity.MEDIUM)


def _finding(found: list[SmugglingAttempt], app: AppServer | None, where: str, severity: Severity) -> Finding:
    variants = ", ".join(quoted(one) for one in dict.fromkeys(one.variant for one in found))
    return Finding(
        message=f"A request that is hidden in the body of another one is answered {where}: {variants}.",
        location=app.location if app is not None else Location("manage.py"),
        symbol=app.artefact if app is not None else "application server",
        evidence=tuple(
            Evidence(f"{exchange_text(one.exchange)} (answers: {', '.join(map(str, one.statuses))})")
            for one in found[:4]
        ),
        proof=Proof.PROVEN,
        severity=severity,
    )

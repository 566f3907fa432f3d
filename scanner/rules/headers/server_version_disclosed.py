"""The site tells which version of nginx it runs.

## Why is this bad
A version number in `Server` and on error pages tells everybody which published faults are worth a try.

## Bad
    server_tokens on;        # the default

## Good
    server_tokens off;       # once, at http level

## References
- https://nginx.org/en/docs/http/ngx_http_core_module.html#server_tokens
- CWE-200
"""

import re
from collections.abc import Iterator

from scanner.facts.edge import judged, same_place
from scanner.facts.exchange_text import exchange_text
from scanner.facts.header_survey import HeaderSurvey, KindHeaders
from scanner.facts.nginx import Nginx
from scanner.facts.sent_headers import level_symbol
from scanner.model import Evidence, Finding, Fix, Location, Proof, Severity, UnknownValue, quoted, rule
from scanner.nginx.effective import Configuration, Directive, Server

_NUMBER = re.compile(r"\d+\.\d+")
_TELLING = ("Server", "X-Powered-By", "Via")


@rule(severity=Severity.LOW)
def check(nginx: Nginx, survey: HeaderSurvey | None) -> Iterator[Finding]:
    unknown: list[UnknownValue] = []
    for configuration in judged(nginx):
        seen: set[Location] = set()
        answers = survey.seen if survey is not None and configuration is nginx.main else ()
        for server in configuration.servers:
            if not configuration.is_choosable(server):
                continue
            try:
                finding = _judge(configuration, server, answers)
            except UnknownValue as error:
                unknown.append(error)
                continue
            if finding is not None and finding.location not in seen:
                seen.add(finding.location)
                yield finding
    if unknown:
        raise unknown[0]


def _judge(configuration: Configuration, server: Server, answers: tuple[KindHeaders, ...]) -> Finding | None:
    tokens = server.effective("server_tokens")
    line = tokens.value
    if (line is not None and line.arg(0) in {"off", ""}) or _renamed(server):
        return None
    here = [one for one in answers if _is_of(server, one)]
    telling = [one for one in here if _versions(one)]
    if here and not telling:
        return None
    if line is None:
        _require_known(configuration, server)
    elif line.is_template:
        raise UnknownValue(f"{line.text} at {line.location}", line.location)
    where, symbol = _place(configuration, server, line)
    what = quoted(line.text) if line is not None else "`server_tokens` is not set and its default is on"
    evidence = [Evidence(line.text if line is not None else f"{server.symbol}: no server_tokens", where)]
    evidence += [Evidence(exchange_text(one.exchange, *_TELLING)) for one in telling[:2]]
    return Finding(
        message=f"The answers of {quoted(server.symbol)} tell nginx's version: {what}.",
        location=where,
        symbol=symbol,
        evidence=tuple(evidence),
        proof=Proof.PROVEN if telling else Proof.INFERRED,
        fix=_fix(line),
    )


def _renamed(server: Server) -> bool:
    """The headers-more module takes the header away or gives it another value."""
    cleared = [text for item in server.effective("more_clear_headers").values for text in item.args]
    changed = [text.partition(":")[0] for item in server.effective("more_set_headers").values for text in item.args]
    return any(text.strip().lower() == "server" for text in (*cleared, *changed))


def _is_of(server: Server, answer: KindHeaders) -> bool:
    """Whether an answer of the live stack went through one of the server's own locations."""
    return any(same_place(location.location, answer.location) for location in server.locations)


def _versions(answer: KindHeaders) -> list[str]:
    return [value for name in _TELLING for value in answer.values(name) if _NUMBER.search(value)]


def _require_known(configuration: Configuration, server: Server) -> None:
    """Raise UnknownValue where a file that is not in the repository may set it."""
    missing = server.effective("server_tokens").unknown
    if missing:
        raise UnknownValue(f"{missing[0].text} at {missing[0].location} may set server_tokens", missing[0].location)
    if not configuration.complete and not configuration.sealed:
        raise UnknownValue(f"server_tokens of the nginx.conf around {configuration.name}: it is not in the repository")


def _place(configuration: Configuration, server: Server, line: Directive | None) -> tuple[Location, str]:
    """The line to edit: the directive, else the ``http`` block, else the server."""
    if line is not None:
        level = server.effective("server_tokens").level
        return line.location, f"{level_symbol(level)} server_tokens"
    if configuration.http.opener is not None and configuration.complete:
        return configuration.http.location, "http server_tokens"
    return server.location, f"{server.symbol} server_tokens"


def _fix(line: Directive | None) -> Fix | None:
    if line is None or line.known is not None or line.is_template:
        return None
    text = line.source.lines[line.head_line - 1].rstrip("\r")
    if text.count("server_tokens") != 1 or text.count(";") != 1:
        return None
    before = text.partition("server_tokens")[0]
    after = text.partition(";")[2]
    return Fix(line.location.path, line.head_line, line.head_line, (f"{before}server_tokens off;{after}",))

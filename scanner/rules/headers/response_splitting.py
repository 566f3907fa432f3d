r"""A path can write lines of its own into a header.

## Why is this bad
nginx decodes `%0d%0a` in a path. A variable that holds the decoded path, put into a header or a request line, ends
that line where the client wants: further headers, another answer, or another request to the application follow.

## Bad
    return 301 https://$host$uri;

    location ~ ^/files/([^/]+) {
        proxy_pass http://storage/$1;
    }

## Good
    return 301 https://$host$request_uri;

    location ~ ^/files/([A-Za-z0-9_-]+)$ {
        proxy_pass http://storage/$1;
    }

## References
- https://nginx.org/en/docs/http/ngx_http_core_module.html#var_request_uri
- CWE-113, CWE-93
"""

from collections.abc import Iterator

from scanner.facts.edge import judged
from scanner.facts.exchange_text import exchange_text
from scanner.facts.header_injection import HeaderInjection, InjectionAttempt
from scanner.facts.nginx import Nginx
from scanner.facts.sent_headers import level_symbol
from scanner.facts.splitting import DECODED, Splitting, splittings
from scanner.model import Evidence, Finding, Fix, Proof, Severity, quoted, rule
from scanner.nginx.captures import Leaf
from scanner.nginx.effective import Directive


@rule(severity=Severity.HIGH)
def check(nginx: Nginx, injection: HeaderInjection | None) -> Iterator[Finding]:
    for configuration in judged(nginx):
        asked = injection.attempts if injection is not None and configuration is nginx.main else ()
        for one in splittings(configuration):
            here = [attempt for attempt in asked if attempt.directive == one.directive.location]
            proven = [attempt for attempt in here if attempt.injected]
            if proven or not here:
                yield _finding(one, proven)


def _finding(one: Splitting, proven: list[InjectionAttempt]) -> Finding:
    directive, leaf = one.directive, one.leaf
    name = f"${leaf.name}"
    what = f"{quoted(name)} of {quoted(directive.text)} is the decoded path"
    evidence = [Evidence(directive.text, directive.location)]
    if leaf.capture is not None and leaf.capture.by is not None:
        what = (
            f"{quoted(name)} of {quoted(directive.text)} can hold a line end: {quoted(leaf.capture.group)} captures it"
        )
        evidence.append(Evidence(leaf.capture.by.text, leaf.capture.by.location))
    elif leaf.name not in DECODED:
        what = f"{quoted(name)} of {quoted(directive.text)} can hold a line end"
    sent = "%0a" if one.line_end == "\n" else "%0d"
    evidence += [Evidence(exchange_text(attempt.exchange, attempt.header)) for attempt in proven[:2]]
    return Finding(
        message=f"A path with {quoted(sent)} in it writes into {one.into}: {what}.",
        location=directive.location,
        symbol=f"{level_symbol(one.level)} {directive.name}",
        evidence=tuple(evidence),
        proof=Proof.PROVEN if proven else Proof.INFERRED,
        fix=_fix(directive, leaf),
    )


def _fix(directive: Directive, leaf: Leaf) -> Fix | None:
    """``$request_uri`` in the place of ``$uri`` at the end of a redirect, where that is all there is to it."""
    if directive.name != "return" or leaf.name not in DECODED or directive.known is not None or directive.is_template:
        return None
    number = directive.head_line
    line = directive.source.lines[number - 1].rstrip("\r")
    written = f"${leaf.name}"
    for ending in (f"{written}$is_args$args", f"{written}$is_args$query_string", written):
        if directive.args[-1].endswith(ending) and line.count(ending) == 1 and line.count(written) == 1:
            return Fix(directive.location.path, number, number, (line.replace(ending, "$request_uri"),))
    return None

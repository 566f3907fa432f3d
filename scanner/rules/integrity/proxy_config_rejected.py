"""nginx refuses the proxy's configuration.

## Why is this bad
nginx does not start with such a file. On a running server it keeps the old configuration, so that what the repository
says is not what protects the site.

## Bad
    server {
        listen 443 ssl
        server_name shop.example;
    }

## Good
    server {
        listen 443 ssl;
        server_name shop.example;
    }

## References
- https://nginx.org/en/docs/switches.html
- CWE-16
"""

import re
from collections.abc import Iterator

from scanner.facts.nginx import Nginx
from scanner.facts.proxy_test import Message, MessageClass, ProxyTest
from scanner.model import Evidence, Finding, LayerMissing, Location, Proof, Severity, Unavailable, quoted, rule

_CONFLICT = re.compile(r'conflicting server name "[^"]*"')
_OUR_LIMITS = ("not read", "not followed")
_FATAL = frozenset({"emerg", "crit", "alert"})


@rule(severity=Severity.HIGH, needs_one_of=(ProxyTest, Nginx))
def check(nginx: Nginx | None, test: ProxyTest | None) -> Iterator[Finding]:
    if test is None:
        yield from _from_files(nginx)
        raise LayerMissing("nginx itself was not asked about its configuration")
    for message in test.messages:
        if message.kind is MessageClass.FINDING and message.level in _FATAL:
            yield _refused(message, nginx, test)
        elif message.kind in {MessageClass.EVIDENCE, MessageClass.FINDING} and _CONFLICT.match(message.text):
            yield _conflict(message, nginx, test)
    if test.our_cause:
        raise Unavailable(test.our_cause)
    unchecked = [one for one in test.messages if one.kind is MessageClass.NOT_CHECKED]
    if unchecked and not test.accepted:
        raise Unavailable(f"not checked: {unchecked[0].text}")


def _from_files(nginx: Nginx | None) -> Iterator[Finding]:
    """What our own reader of the file could not make sense of, in nginx's words; its own limits are no fault."""
    if nginx is None:
        return
    templates = {file.path for file in nginx.main.tree.files if file.is_template}
    for problem in nginx.problems:
        if problem.location.path in templates or problem.message.endswith(_OUR_LIMITS):
            continue
        yield Finding(
            message=f"nginx refuses {quoted(problem.location.path)}: {quoted(problem.message)}.",
            location=problem.location,
            symbol=problem.location.path,
            evidence=(Evidence(problem.message, problem.location),),
        )
        return


def _place(message: Message, nginx: Nginx | None) -> Location:
    if message.location is not None:
        return message.location
    return Location(nginx.main.name if nginx is not None and nginx.main.name else "nginx.conf")


def _refused(message: Message, nginx: Nginx | None, test: ProxyTest) -> Finding:
    place = _place(message, nginx)
    return Finding(
        message=f"nginx refuses {quoted(place.path)}: {quoted(message.text)}.",
        location=place,
        symbol=place.path,
        evidence=(Evidence(f"nginx {test.nginx_version}: [{message.level}] {message.text}", message.location),),
        proof=Proof.PROVEN,
    )


def _conflict(message: Message, nginx: Nginx | None, test: ProxyTest) -> Finding:
    place = _place(message, nginx)
    return Finding(
        message=f"A server never answers, because another one has its name: {quoted(message.text)}.",
        location=place,
        symbol=f"{place.path} server name",
        evidence=(Evidence(f"nginx {test.nginx_version}: [{message.level}] {message.text}", message.location),),
        proof=Proof.PROVEN,
        severity=Severity.LOW,
    )

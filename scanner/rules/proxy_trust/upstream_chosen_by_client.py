"""The client chooses the host that the proxy asks.

## Why is this bad
Whoever can write the upstream's address makes the proxy ask internal services, cloud metadata or any host on the
Internet, and gets their answers.

## Bad
    location /fetch/ {
        proxy_pass http://$arg_host;
    }

## Good
    location /fetch/ {
        proxy_pass http://storage;
    }

## References
- https://nginx.org/en/docs/http/ngx_http_proxy_module.html#proxy_pass
- CWE-918
"""

from collections.abc import Iterator

from scanner.facts.answering import answering_levels
from scanner.facts.edge import judged
from scanner.facts.nginx import Nginx
from scanner.facts.sent_headers import level_symbol
from scanner.model import Evidence, Finding, Location, Severity, quoted, rule
from scanner.nginx.captures import Leaf, leaves
from scanner.nginx.effective import Configuration, Level, LocationBlock, Server
from scanner.nginx.values import names_in

_PREFIXES = ("http_", "arg_", "cookie_")
_NAMES = frozenset({"args", "query_string", "request_body", "remote_user", "request"})
_PATHS = ("$uri", "$document_uri", "$request_uri", "${uri}", "${document_uri}", "${request_uri}")
_OF_THE_CLIENT = frozenset({"uri", "document_uri", "request_uri", "args", "query_string", "host", "http_host"})


@rule(severity=Severity.HIGH)
def check(nginx: Nginx) -> Iterator[Finding]:
    for configuration in judged(nginx):
        seen: set[Location] = set()
        for level, location in answering_levels(configuration):
            proxy = configuration.proxy(level) if location is not None else None
            if location is None or proxy is None or proxy.directive.location in seen or proxy.kind == "memcached":
                continue
            if proxy.destination.is_template and not proxy.destination.variables:
                continue
            chosen = _chosen(configuration, level, location, proxy.directive.arg(0))
            if chosen is not None:
                seen.add(proxy.directive.location)
                yield Finding(
                    message=f"The client chooses the host behind {quoted(proxy.directive.text)}: {_why(chosen)}.",
                    location=proxy.directive.location,
                    symbol=f"{level_symbol(level)} {proxy.directive.name}",
                    evidence=tuple(_evidence(proxy.directive.text, proxy.directive.location, chosen)),
                )


def _chosen(configuration: Configuration, level: Level, location: LocationBlock, text: str) -> Leaf | None:
    """The client's variable in the host part of an address."""
    known = {leaf.name: leaf for leaf in leaves(text, level, configuration.maps)}
    for value in configuration.possible_values(text, level):
        for name in names_in(_host_part(value)):
            leaf = known.get(name)
            if leaf is not None and _is_the_clients(configuration, location.server, leaf):
                return leaf
    return None


def _host_part(text: str) -> str:
    """What stands between the scheme and the path; nginx's own variables of a path begin with a slash."""
    scheme, separator, rest = text.partition("://")
    if not separator or "$" in scheme:  # whoever writes the scheme may write "http://somewhere/" there
        rest = text
    if rest.startswith("/"):
        return ""
    ends = [position for sign in ("/", *_PATHS) if (position := rest.find(sign)) > 0]
    return rest[: min(ends)] if ends else rest


def _is_the_clients(configuration: Configuration, server: Server, leaf: Leaf) -> bool:
    if leaf.capture is not None:
        subject = leaf.capture.subject.strip("${}")
        of_client = subject in _OF_THE_CLIENT or subject.startswith(_PREFIXES)
        return of_client and not leaf.capture.fixed
    if leaf.name == "host":
        return _answers_strangers(configuration, server)
    return leaf.name.startswith(_PREFIXES) or leaf.name in _NAMES or f"${leaf.name}" in _PATHS


def _answers_strangers(configuration: Configuration, server: Server) -> bool:
    """Whether a request whose Host nobody declares comes to the server, or one of its names is a pattern."""
    if any(not name.is_concrete and name.text not in {"", "_", "localhost"} for name in server.names):
        return True
    return any(socket.default_server is server for socket in configuration.sockets_for(server))


def _why(leaf: Leaf) -> str:
    name = quoted(f"${leaf.name}")
    if leaf.capture is not None and leaf.capture.by is not None:
        return f"{name} is what {quoted(leaf.capture.group)} captures"
    if leaf.name == "host":
        return f"{name} is the name that the client asks for, and this server answers for any"
    return f"{name} is written by the client"


def _evidence(text: str, location: Location, leaf: Leaf) -> Iterator[Evidence]:
    yield Evidence(text, location)
    if leaf.capture is not None and leaf.capture.by is not None:
        yield Evidence(leaf.capture.by.text, leaf.capture.by.location)

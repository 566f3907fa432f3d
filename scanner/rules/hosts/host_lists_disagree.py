"""The names that the proxy serves and those that Django accepts differ.

## Why is this bad
Django answers 400 to every request for a name that the proxy serves and `ALLOWED_HOSTS` lacks. A name that only Django
knows is a leftover: whoever gets hold of it may send requests and, from `CSRF_TRUSTED_ORIGINS`, forms that Django takes
for the site's own.

## Bad
    server_name shop.example www.shop.example;
    ALLOWED_HOSTS = ["shop.example"]

## Good
    server_name shop.example www.shop.example;
    ALLOWED_HOSTS = ["shop.example", "www.shop.example"]

## References
- https://docs.djangoproject.com/en/stable/ref/settings/#allowed-hosts
- https://nginx.org/en/docs/http/server_names.html
- CWE-16
"""

from collections.abc import Iterator, Sequence
from urllib.parse import urlsplit

from scanner.facts.app_servers import AppServers
from scanner.facts.default_server import may_be_another
from scanner.facts.edge import DjangoPlace, django_places, judged
from scanner.facts.host_names import accepts_host
from scanner.facts.nginx import Nginx
from scanner.facts.public_suffixes import is_shared_suffix, registrable_domain
from scanner.facts.settings import Settings
from scanner.facts.settings_place import booted, require_decided, settings_place
from scanner.facts.settings_source import SettingsSource
from scanner.model import Evidence, Finding, NotApplicable, Severity, UnknownValue, quoted, rule
from scanner.nginx.effective import (
    Configuration,
    Overwritten,
    PassedOn,
    Proxied,
    RequestShape,
    Server,
    forwarded_header,
)
from scanner.nginx.servers import ServerName, literal_ip

_HOSTS = "ALLOWED_HOSTS"
_ORIGINS = "CSRF_TRUSTED_ORIGINS"
_SENT_ON = frozenset({"$host", "$http_host", "$host:$server_port", "$host:$port"})
_PLACEHOLDERS = frozenset(
    {
        *("example.com", "example.org", "example.net", "domain.com", "domain.tld", "yourdomain.com", "your-domain.com"),
        *("your_domain.com", "mydomain.com", "my-domain.com", "yoursite.com", "mysite.com", "yourdomain.tld"),
        *("your-domain", "yourdomain", "test.com", "server.com", "hostname.com", "website.com"),
    }
)
_INSIDE = ("local", "internal", "localhost", "localdomain", "lan", "test", "invalid", "docker")


@rule(severity=Severity.MEDIUM)
def check(
    nginx: Nginx, settings: Settings, source: SettingsSource | None, servers: AppServers | None
) -> Iterator[Finding]:
    configurations = [(one, django_places(one, servers, settings)) for one in judged(nginx)]
    main = next((places for one, places in configurations if one is nginx.main), ())
    if not main:
        raise NotApplicable("no location of the proxy leads to Django")
    refused = list(_refused(main, settings))
    unserved = list(_unserved([one for one, places in configurations if places], settings))
    if refused:
        require_decided(settings, _HOSTS)
        if not any(_is_public_name(entry.lstrip(".")) for entry in settings.strings(_HOSTS)):
            raise UnknownValue(f"the names of production: {_HOSTS} holds local ones only")
    for server, names in refused:
        yield _refused_finding(server, names, settings, source)
    for setting, name in unserved:
        require_decided(settings, setting)
        yield _unserved_finding(setting, name, settings, source)
    require_decided(settings, _HOSTS)


def _refused(places: Sequence[DjangoPlace], settings: Settings) -> Iterator[tuple[Server, list[ServerName]]]:
    """Servers with names that Django does not accept, where Django gets to see them."""
    if not settings.strings(_HOSTS) or settings.value("USE_X_FORWARDED_HOST"):
        return
    by_server: dict[Server, list[DjangoPlace]] = {}
    for place in places:
        by_server.setdefault(place.server, []).append(place)
    for server, of_server in by_server.items():
        names = [
            name
            for name in server.names
            if name.is_concrete
            and not _is_placeholder(name.text)
            and not accepts_host(settings, name.text)
            and all(_gets_the_name(place, name.text) for place in of_server)
        ]
        if names:
            yield server, names


def _gets_the_name(place: DjangoPlace, name: str) -> bool:
    """The location hands requests for that name on, under that name."""
    sent = forwarded_header(place.level, "Host")
    if isinstance(sent, Overwritten):
        values = place.configuration.possible_values(sent.values[-1][0], place.level)
        own = {*_SENT_ON, *(["$server_name"] if place.server.names[0].text == name else [])}
        if not own.issuperset(values):
            return False
    elif not isinstance(sent, PassedOn):
        return False
    socket = place.configuration.sockets_for(place.server)[0]
    shape = RequestShape(tls=socket.tls, host=name, port=socket.port or None)
    return any(isinstance(reply, Proxied) for reply in place.configuration.replies(place.location, shape))


def _unserved(configurations: Sequence[Configuration], settings: Settings) -> Iterator[tuple[str, str]]:
    """Names in the settings that no server of the proxy answers for."""
    names = [(_HOSTS, entry.lower()) for entry in settings.strings(_HOSTS)]
    names += [(_ORIGINS, _host_of(origin)) for origin in settings.strings(_ORIGINS)]
    seen: set[str] = set()
    for setting, name in names:
        if name in seen or not _is_public_name(name) or any(_may_answer(one, name) for one in configurations):
            continue
        seen.add(name)
        yield setting, name


def _host_of(origin: str) -> str:
    try:
        return (urlsplit(origin).hostname or "").lower()
    except ValueError:
        return ""


def _is_public_name(name: str) -> bool:
    """One concrete name that a browser may ask for: no pattern, no address, no name of an inner network."""
    labels = name.rstrip(".").split(".")
    if len(labels) < 2 or not all(labels) or "*" in name or literal_ip(name) is not None:
        return False
    if labels[-1] in _INSIDE or _is_placeholder(name):
        return False
    # A name below a hosting platform's domain belongs to another deployment.
    return not any(is_shared_suffix(".".join(labels[index:])) for index in range(1, len(labels) - 1))


def _is_placeholder(name: str) -> bool:
    return name in _PLACEHOLDERS or registrable_domain(name) in _PLACEHOLDERS


def _may_answer(configuration: Configuration, name: str) -> bool:
    """A server has that name, or the server for everything else hands requests on, or nobody can tell."""
    if configuration.unknown_includes or not (configuration.complete or configuration.sealed):
        return True
    for server in configuration.servers:
        if server.is_template or any(one.matches(name) is not None for one in server.names):
            return True
    for socket in configuration.sockets():
        chosen = socket.server_for(name)
        if may_be_another(configuration, socket):
            return True
        if any(configuration.proxy(place) is not None for place in chosen.locations):
            return True
    return False


def _refused_finding(
    server: Server, names: list[ServerName], settings: Settings, source: SettingsSource | None
) -> Finding:
    listed = ", ".join(quoted(name.text) for name in names[:4])
    more = f" and {len(names) - 4} more" if len(names) > 4 else ""
    evidence = [Evidence(f"server_name {name.text}", name.location) for name in names[:4]]
    return Finding(
        message=f"The proxy serves {listed}{more}, which `{_HOSTS}` in {quoted(settings.module)} lacks: Django answers "
        f"400 to every request.",
        location=names[0].location,
        symbol=server.symbol,
        evidence=(*evidence, booted(settings, source, _HOSTS)),
    )


def _unserved_finding(setting: str, name: str, settings: Settings, source: SettingsSource | None) -> Finding:
    return Finding(
        message=f"`{setting}` in {quoted(settings.module)} has {quoted(name)}, which no server of the proxy has.",
        location=settings_place(settings, source, setting),
        symbol=f"settings.{setting} {name}",
        evidence=(booted(settings, source, setting),),
        severity=Severity.LOW,
    )

"""The project's own proxy: which configuration is started, what it needs, and what its file system holds."""

import posixpath
from dataclasses import dataclass

from scanner.facts.compose import ServiceRole
from scanner.facts.live_stack import Canary
from scanner.facts.topology import PeerKind
from scanner.model import Door, Location
from scanner.nginx.effective import Configuration
from scanner.nginx.servers import literal_ip
from scanner.stack.inputs import Inputs
from scanner.stack.proxy_needs import Needs, needs_of
from scanner.stack.proxy_source import ProxySource, readable
from scanner.stack.site import doors_of
from scanner.stack.trees import (
    Production,
    ProxySees,
    proxy_canaries,
    sees_everything,
    sees_nothing_known,
    sees_volumes,
)


@dataclass(frozen=True, eq=False)
class ProxyPlan:
    """The project's own proxy."""

    configuration: Configuration
    source: ProxySource
    needs: Needs
    doors: tuple[Door, ...]
    addresses: tuple[str, ...]
    """Literal ones at which it listens."""
    canaries: tuple[Canary, ...]
    assumed: tuple[str, ...]
    """Directories whose place on the server nobody knows: they are taken to lie where the configuration looks."""


def production_of(inputs: Inputs) -> Production:
    """Where the application's directories lie in production."""
    boot = inputs.boot
    static, media = inputs.directory("STATIC_ROOT"), inputs.directory("MEDIA_ROOT")
    settings_file = _in_sandbox(inputs, boot.settings_path) if boot.settings_path else None
    return Production(
        checkout=inputs.in_production(boot.root),
        project=inputs.in_production(boot.directory),
        settings_file=inputs.in_production(settings_file) if settings_file else None,
        static_root=inputs.in_production(static) if static else None,
        media_root=inputs.in_production(media) if media else None,
    )


def _in_sandbox(inputs: Inputs, path: str) -> str | None:
    """A path of the checkout as it is in the sandbox."""
    for tree in sorted(inputs.boot.trees, key=lambda one: -len(one.source)):
        if tree.source == "." or path.startswith(f"{tree.source}/"):
            return posixpath.join(tree.target, path if tree.source == "." else path.removeprefix(f"{tree.source}/"))
    return None


def what_proxy_sees(inputs: Inputs) -> ProxySees:
    """What the proxy has of the application's directories in production."""
    topology = inputs.topology
    if topology.peer is not PeerKind.OTHER:
        return sees_everything() if topology.project_directory is not None else sees_nothing_known()
    container = topology.app.container if topology.app else None
    app = next((one for one in inputs.services if one.name == container), None)
    proxy = next((one for one in inputs.services if one.role is ServiceRole.EDGE), None)
    return sees_nothing_known() if app is None or proxy is None else sees_volumes(app, proxy, inputs.in_checkout)


@dataclass(frozen=True)
class NoProxy:
    """The project's own proxy is not started."""

    why: str


def proxy_plan(inputs: Inputs) -> tuple[ProxyPlan | NoProxy, tuple[str, ...]]:
    """The project's own proxy, or why it is not started; and notes for the report."""
    if inputs.nginx is None:
        return NoProxy("no proxy configuration in the repository"), ()
    nginx = inputs.nginx
    source = readable(inputs.project, nginx.main, inputs.compose)
    if isinstance(source, str):
        return NoProxy(f"the nginx configuration cannot be read: {source}"), nginx.notes
    if source.unrendered is not None:
        why = f"template, not checked: nobody can tell what stands at {source.unrendered}"
        return NoProxy(why), nginx.notes
    configuration = Configuration(
        source.tree, nginx.main.scope, nginx.main.complete, nginx.main.sealed, nginx.main.placement
    )
    doors, addresses, unasked = doors_of(configuration)
    notes = (*nginx.notes, *unasked)
    if not doors:
        return NoProxy(f"{configuration.name} has no server that can be asked from outside"), notes
    asked = _asked_at_run_time(configuration, (inputs.url("STATIC_URL"), inputs.url("MEDIA_URL")))
    if asked is not None:
        return NoProxy(f"not checked: nginx looks the application's host up at run time ({asked})"), notes
    needs = needs_of(source.tree, source.placed)
    sees = what_proxy_sees(inputs)
    assumed = {
        setting: served_at(configuration, inputs.url(setting)) if sees.assumed else None
        for setting in ("STATIC_URL", "MEDIA_URL")
    }
    canaries = proxy_canaries(
        inputs.nonce,
        production_of(inputs),
        sees,
        [one.path for one in needs.served],
        [one.path for one in needs.aliases],
        assumed["STATIC_URL"],
        assumed["MEDIA_URL"],
    )
    places = tuple(place for place in assumed.values() if place)
    return ProxyPlan(configuration, source, needs, doors, addresses, canaries, places), notes


def _asked_at_run_time(configuration: Configuration, files: tuple[str, str]) -> Location | None:
    """Where a request's way to the application needs a resolver: its host comes out of a variable.

    Addresses, sockets and names of ``upstream`` blocks need none
    (https://nginx.org/en/docs/http/ngx_http_proxy_module.html#proxy_pass).
    """
    for place in configuration.django_locations((), files):
        proxy = configuration.proxy(place)
        if proxy is None or proxy.destination.upstream is not None:
            continue
        authority = proxy.directive.arg(0).rpartition("://")[2].partition("/")[0]
        known = [one.unix is not None or literal_ip(one.host) is not None for one in proxy.destination.endpoints]
        written = authority.partition("$")[0].partition(":")[0]
        if "$" in authority and not (known and all(known)) and literal_ip(written) is None:
            return proxy.directive.location
    return None


def served_at(configuration: Configuration, url: str) -> str | None:
    """The directory from which a URL prefix is served."""
    for served in configuration.served_directories():
        if served.directory and not served.is_template and served.url.rstrip("/") == url.rstrip("/") != "":
            return posixpath.normpath(posixpath.join(posixpath.dirname(configuration.tree.main), served.directory))
    return None

"""From the facts to the plan of the stack. Nothing here writes a file or starts a process."""

import re
import secrets
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Final

from scanner.facts.app_servers import AppServers
from scanner.facts.boot_plan import BootPlan
from scanner.facts.compose import Compose
from scanner.facts.live_stack import Site, Stub
from scanner.facts.nginx import Nginx
from scanner.facts.settings import Json, Settings
from scanner.facts.topology import Topology
from scanner.model import Door, Layer, Options, provider
from scanner.project import Project
from scanner.stack.app_plan import AppPlan, NoApp, app_plan
from scanner.stack.inputs import Inputs
from scanner.stack.placement import Placement, place
from scanner.stack.proxy_plan import NoProxy, ProxyPlan, proxy_plan
from scanner.stack.site import edge_of, reference_doors, site_of

_URL_HOST: Final = re.compile(r"\A[\w+.-]+://(?:[^@/\s]*@)?(?P<host>[\w.-]+)")
_MAX_HOSTS: Final = 200


@dataclass(frozen=True, eq=False)
class StackPlan:
    """Everything that is decided before anything is started."""

    site: Site
    proxy: ProxyPlan | NoProxy
    """NoProxy: our own is put in front of the application."""
    app: AppPlan | NoApp
    placement: Placement
    fallback: Placement
    """With our own proxy in front, for a configuration that nginx refuses."""
    links: Mapping[str, str]
    """Symbolic links of the proxy's tree: socket paths that sandboxes cannot share."""
    nonce: str
    static_url: str
    media_url: str
    stubs: tuple[Stub, ...] = ()
    notes: tuple[str, ...] = ()

    @property
    def doors(self) -> tuple[Door, ...]:
        """Of the proxy that is started first."""
        return self.proxy.doors if isinstance(self.proxy, ProxyPlan) else reference_doors()

    @property
    def certificate_names(self) -> tuple[str, ...]:
        """All names that a certificate must cover, wildcards included."""
        patterns: list[str] = []
        if isinstance(self.proxy, ProxyPlan):
            for server in self.proxy.configuration.servers:
                patterns += [
                    name.text for name in server.names if name.kind in {"exact", "*.x"} and "$" not in name.text
                ]
        wild = [f"*{name}" if name.startswith(".") else name for name in patterns if name.strip("_.")]
        return tuple(dict.fromkeys((self.site.name, *self.site.names, *wild)))


@provider(layer=Layer.STACK)
def stack_plan(
    project: Project,
    options: Options,
    boot: BootPlan,
    settings: Settings,
    topology: Topology,
    app_servers: AppServers | None,
    nginx: Nginx | None,
    compose: Compose | None,
) -> StackPlan:
    """Decide what is started and how."""
    nonce = secrets.token_hex(8)
    return make_plan(Inputs(project, options, boot, settings, topology, app_servers, nginx, compose, nonce))


def make_plan(inputs: Inputs) -> StackPlan:
    """The plan for these facts."""
    topology = inputs.topology
    proxy, notes = proxy_plan(inputs)
    own = isinstance(proxy, ProxyPlan)
    tls_door = isinstance(proxy, ProxyPlan) and any(door.scheme == "https" for door in proxy.doors)
    edge = edge_of(inputs.options, topology, own_proxy=own, tls_door=tls_door)
    site = site_of(inputs.options, topology, inputs.settings, edge)
    app, links = app_plan(inputs, own_proxy=own)

    def placed(*, own_proxy: bool) -> Placement:
        return place(
            topology,
            upstreams=_ordered_upstreams(topology, proxy),
            others=(*_service_names(inputs), *_setting_hosts(inputs.settings), *_proxy_hosts(proxy)),
            site_names=site.names,
            listens=proxy.addresses if isinstance(proxy, ProxyPlan) else (),
            own_proxy=own_proxy,
        )

    return StackPlan(
        site=site,
        proxy=proxy,
        app=app,
        placement=placed(own_proxy=own),
        fallback=placed(own_proxy=False),
        links=links,
        nonce=inputs.nonce,
        static_url=inputs.url("STATIC_URL"),
        media_url=inputs.url("MEDIA_URL"),
        stubs=_stubs(proxy),
        notes=notes,
    )


def _service_names(inputs: Inputs) -> tuple[str, ...]:
    return tuple(service.name for service in inputs.services)[:_MAX_HOSTS]


def _proxy_hosts(proxy: ProxyPlan | NoProxy) -> tuple[str, ...]:
    return proxy.needs.hosts if isinstance(proxy, ProxyPlan) else ()


def _setting_hosts(settings: Settings) -> tuple[str, ...]:
    """Hosts that settings name: an address that leads nowhere would cost seconds a request."""
    found: dict[str, None] = {}
    for name, value in settings.values.items():
        for path, text in _texts(value.value, name, 0):
            match = _URL_HOST.match(text)
            if match:
                found.setdefault(match["host"])
            elif path.rpartition(".")[2] in {"HOST", "host"} and re.fullmatch(r"[\w.-]{1,253}", text):
                found.setdefault(text)
    return tuple(found)[:_MAX_HOSTS]


def _texts(value: Json, path: str, depth: int) -> Iterable[tuple[str, str]]:
    if isinstance(value, str):
        yield path, value
    elif depth < 6 and isinstance(value, Mapping):
        for key, inner in value.items():
            yield from _texts(inner, f"{path}.{key}", depth + 1)
    elif depth < 6 and isinstance(value, list | tuple):
        for inner in value:
            yield from _texts(inner, path, depth + 1)


def _stubs(proxy: ProxyPlan | NoProxy) -> tuple[Stub, ...]:
    if isinstance(proxy, NoProxy):
        return ()
    why = "nobody knows what this server's files are: taken to lie where the configuration looks for them"
    return (*proxy.source.stubs, *(Stub("assumed-place", place, why) for place in proxy.assumed))


def _ordered_upstreams(topology: Topology, proxy: ProxyPlan | NoProxy) -> tuple[str, ...]:
    """Hosts behind the proxy, the application's first."""
    hosts = proxy.needs.upstreams if isinstance(proxy, ProxyPlan) else ()
    first = (topology.upstream or "").rpartition(":")[0].lower()
    return tuple(sorted(hosts, key=lambda host: host != first))

"""Where everything is in the stack: who listens at which address, and from which address the application is asked.

App servers believe forwarded headers of some peers only, so the peer that the application sees must be the one of
production: itself for a proxy on the same host, nobody for a unix socket, an address that is not loopback for a proxy
in another container. Addresses on the loopback interface of the sandbox's network stand for hosts.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from ipaddress import IPv4Address, ip_address
from typing import Final

from scanner.facts.live_stack import PlacementKind
from scanner.facts.topology import PeerKind, Topology

SITE_ADDRESS: Final = "198.51.100.10"
PROBER_ADDRESS: Final = "198.51.100.99"
"""From the range for documentation (RFC 5737): in nobody's trust list."""
OTHER_NETWORK: Final = "172.18.0."
_FIRST_OTHER: Final = 5
_MAX_OTHERS: Final = 100
LOOPBACK: Final = "127.0.0.1"
_LOCAL_NAMES: Final = frozenset({"localhost", "localhost.localdomain", "ip6-localhost", ""})


@dataclass(frozen=True)
class Placement:
    """The addresses of the stack."""

    kind: PlacementKind
    peer: str
    """What the application sees as the proxy's address; empty for a unix socket."""
    addresses: tuple[str, ...]
    """All that are added to the loopback interface."""
    hosts: Mapping[str, str]
    """Names and their addresses."""
    same_as_target: bool
    reason: str


def place(
    topology: Topology,
    *,
    upstreams: Iterable[str],
    others: Iterable[str],
    site_names: Iterable[str],
    listens: Iterable[str] = (),
    own_proxy: bool = True,
) -> Placement:
    """Copy the target's topology.

    ``upstreams`` are the hosts (names or addresses) that the proxy sends requests on to, those of the application
    first; ``others`` all further names that anything may look up; ``listens`` the literal addresses at which
    the proxy listens.
    """
    hosts = dict.fromkeys((name for name in others if _is_name(name)), LOOPBACK)
    hosts.update(dict.fromkeys((name for name in site_names if _is_name(name)), SITE_ADDRESS))
    addresses = [SITE_ADDRESS, PROBER_ADDRESS]
    if not own_proxy:
        kind, peer, reason = PlacementKind.NO_PROXY, LOOPBACK, "our own proxy asks the application on the same host"
        same = topology.peer is PeerKind.NONE
        hosts.update(dict.fromkeys((name for name in upstreams if _is_name(name)), LOOPBACK))
        return Placement(kind, peer, tuple(addresses), hosts, same, reason)
    names = [host for host in dict.fromkeys(upstreams) if _is_name(host)][:_MAX_OTHERS]
    for number, name in enumerate(names, _FIRST_OTHER):
        hosts[name] = f"{OTHER_NETWORK}{number}"
    addresses += [hosts[name] for name in names]
    addresses += [host for host in dict.fromkeys((*upstreams, *listens)) if _is_foreign_address(host)]
    kind, peer, reason = _kind(topology, hosts)
    same = topology.peer is not PeerKind.UNKNOWN
    return Placement(kind, peer, tuple(dict.fromkeys(addresses)), hosts, same, reason)


def _kind(topology: Topology, hosts: Mapping[str, str]) -> tuple[PlacementKind, str, str]:
    upstream = topology.upstream or "nothing that is known"
    match topology.peer:
        case PeerKind.UNIX:
            return PlacementKind.SAME_HOST_UNIX, "", f"the proxy asks {upstream}"
        case PeerKind.OTHER:
            host = upstream.rpartition(":")[0]
            return (
                PlacementKind.OTHER_HOST,
                hosts.get(host, host),
                f"the proxy asks {upstream} in another container or host",
            )
        case PeerKind.LOOPBACK:
            return PlacementKind.SAME_HOST_TCP, LOOPBACK, f"the proxy asks {upstream} on the same host"
        case _:
            return PlacementKind.SAME_HOST_TCP, LOOPBACK, "what the proxy asks is not known"


def _is_name(host: str) -> bool:
    return host not in _LOCAL_NAMES and not host.startswith("[") and _address(host) is None


def _is_foreign_address(host: str) -> bool:
    found = _address(host)
    return found is not None and not (found.is_loopback or found.is_unspecified or found.is_multicast)


def _address(host: str) -> IPv4Address | None:
    try:
        found = ip_address(host)
    except ValueError:
        return None
    return found if isinstance(found, IPv4Address) else None

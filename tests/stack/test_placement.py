"""Which addresses stand for which hosts, and from where the application is asked."""

from scanner.facts.live_stack import PlacementKind
from scanner.facts.topology import PeerKind
from scanner.stack.placement import LOOPBACK, PROBER_ADDRESS, SITE_ADDRESS, Placement, place
from tests.stack.facts import gunicorn, topology


def placed(peer: PeerKind, upstream: str | None, *upstreams: str, own_proxy: bool = True) -> Placement:
    return place(
        topology(peer, gunicorn(), upstream),
        upstreams=upstreams,
        others=("db", "redis", "localhost", "10.1.1.1"),
        site_names=("shop.example",),
        listens=("203.0.113.5",),
        own_proxy=own_proxy,
    )


def test_same_host() -> None:
    placement = placed(PeerKind.LOOPBACK, "127.0.0.1:8000", "127.0.0.1")
    assert (placement.kind, placement.peer) == (PlacementKind.SAME_HOST_TCP, LOOPBACK)
    assert placement.addresses == (SITE_ADDRESS, PROBER_ADDRESS, "203.0.113.5")
    assert placement.hosts == {"db": LOOPBACK, "redis": LOOPBACK, "shop.example": SITE_ADDRESS}


def test_unix_socket_has_no_peer() -> None:
    placement = placed(PeerKind.UNIX, "unix:/run/a.sock")
    assert (placement.kind, placement.peer) == (PlacementKind.SAME_HOST_UNIX, "")


def test_another_container_is_not_loopback() -> None:
    placement = placed(PeerKind.OTHER, "web:8000", "web", "websockets")
    assert (placement.kind, placement.peer) == (PlacementKind.OTHER_HOST, "172.18.0.5")
    assert (placement.hosts["web"], placement.hosts["websockets"]) == ("172.18.0.5", "172.18.0.6")
    assert {"172.18.0.5", "172.18.0.6"} <= set(placement.addresses)


def test_an_upstream_wins_over_a_service_of_that_name() -> None:
    assert placed(PeerKind.OTHER, "db:8000", "db").hosts["db"] == "172.18.0.5"


def test_a_literal_address_of_another_host() -> None:
    placement = placed(PeerKind.OTHER, "10.0.0.5:8000", "10.0.0.5")
    assert placement.peer == "10.0.0.5"
    assert "10.0.0.5" in placement.addresses


def test_our_own_proxy_is_on_the_same_host() -> None:
    placement = placed(PeerKind.OTHER, "web:8000", "web", own_proxy=False)
    assert (placement.kind, placement.peer) == (PlacementKind.NO_PROXY, LOOPBACK)
    assert placement.hosts["web"] == LOOPBACK
    assert not placement.same_as_target
    assert placed(PeerKind.NONE, None, own_proxy=False).same_as_target


def test_what_is_not_known_is_not_the_target() -> None:
    assert not placed(PeerKind.UNKNOWN, None).same_as_target

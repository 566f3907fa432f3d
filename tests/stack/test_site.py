"""The name that is asked for, and the doors."""

import pytest

from scanner.facts.live_stack import Edge
from scanner.facts.settings import Json
from scanner.facts.topology import PeerKind, TlsEnd
from scanner.model import Options
from scanner.nginx.effective import Configuration
from scanner.nginx.includes import load
from scanner.nginx.tree import parse
from scanner.stack.placement import SITE_ADDRESS
from scanner.stack.site import allowed, doors_of, edge_of, site_of
from tests.stack.facts import gunicorn, settings, topology


def configuration(servers: str) -> Configuration:
    main = "/etc/nginx/nginx.conf"
    return Configuration(load(main, {main: parse("events {} http {" + servers + "}", "nginx.conf")}))


@pytest.mark.parametrize(
    ("option", "names", "hosts", "expected"),
    [
        (None, ("shop.example",), ["shop.example"], "shop.example"),
        (None, ("old.example", "shop.example"), ["shop.example"], "shop.example"),
        (None, ("old.example",), ["shop.example"], "old.example"),
        (None, (), [".shop.example"], "probe.shop.example"),
        (None, (), ["127.0.0.1", "localhost", "shop.example"], "shop.example"),
        (None, (), ["*"], "site.test"),
        (None, (), None, "site.test"),
        ("Given.Example", ("shop.example",), ["shop.example"], "given.example"),
    ],
)
def test_site_name(option: str | None, names: tuple[str, ...], hosts: Json, expected: str) -> None:
    target = topology(PeerKind.LOOPBACK, gunicorn(), site_names=names)
    site = site_of(Options(host=option), target, settings(ALLOWED_HOSTS=hosts), Edge.NONE)
    assert site.name == expected
    assert site.names[0] == expected


def test_hosts_are_compared_as_django_does() -> None:
    assert allowed("a.shop.example", [".shop.example"])
    assert allowed("shop.example", [".shop.example"])
    assert allowed("SHOP.example", ["shop.EXAMPLE"])
    assert not allowed("evilshop.example", ["shop.example", ".x"])


def test_doors() -> None:
    doors, addresses, notes = doors_of(
        configuration(
            "server { listen 8080; listen [::]:8080; listen 443 ssl default_server; listen 80; }"
            "server { listen 127.0.0.1:9000; listen unix:/run/x.sock; }"
            "server { listen 203.0.113.5:80; listen [2001:db8::1]:80; listen 81 proxy_protocol; }"
        )
    )
    assert {(door.scheme, door.address, door.port) for door in doors} == {
        ("http", "203.0.113.5", 80),
        ("http", SITE_ADDRESS, 80),
        ("https", SITE_ADDRESS, 443),
        ("http", SITE_ADDRESS, 8080),
    }
    assert doors[-1].port == 8080
    assert addresses == ("203.0.113.5",)
    assert len(notes) == 2
    assert next(door for door in doors if door.port == 443).default_server


def test_a_server_without_listen_is_at_port_80() -> None:
    doors, _, _ = doors_of(configuration("server { server_name a.example; }"))
    assert [(door.scheme, door.port, door.location) for door in doors] == [("http", 80, None)]


def test_edge() -> None:
    before = topology(PeerKind.LOOPBACK, gunicorn(), tls_ends=TlsEnd.BEFORE)
    here = topology(PeerKind.LOOPBACK, gunicorn())
    assert edge_of(Options(), before, own_proxy=True, tls_door=False) is Edge.TLS
    assert edge_of(Options(), before, own_proxy=True, tls_door=True) is Edge.NONE
    assert edge_of(Options(), here, own_proxy=True, tls_door=False) is Edge.NONE
    assert edge_of(Options(edge="tls"), here, own_proxy=True, tls_door=False) is Edge.TLS
    assert edge_of(Options(edge="tls"), before, own_proxy=False, tls_door=True) is Edge.NONE

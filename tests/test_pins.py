"""Findings stand at the station of the request's way to which they belong."""

import pytest

from scanner.model import Finding, Hop, Location, RequestPath, Scoped, Severity
from scanner.pins import pin, started_hops

WAY = RequestPath(
    (
        Hop("client", "client", "client"),
        Hop("proxy", "proxy", "nginx", "nginx/shop.conf", 1),
        Hop("app-server", "app-server", "Gunicorn", "Dockerfile", 18),
        Hop("django", "django", "Django", "shop/settings.py", 1),
        Hop("store db", "store", "PostgreSQL", "docker-compose.yml", 33),
        Hop("store redis", "store", "Redis", "docker-compose.yml", 45),
    )
)


def scoped(path: str, symbol: str) -> Scoped:
    return Scoped(Finding("x", Location(path, 28), symbol), Severity.HIGH, "v1:0")


@pytest.mark.parametrize(
    ("topic", "path", "symbol", "hop"),
    [
        ("files", "nginx/shop.conf", "server shop.example:80 location /", "proxy"),
        ("headers", "shop/settings.py", "settings.X_FRAME_OPTIONS", "django"),
        ("settings", "shop/base.py", "settings.DEBUG", "django"),
        ("exposure", "docker-compose.yml", "service db", "store db"),
        ("exposure", "docker-compose.yml", "service redis", "store redis"),
        ("secrets", "docker-compose.yml", "service db POSTGRES_PASSWORD", "store db"),
        ("exposure", "docker-compose.yml", "service web", "app-server"),
        ("secrets", "docker-compose.yml", "service web SECRET_KEY", "app-server"),
        ("secrets", "docker-compose.yml", "settings.SECRET_KEY", "django"),
        ("containers", "docker-compose.yml", "service exporter", None),
        ("containers", "Dockerfile", "service web", "app-server"),
        ("integrity", "setup.cfg", "repository", None),
    ],
)
def test_pin(topic: str, path: str, symbol: str, hop: str | None) -> None:
    assert pin(WAY, topic, scoped(path, symbol)) == hop


def test_what_was_not_started_is_marked() -> None:
    assert [hop.started for hop in started_hops(WAY, started=True).hops] == [True] * 4 + [False] * 2
    assert not any(hop.started for hop in started_hops(WAY, started=False).hops)

"""Which names strangers can have hosts under, and which part of a host one owner has."""

import pytest

from scanner.facts.public_suffixes import is_shared_suffix, registrable_domain


@pytest.mark.parametrize(
    ("name", "shared"),
    [
        ("com", True),
        (".com", True),
        ("CO.UK", True),
        (".herokuapp.com", True),
        ("up.railway.app", True),
        ("example.com", False),
        ("shop.herokuapp.com", False),
        ("", False),
    ],
)
def test_shared_suffixes(name: str, *, shared: bool) -> None:
    assert is_shared_suffix(name) is shared


@pytest.mark.parametrize(
    ("host", "domain"),
    [
        ("www.shop.example.com", "example.com"),
        ("example.com.", "example.com"),
        (".Example.com", "example.com"),
        ("a.b.example.co.uk", "example.co.uk"),
        ("shop.herokuapp.com", "shop.herokuapp.com"),
        ("a.shop.herokuapp.com", "shop.herokuapp.com"),
        ("herokuapp.com", "herokuapp.com"),
        ("a.b.unlisted", "b.unlisted"),
        ("localhost", "localhost"),
        ("192.0.2.7", "192.0.2.7"),
    ],
)
def test_the_part_that_one_owner_has(host: str, domain: str) -> None:
    assert registrable_domain(host) == domain

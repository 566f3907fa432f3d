"""What expressions of the configuration capture."""

import pytest

from scanner.nginx.captures import admits, anchored, groups, leaves
from tests.edgekit import nginx_of


@pytest.mark.parametrize(
    ("pattern", "line_feed"),
    [
        ("[^/]+", True),
        (r"\W*", True),
        (r"\S+", False),
        (".*", False),
        ("(?s).*", True),
        (r"[a-z0-9_-]+", False),
        (r"\d{1,4}", False),
        ("(a|b)", False),
        (r"[^/\n]+", False),
        (r"[^\s/]+", False),
        (r"[^\r\n]+", False),
        (r"[\s\S]*", True),
        ("[[:alnum:]]+", False),
        ("[^[:space:]]+", False),
        (r"(?![^/])[a-z]+", False),
        (r"(?:[^.]*)\.json", True),
        (r"\.html$", False),
        ("[]x]+", False),
        ("[^]x]+", True),
        ("[unclosed", True),
        ("x" * 3000, True),
    ],
)
def test_what_holds_a_line_feed(pattern: str, line_feed: bool) -> None:
    assert admits(pattern, "\n") is line_feed


@pytest.mark.parametrize(
    ("pattern", "expected"),
    [
        (r"^/(a|b)/(\W*)$", [("1", "a|b"), ("2", r"\W*")]),
        (r"^/(?<path>[^/]+)", [("1", "[^/]+"), ("path", "[^/]+")]),
        (r"^/(?P<path>.*)", [("1", ".*"), ("path", ".*")]),
        (r"(?:x)\((a(b))[(]", [("1", "a(b)"), ("2", "b")]),
        (r"(?i)^/x", []),
        ("(", [("1", "")]),
    ],
)
def test_groups(pattern: str, expected: list[tuple[str, str]]) -> None:
    assert list(groups(pattern)) == expected


def test_anchored() -> None:
    assert anchored("^/[a-z]+$")
    assert not anchored("^/[a-z]+")
    assert not anchored(r"^/a\$")
    assert not anchored("^/a$|^/b$")


CONF = """
map $uri $target {{ ~^/m/(?<part>[^/]+) /x/$part; default $arg_d; }}
server {{ listen 80; server_name ~^(?<sub>.+)\\.shop\\.example$;
    if ($request_uri ~ ^/a/(.*)) {{ set $outer $1; }}
    location ~ ^/l/([a-z]+) {{ {0} }}
}}
"""


@pytest.mark.parametrize(
    ("body", "text", "expected"),
    [
        ("", "http://$1", [("1", "$uri", "[a-z]+")]),
        ("", "$outer", [("1", "$request_uri", ".*")]),
        ("set $p $1;", "/$p", [("1", "$uri", "[a-z]+")]),
        ("rewrite ^/l/([^/]+) /y/$1 break;", "$1", [("1", "$uri", "[^/]+")]),
        ("rewrite ^/l/([^/]+) https://y/$1 redirect;", "$1", [("1", "$uri", "[a-z]+")]),
        ("", "$sub", [("sub", "$host", ".+")]),
        ("", "$target", [("part", "$uri", "[^/]+"), ("arg_d", None, None)]),
        ("", "$host$request_uri", [("host", None, None), ("request_uri", None, None)]),
        ("set $x $x;", "$x", []),
        ("", "$2", [("2", None, None)]),
    ],
)
def test_leaves(body: str, text: str, expected: list[tuple[str, str | None, str | None]]) -> None:
    configuration = nginx_of(CONF.format(body)).main
    level = configuration.servers[0].locations[0]
    found = leaves(text, level, configuration.maps)
    told = [(one.name, one.capture and one.capture.subject, one.capture and one.capture.group) for one in found]
    assert told == expected


def test_fixed() -> None:
    configuration = nginx_of("server { listen 80; location ~ ^/(a|b)/([^/]+)/(x*) { return 204; } }").main
    level = configuration.servers[0].locations[0]
    captures = [one.capture for one in leaves("$1$2$3", level, configuration.maps)]
    assert [one is not None and one.fixed for one in captures] == [True, False, False]


@pytest.mark.parametrize(
    ("text", "upstream", "endpoints", "variables"),
    [
        ("http://app$request_uri", "app", ["10.0.0.5:8000"], ()),
        ("http://app$uri$is_args$args", "app", ["10.0.0.5:8000"], ()),
        ("http://127.0.0.1:9000${request_uri}", None, ["127.0.0.1:9000"], ()),
        ("http://app/x$uri", "app", ["10.0.0.5:8000"], ()),
        ("http://$host$request_uri", None, [], ("host",)),
        ("http://app$uris", None, [], ("uris",)),
    ],
)
def test_an_address_ends_before_a_variable_of_the_path(
    text: str, upstream: str | None, endpoints: list[str], variables: tuple[str, ...]
) -> None:
    http = f"upstream app {{ server 10.0.0.5:8000; }} server {{ listen 80; location / {{ proxy_pass {text}; }} }}"
    configuration = nginx_of(http).main
    proxy = configuration.proxy(configuration.servers[0].locations[0])
    assert proxy is not None
    found = proxy.destination
    assert (found.upstream, [str(one) for one in found.endpoints], found.variables) == (upstream, endpoints, variables)

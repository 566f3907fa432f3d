"""Tokens: nginx's rules, against nginx itself."""

import itertools
import time
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st

from scanner.nginx.lexer import Kind, tokens
from scanner.nginx.tree import parse

LEXICAL = [
    ('a "b"c;', 'unexpected "c"', 1),
    ("a 'b'\"c\";", 'unexpected """', 1),
    ("a\n;;", 'unexpected ";"', 2),
    ("a b\n\n}", 'unexpected "}"', 3),
    ("{", 'unexpected "{"', 1),
    ("a b", 'unexpected end of file, expecting ";" or "}"', 1),
    ("a\n\\", 'unexpected end of file, expecting ";" or "}"', 2),
    ("x {\n", 'unexpected end of file, expecting "}"', 2),
    ("}", 'unexpected "}"', 1),
    ('x "abc\n\n;', 'unexpected end of file, expecting ";" or "}"', 3),
]


def words(text: str) -> list[str]:
    return [token.text for token in tokens(text) if token.kind is Kind.WORD]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("add_header  X\t'a b';", ["add_header", "X", "a b"]),
        (r'a "b\"c" d\ e;', ["a", 'b"c', r"d\ e"]),
        (r'a "\t\r\n\\\d\q";', ["a", "\t\r\n\\\\d\\q"]),
        ('a b"c"d;', ["a", 'b"c"d']),
        ("a ${b}c{d};", ["a", "${b}c", "d}"]),
        ("a ${{b};", ["a", "${{b}"]),
        ("a b#c # d\ne;", ["a", "b#c", "e"]),
        ('if ("$a" = "b") {', ["if", '("$a"', "=", "b", ")"]),
        ("a}b;", ["a}b"]),
        ("a\r\nb;", ["a", "b"]),
        ("a 'x\ny';", ["a", "x\ny"]),
        ("a \x0b\x0c;", ["a", "\x0b\x0c"]),
        ("a \u00a0b;", ["a", "\u00a0b"]),
    ],
)
def test_words_are_nginxs(text: str, expected: list[str]) -> None:
    assert words(text) == expected


def test_a_token_has_its_place() -> None:
    found = [token for token in tokens('a\n  "b\nc" d;\n# e\r\nf{}') if token.kind is not Kind.ERROR]
    places = [(item.text, item.line, item.column, item.end_line, item.end_column) for item in found]
    assert places == [
        ("a", 1, 1, 1, 2),
        ("b\nc", 2, 3, 3, 3),
        ("d", 3, 4, 3, 5),
        (";", 3, 5, 3, 6),
        ("# e", 4, 1, 4, 5),
        ("f", 5, 1, 5, 2),
        ("{", 5, 2, 5, 3),
        ("}", 5, 3, 5, 4),
    ]


def test_a_lua_block_is_one_token_and_ends_at_its_own_brace() -> None:
    code = ' local t = {a = "}"} -- }\n  s = [==[ } ]==] --[[ } ]] '
    found = list(tokens(f"content_by_lua_block {{{code}}}\nnext;"))
    assert [item.text for item in found] == ["content_by_lua_block", "{", code, "}", "next", ";"]
    assert found[2].kind is Kind.CODE
    assert not parse(f"location / {{ content_by_lua_block {{{code}}} }}", "x").problems


@pytest.mark.parametrize(("text", "message", "line"), LEXICAL)
def test_an_error_is_told_in_nginxs_words_on_its_line(text: str, message: str, line: int) -> None:
    first = parse(text, "x").problems[0]
    assert (first.message.startswith(message), first.location.line) == (True, line), first


@pytest.mark.parametrize(("text", "message", "line"), LEXICAL)
def test_nginx_says_the_same(text: str, message: str, line: int, nginx_says: Callable[[str], Any]) -> None:
    # Inside `types` every word is allowed, so only the lexer can refuse; two lines stand before the text.
    verdict = nginx_says(f"events {{}}\nhttp {{ types {{\n{text}")
    if message.startswith(('unexpected "{"', 'unexpected "}"')) or "{" in text:
        return  # braces mean something else inside `types`; the next test covers them outside
    assert (verdict.accepted, verdict.text.startswith(message), verdict.line) == (False, True, line + 2), verdict


@pytest.mark.parametrize(
    "text",
    [
        "events {}\n}\n",
        "events {\n",
        "events {}\nhttp {\n server {\n",
        "{\n",
        "events {}\nhttp { server { listen 80\n }\n}\n",
        'events {}\nhttp {\n log_format x "a"b;\n}\n',
        "events {}\nhttp {\n log_format x 'abc;\n}\n",
        "events {}\nhttp {\n log_format x '" + "a" * 5000 + "';\n}\n",
        "events {}\nhttp {\n log_format x '" + "a" * 4095 + "';\n}\n",
        "events {}\nhttp {\n log_format x '" + "a" * 4096 + "';\n}\n",
        "events {}\nhttp {\n log_format x " + "a" * 4095 + ";\n}\n",
        "events {}\nhttp {\n log_format x " + "a" * 4096 + ";\n}\n",
        "events {}\nhttp {\n log_format x '" + "ä" * 2048 + "';\n}\n",
        "events {}\n# " + "c" * 3000 + "\n",
        "\ufeffevents {}\n",
    ],
)
def test_outer_blocks_and_sizes_as_nginx_has_them(text: str, nginx_says: Callable[[str], Any]) -> None:
    verdict = nginx_says(text)
    problems = parse(text, "x").problems
    assert bool(problems) is not verdict.accepted, (verdict, problems)
    if problems and "byte order mark" not in problems[0].message:
        assert problems[0].message.startswith(verdict.text), (verdict, problems)
        assert problems[0].location.line == verdict.line, (verdict, problems)


SOUP = st.lists(
    st.sampled_from(
        ["a", "bc", " ", "\n", "\t", "\r", ";", " ;\n", '"', "'", "\\", "$", "${", "}", "#", ")", "é", "\x0b"]
    ),
    max_size=40,
).map("".join)


@given(SOUP)
@settings(
    max_examples=150,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
def test_any_soup_is_read_as_nginx_reads_it(nginx_says: Callable[[str], Any], soup: str) -> None:
    text = f"events {{}}\nhttp {{ types {{\n{soup}\n}} }}\n"
    verdict = nginx_says(text)
    problems = parse(text, "x").problems
    # A brace of the soup has closed `types`, or opened a block in it, which only `types` forbids.
    assume(not verdict.text.startswith(("unknown directive", 'unexpected "{"')) and "allowed" not in verdict.text)
    assert bool(problems) is not verdict.accepted, (verdict, problems)
    if problems:
        said = verdict.text.replace("\ufffd", "é")  # nginx names the first byte of a character
        assert problems[0].message.startswith(said), (verdict, problems)
        assert problems[0].location.line == verdict.line, (verdict, problems)


@given(st.text(max_size=300) | SOUP)
@settings(max_examples=300, deadline=None)
def test_no_text_makes_it_fail(text: str) -> None:
    found = list(tokens(text))
    covered = [(item.start, item.end) for item in found if item.kind is not Kind.ERROR]
    assert covered == sorted(covered)
    assert all(first[1] <= second[0] for first, second in itertools.pairwise(covered))


@pytest.mark.parametrize(
    "text",
    [
        "{" * 300_000,
        "a{" * 50_000 + "}" * 50_000,
        "a{" * 100_000,
        "a b;" * 100_000,
        '"a' * 1_000_000,
        "\\" * 1_000_001,
        "$" * 300_000 + "{" * 300_000,
        "--[[" * 500_000,
        "content_by_lua_block {" + "--[[" * 500_000,
        "{{" * 100_000,
        "{{ }}" * 20_000,
        "{%if a%}{%else%}" * 20_000,
        "{% if a %}" * 20_000,
        "a\n" * 100_000,
        "#" * 5_000_000,
        "a " * 100_000 + ";",
        "'" + "x" * 9_000_000,
        "x" * 10_000_001,
    ],
    ids=lambda text: f"{text[:12]}x{len(text)}",
)
def test_large_input_ends_soon(text: str) -> None:
    started = time.monotonic()
    parse(text, "x.conf")
    assert time.monotonic() - started < 10

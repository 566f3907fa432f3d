"""Trees: places, recovery, templates, rendering."""

from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import assume, example, given, settings
from hypothesis import strategies as st

from scanner.model import Location
from scanner.nginx.lexer import Kind, tokens
from scanner.nginx.render import render
from scanner.nginx.templates import mask
from scanner.nginx.tree import MAX_DEPTH, Directive, ParsedFile, parse, walk

SITE = """\
# the site
server {
    listen 80;   # plain
    server_name "shop.example"
        www.shop.example;

    location /static/ {
        alias /srv/static/;
    }
    location ~ \\.(jpg|png)$ { expires 1d; }
    add_header X '$scheme "$host"' always;
}
"""


def named(parsed: ParsedFile, name: str) -> Directive:
    return next(item for item in walk(parsed.directives) if item.name == name)


def test_a_directive_knows_where_it_stands() -> None:
    parsed = parse(SITE, "site.conf")
    assert not parsed.problems
    places = [
        (item.name, item.location.line, item.location.column, item.location.end_line)
        for item in walk(parsed.directives)
    ]
    assert places == [
        ("server", 2, 1, 12),
        ("listen", 3, 5, 3),
        ("server_name", 4, 5, 5),
        ("location", 7, 5, 9),
        ("alias", 8, 9, 8),
        ("location", 10, 5, 10),
        ("expires", 10, 31, 10),
        ("add_header", 11, 5, 11),
    ]
    names = named(parsed, "server_name")
    assert (names.args, names.head_line) == (("shop.example", "www.shop.example"), 5)
    assert [(word.line, word.column, word.quote) for word in names.words] == [(4, 17, '"'), (5, 9, "")]
    assert names.place_of(1) == Location("site.conf", 5, 9)


def test_comments_belong_to_what_they_stand_at() -> None:
    parsed = parse(SITE + "# one\n# two\n\n# three\nserver_tokens off; # four\n", "site.conf")
    assert parsed.comments_for(parsed.directives[0]) == ("# the site",)
    assert parsed.comments_for(named(parsed, "listen")) == ("# plain",)
    assert parsed.comments_for(named(parsed, "server_tokens")) == ("# three", "# four")
    assert parsed.comments[0].text == "# the site"


@pytest.mark.parametrize(
    ("text", "names", "messages"),
    [
        ("a 1;\n}\nb 2;", ["a", "b"], ['unexpected "}"']),
        ("s { a 1 }\nb 2;", ["s", "a", "b"], ['unexpected "}"']),
        ("s { a 1;\n", ["s", "a"], ['unexpected end of file, expecting "}" to close "s" of line 1']),
        ("a 'x'y;\nb 2;", ["a", "b"], ['unexpected "y"']),
        ('a "x;\nb 2;\nc 3;', ["a", "b", "c"], ['unexpected end of file, expecting ";" or "}"']),
        (";;\nb 2;", ["b"], ['unexpected ";"', 'unexpected ";"']),
    ],
)
def test_after_an_error_the_rest_is_still_read(text: str, names: list[str], messages: list[str]) -> None:
    parsed = parse(text, "x")
    assert [item.name for item in walk(parsed.directives)] == names
    assert [problem.message.split(":")[0] for problem in parsed.problems] == messages


def test_blocks_deeper_than_anybody_needs_are_told_and_left_out() -> None:
    depth = MAX_DEPTH + 50
    parsed = parse("a {" * depth + "b 1;" + "}" * depth + " c 2;", "x")
    assert [problem.message for problem in parsed.problems] == [
        f"blocks are nested more than {MAX_DEPTH} deep: not read"
    ]
    assert parsed.directives[-1].name == "c"
    assert len(list(walk(parsed.directives))) == MAX_DEPTH + 1


def shapes(text: str) -> list[tuple[Kind, str, str]]:
    return [(item.kind, item.text, item.quote) for item in tokens(text)]


WORD = st.one_of(
    st.from_regex(r"[a-z$/.*~=^_-]{1,8}", fullmatch=True),
    st.from_regex(r'"([a-z ;{}#]|\\"|\$\{x\}){0,8}"', fullmatch=True),
    st.from_regex(r"'([a-z ;{}#\n]|\\'){0,8}'", fullmatch=True),
    st.just("${name}x"),
)
GAP = st.sampled_from([" ", "\t", "\n", " \n  ", " # note\n", "\r\n"])
HEAD = st.lists(st.tuples(WORD, GAP), min_size=1, max_size=4).map(
    lambda parts: "".join(word + gap for word, gap in parts)
)
DIRECTIVE = HEAD.map(lambda head: head + ";\n")
BLOCK = st.recursive(
    st.lists(DIRECTIVE, max_size=3).map("".join),
    lambda inner: st.tuples(HEAD, inner, st.sampled_from(["", "# last\n"])).map(
        lambda parts: f"{parts[0]}{{\n{parts[1]}{parts[2]}}}\n"
    ),
    max_leaves=6,
)


@given(BLOCK)
@settings(max_examples=300, deadline=None)
@example("""a "{{" '}}' ;\n""")
def test_rendering_keeps_the_tokens(text: str) -> None:
    assume(not mask(text).is_template)  # quoted braces may look like an expression; then nobody can tell
    parsed = parse(text, "x")
    assert not parsed.problems
    assert shapes(render(parsed)) == shapes(text)


@given(BLOCK, st.integers(0, 200))
@settings(max_examples=200, deadline=None)
def test_the_quick_way_reads_what_the_tokens_say(text: str, cut: int) -> None:
    text = text[:cut] + text[cut:].replace("#", "x")
    names = [item.name for item in walk(parse(text, "x").directives)]
    slow = [item.name for item in walk(parse("''\n;" + text.replace("a", '"a"', 0), "x").directives)][1:]
    assert names == slow


def test_a_renamed_directive_is_refused_on_the_line_that_we_name(nginx_says: Callable[[str], Any]) -> None:
    text = f"events {{}}\nhttp {{\n{SITE.replace('location ~', '# more' + chr(10) + '    location ~')}}}\n"
    assert nginx_says(text).accepted
    for directive in walk(parse(text, "x").directives):
        at = directive.start
        assert text[at : at + len(directive.name)] == directive.name
        verdict = nginx_says(text[:at] + "renamed_x" + text[at + len(directive.name) :])
        assert (verdict.text, verdict.line) == ('unknown directive "renamed_x"', directive.head_line)


TEMPLATE = """\
upstream app { server {{ app_host }}:{{ app_port|default(8000) }}; }
{% if tls %}
server {
    listen {{ port }} ssl;
    ssl_certificate /etc/{{ domain }}/x.pem;
{% else %}
server {
    listen 80;
{% endif %}
    server_name ${DOMAIN} "{{ domain }}";
    {# a note with ; and { #}
    {{ extra }}
    {% include "more.conf" %}
    {% for name in names -%}
    location /{{ name }}/ { root $document_root/{{ name }}; }
    {% endfor %}
    set $UPPER 1;
    return 301 https://$host${UPPER};
}
"""


def test_a_template_is_read_with_its_expressions_in_place() -> None:
    parsed = parse(TEMPLATE, "site.conf.j2")
    assert (parsed.problems, parsed.is_template) == ((), True)
    found = [
        (item.name, item.args, item.templated, item.conditional, item.location.line) for item in walk(parsed.directives)
    ]
    assert found == [
        ("upstream", ("app",), (), False, 1),
        ("server", ("{{ app_host }}:{{ app_port|default(8000) }}",), (0,), False, 1),
        ("server", (), (), True, 3),
        ("listen", ("{{ port }}", "ssl"), (0,), True, 4),
        ("ssl_certificate", ("/etc/{{ domain }}/x.pem",), (0,), True, 5),
        ("server_name", ("${DOMAIN}", "{{ domain }}"), (0, 1), False, 10),
        ("{{ extra }}", (), (0,), False, 12),
        ('{% include "more.conf" %}', (), (0,), False, 13),
        ("location", ("/{{ name }}/",), (0,), True, 15),
        ("root", ("$document_root/{{ name }}",), (0,), True, 15),
        ("set", ("$UPPER", "1"), (), False, 17),
        ("return", ("301", "https://$host${UPPER}"), (), False, 18),
    ]
    assert named(parsed, "server_name").words[1].column == 27
    assert named(parsed, "{{ extra }}").inserts


@pytest.mark.parametrize(
    "text",
    [
        "server_name example.com;",
        "set $x ${scheme}://$host; return 301 $x;",
        "location ~ '^/a{2,3}$' { return 200 'a {b}'; }",
        "content_by_lua_block { local t = {{1}, {2}} }",
        'log_format j \'{"a": "$b", "c": {"d": 1}}\';',
    ],
)
def test_plain_nginx_is_no_template(text: str) -> None:
    parsed = parse(text, "site.conf")
    assert not parsed.is_template
    assert not parsed.problems

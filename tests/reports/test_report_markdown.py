import re
from dataclasses import replace

import cmarkgfm
import pytest
from cmarkgfm.cmark import Options
from hypothesis import given
from hypothesis import strategies as st

from scanner.model import Hop, Link, RequestPath, Severity
from scanner.reports import markdown, mermaid
from scanner.reports.markdown import address, code, constant, environment, fence, joined, link, message
from tests.reports.samples import project

ANY_TEXT = st.text(st.characters(exclude_categories=("Cs", "Cc")), max_size=60)
WORDS = "` `` \\ | <b> &lt; * _ [a](b) @me #1 GH-1 https://e.example www.e.example --> <!-- ~~~ $$ x a@e.example - 1. !"
NASTY = st.lists(st.sampled_from([*WORDS.split(), "\n", " "]), max_size=10).map("".join)


def html(markdown: str) -> str:
    return str(cmarkgfm.github_flavored_markdown_to_html(markdown, Options.CMARK_OPT_UNSAFE))


def unescaped(words: str) -> str:
    return words.replace("&lt;", "<").replace("&gt;", ">").replace("&quot;", '"').replace("&amp;", "&")


@given(ANY_TEXT | NASTY)
def test_code_is_one_code_span_and_nothing_else(text: str) -> None:
    made = html(f"a {code(text)} b")
    found = re.fullmatch(r"<p>a <code>(.*)</code> b</p>\n", made, re.DOTALL)
    assert found, made
    shown = unescaped(found.group(1))
    assert shown.split() == " ↵ ".join(text.splitlines()).replace("\t", " ").split() or "\n" not in text


@given(ANY_TEXT | NASTY)
def test_code_in_a_table_is_one_cell(text: str) -> None:
    made = html(f"| a | b |\n|:--|:--|\n| {code(text, table=True)} | c |")
    assert len(re.findall("<td", made)) == 2
    assert re.search(r"<td[^>]*><code>[^<]*</code></td>\n<td[^>]*>c</td>", made), made


@given(ANY_TEXT | NASTY)
def test_a_fence_holds_everything(text: str) -> None:
    made = html(f"{fence(text, 'diff')}\n\nafter")
    assert made.count("<pre") == 1
    assert made.endswith("</code></pre>\n<p>after</p>\n")


@given(ANY_TEXT | NASTY)
def test_running_text_is_only_text(text: str) -> None:
    made = html(f"a {markdown.text(text)} b")
    assert re.fullmatch(r"<p>[^<]*</p>\n", made), made
    assert not re.search(r"@\w|#\d|GH-\d|://|www\.", unescaped(made))


@given(ANY_TEXT | NASTY)
def test_running_text_is_only_text_at_the_beginning_of_a_line(text: str) -> None:
    made = html(f"{markdown.text(text)} b")
    assert re.fullmatch(r"<p>[^<]*</p>\n", made), made


@given(ANY_TEXT | NASTY)
def test_a_message_is_text_and_code(text: str) -> None:
    made = html(f"a {message(text)} b")
    assert re.fullmatch(r"<p>([^<]|</?code>)*</p>\n", made, re.DOTALL), made


@given(ANY_TEXT | NASTY)
def test_a_link_goes_where_we_said(text: str) -> None:
    made = html(f"a {link(text, address('https://github.com/acme/shop', 'blob', text))} b")
    found = re.fullmatch(r'<p>a <a href="([^"]*)"><code>[^<]*</code></a> b</p>\n', made, re.DOTALL)
    assert found, made
    assert found.group(1).startswith("https://github.com/acme/shop/blob/")


def test_what_is_between_backticks_is_code() -> None:
    assert message("`DEBUG` is on *now*, see `a`.") == "`DEBUG` is on \\*now\\*, see `a`."
    assert message("an odd ` one") == "``an odd ` one``"


def test_blank_and_empty_code() -> None:
    assert html(f"a{code('')}b") == "<p>a<code> </code>b</p>\n"


def test_a_fence_takes_only_our_info_strings() -> None:
    with pytest.raises(ValueError, match="no such info string"):
        fence("x", "html")


@pytest.mark.parametrize("value", ["plain", None, 1.5, True, ["x"]])
def test_a_template_refuses_what_nothing_escaped(value: str) -> None:
    with pytest.raises(TypeError, match="nothing escaped"):
        environment().from_string("{{ value }}").render(value=value)


def test_a_template_takes_markdown_and_numbers() -> None:
    template = environment().from_string("{{ a }} {{ b }}")
    assert template.render(a=joined((constant("x"), markdown.text("<"))), b=3) == "x&lt; 3"


def test_a_station_without_a_name_is_still_drawn() -> None:
    one = project(())
    path = RequestPath((Hop("a", "client", " "), Hop("b", "proxy", "nginx")), (Link("a", "b", ""),))
    drawn = mermaid.diagram(replace(one, request_path=path), {"b": [mermaid.Pin(1, Severity.HIGH, "x", blocks=True)]})
    assert drawn is not None
    assert 'n0(["?"])' in drawn

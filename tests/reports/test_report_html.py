import re
from html.parser import HTMLParser
from pathlib import Path

import pytest

from scanner.reports import html
from scanner.reports.html import render
from tests.reports.samples import SAMPLES, Compare, blocked, hostile, incomplete, many

TEMPLATES = Path(__file__).parents[2] / "scanner" / "reports" / "templates"
VOID = {"meta", "input", "br"}
ATTRIBUTES = {
    *(
        "aria-label",
        "aria-labelledby",
        "charset",
        "checked",
        "class",
        "content",
        "data-severity",
        "data-verdict",
        "for",
    ),
    *("href", "http-equiv", "id", "lang", "name", "rel", "role", "scope", "type"),
}
TAGS = {
    *("html", "head", "meta", "title", "style", "body", "input", "header", "h1", "h2", "h3", "h4", "p", "a", "code"),
    *("div", "label", "main", "section", "ol", "ul", "li", "br", "small", "strong", "article", "pre", "details", "em"),
    *("summary", "table", "thead", "tbody", "tr", "th", "td"),
}


class Document(HTMLParser):
    """The tags, in balance; the addresses; the text."""

    def __init__(self, text: str) -> None:
        super().__init__(convert_charrefs=True)
        self.open: list[str] = []
        self.tags: list[str] = []
        self.attributes: set[str] = set()
        self.addresses: list[str] = []
        self.ids: list[str] = []
        self.text = ""
        self.feed(text)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        if tag not in VOID:
            self.open.append(tag)
        for name, value in attrs:
            self.attributes.add(name)
            if name == "href":
                self.addresses.append(value or "")
            if name == "id":
                self.ids.append(value or "")

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        self.text += data


@pytest.mark.parametrize("sample", SAMPLES)
def test_golden(sample: str, golden: Compare) -> None:
    golden(sample, "report.html", render(SAMPLES[sample]()))


@pytest.mark.parametrize("sample", [*SAMPLES, "many"])
def test_only_our_own_tags_attributes_and_links(sample: str) -> None:
    document = Document(render(many(600) if sample == "many" else SAMPLES[sample]()))
    assert document.open == []
    assert set(document.tags) <= TAGS
    assert document.attributes <= ATTRIBUTES
    assert all(each.startswith("https://github.com/acme/") for each in document.addresses)
    assert len(document.ids) == len(set(document.ids))
    assert document.tags.count("h1") == 1


def test_nothing_is_fetched_and_nothing_runs() -> None:
    text = render(hostile())
    assert "default-src 'none'" in text
    style = re.search(r"<style>(.*?)</style>", text, re.DOTALL)
    assert style
    assert not re.search(r"url\(|@import|expression", style.group(1))


def test_the_projects_words_are_shown_as_they_are() -> None:
    assert "<script>alert(1)</script>" in Document(render(hostile())).text
    assert "{{ 7*7 }}" in Document(render(hostile())).text


def test_what_must_be_seen_is_not_folded() -> None:
    text = render(incomplete())
    before = text[: text.index("<details>")]
    assert "unknown directive" in before
    assert "KeyError" in before
    assert "DEBUG = True" in before
    assert "The scan is incomplete" in before


def test_every_finding_is_there() -> None:
    document = Document(render(blocked()))
    for words in ("debug-enabled", "security-header-dropped", "csrf-cookie-insecure", "the CDN strips it"):
        assert words in document.text
    assert document.tags.count("article") == 6


def test_evidence_is_cut_above_the_limit(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(html, "MAX_BYTES", 1000)
    text = render(blocked())
    assert "This report was too large" in text
    assert "booted settings" in text
    assert "has no DJANGO_DEBUG" not in text


def test_nothing_is_marked_as_safe() -> None:
    for path in TEMPLATES.glob("*.j2"):
        assert not re.search(r"\|\s*safe|Markup|autoescape", path.read_text(encoding="utf-8")), path.name


def _luminance(colour: str) -> float:
    channels = [int(colour[at : at + 2], 16) / 255 for at in (1, 3, 5)]
    linear = [each / 12.92 if each <= 0.04045 else ((each + 0.055) / 1.055) ** 2.4 for each in channels]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


@pytest.mark.parametrize("theme", [0, 1], ids=["light", "dark"])
@pytest.mark.parametrize("ground", ["paper", "soft"])
@pytest.mark.parametrize("ink", ["ink", "quiet", "link", "bad", "warn", "good"])
def test_contrast(theme: int, ground: str, ink: str) -> None:
    """At least 4.5 to 1, as WCAG 2.2 (1.4.3) wants it."""
    style = (TEMPLATES / "report.css.j2").read_text(encoding="utf-8")
    roots = re.findall(r":root \{(.*?)\}", style, re.DOTALL)
    colours = dict(re.findall(r"--(\w+): (#[0-9a-f]{6})", roots[theme]))
    dark, light = sorted((_luminance(colours[ground]), _luminance(colours[ink])))
    assert (light + 0.05) / (dark + 0.05) >= 4.5

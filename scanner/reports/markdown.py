"""Markdown that says what we mean, whatever the scanned project is called.

A value of the project gets into a document only through ``code``, ``fence``, ``text`` or ``link``: they return
``Markdown``, and the templates refuse every other string. So a forgotten escape is an exception, not a hole.
"""

import re
from collections.abc import Iterable
from importlib import resources
from urllib.parse import quote

from jinja2 import Environment, FunctionLoader, StrictUndefined

INFO_STRINGS = frozenset({"", "diff", "sh", "mermaid", "suggestion"})
"""What may stand behind a fence."""
RETURN = " ↵ "
"""Shown for a newline where there is room for one line only."""

_SPECIAL = re.compile(r"[\\`*_\[\]|~$]")
# What begins a heading, a list or a rule, but only at the beginning of a line.
_LEADING = re.compile(r"^(\d{1,9}(?=[.)])|(?=[-+#]))(.)")
_ENTITIES = {"&": "&amp;", "<": "&lt;", ">": "&gt;"}
# A zero-width space takes a mention, a reference or an address apart without being seen.
_APART = "\u200b"
_MENTION = re.compile(r"@")
_REFERENCE = re.compile(r"(#|[Gg][Hh]-)(?=\d)")
_ADDRESS = re.compile(r"(:)(?=//)|([Ww][Ww][Ww])(?=\.)")


class Markdown(str):
    """Markdown that is safe to put into a document as it is."""

    __slots__ = ()


def constant(markdown: str) -> Markdown:
    """Markdown that stands in our own source. Never for a text of the project."""
    return Markdown(markdown)


def joined(parts: Iterable[Markdown], between: str = "") -> Markdown:
    """Several pieces in a row."""
    return Markdown(between.join(parts))


def code(text: str, *, table: bool = False) -> Markdown:
    """A code span: in it there is no mention, no link, no HTML. One line; an empty text is a blank."""
    line = RETURN.join(text.splitlines()) if "\n" in text or "\r" in text else text
    line = line.replace("\t", " ")
    if not line.strip():
        return Markdown("` `") if not line else Markdown(f"`{line}`")
    ticks = "`" * (_longest_run(line) + 1)
    if line.startswith("`") or line.endswith("`") or (line.startswith(" ") and line.endswith(" ")):
        line = f" {line} "
    if table:
        # A table is cut into cells before code spans are read: there, and only there, a bar wants a backslash. One that
        # the project put before the bar would take it away again.
        line = line.replace("\\|", "＼|").replace("|", "\\|")  # noqa: RUF001 - a look-alike on purpose
    return Markdown(f"{ticks}{line}{ticks}")


def fence(text: str, info: str = "") -> Markdown:
    """A fenced block, longer than any run of backticks in it."""
    if info not in INFO_STRINGS:
        msg = f"no such info string: {info}"
        raise ValueError(msg)
    ticks = "`" * max(3, _longest_run(text) + 1)
    return Markdown(f"{ticks}{info}\n{text.rstrip(chr(10))}\n{ticks}")


def text(words: str) -> Markdown:
    """Running text: nothing in it is markup, a mention, a reference or a link."""
    line = " ".join(words.split())
    line = "".join(_ENTITIES.get(character, character) for character in line)
    line = _SPECIAL.sub(lambda found: "\\" + found.group(), line)
    line = _LEADING.sub(lambda found: f"{found.group(1)}\\{found.group(2)}", line)
    line = _ADDRESS.sub(lambda found: found.group() + _APART, line)
    line = _MENTION.sub("@" + _APART, line)
    return Markdown(_REFERENCE.sub(lambda found: found.group() + _APART, line))


def message(sentence: str, *, table: bool = False) -> Markdown:
    """A finding's message: what stands between backticks is the project's, and becomes code; the rest is ours."""
    parts = sentence.split("`")
    if len(parts) % 2 == 0:  # a backtick without its partner: nothing in it can be trusted to be ours
        return code(sentence, table=table)
    made = [code(part, table=table) if index % 2 else text_inside(part) for index, part in enumerate(parts)]
    return joined(made)


def text_inside(words: str) -> Markdown:
    """Running text between two other pieces: blanks at its ends are kept, one each."""
    if not words.strip():
        return Markdown(" " if words else "")
    before = " " if words[0].isspace() else ""
    after = " " if words[-1].isspace() else ""
    return Markdown(f"{before}{text(words)}{after}")


def link(label: str, address: str, *, table: bool = False) -> Markdown:
    """A link whose label is a code span, to an address that one of the functions below built."""
    return Markdown(f"[{code(label, table=table)}]({address})")


def address(base: str, *segments: str) -> str:
    """An https address below ``base``: every segment is percent-encoded, so that it cannot end the link."""
    safe = quote(base, safe=":/._-~?=&#+")
    return safe.rstrip("/") + "/" + "/".join(quote(part, safe="") for each in segments for part in each.split("/"))


def environment() -> Environment:
    """The templates of this package; a value that is no Markdown and no number is an error."""
    return Environment(
        loader=FunctionLoader(_source),
        undefined=StrictUndefined,
        finalize=_only_markdown,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
        autoescape=False,  # noqa: S701 - Markdown, not HTML: `finalize` is what escapes here
    )


def _source(name: str) -> str:
    return resources.files("scanner.reports").joinpath("templates", name).read_text(encoding="utf-8")


def _only_markdown(value: object) -> object:
    if isinstance(value, Markdown) or (isinstance(value, int) and not isinstance(value, bool)):
        return value
    msg = f"a template was given {type(value).__name__}, which nothing escaped"
    raise TypeError(msg)


def _longest_run(text: str) -> int:
    return max((len(run) for run in re.findall("`+", text)), default=0)

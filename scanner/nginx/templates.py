"""Templates that become nginx files: what is an expression there, and a text of the same shape that can be parsed.

nginx takes an unrendered ``server_name ${DOMAIN};`` for a name and is content, so templates are recognised before
anything is parsed: Jinja and its like (``{{ x }}``, ``{% if %}``, ``{# #}``), ERB (``<%= x %>``), envsubst (``${NAME}``
in capitals) and the shell's ``$(command)``.

The masked text has the length and the lines of the original, so every place in it is a place in the template. An
expression becomes a run of one character that no configuration uses; statements become blanks; of several branches the
first stays; what stands in a branch or a loop is remembered as conditional.
"""

import re
from bisect import bisect_right
from dataclasses import dataclass
from typing import Final

STAND_IN: Final = "\ue000"
"""A character of the private use area: each one stands for one character of an expression."""

_EXPRESSION_LIMIT: Final = 2000
_OPENER: Final = re.compile(
    r"\{%|\{\{|\{#|<%|\$\{(?P<braced>[A-Z_][A-Z0-9_]*+)(?::?[-=?+][^}\n]{0,200})?\}"
    r"|\$\((?!\?)|\$(?P<bare>[A-Z][A-Z0-9_]++)(?![a-z])"
)
_INSIDE: Final = re.compile(r"""[-+~]?\s*+(?=[A-Za-z_"'(\[.$#/^])(?:[^{}"']++|"[^"{}]*+"|'[^'{}]*+')++""")
_CLOSERS: Final = {"{%": "%}", "{{": "}}", "{#": "#}", "<%": "%>", "$(": ")"}
_DEFINED: Final = re.compile(
    r"(?:\b(?:set|auth_request_set)[ \t]+\$\{?|\b(?:map|geo|split_clients)\b[^;{}]{0,200}\$)([A-Z_][A-Z0-9_]*)"
)
_TEMPLATE_NAME: Final = re.compile(r"\.(?:template|tmpl|tpl|j2|jinja2?|erb|in|envsubst|ctmpl)\b")
_STATEMENT: Final = re.compile(r"(?:\{%|<%)[-+=]?\s*(?P<word>\w+)")
_NOT_BREAK: Final = re.compile(r"[^\n\r]")
_OPENING_WORDS: Final = frozenset({"if", "for", "unless", "foreach"})
_BRANCH_WORDS: Final = frozenset({"else", "elif", "elsif", "elseif"})
_CLOSING_WORDS: Final = frozenset({"endif", "endfor", "end", "endunless"})
_INSERTING_WORDS: Final = frozenset({"include", "import", "from", "extends", "call"})


@dataclass(frozen=True)
class Masked:
    """A template in a shape that can be parsed."""

    text: str
    """As long as the original, with the same line ends."""
    is_template: bool
    conditional: tuple[tuple[int, int], ...] = ()
    """Outermost stretches (start, end) that a branch or a loop encloses, in order."""

    def in_condition(self, offset: int) -> bool:
        """Whether a branch or a loop decides if this place is there at all."""
        if not self.conditional:
            return False
        index = bisect_right(self.conditional, (offset, len(self.text) + 1)) - 1
        return index >= 0 and self.conditional[index][0] <= offset < self.conditional[index][1]


def mask(text: str, path: str = "") -> Masked:
    """Find the expressions of a template and put stand-ins in their place.

    ``path`` tells by its ending whether ``$NAME`` without braces is an environment variable, too. Text without any
    expression comes back as it is.
    """
    if _OPENER.search(text) is None:
        return Masked(text, is_template=False)
    return _Masker(text, bare_names=_TEMPLATE_NAME.search(path) is not None).run()


class _Masker:
    """One walk over a template. ``parts`` is the masked text so far."""

    def __init__(self, text: str, *, bare_names: bool) -> None:
        self.text = text
        self.bare_names = bare_names
        self.defined = frozenset(_DEFINED.findall(text))
        self.jinja = "{%" in text or "{{" in text
        self.parts: list[str] = []
        self.done = 0
        self.found_any = False
        self.blocks: list[int | None] = []
        """One entry an open branch or loop: where its dropped branch began, or None while its first branch lasts."""
        self.block_start = 0
        self.conditional: list[tuple[int, int]] = []
        self.last_closer = {closer: text.rfind(closer) for closer in _CLOSERS.values()}

    def run(self) -> Masked:
        position = 0
        while (found := _OPENER.search(self.text, position)) is not None:
            end = self._end_of(found)
            if end is None:
                position = found.end() if found["bare"] or found["braced"] else found.start() + 1
                continue
            self._replace(found, end)
            position = end
        if self.blocks and (dropped := next((start for start in self.blocks if start is not None), None)) is not None:
            self._blank_from(dropped, len(self.text))
        self.parts.append(self.text[self.done :])
        if self.blocks:
            self.conditional.append((self.block_start, len(self.text)))
        return Masked("".join(self.parts), self.found_any, tuple(self.conditional))

    def _end_of(self, found: re.Match[str]) -> int | None:
        """Offset after the expression that opens here, or None when it is none."""
        if found["bare"] is not None:
            return found.end() if self.bare_names and found["bare"] not in self.defined else None
        if found["braced"] is not None:
            return None if found["braced"] in self.defined else found.end()
        opener = found.group()
        if opener == "{#" and not self.jinja:
            return None
        closer = _CLOSERS[opener]
        if self.last_closer[closer] < found.end():
            return None
        end = self.text.find(closer, found.end(), found.end() + _EXPRESSION_LIMIT)
        # `{{` may be a table in Lua or JSON in a log format: an expression begins with a name, holds no brace
        # and closes its quotes.
        if end < 0 or (opener == "{{" and not _INSIDE.fullmatch(self.text, found.end(), end)):
            return None
        return end + len(closer)

    def _replace(self, found: re.Match[str], end: int) -> None:
        start, opener = found.start(), found.group()
        raw = self.text[start:end]
        self.found_any = True
        if opener == "{#":
            self._put(start, end, _NOT_BREAK.sub(" ", raw))
        elif opener == "{%" or (opener == "<%" and not raw.startswith("<%=")):
            self._statement(start, end, raw)
        elif opener == "{{" and self._stands_alone(start, end):
            self._put(start, end, STAND_IN * (len(raw) - 1) + ";")
        else:
            self._put(start, end, STAND_IN * len(raw))

    def _statement(self, start: int, end: int, raw: str) -> None:
        found = _STATEMENT.match(raw)
        word = "" if found is None else found["word"]
        if word in _INSERTING_WORDS and word not in {"import", "from"} and self._stands_alone(start, end):
            self._put(start, end, STAND_IN * (len(raw) - 1) + ";")
            return
        self._put(start, end, _NOT_BREAK.sub(" ", raw))
        if word in _OPENING_WORDS:
            if not self.blocks:
                self.block_start = end
            self.blocks.append(None)
        elif word in _BRANCH_WORDS and self.blocks and self.blocks[-1] is None:
            self.blocks[-1] = end
        elif word in _CLOSING_WORDS and self.blocks:
            dropped = self.blocks.pop()
            if dropped is not None and all(outer is None for outer in self.blocks):
                self._blank_from(dropped, start)
            if not self.blocks:
                self.conditional.append((self.block_start, start))

    def _put(self, start: int, end: int, masked: str) -> None:
        self.parts.append(self.text[self.done : start])
        self.parts.append(masked)
        self.done = end

    def _blank_from(self, dropped: int, until: int) -> None:
        """Blank what was already written for the stretch from ``dropped`` to ``until``."""
        self.parts.append(self.text[self.done : max(until, self.done)])
        self.done = max(until, self.done)
        joined = "".join(self.parts)
        self.parts = [joined[:dropped], _NOT_BREAK.sub(" ", joined[dropped:until]), joined[until:]]

    def _stands_alone(self, start: int, end: int) -> bool:
        """Whether an expression has its line to itself where a directive would begin."""
        line_end = self.text.find("\n", end)
        after = self.text[end : len(self.text) if line_end < 0 else line_end].strip()
        line_start = self.text.rfind("\n", 0, start) + 1
        if (after and not after.startswith("#")) or self.text[line_start:start].strip():
            return False
        written = "".join(self.parts[-8:]) + self.text[self.done : start]
        for line in reversed(written.splitlines()):
            code = line.split("#", 1)[0].rstrip()
            if code:
                return code[-1] in ";{}"
        return True

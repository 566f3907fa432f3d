"""The words of an nginx configuration file, by the rules of nginx's own reader.

The rules (``ngx_conf_read_token`` in nginx's ``src/core/ngx_conf_file.c``): a quote opens a string only at the start of
a word; what follows a closing quote must be white space, ``;``, ``{`` or ``)``; a backslash takes the next character
along; ``${`` does not open a block; ``#`` opens a comment only at the start of a word; a word holds up to 4096 bytes.

Errors are data, in nginx's own words. After one the reader goes on, so that the rest of the file is still judged.
"""

import enum
import re
from collections.abc import Iterator
from typing import Final, NamedTuple

WORD_LIMIT: Final = 4096
"""Size of nginx's buffer (NGX_CONF_BUFFER): a longer word, string or comment is an error there."""

_GAP: Final = re.compile(r"[ \t\r\n]++")
_WORD: Final = re.compile(r"(?:[^\\$ \t\r\n;{]++|\\.|\$\{*+)++", re.DOTALL)
_STRING: Final = {
    '"': re.compile(r'(?:[^"\\]++|\\.)*+', re.DOTALL),
    "'": re.compile(r"(?:[^'\\]++|\\.)*+", re.DOTALL),
}
_COMMENT: Final = re.compile(r"#[^\n]*+")
_ESCAPE: Final = re.compile(r"\\([\"'\\trn])")
_UNESCAPED: Final = {"t": "\t", "r": "\r", "n": "\n"}
_LUA_BLOCK: Final = re.compile(r"[a-z_0-9]+_by_lua_block\Z")
_LUA_PART: Final = re.compile(
    r"""[^{}"'\[\-]++"""
    r"""|(?P<long>(?:--)?\[(?P<level>=*+)\[)"""
    r"""|--[^\n]*+"""
    r"""|"(?:[^"\\\n]++|\\.)*+"?"""
    r"""|'(?:[^'\\\n]++|\\.)*+'?"""
    r"""|[{}\[\-]""",
    re.DOTALL,
)
_PLAIN: Final = re.compile(
    r"""[ \t\r\n]*+(?:(?P<close>\})"""
    r"""|(?P<comment>\#[^\n]*+)"""
    r"""|(?P<name>[A-Za-z_][A-Za-z0-9_]*+)"""
    r"""(?P<args>(?:[ \t]++(?:"[^"\\\n\ue000]*+"(?=[ \t;{])|(?![#}"'])(?:[^\\$ \t\r\n;{\ue000]++|\$(?!\{))++))*+)"""
    r"""[ \t]*+(?P<end>[;{]))"""
)
"""A comment, a closing brace, or a directive of one line without escapes and braced variables: all but a few."""
_PLAIN_WORD: Final = re.compile(r'"([^"]*)"|([^ \t]+)')
_PLAIN_LIMIT: Final = 1000
_STRING_STOP: Final = re.compile(r"[;{\r\n]|\Z")


class Kind(enum.Enum):
    """What a token is."""

    WORD = "word"
    END = ";"
    OPEN = "{"
    CLOSE = "}"
    COMMENT = "comment"
    CODE = "code"
    """The body of a ``*_by_lua_block``, between its braces, as it is written."""
    ERROR = "error"
    """No token: ``text`` is what nginx says about this place. What follows may be a guess."""


# A tuple, because a large file has a hundred thousand of them and a frozen dataclass costs five times as much to make.
class Token(NamedTuple):
    """One token with its place; lines and columns count from 1, columns in code points."""

    kind: Kind
    text: str
    """A word's value, without its quotes and escapes; a comment with its ``#``; the sign itself."""
    line: int
    column: int
    end_line: int
    end_column: int
    """The column after the last character."""
    quote: str
    """``"``, ``'`` or nothing."""
    start: int
    """Offset of the first character (a quote included) in the text that was read."""
    end: int
    """Offset after the last character."""


PlainItem = tuple[str, str, tuple[str, ...], int, int, int, int]
"""Kind (``;``, ``{``, ``close``, ``comment``), name, arguments, line, column, offset of the start and after the end."""


def tokens(text: str) -> Iterator[Token]:
    """The tokens of a configuration file, comments and errors included, to the end of the text.

    Never raises and takes time in proportion to the length of ``text``.
    """
    return iter(Reader(text))


def unescape(raw: str) -> str:
    """A word's value: nginx takes a backslash away before quotes, backslashes and the letters t, r and n only."""
    if "\\" not in raw:
        return raw
    return _ESCAPE.sub(lambda found: _UNESCAPED.get(found[1], found[1]), raw)


def _plain_words(written: str) -> Iterator[str]:
    for quoted, bare in _PLAIN_WORD.findall(written):
        yield bare or quoted


class Reader:
    """Walks over a text once. ``position``, ``line`` and ``line_start`` say where it stands."""

    def __init__(self, text: str) -> None:
        self.text = text
        self.position = 0
        self.line = 1
        self.line_start = 0
        self.failed_at = -1

    def __iter__(self) -> Iterator[Token]:
        text, size = self.text, len(self.text)
        words = 0
        first_word = ""
        yield from self._byte_order_mark()
        while True:
            self._skip_gap()
            if self.position >= size:
                break
            character = text[self.position]
            if character == "#":
                yield from self._comment()
            elif character == ";" or character == "{" or character == "}":  # noqa: PLR1714 - the hottest line here
                if (words == 0) != (character == "}"):
                    yield from self._error(f'unexpected "{character}"')
                yield self._sign(character)
                if character == "{" and words and _LUA_BLOCK.match(first_word):
                    yield from self._code()
                words = 0
            else:
                for token in self._string(character) if character in _STRING else self._word():
                    yield token
                    if words == 0 and token.kind is Kind.WORD:
                        first_word = token.text
                words += 1
        if words:
            yield from self._error('unexpected end of file, expecting ";" or "}"')

    def _byte_order_mark(self) -> Iterator[Token]:
        if self.text.startswith("\ufeff"):
            yield from self._error("unknown directive: nginx reads the byte order mark as part of the first word")
            self.position = self.line_start = 1

    def plain_items(self) -> "Iterator[PlainItem]":
        """What comes next, as long as it is plain; the reader then stands behind it.

        Only where a directive may begin. It yields what the tokens would, several times as fast.
        """
        text, match = self.text, _PLAIN.match
        position, line, line_start = self.position, self.line, self.line_start
        try:
            while (found := match(text, position)) is not None:
                kind = found.lastgroup
                end = found.end()
                start = found.start("name" if kind == "end" else kind or 0)
                if end - start > _PLAIN_LIMIT:
                    break
                name = ""
                args: tuple[str, ...] = ()
                if kind == "end":
                    name, written = found.group("name", "args")
                    if name.endswith("_by_lua_block"):
                        break
                    args = tuple(_plain_words(written)) if '"' in written else tuple(written.split())
                breaks = text.count("\n", position, start)
                if breaks:
                    line += breaks
                    line_start = text.rfind("\n", position, start) + 1
                position = end
                yield (
                    text[end - 1] if kind == "end" else kind or "",
                    name,
                    args,
                    line,
                    start - line_start + 1,
                    start,
                    end,
                )
        finally:
            self.position, self.line, self.line_start = position, line, line_start

    def _skip_gap(self) -> None:
        found = _GAP.match(self.text, self.position)
        if found is not None:
            self._advance(found.end())

    def _advance(self, end: int) -> None:
        """Stand at ``end``, counting the lines on the way."""
        breaks = self.text.count("\n", self.position, end)
        if breaks:
            self.line += breaks
            self.line_start = self.text.rfind("\n", self.position, end) + 1
        self.position = end

    def _sign(self, character: str) -> Token:
        start = self.position
        self.position = start + 1
        column = start - self.line_start + 1
        kind = Kind.END if character == ";" else Kind.OPEN if character == "{" else Kind.CLOSE
        return Token(kind, character, self.line, column, self.line, column + 1, "", start, start + 1)

    def _comment(self) -> Iterator[Token]:
        found = _COMMENT.match(self.text, self.position)
        token = self._take(Kind.COMMENT, len(self.text) if found is None else found.end())
        yield from self._check_size(token)
        yield token

    def _word(self) -> Iterator[Token]:
        found = _WORD.match(self.text, self.position)
        # A lone backslash at the very end of the file matches nothing.
        token = self._take(Kind.WORD, self.position + 1 if found is None else found.end())
        yield from self._check_size(token)
        yield token

    def _string(self, quote: str) -> Iterator[Token]:
        found = _STRING[quote].match(self.text, self.position + 1)
        end = self.position + 1 if found is None else found.end()
        closed = end < len(self.text) and self.text[end] == quote
        if not closed:
            # nginx reads on to the end of the file. A guess serves the rest of the file better: the string was meant
            # to end on its line.
            yield from self._unclosed(quote, end)
            stop = _STRING_STOP.search(self.text, self.position + 1)
            token = self._take(Kind.WORD, len(self.text) if stop is None else stop.start(), quote)
            yield token
            return
        token = self._take(Kind.WORD, end + 1, quote)
        yield from self._check_size(token)
        yield token
        following = self.text[self.position : self.position + 1]
        if following and following not in " \t\r\n;{)":
            yield from self._error(f'unexpected "{following}"')

    def _code(self) -> Iterator[Token]:
        """The body of a Lua block: to the brace that closes it, past Lua's strings and comments."""
        start, depth = self.position, 0
        text, size = self.text, len(self.text)
        position = start
        while position < size:
            found = _LUA_PART.match(text, position)
            if found is None:  # cannot be: every character has a part
                break
            part = found.group()
            if part == "{":
                depth += 1
            elif part == "}":
                if depth == 0:
                    break
                depth -= 1
            position = found.end()
            if found["long"] is not None:
                closing = "]" + found["level"] + "]"
                end = text.find(closing, position)
                position = size if end < 0 else end + len(closing)
        yield self._take(Kind.CODE, position)

    def _take(self, kind: Kind, end: int, quote: str = "") -> Token:
        """The token from here to ``end``; stands behind it afterwards."""
        start, line, column = self.position, self.line, self.position - self.line_start + 1
        raw = self.text[start:end]
        if "\n" in raw:
            self._advance(end)
        else:
            self.position = end
        value = raw.rstrip("\r") if kind is Kind.COMMENT else raw if kind is Kind.CODE else _value(raw, quote)
        return Token(kind, value, line, column, self.line, end - self.line_start + 1, quote, start, end)

    def _check_size(self, token: Token) -> Iterator[Token]:
        """The error about a word, string or comment that does not fit its buffer."""
        length = token.end - token.start
        if length * 4 < WORD_LIMIT:
            return
        opening = 1 if token.quote else 0
        raw = self.text[token.start + opening : token.end - opening].encode(errors="surrogatepass")
        # The character behind a word must fit, too; behind a string the closing quote stands before it.
        if len(raw) + opening < WORD_LIMIT:
            return
        if len(raw) >= WORD_LIMIT and token.quote:
            message = f'too long parameter, probably missing terminating "{token.quote}" character'
        else:
            message = f'too long parameter "{raw[:10].decode(errors="replace")}..." started'
        yield _error_token(message, token.line, token.column, token.start)

    def _unclosed(self, quote: str, end: int) -> Iterator[Token]:
        """The error about a string that never ends, at the line that nginx names."""
        raw = self.text[self.position + 1 : end].encode(errors="surrogatepass")
        column = self.position - self.line_start + 1
        if len(raw) >= WORD_LIMIT:
            message = f'too long parameter, probably missing terminating "{quote}" character'
            yield _error_token(message, self.line, column, self.position)
            return
        message = (
            f'unexpected end of file, expecting ";" or "}}": the string that begins on line {self.line} does not end'
        )
        line = self.line + self.text.count("\n", self.position)
        yield _error_token(message, line, 1 if line != self.line else column, self.position)

    def _error(self, message: str) -> Iterator[Token]:
        """An error at this place; the second one about the same character is dropped."""
        if self.failed_at != self.position:
            self.failed_at = self.position
            yield _error_token(message, self.line, self.position - self.line_start + 1, self.position)


def _error_token(message: str, line: int, column: int, offset: int) -> Token:
    return Token(Kind.ERROR, message, line, column, line, column, "", offset, offset)


def _value(raw: str, quote: str) -> str:
    if quote:
        raw = raw[1:-1] if len(raw) > 1 and raw[-1] == quote else raw[1:]
    return unescape(raw)

"""Directives in blocks, each with its place: the tree of one configuration file.

A directive's ``words`` (its arguments with their places) are worked out when somebody asks for them: a rule needs the
place of a few arguments, and a large file has a hundred thousand.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import cached_property
from typing import Final, NamedTuple

from scanner.model import Location
from scanner.nginx.lexer import Kind, Reader, Token, tokens, unescape
from scanner.nginx.templates import STAND_IN, Masked, mask

MAX_DEPTH: Final = 100
"""Blocks in blocks; nobody needs ten, and everything that walks over a tree may rely on it."""
MAX_DIRECTIVES: Final = 250_000
"""In one file. A larger one is reported, and judged as far as it was read."""
MAX_TOKENS: Final = 500_000
MAX_PROBLEMS: Final = 100
MAX_CHARACTERS: Final = 10_000_000


@dataclass(frozen=True, order=True)
class SyntaxProblem:
    """Something that nginx refuses (in its own words), or that we could not read."""

    location: Location
    message: str


class Argument(NamedTuple):
    """One argument of a directive, with its place; lines and columns count from 1."""

    text: str
    line: int
    column: int
    quote: str
    """``"``, ``'`` or nothing."""
    is_template: bool
    """Whether an expression of a template stands in it: its text is then no value."""


@dataclass(frozen=True)
class SourceText:
    """A file as it was read, and as it is parsed."""

    path: str
    text: str
    masked: Masked

    @cached_property
    def lines(self) -> tuple[str, ...]:
        """Its lines, without their line feeds."""
        return tuple(self.text.split("\n"))


@dataclass(frozen=True, eq=False)
class Directive:
    """One directive. Two are equal only if they are the same one."""

    name: str
    args: tuple[str, ...]
    """Values, without quotes and escapes; a template's expressions as they are written."""
    line: int
    column: int
    end_line: int
    head_line: int
    """The line of the ``;`` or ``{``: the one that nginx names in its messages."""
    block: tuple["Directive", ...] | None = field(repr=False)
    """The directives inside, or None for a directive that ends with ``;``."""
    source: SourceText = field(repr=False)
    start: int
    """Offset of the name in ``source.text``."""
    head_end: int
    """Offset of the ``;`` or ``{``."""
    templated: tuple[int, ...] = ()
    """Which arguments hold an expression of a template, from 0."""
    conditional: bool = False
    """Inside a branch or loop of a template: it may not be there."""
    body: str | None = None
    """The code of a ``*_by_lua_block``."""
    known: str | None = None
    """``proxy_params`` and the like: this directive is not in the repository but in a file whose text everybody has."""

    @cached_property
    def location(self) -> Location:
        """The name's line and column; ``end_line`` is the line of the ``;`` or of the closing brace.

        For text that is shipped with us (``known``): the place of the ``include``.
        """
        return Location(self.source.path, self.line, self.column, self.end_line)

    @property
    def is_template(self) -> bool:
        """Whether an argument, or the name, is made by a template."""
        return bool(self.templated)

    @property
    def inserts(self) -> bool:
        """Whether this is a template's expression in the place of whole directives."""
        return self.name[:1] in "{<" and self.name.startswith(("{{", "{%", "<%"))

    @property
    def text(self) -> str:
        """Name and arguments in one line, without quotes: ``add_header X-Frame-Options DENY always``."""
        return " ".join((self.name, *self.args))

    def arg(self, index: int, default: str = "") -> str:
        """The argument with that index, or ``default``."""
        return self.args[index] if index < len(self.args) else default

    @cached_property
    def words(self) -> tuple[Argument, ...]:
        """The arguments with their places."""
        head = self.source.masked.text[self.start : self.head_end]
        found = [token for token in tokens(head) if token.kind is Kind.WORD][1:]
        if self.known is not None or len(found) != len(self.args):
            place = self.location
            return tuple(Argument(text, place.line, place.column, "", is_template=False) for text in self.args)
        return tuple(
            Argument(text, *self._place(token), token.quote, is_template=index in self.templated)
            for index, (text, token) in enumerate(zip(self.args, found, strict=True))
        )

    def place_of(self, index: int) -> Location:
        """Where the argument with that index stands; the directive's own place when there is none."""
        if self.known is not None or index >= len(self.words):
            return self.location
        return Location(self.source.path, self.words[index].line, self.words[index].column)

    def with_block(self, block: tuple["Directive", ...]) -> "Directive":
        """The same directive around other ones."""
        return _directive({**self._fields, "block": block})

    def stand_in(self, name: str, args: tuple[str, ...], file: str) -> "Directive":
        """What this ``include`` stands for: a directive of a file whose text everybody has, at this place."""
        return _directive({**self._fields, "name": name, "args": args, "templated": (), "known": file})

    @property
    def _fields(self) -> dict[str, object]:
        return {name: value for name, value in vars(self).items() if name not in _WORKED_OUT}

    def _place(self, token: Token) -> tuple[int, int]:
        before = self.column - 1 if token.line == 1 else 0
        return self.line + token.line - 1, token.column + before


_WORKED_OUT: Final = frozenset({"location", "words"})


def _directive(fields: dict[str, object]) -> Directive:
    """A directive with these fields.

    The constructor of a frozen dataclass sets field by field, which takes ten times as long: in a large file most of
    the time of reading it.
    """
    made = object.__new__(Directive)
    object.__setattr__(made, "__dict__", fields)
    return made


class Comment(NamedTuple):
    """One comment, with its ``#``."""

    text: str
    line: int
    column: int


@dataclass(frozen=True, eq=False)
class ParsedFile:
    """One file: its directives, its comments and what is wrong with it."""

    path: str
    directives: tuple[Directive, ...]
    comments: tuple[Comment, ...]
    problems: tuple[SyntaxProblem, ...]
    is_template: bool

    def comments_for(self, directive: Directive) -> tuple[str, ...]:
        """The comments that belong to a directive: those right above it and the one on its line."""
        by_line = {comment.line: comment for comment in self.comments}
        line = directive.line
        first = line
        while first - 1 in by_line and not self._has_code(first - 1):
            first -= 1
        lines = [*range(first, line), *range(line, directive.head_line + 1)]
        return tuple(by_line[number].text for number in lines if number in by_line)

    def _has_code(self, line: int) -> bool:
        return line in self._code_lines

    @cached_property
    def _code_lines(self) -> frozenset[int]:
        return frozenset(line for item in walk(self.directives) for line in (item.line, item.end_line))


def parse(text: str, path: str) -> ParsedFile:
    """Read one configuration file.

    Errors are in the result, and what follows one is still read. Never raises for any ``text``; files over
    ``MAX_CHARACTERS``, blocks below ``MAX_DEPTH`` and directives beyond ``MAX_DIRECTIVES`` are errors of that kind.
    """
    if len(text) > MAX_CHARACTERS:
        problem = SyntaxProblem(Location(path), "larger than 10 million characters: not read")
        return ParsedFile(path, (), (), (problem,), is_template=False)
    return _Builder(SourceText(path, text, mask(text, path))).run()


def walk(directives: tuple[Directive, ...]) -> Iterator[Directive]:
    """All directives, those in blocks included, in the order of the file."""
    for directive in directives:
        yield directive
        if directive.block:
            yield from walk(directive.block)


class _Frame:
    """A block that is still open: its head, and what was read of its inside."""

    __slots__ = ("body", "children", "head")

    def __init__(self, head: "_Head | None") -> None:
        self.head = head
        self.body: str | None = None
        self.children: list[Directive] = []


class _Head(NamedTuple):
    """What stands before a ``;`` or ``{``."""

    name: str
    args: tuple[str, ...]
    line: int
    column: int
    start: int
    head_end: int
    head_line: int
    templated: tuple[int, ...] = ()


class _Builder:
    """Puts tokens into a tree, without recursion."""

    def __init__(self, source: SourceText) -> None:
        self.source = source
        self.reader = Reader(source.masked.text)
        self.stack = [_Frame(None)]
        self.has_conditions = bool(source.masked.conditional)
        self.too_deep = 0
        self.count = 0
        self.comments: list[Comment] = []
        self.problems: list[SyntaxProblem] = []
        self.words: list[Token] = []
        self.tokens_taken = 0
        self.code_follows = False

    def run(self) -> ParsedFile:
        stream = iter(self.reader)
        while self._may_go_on():
            if not self.words and not self.code_follows:
                self._take_plain_directives()
            token = next(stream, None)
            if token is None:
                break
            self._take(token)
            self.tokens_taken += 1
        last_line = self.reader.line
        if len(self.stack) > 1 or self.too_deep:
            if not self.problems or not self.problems[-1].message.startswith("unexpected end of file"):
                self._problem(last_line, 1, self._unclosed_message())
            while len(self.stack) > 1:
                self._close(last_line)
        return ParsedFile(
            self.source.path,
            tuple(self.stack[0].children),
            tuple(self.comments),
            tuple(self.problems),
            self.source.masked.is_template,
        )

    def _may_go_on(self) -> bool:
        """Whether the file is still of a size that somebody wrote; says so at the place where it is not."""
        if self.count < MAX_DIRECTIVES and self.tokens_taken < MAX_TOKENS and len(self.problems) < MAX_PROBLEMS:
            return True
        what = "errors" if len(self.problems) >= MAX_PROBLEMS else "directives"
        self._problem(self.reader.line, 1, f"too many {what} in one file: the rest was not read")
        return False

    def _unclosed_message(self) -> str:
        head = self.stack[-1].head
        opened = "" if head is None else f' to close "{head.name}" of line {head.line}'
        return f'unexpected end of file, expecting "}}"{opened}'

    def _take_plain_directives(self) -> None:
        """The quick way over what most lines are: a name, plain arguments, ``;`` or ``{``."""
        for kind, name, args, line, column, start, end in self.reader.plain_items():
            if kind == ";":
                self._add(name, args, line, column, start, end - 1)
            elif kind == "{":
                self._open(_Head(name, args, line, column, start, end - 1, line))
            elif kind == "close":
                self._close_at(line, column)
            else:
                self.comments.append(Comment(self.source.text[start:end].rstrip("\r"), line, column))
            if self.count >= MAX_DIRECTIVES or len(self.problems) >= MAX_PROBLEMS:
                break

    def _take(self, token: Token) -> None:
        match token.kind:
            case Kind.WORD:
                self.words.append(token)
            case Kind.COMMENT:
                text = self.source.text[token.start : token.end].rstrip("\r")
                self.comments.append(Comment(text, token.line, token.column))
            case Kind.ERROR:
                self._problem(token.line, token.column, token.text)
            case Kind.CODE:
                self.code_follows = False
                if not self.too_deep:
                    self.stack[-1].body = self.source.text[token.start : token.end]
            case Kind.END:
                self._end(token)
            case Kind.OPEN:
                if head := self._head(token):
                    self._open(head)
            case Kind.CLOSE:
                # nginx refuses words before a brace; most likely only the semicolon is missing.
                self._end(token)
                self._close_at(token.line, token.column)

    def _end(self, token: Token) -> None:
        if head := self._head(token):
            self._add(*head, end_line=token.line)

    def _head(self, token: Token) -> _Head | None:
        """The words so far, as the head of a directive that ends with this sign."""
        if not self.words:
            return None
        first, *rest = self.words
        self.words = []
        templated = tuple(index for index, word in enumerate(rest) if STAND_IN in word.text)
        name = self._text(first)
        if STAND_IN in first.text:
            templated = (*templated, len(rest))
            if self.source.text[token.start] != ";" and token.kind is Kind.END:  # it stands in for whole directives
                name = self.source.text[first.start : token.end]
        args = tuple(self._text(word) for word in rest)
        return _Head(name, args, first.line, first.column, first.start, token.start, token.line, templated)

    def _text(self, word: Token) -> str:
        if STAND_IN not in word.text:
            return word.text
        raw = self.source.text[word.start : word.end]
        return unescape(raw.strip(word.quote) if word.quote else raw)

    def _open(self, head: _Head) -> None:
        # Only the slow way meets these: see Reader.plain_items.
        self.code_follows = head.name.endswith("_by_lua_block")
        if self.too_deep or len(self.stack) > MAX_DEPTH:
            if not self.too_deep:
                self._problem(head.line, head.column, f"blocks are nested more than {MAX_DEPTH} deep: not read")
            self.too_deep += 1
            return
        self.stack.append(_Frame(head))

    def _close_at(self, line: int, column: int) -> None:
        if self.too_deep:
            self.too_deep -= 1
        elif len(self.stack) > 1:
            self._close(line)
        else:
            self._problem(line, column, 'unexpected "}"')

    def _close(self, line: int) -> None:
        frame = self.stack.pop()
        if frame.head is not None:
            self._add(*frame.head, block=tuple(frame.children), end_line=line, body=frame.body)

    def _add(  # noqa: PLR0913 - the hottest call: a tuple around them costs a fifth of the time
        self,
        name: str,
        args: tuple[str, ...],
        line: int,
        column: int,
        start: int,
        head_end: int,
        head_line: int = 0,
        templated: tuple[int, ...] = (),
        *,
        block: tuple[Directive, ...] | None = None,
        end_line: int = 0,
        body: str | None = None,
    ) -> None:
        """Put a directive into the block that is open; without ``head_line`` all of it is on one line."""
        if self.too_deep:
            return
        self.count += 1
        fields: dict[str, object] = {
            "name": name,
            "args": args,
            "line": line,
            "column": column,
            "end_line": end_line or line,
            "head_line": head_line or line,
            "block": block,
            "source": self.source,
            "start": start,
            "head_end": head_end,
        }
        if templated:
            fields["templated"] = templated
        if body is not None:
            fields["body"] = body
        if self.has_conditions and self.source.masked.in_condition(start):
            fields["conditional"] = True
        self.stack[-1].children.append(_directive(fields))

    def _problem(self, line: int, column: int, message: str) -> None:
        self.problems.append(SyntaxProblem(Location(self.source.path, line, column), message))

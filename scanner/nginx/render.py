"""A parsed configuration file written out again."""

from collections.abc import Iterator

from scanner.nginx.lexer import Kind, tokens
from scanner.nginx.tree import Directive, ParsedFile, walk


def render(parsed: ParsedFile) -> str:
    """The file again, one directive a line: other white space, the same tokens in the same order."""
    pieces = [(item.line, item.column, item.text + "\n") for item in parsed.comments]
    for directive in walk(parsed.directives):
        pieces.extend(_head_pieces(directive))
    closings = [item for item in walk(parsed.directives) if item.block is not None or item.body is not None]
    pieces.extend((*_closing_place(item), "}\n") for item in closings)
    return "".join(text for _, _, text in sorted(pieces, key=lambda piece: piece[:2]))


def _head_pieces(directive: Directive) -> Iterator[tuple[int, int, str]]:
    raw = directive.source.text[directive.start : directive.head_end + 1]
    masked = directive.source.masked.text[directive.start : directive.head_end + 1]
    before = directive.column - 1
    for token in tokens(masked):
        if token.kind in {Kind.WORD, Kind.END, Kind.OPEN}:
            column = token.column + (before if token.line == 1 else 0)
            yield directive.line + token.line - 1, column, raw[token.start : token.end] + " "
    if directive.body is not None:
        yield directive.head_line, 1 << 30, directive.body


def _closing_place(directive: Directive) -> tuple[int, int]:
    """The place of the closing brace. One line may hold several: the inner one, which begins later, comes first."""
    return directive.end_line, (1 << 31) + (1 << 31) - directive.start

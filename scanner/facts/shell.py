"""Shell text as a list of simple commands with the place of each word. Nothing is run or expanded.

Only what start scripts use: quotes, continuation lines, comments, here-documents, operators, command substitution kept
as one word. Text that no shell would take yields what can be told of it.
"""

import re
from dataclasses import dataclass

MAX_SHELL = 256 * 1024
_KEYWORDS = frozenset(
    {"if", "then", "else", "elif", "fi", "do", "done", "while", "until", "{", "}", "!", "esac", "time"}
)
_HEREDOC = re.compile(r"<<(-?)[ \t]*(['\"]?)([A-Za-z_][\w.]*)\2")
_REDIRECTION = re.compile(r"\d*(?:>>?|<|>&|&>>?|<&|>\|)&?\d*-?")
_OPERATORS = "\n;&|()"


@dataclass(frozen=True)
class ShellWord:
    """One word, quotes removed; line and column from 1, in the text that was split."""

    text: str
    line: int
    column: int
    quoted: bool = False


@dataclass(frozen=True)
class SimpleCommand:
    """The words of one command, redirections left out."""

    words: tuple[ShellWord, ...]
    operator: str
    """What ends it: ``&&``, ``;``, a newline …; empty at the end of the text."""


@dataclass(frozen=True)
class HereDocument:
    """The body of ``<<WORD``: its text and the line (from 1) where it starts."""

    command: str
    """The line that it belongs to."""
    text: str
    line: int
    expands: bool
    """The shell replaces variables in it: its word is not quoted."""


class _Scanner:
    def __init__(self, text: str) -> None:
        self.text = text[:MAX_SHELL]
        self.position = 0
        self.line = 1
        self.line_start = 0
        self.commands: list[SimpleCommand] = []
        self.documents: list[HereDocument] = []
        self._words: list[ShellWord] = []
        self._pending: list[tuple[str, bool, bool]] = []
        self._skip_next = False

    def run(self) -> None:
        while self.position < len(self.text):
            character = self.text[self.position]
            if character in " \t\r":
                self.position += 1
            elif self.text.startswith("\\\n", self.position):
                self._newline(2)
            elif character == "#":
                end = self.text.find("\n", self.position)
                self.position = len(self.text) if end < 0 else end
            elif character in _OPERATORS:
                self._operator()
            else:
                self._redirection_or_word()
        self._end("")

    def _newline(self, length: int) -> None:
        self.position += length
        self.line += 1
        self.line_start = self.position

    def _end(self, operator: str) -> None:
        words = self._words
        while words and words[0].text in _KEYWORDS and not words[0].quoted:
            words = words[1:]
        if words:
            self.commands.append(SimpleCommand(tuple(words), operator))
        self._words = []
        self._skip_next = False

    def _operator(self) -> None:
        if self.text[self.position] == "\n":
            self._end("\n")
            self._newline(1)
            self._read_documents()
            return
        operator = self.text[self.position]
        if redirection := _REDIRECTION.match(self.text, self.position):
            self.position = redirection.end()  # &>
            self._skip_next = True
            return
        if self.text[self.position : self.position + 2] in {"&&", "||", ";;"}:
            operator *= 2
        self.position += len(operator)
        self._end(operator)

    def _redirection_or_word(self) -> None:
        document = _HEREDOC.match(self.text, self.position)
        if document:
            self._pending.append((document.group(3), bool(document.group(1)), not document.group(2)))
            self.position = document.end()
            return
        redirection = _REDIRECTION.match(self.text, self.position)
        if redirection and redirection.end() > self.position:
            self._skip_next = redirection.group()[-1] in "<>|&"
            self.position = redirection.end()
            return
        word = self._word()
        if self._skip_next:
            self._skip_next = False
        else:
            self._words.append(word)

    def _word(self) -> ShellWord:
        line, column = self.line, self.position - self.line_start + 1
        out: list[str] = []
        quoted = False
        while self.position < len(self.text):
            character = self.text[self.position]
            if character in " \t\r" or character in _OPERATORS or character in "<>":
                break
            if character == "'":
                quoted = True
                out.append(self._until("'", escapes=False))
            elif character == '"':
                quoted = True
                out.append(self._until('"', escapes=True))
            elif character == "\\":
                if self.text.startswith("\\\n", self.position):
                    self._newline(2)
                    continue
                out.append(self.text[self.position + 1 : self.position + 2])
                self.position += 2
            elif self.text.startswith(("$(", "${"), self.position):
                out.append(self._nested())
            elif character == "`":
                out.append("`" + self._until("`", escapes=True) + "`")
            else:
                out.append(character)
                self.position += 1
        return ShellWord("".join(out), line, column, quoted)

    def _take(self) -> str:
        character = self.text[self.position]
        if character == "\n":
            self._newline(1)
        else:
            self.position += 1
        return character

    def _until(self, quote: str, *, escapes: bool) -> str:
        self.position += 1
        out: list[str] = []
        while self.position < len(self.text):
            if self.text[self.position] == quote:
                self.position += 1
                break
            if escapes and self.text[self.position] == "\\" and self.position + 1 < len(self.text):
                following = self.text[self.position + 1]
                if following == "\n":
                    self._newline(2)
                    continue
                if following in '"\\$`':
                    out.append(following)
                    self.position += 2
                    continue
            out.append(self._take())
        return "".join(out)

    def _nested(self) -> str:
        opener = self.text[self.position + 1]
        closer = ")" if opener == "(" else "}"
        out = [self._take(), self._take()]
        depth = 1
        while self.position < len(self.text) and depth:
            character = self._take()
            depth += (character == opener) - (character == closer)
            out.append(character)
        return "".join(out)

    def _read_documents(self) -> None:
        opened = max(0, self.position - 1)
        before = self.text[self.text.rfind("\n", 0, opened) + 1 : opened] if self._pending else ""
        for word, dashed, expands in self._pending:
            start, first = self.position, self.line
            while self.position < len(self.text):
                end = self.text.find("\n", self.position)
                end = len(self.text) if end < 0 else end
                content = self.text[self.position : end]
                closed = (content.lstrip("\t") if dashed else content).strip() == word
                body_end, self.position = self.position, end
                if end < len(self.text):
                    self._newline(1)
                if closed:
                    self.documents.append(HereDocument(before, self.text[start:body_end], first, expands))
                    break
        self._pending = []


def split_commands(text: str) -> tuple[SimpleCommand, ...]:
    """The simple commands of a shell text, in order; keywords such as ``then`` are taken off their front."""
    scanner = _Scanner(text)
    scanner.run()
    return tuple(scanner.commands)


def here_documents(text: str) -> tuple[HereDocument, ...]:
    """The here-documents of a shell text, in order; one that is not closed is left out."""
    scanner = _Scanner(text)
    scanner.run()
    return tuple(scanner.documents)

"""How systemd splits values into words (systemd.syntax(7), "Quoting"), and supervisor its environment."""

import re

_ESCAPES = {"a": "\a", "b": "\b", "f": "\f", "n": "\n", "r": "\r", "t": "\t", "v": "\v", "s": " "}
_KEY = re.compile(r"[\s,]*([A-Za-z_]\w*)[ \t]*=[ \t]*")


def split_systemd(value: str) -> tuple[str, ...]:
    """The words of a value: blanks separate, quotes group, backslashes escape as in C."""
    words: list[str] = []
    current: list[str] = []
    quote = ""
    started = False
    position = 0
    while position < len(value):
        character = value[position]
        position += 1
        if character == "\\" and position < len(value):
            following = value[position]
            position += 1
            current.append(_ESCAPES.get(following, following))
            started = True
        elif quote:
            if character == quote:
                quote = ""
            else:
                current.append(character)
        elif character in "\"'" and (not started or value[position - 2] == "="):
            quote, started = character, True
        elif character in " \t\n":
            if started:
                words.append("".join(current))
            current, started = [], False
        else:
            current.append(character)
            started = True
    if started:
        words.append("".join(current))
    return tuple(words)


def split_supervisor_environment(value: str) -> tuple[tuple[str, str], ...]:
    """The pairs of supervisor's ``environment=KEY="value",OTHER=1``."""
    pairs: list[tuple[str, str]] = []
    position = 0
    while match := _KEY.match(value, position):
        start = match.end()
        quote = value[start : start + 1]
        closed = value.find(quote, start + 1) if quote in {"'", '"'} else -1
        if closed >= 0:
            pairs.append((match.group(1), value[start + 1 : closed]))
            position = closed + 1
            continue
        comma = value.find(",", start)
        position = len(value) if comma < 0 else comma + 1
        pairs.append((match.group(1), value[start:position].rstrip(",").strip()))
    return tuple(pairs)

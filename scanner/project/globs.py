"""Globs over paths of the checkout."""

import re
from functools import lru_cache


@lru_cache(maxsize=1024)
def _compiled(pattern: str) -> re.Pattern[str]:
    text = pattern.removeprefix("./")
    if text.endswith("/"):
        text += "**"
    anywhere = "/" not in text
    out = ["(?:.*/)?" if anywhere else ""]
    position = 0
    while position < len(text):
        if text.startswith("**/", position):
            out.append("(?:.*/)?")
            position += 3
        elif text.startswith("**", position):
            out.append(".*")
            position += 2
        elif text[position] == "*":
            out.append("[^/]*")
            position += 1
        elif text[position] == "?":
            out.append("[^/]")
            position += 1
        else:
            out.append(re.escape(text[position]))
            position += 1
    return re.compile("".join(out), re.DOTALL)


def matches(path: str, pattern: str) -> bool:
    """Whether a path matches a glob: ``*`` and ``?`` within a part, ``**`` across parts.

    A pattern without ``/`` is matched with the file's name in any directory; one that ends with ``/`` means all below.
    """
    return _compiled(pattern).fullmatch(path) is not None

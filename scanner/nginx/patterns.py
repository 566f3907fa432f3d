"""Regular expressions of nginx (PCRE), tried with Python's ``re`` where that is safe and says the same."""

import re
from functools import lru_cache
from typing import Final

_NAMED_GROUP: Final = re.compile(r"\(\?<(?=[A-Za-z_])|\(\?'(?P<quoted>[A-Za-z_]\w*)'")
_UNBOUNDED: Final = re.compile(r"(?<!\\)(?:\\\\)*(?:[*+]|\{\d*,\})")
_REPEATED_GROUP: Final = re.compile(r"\)(?:[*+]|\{\d*,\d*\})")
_WORK_LIMIT: Final = 10**7
_LENGTH_LIMIT: Final = 2000


@lru_cache(maxsize=4096)
def compile_pattern(pattern: str, *, ignore_case: bool = False) -> re.Pattern[str] | None:
    """The pattern for Python, or None when Python cannot say what nginx would."""
    if len(pattern) > _LENGTH_LIMIT or "(?R" in pattern or "\\G" in pattern or "(*" in pattern:
        return None
    translated = _NAMED_GROUP.sub(lambda found: f"(?P<{found['quoted']}>" if found["quoted"] else "(?P<", pattern)
    flags = re.IGNORECASE if ignore_case else 0
    if translated.startswith("(?i)"):
        translated, flags = translated[4:], re.IGNORECASE
    try:
        # nginx matches bytes without PCRE_UTF unless the pattern asks for it; \d and \w are ASCII there.
        return re.compile(translated, flags | re.ASCII)
    except (re.error, OverflowError, RecursionError):
        return None


def search(pattern: str, subject: str, *, ignore_case: bool = False) -> bool | None:
    """Whether nginx's regular expression matches; None when we cannot tell.

    The pattern is the project's, so one that might take exponential time is not tried at all.
    """
    compiled = compile_pattern(pattern, ignore_case=ignore_case)
    if compiled is None or not _is_cheap(pattern, len(subject)):
        return None
    return compiled.search(subject) is not None


def _is_cheap(pattern: str, length: int) -> bool:
    steps = _steps(pattern)
    return steps is not None and bool((length + 1) ** steps <= _WORK_LIMIT)


@lru_cache(maxsize=4096)
def _steps(pattern: str) -> int | None:
    """The power of the length with which the work of trying a pattern grows; None when that may be exponential."""
    unbounded = len(_UNBOUNDED.findall(pattern))
    # A repeated group may be exponential as soon as anything inside it repeats or branches.
    if _REPEATED_GROUP.search(pattern) and (unbounded > 1 or "|" in pattern):
        return None
    return max(unbounded, 1)


def matches_everything(pattern: str) -> bool:
    """Whether a regular expression of ``location`` or ``rewrite`` obviously matches every path."""
    return pattern in {"", "^", "^/", "/", ".*", "^.*", ".*$", "^.*$", "(.*)", "^(.*)", "^(.*)$", "^/(.*)", "^/(.*)$",
                       "^/.*", "^/.*$", "(.*)$", "^(/.*)$", "^(/.*)", ".", ".+", "^.+", "^(.+)$", "^.+$", "^/?(.*)$",
                       "^ "}  # fmt: skip

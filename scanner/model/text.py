"""Texts of the scanned project, made safe to carry. Each report still escapes for its own format."""

import re
import unicodedata

MAX_QUOTED = 200
"""Longest name, path or value inside a message, in code points."""
MAX_BLOCK = 4096
"""Longest piece of evidence, in code points."""

# Characters that change how the text around them is read or shown: C0 and C1 controls, bidirectional controls,
# zero-width characters, line and paragraph separators, noncharacters, lone surrogates (Unicode 16, UAX #9, TR36).
_UNSAFE = re.compile(
    "[\x00-\x08\x0b-\x1f\x7f-\x9f\u061c\u200b-\u200f\u2028-\u202e\u2060\u2066-\u2069\ufeff\ufdd0-\ufdef\ufffe\uffff\ud800-\udfff]"
    "|[" + "".join(chr(plane * 0x10000 + low) for plane in range(1, 17) for low in (0xFFFE, 0xFFFF)) + "]"
)


def _visible(match: re.Match[str]) -> str:
    point = ord(match.group())
    if point <= 0xFF:
        return f"\\x{point:02x}"
    return f"\\u{point:04x}" if point <= 0xFFFF else f"\\U{point:08x}"


def clean(text: str) -> str:
    r"""The text in NFC with every control, bidirectional and zero-width character made visible (``\x1b``).

    Newlines and tabs stay. Runs once, where a text enters the model.
    """
    return _UNSAFE.sub(_visible, unicodedata.normalize("NFC", _UNSAFE.sub(_visible, text.replace("\r\n", "\n"))))


def clean_block(text: str, limit: int = MAX_BLOCK) -> str:
    """``clean``, cut to ``limit`` code points with a visible mark."""
    safe = clean(text)
    return safe if len(safe) <= limit else safe[: limit - 1] + "…"


def quoted(text: object) -> str:
    """A name, path or value of the project between backticks, on one line, at most 200 code points.

    The one helper through which a rule puts the project's words into a message.
    """
    safe = clean(str(text)).replace("`", "\u02cb").replace("\n", " ").replace("\t", " ")
    if len(safe) > MAX_QUOTED:
        safe = safe[: MAX_QUOTED - 1] + "…"
    return f"`{safe}`"

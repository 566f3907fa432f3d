"""Output of the scanned project and of the tools that handle it, made fit for a message.

Foreign output can hold anything: control sequences, our own secrets echoed back, megabytes of it.
"""

import re
from collections.abc import Iterable

from scanner.model import clean

MASK = "***"
SHORTEST = 4
"""A shorter "secret" would blot out ordinary words."""

# Bounded, and anchored at characters that do not repeat: output is as long and as odd as its writer likes.
_CREDENTIALS = re.compile(r"://[^\s/@]{1,1024}@")


def redact(output: bytes | str, secrets: Iterable[str] = ()) -> str:
    """The output as safe text: decoded, ``secrets`` and credentials in addresses replaced, controls made visible."""
    text = output.decode("utf-8", "replace") if isinstance(output, bytes) else output
    for secret in sorted({each for each in secrets if len(each) >= SHORTEST}, key=len, reverse=True):
        text = text.replace(secret, MASK)
    return clean(_CREDENTIALS.sub(f"://{MASK}@", text))


def last_lines(output: bytes | str, count: int = 20, secrets: Iterable[str] = ()) -> str:
    """The last ``count`` lines that are not empty, redacted."""
    lines = [line.rstrip() for line in redact(output, secrets).splitlines() if line.strip()]
    return "\n".join(lines[-count:])

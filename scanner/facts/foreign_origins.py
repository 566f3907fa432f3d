"""Origins of strangers that a careless pattern takes for the site's own."""

import re
from collections.abc import Iterable, Iterator

from scanner.facts.public_suffixes import is_shared_suffix, registrable_domain
from scanner.nginx.patterns import search

STRANGER = "https://evil.test"
_LOOPBACK = re.compile(r"(localhost|127\.|0\.0\.0\.0|\[::1\]|host\.docker\.internal)")
_GROUP = re.compile(r"\((?:\?[:!=]|\?P<\w+>)?([^()|]*)(?:\|[^()]*)?\)([?*+]|\{[^}]*\})?")
_CLASS = re.compile(r"(?:\[[^\]]*\]|\\[wdS])(?:[*+?]|\{[^}]*\})?")
_WILD = re.compile(r"\.[*+]\??")
_HOST = re.compile(r"[a-z0-9-]+(?:\.[a-z0-9-]+)+", re.IGNORECASE)


def names_in(pattern: str) -> tuple[str, ...]:
    r"""Host names that a pattern seems to be meant for: ``^https://(www\.)?example\.com$`` gives ``example.com``."""
    text = pattern
    for _ in range(4):
        text = _GROUP.sub(lambda found: "" if found[2] in {"?", "*"} else found[1], text)
    text = _CLASS.sub("a", text).replace("\\.", "\0")
    text = _WILD.sub("a", text).replace("\0", ".").replace("\\", "").rstrip("$")
    return tuple(dict.fromkeys(name.lower() for name in _HOST.findall(text) if not _LOOPBACK.match(name)))


def taken_for_own(pattern: str, names: Iterable[str]) -> str | None:
    """An origin of somebody else, or one without TLS, that a regular expression accepts; None where none is known.

    ``pattern`` is searched for, so the caller anchors it where its user does. ``names`` are the site's own.
    """
    known = [*names_in(pattern), *names]
    if search(pattern, STRANGER):
        return STRANGER
    for name in dict.fromkeys(name.lower() for name in known):
        for origin in _near(name):
            if search(pattern, origin):
                return origin
    return None


def _near(name: str) -> Iterator[str]:
    """Origins that look like those of a name."""
    domain = registrable_domain(name)
    if "." not in domain or is_shared_suffix(domain):
        return
    yield f"https://{name}.evil.test"
    yield f"https://{name}xevil.test"
    yield f"https://evil{domain}"
    yield f"https://evil{name}" if name == domain else f"https://a.evil{domain}"
    head, _, rest = name.partition(".")
    if registrable_domain(f"{head}x{rest}") != domain and "." in rest:
        yield f"https://{head}x{rest}"
    yield f"http://{name}"

"""What a list of ciphers in OpenSSL's notation keeps.

Sources: openssl-ciphers(1). Only what the text says is judged: which of it a build of OpenSSL still has differs from
host to host.
"""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

_SEPARATORS: Final = re.compile(r"[:, ]+")
_NAMES: Final = {
    "NULL": "NULL",
    "ENULL": "NULL",
    "ANULL": "anonymous",
    "ADH": "anonymous",
    "AECDH": "anonymous",
    "EXP": "EXPORT",
    "EXPORT": "EXPORT",
    "EXPORT40": "EXPORT",
    "EXPORT56": "EXPORT",
    "EXP1024": "EXPORT",
    "RC4": "RC4",
    "RC2": "RC2",
    "DES": "DES",
    "3DES": "3DES",
    "CBC3": "3DES",
    "MD5": "MD5",
    "SEED": "SEED",
    "IDEA": "IDEA",
}
"""A part of a cipher's name, or a group's name, and the weakness that it stands for."""
_GROUPS: Final = {
    "LOW": frozenset({"DES"}),
    "MEDIUM": frozenset({"RC4", "3DES", "SEED", "IDEA"}),
    "ALL": frozenset({"DES", "RC4", "3DES", "SEED", "IDEA", "MD5", "EXPORT"}),
    "COMPLEMENTOFALL": frozenset({"NULL"}),
    "COMPLEMENTOFDEFAULT": frozenset({"anonymous"}),
    "SSLV2": frozenset({"RC4", "MD5", "EXPORT"}),
}
"""Groups that hold weak ciphers among others."""
_WITHOUT: Final = {
    "MEDIUM": _GROUPS["MEDIUM"],
    "LOW": frozenset({"DES", "EXPORT"}),
    "SHA": frozenset({"DES", "3DES", "SEED", "IDEA"}),
    "SHA1": frozenset({"DES", "3DES", "SEED", "IDEA"}),
    "SSLV2": frozenset({"EXPORT"}),
}
"""What the exclusion of a group takes away, beside the weakness that bears its name."""
_SECRET: Final = ("ECDHE", "EECDH", "DHE", "EDH", "KECDHE", "KEECDH", "KDHE", "KEDH", "KEECDH", "ECDH", "TLS_")
_MIXED: Final = frozenset(
    {
        *("ALL", "DEFAULT", "HIGH", "MEDIUM", "LOW", "AES", "AES128", "AES256", "AESGCM", "AESCCM", "CHACHA20", "ARIA"),
        *("CAMELLIA", "CAMELLIA128", "CAMELLIA256", "SHA", "SHA1", "SHA256", "SHA384", "TLSV1", "TLSV1.0", "TLSV1.2"),
        *("SSLV3", "ARSA", "AECDSA", "ECDSA", "SUITEB128", "SUITEB192", "SUITEB128ONLY", "FIPS", "CBC"),
    }
)
"""Groups of ciphers with and without forward secrecy."""


@dataclass(frozen=True)
class CipherList:
    """A list, read."""

    weak: tuple[tuple[str, str], ...]
    """(the word that keeps it, the weakness), in order."""
    forward_secrecy: bool
    """Whether something with an ephemeral key exchange is kept."""
    empty: bool = False


def read_ciphers(text: str) -> CipherList:
    """What ``HIGH:!aNULL:!MD5`` and the like keep.

    A word after ``!`` takes ciphers away for good, one after ``-`` those named before it, one after ``+`` only moves
    them.
    """
    words = [word for word in _SEPARATORS.split(text.strip().strip("\"'")) if word and not word.startswith("@")]
    banned = [word[1:] for word in words if word.startswith("!")]
    kept: list[str] = []
    for word in words:
        if word.startswith("-"):
            kept = [one for one in kept if one.upper() != word[1:].upper()]
        elif not word.startswith(("!", "+")):
            kept.append(word)
    excluded = {one.upper() for one in banned}
    gone = _weaknesses_without(excluded)
    later = _weaknesses_without({word[1:].upper() for word in words if word.startswith("-")})
    weak = [
        (word, weakness)
        for word in kept
        if word.upper() not in excluded
        for weakness in sorted(_weaknesses(word) - gone)
        if not (weakness in later and word.upper() in _GROUPS)
    ]
    secret = any(_has_secrecy(word, excluded) for word in kept if word.upper() not in excluded)
    return CipherList(tuple(weak), secret, not kept)


def _weaknesses(word: str) -> frozenset[str]:
    """What a word of the list brings in. A combination (``EECDH+RC4``) holds only what fits all its parts."""
    parts = word.upper().split("+")
    if len(parts) > 1:
        return frozenset(_NAMES[part] for part in parts if part in _NAMES)
    if parts[0] in _GROUPS:
        return _GROUPS[parts[0]]
    found = {_NAMES[part] for part in parts[0].split("-") if part in _NAMES}
    return frozenset(found - {"DES"} if "3DES" in found else found)


def _weaknesses_without(excluded: Iterable[str]) -> frozenset[str]:
    """The weaknesses that such exclusions take away altogether."""
    found: set[str] = set()
    for word in excluded:
        if word in _NAMES and word not in {"ADH", "AECDH", "EXPORT40", "EXPORT56"}:
            found.add(_NAMES[word])
        found |= _WITHOUT.get(word, frozenset())
    if {"ADH", "AECDH"} <= set(excluded):
        found.add("anonymous")
    return frozenset(found)


def _has_secrecy(word: str, excluded: set[str]) -> bool:
    ecdhe = excluded.isdisjoint({"ECDHE", "EECDH", "KECDHE", "KEECDH", "ECDH"})
    dhe = excluded.isdisjoint({"DHE", "EDH", "KDHE", "KEDH", "DH"})
    upper = word.upper()
    parts = upper.split("+")
    if any(part.startswith(("DHE", "EDH", "KDHE", "KEDH")) for part in parts):
        return dhe
    if any(part.startswith(_SECRET) for part in parts):
        return ecdhe or upper.startswith("TLS_")
    return all(part in _MIXED or part in _NAMES for part in parts) and (ecdhe or dhe)

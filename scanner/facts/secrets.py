"""What a secret looks like: one place, so that everything that judges secrets agrees.

A value is told apart by its kind; whoever asks gets the text back only where it is no secret.
"""

import enum
import re
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise


class ValueKind(enum.StrEnum):
    """What a value looks like, without telling it."""

    EMPTY = "empty"
    PLACEHOLDER = "placeholder"
    REFERENCE = "reference"
    """``${VAR}`` and other expressions."""
    PLAIN = "plain"
    SECRET = "secret"
    """A literal under a secret-shaped key, or a URL with a password under any key."""


@dataclass(frozen=True)
class Seen:
    """One value, with its text only where that is no secret."""

    kind: ValueKind
    length: int
    value: str | None
    default_credential: bool = False
    """It is a password that products ship with (``postgres``, ``admin``): known to everyone, and judged as such."""


def _words(text: str) -> frozenset[str]:
    return frozenset(text.split())


_SECRET_WORDS = _words(
    "SECRET SECRETS PASSWORD PASSWORDS PASSWD PWD PASSPHRASE TOKEN TOKENS APIKEY CREDENTIAL CREDENTIALS DSN SECRETKEY"
)
_SECRET_TAILS = ("PASSWORD", "PASSWD", "PASSPHRASE")
_SECRET_PAIRS = _words("API PRIVATE ACCESS SIGNING ENCRYPTION")
_HARMLESS_ENDINGS = _words(
    "URL URI ENDPOINT FILE PATH DIR NAME HEADER ID USER EXPIRY TTL AGE LIFETIME TIMEOUT LENGTH MIN MAX ALGORITHM "
    "VALIDATORS HASHERS BACKEND CLASS FIELD ENABLED REQUIRED"
)
_KEY_PARTS = re.compile(r"[^A-Za-z0-9]+|(?<=[a-z0-9])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])")

_MARKERS = _words(
    "your my example sample dummy placeholder change changeme replace replaceme insert todo fixme test xxx secret here"
)
_FILLERS = _words(
    "a an the this that me it in on of to with for and or at by is as own real actual please put enter set some any "
    "key keys password passwd pass pwd token tokens api value values string text random long strong secure safe super "
    "very production prod deployment django app application db database user username name postgres mysql redis "
    "generate generated new something goes fill"
)
_WHOLE_PLACEHOLDER = re.compile(
    r"<[^<>]*>|\[[A-Za-z _-]+\]|\$\{[^{}]*\}|\$\([^()]*\)|\$[A-Za-z_]\w*|\{\{.*\}\}|\{%.*%\}|%\(\w+\)s|%[A-Za-z]/.*"
    r"|x{3,}|\*+|\.{2,}|…",
    re.IGNORECASE | re.DOTALL,
)
_REFERENCE = re.compile(
    r"\$\{|\$\(|\A\$[A-Za-z_]\w*\Z|(?:\A|\W)\$[A-Z_][A-Z0-9_]*(?!\w)|\{\{|\{%|%\(\w+\)s|\A%d/|\A\$\$"
)
_POINTER = re.compile(
    r"(?:op|vault|ssm|sm|gcpsm|aws-sm|awssm|azurekeyvault|secretsmanager|doppler|infisical|ref|file|env)(?::|\+)|arn:aws|projects/[^/]+/secrets/",
    re.IGNORECASE,
)
_FILE = re.compile(r"(?:\.{1,2}/|~/|/(?:run|etc|var|srv|opt|home|app|usr|tmp|mnt|secrets|data|code|root)/)[\w.@/+-]*")
_URL_WITH_PASSWORD = re.compile(
    r"([A-Za-z][A-Za-z0-9+.-]{0,30})://([^\s:/@]{0,256}):([^\s/@]{1,512})@([^\s/?#:]{0,256})"
)
_SWITCH = _words("true false yes no on off none null optional required always never enabled disabled")
_SHORT_NUMBER = re.compile(r"-?\d{1,5}(?:\.\d{1,5})?")

_SHIPPED_PASSWORDS = _words(
    "postgres password passwd pass admin administrator root toor changeme guest minioadmin rabbitmq mysql mariadb "
    "mongo redis user test secret default django dev debug example 1234 12345 123456 12345678 123456789 qwerty letmein "
    "grafana pgadmin elastic sa docker"
)


def is_secret_key(key: str) -> bool:
    """Whether a variable's or option's name is secret-shaped: ``DB_PASSWORD``, ``apiKey``; not ``TOKEN_URL``."""
    parts = [part.upper() for part in _KEY_PARTS.split(key) if part]
    if not parts or parts[-1] in _HARMLESS_ENDINGS:
        return False
    if any(part in _SECRET_WORDS or part.endswith(_SECRET_TAILS) for part in parts):
        return True
    if parts[-1] == "PASS" and len(parts) > 1 and parts[-2] != "PROXY":
        return True
    return any(first in _SECRET_PAIRS and second == "KEY" for first, second in pairwise(parts))


def secret_key_words() -> dict[str, list[str]]:
    """What ``is_secret_key`` decides by, for the process that decides without this package."""
    return {
        "words": sorted(_SECRET_WORDS),
        "tails": list(_SECRET_TAILS),
        "pairs": sorted(_SECRET_PAIRS),
        "endings": sorted(_HARMLESS_ENDINGS),
    }


def is_placeholder(value: str) -> bool:
    """Whether a text only stands for a value: empty, ``<password>``, ``changeme``, ``your-secret-key-here``."""
    text = value.strip()
    if len(text) < 3 or len(set(text)) == 1 or _WHOLE_PLACEHOLDER.fullmatch(text):
        return True
    words = [word for word in re.split(r"[^a-z]+", text.casefold()) if word]
    digits = sum(character.isdigit() for character in text)
    if not words or digits > 4:
        return False
    known = _MARKERS | _FILLERS
    return not _MARKERS.isdisjoint(words) and all(word in known for word in words)


def is_default_credential(value: str) -> bool:
    """Whether it is a password that products ship with or everyone tries first."""
    return value.strip().casefold() in _SHIPPED_PASSWORDS


def _url_password(value: str) -> Seen | None:
    """What a URL's password is; None where there is no URL with one."""
    found: Seen | None = None
    for match in _URL_WITH_PASSWORD.finditer(value[:65536]):
        _, user, password, _ = match.groups()
        if _REFERENCE.search(password) or _WHOLE_PLACEHOLDER.fullmatch(password):
            found = found or Seen(ValueKind.REFERENCE, len(value), value)
        elif is_placeholder(password) or (
            user.casefold() in {"user", "username", "usr"} and password.casefold() in _FILLERS
        ):
            found = found or Seen(ValueKind.PLACEHOLDER, len(value), value)
        else:
            return Seen(ValueKind.SECRET, len(value), None, is_default_credential(password) or password == user)
    return found


def examine(key: str, value: str) -> Seen:
    """What a value under that key is. The result holds the text only where it is no secret."""
    text = value.strip()
    length = len(value)
    if not text:
        return Seen(ValueKind.EMPTY, 0, "")
    by_url = _url_password(text)
    if by_url is not None and by_url.kind is ValueKind.SECRET:
        return Seen(ValueKind.SECRET, length, None, by_url.default_credential)
    if by_url is not None:
        return Seen(by_url.kind, length, value)
    shaped = is_secret_key(key)
    if not shaped:
        return Seen(ValueKind.REFERENCE if _REFERENCE.search(text) else ValueKind.PLAIN, length, value)
    if _REFERENCE.search(text) or _POINTER.match(text):
        return Seen(ValueKind.REFERENCE, length, value)
    if _is_harmless(key, text):
        return Seen(ValueKind.PLAIN, length, value)
    if is_placeholder(text) and not is_default_credential(text):
        return Seen(ValueKind.PLACEHOLDER, length, value)
    if is_default_credential(text) and text.casefold() in _MARKERS | {"changeme"}:
        return Seen(ValueKind.PLACEHOLDER, length, value)
    return Seen(ValueKind.SECRET, length, None, is_default_credential(text))


def _is_harmless(key: str, text: str) -> bool:
    """A switch, a small number, a path of a file that holds the secret, or a URL without a password under ``…_DSN``."""
    if text.casefold() in _SWITCH or _SHORT_NUMBER.fullmatch(text) or _FILE.fullmatch(text):
        return True
    return key.upper().endswith("DSN") and "://" in text


_BLANK = re.compile(r"\s")
_PAIR = re.compile(r"-{0,2}([A-Za-z_][\w.-]*)=(.*)", re.DOTALL)
_INNER_PAIR = re.compile(r"(?<![\w.-])(?:--(?=[\w.-]+[= ])|-{0,2}(?=[\w.-]+=))([A-Za-z_][\w.-]{0,99})[= ]([^\s;&|]+)")
_SECRET_OPTIONS = _words("requirepass masterauth pass passwd password")


@dataclass(frozen=True)
class SecretWord:
    """A word of a command line that holds a secret."""

    key: str
    """The option's or variable's name; ``url`` for a URL with a password."""
    length: int
    index: int
    """Of the word in the command line."""
    default_credential: bool = False


def secret_words(argv: Sequence[str]) -> tuple[SecretWord, ...]:
    """The words of a command line that hold a literal secret: ``--password=x``, ``-e KEY=x``, URLs with a password."""
    return tuple(found for index, word in enumerate(argv) for found in _in_word(argv, index, word))


def _in_word(argv: Sequence[str], index: int, word: str) -> list[SecretWord]:
    if _BLANK.search(word):  # the text of sh -c
        pairs = [(match.group(1), match.group(2)) for match in _INNER_PAIR.finditer(word)]
    elif match := _PAIR.fullmatch(word):
        pairs = [(match.group(1), match.group(2))]
    elif not word.startswith("-") and (before := _option_before(argv, index)):
        pairs = [(before, word)]
    else:
        pairs = []
    found = []
    for key, value in (*pairs, ("url", word)):
        seen = examine(_shaped(key), value)
        if seen.kind is ValueKind.SECRET:
            found.append(SecretWord(key, seen.length, index, seen.default_credential))
            break
    return found


def _option_before(argv: Sequence[str], index: int) -> str:
    before = argv[index - 1] if index else ""
    return before[2:] if before.startswith("--") and "=" not in before else ""


def masked(argv: Sequence[str]) -> tuple[str, ...]:
    """The command line with ``***`` in place of every literal secret."""
    return tuple(_mask(argv, index, word) if _in_word(argv, index, word) else word for index, word in enumerate(argv))


def _mask(argv: Sequence[str], index: int, word: str) -> str:
    def hide(match: re.Match[str]) -> str:
        seen = examine(_shaped(match.group(1)), match.group(2))
        return match.group().replace(match.group(2), "***") if seen.kind is ValueKind.SECRET else match.group()

    if not _BLANK.search(word) and not _PAIR.fullmatch(word) and _option_before(argv, index):
        return "***"
    hidden = (_INNER_PAIR if _BLANK.search(word) else _PAIR).sub(hide, word)
    return _URL_WITH_PASSWORD.sub(r"\1://\2:***@\4", hidden)


def _shaped(option: str) -> str:
    return "PASSWORD" if option.casefold() in _SECRET_OPTIONS else option

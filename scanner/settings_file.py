"""Reading ``.seatrial.yml``: a strict document, because a key with a slip of the pen must not pass silently."""

import datetime as dt
import difflib
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from scanner.model import ScopeClass, SeatrialError

if TYPE_CHECKING:
    import yaml

MAX_BYTES = 256 * 1024
_LIMITS = ("memory", "processes", "seconds")
_UNITS = {"k": 1024, "m": 1024**2, "g": 1024**3}


@dataclass(frozen=True)
class Ignore:
    """One entry of ``ignore:``."""

    rule: str
    path: str | None
    symbol: str | None
    reason: str
    until: str
    line: int


@dataclass(frozen=True)
class Document:
    """What the file says: values of options by name, further keys, and ignores."""

    values: Mapping[str, object]
    extra: Mapping[str, object]
    ignores: tuple[Ignore, ...]


def read_settings_file(text: str, name: str, known: tuple[str, ...]) -> Document:
    """Parse the text. Raises SeatrialError with the line and a suggestion for whatever cannot be taken."""
    import yaml  # noqa: PLC0415 - heavy: most calls of the command read no file

    if len(text) > MAX_BYTES:
        raise SeatrialError(f"{name} is larger than {MAX_BYTES // 1024} KiB")
    try:
        node = yaml.compose(text, Loader=yaml.SafeLoader)
        document = yaml.safe_load(text)
    except (yaml.YAMLError, ValueError, RecursionError) as error:
        mark = getattr(error, "problem_mark", None)
        place = f"{name}:{mark.line + 1}" if mark is not None else name
        raise SeatrialError(f"{place} is no YAML: {getattr(error, 'problem', None) or error}") from error
    if document is None:
        return Document({}, {}, ())
    if not isinstance(document, dict) or node is None:
        raise SeatrialError(f"{name} must be a map of options", "for example: fail-on: high")
    lines = _lines(node)
    for key in document:
        if key not in known:
            near = difflib.get_close_matches(str(key), known, 1)
            hint = f"did you mean {near[0]}?" if near else f"known keys: {', '.join(sorted(known))}"
            raise SeatrialError(f"{name}:{lines.get(str(key), 1)}: unknown key {key!r}", hint)
    special = {"ignore", "scopes", "limits", "nginx-image", "allow-builds", "start-timeout"}
    extra = {key: value for key, value in document.items() if key in special - {"ignore"}}
    return Document(
        values={key: value for key, value in document.items() if key not in special and value is not None},
        extra=_checked_extra(extra, name, lines),
        ignores=_ignores(document.get("ignore"), node, name),
    )


def read_ignores(text: str, name: str) -> tuple[Ignore, ...]:
    """The entries of ``ignore:`` alone; none where the text is not what it should be."""
    import yaml  # noqa: PLC0415 - heavy: most calls of the command read no file

    if len(text) > MAX_BYTES:
        return ()
    try:
        node, document = yaml.compose(text, Loader=yaml.SafeLoader), yaml.safe_load(text)
        return _ignores(document.get("ignore"), node, name) if isinstance(document, dict) and node else ()
    except (yaml.YAMLError, ValueError, RecursionError, SeatrialError):
        return ()


def _lines(node: "yaml.Node") -> Mapping[str, int]:
    # The caller has seen that the document is a map, so the node's value is a list of pairs.
    return {str(key.value): key.start_mark.line + 1 for key, _ in node.value}


def _checked_extra(extra: dict[str, object], name: str, lines: Mapping[str, int]) -> Mapping[str, object]:
    def fail(key: str, text: str) -> SeatrialError:
        return SeatrialError(f"{name}:{lines.get(key, 1)}: {key} {text}")

    if "allow-builds" in extra and not isinstance(extra["allow-builds"], bool):
        raise fail("allow-builds", "must be true or false")
    if "nginx-image" in extra and not isinstance(extra["nginx-image"], str):
        raise fail("nginx-image", "must be the name of an image")
    if "start-timeout" in extra and not _is_positive(extra["start-timeout"]):
        raise fail("start-timeout", "must be a number of seconds")
    scopes = extra.get("scopes", {})
    words = set(ScopeClass) - {ScopeClass.UNKNOWN}
    if not isinstance(scopes, dict) or not all(word in words for word in scopes.values()):
        raise fail("scopes", "maps globs to prod, dev or example")
    if "limits" in extra:
        extra["limits"] = _limits(extra["limits"], fail("limits", f"knows {', '.join(_LIMITS)}"))
    return extra


def _is_positive(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and value > 0


def _limits(value: object, error: SeatrialError) -> Mapping[str, object]:
    if not isinstance(value, dict) or not set(value) <= set(_LIMITS):
        raise error
    limits = {key: _size(item) if key == "memory" else item for key, item in value.items()}
    if not all(_is_positive(item) for item in limits.values()):
        raise error
    return limits


def _size(value: object) -> object:
    """``512m`` and ``1g`` in bytes; whatever else as it is."""
    if isinstance(value, str) and value[:-1].isdecimal() and value[-1:].lower() in _UNITS:
        return int(value[:-1]) * _UNITS[value[-1].lower()]
    return value


def _ignores(value: object, node: "yaml.Node", name: str) -> tuple[Ignore, ...]:
    if value is None:
        return ()
    if not isinstance(value, list):
        raise SeatrialError(f"{name}: ignore must be a list", "each item: rule, path or symbol, reason, until")
    marks: list[int] = []
    for key, items in node.value:
        if key.value == "ignore":
            marks = [item.start_mark.line + 1 for item in items.value]
    return tuple(_ignore(item, marks[index], name) for index, item in enumerate(value))


def _ignore(item: object, line: int, name: str) -> Ignore:
    place = f"{name}:{line}"
    if not isinstance(item, dict):
        raise SeatrialError(f"{place}: an ignore is a map", "rule, path or symbol, reason, until")
    unknown = set(item) - {"rule", "path", "symbol", "reason", "until"}
    if unknown:
        raise SeatrialError(f"{place}: an ignore has no key {min(map(str, unknown))!r}")
    until = item.get("until", "")
    return Ignore(
        rule=str(item.get("rule") or ""),
        path=str(item["path"]) if item.get("path") else None,
        symbol=str(item["symbol"]) if item.get("symbol") else None,
        reason=str(item.get("reason") or ""),
        until=until.isoformat() if isinstance(until, dt.date) else str(until or ""),
        line=line,
    )

"""The record's frame: nothing but exactly one whole record of this run is believed."""

import hashlib
import json
from collections.abc import Callable, Mapping
from typing import Any

import pytest

from scanner.boot.failed import BadRecord
from scanner.boot.record import MAX_BYTES, parse

NONCE = "0123456789abcdef"
START = {"type": "start", "nonce": NONCE, "version": 1, "python": "3.13.5"}
SETTINGS: dict[str, Any] = {
    "type": "settings",
    "module": "shop.settings",
    "file": "/app/shop/settings.py",
    "django": "5.2.8",
    "python": "3.13.5",
    "values": {
        "DEBUG": {"type": "bool", "value": False, "redacted": False},
        "SECRET_KEY": {"type": "str", "value": None, "redacted": True},
    },
    "explicit": ["DEBUG", "SECRET_KEY"],
    "secrets": {"SECRET_KEY": {"length": 50, "unique": 30, "insecure_prefix": False, "known": False}},
    "showing": {"SECRET_KEY": "SHOP_KEY"},
    "key_digest": "ab" * 32,
    "middleware": [{"path": "a.B", "bases": ["a.B"], "header": None, "answers": None}],
    "installed_apps": ["shop"],
    "environment": ["PATH"],
}


def record(*lines: Mapping[str, Any], start: Mapping[str, Any] = START, end: Mapping[str, Any] | None = None) -> bytes:
    raw = b"".join(json.dumps(line).encode() + b"\n" for line in (start, *lines))
    digest = hashlib.sha256(raw).hexdigest()
    last = {"type": "end", "nonce": NONCE, "count": 1 + len(lines), "digest": digest, **(end or {})}
    return raw + json.dumps(last).encode() + b"\n"


def changed(**fields: object) -> dict[str, Any]:
    return {**SETTINGS, **fields}


def test_a_whole_record() -> None:
    found = parse(record(SETTINGS), NONCE)
    assert found.settings is not None
    assert found.settings.values["DEBUG"].value is False
    assert found.settings.values["SECRET_KEY"].redacted
    assert found.settings.secrets["SECRET_KEY"].length == 50
    assert found.fault is None


SHAPE = {"length": 1, "unique": 1, "insecure_prefix": False, "known": False}
BROKEN: list[tuple[Callable[[], bytes], str]] = [
    (lambda: b"", "is empty"),
    (lambda: b"hello\n" + record(SETTINGS), "no JSON"),
    (lambda: record(SETTINGS)[:-1], "cut off"),
    (lambda: record(SETTINGS).rsplit(b"\n", 2)[0] + b"\n", "no end"),
    (lambda: record(SETTINGS) + b"more\n", "no JSON"),
    (lambda: record(SETTINGS) + record(SETTINGS), "no end|unexpected|does not end"),
    (lambda: record(SETTINGS, SETTINGS), "unexpected line"),
    (lambda: record({"type": "surprise"}), "unexpected line"),
    (lambda: record(SETTINGS, start={**START, "nonce": "f" * 16}), "does not begin"),
    (lambda: record(SETTINGS, start={**START, "version": 2}), "another version"),
    (lambda: record(SETTINGS, end={"nonce": "f" * 16}), "does not end"),
    (lambda: record(SETTINGS, end={"count": 1}), "does not end"),
    (lambda: record(SETTINGS, end={"digest": "0" * 64}), "does not end"),
    (lambda: record(SETTINGS).replace(b"false", b"true ", 1), "does not end"),
    (lambda: record(changed(values={"DEBUG": {"type": "bool", "redacted": False}})), "lacks"),
    (lambda: record(changed(values=[])), "no object"),
    (lambda: record(changed(explicit="DEBUG")), "no list"),
    (lambda: record(changed(explicit=[1])), "no texts"),
    (lambda: record(changed(module=3)), "no text"),
    (lambda: record(changed(module="x" * 9000)), "no text"),
    (lambda: record(changed(secrets={"A": {**SHAPE, "length": True}})), "no number"),
    (lambda: record(changed(secrets={"A": {**SHAPE, "insecure_prefix": 0}})), "no boolean"),
    (lambda: record([SETTINGS]), "no object"),  # type: ignore[arg-type]  # that is what is tested
    (lambda: b"[" * 100_000 + b"\n", "no JSON"),
    (lambda: b'{"a": NaN}\n', "no JSON"),
    (lambda: b"\xff\xfe\n", "no JSON"),
    (lambda: b"{}\n" * 100, "more lines"),
    (lambda: b"x" * (MAX_BYTES + 1), "longer than 8 MiB"),
]  # fmt: skip


@pytest.mark.parametrize(("make", "why"), BROKEN, ids=[str(number) for number in range(len(BROKEN))])
def test_anything_else_is_refused(make: Callable[[], bytes], why: str) -> None:
    with pytest.raises(BadRecord, match=why):
        parse(make(), NONCE)


def test_a_value_that_is_nested_without_end() -> None:
    deep: object = 1
    for _ in range(30):
        deep = [deep]
    with pytest.raises(BadRecord, match="nested too deeply"):
        parse(record(changed(values={"X": {"type": "list", "value": deep, "redacted": False}})), NONCE)


def test_texts_are_made_safe() -> None:
    found = parse(record(changed(installed_apps=["a\x1b[31m\u202eb"])), NONCE)
    assert found.settings is not None
    assert found.settings.installed_apps == ("a\\x1b[31m\\u202eb",)


def test_a_fault() -> None:
    line = {
        "type": "fault", "stage": "settings", "kind": "builtins.KeyError", "text": "KeyError: 'X'", "causes": [],
        "missing": "", "frames": [{"file": "/app/shop/settings.py", "line": 3, "function": "<module>"}],
    }  # fmt: skip
    found = parse(record(line), NONCE)
    assert found.settings is None
    assert found.fault is not None
    assert found.fault.frames[0].line == 3

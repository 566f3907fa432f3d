"""What the process in the sandbox tells, and above all what it does not tell."""

import collections
import datetime as dt
import functools
import hashlib
import json
import os
import pathlib
import re
import subprocess
import sys
from typing import Any

import pytest

from scanner.boot import inside
from scanner.boot.known_keys import KNOWN_KEYS
from scanner.facts.secrets import is_secret_key, secret_key_words

KEY = "kitchen-garden-88-window"


def secrets_of(monkeypatch: pytest.MonkeyPatch, environment: dict[str, str] | None = None) -> inside.Secrets:
    monkeypatch.setattr(os, "environ", environment or {})
    return inside.Secrets({"secret_names": secret_key_words(), "known_keys": list(KNOWN_KEYS), "salt": "00"})


def dump(monkeypatch: pytest.MonkeyPatch, invented: dict[str, Any] | None = None) -> inside.Dump:
    return inside.Dump(secrets_of(monkeypatch), invented or {})


@pytest.mark.parametrize(
    "name",
    [
        *("SECRET_KEY", "DB_PASSWORD", "apiKey", "AWS_ACCESS_KEY", "TOKEN_URL", "PASSWORD_HASHERS", "SENTRY_DSN", "X"),
        *("EMAIL_PASS", "PROXY_PASS", "SIGNING_KEY_ID", "accessToken", "SECRET_KEY_FALLBACKS", "DBPASSWORD", ""),
    ],
)
def test_both_sides_agree_what_a_secret_is_called(monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    assert secrets_of(monkeypatch).named(name) is is_secret_key(name)


def test_a_secret_is_told_by_its_shape_only(monkeypatch: pytest.MonkeyPatch) -> None:
    one = dump(monkeypatch)
    assert one.setting("SECRET_KEY", KEY) == {"type": "str", "value": None, "redacted": True}
    assert one.shapes["SECRET_KEY"] == {"length": 24, "unique": 15, "insecure_prefix": False, "known": False}


def test_secrets_in_containers_urls_and_bytes(monkeypatch: pytest.MonkeyPatch) -> None:
    one = dump(monkeypatch)
    values = {
        "DATABASES": {"default": {"PASSWORD": KEY, "HOST": "db", "PORT": 5432}},
        "SECRET_KEY_FALLBACKS": [KEY, KEY + "2"],
        "BROKER_URL": f"redis://user:{KEY}@cache:6379/0",
        "API_TOKEN": KEY.encode(),
        "PIN_PASSWORD": 48151623,
    }
    told = {name: one.setting(name, value) for name, value in values.items()}
    assert KEY not in json.dumps(told)
    assert told["DATABASES"]["value"] == {"default": {"PASSWORD": None, "HOST": "db", "PORT": 5432}}
    assert told["BROKER_URL"]["value"] == "redis://user:***@cache:6379/0"
    assert told["PIN_PASSWORD"]["value"] is None
    assert set(one.shapes) == {
        *("DATABASES.default.PASSWORD", "SECRET_KEY_FALLBACKS[0]", "SECRET_KEY_FALLBACKS[1]"),
        *("BROKER_URL", "API_TOKEN", "PIN_PASSWORD"),
    }


def test_a_secret_of_the_environment_is_masked_wherever_it_stands(monkeypatch: pytest.MonkeyPatch) -> None:
    one = inside.Dump(secrets_of(monkeypatch, {"MAIL_PASSWORD": KEY, "PWD": "/srv/shop-of-mine"}), {})
    assert one.setting("GREETING", f"hello {KEY}!")["value"] == "hello [MAIL_PASSWORD]!"
    assert one.setting("BASE_DIR", "/srv/shop-of-mine")["value"] == "/srv/shop-of-mine"


def test_known_keys_are_recognised_by_digest(monkeypatch: pytest.MonkeyPatch) -> None:
    assert secrets_of(monkeypatch).shape("changeme")["known"] is True
    assert hashlib.sha256(b"changeme").hexdigest() in KNOWN_KEYS


def test_an_empty_password_is_told_as_empty(monkeypatch: pytest.MonkeyPatch) -> None:
    one = dump(monkeypatch)
    assert one.setting("EMAIL_HOST_PASSWORD", "") == {"type": "str", "value": "", "redacted": False}


class Opaque:
    def __repr__(self) -> str:
        return f"Opaque({KEY})"


@pytest.mark.parametrize(
    ("value", "kind", "plain"),
    [
        (pathlib.PurePosixPath("/srv/x"), "PurePosixPath", "/srv/x"),
        (dt.timedelta(minutes=5), "timedelta", "0:05:00"),
        ((1, 2), "tuple", [1, 2]),
        ({"b", "a"}, "set", ["a", "b"]),
        (re.compile("^/x"), "Pattern", "^/x"),
        (functools.partial(len), "partial", "builtins.len"),
        (collections.OrderedDict(a=1), "OrderedDict", {"a": 1}),
        (Opaque(), "Opaque", "<test_inside.Opaque>"),
        (float("inf"), "float", "inf"),
        (1 << 80, "int", str(1 << 80)),
        ("\ud800", "str", "?"),
        (os, "module", "os"),
    ],
)
def test_values_become_plain(monkeypatch: pytest.MonkeyPatch, value: object, kind: str, plain: object) -> None:
    told = dump(monkeypatch).setting("X", value)
    assert told["type"] == kind
    assert told["value"] == plain or str(told["value"]).endswith(str(plain).removeprefix("<test_inside"))
    assert json.loads(inside.encode(told)) == told


def test_nothing_is_endless(monkeypatch: pytest.MonkeyPatch) -> None:
    loop: list[object] = []
    loop.append(loop)
    told = dump(monkeypatch).setting("X", {"loop": loop, "long": "x" * 100_000, "many": list(range(100_000))})
    assert len(inside.encode(told)) < 20_000


def test_invented_values_are_recognised(monkeypatch: pytest.MonkeyPatch) -> None:
    one = dump(
        monkeypatch,
        {
            "DB": {"marks": ["seatrial7x"], "values": []},
            "PORT": {"marks": [], "values": ["21001"]},
            "OFF": {"marks": [], "values": []},
        },
    )  # fmt: skip
    one.setting("DATABASES", {"default": {"HOST": "seatrial7x.invalid"}})
    one.setting("EMAIL_PORT", 21001)
    one.setting("SECRET_KEY", "a-seatrial7x-b")
    one.setting("DEBUG", False)
    assert one.showing == {
        "DATABASES.default.HOST": "DB", "DATABASES": "DB", "EMAIL_PORT": "PORT", "SECRET_KEY": "DB",
    }  # fmt: skip


def test_the_encoder_is_json(monkeypatch: pytest.MonkeyPatch) -> None:
    value = {"a": [None, True, False, 1, -2.5, 'x"\\\n\x00é😀'], "": {}}
    monkeypatch.setattr(json, "dumps", None)
    monkeypatch.setattr(json.encoder, "JSONEncoder", None)
    assert json.loads(inside.encode(value)) == value


class Pattern:
    def __init__(self, text: str, *, route: bool) -> None:
        setattr(self, "_route" if route else "_regex", text)

    def __str__(self) -> str:
        return str(vars(self).get("_route", vars(self).get("_regex")))


@pytest.mark.parametrize(
    ("text", "route", "plain"),
    [
        ("shop/<int:pk>/", True, "shop/<pk>/"),
        ("<slug>", True, "<slug>"),
        (r"^shop/(?P<pk>[0-9]+)/$", False, "shop/<pk>/"),
        (r"^a/(?:b|c)/(\d+(?:,\d+)*)\.html\Z", False, "a//<value>.html"),
        (r"^media/(?P<path>.*)$", False, "media/<path>"),
    ],
)
def test_url_patterns(text: str, route: bool, plain: str) -> None:
    assert inside.static_text(Pattern(text, route=route)) == plain


def test_an_exception_without_the_secrets_of_its_frames(monkeypatch: pytest.MonkeyPatch) -> None:
    secrets = secrets_of(monkeypatch)

    def settings() -> None:
        SECRET_KEY = KEY  # noqa: N806 - a setting
        raise ValueError(f"key {SECRET_KEY} is too plain")

    with pytest.raises(ValueError, match="plain") as caught:
        settings()
    told = inside.fault("settings", caught.value, secrets)
    assert told["text"] == "ValueError: key [SECRET_KEY] is too plain"
    frames = told["frames"]
    assert isinstance(frames, list)
    assert frames[-1]["function"] == "settings"


def test_the_chain_of_an_exception(monkeypatch: pytest.MonkeyPatch) -> None:
    def chained() -> None:
        try:
            raise KeyError("X")
        except KeyError as error:
            raise RuntimeError("no X") from error

    with pytest.raises(RuntimeError) as caught:
        chained()
    told = inside.fault("settings", caught.value, secrets_of(monkeypatch))
    assert (told["text"], told["causes"]) == ("RuntimeError: no X", ["KeyError: 'X'"])


def test_it_runs_alone_and_says_what_is_missing(tmp_path: pathlib.Path) -> None:
    """Without Django: a whole record with the fault, and what the project prints is no part of it."""
    request = {
        "nonce": "n", "salt": "00", "mode": "full", "settings": "shop", "directory": str(tmp_path), "overrides": [],
        "python_path": [str(tmp_path)], "directories": [], "places": [[b"/app".hex(), f"{tmp_path}/app"]],
        "secret_names": secret_key_words(), "known_keys": [], "invented": {}, "check_seconds": 1,
        "one_check_seconds": 1,
    }  # fmt: skip
    (tmp_path / "django").mkdir()
    (tmp_path / "django" / "__init__.py").write_text("print('noise', flush=True); raise RuntimeError('broken django')")
    done = subprocess.run(
        [sys.executable, "-I", "-B", str(inside.__file__)],
        input=json.dumps(request).encode(), capture_output=True, check=True, timeout=30, env={},
    )  # fmt: skip
    lines = [json.loads(line) for line in done.stdout.splitlines()]
    assert [line["type"] for line in lines] == ["start", "fault", "end"]
    assert lines[1]["text"] == "RuntimeError: broken django"
    assert lines[1]["frames"][-1]["file"] == "/django/__init__.py", (
        "the directory that stands for the root is taken off"
    )
    assert b"noise" in done.stderr
    assert b"noise" not in done.stdout

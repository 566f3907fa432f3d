"""The record that ``inside.py`` writes: its frame, its lines, and what they say."""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass

from scanner.boot.effective_line import EffectiveClasses, effective_classes
from scanner.boot.failed import BadRecord
from scanner.boot.typed import Object
from scanner.facts.settings import (
    CheckMessage,
    CheckMessages,
    Distributions,
    MiddlewareClass,
    Route,
    SecretShape,
    Urlconf,
    Value,
)

VERSION = 1
MAX_BYTES = 8 * 1024 * 1024
_MOST_LINES = 16
_ONCE = frozenset({"distributions", "settings", "effective", "checks", "urls"})


@dataclass(frozen=True)
class Frame:
    """One line of code through which an exception came."""

    file: str
    line: int
    function: str


@dataclass(frozen=True)
class Fault:
    """An exception of the project."""

    stage: str
    """``settings``, ``setup``, ``dump``, ``checks`` or ``urls``."""
    kind: str
    """Dotted name of its class."""
    text: str
    """Its class and text, secrets masked."""
    causes: tuple[str, ...]
    missing: str
    """The module that could not be imported."""
    frames: tuple[Frame, ...]
    """From the outermost to the one that raised, those of its causes first."""

    @property
    def fatal(self) -> bool:
        """The settings are not known."""
        return self.stage in {"settings", "setup", "dump"}


@dataclass(frozen=True)
class BootedSettings:
    """The ``settings`` line."""

    module: str
    file: str
    django: str
    python: str
    values: Mapping[str, Value]
    explicit: frozenset[str]
    secrets: Mapping[str, SecretShape]
    showing: Mapping[str, str]
    """Setting (or nested path) -> an invented variable whose value is in it."""
    key_digest: str
    """Salted; compared between the two boots of a run, and shown nowhere."""
    middleware: tuple[MiddlewareClass, ...]
    installed_apps: tuple[str, ...]
    environment: frozenset[str]


@dataclass(frozen=True)
class BootRecord:
    """A whole record."""

    python: str
    settings: BootedSettings | None
    effective: EffectiveClasses | None
    distributions: Distributions | None
    checks: CheckMessages | None
    urls: Urlconf | None
    faults: tuple[Fault, ...]

    @property
    def fault(self) -> Fault | None:
        """The exception for which the settings are not known."""
        return next((one for one in self.faults if one.fatal), None)


def parse(output: bytes, nonce: str) -> BootRecord:
    """The record in a process's whole standard output. Raises BadRecord for anything that is not exactly one."""
    lines = _framed(output, nonce)
    found: dict[str, Object] = {}
    faults = []
    for line in lines[1:-1]:
        kind = line.text("type")
        if kind == "fault":
            faults.append(_fault(line))
        elif kind in _ONCE and kind not in found:
            found[kind] = line
        else:
            raise BadRecord(f"has an unexpected line of type {kind[:40]!r}")
    return BootRecord(
        python=lines[0].text("python", 40),
        settings=_settings(found["settings"]) if "settings" in found else None,
        effective=effective_classes(found["effective"]) if "effective" in found else None,
        distributions=Distributions(found["distributions"].text_map("versions")) if "distributions" in found else None,
        checks=_checks(found["checks"]) if "checks" in found else None,
        urls=_urls(found["urls"]) if "urls" in found else None,
        faults=tuple(faults),
    )


def _framed(output: bytes, nonce: str) -> list[Object]:
    """The lines, the first and last of which carry the nonce, the number and the digest of the others."""
    if len(output) > MAX_BYTES:
        raise BadRecord(f"is longer than {MAX_BYTES // (1024 * 1024)} MiB")
    if not output:
        raise BadRecord("is empty")
    if not output.endswith(b"\n"):
        raise BadRecord("is cut off")
    raw = output[:-1].split(b"\n")
    if len(raw) > _MOST_LINES:
        raise BadRecord("has more lines than a record can have")
    lines = [_object(one, at) for at, one in enumerate(raw)]
    start, end = lines[0], lines[-1]
    if start.text("type") != "start" or start.text("nonce") != nonce:
        raise BadRecord("does not begin as this run's record begins")
    if start.number("version") != VERSION:
        raise BadRecord("is of another version")
    if end.text("type") != "end":
        raise BadRecord("has no end")
    digest = hashlib.sha256(b"".join(one + b"\n" for one in raw[:-1])).hexdigest()
    if end.text("nonce") != nonce or end.number("count") != len(raw) - 1 or end.text("digest") != digest:
        raise BadRecord("does not end as this run's record ends")
    return lines


def _object(line: bytes, at: int) -> Object:
    try:
        value: object = json.loads(line.decode("ascii"), parse_constant=_refuse)
    except (ValueError, RecursionError) as problem:
        raise BadRecord(f"has a line that is no JSON (line {at + 1})") from problem
    return Object.of(value, f"line {at + 1}")


def _refuse(word: str) -> float:
    raise ValueError(word)


def _fault(line: Object) -> Fault:
    return Fault(
        stage=line.text("stage", 20),
        kind=line.text("kind"),
        text=line.text("text"),
        causes=line.texts("causes"),
        missing=line.text("missing"),
        frames=tuple(
            Frame(one.text("file"), one.number("line"), one.text("function")) for one in line.objects("frames")
        ),
    )


def _settings(line: Object) -> BootedSettings:
    return BootedSettings(
        module=line.text("module"),
        file=line.text("file"),
        django=line.text("django", 40),
        python=line.text("python", 40),
        values={
            name: Value(one.text("type", 200), one.json("value"), one.flag("redacted"))
            for name, one in line.items("values")
        },
        explicit=frozenset(line.texts("explicit")),
        secrets={name: _shape(one) for name, one in line.items("secrets")},
        showing=line.text_map("showing"),
        key_digest=line.text("key_digest", 64),
        middleware=tuple(
            MiddlewareClass(
                one.text("path"), one.texts("bases"), one.optional_text("header"), one.optional_flag("answers")
            )
            for one in line.objects("middleware")
        ),
        installed_apps=line.texts("installed_apps"),
        environment=frozenset(line.texts("environment")),
    )


def _shape(one: Object) -> SecretShape:
    return SecretShape(one.number("length"), one.number("unique"), one.flag("insecure_prefix"), one.flag("known"))


def _checks(line: Object) -> CheckMessages:
    return CheckMessages(
        tuple(
            CheckMessage(
                id=one.text("id"),
                level=one.number("level"),
                text=one.text("text"),
                hint=one.text("hint"),
                object=one.text("object"),
                function=one.text("function"),
                deploy=one.flag("deploy"),
                tags=one.texts("tags"),
                silenced=one.flag("silenced"),
                crashed=one.flag("crashed"),
            )
            for one in line.objects("messages")
        )
    )


def _urls(line: Object) -> Urlconf:
    routes = (
        Route(
            one.text("pattern"),
            one.text("name"),
            one.text("namespace"),
            one.text("view"),
            csrf_exempt=one.flag("csrf_exempt"),
            login_required=one.flag("login_required"),
            methods=one.texts("methods"),
            permissions=one.optional_texts("permissions"),
            own_permissions=one.flag("own_permissions"),
            document_root=one.optional_text("document_root"),
            show_indexes=one.flag("show_indexes"),
        )
        for one in line.objects("routes")
    )
    return Urlconf(tuple(routes), line.texts("admin"), line.texts("login"))

"""Options, action inputs and ``.seatrial.yml`` become one frozen Config.

Precedence: option > action input > ``.seatrial.yml`` > default. An empty action input is an unset one. An unknown key
is an error with a suggestion.
"""

import difflib
import enum
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from scanner.certificates import ca_bundle
from scanner.model import Layer, Options, ScopeClass, SeatrialError, Severity
from scanner.settings_file import Ignore, read_settings_file

if TYPE_CHECKING:
    from scanner.project import Base

CONFIG_FILE = ".seatrial.yml"
LEVELS = ("critical", "high", "medium", "low")
REPORTS = ("json", "junit", "sarif", "summary", "comment", "codequality", "html", "har")
TRUE = {"true": True, "false": False}


class Kind(enum.Enum):
    """What an option takes."""

    TEXT = "text"
    LIST = "list"
    """Repeatable on the command line, a list in the file, one item a line as an action input."""
    MAP = "map"
    """``KEY=VALUE``, repeatable; a map in the file."""
    CHOICE = "choice"
    NUMBER = "number"
    FLAG = "flag"


@dataclass(frozen=True)
class Option:
    """One option of ``scan``; also an action input and a key of the file under the same name."""

    name: str
    kind: Kind
    help: str
    metavar: str = ""
    choices: tuple[str, ...] = ()
    default: str = ""
    """As told to people."""
    action: bool = True
    """It is an action input, too."""
    in_file: bool = True


OPTIONS = (
    Option("settings", Kind.TEXT, "The production settings module.", "MODULE", default="found by itself"),
    Option("project", Kind.LIST, "Directory of a Django project; repeatable.", "DIR", default="all projects found"),
    Option(
        "engine",
        Kind.CHOICE,
        "What runs the project's code; auto takes Docker if it answers, else local, else none.",
        choices=("auto", "docker", "local", "none"),
        default="auto",
    ),
    Option("layers", Kind.TEXT, "Layers to run.", "LIST", default="files,boot,stack"),
    Option("fail-on", Kind.CHOICE, "The least severity that blocks.", choices=(*LEVELS, "never"), default="high"),
    Option(
        "scope",
        Kind.CHOICE,
        "What blocks: new findings only, or all.",
        choices=("new", "all"),
        default="new where a base is known, else all",
    ),
    Option("base", Kind.TEXT, "Commit to compare with.", "REF", default="the pull request's base"),
    Option("baseline", Kind.TEXT, "File of findings that are known.", "FILE"),
    Option(
        "report-level",
        Kind.CHOICE,
        "The least severity that is shown; never changes the gate.",
        choices=(*LEVELS, "info"),
        default="info",
    ),
    Option(
        "on-missing-layer",
        Kind.CHOICE,
        "What a layer that could not run does to the exit code.",
        choices=("fail", "warn"),
        default="fail",
    ),
    Option("env", Kind.MAP, "A variable of the production environment; repeatable.", "KEY=VALUE"),
    Option("env-file", Kind.LIST, "A file with such variables; repeatable.", "FILE"),
    Option("python", Kind.TEXT, "The project's Python version.", "X.Y", default="found by itself"),
    Option(
        "requirements", Kind.LIST, "Requirements file of production; repeatable.", "FILE", default="found by itself"
    ),
    Option("dockerfile", Kind.TEXT, "Build the project's own image for the stack.", "FILE"),
    Option("nginx", Kind.LIST, "Nginx configuration file; repeatable.", "FILE", default="found by itself"),
    Option("host", Kind.TEXT, "Name of the site.", "NAME", default="from server_name and ALLOWED_HOSTS"),
    Option("timeout", Kind.NUMBER, "Seconds for the whole scan.", "SECONDS", default="600"),
    Option("ca-bundle", Kind.TEXT, "PEM file of certificate authorities for package downloads.", "FILE"),
    Option("index-url", Kind.TEXT, "Package index for the project's dependencies.", "URL"),
    Option(
        "edge",
        Kind.CHOICE,
        "tls: something in front of this proxy ends TLS.",
        choices=("none", "tls"),
        default="found by itself",
    ),
    *(
        Option(name, Kind.TEXT, f"Write the {title} to FILE; - is standard output.", "FILE", in_file=False)
        for name, title in (
            ("json", "JSON report"),
            ("junit", "JUnit report"),
            ("sarif", "SARIF report"),
            ("summary", "step summary"),
            ("comment", "pull request comment"),
            ("codequality", "GitLab code quality report"),
            ("html", "HTML report"),
            ("har", "probes' exchanges as HAR"),
        )
    ),
    Option("format", Kind.TEXT, "What is printed on standard output.", "FORMAT", default="terminal"),
    Option("quiet", Kind.FLAG, "Print what blocks or broke, and the last line.", default="false"),
    Option(
        "keep-stack", Kind.FLAG, "Leave the stack running until Ctrl-C.", default="false", action=False, in_file=False
    ),
    Option(
        "trusted",
        Kind.FLAG,
        "The project's code is yours: without an engine, boot it in a plain process.",
        default="false",
        action=False,
        in_file=False,
    ),
)

_BY_NAME = {option.name: option for option in OPTIONS}
FILE_ONLY_KEYS = (
    "scopes",
    "ignore",
    "nginx-image",
    "allow-builds",
    "start-timeout",
    "limits",
)


@dataclass(frozen=True)
class Comparison:
    """A pull request: what its own files say about the gate does not count before the merge."""

    base: "Base | None"
    """None: the base commit is not in this clone, so nothing of the kind counts."""


@dataclass(frozen=True)
class Config:
    """Everything that a scan is told."""

    path: Path
    engine: str = "auto"
    layers: tuple[Layer, ...] = tuple(Layer)
    fail_on: Severity | None = Severity.HIGH
    """None: ``never``."""
    scope: str | None = None
    base: str | None = None
    baseline: str | None = None
    report_level: Severity = Severity.INFO
    missing_layer_fails: bool = True
    projects: tuple[str, ...] = ()
    reports: Mapping[str, str] = field(default_factory=dict)
    """Name of the report -> file, ``-`` for standard output."""
    format: str = "terminal"
    quiet: bool = False
    verbose: bool = False
    options: Options = field(default_factory=Options)
    ignores: tuple[Ignore, ...] = ()
    comparison: Comparison | None = None
    """None: no pull request; the files count as they are."""
    notices: tuple[str, ...] = ()
    known: Mapping[str, int] | None = None
    """Fingerprints of the baseline file, and how many of each are known."""

    @property
    def counts_new(self) -> bool:
        """Whether only what is new blocks: as the user says, else where there is something to compare with."""
        return self.scope == "new" if self.scope is not None else self.comparison is not None


Raw = Mapping[str, object]


def read_inputs(environment: Mapping[str, str]) -> Raw:
    """The action inputs: ``INPUT_FAIL_ON`` of a composite action, ``INPUT_FAIL-ON`` of a Docker action.

    Raises SeatrialError when both spellings are set and differ.
    """
    found: dict[str, object] = {}
    for option in OPTIONS:
        if not option.action:
            continue
        names = {f"INPUT_{option.name.upper()}", f"INPUT_{option.name.upper().replace('-', '_')}"}
        values = {environment[name] for name in names if environment.get(name, "").strip()}
        if len(values) > 1:
            raise SeatrialError(f"the input {option.name} is given twice, with different values")
        for text in values:
            found[option.name] = _from_input(option, text)
    return found


def _from_input(option: Option, text: str) -> object:
    match option.kind:
        case Kind.LIST:
            return [line.strip() for line in text.splitlines() if line.strip()]
        case Kind.MAP:
            return [line for line in text.splitlines() if line.strip()]
        case Kind.FLAG:
            if text.strip().lower() not in TRUE:
                raise SeatrialError(f"the input {option.name} must be true or false")
            return TRUE[text.strip().lower()]
        case Kind.TEXT | Kind.CHOICE | Kind.NUMBER:
            return text.strip()


def build(path: Path, options: Raw, inputs: Raw, file_text: str | None, *, verbose: bool = False) -> Config:
    """One Config from all sources.

    ``options`` and ``inputs`` hold what was really given; ``file_text`` is the text of ``.seatrial.yml``, or None.
    Raises SeatrialError (exit code 2) with a hint for every value that cannot be taken.
    """
    document = read_settings_file(file_text, CONFIG_FILE, _known_keys()) if file_text is not None else None
    from_file = document.values if document else {}
    merged: dict[str, object] = {**from_file, **inputs, **options}
    _refuse_what_is_not_there(merged)
    values = {name: _checked(_BY_NAME[name], value) for name, value in merged.items() if name in _BY_NAME}
    extra = document.extra if document else {}
    return Config(
        path=path,
        engine=_text(values, "engine") or "auto",
        layers=_layers(_text(values, "layers")),
        fail_on=_level(_text(values, "fail-on") or "high"),
        scope=_text(values, "scope"),
        base=_text(values, "base"),
        baseline=_text(values, "baseline"),
        report_level=Severity.of(_text(values, "report-level") or "info"),
        missing_layer_fails=_text(values, "on-missing-layer") != "warn",
        projects=_list(values, "project"),
        reports={name: text for name in REPORTS if (text := _text(values, name))},
        format=_text(values, "format") or "terminal",
        quiet=values.get("quiet") is True,
        verbose=verbose,
        options=_options(values, extra, path),
        ignores=document.ignores if document else (),
    )


def _refuse_what_is_not_there(values: Raw) -> None:
    """An option that would be taken and do nothing is worse than an error."""
    for name in ("dockerfile", "keep-stack"):
        if values.get(name):
            raise SeatrialError(f"{name} is not in this version")


def _known_keys() -> tuple[str, ...]:
    return (*(option.name for option in OPTIONS if option.in_file), *FILE_ONLY_KEYS)


def _options(values: Raw, extra: Raw, path: Path) -> Options:
    plain = Options()
    number = values.get("timeout")
    bundle = _text(values, "ca-bundle")
    env = values.get("env")
    limits = extra.get("limits")
    limit = limits if isinstance(limits, Mapping) else {}
    scopes = extra.get("scopes")
    return Options(
        settings=_text(values, "settings"),
        env=env if isinstance(env, Mapping) else {},
        env_files=_list(values, "env-file"),
        python=_text(values, "python"),
        requirements=_list(values, "requirements"),
        dockerfile=_text(values, "dockerfile"),
        nginx=_list(values, "nginx"),
        nginx_image=str(extra.get("nginx-image", plain.nginx_image)),
        host=_text(values, "host"),
        edge=_text(values, "edge"),
        timeout=float(number) if isinstance(number, int | float) else plain.timeout,
        start_timeout=_number(extra, "start-timeout", plain.start_timeout),
        boot_seconds=_number(limit, "seconds", plain.boot_seconds),
        memory=int(_number(limit, "memory", plain.memory)),
        processes=int(_number(limit, "processes", plain.processes)),
        allow_builds=extra.get("allow-builds") is True,
        ca_bundle=ca_bundle(bundle, path) if bundle else None,
        index_url=_text(values, "index-url"),
        trusted=values.get("trusted") is True,
        keep_stack=values.get("keep-stack") is True,
        scopes={str(glob): ScopeClass(str(word)) for glob, word in scopes.items()}
        if isinstance(scopes, Mapping)
        else {},
    )


def _number(values: Raw, name: str, default: float) -> float:
    value = values.get(name)
    return float(value) if isinstance(value, int | float) else default


def _text(values: Raw, name: str) -> str | None:
    value = values.get(name)
    return value if isinstance(value, str) and value else None


def _list(values: Raw, name: str) -> tuple[str, ...]:
    value = values.get(name)
    return value if isinstance(value, tuple) else ()


def _checked(option: Option, value: object) -> object:
    """The value in the type of its option. Raises SeatrialError."""
    match option.kind:
        case Kind.TEXT:
            return ",".join(map(str, value)) if isinstance(value, list | tuple) else str(value)
        case Kind.CHOICE:
            return _choice(option, str(value))
        case Kind.LIST:
            items = value if isinstance(value, list | tuple) else [value]
            return tuple(str(item) for item in items)
        case Kind.MAP:
            return _map(option, value)
        case Kind.NUMBER:
            return _positive(option, value)
        case Kind.FLAG:
            if not isinstance(value, bool):
                raise SeatrialError(f"{option.name} must be true or false, not {value!r}")
            return value


def _choice(option: Option, text: str) -> str:
    if text not in option.choices:
        near = difflib.get_close_matches(text, option.choices, 1)
        hint = f"did you mean {near[0]}?" if near else f"one of: {', '.join(option.choices)}"
        raise SeatrialError(f"{option.name} cannot be {text!r}", hint)
    return text


def _map(option: Option, value: object) -> Mapping[str, str]:
    if isinstance(value, Mapping):
        return {str(key): "" if item is None else str(item) for key, item in value.items()}
    items = value if isinstance(value, list | tuple) else [value]
    pairs: dict[str, str] = {}
    for item in items:
        key, sign, text = str(item).partition("=")
        if not sign or not key.strip():
            raise SeatrialError(f"{option.name} takes KEY=VALUE", "the first = divides the name from the value")
        pairs[key.strip()] = text
    return pairs


def _positive(option: Option, value: object) -> float:
    try:
        number = float(str(value))
    except ValueError:
        number = 0.0
    if not 0 < number < 1e9:
        raise SeatrialError(f"{option.name} must be a number above 0, not {value!r}")
    return number


def _layers(text: str | None) -> tuple[Layer, ...]:
    words = [word.strip() for word in (text or "").split(",") if word.strip()]
    unknown = [word for word in words if word not in set(Layer)]
    if unknown:
        raise SeatrialError(f"layers: there is no layer {unknown[0]!r}", f"any of: {', '.join(Layer)}")
    chosen = {Layer(word) for word in words} or set(Layer)
    # The stack runs what the boot found out, and the boot reads what the files say of the deployment.
    if Layer.STACK in chosen:
        chosen.add(Layer.BOOT)
    if Layer.BOOT in chosen:
        chosen.add(Layer.FILES)
    return tuple(layer for layer in Layer if layer in chosen)


def _level(word: str) -> Severity | None:
    return None if word == "never" else Severity.of(word)

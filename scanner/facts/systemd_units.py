"""Reading systemd units: files, templates of files, drop-ins, and what scripts write as here-documents."""

import re
from collections.abc import Iterator
from dataclasses import dataclass

from scanner.facts.commands import Word
from scanner.facts.deploy_paths import script_finder
from scanner.facts.ini_syntax import Ini, Setting, parse_unit
from scanner.facts.secrets import examine, masked, secret_words
from scanner.facts.shell import here_documents
from scanner.facts.unit_roles import role_of
from scanner.facts.unit_types import EnvironmentFile, EnvironmentPair, Exec, Role, Unit
from scanner.facts.unit_words import split_systemd
from scanner.model import Location, Unknown
from scanner.project import Project, Unreadable

_LIMIT = 256 * 1024
_RENDERED = r"(?:\.(?:j2|jinja2?|template|tmpl|tpl|erb|in|example|sample|dist))?"
_UNIT = re.compile(rf"([^/]+\.(?:service|socket|timer)){_RENDERED}", re.IGNORECASE)
_DROP_IN = re.compile(rf"(?:.*/)?([^/]+\.(?:service|socket|timer))\.d/[^/]+\.conf{_RENDERED}", re.IGNORECASE)
_WRITTEN = re.compile(r"(?<![\w@.\\-])([\w@.\\-]{1,200}\.(?:service|socket|timer))(?=['\"\s]|$)")
_SECTIONS = {"Unit", "Service", "Socket", "Timer", "Install"}
_TEMPLATED = re.compile(r"\{\{|\{%|<%|\$\{|\$\(|\$[A-Za-z_]|@[A-Z_]+@|__[A-Z_]+__")
_EXEC_KEYS = ("ExecStartPre", "ExecStart", "ExecStartPost", "ExecReload", "ExecStop", "ExecStopPost", "ExecCondition")
_EXEC_PREFIX = re.compile(r"[-@:+!|]*")
_EMPTY = Ini((), ())


@dataclass(frozen=True)
class _Source:
    path: str
    name: str
    ini: Ini


@dataclass(frozen=True)
class _Merged:
    """The settings of a unit and its drop-ins, in the order in which systemd reads them."""

    settings: tuple[Setting, ...]

    def many(self, section: str, key: str) -> tuple[Setting, ...]:
        """A list: an empty value forgets what came before."""
        found: list[Setting] = []
        for one in self.settings:
            if one.section == section and one.key == key:
                found = [*found, one] if one.value else []
        return tuple(found)

    def last(self, section: str, key: str) -> Setting | None:
        """A single value: the last one counts; an empty one is the default again."""
        found = [one for one in self.settings if one.section == section and one.key == key]
        return found[-1] if found and found[-1].value else None

    def text(self, section: str, key: str) -> str | Unknown | None:
        """A single value as written; Unknown for an expression of a template."""
        found = self.last(section, key)
        if found is None:
            return None
        if _TEMPLATED.search(found.value):
            return Unknown("a template's expression", found.location)
        return found.value


def _in_files(project: Project, unreadable: list[tuple[str, str]]) -> Iterator[tuple[str, str, str]]:
    """Path, unit name and text of every unit file and drop-in."""
    for path in project.files:
        name = path.rpartition("/")[2]
        found = _UNIT.fullmatch(name)
        drop_in = None if found else _DROP_IN.fullmatch(path)
        if not found and not drop_in:
            continue
        try:
            text = project.read_text(path, _LIMIT)
        except Unreadable as problem:
            unreadable.append((path, problem.why))
            continue
        yield path, (found.group(1) if found else f"{drop_in.group(1)}.d" if drop_in else name), text


def _in_scripts(project: Project) -> Iterator[tuple[str, str, str]]:
    """Path, unit name and text of every unit that a script writes; its lines are padded to their own numbers."""
    for path in project.glob("*.sh", "*.bash", "*.bash.j2", "*.sh.j2"):
        try:
            text = project.read_text(path, _LIMIT)
        except Unreadable:
            continue  # whoever runs scripts reports it
        if "<<" not in text or ("[Service]" not in text and "[Socket]" not in text):
            continue
        for document in here_documents(text):
            target = _WRITTEN.search(document.command)
            if target and "[" in document.text:
                yield path, target.group(1), "\n" * (document.line - 1) + document.text


def read_units(project: Project) -> tuple[tuple[Unit, ...], tuple[tuple[str, str], ...]]:
    """The units, and the files that could not be read."""
    unreadable: list[tuple[str, str]] = []
    mains: list[_Source] = []
    drop_ins: list[_Source] = []
    for path, name, text in (*_in_files(project, unreadable), *_in_scripts(project)):
        ini = parse_unit(path, text)
        if _SECTIONS.isdisjoint(section for section, _ in ini.sections):
            continue  # D-Bus and Avahi have files of that name too
        (drop_ins if name.endswith(".d") else mains).append(_Source(path, name, ini))
    found = []
    for main in mains:
        own = sorted(
            (one for one in drop_ins if one.name == f"{main.name}.d"), key=lambda one: one.path.rpartition("/")[2]
        )
        found.append(_unit(project, main, own))
    known = {main.name for main in mains}
    # A drop-in for a unit that is not in the repository (nginx, postgresql) counts only if it runs something itself.
    orphans = [one for one in drop_ins if one.name.removesuffix(".d") not in known]
    found.extend(
        _unit(project, _Source(one.path, one.name.removesuffix(".d"), one.ini), [])
        for one in orphans
        if any(setting.key == "ExecStart" and setting.value for setting in one.ini.settings)
    )
    return tuple(found), tuple(unreadable)


def _execs(merged: _Merged) -> tuple[Exec, ...]:
    found = []
    for key in _EXEC_KEYS:
        for one in merged.many("Service", key):
            words = list(split_systemd(one.value))
            prefix = _EXEC_PREFIX.match(words[0]) if words else None
            marks = prefix.group() if prefix else ""
            if marks:
                words[0] = words[0][len(marks) :]
            if words and not words[0]:
                words = words[1:]
            argv = tuple(words)
            secrets = tuple((word.key, word.length) for word in secret_words(argv))
            found.append(Exec(key, marks, masked(argv), one.location, secrets, one.places(argv)))
    return tuple(found)


def _environment(merged: _Merged) -> tuple[EnvironmentPair, ...]:
    pairs: dict[str, EnvironmentPair] = {}
    for one in merged.many("Service", "Environment"):
        words = split_systemd(one.value)
        for word, place in zip(words, one.places(words), strict=True):
            key, equals, value = word.partition("=")
            if equals:
                seen = examine(key, value)
                pairs[key] = EnvironmentPair(key, seen.kind, seen.length, place, seen.value)
    return tuple(pairs.values())


def _environment_files(merged: _Merged) -> tuple[EnvironmentFile, ...]:
    return tuple(
        EnvironmentFile(one.value.removeprefix("-").strip("\"'"), one.value.startswith("-"), one.location)
        for one in merged.many("Service", "EnvironmentFile")
    )


def _listens(merged: _Merged) -> tuple[tuple[str, Location], ...]:
    return tuple((one.value, one.location) for one in merged.many("Socket", "ListenStream"))


def _kind(name: str) -> str:
    return name.rpartition(".")[2].lower()


def _unit(project: Project, main: _Source, drop_ins: list[_Source]) -> Unit:
    merged = _Merged((*main.ini.settings, *(one for part in drop_ins for one in part.ini.settings)))
    kind = _kind(main.name)
    execs = _execs(merged)
    user = merged.last("Service", "User")
    group = merged.text("Service", "Group")
    wanted = {word for one in merged.many("Install", "WantedBy") for word in one.value.split()}
    start = next((one for one in execs if one.key == "ExecStart"), None)
    words = tuple(Word(text, place) for text, place in zip(start.argv, start.places, strict=True)) if start else ()
    directory = _directory(merged)
    where = directory if isinstance(directory, str) else None
    finder = script_finder(project, near=main.path)
    role, _ = role_of(project, words, finder, where) if words else (Role.UNKNOWN, None)
    service_type = merged.text("Service", "Type")
    mode = merged.text("Socket", "SocketMode")
    dynamic = merged.last("Service", "DynamicUser")
    line = next((number for section, number in main.ini.sections if section.casefold() == kind), 1)
    templated = [one for one in main.ini.settings if "{{" in one.value or "{%" in one.value]
    return Unit(
        path=main.path,
        name=main.name,
        kind=kind,
        role=role,
        user=merged.text("Service", "User"),
        user_location=user.location if user else None,
        group=group,
        dynamic_user=dynamic is not None and dynamic.value.casefold() in {"yes", "true", "1", "on", "y", "t"},
        user_unit="systemd/user/" in f"{main.path}" or "default.target" in wanted,
        service_type=service_type if isinstance(service_type, str) else "simple",
        execs=execs,
        environment=_environment(merged),
        environment_files=_environment_files(merged),
        listen=_listens(merged),
        working_directory=directory,
        location=Location(main.path, line),
        drop_ins=tuple(one.path for one in drop_ins),
        socket_mode=mode if isinstance(mode, str) else None,
        notes=(*main.ini.notes, *((f"{main.path} is a template",) if templated else ())),
        sockets=tuple(word for one in merged.many("Service", "Sockets") for word in one.value.split()),
    )


def _directory(merged: _Merged) -> str | Unknown | None:
    found = merged.text("Service", "WorkingDirectory")
    return found.removeprefix("-").strip("\"'") if isinstance(found, str) else found

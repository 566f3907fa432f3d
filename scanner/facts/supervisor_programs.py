"""Reading supervisor's programs (supervisord.org, "Configuration File")."""

import posixpath
import re
import shlex
from collections.abc import Iterator

from scanner.facts.commands import Word
from scanner.facts.deploy_paths import script_finder
from scanner.facts.ini_syntax import Ini, Setting, parse_indented
from scanner.facts.secrets import examine, masked, secret_words
from scanner.facts.unit_roles import role_of
from scanner.facts.unit_types import EnvironmentPair, Exec, Unit
from scanner.facts.unit_words import split_supervisor_environment
from scanner.model import Location, Unknown
from scanner.project import Project, Unreadable

_LIMIT = 256 * 1024
_TEMPLATED = re.compile(r"\{\{|\{%|<%|\$\{|%\(ENV_")


def _sources(project: Project, unreadable: list[tuple[str, str]]) -> Iterator[tuple[str, Ini]]:
    for path in project.glob("*.conf", "*.conf.*", "*.ini", "*.ini.*", "*.supervisor"):
        named = "supervisor" in path.casefold()
        try:
            text = project.read_text(path, _LIMIT)
        except Unreadable as problem:
            if named:
                unreadable.append((path, problem.why))
            continue
        if "[program:" in text:
            yield path, parse_indented(path, text)


def read_programs(project: Project) -> tuple[tuple[Unit, ...], tuple[tuple[str, str], ...]]:
    """The programs of all files, and the files that could not be read."""
    unreadable: list[tuple[str, str]] = []
    sources = list(_sources(project, unreadable))
    found: list[Unit] = []
    for path, ini in sources:
        daemon = _of(ini, "supervisord") or _daemon_beside(path, sources)
        found.extend(
            _program(project, path, section, line, ini, daemon)
            for section, line in ini.sections
            if section.startswith("program:")
        )
    return tuple(found), tuple(unreadable)


def _of(ini: Ini, section: str) -> dict[str, Setting]:
    return {one.key: one for one in ini.settings if one.section == section}


def _daemon_beside(path: str, sources: list[tuple[str, Ini]]) -> dict[str, Setting]:
    """``[supervisord]`` of the main file that includes this one, where there is just one."""
    mains = [
        settings
        for other, ini in sources
        if other != path and (settings := _of(ini, "supervisord")) and _of(ini, "include")
    ]
    return mains[0] if len(mains) == 1 else {}


def _split(value: str) -> tuple[str, ...]:
    try:
        return tuple(shlex.split(value))
    except ValueError:
        return tuple(value.split())


def _text(setting: Setting | None) -> str | Unknown | None:
    if setting is None or not setting.value:
        return None
    if _TEMPLATED.search(setting.value):
        return Unknown("a template's expression", setting.location)
    return setting.value


def _program(project: Project, path: str, section: str, line: int, ini: Ini, daemon: dict[str, Setting]) -> Unit:
    own = _of(ini, section)
    command = own.get("command")
    argv = _split(command.value) if command else ()
    places = command.places(argv) if command else ()
    exe = Exec(
        key="command",
        prefix="",
        argv=masked(argv),
        location=command.location if command else Location(path, line),
        secrets=tuple((word.key, word.length) for word in secret_words(argv)),
        places=places,
    )
    near = posixpath.dirname(path)
    words = tuple(Word(text, place) for text, place in zip(argv, places, strict=True))
    directory = _text(own.get("directory"))
    where = directory if isinstance(directory, str) else None
    role, _ = role_of(project, words, script_finder(project, near=near), where)
    # A program without a user runs as the daemon does.
    user = own.get("user") or daemon.get("user")
    return Unit(
        path=path,
        name=section,
        kind="supervisor",
        role=role,
        user=_text(user),
        user_location=user.location if user else None,
        group=None,
        dynamic_user=False,
        user_unit=False,
        service_type="simple",
        execs=(exe,) if argv else (),
        environment=_environment(own.get("environment"), daemon.get("environment")),
        environment_files=(),
        listen=(),
        working_directory=directory,
        location=Location(path, line),
    )


def _environment(*settings: Setting | None) -> tuple[EnvironmentPair, ...]:
    pairs: dict[str, EnvironmentPair] = {}
    for setting in reversed(settings):
        if setting is None:
            continue
        written = split_supervisor_environment(setting.value)
        for (key, value), place in zip(written, setting.places([key for key, _ in written]), strict=True):
            seen = examine(key, value)
            pairs[key] = EnvironmentPair(key, seen.kind, seen.length, place, seen.value)
    return tuple(pairs.values())

"""uWSGI's options, from its command line and its ini files."""

import posixpath
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from scanner.facts.app_server_types import Bind
from scanner.facts.artefact import Artefact
from scanner.facts.commands import Word
from scanner.facts.deploy_paths import find_in_checkout
from scanner.facts.ini_syntax import parse_indented
from scanner.facts.server_options import parse_bind
from scanner.model import Location
from scanner.project import Project, Unreadable
from scanner.project.scope import words as word_set

_MAX_FILES = 6
_VALUED = word_set(
    "http http-socket http-socket-modifier https https-socket socket uwsgi-socket fastcgi-socket shared-socket chdir",
    "chdir2",
    "module wsgi wsgi-file file ini yaml xml json uid gid processes workers env static-map plugin plugins listen logto",
    "daemonize pidfile home virtualenv venv pythonpath chmod-socket chown-socket stats buffer-size harakiri threads",
    "callable",
    "set-placeholder mount touch-reload log-format route-host cron2 attach-daemon emperor",
)
_SHORT = {
    "-s": "socket",
    "-w": "module",
    "-p": "processes",
    "-H": "home",
    "-x": "xml",
    "-d": "daemonize",
    "-l": "listen",
}
_ALIASES = {"wsgi": "module", "workers": "processes", "uwsgi-socket": "socket", "venv": "home", "file": "wsgi-file"}
_HTTP = ("http", "http-socket", "https", "https-socket")


@dataclass(frozen=True)
class Uwsgi:
    """What uWSGI does."""

    binds: tuple[Bind, ...] = ()
    application: str | None = None
    workers: int | None = None
    user: str | None = None
    directory: str | None = None
    config_file: str | None = None
    settings_module: str | None = None
    uwsgi_protocol: bool = False


@dataclass
class _Options:
    project: Project
    artefact: Artefact
    expand: Callable[[str], str]
    unreadable: list[tuple[str, str]]
    values: list[tuple[str, str, Location]] = field(default_factory=list)
    files: list[str] = field(default_factory=list)

    def line(self, words: Sequence[Word]) -> None:
        position = 0
        while position < len(words):
            word = words[position]
            position += 1
            name, equals, value = word.text.partition("=")
            if not word.text.startswith("-"):
                if word.text.endswith(".ini"):
                    self.ini(word.text)
                elif word.text.startswith(":") or word.text.count(":") == 1:
                    self.add("socket", word.text, word.location)
                continue
            long = _SHORT.get(name, name.lstrip("-"))
            if not equals and (name in _SHORT or long in _VALUED) and position < len(words):
                value, place = words[position].text, words[position].location
                position += 1
            else:
                place = word.location
            self.add(long, value, place)

    def add(self, name: str, value: str, place: Location) -> None:
        if name == "ini":
            self.ini(value)
        else:
            self.values.append((_ALIASES.get(name, name), self.expand(value), place))

    def ini(self, name: str) -> None:
        written = name.partition(":")[0]
        path = self.artefact.paths.to_checkout(written, self.artefact.directory)
        if path is None or not self.project.exists(path):
            path = find_in_checkout(self.project, written, self.artefact.location.path)
        if path is None or path in self.files or len(self.files) >= _MAX_FILES:
            return
        self.files.append(path)
        try:
            text = self.project.read_text(path)
        except Unreadable as problem:
            self.unreadable.append((path, problem.why))
            return
        magic = {"%d": f"{posixpath.dirname(path)}/", "%n": posixpath.basename(path).rpartition(".")[0]}
        for one in parse_indented(path, text).settings:
            if one.section == "uwsgi":
                value = one.value
                for key, meaning in magic.items():
                    value = value.replace(key, meaning)
                self.add(one.key, self._placeholders(value), one.location)

    def _placeholders(self, value: str) -> str:
        for name, known, _ in self.values:
            value = value.replace(f"%({name})", known)
        return value

    def last(self, name: str) -> tuple[str, Location] | None:
        return next(((value, place) for key, value, place in reversed(self.values) if key == name), None)

    def text(self, name: str) -> str | None:
        found = self.last(name)
        return found[0] if found else None


def read_uwsgi(
    project: Project,
    artefact: Artefact,
    words: Sequence[Word],
    expand: Callable[[str], str],
    unreadable: list[tuple[str, str]],
) -> Uwsgi:
    """The effective options; of its sockets those of HTTP come first."""
    options = _Options(project, artefact, expand, unreadable)
    options.line(words)
    http = [_bind(value, place) for name in _HTTP for key, value, place in options.values if key == name and value]
    own = [_bind(value, place) for key, value, place in options.values if key == "socket" and value]
    module, file = options.text("module"), options.text("wsgi-file")
    application = module if module is None or ":" in module else f"{module}:{options.text('callable') or 'application'}"
    if application is None and file:
        application = f"{file.removesuffix('.py').lstrip('/').replace('/', '.')}:application"
    environment = [value for key, value, _ in options.values if key == "env"]
    module_name = next(
        (pair.partition("=")[2] for pair in environment if pair.startswith("DJANGO_SETTINGS_MODULE=")), None
    )
    workers = options.text("processes")
    return Uwsgi(
        binds=tuple(http or own),
        application=application,
        workers=int(workers) if workers and workers.isdecimal() else None,
        user=options.text("uid"),
        directory=options.text("chdir"),
        config_file=options.files[0] if options.files else None,
        settings_module=module_name,
        uwsgi_protocol=bool(own) and not http,
    )


def _bind(value: str, place: Location) -> Bind:
    text = value.partition(",")[0]
    if "/" in text and not text.startswith(("unix:", "http:")):
        return Bind("", None, text, place)
    return parse_bind(text, place, 8080)

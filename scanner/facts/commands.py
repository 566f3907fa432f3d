"""From a command as it is written to the program that really serves: wrappers stripped, start scripts followed."""

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace

from scanner.facts.shell import split_commands
from scanner.facts.wrappers import WRAPPERS, Wrapper
from scanner.model import Location

_MAX_STEPS = 24
_MAX_SCRIPTS = 4
_PYTHON = re.compile(r"(?:python|pypy)(?:\d+(?:\.\d+)?)?w?")
_VERSION = re.compile(r"[-_]?\d+(?:\.\d+)*$")
_SHELLS = frozenset({"sh", "bash", "dash", "ash", "zsh", "ksh", "busybox"})
_ASSIGNMENT = re.compile(r"([A-Za-z_]\w*)=(.*)", re.DOTALL)
_SERVERS = {
    "gunicorn": "gunicorn",
    "gunicorn.app.wsgiapp": "gunicorn",
    "uvicorn": "uvicorn",
    "daphne": "daphne",
    "daphne.cli": "daphne",
    "hypercorn": "hypercorn",
    "waitress": "waitress",
    "waitress-serve": "waitress",
    "uwsgi": "uwsgi",
    "uwsgi-core": "uwsgi",
    "uwsgi_python": "uwsgi",
    "uwsgi-python": "uwsgi",
    "pyuwsgi": "uwsgi",
}
_MANAGE = frozenset({"manage.py", "django-admin", "django-admin.py", "django"})
_RUNSERVER = frozenset({"runserver", "runserver_plus", "testserver"})
_DECLARES = frozenset({"export", "declare", "local", "readonly"})
_WORKERS = frozenset({"celery", "rq", "rqworker", "dramatiq", "huey_consumer", "huey_consumer.py", "arq", "flower"})


@dataclass(frozen=True)
class Word:
    """One word of a command and where it is written."""

    text: str
    location: Location


@dataclass(frozen=True)
class Script:
    """A start script of the checkout."""

    path: str
    text: str


@dataclass(frozen=True)
class Command:
    """What a command line comes down to."""

    words: tuple[Word, ...]
    environment: Mapping[str, str] = field(default_factory=dict)
    """Variables that wrappers and scripts set for it, as written."""
    user: str | None = None
    """Whom a wrapper such as gosu changes to."""
    arguments: bool = False
    """It is ``"$@"`` of a script: what the script was started with takes its place."""

    @property
    def argv(self) -> tuple[str, ...]:
        """The words' texts."""
        return tuple(word.text for word in self.words)

    @property
    def program(self) -> str:
        """The program's bare name; empty where nothing is left."""
        return bare_name(self.words[0].text) if self.words else ""

    @property
    def server(self) -> str | None:
        """``gunicorn``, ``uvicorn``, ``runserver`` …, where it is an app server."""
        if not self.words:
            return None
        if self.program in _MANAGE:
            return "runserver" if any(word.text in _RUNSERVER for word in self.words[1:3]) else None
        return _SERVERS.get(self.program) or _SERVERS.get(_VERSION.sub("", self.program))

    @property
    def manages(self) -> bool:
        """It is a command of ``manage.py``."""
        return self.program in _MANAGE

    @property
    def works(self) -> bool:
        """It is a worker or scheduler of a task queue."""
        return self.program in _WORKERS


Scripts = Callable[[str], Script | None]
"""Finds the script that a word of a command names; None where the checkout has none."""


def bare_name(word: str) -> str:
    """``gunicorn`` for ``/srv/venv/bin/gunicorn``."""
    return word.rstrip("/").rpartition("/")[2]


def plain_words(texts: Sequence[str], location: Location) -> tuple[Word, ...]:
    """Words that all have the same place."""
    return tuple(Word(text, location) for text in texts)


@dataclass(frozen=True)
class Simple:
    """One simple command of a shell text."""

    words: tuple[Word, ...]
    operator: str

    @property
    def texts(self) -> list[str]:
        """The words' texts."""
        return [word.text for word in self.words]


def words_of_shell(text: str, location: Location, *, exact: bool = False) -> tuple[Simple, ...]:
    """The simple commands of a shell text.

    ``exact``: the text starts at ``location``, so that each word's own place is known.
    """
    found = []
    for command in split_commands(text):
        words = []
        for word in command.words:
            place = location
            if exact:
                column = word.column + (location.column - 1 if word.line == 1 else 0)
                place = Location(location.path, location.line + word.line - 1, column)
            words.append(Word(word.text, place))
        found.append(Simple(tuple(words), command.operator))
    return tuple(found)


def _chosen_branch(simple: Sequence[Simple], passed: tuple[Word, ...]) -> Sequence[Simple]:
    """A script's commands without the branches of ``case "$1" in`` that its argument does not choose."""
    if not passed:
        return simple
    kept: list[Simple] = []
    labels: list[str] = []
    inside = matched = False
    chosen: bool | None = None
    for one in simple:
        if one.texts[0] == "case" and "in" in one.texts:
            inside, chosen, matched = True, None, False
            labels = one.texts[one.texts.index("in") + 1 :]
        elif inside and len(one.words) == 1 and one.operator in {"|", ")"}:
            labels.append(one.texts[0])
        else:
            if chosen is None or chosen:
                kept.append(one)
            if one.operator == ";;":
                labels, chosen = [], None
            continue
        if one.operator == ")":
            chosen = not matched and (passed[0].text in labels or "*" in labels)
            matched = matched or chosen
    return kept


@dataclass
class _Budget:
    """Scripts that start each other must come to an end."""

    steps: int = 5000


@dataclass
class _Resolver:
    scripts: Scripts
    inside: tuple[str, ...] = ()
    """The scripts that led here."""
    budget: _Budget = field(default_factory=_Budget)

    def resolve(self, command: Command) -> Command | None:
        """Strip until nothing more can be stripped; None where nothing is left to run."""
        for _ in range(_MAX_STEPS):
            self.budget.steps -= 1
            if not command.words or self.budget.steps < 0:
                return None
            if command.argv in {("$@",), ("$*",)}:
                return replace(command, arguments=True)
            stripped = self._step(command)
            if stripped is None:
                return command
            command = stripped
        return command

    def _step(self, command: Command) -> Command | None:
        """The command without its outermost wrapper; None where it has none."""
        first = command.words[0].text
        assignment = _ASSIGNMENT.fullmatch(first)
        if assignment:
            variables = {**command.environment, assignment.group(1): assignment.group(2)}
            return replace(command, words=command.words[1:], environment=variables)
        name = command.program
        if _PYTHON.fullmatch(name):
            return _python(command)
        if name in _SHELLS:
            return self._shell(command)
        wrapper = WRAPPERS.get(name)
        if wrapper is not None:
            return self._unwrap(command, wrapper)
        named = "/" in first or "entrypoint" in name or name in {"start", "run", "serve", "boot"}
        return self._script(command) if named or first.endswith((".sh", ".bash")) else None

    def _unwrap(self, command: Command, wrapper: Wrapper) -> Command | None:
        rest = command.argv[1:]
        taken = wrapper.take(rest)
        if taken is None:
            return None
        words = command.words[1 + taken.skipped :]
        user = taken.user or command.user
        variables = {**command.environment, **taken.environment}
        if taken.shell is not None:
            inner = self.last(words_of_shell(taken.shell, command.words[0].location), ())
            if inner is None:
                return None
            return replace(inner, environment={**variables, **inner.environment}, user=inner.user or user)
        return replace(command, words=words, user=user, environment=variables) if words else None

    def _shell(self, command: Command) -> Command | None:
        words = command.words[1:]
        while words and words[0].text.startswith(("-", "+")):
            option = words[0].text
            if option.startswith("-") and not option.startswith("--") and "c" in option:
                if len(words) < 2:
                    return None
                passed = words[3:]  # after $0
                inner = self.last(words_of_shell(words[1].text, words[1].location), passed)
                return self._with(command, inner)
            words = words[2:] if option in {"-o", "+o", "--rcfile", "--init-file"} else words[1:]
        return self._script(replace(command, words=words)) if words else None

    @staticmethod
    def _with(outer: Command, inner: Command | None) -> Command | None:
        if inner is None:
            return None
        return replace(inner, environment={**outer.environment, **inner.environment}, user=inner.user or outer.user)

    def _script(self, command: Command) -> Command | None:
        script = self.scripts(command.words[0].text) if len(self.inside) < _MAX_SCRIPTS else None
        if script is None or script.path in self.inside:
            return None
        within = words_of_shell(script.text, Location(script.path), exact=True)
        inner = _Resolver(self.scripts, (*self.inside, script.path), self.budget)
        return self._with(command, inner.last(within, command.words[1:]))

    def last(self, simple: Sequence[Simple], passed: tuple[Word, ...]) -> Command | None:
        """The command that a script ends up running, given what it was started with."""
        exported: dict[str, str] = {}
        servers: list[Command] = []
        ends: Command | None = None
        for one in _chosen_branch(simple, passed):
            assignments = [match for text in one.texts if (match := _ASSIGNMENT.fullmatch(text))]
            if one.texts[0] in _DECLARES or len(assignments) == len(one.words):
                exported.update({match.group(1): match.group(2) for match in assignments})
                continue
            found = self.resolve(Command(one.words, dict(exported)))
            if found is not None and found.arguments:
                found = self.resolve(replace(found, words=passed, arguments=False)) if passed else None
                if found is not None and (found.server or found.works or found.manages):
                    return found
            if found is None:
                continue
            if found.server:
                servers.append(found)
            elif one.texts[0] == "exec" or one is simple[-1]:
                ends = found
        real = [one for one in servers if one.server != "runserver"] or servers
        return real[-1] if real else ends


def _python(command: Command) -> Command | None:
    words = command.words[1:]
    while words and words[0].text.startswith("-"):
        option = words[0].text
        if option == "-m" or (option[1:2] != "-" and option.endswith("m") and len(option) <= 4):
            return replace(command, words=words[1:]) if len(words) > 1 else None
        if option in {"-c", "-"}:
            return None
        words = words[2:] if option in {"-W", "-X"} else words[1:]
    return replace(command, words=words) if words else None


def resolve(words: Sequence[Word], scripts: Scripts) -> Command | None:
    """What a command comes down to: wrappers stripped, ``sh -c`` and start scripts followed to what they run last.

    ``scripts`` finds a script by the word that names it. None where nothing is run, or nobody can tell what.
    """
    if not words:
        return None
    return _Resolver(scripts).resolve(Command(tuple(words)))

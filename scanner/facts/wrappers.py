"""Programs that only start another one: their options, so that what they start can be found."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

_ASSIGNMENT = re.compile(r"([A-Za-z_]\w*)=(.*)", re.DOTALL)


@dataclass(frozen=True)
class Taken:
    """What a wrapper takes off the words after its name."""

    skipped: int
    user: str | None = None
    shell: str | None = None
    """Shell text that it runs (``su -c``)."""
    environment: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Wrapper:
    """How a wrapper's command line looks."""

    valued: frozenset[str] = frozenset()
    """Options whose value is the next word."""
    positionals: int = 0
    """Words of its own before the command."""
    subcommand: str | None = None
    """A word that must come first, such as ``run``; another one means that it starts no program."""
    user_option: frozenset[str] = frozenset()
    user_first: bool = False
    """Its first own word is the user whom it changes to."""
    until_dashes: bool = False
    """The command comes after ``--``."""
    all_valued: bool = False
    """Every long option has a value."""
    shell_option: str | None = None
    """The option whose value is shell text to run."""

    def take(self, rest: Sequence[str]) -> Taken | None:
        """What belongs to the wrapper; None where it does not start a program."""
        if self.until_dashes:
            return Taken(list(rest).index("--") + 1) if "--" in rest else None
        state = _State()
        if self.subcommand is not None:
            state.position = self._options(rest, state)
            if state.position >= len(rest) or rest[state.position] != self.subcommand:
                return None
            state.position += 1
        state.position = self._options(rest, state)
        for number in range(self.positionals):
            if state.position >= len(rest):
                return None
            if number == 0 and self.user_first:
                state.user = rest[state.position]
            state.position = self._options(rest, state, state.position + 1)
        while state.position < len(rest) and (match := _ASSIGNMENT.fullmatch(rest[state.position])):
            state.environment[match.group(1)] = match.group(2)
            state.position += 1
        user = state.user.partition(":")[0] if state.user else None
        return Taken(state.position, user or None, state.shell, state.environment)

    def _options(self, rest: Sequence[str], state: "_State", start: int | None = None) -> int:
        position = state.position if start is None else start
        while position < len(rest):
            word = rest[position]
            if word == "--":
                return position + 1
            if not word.startswith("-") or word == "-":
                if word == "-":
                    position += 1
                    continue
                return position
            name, equals, value = word.partition("=")
            takes = not equals and (name in self.valued or (self.all_valued and name.startswith("--")))
            if takes and position + 1 < len(rest):
                value = rest[position + 1]
            if name in self.user_option and value:
                state.user = value
            if name == self.shell_option and value:
                state.shell = value
            position += 2 if takes else 1
        return position


@dataclass
class _State:
    position: int = 0
    user: str | None = None
    shell: str | None = None
    environment: dict[str, str] = field(default_factory=dict)


def _options(text: str) -> frozenset[str]:
    return frozenset(text.split())


_PLAIN = Wrapper()
_BUILDPACKS = ("start-nginx", "start-nginx-solo", "start-pgbouncer", "start-stunnel")
_SECRETS_RUN = _options("-p --project -c --config -t --token --env --projectId --path --command")
_UV = _options(
    "--with --with-editable --with-requirements --extra --group --only-group --env-file -p --python --project "
    "--directory --package --index --default-index --index-url --config-file --cache-dir --no-group --no-extra"
)
_SU = Wrapper(
    valued=_options("-c --command -s --shell -g --group -G -w -u --user"),
    positionals=1,
    user_first=True,
    shell_option="-c",
)

WRAPPERS: Mapping[str, Wrapper] = {
    **dict.fromkeys(("nohup", "setsid", "command", "eval", "unbuffer", "time"), _PLAIN),
    **dict.fromkeys(("ddtrace-run", "with-contenv", "docker-init", "catatonit", *_BUILDPACKS), _PLAIN),
    "exec": Wrapper(_options("-a")),
    "env": Wrapper(_options("-u --unset -C --chdir -S")),
    "nice": Wrapper(_options("-n --adjustment")),
    "ionice": Wrapper(_options("-c -n")),
    "stdbuf": Wrapper(_options("-i -o -e")),
    "timeout": Wrapper(_options("-k -s --kill-after --signal"), positionals=1),
    "tini": Wrapper(_options("-p -e")),
    "dumb-init": Wrapper(_options("-r --rewrite")),
    "su-exec": Wrapper(positionals=1, user_first=True),
    "gosu": Wrapper(positionals=1, user_first=True),
    "setuidgid": Wrapper(positionals=1, user_first=True),
    "s6-setuidgid": Wrapper(positionals=1, user_first=True),
    "setpriv": Wrapper(
        _options("--reuid --regid --groups --inh-caps --ambient-caps --bounding-set"), user_option=_options("--reuid")
    ),
    "chpst": Wrapper(_options("-u -U -e -/ -b -n -m"), user_option=_options("-u")),
    "runuser": Wrapper(_options("-u --user -g --group -G -c -s"), user_option=_options("-u --user"), shell_option="-c"),
    "sudo": Wrapper(_options("-u --user -g --group -D --chdir -p -C"), user_option=_options("-u --user")),
    "su": _SU,
    "newrelic-admin": Wrapper(subcommand="run-program"),
    "newrelic.admin": Wrapper(subcommand="run-program"),
    "opentelemetry-instrument": Wrapper(all_valued=True),
    "doppler": Wrapper(_SECRETS_RUN, subcommand="run", shell_option="--command"),
    "infisical": Wrapper(_SECRETS_RUN, subcommand="run", shell_option="--command"),
    "op": Wrapper(_options("--env-file --account"), subcommand="run"),
    "dotenv": Wrapper(_options("-f --file -e"), subcommand="run"),
    "honcho": Wrapper(_options("-e --env"), subcommand="run"),
    "uv": Wrapper(_UV, subcommand="run"),
    "uvx": Wrapper(_UV | {"--from"}),
    "poetry": Wrapper(_options("-C --directory -P --project"), subcommand="run"),
    "pipenv": Wrapper(_options("--python"), subcommand="run"),
    "pdm": Wrapper(_options("-p --project"), subcommand="run"),
    "rye": Wrapper(subcommand="run"),
    "hatch": Wrapper(_options("-e --env"), subcommand="run"),
    "pixi": Wrapper(_options("-e --environment"), subcommand="run"),
    "conda": Wrapper(_options("-n --name -p --prefix --cwd"), subcommand="run"),
    "micromamba": Wrapper(_options("-n --name -p --prefix"), subcommand="run"),
    "chamber": Wrapper(until_dashes=True),
    "aws-vault": Wrapper(until_dashes=True),
    "wait-for-it": Wrapper(until_dashes=True),
    "wait-for-it.sh": Wrapper(until_dashes=True),
    "wait_for_it.sh": Wrapper(until_dashes=True),
    "wait-for": Wrapper(until_dashes=True),
    "wait-for.sh": Wrapper(until_dashes=True),
    "dockerize": Wrapper(_options("-wait -timeout -template -stdout -stderr -wait-retry-interval -env")),
}

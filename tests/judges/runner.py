"""How the runner of GitHub Actions reads a line: a port of `ActionCommand` and of the stop-commands logic.

After actions/runner, src/Runner.Common/ActionCommand.cs and src/Runner.Worker/ActionCommandManager.cs
(MIT licence, Copyright (c) GitHub, see LICENSE-actions-runner).
"""

from dataclasses import dataclass, field

COMMANDS = frozenset(
    {
        "add-mask",
        "add-matcher",
        "add-path",
        "debug",
        "echo",
        "endgroup",
        "error",
        "group",
        "internal-set-repo-path",
        "notice",
        "remove-matcher",
        "save-state",
        "set-env",
        "set-output",
        "stop-commands",
        "warning",
    }
)
KEY = "::"
OLD_PREFIX = "##["

DATA = (("\r", "%0D"), ("\n", "%0A"), ("%", "%25"))
PROPERTY = (("\r", "%0D"), ("\n", "%0A"), (":", "%3A"), (",", "%2C"), ("%", "%25"))
OLD = ((";", "%3B"), ("\r", "%0D"), ("\n", "%0A"), ("]", "%5D"), ("%", "%25"))


@dataclass
class Command:
    name: str
    data: str = ""
    properties: dict[str, str] = field(default_factory=dict)


def unescape(text: str, table: tuple[tuple[str, str], ...]) -> str:
    for token, replacement in table:
        text = text.replace(replacement, token)
    return text


def parse(line: str, registered: frozenset[str] = COMMANDS) -> Command | None:
    """The command of a line in the new form, else in the old one, else None."""
    return parse_new(line, registered) or parse_old(line, registered)


def parse_new(line: str, registered: frozenset[str]) -> Command | None:
    message = line.lstrip()
    if not message.startswith(KEY):
        return None
    end = message.find(KEY, len(KEY))
    if end < 0:
        return None
    name, blank, rest = message[len(KEY) : end].partition(" ")
    if name.lower() not in registered:
        return None
    properties = _properties(rest.strip(), ",", PROPERTY) if blank else {}
    return Command(name.lower(), unescape(message[end + len(KEY) :], DATA), properties)


def parse_old(line: str, registered: frozenset[str]) -> Command | None:
    start = line.find(OLD_PREFIX)
    if start < 0:
        return None
    end = line.find("]", start)
    if end < 0:
        return None
    name, blank, rest = line[start + len(OLD_PREFIX) : end].partition(" ")
    if name.lower() not in registered:
        return None
    properties = _properties(rest, ";", OLD) if blank else {}
    return Command(name.lower(), unescape(line[end + 1 :], OLD), properties)


def _properties(text: str, between: str, table: tuple[tuple[str, str], ...]) -> dict[str, str]:
    pairs = (each.partition("=") for each in text.split(between) if each)
    return {name: unescape(value, table) for name, equals, value in pairs if equals}


def commands(output: str) -> list[Command]:
    """The commands that the runner carries out for the output of a step, stop-commands honoured."""
    found: list[Command] = []
    token: str | None = None
    for line in output.replace("\r\n", "\n").replace("\r", "\n").split("\n"):
        if token is not None:
            if parse(line, frozenset({token.lower()})) is not None:
                token = None
            continue
        command = parse(line)
        if command is None:
            continue
        if command.name == "stop-commands":
            token = command.data
        else:
            found.append(command)
    return found

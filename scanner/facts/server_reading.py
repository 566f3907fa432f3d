"""One command of an app server with the variables of its process: what the readers of each server have in common."""

import shlex
from collections.abc import Sequence
from dataclasses import dataclass, field

from scanner.facts.app_server_types import AppServer, ServerKind
from scanner.facts.artefact import Artefact, Variable
from scanner.facts.commands import Command
from scanner.facts.interpolation import interpolate
from scanner.facts.secrets import masked
from scanner.facts.server_options import Option
from scanner.model import Location
from scanner.project import Project

LOOPBACK = ("127.0.0.1", "::1")


@dataclass
class Reading:
    """One command with the process' variables."""

    project: Project
    artefact: Artefact
    command: Command
    environment: dict[str, Variable]
    unreadable: list[tuple[str, str]]
    notes: list[str] = field(default_factory=list)

    @property
    def location(self) -> Location:
        """Where the command stands."""
        return self.command.words[0].location if self.command.words else self.artefact.location

    def known(self) -> dict[str, str]:
        """The variables whose value is known."""
        return {key: one.value for key, one in self.environment.items() if one.value is not None}

    def expand(self, text: str) -> str:
        """A word with the variables that are known; the others stay."""
        return interpolate(text, self.known()).text

    def text(self, option: Option | None) -> str | None:
        """An option's value, expanded."""
        return self.expand(option.value) if option is not None and option.value is not None else None

    def variable(self, name: str) -> Variable | None:
        """A variable of the process, if it is set."""
        return self.environment.get(name)

    def peers(self, given: str | None, place: Location | None, default: Sequence[str]) -> "Peers":
        """The effective ``forwarded_allow_ips``: the option, else the variable, else the default."""
        if given is None:
            variable = self.variable("FORWARDED_ALLOW_IPS")
            if variable is None:
                return Peers(tuple(default), None)
            given, place = variable.value, variable.location
        if given is None or "$" in given:
            self.notes.append("the list of trusted proxies comes from a variable that is not known")
            return Peers((), place)
        return Peers(tuple(part.strip() for part in given.split(",") if part.strip()), place)

    def number(self, *texts: str | None) -> int | None:
        """The first of the texts that is a number."""
        return next((int(text) for text in texts if text is not None and text.isdecimal()), None)

    def base(self, kind: ServerKind, program: str) -> AppServer:
        """The server with what the artefact tells of it; what the server itself decides is still to be filled in."""
        shown = masked([program, *self.command.argv[1:]])
        places = [word.location for word in self.command.words]
        module = self.variable("DJANGO_SETTINGS_MODULE")
        return AppServer(
            kind=kind,
            artefact=self.artefact.name,
            location=self.location,
            argv=shown,
            binds=(),
            application=None,
            trusted_peers=(),
            trusts_unix_peer=False,
            container=self.artefact.container,
            platform=self.artefact.platform,
            user=self.command.user or self.artefact.user,
            directory=self.artefact.directory,
            environment={key: one.value for key, one in self.environment.items()},
            environment_files=self.artefact.environment_files,
            settings_module=module.value if module else None,
            settings_location=module.location if module else None,
            words=tuple(zip(shown, places, strict=True)),
        )


@dataclass(frozen=True)
class Peers:
    """Whom a server believes, and what says so."""

    listed: tuple[str, ...]
    location: Location | None


def split_text(text: str) -> tuple[str, ...]:
    """The words of a variable that holds a command line."""
    try:
        return tuple(shlex.split(text))
    except ValueError:
        return tuple(text.split())

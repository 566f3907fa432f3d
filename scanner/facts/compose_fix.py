"""A published port bound to the host's own loopback, as a fix."""

import re
from dataclasses import dataclass

from scanner.facts.compose_types import Port
from scanner.model import Fix, provider
from scanner.project import Project, Unreadable

_SHORT = re.compile(
    r"(?P<before>[\"']?)(?:(?:0\.0\.0\.0|\[::\]):)?(?P<ports>\d{1,5}(?:-\d{1,5})?:\d{1,5}(?:-\d{1,5})?(?:/(?:tcp|udp))?)"
    r"(?P<after>[\"']?)(?=\s|,|\]|#|$)"
)


@dataclass(frozen=True)
class ComposeLines:
    """The files of the project, for the few lines that a fix changes."""

    project: Project

    def loopback(self, port: Port) -> Fix | None:
        """The port published on 127.0.0.1 only; None for one that is not written in the short form."""
        place = port.location
        try:
            lines = self.project.read_text(place.path).split("\n")
        except Unreadable:
            return None
        line = lines[place.line - 1].removesuffix("\r") if place.line <= len(lines) else ""
        found = _SHORT.match(line, place.column - 1)
        if found is None or (found["before"] != found["after"]):
            return None
        # Quoted in any case: YAML 1.1 takes some numbers with colons for times.
        quote = found["before"] or '"'
        made = f"{line[: found.start()]}{quote}127.0.0.1:{found['ports']}{quote}{line[found.end() :]}"
        return Fix(place.path, place.line, place.line, (made,))


@provider()
def compose_lines(project: Project) -> ComposeLines:
    """The lines of compose files, read only for a fix."""
    return ComposeLines(project)

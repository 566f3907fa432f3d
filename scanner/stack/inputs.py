"""What a plan of the stack is made from, and what several parts of it ask of that."""

import posixpath
from dataclasses import dataclass

from scanner.facts.app_servers import AppServers
from scanner.facts.boot_plan import BootPlan
from scanner.facts.compose import Compose, Service
from scanner.facts.nginx import Nginx
from scanner.facts.settings import Settings
from scanner.facts.topology import Topology
from scanner.model import Options
from scanner.project import Project


@dataclass(frozen=True, eq=False)
class Inputs:
    """The facts that are joined."""

    project: Project
    options: Options
    boot: BootPlan
    settings: Settings
    topology: Topology
    app_servers: AppServers | None
    nginx: Nginx | None
    compose: Compose | None
    nonce: str
    """16 hex digits, new for every run."""

    def directory(self, setting: str) -> str | None:
        """The absolute directory that a setting names; None for the root directory and for anything else."""
        value = self.settings.value(setting)
        return posixpath.normpath(value) if isinstance(value, str) and value.startswith("/") and value != "/" else None

    def url(self, setting: str) -> str:
        """A setting that is a URL, or empty."""
        value = self.settings.value(setting)
        return value if isinstance(value, str) else ""

    def in_production(self, path: str) -> str:
        """A path of the boot's sandbox as production has it, where the two differ."""
        inside = self.boot.in_checkout(path)
        if inside is None:
            return path
        found = [
            (directory, place)
            for place, directory in self.topology.path_map.items()
            if directory in {".", inside} or inside.startswith(f"{directory}/")
        ]
        if not found:
            return path
        directory, place = max(found, key=lambda pair: len(pair[0]))
        return posixpath.normpath(posixpath.join(place, posixpath.relpath(inside, directory)))

    def in_checkout(self, path: str) -> str | None:
        """A path of production as one of the checkout; None where nothing tells."""
        places = [
            place for place in self.topology.path_map if path == place or path.startswith(f"{place.rstrip('/')}/")
        ]
        if not places:
            return self.boot.in_checkout(path)
        place = max(places, key=len)
        inside = posixpath.relpath(path, place)
        return posixpath.normpath(posixpath.join(self.topology.path_map[place], inside))

    @property
    def services(self) -> tuple[Service, ...]:
        """All services of all compose projects."""
        return tuple(service for one in self.compose.projects for service in one.services) if self.compose else ()

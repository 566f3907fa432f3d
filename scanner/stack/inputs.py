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

    @property
    def services(self) -> tuple[Service, ...]:
        """All services of all compose projects."""
        return tuple(service for one in self.compose.projects for service in one.services) if self.compose else ()

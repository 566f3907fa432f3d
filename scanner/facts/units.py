"""systemd units (and supervisor programs), with their drop-ins applied."""

from dataclasses import replace

from scanner.facts.compose import Compose
from scanner.facts.dockerfiles import Dockerfiles
from scanner.facts.supervised import supervised_container
from scanner.facts.supervisor_programs import read_programs
from scanner.facts.systemd_units import read_units
from scanner.facts.unit_types import EnvironmentFile, EnvironmentPair, Exec, Role, Unit, Units
from scanner.model import provider
from scanner.project import Project

__all__ = ["EnvironmentFile", "EnvironmentPair", "Exec", "Role", "Unit", "Units", "units"]


@provider()
def units(project: Project, compose: Compose, dockerfiles: Dockerfiles) -> Units:
    """Every unit file, also templates of one and those that a script writes; and supervisor's programs."""
    systemd, unreadable = read_units(project)
    programs, more = read_programs(project)
    container = supervised_container(project, compose, dockerfiles) if programs else None
    placed = tuple(replace(one, container=container) for one in programs)
    return Units((*systemd, *placed), tuple(dict.fromkeys((*unreadable, *more))))

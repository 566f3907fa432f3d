"""systemd units (and supervisor programs), with their drop-ins applied."""

from scanner.facts.supervisor_programs import read_programs
from scanner.facts.systemd_units import read_units
from scanner.facts.unit_types import EnvironmentFile, EnvironmentPair, Exec, Role, Unit, Units
from scanner.model import provider
from scanner.project import Project

__all__ = ["EnvironmentFile", "EnvironmentPair", "Exec", "Role", "Unit", "Units", "units"]


@provider()
def units(project: Project) -> Units:
    """Every unit file, also templates of one and those that a script writes; and supervisor's programs."""
    systemd, unreadable = read_units(project)
    programs, more = read_programs(project)
    return Units((*systemd, *programs), tuple(dict.fromkeys((*unreadable, *more))))

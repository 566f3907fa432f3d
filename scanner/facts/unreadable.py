"""Files that should have been read and could not be: the scan is incomplete, and says so."""

from dataclasses import dataclass

from scanner.facts.app_servers import AppServers
from scanner.facts.compose import Compose
from scanner.facts.dockerfiles import Dockerfiles
from scanner.facts.env_files import EnvFiles
from scanner.facts.nginx_files import NginxFiles
from scanner.facts.repository import Repository
from scanner.facts.units import Units
from scanner.model import ScopeClass, provider
from scanner.project import Project


@dataclass(frozen=True)
class UnreadableFiles:
    """What the collectors could not read."""

    files: tuple[tuple[str, str], ...]
    """Path and reason, sorted; each path once."""


@provider()
def unreadable_files(
    project: Project,
    repository: Repository,
    env_files: EnvFiles,
    units: Units,
    compose: Compose,
    dockerfiles: Dockerfiles,
    app_servers: AppServers,
    nginx_files: NginxFiles,
) -> UnreadableFiles:
    """Everything that a collector of deployment files wanted to read and could not.

    Examples are left out: they are not judged at all.
    """
    found: dict[str, str] = {}
    for fact in (repository, env_files, units, compose, dockerfiles, app_servers, nginx_files):
        for path, why in fact.unreadable:
            found.setdefault(path, why)
    for file in dockerfiles.files:
        for why, place in file.errors:
            found.setdefault(file.path, f"{why} (line {place.line})")
    judged = (pair for pair in sorted(found.items()) if project.scope(pair[0]).klass is not ScopeClass.EXAMPLE)
    return UnreadableFiles(tuple(judged))

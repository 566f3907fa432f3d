"""The commands that serve the application, resolved as the operating system and the server would."""

from scanner.facts.app_server_types import AppServer, AppServers, Bind, ServerKind
from scanner.facts.artefact import Artefact
from scanner.facts.artefacts import from_compose, from_images, from_scripts, from_units
from scanner.facts.commands import Word, resolve
from scanner.facts.compose import Compose
from scanner.facts.deploy_paths import script_finder
from scanner.facts.dockerfiles import Dockerfiles
from scanner.facts.env_files import EnvFiles
from scanner.facts.platforms import from_platforms, platform_file
from scanner.facts.server_readers import read_server
from scanner.facts.units import Units
from scanner.model import Location, ScopeClass, provider
from scanner.project import Project

__all__ = ["AppServer", "AppServers", "Bind", "ServerKind", "app_servers"]

_SCOPES = {ScopeClass.PROD: 0, ScopeClass.UNKNOWN: 1, ScopeClass.DEV: 2, ScopeClass.EXAMPLE: 3}


@provider()
def app_servers(
    project: Project, units: Units, compose: Compose, dockerfiles: Dockerfiles, env_files: EnvFiles
) -> AppServers:
    """Every app server that a unit, a service, an image, a platform's file, supervisor or a script starts.

    Those of production come first: by scope of the file, a real server before Django's own, then by kind of artefact.
    """
    unreadable: list[tuple[str, str]] = []
    found: list[tuple[AppServer, Artefact]] = []

    def add(artefact: Artefact) -> None:
        finder = script_finder(project, artefact.paths, artefact.directory, artefact.location.path)
        command = resolve(artefact.words, finder)
        made = read_server(project, artefact, command, unreadable) if command is not None else None
        if made is not None:
            found.append((made, artefact))

    for artefact in from_units(project, units, env_files):
        add(artefact)
    for artefact in from_compose(compose, dockerfiles, env_files):
        add(artefact)
    for artefact in from_platforms(project, unreadable):
        add(artefact)
    for artefact in from_images(dockerfiles, _started(project, compose), platform_file(project)):
        add(artefact)
    reached = frozenset(place.path for server, _ in found for _, place in server.words)
    for artefact in from_scripts(project, reached):
        add(artefact)
    if not found:
        for artefact in _bare_configurations(project):
            add(artefact)
    found.sort(key=lambda pair: _order(project, *pair))
    return AppServers(tuple(server for server, _ in found), tuple(dict.fromkeys(unreadable)))


def _order(project: Project, server: AppServer, artefact: Artefact) -> tuple[int, bool, int]:
    """Of one rank the order of the files stays."""
    scope = _SCOPES[project.scope(artefact.says or server.location.path).klass]
    return scope, server.kind is ServerKind.RUNSERVER, artefact.rank


def _started(project: Project, compose: Compose) -> frozenset[str]:
    """Dockerfiles whose own command a service outside development starts."""
    return frozenset(
        service.dockerfile
        for one in compose.projects
        if not all(project.scope(path).klass is ScopeClass.DEV for path in one.files)
        for service in one.services
        if service.dockerfile is not None
    )


def _bare_configurations(project: Project) -> list[Artefact]:
    """uWSGI's ini files without a command that names them: an emperor or a distribution's service starts those."""
    found = []
    for path in project.glob("*uwsgi*.ini"):
        place = Location(path)
        words = (Word("uwsgi", place), Word("--ini", place), Word(path, place))
        found.append(Artefact(f"uwsgi {path}", words, place, 50))
    return found

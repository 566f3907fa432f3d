"""The nginx configuration of a project."""

from collections.abc import Iterable
from dataclasses import dataclass
from functools import cached_property

from scanner.facts.compose import Compose
from scanner.facts.dockerfiles import Dockerfiles
from scanner.facts.nginx_files import NginxFiles
from scanner.facts.nginx_placement import Deployment, deployments
from scanner.model import NotApplicable, ScopeClass, Unavailable, provider
from scanner.nginx.effective import Configuration, SyntaxProblem
from scanner.nginx.includes import load
from scanner.project import Project

_RANK = (ScopeClass.PROD, ScopeClass.UNKNOWN, ScopeClass.DEV, ScopeClass.EXAMPLE)


@dataclass(frozen=True, eq=False)
class Nginx:
    """Every nginx configuration of the repository; rules judge all of ``configurations``."""

    main: Configuration
    """The one of the deployment: what the stack starts."""
    alternatives: tuple[Configuration, ...] = ()
    """Other complete configurations, as for another environment."""
    problems: tuple[SyntaxProblem, ...] = ()
    """What nginx refuses or what could not be read, of the main configuration; the rest is judged all the same."""
    notes: tuple[str, ...] = ()
    """What a reader must know: files that could not be read, alternatives that are not started."""
    version: str | None = None
    """``1.27.3`` when an image tag of the main configuration says so."""

    @property
    def configurations(self) -> tuple[Configuration, ...]:
        """The main configuration, then the others."""
        return (self.main, *self.alternatives)

    @cached_property
    def judged(self) -> tuple[Configuration, ...]:
        """Those that rules judge: samples are none that runs."""
        return tuple(one for one in self.configurations if one.scope != ScopeClass.EXAMPLE)


@provider()
def nginx(project: Project, sources: NginxFiles, compose: Compose | None, dockerfiles: Dockerfiles | None) -> Nginx:
    """Read the nginx configuration.

    Raises NotApplicable when there is none, Unavailable when what looks like one cannot be read.
    """
    files, unreadable = sources.files, sources.unreadable
    notes = [f"{path} {why}: not read" for path, why in unreadable]
    sets = deployments(project, files, compose, dockerfiles)
    made = [
        (_rank(project, one, configuration), one, configuration)
        for one in sets
        if (configuration := _make(project, one))
    ]
    if not made and unreadable:
        raise Unavailable(f"the nginx configuration cannot be read: {notes[0]}")
    if not made:
        raise NotApplicable("no nginx configuration in the repository")
    made.sort(key=lambda entry: entry[0])
    _, chosen, main = made[0]
    others = tuple(configuration for _, _, configuration in made[1:])
    if others:
        names = ", ".join(sorted(other.name for other in others))
        notes.append(f"{main.name} is taken for the deployment; not started: {names} (choose with --nginx)")
    return Nginx(main, others, main.tree.problems, tuple(notes), chosen.version)


def _make(project: Project, deployment: Deployment) -> Configuration | None:
    tree = load(deployment.main, deployment.files)
    placement = {place: file.path for place, file in deployment.files.items() if file.path}
    paths = sorted(deployment.members) or [file.path for file in tree.files if file.path]
    scope = _scope(project, (*paths, *((deployment.says,) if deployment.says else ())))
    configuration = Configuration(tree, scope.value, deployment.complete, deployment.sealed, placement)
    return configuration if configuration.servers or deployment.complete or tree.problems else None


def _scope(project: Project, paths: Iterable[str]) -> ScopeClass:
    """What a set of files is for: the production part makes it production's, unless something says development."""
    scopes = {project.scope(path).klass for path in paths}
    for scope in (ScopeClass.EXAMPLE, ScopeClass.DEV, ScopeClass.PROD):
        if scope in scopes:
            return scope
    return ScopeClass.UNKNOWN


def _rank(
    project: Project, deployment: Deployment, configuration: Configuration
) -> tuple[int, int, int, int, int, str]:
    """What makes one the main configuration; the smallest wins."""
    given = any(project.given.get(path, "").endswith("--nginx") for path in configuration.files)
    tls = any(listen.tls for server in configuration.servers for listen in server.listens)
    passes = bool(configuration.django_locations())
    return (
        0 if given else 1,
        _RANK.index(ScopeClass(configuration.scope)),
        0 if passes else 1,
        0 if deployment.says else 1,
        0 if tls else 1,
        configuration.name,
    )

"""What of the checkout lies where for the proxy: on the host, or in its container with its mounts."""

import posixpath
from collections.abc import Iterator
from dataclasses import dataclass

from scanner.facts.compose import Compose, ComposeProject, Service, Volume
from scanner.facts.compose_roles import service_paths
from scanner.facts.deploy_paths import PathMap
from scanner.facts.dockerfiles import Dockerfiles
from scanner.facts.nginx import Nginx
from scanner.facts.proxied_app import nginx_service
from scanner.facts.topology import Topology


@dataclass(frozen=True)
class ProxyTree:
    """The proxy's view of the files."""

    pairs: tuple[tuple[str, str], ...]
    """Directory (or file) of the proxy's tree and path of the checkout, the longest first."""
    service: Service | None
    """The compose service of the proxy; None on the host."""
    project: ComposeProject | None
    complete: bool
    """What no pair names is known not to be there: a stock image with its mounts."""

    def checkout_of(self, path: str) -> str | None:
        """Where a path of the proxy's tree lies in the checkout."""
        return PathMap(self.pairs).to_checkout(path)


def proxy_tree(
    nginx: Nginx, compose: Compose | None, dockerfiles: Dockerfiles | None, topology: Topology | None
) -> ProxyTree | None:
    """The proxy's view of the files; None where nobody can tell."""
    found = nginx_service(nginx, compose, dockerfiles or Dockerfiles(())) if compose is not None else None
    if found is None:
        app = topology.app if topology is not None else None
        if topology is None or (app is not None and app.container is not None):
            return None
        pairs = PathMap.of(topology.path_map.items()).pairs
        return ProxyTree(pairs, None, None, complete=False) if pairs else None
    project, service = found
    image = dockerfiles.named(service.dockerfile) if dockerfiles is not None and service.dockerfile else None
    own = service_paths(service, image).pairs
    shared = tuple(_shared(project, service, dockerfiles))
    built = service.build_context is not None or not isinstance(service.image, str)
    absolute = any(volume.bind and volume.source.startswith(("/", "~", "..")) for volume in service.volumes)
    return ProxyTree(PathMap.of((*own, *shared)).pairs, service, project, complete=not built and not absolute)


def _shared(project: ComposeProject, proxy: Service, dockerfiles: Dockerfiles | None) -> Iterator[tuple[str, str]]:
    """What named volumes bring from other services: an empty one is filled with what the image has there."""
    for volume in proxy.volumes:
        for other in project.services if not volume.bind and volume.source else ():
            if other.name == proxy.name:
                continue
            image = dockerfiles.named(other.dockerfile) if dockerfiles is not None and other.dockerfile else None
            paths = service_paths(other, image)
            for mount in other.volumes:
                if not mount.bind and mount.source == volume.source:
                    checkout = paths.to_checkout(mount.target)
                    if checkout is not None:
                        yield posixpath.normpath(volume.target), checkout


def place_for_proxy(tree: ProxyTree, topology: Topology, compose: Compose | None, production: str) -> str | None:
    """Where a directory of the application lies in the proxy's container: what both mount; None: nowhere known."""
    app = topology.app
    service = tree.project.service(app.container) if tree.project is not None and app and app.container else None
    if service is None or tree.service is None or compose is None:
        return None
    mounts = [one for one in service.volumes if _is_inside(production, one.target)]
    if mounts:
        nearest = max(mounts, key=lambda mount: len(mount.target))
        rest = posixpath.relpath(production, posixpath.normpath(nearest.target))
        return _shown(tree.service, nearest, rest)
    checkout = PathMap.of(topology.path_map.items()).to_checkout(production)
    bound = [one for one in tree.service.volumes if one.bind and checkout and _is_inside(checkout, one.source)]
    if not bound or checkout is None:
        return None
    nearest = max(bound, key=lambda mount: len(mount.source))
    return posixpath.normpath(posixpath.join(nearest.target, posixpath.relpath(checkout, nearest.source)))


def _shown(service: Service, mounted: Volume, rest: str) -> str | None:
    """Where a path below what another service mounts appears in a service."""
    path = posixpath.join(mounted.source, rest)
    for mount in service.volumes:
        if mount.bind != mounted.bind:
            continue
        if mount.source == mounted.source:
            return posixpath.normpath(posixpath.join(mount.target, rest))
        if mount.bind and _is_inside(path, mount.source):
            return posixpath.normpath(posixpath.join(mount.target, posixpath.relpath(path, mount.source)))
    return None


def _is_inside(path: str, directory: str) -> bool:
    path, directory = posixpath.normpath(path), posixpath.normpath(directory)
    if directory == ".":
        return not path.startswith("/")
    return path == directory or path.startswith(f"{directory.rstrip('/')}/")

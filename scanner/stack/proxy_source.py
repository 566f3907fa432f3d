"""The project's nginx files as the sandbox gets them: byte for byte, templates rendered as the official image does."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final

from scanner.facts.compose import Compose, Service
from scanner.facts.live_stack import Stub
from scanner.model import Location
from scanner.nginx.effective import Configuration
from scanner.nginx.includes import Tree, load
from scanner.nginx.tree import ParsedFile, parse
from scanner.project import Project, Unreadable
from scanner.stack.overlay import Source

_NAME: Final = re.compile(r"\$\{([A-Za-z_]\w*)\}|\$([A-Za-z_]\w*)")
_TEMPLATE: Final = ".template"
DEFAULT_SITE: Final = "/etc/nginx/conf.d/default.conf"
_OFFICIAL: Final = re.compile(r"(?:^|/)nginx(?:-unprivileged)?(?:[:@]|\Z)")
_HIDES_IT: Final = frozenset({"/etc/nginx", "/etc/nginx/conf.d", DEFAULT_SITE})
_DEFAULT_SITE: Final = """server {
    listen 80;
    server_name localhost;
    location / {
        root /usr/share/nginx/html;
        index index.html index.htm;
    }
}
"""


@dataclass(frozen=True, eq=False)
class ProxySource:
    """What the proxy runs."""

    sources: Mapping[str, Source]
    """Path on the server -> file of the repository."""
    tree: Tree
    """With all includes in place, after rendering."""
    placed: Mapping[str, ParsedFile]
    """Path on the server -> parsed file, after rendering."""
    image: Mapping[str, bytes] = field(default_factory=dict)
    """Files of the project's nginx image that nothing mounts over."""
    stubs: tuple[Stub, ...] = ()
    unrendered: Location | None = None
    """An expression of a template that nobody could render: the configuration cannot be started as it is."""


def proxy_source(project: Project, configuration: Configuration, compose: Compose | None) -> ProxySource:
    """Read the files of a configuration.

    Files of the official image's ``templates`` directory are rendered with the environment of the service that mounts
    them, as its entry point does. Raises Unreadable when a file cannot be read.
    """
    parsed_by_path = {file.path: file for file in configuration.tree.files if file.path}
    sources: dict[str, Source] = {}
    placed: dict[str, ParsedFile] = {}
    stubs: list[Stub] = []
    for place, path in configuration.placement.items():
        content = _content(project, path, parsed_by_path.get(path))
        if path.endswith(_TEMPLATE):
            values = _environment(compose, path)
            content = render(content.decode("utf-8", "replace"), values).encode()
            names = ", ".join(sorted(values)) or "no variable"
            stubs.append(Stub("template", path, f"rendered with {names}", Location(path)))
        sources[place] = Source(path, content)
        placed[place] = parse(content.decode("utf-8", "replace"), path)
    image = _of_the_image(compose, configuration)
    placed.update({place: parse(content.decode(), "") for place, content in image.items()})
    stubs += [Stub("image", place, "the official image's own site: nothing is mounted over it") for place in image]
    main = configuration.tree.main
    stock = next((file for file in configuration.tree.files if not file.path), None)
    if main not in placed and stock is not None:
        placed[main] = stock
    tree = load(main, placed) if main in placed else configuration.tree
    return ProxySource(sources, tree, placed, image, tuple(stubs), _unrendered(tree))


def render(text: str, values: Mapping[str, str]) -> str:
    """The text as ``envsubst`` leaves it when only these names are defined: nginx's own variables stay."""
    return _NAME.sub(lambda match: values.get(match[1] or match[2], match[0]), text)


def _content(project: Project, path: str, parsed: ParsedFile | None) -> bytes:
    """The file's bytes; for text that a script writes, that text alone."""
    if parsed is not None and parsed.directives and path.endswith((".sh", ".bash")):
        return parsed.directives[0].source.text.encode()
    return project.read_bytes(path)


def _environment(compose: Compose | None, path: str) -> Mapping[str, str]:
    service = next((one for one in _services(compose) if _mounts(one, path)), None)
    if service is None:
        return {}
    return {one.key: one.value for one in service.variables if one.value is not None and one.where == "environment"}


def _of_the_image(compose: Compose | None, configuration: Configuration) -> Mapping[str, bytes]:
    """The site that the official image brings, where single files are mounted beside it.

    By the order of names it is often the default server: then it, not the project's, answers for foreign names.
    """
    paths = set(configuration.placement.values())
    for service in _services(compose):
        official = isinstance(service.image, str) and service.build_context is None and _OFFICIAL.search(service.image)
        if official and any(_mounts(service, path) for path in paths):
            targets = {mount.target.rstrip("/") for mount in service.volumes}
            return {} if targets & _HIDES_IT else {DEFAULT_SITE: _DEFAULT_SITE.encode()}
    return {}


def _services(compose: Compose | None) -> tuple[Service, ...]:
    return tuple(service for one in compose.projects for service in one.services) if compose else ()


def _mounts(service: Service, path: str) -> bool:
    return any(
        mount.bind and (path == mount.source or path.startswith(f"{mount.source.rstrip('/')}/"))
        for mount in service.volumes
    ) or (service.build_context is not None and path.startswith(f"{service.build_context.rstrip('/')}/"))


def _unrendered(tree: Tree) -> Location | None:
    waiting = list(tree.directives)
    while waiting:
        directive = waiting.pop(0)
        if directive.is_template or directive.inserts:
            return directive.location
        waiting = [*(directive.block or ()), *waiting]
    return None


def readable(project: Project, configuration: Configuration, compose: Compose | None) -> ProxySource | str:
    """``proxy_source``, or why a file could not be read."""
    try:
        return proxy_source(project, configuration, compose)
    except Unreadable as problem:
        return str(problem)
